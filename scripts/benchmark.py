"""Speed, as ratios from one run in which the rivals take turns.

python scripts/benchmark.py epoch    # training, beside a bare loop and the usual tutorial
python scripts/benchmark.py epoch --accelerator gpu    # the same, captured in CUDA graphs
python scripts/benchmark.py nll      # log p(x), beside a bare loop of decoder calls
python scripts/benchmark.py parts    # a whole run of `python train.py`: where its seconds go
python scripts/benchmark.py scale    # two processes beside one, sweeps of several jobs at once
python scripts/benchmark.py own      # images in colour, and as files, beside what is usual
python scripts/benchmark.py mapped   # a file of 6 GiB, read from the disk, beside bytes in memory

Prints a table and writes ``docs/benchmarks/<what>.json``.
"""

import argparse
import json
from pathlib import Path

import torch

from benchmarks import epoch, mapped, nll, own, parts, scale
from vae_lab.files import write_atomically
from vae_lab.runs import environment, terminal
from vae_lab.runs.errors import told_in_one_line
from vae_lab.training.advice import quieten

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"
BENCHMARKS = {
    "epoch": epoch, "nll": nll, "parts": parts, "scale": scale, "own": own, "mapped": mapped
}  # fmt: skip


@told_in_one_line()
def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=tuple(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=6, help="turns that are timed")
    parser.add_argument(
        "--accelerator", choices=("cpu", "gpu"), default="cpu", help="of epoch: where it trains"
    )
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    arguments = parser.parse_args()
    quieten()
    is_on_gpu = arguments.accelerator == "gpu"
    if is_on_gpu and (arguments.what != "epoch" or not torch.cuda.is_available()):
        raise ValueError("--accelerator gpu is for epoch, on a machine with a GPU of NVIDIA's")
    options = {"accelerator": "gpu"} if is_on_gpu else {}
    report, table = BENCHMARKS[arguments.what].run(arguments.rounds, **options)
    device = torch.device("cuda" if is_on_gpu else "cpu")
    report["hardware"] = environment.hardware(device, 1)
    report["versions"] = environment.versions()
    name = f"{arguments.what}_gpu" if is_on_gpu else arguments.what
    output = arguments.output or FOLDER / f"{name}.json"
    write_atomically(output, json.dumps(report, indent=2) + "\n")
    terminal.console().print(table)
    print(f"peak resident memory {report['peak_resident_mib']} MiB; written to {output}")


if __name__ == "__main__":
    main()
