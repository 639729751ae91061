"""Every metric of a run, with error bars, into its ``evaluation.json``.

python scripts/evaluate.py runs/<run>
python scripts/evaluate.py runs/<run> --num-samples 500 --split val
python scripts/evaluate.py runs/<run> --data fashion_mnist
"""

import argparse
import json
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vae_lab.evaluation import record
from vae_lab.files import require_writable, write_atomically
from vae_lab.reports import results_table
from vae_lab.runs import terminal, trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT, the_run
from vae_lab.runs.rundir import RunDir
from vae_lab.trained import evaluate
from vae_lab.training.advice import quieten

DATASETS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


def check_output(path: Path, run: Path, num_samples: int) -> None:
    """Check, before anything is computed, that the result may be written to ``path``.

    Raises:
        OSError: if the folder cannot be written.
        ValueError: if the folder is missing, or the file is not one of this version, or has a
            larger K.
    """
    if path.parent != run and not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} of --output does not exist")
    if path.parent.is_dir():
        require_writable(path.parent)
    if not path.exists():
        return
    try:
        existing = json.loads(path.read_text(encoding="utf-8"))
        version = existing["version"] if existing["format"] == record.FORMAT else "unknown"
    except (json.JSONDecodeError, KeyError, TypeError):
        existing, version = {}, "unknown"
    if version != record.VERSION:
        raise ValueError(
            f"{path} has version {version}, this program writes version {record.VERSION}; "
            "move it away, or choose another file with --output"
        )
    known_samples = existing["protocol"]["num_samples"]
    if known_samples > num_samples > 0:
        raise ValueError(
            f"{path} was made with K = {known_samples}, more than {num_samples}; move it away, or "
            "choose another file with --output"
        )


def open_device(name: str) -> torch.device:
    """Return the device, provided that it works.

    Raises:
        ValueError: if it does not.
    """
    try:
        return torch.zeros(1, device=name).device
    except RuntimeError as error:
        raise ValueError(f"--device {name} does not work here: {error}") from error


def print_table(evaluation: dict) -> None:
    """Print the metrics, one a line."""
    protocol = evaluation["protocol"]
    table = Table(
        title=f"{evaluation['run']['name']} · {protocol['images']:,} {protocol['split']} images of "
        f"{protocol['dataset']}, binarisation {protocol['binarization']}"
    )
    table.add_column("metric")
    table.add_column("value ± standard error", justify="right")
    table.add_column("unit")
    for name, figure in evaluation["metrics"].items():
        samples = f"  (K = {figure['num_samples']})" if figure["num_samples"] else ""
        unit = "" if figure["unit"].startswith("of ") else figure["unit"]  # stands with the value
        table.add_row(name, results_table.show(figure), unit + samples)
    terminal.console().print(table)
    if protocol["dataset"] != "MNIST":
        print("how samples look is measured on MNIST alone: mnist_fid, precision, recall")
    if evaluation["factors"]:
        print_factors(evaluation["factors"])


def print_factors(factors: dict) -> None:
    """Print which latent dimension tells most of each factor, one a line."""
    table = Table(title="factors of variation")
    for column in ("factor", "told most by", "of it", "more than by any other"):
        table.add_column(column, justify="left" if column == "factor" else "right")
    for name, told in factors.items():
        share, dimension = max(told["told_by_each"]), f"z{told['dimension']}"
        table.add_row(name, dimension, f"{share:.0%}", f"{told['gap']:.0%}")
    terminal.console().print(table)


@told_in_one_line()
def main() -> None:
    """Score the run that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help=MEANT)
    parser.add_argument("--num-samples", type=int, default=5000, metavar="K",
                        help="importance samples per image (default 5000)")  # fmt: skip
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--data", choices=tuple(DATASETS), help="default: what trained the run")
    parser.add_argument("--seed", type=int, default=0, help="of every random number")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, help="default: <run>/evaluation.json")
    trust.add_option(parser)
    arguments = parser.parse_args()
    run = RunDir(the_run(arguments.run), arguments.trust)
    split = arguments.split if arguments.split != "test" else None
    output = arguments.output or run.evaluation_file(*filter(None, [arguments.data, split]))

    quieten()
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} images"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    check_output(output, run.path, arguments.num_samples)
    device = open_device(arguments.device)
    with Progress(*columns, console=terminal.console(), transient=True) as progress:
        task = progress.add_task(f"log p(x), K = {arguments.num_samples}", total=None)
        evaluation = evaluate.evaluate_run(
            run,
            DATASETS.get(arguments.data),
            arguments.split,
            arguments.num_samples,
            arguments.seed,
            device,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    write_atomically(output, json.dumps(evaluation, indent=2) + "\n")
    print_table(evaluation)
    print(output)


if __name__ == "__main__":
    main()
