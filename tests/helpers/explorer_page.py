"""Reads the explorer's page, and draws on it, through Playwright."""

import time

import numpy as np
import torch

PIXELS = """canvas => Array.from(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
).filter((_, i) => i % 4 == 0)"""


def coordinates(page, card=0):
    text = page.locator(".coordinates").nth(card).inner_text().replace("−", "-")
    return [float(number) for number in text.strip("()").split(",")]


def shown(page, selector=".decoded", card=0):
    """Return the pixels of a canvas, (28, width)."""
    return np.array(page.locator(selector).nth(card).evaluate(PIXELS)).reshape(28, -1)


def wait_until(condition, seconds=10):
    """Wait for what the page does a few frames later."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def assert_decoded(page, run, card=0):
    """Assert that the image shown becomes the one decoded at the coordinates shown."""

    def difference():
        expected = run.decode(torch.tensor([coordinates(page, card)]))[0, 0].numpy()
        return np.abs(shown(page, card=card) - expected).max()

    wait_until(lambda: difference() <= 2)  # coordinates are shown with three digits


def plane(page, card=0):
    return page.locator(".plane").nth(card)
