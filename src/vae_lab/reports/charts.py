"""Charts of a report: metrics against settings, rate against distortion, wall time."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vae_lab.pictures.colors import CLASS_COLORS
from vae_lab.reports import drawing, words
from vae_lab.reports.frame import LATENT_DIM, RATE, RECONSTRUCTION, Frame, Setting
from vae_lab.reports.statistics import Estimate, Point, pareto_front
from vae_lab.runs.durations import MINUTE
from vae_lab.runs.overrides import Value

MARKERS = "osD^vP*Xhd"
MOST_LINES = 8  # in one chart; nobody can tell more of them apart
MOST_BARS = 30
MOST_CHARTS = 8  # of metrics against settings
DODGE = 0.08  # of the distance between two categories
LONGEST_BAR_NAME = 60  # characters
GRAY = "#717581"


def charts(frame: Frame) -> list[tuple[str, Figure]]:
    """Return what runs that may be ranked together have to show: title and figure of each chart.

    One setting alone has no charts.
    """
    if len(frame.settings) < 2:  # noqa: PLR2004
        return []
    with drawing.style():
        return [
            *_against_settings(frame),
            *_likelihood(frame),
            *_rate_distortion_plane(frame),
            *_wall_time(frame),
        ]


def _against_settings(frame: Frame) -> list[tuple[str, Figure]]:
    names = words.short_names(frame.keys)
    wanted = [f"{split}/{name}" for name in frame.compared_by for split in ("val", "test")]
    metric = next((metric for metric in wanted if frame.has(metric)), None)
    if metric is None:
        return []
    shown = []
    for key in frame.keys:
        if _is_varied(frame.settings, key) and _says_something(frame, key, metric):
            title = f"{metric} against {names[key]}"
            shown.append((title, _against(frame, key, metric, title)))
    return shown[:MOST_CHARTS]


def _says_something(frame: Frame, key: str, metric: str) -> bool:
    """Tell whether settings differ in this key alone, or are many and differ in all."""
    lines = _lines(frame, key, metric)[1]
    values = {value for points in lines.values() for value, _ in points}
    is_compared = any(len(points) > 1 for points in lines.values())
    return is_compared or (len(values) > MOST_LINES and all(map(drawing.is_number, values)))


def _likelihood(frame: Frame) -> list[tuple[str, Figure]]:
    if not _is_varied(frame.settings, LATENT_DIM):
        return []
    shown = []
    for metric in (words.TEST_NLL, words.EVALUATION_NLL):
        counts = {run.samples.get(metric) for run in frame.completed if metric in run.metrics}
        if len(counts) == 1:  # what other numbers of samples estimate is another quantity
            title = f"{metric} against {LATENT_DIM}"
            shown.append((title, _against(frame, LATENT_DIM, metric, title)))
    return shown


def _is_varied(settings: Sequence[Setting], key: str) -> bool:
    return len({setting.values.get(key) for setting in settings}) > 1


Lines = dict[tuple[Value, ...], list[tuple[Value, Estimate]]]


def _lines(frame: Frame, key: str, metric: str) -> tuple[list[str], Lines]:
    """Return the other keys that differ, and for each of their values the points by ``key``."""
    found = [(s, estimate) for s in frame.settings if (estimate := s.estimate(metric))]
    others = [k for k in frame.keys if k != key and _is_varied([s for s, _ in found], k)]
    lines: Lines = {}
    for setting, estimate in found:
        line = tuple(setting.values[k] for k in others)
        lines.setdefault(line, []).append((setting.values[key], estimate))
    return others, lines


def _against(frame: Frame, key: str, metric: str, title: str) -> Figure:
    """Show a metric against a setting.

    Settings that differ in something else are lines of their own; where those are too many, dots.
    """
    names = words.short_names(frame.keys)
    axes = drawing.new_axes(title)
    others, lines = _lines(frame, key, metric)
    points = [point for line in lines.values() for point in line]
    places, is_ordered = drawing.place_values(axes, [value for value, _ in points])
    axes.set_xlabel(names[key])
    axes.set_ylabel(words.axis_label(frame, metric))
    are_dots = len(lines) > MOST_LINES
    seeds = _seeds([estimate for _, estimate in points], has_bars=not are_dots)
    axes.set_title(("a dot per setting, " if are_dots else "") + seeds, fontsize=drawing.SMALL)
    if are_dots:
        _draw_dots(axes, lines, others, places, names)
        return _figure_of(axes)
    handles: dict[str, ErrorbarContainer] = {}
    order = sorted(lines, key=lambda line: [drawing.natural_order(value) for value in line])
    for number, line in enumerate(order):
        in_order = sorted(lines[line], key=lambda item: places[item[0]])
        shift = 0 if is_ordered else DODGE * (number - (len(lines) - 1) / 2)
        name = words.show_values(dict(zip(others, line, strict=True)), names)
        handles[name] = axes.errorbar(
            [places[value] + shift for value, _ in in_order],
            [estimate.mean for _, estimate in in_order],
            [estimate.deviation or 0 for _, estimate in in_order],
            color=CLASS_COLORS[number], marker=MARKERS[number], markersize=5, capsize=3,
            linestyle="-" if is_ordered else "",
        )  # fmt: skip
    if len(handles) > 1:
        drawing.add_legend(axes, handles)
    return _figure_of(axes)


def _draw_dots(
    axes: Axes, lines: Lines, others: list[str], places: Mapping[Value, float],
    names: Mapping[str, str],
) -> None:  # fmt: skip
    """Draw a dot per setting, coloured by the key that has the fewest values."""
    dots = [(line, places[v], estimate.mean) for line, points in lines.items()
            for v, estimate in points]  # fmt: skip
    key = _telling([dict(zip(others, line, strict=True)) for line, *_ in dots], others)
    colors = _colors([line[others.index(key)] for line, *_ in dots]) if key else {}
    for line, x, y in dots:
        color = colors[line[others.index(key)]] if key else CLASS_COLORS[0]
        axes.scatter(x, y, s=22, alpha=0.8, linewidths=0, color=color)
    drawing.add_legend(axes, _legend_of_dots(key, colors, names))


def _telling(values: Sequence[Mapping[str, Value]], keys: Sequence[str]) -> str | None:
    """Return the key with the fewest values, unless even these are too many for colours."""
    counts = {key: len({value[key] for value in values}) for key in keys}
    counts = {key: count for key, count in counts.items() if 1 < count <= drawing.MOST_NAMED}
    return min(counts, key=lambda key: counts[key]) if counts else None


def _colors(values: Sequence[Value]) -> dict[Value, str]:
    return dict(zip(sorted(set(values), key=drawing.natural_order), CLASS_COLORS, strict=False))


def _legend_of_dots(
    key: str | None, colors: Mapping[Value, str], names: Mapping[str, str]
) -> dict[str, Line2D]:
    named = {words.show_values({key or "": v}, names): color for v, color in colors.items()}
    return {
        name: Line2D([], [], color=color, marker="o", markersize=5, linestyle="")
        for name, color in (named or {"a dot per setting": CLASS_COLORS[0]}).items()
    }


def _seeds(estimates: Sequence[Estimate], has_bars: bool = True) -> str:
    """Say what points and bars are."""
    counts = sorted({estimate.count for estimate in estimates})
    if counts == [1]:
        return "one seed"
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean{' ± standard deviation' if has_bars else ''} over {number} seeds"


def _figure_of(axes: Axes) -> Figure:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    return figure


def rate_distortion(setting: Setting) -> Point | None:
    """Return (rate, distortion) of a setting, mean over seeds; None without a KL."""
    rate, reconstruction = setting.estimate(RATE), setting.estimate(RECONSTRUCTION)
    return (rate.mean, -reconstruction.mean) if rate and reconstruction else None


def front(settings: Sequence[Setting]) -> list[Setting]:
    """Return the settings on the Pareto front of rate and distortion, the lowest rate first."""
    points = [(point, s) for s in settings if (point := rate_distortion(s)) is not None]
    return [points[index][1] for index in pareto_front([point for point, _ in points])]


def _rate_distortion_plane(frame: Frame) -> list[tuple[str, Figure]]:
    """Show every setting's rate and distortion on test images, and which none beats in both.

    Grey lines join points of equal ELBO (Alemi et al. 2018, arXiv:1711.00464).
    """
    settings = [setting for setting in frame.settings if rate_distortion(setting)]
    if len(settings) < 2:  # noqa: PLR2004
        return []
    title = "Rate–distortion plane"
    names = words.short_names(frame.keys)
    axes = drawing.new_axes(title, drawing.HEIGHT + 0.6)
    varied = [key for key in frame.keys if _is_varied(settings, key)]
    ordered = sorted(settings, key=lambda s: [drawing.natural_order(s.values[k]) for k in varied])
    handles: dict[str, Any] = {}
    if len(ordered) <= drawing.MOST_NAMED:
        for number, setting in enumerate(ordered):
            name = words.show_values({k: setting.values[k] for k in varied}, names)
            handles[name] = _draw_point(axes, setting, CLASS_COLORS[number], MARKERS[number])
    else:
        key = _telling([setting.values for setting in ordered], varied)
        colors = _colors([setting.values[key] for setting in ordered]) if key else {}
        for setting in ordered:
            _draw_point(axes, setting, colors[setting.values[key]] if key else CLASS_COLORS[0], "o")
        handles |= _legend_of_dots(key, colors, names)
    best = [point for s in front(settings) if (point := rate_distortion(s)) is not None]
    (line,) = axes.plot(*zip(*best, strict=True), color=drawing.INK, linewidth=1, linestyle="--",
                        zorder=0, drawstyle="steps-post")  # fmt: skip
    _lines_of_equal_elbo(axes)
    axes.set_xlabel(f"rate: {words.with_unit(RATE)}")
    axes.set_ylabel(f"distortion: −{words.with_unit(RECONSTRUCTION)}")
    estimates = [e for s in settings if (e := s.estimate(RATE)) is not None]
    axes.set_title(_seeds(estimates), fontsize=drawing.SMALL)
    drawing.add_legend(axes, handles | {"Pareto front": line})
    return [(title, _figure_of(axes))]


def _draw_point(axes: Axes, setting: Setting, color: str, marker: str) -> ErrorbarContainer | None:
    rate, reconstruction = setting.estimate(RATE), setting.estimate(RECONSTRUCTION)
    if rate is None or reconstruction is None:
        return None
    return axes.errorbar(
        rate.mean, -reconstruction.mean, reconstruction.deviation, rate.deviation, color=color,
        marker=marker, linestyle="", capsize=2,
    )  # fmt: skip


def _lines_of_equal_elbo(axes: Axes) -> None:
    axes.margins(0.12)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    rates, distortions = np.meshgrid(np.linspace(left, right, 20), np.linspace(bottom, top, 20))
    lines = axes.contour(rates, distortions, -rates - distortions, 6, colors=GRAY, alpha=0.8,
                         linewidths=0.7, linestyles="solid", zorder=-1)  # fmt: skip
    axes.clabel(lines, fmt="ELBO %g", fontsize=7, colors=GRAY)


def _wall_time(frame: Frame) -> list[tuple[str, Figure]]:
    """Show how long one run of each setting took, and how much of it was training."""
    timed = [(e.mean, s) for s in frame.settings if (e := s.estimate(words.SECONDS)) is not None]
    if not timed:
        return []
    title = "Wall time"
    timed = sorted(timed, key=lambda item: item[0])[-MOST_BARS:]
    unit, size = ("minutes", MINUTE) if timed[-1][0] > 2 * MINUTE else ("seconds", 1)
    names = words.short_names(frame.keys)
    named = [words.show_uncommon(frame, setting) or words.show_values(setting.values, names)
             for _, setting in timed]  # fmt: skip
    labels = [textwrap.fill(name, LONGEST_BAR_NAME) for name in named]
    letters = max(len(line) for label in labels for line in label.split("\n"))
    height = drawing.LINE * (max(label.count("\n") for label in labels) + 1) + 0.1
    axes = drawing.new_axes(title, 1.2 + height * len(timed), 4 + drawing.LETTER * letters)
    axes.grid(visible=False, axis="y")
    totals = [seconds / size for seconds, _ in timed]
    training = [e.mean / size if (e := s.estimate("training_seconds")) else 0 for _, s in timed]
    deviations = [(e.deviation or 0) / size if (e := s.estimate(words.SECONDS)) else 0
                  for _, s in timed]  # fmt: skip
    places = range(len(timed))
    whole = axes.barh(places, totals, color=GRAY, alpha=0.35, ecolor=GRAY, capsize=2,
                      xerr=deviations if any(deviations) else None)  # fmt: skip
    of_it = axes.barh(places, training, color=CLASS_COLORS[0])
    axes.set_yticks(places, labels, fontsize=drawing.SMALL)
    axes.set_ylim(-0.6, len(timed) - 0.4)
    left_out = len(frame.settings) - len(timed)
    axes.set_xlabel(f"{unit} per run" + (f" (the {MOST_BARS} longest)" if left_out else ""))
    estimates = [e for _, s in timed if (e := s.estimate(words.SECONDS)) is not None]
    hardware = sorted({run.hardware for run in frame.completed if run.hardware})
    said = [_seeds(estimates), *hardware]
    axes.set_title("\n".join(textwrap.fill(line, 70) for line in said), fontsize=drawing.SMALL)
    handles = {"training": of_it, "start, validation, pictures, testing": whole}
    drawing.add_legend(axes, handles)
    return [(title, _figure_of(axes))]
