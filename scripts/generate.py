"""Images from a trained run: at a point of latent space, from the prior, or reconstructed.

python scripts/generate.py runs/<run> --at 0.5,-1.2
python scripts/generate.py runs/<run> --num 64 --temperature 0.8
python scripts/generate.py runs/<run> --reconstruct test
"""

import argparse
import io
import sys
from itertools import chain, count
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

import vae_lab
from vae_lab.data import Split
from vae_lab.files import write_atomically
from vae_lab.model.code_posteriors import CodePosterior
from vae_lab.pictures import plots
from vae_lab.runs import trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT
from vae_lab.runs.rundir import RunDir
from vae_lab.trained.loaded import TrainedVAE
from vae_lab.trained.pretrained import folder_meant


def at_point(trained: TrainedVAE, point: str) -> Image.Image:
    """Decode one point, given as comma-separated coordinates, or as the values of a code.

    Raises:
        ValueError: if these are not ``trained.latent_dim`` numbers, or, for discrete codes, a value
            for each unit.
    """
    posterior = trained.model.posterior
    if isinstance(posterior, CodePosterior):
        codes = _values(posterior, point)
        return plots.image_grid(trained.decode(posterior.embed(codes)[None]), f"code ({point})")
    try:
        z = torch.tensor([float(number) for number in point.split(",")])
    except ValueError:
        raise ValueError(f"--at takes numbers separated by commas, got {point}") from None
    if len(z) != trained.latent_dim or not z.isfinite().all():
        raise ValueError(
            f"--at takes {trained.latent_dim} finite numbers for this run, got {point}"
        )
    return plots.image_grid(trained.decode(z[None]), f"z = ({point})")


def _values(posterior: CodePosterior, point: str) -> Tensor:
    """Read the values of a discrete code, one for each unit, (D,)."""
    units, most = posterior.num_units, posterior.code_shape[1] - 1
    given = point.split(",")
    if len(given) != units or not all(v.strip().isdecimal() and int(v) <= most for v in given):
        raise ValueError(
            f"--at takes {units} whole numbers from 0 to {most} for this run, a value for each "
            f"unit of its code, got {point}"
        )
    return torch.tensor(list(map(int, given)))


def samples(trained: TrainedVAE, num: int, temperature: float, seed: int) -> Image.Image:
    """Decode samples from the prior.

    Raises:
        ValueError: if ``num`` or ``temperature`` is out of its range.
    """
    if num < 1:
        raise ValueError(f"--num must be at least 1, got {num}")
    title = "Samples" if temperature == 1 else f"Samples, temperature {temperature:g}"
    return plots.image_grid(trained.sample(num, temperature, seed), title)


def reconstruction(trained: TrainedVAE, run: RunDir, split: Split, num: int) -> Image.Image:
    """Show images of a split over their reconstructions."""
    data = run.open_data("test" if split == "test" else "fit")
    images = data.images(split, num)
    if not len(images):
        raise ValueError(f"this run has no {split} images")
    rows = {f"{split} images": images, "reconstructions": trained.reconstruct(images)}
    return plots.image_rows(rows, f"Reconstructions of {split} images")


def free_path(output: Path | None, images: Path) -> Path:
    """Return where the picture goes, so that none is lost: generated.png, generated_2.png, ….

    Raises:
        ValueError: if the user named a file that is there.
    """
    if output is not None:
        if output.exists():
            raise ValueError(f"{output} is there already; delete it or give another --output")
        return output
    names = chain(["generated"], (f"generated_{number}" for number in count(2)))
    return next(path for name in names if not (path := images / f"{name}.png").exists())


def encoded(picture: Image.Image, suffix: str) -> bytes:
    """Return the bytes of a picture file.

    Raises:
        ValueError: if no kind of picture has this suffix.
    """
    kinds = Image.registered_extensions()
    if suffix.lower() not in kinds:
        raise ValueError(
            f"--output is a picture such as generated.png; {suffix!r} is no kind of picture"
        )
    buffer = io.BytesIO()
    picture.save(buffer, kinds[suffix.lower()])
    return buffer.getvalue()


def _joined(arguments: list[str]) -> list[str]:
    """Return ``--at=-1,2`` for ``--at -1,2``, which argparse would take for two options."""
    if "--at" not in arguments[:-1]:
        return arguments
    at = arguments.index("--at")
    return [*arguments[:at], f"--at={arguments[at + 1]}", *arguments[at + 2 :]]


@told_in_one_line()
def main() -> None:
    """Make the picture that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help=MEANT)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--at", metavar="Z1,Z2,...", help="decode this point of latent space")
    what.add_argument("--num", type=int, help="decode this many samples from the prior")
    what.add_argument("--reconstruct", choices=("train", "val", "test"), metavar="SPLIT",
                      help="reconstruct ten images of train, val or test")  # fmt: skip
    parser.add_argument("--temperature", type=float, metavar="T",
                        help="with --num: times the prior's standard deviation (1)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument("--output", type=Path, help="default: <run>/images/generated.png, "
                        "numbered if there is one")  # fmt: skip
    trust.add_option(parser)
    arguments = parser.parse_args(_joined(sys.argv[1:]))
    run = RunDir(folder_meant(arguments.run), arguments.trust)
    output = free_path(arguments.output, run.images)

    if arguments.temperature is not None and arguments.num is None:
        raise ValueError("--temperature goes with --num: it changes what is sampled")
    trained = vae_lab.load(run.path, arguments.trust)
    if arguments.at is not None:
        picture = at_point(trained, arguments.at)
    elif arguments.num is not None:
        temperature = 1.0 if arguments.temperature is None else arguments.temperature
        picture = samples(trained, arguments.num, temperature, arguments.seed)
    else:
        picture = reconstruction(trained, run, arguments.reconstruct, num=10)
    write_atomically(output, encoded(picture, output.suffix))
    print(output)


if __name__ == "__main__":
    main()
