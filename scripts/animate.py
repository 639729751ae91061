"""Films of a trained run, as GIF and MP4: how it learned, and ways through its latent space.

python scripts/animate.py runs/<run>
python scripts/animate.py runs/<run> --what walk --output films
python scripts/animate.py runs/<run> --what walk --label 7

Learning is shown by the frames that a run with callbacks=film keeps; it may be still running.
"""

import argparse
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from vae_lab.files import write_atomically
from vae_lab.model.conditioning import label_number
from vae_lab.model.contract import Model
from vae_lab.pictures import films, journeys
from vae_lab.runs import trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT, the_run
from vae_lab.runs.rundir import RunDir

IMAGES = 2000
WALK_STEPS, LEG_STEPS, REST_STEPS = 160, 12, 5
SECONDS_PER_STEP = 0.08
LONGEST_CAPTION = 3  # numbers


def codes_of(run: RunDir, model: Model) -> tuple[Tensor, Tensor, Sequence[str]]:
    """Return the posterior means (N, D) of the run's examples, their classes (N,), and names."""
    data = run.open_data("fit")
    images, labels = data.examples(IMAGES)
    return model.encode(images, labels).mean, labels, data.class_names


def learning(run: RunDir, label: str | None) -> films.Film:
    """Join the frames that the run has kept."""
    return films.learning(run.frames())


def walk(run: RunDir, label: str | None) -> films.Film:
    """Walk along a closed path through the region where the codes lie, as one class."""
    model = run.open_model()
    codes, labels, class_names = codes_of(run, model)
    path = journeys.closed_walk(codes, WALK_STEPS, model.posterior.support)
    captions = [f"z = ({', '.join(f'{value:.1f}' for value in z)})" for z in path.tolist()]
    is_short = model.latent_dim <= LONGEST_CAPTION
    captions = captions if is_short else ["decoded"] * len(path)
    seen_as = None
    if model.class_names:
        number = 0 if label is None else label_number(class_names, label, "--label")
        captions = [f"{caption} as {class_names[number]}" for caption in captions]
        seen_as = torch.full((len(path),), number)
    return travel(model, codes, labels, class_names, path, captions, seen_as)


def interpolation(run: RunDir, label: str | None) -> films.Film:
    """Go from a typical image of each class to one of the next, and back to the first.

    A model that knows labels is told the class that is nearer.
    """
    model = run.open_model()
    codes, labels, class_names = codes_of(run, model)
    chosen = journeys.typical(codes, labels)
    way = journeys.WAYS[model.posterior.support]
    path = journeys.round_trip(codes[chosen], LEG_STEPS, way, rest=REST_STEPS)
    names = [class_names[int(label)] for label in labels[chosen]]
    captions = []
    halves = labels[chosen].cpu(), labels[chosen].roll(-1).cpu()
    legs = [
        torch.cat([start.repeat(REST_STEPS + LEG_STEPS // 2 + 1), end.repeat(LEG_STEPS // 2 - 1)])
        for start, end in zip(*halves, strict=True)
    ]
    for start, end in zip(names, [*names[1:], names[0]], strict=True):
        captions += [start] * REST_STEPS + [f"{start} → {end}"] * LEG_STEPS
    return travel(model, codes, labels, class_names, path, captions, torch.cat(legs))


def travel(
    model: Model,
    codes: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    path: Tensor,
    captions: list[str],
    seen_as: Tensor | None,
) -> films.Film:
    """Film a journey along ``path`` (S, D), with the label of each frame (S,)."""
    decoded = model.decode(path, seen_as).mean
    frames = films.journey(codes, labels, class_names, path, decoded, captions)
    return films.Film(frames, SECONDS_PER_STEP, SECONDS_PER_STEP)


FILMS: dict[str, Callable[[RunDir, str | None], films.Film]] = {
    "learning": learning,
    "walk": walk,
    "interpolation": interpolation,
}


@told_in_one_line()
def main() -> None:
    """Make the films that the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help=MEANT)
    parser.add_argument("--what", choices=(*FILMS, "all"), default="all", help="default: all")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: <run>/images")
    parser.add_argument("--label", metavar="CLASS", help="which class walk shows, of a model that "
                        "knows labels; default: the first")  # fmt: skip
    trust.add_option(parser)
    arguments = parser.parse_args()
    run = RunDir(the_run(arguments.run), arguments.trust)
    output = arguments.output or run.images

    torch.manual_seed(0)
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        raise ValueError("MP4 needs imageio-ffmpeg: pip install 'vae-lab[film]'")
    run.description()
    if arguments.label is not None:
        label_number(run.open_model().class_names, arguments.label, "--label")
    for name, make in FILMS.items():
        if arguments.what in (name, "all"):
            try:
                with torch.no_grad():
                    made = make(run, arguments.label)
            except FileNotFoundError as error:
                if arguments.what != "all" or name != "learning":
                    raise
                print(f"no film of learning: {error}", file=sys.stderr)
                continue
            for path, content in (
                (output / f"{name}.gif", made.gif()),
                (output / f"{name}.mp4", made.mp4()),
            ):
                write_atomically(path, content)
                print(path)


if __name__ == "__main__":
    main()
