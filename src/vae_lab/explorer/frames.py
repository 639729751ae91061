"""The frames of a run's film of learning, and how far the run was at each."""

from pathlib import Path
from typing import Any, NamedTuple

from vae_lab.runs.rundir import RunDir

METRIC = "val/bound"


class Frame(NamedTuple):
    """A picture of the film.

    Attributes:
        path: of the PNG.
        step: how many training steps were done before it was drawn.
        epoch: how many epochs; None if the curves do not tell.
        bound: what the objective maximised, on validation images in nats; None likewise.
    """

    path: Path
    step: int
    epoch: int | None
    bound: float | None

    def describe(self) -> dict[str, Any]:
        """Return what the page says about the frame, as JSON has it."""
        return {"step": self.step, "epoch": self.epoch, "bound": self.bound}


def kept_frames(run: RunDir) -> list[Frame]:
    """Return the frames in order; none if the run kept no film."""
    curves = run.curves()
    bounds = {point.step: point.value for point in curves.get(METRIC, [])}
    epochs = {point.step: point.epoch + 1 for points in curves.values() for point in points}
    return [
        Frame(path, step + 1, epochs.get(step), bounds.get(step))
        for step, path in run.frames_by_step().items()
    ]
