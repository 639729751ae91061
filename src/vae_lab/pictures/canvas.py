"""What pictures are drawn on.

It is matplotlib's Agg canvas, without pyplot, so that nothing is kept alive between pictures and
several may be drawn at once.
"""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageChops

DPI = 150
BORDER = 10  # pixels
LETTER = 0.1  # inches, about, of a title
NARROWEST = 30  # letters that a line of a title has room for


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a new figure of ``width`` × ``height`` inches with one pair of axes."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    return figure, figure.add_subplot()


def new_titled_figure(
    title: str, width: float, height: float, margin: float = 0.2
) -> tuple[Figure, Axes]:
    """Return a new figure with room for axes of ``width`` × ``height`` inches and all of its title.

    A title that is wider than the axes gets several lines, and widens them where they are narrow.

    Args:
        title: what the picture shows.
        width: of the axes.
        height: of the axes.
        margin: beside the axes.
    """
    letters = max(NARROWEST, int(width / LETTER))
    lines = textwrap.wrap(title, letters) or [""]
    room = max(width, LETTER * max(map(len, lines)))
    figure, axes = new_figure(room + margin, height + 0.25 + 0.2 * len(lines))
    axes.set_title("\n".join(lines))
    return figure, axes


def without_frame(axes: Axes) -> None:
    """Take the frame and the ticks from axes."""
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def rendered(figure: Figure) -> Image.Image:
    """Draw a figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def trimmed(picture: Image.Image) -> Image.Image:
    """Cut off what is white around a picture: the layout leaves strips beside square tiles."""
    left, top, right, bottom = ImageChops.invert(picture).getbbox() or (0, 0, *picture.size)
    return picture.crop(
        (max(0, left - BORDER), max(0, top - BORDER),
         min(picture.width, right + BORDER), min(picture.height, bottom + BORDER))
    )  # fmt: skip
