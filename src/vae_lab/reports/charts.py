"""Pictures of a report: metrics against settings, rate against distortion, wall time."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from vae_lab.pictures.colors import CLASS_COLORS
from vae_lab.reports import words
from vae_lab.reports.frame import LATENT_DIM, RATE, RECONSTRUCTION, Frame, Setting
from vae_lab.reports.statistics import Estimate, Point, pareto_front
from vae_lab.runs.durations import MINUTE
from vae_lab.runs.overrides import Value

MARKERS = "osD^vP*Xhd"
MOST_LINES = 8  # in one picture; nobody can tell more of them apart
MOST_NAMED = len(CLASS_COLORS)
MOST_BARS = 30
LOGARITHMIC = 8  # least ratio of the largest number to the smallest for a logarithmic axis
DODGE = 0.08  # of the distance between two categories
ROOM = 40  # characters below a panel
GRAY = "#717581"


def pictures(frame: Frame) -> Iterator[tuple[str, str, Figure]]:
    """Yield what a folder of runs has to show: file name, title, figure."""
    names = words.short_names(frame.keys)
    rows = [[f"{split}/{name}" for split in ("val", "test")] for name in frame.compared_by]
    rows = [row for row in ([m for m in row if frame.has(m)] for row in rows) if row]
    for key in frame.keys if rows else []:
        if _is_varied(frame.settings, key):
            title = f"{_listed(frame.compared_by)} against {names[key]}"
            yield f"report_{_file_name(key)}.png", title, _against(frame, key, rows, title)
    if any(_rate_distortion(setting) for setting in frame.settings):
        title = "Rate–distortion plane"
        yield "report_rate_distortion.png", title, rate_distortion(frame, title)
    nll = [metric for metric in (words.TEST_NLL, words.EVALUATION_NLL) if frame.has(metric)]
    if nll and _is_varied(frame.settings, LATENT_DIM):
        title = f"Negative log-likelihood against {LATENT_DIM}"
        yield "report_nll.png", title, _against(frame, LATENT_DIM, [nll], title)
    if any(setting.estimate(words.SECONDS) for setting in frame.settings):
        title = "Wall time"
        yield "report_wall_time.png", title, wall_time(frame, title)


def _file_name(key: str) -> str:
    return re.sub(r"[^\w.\-]", "_", key)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _is_varied(settings: Sequence[Setting], key: str) -> bool:
    return len({setting.values.get(key) for setting in settings}) > 1


def _against(frame: Frame, key: str, rows: list[list[str]], title: str) -> Figure:
    """Show metrics against a setting, a row of panels for each list of metrics.

    Settings that differ in something else are lines of their own; where those are too many, dots.
    """
    names = words.short_names(frame.keys)
    width = 1 + 4.2 * max(map(len, rows))
    figure = _figure(width, 0.8 + 3.3 * len(rows), title)
    grid = figure.subplots(len(rows), max(map(len, rows)), squeeze=False, sharey="row")
    handles: dict[str, ErrorbarContainer] = {}
    for panels, metrics in zip(grid, rows, strict=True):
        for axes, metric in zip(panels, metrics, strict=False):
            handles |= _draw_lines(axes, frame, key, metric)
            axes.set_xlabel(names[key])
            axes.set_ylabel(words.axis_label(frame, metric))
            axes.yaxis.set_tick_params(labelleft=True)
        for axes in panels[len(metrics) :]:
            axes.set_visible(False)
    if len(handles) > 1:
        columns = max(1, int(width / (0.6 + 0.065 * max(map(len, handles)))))
        lines: Any = list(handles.values())
        figure.legend(lines, list(handles), loc="outside lower center", ncols=columns,
                      fontsize=8)  # fmt: skip
        height = 0.2 + 0.2 * math.ceil(len(handles) / columns)
        figure.set_figheight(figure.get_figheight() + height)
    return figure


def _draw_lines(axes: Axes, frame: Frame, key: str, metric: str) -> dict[str, ErrorbarContainer]:
    """Draw one panel; return the handle of each line by its name."""
    names = words.short_names(frame.keys)
    found = [(s, estimate) for s in frame.settings if (estimate := s.estimate(metric))]
    others = [k for k in frame.keys if k != key and _is_varied([s for s, _ in found], k)]
    lines: dict[tuple[Value, ...], list[tuple[Value, Estimate]]] = {}
    for setting, estimate in found:
        line = tuple(setting.values[k] for k in others)
        lines.setdefault(line, []).append((setting.values[key], estimate))
    places, is_ordered = place_values(axes, [setting.values[key] for setting, _ in found])
    _style(axes)
    if len(lines) > MOST_LINES:
        points = [(places[value], e.mean) for line in lines.values() for value, e in line]
        axes.scatter(*zip(*points, strict=True), s=18, alpha=0.7, color=CLASS_COLORS[0])
        axes.set_title("a dot per setting; they differ in more than this", fontsize=8)
        return {}
    handles: dict[str, ErrorbarContainer] = {}
    order = sorted(lines, key=lambda line: [natural_order(value) for value in line])
    for number, line in enumerate(order):
        points = sorted(lines[line], key=lambda item: places[item[0]])
        shift = 0 if is_ordered else DODGE * (number - (len(lines) - 1) / 2)
        name = words.show_values(dict(zip(others, line, strict=True)), names)
        handles[name] = axes.errorbar(
            [places[value] + shift for value, _ in points],
            [estimate.mean for _, estimate in points],
            [estimate.deviation or 0 for _, estimate in points],
            color=CLASS_COLORS[number], marker=MARKERS[number], markersize=5, capsize=3,
            linestyle="-" if is_ordered else "",
        )  # fmt: skip
    axes.set_title(_seeds([estimate for _, estimate in found]), fontsize=8)
    return handles


def _seeds(estimates: Sequence[Estimate]) -> str:
    """Say what points and bars are."""
    counts = sorted({estimate.count for estimate in estimates})
    if counts == [1]:
        return "one seed"
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean ± standard deviation over {number} seeds"


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
        is_long = sum(map(len, labels)) > ROOM
        axes.set_xticks(range(len(order)), labels, rotation=30 if is_long else 0,
                        ha="right" if is_long else "center")  # fmt: skip
        axes.set_xlim(-0.5, len(order) - 0.5)
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


def _rate_distortion(setting: Setting) -> Point | None:
    """Return (rate, distortion) of a setting, mean over seeds; None without a KL."""
    rate, reconstruction = setting.estimate(RATE), setting.estimate(RECONSTRUCTION)
    return (rate.mean, -reconstruction.mean) if rate and reconstruction else None


def front(settings: Sequence[Setting]) -> list[Setting]:
    """Return the settings on the Pareto front of rate and distortion, the lowest rate first."""
    points = [(point, s) for s in settings if (point := _rate_distortion(s)) is not None]
    return [points[index][1] for index in pareto_front([point for point, _ in points])]


def protocols(frame: Frame) -> dict[tuple[str, ...], list[Setting]]:
    """Return the settings with a rate and a distortion, by what makes them comparable."""
    groups: dict[tuple[str, ...], list[Setting]] = {}
    for setting in frame.settings:
        if _rate_distortion(setting):
            groups.setdefault(setting.protocol, []).append(setting)
    return groups


def rate_distortion(frame: Frame, title: str) -> Figure:
    """Show every setting's rate and distortion on test images, and which none beats in both.

    Settings with other data, binarisation or likelihood stand in panels of their own. Grey lines
    join points of equal ELBO (Alemi et al. 2018, arXiv:1711.00464).
    """
    groups = protocols(frame)
    figure = _figure(7.5, 0.4 + 4.0 * len(groups), title)
    grid = figure.subplots(len(groups), 1, squeeze=False)
    names = words.short_names(frame.keys)
    for axes, (protocol, settings) in zip(grid[:, 0], groups.items(), strict=True):
        _style(axes)
        varied = [key for key in frame.keys if _is_varied(settings, key)]
        ordered = sorted(settings, key=lambda s: [natural_order(s.values[k]) for k in varied])
        is_named = 1 < len(ordered) <= MOST_NAMED
        for number, setting in enumerate(ordered):
            _draw_point(axes, setting, number if is_named else 0,
                        words.show_values({k: setting.values[k] for k in varied}, names)
                        if is_named else "_")  # fmt: skip
        best = [point for s in front(settings) if (point := _rate_distortion(s)) is not None]
        axes.plot(*zip(*best, strict=True), color="black", linewidth=1, linestyle="--", zorder=0,
                  drawstyle="steps-post", label="Pareto front")  # fmt: skip
        _lines_of_equal_elbo(axes)
        axes.set_xlabel(f"rate: {words.with_unit(RATE)}")
        axes.set_ylabel(f"distortion: −{words.with_unit(RECONSTRUCTION)}")
        estimates = [e for s in settings if (e := s.estimate(RATE)) is not None]
        axes.set_title(f"{', '.join(protocol)}; {_seeds(estimates)}", fontsize=8)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_point(axes: Axes, setting: Setting, number: int, name: str) -> None:
    rate, reconstruction = setting.estimate(RATE), setting.estimate(RECONSTRUCTION)
    if rate is not None and reconstruction is not None:
        axes.errorbar(
            rate.mean, -reconstruction.mean, reconstruction.deviation, rate.deviation, label=name,
            color=CLASS_COLORS[number], marker=MARKERS[number], linestyle="", capsize=2,
        )  # fmt: skip


def _lines_of_equal_elbo(axes: Axes) -> None:
    axes.margins(0.12)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    rates, distortions = np.meshgrid(np.linspace(left, right, 20), np.linspace(bottom, top, 20))
    lines = axes.contour(rates, distortions, -rates - distortions, 6, colors="#bbbbbb",
                         linewidths=0.7, linestyles="solid", zorder=-1)  # fmt: skip
    axes.clabel(lines, fmt="ELBO %g", fontsize=7, colors=GRAY)


def wall_time(frame: Frame, title: str) -> Figure:
    """Show how long one run of each setting took, and how much of it was training."""
    names = words.short_names(frame.keys)
    timed = [(e.mean, s) for s in frame.settings if (e := s.estimate(words.SECONDS)) is not None]
    timed = sorted(timed, key=lambda item: item[0])[-MOST_BARS:]
    unit, size = ("minutes", MINUTE) if timed[-1][0] > 2 * MINUTE else ("seconds", 1)
    labels = [words.show_values(setting.values, names) or "run" for _, setting in timed]
    figure = _figure(7.5, 1.5 + 0.28 * len(timed), title)
    axes = figure.add_subplot()
    _style(axes)
    axes.grid(visible=False, axis="y")
    totals = [seconds / size for seconds, _ in timed]
    training = [e.mean / size if (e := s.estimate("training_seconds")) else 0 for _, s in timed]
    deviations = [(e.deviation or 0) / size if (e := s.estimate(words.SECONDS)) else 0
                  for _, s in timed]  # fmt: skip
    places = range(len(timed))
    axes.barh(places, totals, color="#cccccc", label="start, validation, pictures, testing",
              xerr=deviations if any(deviations) else None, ecolor=GRAY, capsize=2)  # fmt: skip
    axes.barh(places, training, color=CLASS_COLORS[0], label="training")
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_ylim(-0.6, len(timed) - 0.4)
    left_out = len(frame.settings) - len(timed)
    axes.set_xlabel(f"{unit} per run" + (f" (the {MOST_BARS} longest)" if left_out else ""))
    estimates = [e for _, s in timed if (e := s.estimate(words.SECONDS)) is not None]
    hardware = sorted({run.hardware for run in frame.completed if run.hardware})
    axes.set_title("\n".join([_seeds(estimates), "; ".join(hardware)]), fontsize=8)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    figure.suptitle(title)
    return figure


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
