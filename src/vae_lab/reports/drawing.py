"""What the charts of a report are drawn on: figures, axes for settings, legends, SVG."""

import io
import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from vae_lab.reports import words
from vae_lab.runs.overrides import Value

WIDTH, HEIGHT = 5.6, 3.3  # inches, of a chart without its legend
SMALL = 8  # points
LETTER, LINE = 0.066, 0.155  # inches, of small text
MOST_NAMED = 10
ROOM = 40  # characters below a panel
LONGEST_TICK = 30  # characters
LOGARITHMIC = 8  # least ratio of the largest number to the smallest for a logarithmic axis
INK = "#16191e"  # becomes the colour of the text around it
STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "report",
}
SVG_NAMES = re.compile(r'(\bid="|href="#|url\(#)')


@contextmanager
def style() -> Iterator[None]:
    """Draw in a way that suits a light page and a dark one for as long as the context lasts."""
    with mpl.rc_context(STYLE):
        yield


def new_axes(title: str, height: float = HEIGHT, width: float = WIDTH) -> Axes:
    """Return the axes of a new figure of ``width`` × ``height`` inches."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=INK, alpha=0.12, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL)
    return axes


def add_legend(axes: Axes, handles: Mapping[str, Any]) -> None:
    """Name what is drawn, below the axes; the figure grows by what the legend needs."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    width = figure.get_figwidth()
    longest = int((width - 0.7) / LETTER)
    names = [textwrap.fill(name, longest) for name in handles]
    lines = [name.count("\n") + 1 for name in names]
    letters = max((len(line) for name in names for line in name.split("\n")), default=0)
    columns = max(1, int(width / (0.6 + LETTER * letters)))
    rows = math.ceil(len(names) / columns)
    figure.legend(list(handles.values()), names, loc="outside lower center", ncols=columns,
                  fontsize=SMALL)  # fmt: skip
    figure.set_figheight(figure.get_figheight() + 0.2 + 1.15 * LINE * rows * max(lines, default=1))


def natural_order(value: Value) -> tuple[bool, float, str]:
    """Return what to sort by: numbers by size, then anything else by name."""
    if is_number(value):
        return False, float(value), ""
    return True, 0.0, words.show_value(value)


def is_number(value: Value) -> TypeGuard[int | float]:
    """Tell whether a setting is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def place_values(axes: Axes, values: Sequence[Value]) -> tuple[dict[Value, float], bool]:
    """Lay out an axis for the values of a setting: numbers to scale, anything else side by side.

    Returns:
        The place of each value, and whether places are to scale.
    """
    order = sorted(set(values), key=natural_order)
    labels = [words.show_value(value) for value in order]
    numbers = [value for value in order if is_number(value)]
    if len(numbers) < max(2, len(order)):
        _name_places(axes, labels)
        return {value: float(place) for place, value in enumerate(order)}, False
    is_logarithmic = numbers[0] > 0 and numbers[-1] / numbers[0] >= LOGARITHMIC
    is_listed = len(numbers) <= MOST_NAMED and sum(map(len, labels)) <= ROOM
    if is_logarithmic:
        axes.set_xscale("log", base=2 if is_listed else 10)
    if is_listed:
        axes.set_xticks(numbers, labels)
    elif is_logarithmic:
        span = numbers[-1] / numbers[0]
        steps = (1, 2, 5) if span < 100 else (1, 3) if span < 2000 else (1,)  # noqa: PLR2004
        axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    return {number: float(number) for number in numbers}, True


def _name_places(axes: Axes, labels: Sequence[str]) -> None:
    """Name the places 0, 1, … below the axes; long names stand upright, and make room."""
    names = [textwrap.fill(label, LONGEST_TICK) for label in labels]
    is_long = sum(map(len, labels)) > ROOM
    axes.set_xticks(range(len(names)), names, rotation=90 if is_long else 0)
    axes.set_xlim(-0.5, len(names) - 0.5)
    figure = axes.get_figure()
    if is_long and isinstance(figure, Figure):
        longest = min(LONGEST_TICK, max(map(len, labels)))
        figure.set_figheight(figure.get_figheight() + LETTER * longest)


def svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element for a page.

    Args:
        figure: drawn in ``style``.
        name: which no other figure of the page has.
    """
    text = io.StringIO()
    with style():
        figure.savefig(text, format="svg", transparent=True)
    element = text.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
    width = figure.get_figwidth() * 96
    element = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"',
                     f'role="img" style="max-width: {width:.0f}px"', element, count=1)  # fmt: skip
    return SVG_NAMES.sub(rf"\g<1>{name}-", element).replace(INK, "currentColor")
