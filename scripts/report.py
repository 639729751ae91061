"""The results table of all evaluated runs in a folder, measured beside published.

python scripts/report.py runs
python scripts/report.py docs/results --output docs/results.md

It reads the ``evaluation.json`` files that ``scripts/evaluate.py`` wrote, and nothing else but, for
experiments that were not run, what ``conf/experiment`` says was published.
"""

import argparse
from pathlib import Path
from typing import Any

import hydra
from rich.console import Console
from rich.table import Table

from vae_lab import results, runs

CONF = Path(__file__).parents[1] / "conf"
SHOWN = 6  # columns that a terminal has room for


def published() -> dict[str, Any]:
    """Return what each experiment says was published, by the experiment's name."""
    claims = {}
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        for path in sorted((CONF / "experiment").glob("*.yaml")):
            claim = hydra.compose("train", [f"experiment={path.stem}"]).published
            if claim is not None:
                claims[path.stem] = runs.to_plain(claim)
    return claims


def main() -> None:
    """Print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the runs are, or their evaluation files")
    parser.add_argument("--output", type=Path, help="a Markdown file to write")
    arguments = parser.parse_args()
    try:
        evaluations = results.read_evaluations(arguments.folder)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
    claims = published()
    rows = results.rows(evaluations, claims)
    table = Table(*results.HEADER[:SHOWN], title="Negative log-likelihood, nats per image")
    for row in rows:
        table.add_row(*row[:SHOWN])
    Console().print(table)
    if arguments.output is None:
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
            results.markdown(results.HEADER, rows),
            "Sources: " + "; ".join(f"{name}: {c['source']}" for name, c in claims.items()) + ".",
            "## What else was measured",
            "Rates and bounds in nats per image, from one sample each; mutual information is at "
            "most the logarithm of the number of images, 9.21 for 10,000, and the aggregate KL "
            "holds the rest of the rate; accuracies of a linear probe and of 15 nearest neighbours "
            "on posterior means; distances in the features of the MNIST classifier that ships with "
            "vae-lab, which compare with nothing published.",
            results.markdown(("experiment", *results.OTHERS), results.other_rows(evaluations)),
        ]
    )
    runs.write_atomically(arguments.output, text + "\n")
    print(arguments.output)


if __name__ == "__main__":
    main()
