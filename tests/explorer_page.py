"""Reads the explorer's page, and draws on it, through Playwright."""

import time

import numpy as np
import torch

PIXELS = """canvas => Array.from(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
).filter((_, i) => i % 4 == 0)"""
SEVEN = [(0.25, 0.25), (0.75, 0.25), (0.62, 0.45), (0.52, 0.65), (0.45, 0.85)]


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


def draw_seven(page):
    box = page.locator("#pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()
    page.wait_for_selector(".explained:not([hidden])")


def plane(page, card=0):
    return page.locator(".plane").nth(card)
