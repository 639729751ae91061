r"""The run that ships with the explorer, from one that was trained.

python train.py name=example latent_dim=2 'model.encoder.hidden_sizes=[128]' \
    'model.decoder.hidden_sizes=[128]' callbacks=film trainer.max_epochs=20
python scripts/maintenance/make_example.py runs/example/<date>_<time>

Kept is what the explorer reads, made small: weights in half precision and without the optimiser's
state, the curves of validation, five frames of the film in fewer colours.
"""

import argparse
import csv
import io
import shutil
from pathlib import Path

import torch
from omegaconf import OmegaConf
from PIL import Image

from vae_lab.explorer.frames import kept_frames
from vae_lab.files import write_atomically
from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.runs.rundir import RunDir

EXAMPLE = Path(__file__).parents[2] / "src" / "vae_lab" / "explorer" / "example"
KEPT = ("epoch", "pixels", "metrics")
EPOCHS = (1, 2, 5, 10, 20)
COLORS = 64


def weights(run: RunDir) -> bytes:
    """Return the best checkpoint, as small as it gets."""
    checkpoint = read_checkpoint(run.best)
    state = {name: value.half() for name, value in checkpoint["state_dict"].items()}
    buffer = io.BytesIO()
    torch.save({name: checkpoint[name] for name in KEPT} | {"state_dict": state}, buffer)
    return buffer.getvalue()


def curves(run: RunDir) -> str:
    """Return the lines of ``metrics.csv`` that are about validation, and its header."""
    header, *rows = csv.reader(io.StringIO(run.metrics_file.read_text(encoding="utf-8")))
    lines = [header, *(row for row in rows if row[2].startswith("val/"))]
    return "".join(",".join(line) + "\n" for line in lines)


def smaller(picture: Path) -> bytes:
    """Return a picture with few colours, as a PNG."""
    buffer = io.BytesIO()
    few = Image.open(picture).convert("RGB").quantize(COLORS, Image.Quantize.MAXCOVERAGE)
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Replace the run that ships."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the trained run")
    run, example = RunDir(parser.parse_args().run), RunDir(EXAMPLE)
    for path in (example.config_file.parent, example.best.parent, example.images):
        shutil.rmtree(path, ignore_errors=True)
    config = run.saved_config()
    config.run_dir = EXAMPLE.name  # the folder is asked where it lies
    write_atomically(example.config_file, OmegaConf.to_yaml(config))
    write_atomically(example.best, weights(run))
    write_atomically(example.metrics_file, curves(run))
    for frame in kept_frames(run):
        if frame.epoch in EPOCHS:
            example.write_frame(frame.step - 1, smaller(frame.path))
    files = sorted(path for path in EXAMPLE.rglob("*") if path.is_file())
    for path in files:
        print(f"{path.stat().st_size / 1000:7.1f} kB  {path.relative_to(EXAMPLE)}")
    print(f"{sum(path.stat().st_size for path in files) / 1000:7.1f} kB")


if __name__ == "__main__":
    main()
