"""The explorer in one file: the page, its scripts, and planes decoded beforehand."""

import base64
import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from vae_lab.explorer.axes import PLANE
from vae_lab.explorer.explored import ExploredRun, describe_classes

PAGE = Path(__file__).with_name("static")
SIZE = 41  # points decoded per axis, of images of up to 28 × 28 pixels
LEAST_SIZE = 11
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">"
)


def page(explored: Sequence[ExploredRun]) -> str:
    """Return HTML that shows runs from a file, and asks nothing of any server.

    Of each run the plane that is shown first is decoded on a grid; the page interpolates between
    its points. It cannot encode.
    """
    runs = [embed(run) for run in explored]
    data = json.dumps(describe_classes(explored) | {"runs": runs})
    data = data.replace("<", "\\u003c")  # </script> in a name would end the script
    icon = base64.b64encode((PAGE / "icon.svg").read_bytes()).decode()
    script = "\n".join(bundle("explorer.js"))
    parts = {
        '<meta charset="utf-8">': f'<meta charset="utf-8">\n{POLICY}',
        'href="icon.svg"': f'href="data:image/svg+xml;base64,{icon}"',
        '<link rel="stylesheet" href="style.css">': (
            f"<style>\n{(PAGE / 'style.css').read_text(encoding='utf-8')}</style>"
        ),
        '<script type="module" src="explorer.js"></script>': (
            f'<script type="application/json" id="embedded">{data}</script>\n'
            f'<script type="module">\n{script}</script>'
        ),
    }
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    for place, content in parts.items():
        assert html.count(place) == 1, place
        html = html.replace(place, content)
    return html


def bundle(name: str, known: set[str] | None = None) -> list[str]:
    """Return a module of the page, preceded by all that it imports, as parts of one script.

    They share one scope, so no two modules may give a thing the same name.
    """
    known = set() if known is None else known
    known.add(name)
    source = (PAGE / name).read_text(encoding="utf-8")
    parts = [
        part
        for other in IMPORT.findall(source)
        if other not in known
        for part in bundle(other, known)
    ]
    return [*parts, IMPORT.sub("", source).replace("\nexport ", "\n")]


def embed(run: ExploredRun) -> dict[str, Any]:
    """Return what the page needs of a run: its description, its digits, and its plane decoded."""
    info = run.describe() | {"frames": []}  # each is as large as the whole page
    size = points_per_axis(run)
    digits = run.means.numpy().tobytes() + run.labels.numpy().tobytes()
    return {
        "info": info,
        "digits": base64.b64encode(digits).decode(),
        "size": size,
        "mosaic": mosaic(run, info["axes"][:PLANE], size),
    }


def points_per_axis(run: ExploredRun) -> int:
    """Return how many points to decode, fewer of larger images, so that the page stays small."""
    _, height, width = run.model.image_shape
    return max(LEAST_SIZE, min(SIZE, round(SIZE * 28 / math.sqrt(height * width))))


def mosaic(run: ExploredRun, axes: list[dict[str, Any]], size: int) -> str:
    """Return the plane of ``axes`` decoded on a grid, as the URL of a PNG."""
    tiles = run.decode(latents_on(run, axes, size))
    images = make_grid(tiles, nrow=size, padding=0)  # three channels, whatever the tiles have
    shown = images[0] if tiles.shape[1] == 1 else images.permute(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(shown.contiguous().numpy()).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def latents_on(run: ExploredRun, axes: list[dict[str, Any]], size: int) -> Tensor:
    """Return the latents of the grid, (size², D), row by row from the top left.

    They lie on the plane of the orthonormal ``axes`` that runs through the mean of all codes.
    """
    directions = torch.tensor([axis["direction"] for axis in axes])
    mean = run.means.mean(0)
    steps = [
        torch.linspace(axis["range"][0], axis["range"][1], size) + axis["offset"] - mean @ direction
        for axis, direction in zip(axes, directions, strict=True)
    ]
    if len(steps) == 1:
        steps.append(torch.zeros(size))
    second, first = torch.meshgrid(steps[1].flip(0), steps[0], indexing="ij")
    weights = torch.stack([first, second], -1).reshape(-1, PLANE)[:, : len(axes)]
    return mean + weights @ directions
