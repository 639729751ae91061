"""The run directory: the one place that knows what the files of a run are called.

::

    runs/<name>/<date>_<time>/
      .hydra/                    the composed configuration, the overrides, and Hydra's own
      .lock                      held while a process trains here
      .<tracker>_id              by which wandb or mlflow knows the run
      checkpoints/               best.ckpt, last.ckpt, and previous.ckpt, which was last before
      events.out.tfevents.*      TensorBoard
      00000/default/             TensorBoard's projector
      metrics.csv                step, epoch, metric, value
      images/                    the newest pictures; film/ has the frames of the film
      summary.json               final metrics, seconds, versions, status, ...
      evaluation.json            what scripts/evaluate.py measured
      traceback_<rank>.txt       of a process that failed
      export/<format>/           what scripts/export.py wrote
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from vae_lab.files import write_atomically
from vae_lab.runs import lock, trust
from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.runs.curves import Point, read_curves
from vae_lab.runs.instantiate import read_plain, to_plain

if TYPE_CHECKING:
    from vae_lab.data import ImageDataModule
    from vae_lab.model.contract import Model

SUMMARY = "summary.json"
DESCRIPTION = ("name", "seed", "latent_dim", "model", "objective", "data", "published")
DONE = ("completed", "pruned")  # the status of a run that nothing is left to do for


class RunDir:
    """What a run has left in its directory, or will leave there.

    Nothing is read before it is asked for, and the directory need not exist yet.

    Args:
        path: the directory.
        trusted: modules of the user's own that ``open_model`` and ``open_data`` may build from.
    """

    def __init__(self, path: str | os.PathLike[str], trusted: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.trusted = trusted
        hydra = self.path / ".hydra"
        self.config_file = hydra / "config.yaml"
        self.overrides_file = hydra / "overrides.yaml"
        self.hydra_file = hydra / "hydra.yaml"
        self.summary_file = self.path / SUMMARY
        self.metrics_file = self.path / "metrics.csv"
        self.images = self.path / "images"
        self.frames_folder = self.images / "film"
        self.projector = self.path / "00000" / "default"
        self.best, self.last, self.next, self.previous = (
            self.path / "checkpoints" / f"{name}.ckpt"
            for name in ("best", "last", "next", "previous")
        )

    @classmethod
    def begun_in(cls, folder: Path) -> list[Self]:
        """Return the runs right below a folder that have begun to train, by name."""
        return [cls(path.parent) for path in sorted(folder.glob(f"*/{SUMMARY}"))]

    @property
    def name(self) -> str:
        """What the directory is called."""
        return self.path.name

    @property
    def is_composed(self) -> bool:
        """Whether there is a configuration."""
        return self.config_file.is_file()

    @property
    def is_begun(self) -> bool:
        """Whether the run has begun to train."""
        return self.summary_file.is_file()

    @property
    def is_trained(self) -> bool:
        """Whether there is a checkpoint to open the model from."""
        return self.best.is_file() or self.last.is_file()

    @property
    def changed(self) -> float:
        """When a run that has begun was last started, or ended, in seconds of the clock."""
        return self.summary_file.stat().st_mtime

    # what it was told

    def config(self) -> DictConfig:
        """Return the configuration, with the run directory where it lies now, to train by.

        What opens a run that may be somebody else's takes ``description``.

        Raises:
            FileNotFoundError: if this is no run.
            ValueError: if the configuration is damaged.
        """
        if not self.is_composed:
            place = self.config_file.relative_to(self.path)
            raise FileNotFoundError(f"{self.path} is not a run directory: it has no {place}")
        try:
            config = self.saved_config()
            OmegaConf.set_struct(config, True)
            config.run_dir = str(self.path.resolve())
        except OmegaConfBaseException as error:
            raise _damaged(self.config_file, error) from error
        return config

    def saved_config(self) -> DictConfig:
        """Return the configuration as it was written.

        Raises:
            ValueError: if it is damaged.
        """
        return cast(DictConfig, _load(self.config_file, DictConfig))

    def description(self) -> dict[str, Any]:
        """Return what model and data are, as plain data: the keys of ``DESCRIPTION``.

        Raises:
            FileNotFoundError: if this is no run.
            ValueError: if the configuration is damaged, or refers to anything outside itself.
        """
        config = self.config()
        try:
            return trust.inward(config, DESCRIPTION)
        except ValueError as error:
            raise ValueError(f"{self.config_file}: {error}") from error

    def settings(self) -> dict[str, Any]:
        """Return the configuration as plain data, interpolations as they stand; or nothing.

        For reading many runs, as ``config`` is slower.

        Raises:
            ValueError: if the file is damaged.
        """
        return read_plain(self.config_file)

    def hydra(self) -> dict[str, Any]:
        """Return what Hydra noted of the run: its choices, its command; or nothing.

        Raises:
            ValueError: if the file is damaged.
        """
        return read_plain(self.hydra_file).get("hydra", {})

    def overrides(self) -> list[str]:
        """Return the command line that made the run.

        Raises:
            ValueError: if the file is damaged.
        """
        path = self.overrides_file
        return to_plain(_load(path, ListConfig), resolve=False) if path.exists() else []

    def write_config(self, config: DictConfig, overrides: Sequence[str]) -> None:
        """Write the command line, and last the configuration, which makes this a run to others."""
        lines = OmegaConf.to_yaml(OmegaConf.create(list(overrides)))
        write_atomically(self.overrides_file, lines)
        write_atomically(self.config_file, OmegaConf.to_yaml(config))

    def write_hydra(self, composed: Any) -> None:  # noqa: ANN401
        """Write what Hydra noted of the run."""
        write_atomically(self.hydra_file, OmegaConf.to_yaml(OmegaConf.create({"hydra": composed})))

    # what became of it

    def summary(self) -> dict[str, Any]:
        """Return how the run ended, or nothing if it never began.

        Raises:
            ValueError: if the file is damaged.
        """
        path = self.summary_file
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is damaged: {error}") from error

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write how the run stands."""
        write_atomically(self.summary_file, json.dumps(summary, indent=2) + "\n")

    def update_summary(self, **changes: str) -> None:
        """Change parts of the summary; a damaged one is replaced."""
        try:
            summary = self.summary()
        except ValueError:
            summary = {}
        self.write_summary(summary | changes)

    def result(self) -> float | None:
        """Return what a run that is done is compared by, at its best epoch."""
        summary = self.summary()
        return summary["metrics"].get(summary["compared_by"])

    def curves(self) -> dict[str, list[Point]]:
        """Return the points of each metric, as far as they can be read; nothing without a file."""
        return read_curves(self.metrics_file) if self.metrics_file.exists() else {}

    def curve(self, metric: str) -> dict[int, float]:
        """Return the values of a metric by training step.

        Raises:
            FileNotFoundError: if there are no curves.
            ValueError: if the metric is not among them.
        """
        curves = read_curves(self.metrics_file)
        if metric not in curves:
            raise ValueError(f"{self.metrics_file} has no metric {metric}")
        return {point.step: point.value for point in curves[metric]}

    def write_traceback(self, rank: int, text: str) -> None:
        """Write why process ``rank`` failed."""
        write_atomically(self.path / f"traceback_{rank}.txt", text)

    def failure(self) -> str:
        """Return the last line of the first traceback, empty if there is none."""
        for path in sorted(self.path.glob("traceback_*.txt")):
            lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return lines[-1]
        return ""

    def evaluation_file(self, *peculiarities: str) -> Path:
        """Return where an evaluation lies.

        Args:
            peculiarities: what tells it from the usual one, such as other data or another split.
        """
        return self.path / f"{'_'.join(['evaluation', *peculiarities])}.json"

    def export_folder(self, target: str) -> Path:
        """Return where the model lies that was exported to the format ``target``."""
        return self.path / "export" / target

    def tracker_id(self, tracker: str) -> str | None:
        """Return by which id a service that tracks experiments knows the run, if it does."""
        path = self._tracker_file(tracker)
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    def keep_tracker_id(self, tracker: str, run_id: str) -> None:
        """Write down by which id ``tracker`` knows the run."""
        write_atomically(self._tracker_file(tracker), run_id + "\n")

    def _tracker_file(self, tracker: str) -> Path:
        return self.path / f".{tracker}_id"

    # what it has learned

    @property
    def weights(self) -> Path:
        """The best checkpoint, or the last if there is no best.

        Raises:
            FileNotFoundError: if there is neither.
        """
        for path in (self.best, self.last):
            if path.exists():
                return path
        raise FileNotFoundError(
            f"{self.path} holds no checkpoint: the run ended before its first epoch"
        )

    def best_metrics(self) -> dict[str, float]:
        """Return ``val/…`` of the best epoch so far; nothing before the first.

        Raises:
            ValueError: if the checkpoint is damaged.
        """
        return read_checkpoint(self.best)["metrics"] if self.best.exists() else {}

    def checkpoints_to_resume(self) -> list[Path]:
        """Return the checkpoints from which the run can go on, the newest first.

        ``next.ckpt`` lies there where the process died before it could become ``last.ckpt``.
        """
        return [path for path in (self.last, self.next, self.previous) if path.exists()]

    def open_model(self) -> "Model":
        """Return the trained model, in evaluation mode, on the CPU.

        Raises:
            FileNotFoundError: if this is no run, or there is no checkpoint.
            ValueError: if the checkpoint does not fit the configuration, or that names what is
                not trusted.
        """
        model = trust.build(self.description()["model"], "model", self.trusted)
        path, prefix = self.weights, "model."
        state = {k.removeprefix(prefix): v for k, v in read_checkpoint(path)["state_dict"].items()}
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"{path} does not fit the model in {self.config_file}") from error
        return model.eval()

    def open_data(
        self, *stages: Literal["fit", "test"], dataset: str | None = None
    ) -> "ImageDataModule":
        """Return the data that the run was trained on, read and ready.

        Args:
            stages: ``fit`` for training and validation images, ``test`` for test images.
            dataset: read this one in the same way instead.

        Raises:
            FileNotFoundError: if this is no run, or the data are missing.
            ValueError: if the configuration or the data are damaged, or have no ``dataset`` to
                change, or the configuration names what is not trusted.
        """
        config = self.description()["data"]
        if dataset is not None:
            if "dataset" not in config:
                raise ValueError(f"--data is for runs on MNIST's format, and {self.path} is none")
            config["dataset"] = dataset
        data = trust.build(config, "data", self.trusted)
        data.prepare_data()
        for stage in stages:
            data.setup(stage)
        return data

    # what it shows

    def write_picture(self, name: str, content: bytes) -> None:
        """Write the file ``name`` among the pictures."""
        write_atomically(self.images / name, content)

    def write_frame(self, step: int, content: bytes) -> int:
        """Keep a frame of the film, drawn after ``step`` training steps; return how many there are.

        Args:
            step: of training.
            content: a PNG.
        """
        write_atomically(self.frames_folder / f"step_{step:08d}.png", content)
        return len(self._frames())

    def frames(self) -> list[Path]:
        """Return the frames of the film, in order.

        Raises:
            FileNotFoundError: if there are none.
        """
        if not (frames := self._frames()):
            raise FileNotFoundError(
                f"{self.path} holds no frames of learning: they are kept by a run with "
                "callbacks=film"
            )
        return frames

    def frames_by_step(self) -> dict[int, Path]:
        """Return the frames of the film by training step, in order; nothing if none were kept."""
        return {int(path.stem.rpartition("_")[2]): path for path in self._frames()}

    def _frames(self) -> list[Path]:
        return sorted(self.frames_folder.glob("step_*.png"))

    # who works on it

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes out of the run for as long as the context lasts.

        Raises:
            LockedError: if another process trains here.
        """
        return lock.held(self._lock)

    def is_locked(self) -> bool:
        """Tell whether a process trains here."""
        return lock.is_held(self._lock)

    @property
    def _lock(self) -> Path:
        return self.path / ".lock"


def _load(path: Path, kind: type[DictConfig] | type[ListConfig]) -> DictConfig | ListConfig:
    """Read a file of Hydra's; its loader makes no objects, whatever tags it finds.

    Raises:
        ValueError: if it does not hold what it should.
    """
    try:
        config = OmegaConf.load(path)
    except (YAMLError, OmegaConfBaseException) as error:
        raise _damaged(path, error) from error
    if not isinstance(config, kind):
        raise _damaged(path, "it holds something else")
    return config


def _damaged(path: Path, reason: object) -> ValueError:
    return ValueError(f"{path} is not what vae-lab wrote: {reason}")
