"""Writes the README's tables from the files that runs and benchmarks wrote.

    python scripts/update_readme.py

``docs/runs/*.json`` are the ``summary.json`` of runs, named after them and with the ``command``
added; ``docs/benchmarks/epoch.json`` is what ``scripts/benchmark.py`` wrote.
"""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def results_table() -> str:
    """Return the table of the runs in ``docs/runs``."""
    run: dict[str, Any] = {}
    lines = [
        "| command | epochs | val ELBO | test ELBO | test NLL, K = 100 | seconds |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for path in sorted((ROOT / "docs" / "runs").glob("*.json")):
        run = json.loads(path.read_text())
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
    benchmark = json.loads((ROOT / "docs" / "benchmarks" / "epoch.json").read_text())
    lines = [
        "| | framework (a), s | bare loop (b), s | tutorial (c), s | a/b | a/c |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, result in benchmark["results"].items():
        if isinstance(result, str):
            lines.append(f"| {name} | {result} | | | | |")
            continue
        seconds = result["seconds"]
        lines.append(
            f"| {name} | {seconds['framework']:.2f} | {seconds['bare']:.2f} "
            f"| {seconds['tutorial']:.2f} | {result['a/b']:.2f} | {result['a/c']:.2f} |"
        )
    return (
        "\n".join(lines)
        + f"\n\nBest of {benchmark['rounds']} interleaved epochs of each, "
        + f"{benchmark['hardware']['threads']} threads of an {benchmark['hardware']['name']}, "
        + f"torch {benchmark['versions']['torch']}; peak resident memory of all three together "
        + f"{benchmark['peak_resident_mib']} MiB."
    )


def main() -> None:
    """Replace what stands between the markers."""
    path = ROOT / "README.md"
    text = path.read_text()
    for name, table in (("results", results_table()), ("speed", speed_table())):
        marked = re.compile(rf"<!-- {name} -->.*?<!-- end of {name} -->", re.DOTALL)
        new = f"<!-- {name} -->\n{table}\n<!-- end of {name} -->"
        text, count = marked.subn(lambda _, new=new: new, text)
        if count != 1:
            raise SystemExit(f"error: README.md has {count} places marked {name}, expected one")
    path.write_text(text)


if __name__ == "__main__":
    main()
