"""The explorer in one file."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from vae_lab.explorer import standalone


def embedded(html):
    """Return the data that lie in a page."""
    return json.loads(re.search(r'id="embedded">(.*?)</script>', html)[1])


def test_the_page_needs_nothing_from_elsewhere(run_of):
    html = standalone.page([run_of("latent_dim=2")])
    for address in re.findall(r'(?:src|href)="([^"]*)"', html):
        assert address.startswith("data:")
    assert not re.search(r"^\s*(import|export)\b", html, re.MULTILINE)
    assert "url(" not in html
    assert "connect-src" not in html  # so it falls back to none


def test_every_module_is_there_once_and_after_what_it_imports():
    parts = standalone.bundle("explorer.js")
    assert len(parts) == len(list(standalone.PAGE.glob("*.js")))
    names = re.findall(
        r"^(?:async )?(?:const|class|function) (\w+)", "\n".join(parts), re.MULTILINE
    )
    assert len(names) == len(set(names))


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_the_plane_is_decoded_where_the_page_looks_for_it(run_of, dimensions):
    run = run_of(f"latent_dim={dimensions}")
    (data,) = embedded(standalone.page([run]))["runs"]
    png = base64.b64decode(data["mosaic"].removeprefix("data:image/png;base64,"))
    mosaic = np.asarray(Image.open(io.BytesIO(png)))
    size, axes = data["size"], data["info"]["axes"][:2]
    assert mosaic.shape == (28 * size, 28 * size)
    row, column = 5, 30  # from the bottom left
    z = run.means.mean(0)
    for axis, step in zip(axes, (column, row), strict=False):
        low, high = axis["range"]
        direction = torch.tensor(axis["direction"])
        place = low + step / (size - 1) * (high - low)
        z = z + (place + axis["offset"] - z @ direction) * direction
    top = (size - 1 - row) * 28
    tile = mosaic[top : top + 28, column * 28 : (column + 1) * 28]
    expected = run.decode(z[None])[0, 0].numpy()
    assert np.abs(tile.astype(int) - expected).max() <= 1


def test_a_name_cannot_end_the_script(run_of, monkeypatch):
    run = run_of("latent_dim=2")
    name = "</script><script>alert(1)</script>"
    monkeypatch.setattr(run, "_name", name)
    html = standalone.page([run])
    assert "<script>alert" not in html
    assert embedded(html)["runs"][0]["info"]["name"] == name
