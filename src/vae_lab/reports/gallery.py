"""What the runs of a report draw: their pictures, small enough to stand in the page."""

import base64
import io
from dataclasses import dataclass

from PIL import Image

from vae_lab.reports import words
from vae_lab.reports.frame import Frame
from vae_lab.reports.row import Run
from vae_lab.reports.sortable import link_to
from vae_lab.runs.rundir import RunDir

NAMES = ("overview.png", "reconstructions.png", "samples.png")  # the first that there is
WIDEST = 640  # pixels
MOST = 40  # pictures of a section that stand in the page; further ones are linked


@dataclass(frozen=True)
class Picture:
    """A picture of a run.

    Args:
        name: of the run.
        link: to the picture itself, seen from the page.
        result: what the run is compared by.
        source: the URL of a small copy; empty for a link alone.
        width: of the copy, pixels.
        height: of the copy.
    """

    name: str
    link: str
    result: str
    source: str = ""
    width: int = 0
    height: int = 0


def pictures(frame: Frame) -> list[Picture]:
    """Return a picture of each run that has one, in their order."""
    shown = []
    for run in frame.runs:
        images = RunDir(frame.folder / run.name).images
        name = next((name for name in NAMES if (images / name).is_file()), None)
        if name is None:
            continue
        link = link_to(run, images.name, name)
        try:
            with Image.open(images / name) as picture:
                copy = _small(picture) if len(shown) < MOST else {}
        except OSError:  # half written, or no picture at all
            copy = {}
        shown.append(Picture(run.name, link, _result(run), **copy))
    return shown


def _small(picture: Image.Image) -> dict:
    copy = picture.convert("RGB")
    copy.thumbnail((WIDEST, 4 * WIDEST))
    buffer = io.BytesIO()
    copy.save(buffer, "WEBP", quality=75)
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return {"source": source, "width": copy.width, "height": copy.height}


def _result(run: Run) -> str:
    for split in ("val", "test"):
        name = f"{split}/{run.compared_by}"
        if name in run.metrics:
            return f"{name} {run.metrics[name]:.2f}"
    return words.NOTHING
