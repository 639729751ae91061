"""Writes what the documentation has from files: tables of metrics, options, runs and benchmarks.

    python scripts/maintenance/update_docs.py

``conf/`` has the options; ``docs/runs/*.json`` are the ``summary.json`` of runs, named after them
and with the ``command`` added, as are those in ``docs/priors`` and ``docs/labels``;
``docs/benchmarks/*.json`` are what ``scripts/benchmark.py`` wrote.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from option_tables import option_tables

from vae_lab.evaluation.metrics import markdown_table
from vae_lab.reports.results_table import show

ROOT = Path(__file__).parents[2]
HOUR = 3600


def results_table() -> str:
    """Return the table of the runs in ``docs/runs``."""
    run: dict[str, Any] = {}
    lines = [
        "| command | epochs | val ELBO | test ELBO | test NLL, K = 100 | seconds |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for path in sorted((ROOT / "docs" / "runs").glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        metrics = run["metrics"]
        value = {
            name: f"{metrics[name]:.2f}" if name in metrics else "–"
            for name in ("val/elbo", "test/elbo", "test/nll")
        }
        lines.append(
            f"| `{run['command']}` | {run['epochs']} | {value['val/elbo']} | {value['test/elbo']} "
            f"| {value['test/nll']} | {run['seconds']:.0f} |"
        )
    hardware = f"Nats per image, seed 0, {run['hardware']['threads']} threads of an "
    return "\n".join(lines) + f"\n\n{hardware}{run['hardware']['name']}; seconds include testing."


def speed_table() -> str:
    """Return the table of ``docs/benchmarks/epoch.json``."""
    benchmark = benchmark_of("epoch")
    lines = [
        "| | framework (a), s | bare loop (b), s | its model (b′), s | tutorial (c), s "
        "| a/b | a/b′ | a/c |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, result in benchmark["results"].items():
        if isinstance(result, str):
            lines.append(f"| {name} | {result} | | | | | | |")
            continue
        seconds = result["seconds"]
        figures = [seconds[rival] for rival in ("framework", "bare", "own", "tutorial")]
        figures += [result[ratio] for ratio in ("a/b", "a/b′", "a/c")]
        lines.append(f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |")
    return "\n".join(lines) + f"\n\n{conditions(benchmark)}."


def benchmark_of(what: str) -> dict[str, Any]:
    """Return what ``scripts/benchmark.py`` wrote."""
    return json.loads((ROOT / "docs" / "benchmarks" / f"{what}.json").read_text(encoding="utf-8"))


def nll_table() -> str:
    """Return the table of ``docs/benchmarks/nll.json``."""
    benchmark = benchmark_of("nll")
    lines = [
        "| | estimator (a), 1/s | decode and score (b), 1/s | network (c), 1/s | a/b | a/c |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, result in benchmark["results"].items():
        rate = result["samples_per_second"]
        lines.append(
            f"| {name} | {rate['estimator']:,.0f} | {rate['decoder']:,.0f} "
            f"| {rate['network']:,.0f} | {result['of_decoder']:.2f} | {result['of_network']:.2f} |"
        )
    return "\n".join(lines) + f"\n\n{conditions(benchmark)}."


def parts_table() -> str:
    """Return the table of ``docs/benchmarks/parts.json``."""
    benchmark = benchmark_of("parts")
    parts = benchmark["processor_seconds"]
    whole = sum(parts.values())
    lines = ["| | seconds | share |", "|---|--:|--:|"]
    lines += [f"| {name} | {s:.1f} | {s / whole:.0%} |" for name, s in parts.items()]
    return "\n".join([*lines, f"| all | {whole:.1f} | |"]) + f"\n\n{conditions(benchmark)}."


def scale_table() -> str:
    """Return the table of ``docs/benchmarks/scale.json``."""
    benchmark = benchmark_of("scale")
    epochs, sweeps = benchmark["epoch_seconds"], benchmark["sweep_seconds"]
    starts = benchmark["startup_seconds"]
    first_epoch, first_sweep = next(iter(epochs.values())), next(iter(sweeps.values()))
    jobs = benchmark["jobs"]
    lines = ["| one run | seconds an epoch | times the first |", "|---|--:|--:|"]
    lines += [f"| {n} | {s:.2f} | {first_epoch / s:.2f} |" for n, s in epochs.items()]
    lines += ["", f"| {jobs} runs | jobs an hour | times the first |", "|---|--:|--:|"]
    lines += [f"| {n} | {jobs * HOUR / s:.0f} | {first_sweep / s:.2f} |" for n, s in sweeps.items()]
    start = "; ".join(f"{name} {seconds:.1f} s" for name, seconds in starts.items())
    return "\n".join(lines) + f"\n\nStart-up: {start}. {conditions(benchmark)}."


def mapped_table() -> str:
    """Return the table of ``docs/benchmarks/mapped.json``."""
    benchmark = benchmark_of("mapped")
    lines = [
        "| | delivered, images/s | trained on, images/s | of the file in memory, MiB |",
        "|---|--:|--:|--:|",
    ]
    for name, result in benchmark["results"].items():
        rate = result["images_per_second"]
        lines.append(
            f"| {name} | {rate['alone']:,.0f} | {rate['training']:,.0f} "
            f"| {result['mapped_resident_mib']:,} |"
        )
    return "\n".join(lines) + f"\n\n{conditions(benchmark)}."


def own_table() -> str:
    """Return the table of ``docs/benchmarks/own.json``."""
    benchmark = benchmark_of("own")
    lines = [
        "| | this framework, images/s | beside it, images/s | seconds, a/b |",
        "|---|--:|--:|--:|",
    ]
    for name, result in benchmark["results"].items():
        a, b = result["framework"], result["beside"]
        lines.append(f"| {name} | {a:,.0f} | {b:,.0f} | {b / a:.2f} |")
    return "\n".join(lines) + f"\n\n{conditions(benchmark)}."


def summaries(place: str) -> list[dict[str, Any]]:
    """Return the runs in a folder of ``docs``, in the order of their names."""
    folder = ROOT / "docs" / place
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def spheres_table() -> str:
    """Return the table of ``docs/priors/spheres``."""
    lines = [
        "| `latent_dim` | posterior | epochs | test ELBO | KL | log p(x) | K |",
        "|--:|---|--:|--:|--:|--:|--:|",
    ]
    for run in summaries("priors/spheres"):
        elbo, kl, nll = (run["metrics"][f"test/{name}"] for name in ("elbo", "kl", "nll"))
        words = dict(word.split("=", 1) for word in run["command"].split()[2:])
        lines.append(
            f"| {words['latent_dim']} | {words.get('posterior', 'power_spherical')} "
            f"| {run['epochs']} | {elbo:.2f} | {kl:.2f} | {-nll:.2f} | {run['nll_samples']} |"
        )
    return "\n".join(lines)


def fitted_table() -> str:
    """Return the table of ``docs/priors/fitted``, each trained run before its fitted priors."""
    names = ("nll", "elbo", "aggregate_kl", "mnist_fid", "precision", "recall")
    lines = [f"| run | prior | nats gained | {' | '.join(names)} |"]
    lines.append("|---|---|--:|" + "--:|" * len(names))
    shown: set[str] = set()
    for run in summaries("priors/fitted"):
        fitted, trained = run["fitted"], run["trained"]
        rows = [(f"`{run['command']}`", show(fitted["nll_gained"]), fitted["after"])]
        if trained not in shown:
            rows.insert(0, ("its own", "–", fitted["before"]))
        shown.add(trained)
        for prior, gained, figures in rows:
            cells = [f"`{trained}`", prior, gained, *(show(figures.get(name)) for name in names)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + (
        "\n\nOn 10,000 test images, with standard errors over images; nats of log p(x) are gained "
        "image by image, with the same latents, K = 100, of pythae_vae 200; the distance is in the "
        "features of the MNIST classifier that ships with vae-lab."
    )


def labels_table() -> str:
    """Return the table of ``docs/labels``."""
    digits = {"accuracy": 3, "bayes_rule_error": 3, "nll": 2, "nll_given_y": 2}
    lines = [f"| command | epochs | {' | '.join(digits)} | K |"]
    lines.append("|---|--:|" + "--:|" * (len(digits) + 1))
    for run in summaries("labels"):
        metrics = run["metrics"]
        cells = [
            f"{metrics[f'test/{name}']:.{places}f}" if f"test/{name}" in metrics else "–"
            for name, places in digits.items()
        ]
        samples = run.get("nll_samples", "–")
        lines.append(f"| `{run['command']}` | {run['epochs']} | {' | '.join(cells)} | {samples} |")
    return "\n".join(lines)


def conditions(benchmark: dict[str, Any]) -> str:
    """Say on what a benchmark ran."""
    return (
        f"Best of {benchmark['rounds']} interleaved turns of each, "
        f"{benchmark['hardware']['name']}, threads: {benchmark['hardware']['threads']}, "
        f"torch {benchmark['versions']['torch']}; peak resident memory of all together "
        f"{benchmark['peak_resident_mib']} MiB"
    )


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"results": results_table},
    "docs/labels.md": {"labels": labels_table},
    "docs/metrics.md": {"metrics": markdown_table},
    "docs/options.md": {"options": lambda: option_tables(ROOT / "conf")},
    "docs/priors.md": {"spheres": spheres_table, "fitted": fitted_table},
    "docs/speed.md": {
        "speed": speed_table,
        "nll": nll_table,
        "parts": parts_table,
        "scale": scale_table,
        "own": own_table,
        "mapped": mapped_table,
    },
}


def updated(page: str) -> str:
    """Return a page with what stands between its markers made anew.

    Raises:
        ValueError: if a marker is not there, or twice.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, table in PAGES[page].items():
        marked = re.compile(rf"<!-- {name} -->.*?<!-- end of {name} -->", re.DOTALL)
        new = f"<!-- {name} -->\n{table()}\n<!-- end of {name} -->"
        text, count = marked.subn(lambda _, new=new: new, text)
        if count != 1:
            raise ValueError(f"{page} has {count} places marked {name}, expected one")
    return text


def main() -> None:
    """Write the pages."""
    for page in PAGES:
        (ROOT / page).write_text(updated(page), encoding="utf-8")


if __name__ == "__main__":
    main()
