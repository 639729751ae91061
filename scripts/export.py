"""A trained run for other programs: encoder and decoder as ONNX or torch programs, or the weights.

python scripts/export.py runs/<run> --to onnx         # encoder.onnx, decoder.onnx
python scripts/export.py runs/<run> --to torch        # encoder.pt2, decoder.pt2
python scripts/export.py runs/<run> --to safetensors  # config.json, model.safetensors

Every file is run and compared with the run before its name is printed.
"""

import argparse
import sys
from pathlib import Path

import vae_lab
from vae_lab.runs import trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT
from vae_lab.runs.rundir import RunDir
from vae_lab.trained import export
from vae_lab.trained.pretrained import folder_meant


@told_in_one_line()
def main() -> None:
    """Export what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help=MEANT)
    parser.add_argument("--to", choices=tuple(export.TARGETS), required=True, help="the format")
    parser.add_argument("--output", type=Path, help="a folder; default: <run>/export/<format>")
    trust.add_option(parser)
    arguments = parser.parse_args()
    run = RunDir(folder_meant(arguments.run))
    folder = arguments.output or run.export_folder(arguments.to)
    trained = vae_lab.load(run.path, arguments.trust)
    written = export.export(trained, arguments.to, folder)
    caveat = export.encoder_caveat(trained) if arguments.to != "safetensors" else None
    if caveat is not None:
        print(caveat, file=sys.stderr)
    for path in written:
        print(path)


if __name__ == "__main__":
    main()
