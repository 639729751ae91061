"""How a report says things: short names of settings, numbers, units, what a metric means."""

from collections.abc import Collection, Mapping, Sequence

from vae_lab.evaluation.metrics import METRICS, NATS, metric
from vae_lab.reports.frame import Frame, Setting
from vae_lab.reports.statistics import Estimate
from vae_lab.runs import durations
from vae_lab.runs.overrides import Value

NOTHING = "–"
TEST_NLL, EVALUATION_NLL = "test/nll", "evaluation/nll"
SECONDS = "seconds"


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return for each key its shortest end that no other key has: ``lr`` for ``optimizer.lr``.

    Of a key with three parts or more that is two, as a part of a part says little by itself: the
    ``epochs`` of ``objective.beta.epochs`` are no epochs of training.
    """

    def ends(key: str) -> list[str]:
        parts = key.split(".")
        shortest = 1 if len(parts) < 3 else 2  # noqa: PLR2004
        return [".".join(parts[start:]) for start in range(len(parts) - shortest + 1)]

    counts: dict[str, int] = {}
    for key in keys:
        for end in ends(key):
            counts[end] = counts.get(end, 0) + 1
    return {key: next(e for e in reversed(ends(key)) if counts[e] == 1 or e == key) for key in keys}


def show_value(value: Value) -> str:
    """Return the value of a setting as the command line has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return "null" if value is None else str(value)


def show_values(values: Mapping[str, Value], names: Mapping[str, str]) -> str:
    """Return settings in a line: ``latent_dim=2 model=conv``."""
    return " ".join(f"{names[key]}={show_value(value)}" for key, value in values.items())


def show_common(frame: Frame) -> str:
    """Return the commonest values of what differs, in a line."""
    return show_values(frame.common, short_names(frame.keys))


def show_uncommon(frame: Frame, setting: Setting) -> str:
    """Return what tells a setting from the commonest values of all, in a line; maybe nothing."""
    common, names = frame.common, short_names(frame.keys)
    uncommon = {k: v for k, v in setting.values.items() if v != common[k]}
    return show_values(uncommon, names)


def show_estimate(estimate: Estimate | None) -> str:
    """Return a mean and its standard deviation."""
    if estimate is None:
        return NOTHING
    deviation = "" if estimate.deviation is None else f" ± {estimate.deviation:.2f}"
    return f"{estimate.mean:.2f}{deviation}"


def show_seconds(seconds: float | None) -> str:
    """Return a time in the unit that suits it."""
    return NOTHING if seconds is None else durations.show_seconds(seconds)


def samples(frame: Frame, name: str) -> str:
    """Return how many importance samples a metric was estimated with: ``K = 100``."""
    counts = sorted({r.samples[name] for r in frame.completed if name in r.samples})
    ends = [str(count) for count in (counts[:1] + counts[-1:])[: len(counts)]]
    return f"K = {' to '.join(ends)}" if ends else ""


def metrics(frame: Frame) -> list[str]:
    """Return the metrics that a table shows, the weightiest first."""
    validated = [f"val/{name}" for name in frame.compared_by]
    tested = [f"test/{name}" for name in frame.compared_by]
    others = [f"{split}/{known.name}" for known in METRICS for split in known.report]
    wanted = [*validated[:1], *tested[:1], *validated[1:], *others, *tested[1:]]
    return [name for name in dict.fromkeys(wanted) if frame.has(name)]


def meaning(frame: Frame, shown: Collection[str]) -> str:
    """Return what the numbers in a table are: units, direction, samples, spread.

    Args:
        frame: the rows.
        shown: the metrics that the table shows.
    """
    known = {entry.name: entry for entry in map(metric, shown)}.values()
    units = [f"{entry.name}: {entry.unit or 'no unit'}" for entry in known if entry.unit != NATS]
    better = [f"{entry.name}: {entry.better} is better" for entry in known if entry.better]
    sampled = [f"{n}: {samples(frame, n)}" for n in shown if samples(frame, n)]
    apart = [f"not to be ranked across {', '.join(frame.apart)}"] if frame.apart else []
    spread = ["± the standard deviation over seeds"] if frame.has_seeds else []
    said = [NATS, "val/ at the best epoch", *better, *units, *sampled, *spread, *apart]
    return "; ".join(said) + "."


def with_unit(name: str) -> str:
    """Return the name of a metric with its unit: ``test/kl, nats/image``."""
    unit = metric(name).unit
    return f"{name}, {unit}" if unit else name


def axis_label(frame: Frame, name: str) -> str:
    """Return the name of a metric with its unit and its good direction."""
    better = metric(name).better
    notes = [samples(frame, name), f"{better} is better" if better else ""]
    shown = "; ".join(filter(None, notes))
    return with_unit(name) + (f"\n({shown})" if shown else "")


def state(frame: Frame) -> str:
    """Return how many runs ended in which way: ``5 completed, 1 failed``."""
    counts: dict[str, int] = {}
    for run in frame.runs:
        counts[run.status] = counts.get(run.status, 0) + 1
    order = sorted(counts, key=lambda status: (status != "completed", status))
    parts = [f"{counts[s]} {s}" for s in order]
    parts += [f"{s.trials} trials wanted" for s in frame.sweeps.values() if s.trials]
    runs = "1 run" if len(frame.runs) == 1 else f"{len(frame.runs)} runs"
    return f"{runs}: " + ", ".join(parts)
