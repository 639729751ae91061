"""Pictures of one's own in the explorer: opened, dropped, pasted, refused."""

import base64

import numpy as np
import pytest
from explorable_runs import SMALL, write_run
from explorer_page import wait_until
from PIL import Image

from vae_lab.explorer.explored import ExploredRun

GIVE = """([kind, name, content]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name));
    const target = document.querySelector("#pad");
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
        : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
}"""
COLOURS = """canvas => Array.from(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
).filter((_, i) => i % 4 != 3)"""
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def colour_run(tmp_path):
    """An untrained run on colour images of 40 × 48 pixels."""
    images = np.random.default_rng(0).integers(256, size=(20, 40, 48, 3), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", images=images)
    own = ("data=arrays", "likelihood=discretized_logistic_mixture", "model=mlp", "latent_dim=2",
           "model.likelihood.components=2", "data.image_shape=[3,40,48]",
           f"data.cache={tmp_path}")  # fmt: skip
    return ExploredRun(write_run(tmp_path / "run", tmp_path / "own.npz", *SMALL, *own))


def test_a_picture_is_opened_dropped_or_pasted_and_nonsense_refused(
    explore, serve, colour_run, tmp_path
):
    page = explore(serve(colour_run), expected="422 (Unprocessable Entity)")

    def given():
        pixels = np.array(page.locator(".given").evaluate(COLOURS))
        return {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}

    def content(name, color):
        Image.new("RGB", (300, 100), color).save(tmp_path / name)
        return base64.b64encode((tmp_path / name).read_bytes()).decode()

    content("red.png", RED)
    page.set_input_files("#file", tmp_path / "red.png")
    page.wait_for_selector(".explained:not([hidden])")
    wait_until(lambda: given() == {RED})
    assert page.locator(".given").evaluate("c => [c.width, c.height]") == [48, 40]
    page.evaluate(GIVE, ["dragover", "green.png", content("green.png", GREEN)])
    assert page.locator("body.dropping").count() == 1
    page.evaluate(GIVE, ["drop", "green.png", content("green.png", GREEN)])
    wait_until(lambda: given() == {GREEN})
    assert page.locator("body.dropping").count() == 0
    page.evaluate(GIVE, ["paste", "blue.png", content("blue.png", BLUE)])
    wait_until(lambda: given() == {BLUE})
    page.evaluate(GIVE, ["drop", "text.png", base64.b64encode(b"text").decode()])
    wait_until(lambda: page.locator("#problem").is_visible())
    assert page.locator("#problem").inner_text() == "text.png is not shown: it is no picture."
    assert given() == {BLUE}
