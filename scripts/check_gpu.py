"""Does a GPU train what a processor's called steps train, and how fast? Three minutes.

python scripts/check_gpu.py                      # on a machine with a GPU of NVIDIA's
python scripts/check_gpu.py --accelerator cpu    # the same paths; a stand-in plays the graphs

Trains a few steps of every option in ``conf/`` called and captured, and compares the weights;
resumes a captured run; tries what cannot be captured; then measures training beside bare loops, and
validation. Prints one table and writes one JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same sums in the same order

import torch

sys.path.insert(
    0, str(Path(__file__).parents[1] / "src")
)  # from a source tree that is not installed

from gpu_checks.equality import check_fallbacks, check_options, check_placement, check_resume
from gpu_checks.finding import Finding, table_of
from gpu_checks.speed import measure
from gpu_checks.training import Lab
from vae_lab.files import write_atomically
from vae_lab.runs import environment, terminal
from vae_lab.runs.errors import told_in_one_line
from vae_lab.training.advice import quieten

OUTPUT = Path(__file__).parents[1] / "docs" / "benchmarks" / "check_gpu.json"


@told_in_one_line()
def main() -> None:
    """Check, measure, and exit with 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accelerator", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument(
        "--only", nargs="*", help="options, such as objective=iwae, in place of all"
    )
    parser.add_argument("--no-speed", action="store_true", help="check alone")
    parser.add_argument("--output", type=Path, help="where the JSON goes")
    arguments = parser.parse_args()
    if arguments.accelerator == "gpu" and not torch.cuda.is_available():
        raise SystemExit("this machine has no GPU of NVIDIA's; --accelerator cpu tries the rest")
    quieten()
    began = time.perf_counter()
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), arguments.accelerator)
        checks = (
            check_options(lab, arguments.only),
            check_resume(lab),
            check_placement(lab),
            check_fallbacks(lab),
        )
        for check in checks:
            for finding in check:
                findings.append(finding)
                print(finding.line, flush=True)
        speed = {} if arguments.no_speed else measure(lab)
    device = lab.device
    report = {
        "accelerator": arguments.accelerator,
        "findings": [finding.as_dict() for finding in findings],
        "speed": speed,
        "seconds": time.perf_counter() - began,
        "hardware": environment.hardware(device, 1),
        "versions": environment.versions(),
    }
    output = arguments.output or OUTPUT
    write_atomically(output, json.dumps(report, indent=2) + "\n")
    terminal.console().print(table_of(findings, speed))
    print(f"{report['seconds']:.0f} s; written to {output}")
    if any(finding.is_bad for finding in findings):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
