"""What the runs in a folder came to; or the results table, measured beside published.

python scripts/report.py runs/latents
python scripts/report.py runs
python scripts/report.py docs/results --output docs/results.md

A sweep, or any folder with runs, gives a table here, and in the folder ``report.csv`` and
``report.html``, a page that needs no server: what differs, tables that sort, metrics against each
setting that differs (mean ± standard deviation over seeds), the rate–distortion plane, wall time,
and a picture of each run. What must not be ranked together stands in sections of its own, and it
says which runs are missing, failed or unfinished. The run directories alone are read.

A folder without runs, or ``--output``, gives the results table of the ``evaluation.json`` files
that ``scripts/evaluate.py`` wrote, with what was published of experiments that were not run.
"""

import argparse
from pathlib import Path
from typing import Any

import hydra
from rich.table import Table

from vae_lab import reports
from vae_lab.files import write_atomically
from vae_lab.reports import results_table
from vae_lab.runs import terminal
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.instantiate import to_plain

CONF = Path(__file__).parents[1] / "conf"
SHOWN = 6  # columns that a terminal has room for


def published() -> dict[str, Any]:
    """Return what each experiment says was published, by the experiment's name."""
    claims = {}
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        for path in sorted((CONF / "experiment").glob("*.yaml")):
            claim = hydra.compose("train", [f"experiment={path.stem}"]).published
            if claim is not None:
                claims[path.stem] = to_plain(claim)
    return claims


def print_results(rows: list[results_table.Row]) -> None:
    """Print the first columns of the results table."""
    table = Table(*results_table.HEADER[:SHOWN], title="Negative log-likelihood, nats per image")
    for row in rows:
        table.add_row(*row[:SHOWN])
    terminal.console().print(table)


def report_runs(frame: reports.Frame) -> None:
    """Print what the runs came to, beside published numbers if any rerun one; write the report."""
    reports.print_overview(frame, terminal.console())
    evaluations = [run.evaluation for run in frame.runs if run.evaluation]
    reruns = [evaluation for evaluation in evaluations if evaluation["published"]]
    if reruns:
        print_results(results_table.rows(reruns, {}))
    for path in reports.write_report(frame):
        print(path)


def report_results(folder: Path, output: Path | None) -> None:
    """Print the results table, and write it if asked to.

    Raises:
        FileNotFoundError: if there is nothing to report.
    """
    evaluations = results_table.read_evaluations(folder)
    if not evaluations and output is None:
        raise FileNotFoundError(
            f"{folder} holds no run and no evaluation; python train.py makes a run"
        )
    claims = published()
    rows = results_table.rows(evaluations, claims)
    print_results(rows)
    if output is None:
        return
    text = "\n\n".join(
        [
            "# Results",
            "Written by `python scripts/report.py docs/results --output docs/results.md` from the "
            "files in [`results/`](results), which `scripts/evaluate.py` wrote.",
            "## Negative log-likelihood",
            "Nats per image, ± the standard error over images (published: over seeds); in "
            "brackets the published number of importance samples. *Changed* is what the command "
            "line changed in the experiment.",
            results_table.markdown(results_table.HEADER, rows),
            "Sources: " + "; ".join(f"{name}: {c['source']}" for name, c in claims.items()) + ".",
            "## What else was measured",
            "Rates and bounds in nats per image, from one sample each; mutual information is at "
            "most the logarithm of the number of images, 9.21 for 10,000, and the aggregate KL "
            "holds the rest of the rate; accuracies of a linear probe and of 15 nearest neighbours "
            "on posterior means; distances in the features of the MNIST classifier that ships with "
            "vae-lab, which compare with nothing published.",
            results_table.markdown(
                ("experiment", *results_table.OTHERS), results_table.other_rows(evaluations)
            ),
        ]
    )
    write_atomically(output, text + "\n")
    print(output)


@told_in_one_line()
def main() -> None:
    """Report on the folder that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the runs are, or their evaluation files")
    parser.add_argument("--output", type=Path, help="the results table, as a Markdown file")
    arguments = parser.parse_args()
    frame = reports.Frame.read(arguments.folder)
    if arguments.output is None and (frame.runs or frame.sweeps):
        report_runs(frame)
    else:
        report_results(arguments.folder, arguments.output)


if __name__ == "__main__":
    main()
