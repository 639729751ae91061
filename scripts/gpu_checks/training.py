"""Short trainings in this process, captured or called."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from vae_lab.data.batches import ImageTensors
from vae_lab.training import build as building
from vae_lab.training import capture
from vae_lab.training.build import Experiment

ROOT = Path(__file__).parents[2]
IMAGES = 1200  # that are trained on: ten batches of 110 and a last one of another size
SHORT = (
    "callbacks=bare",
    "~callbacks.learning_rate",
    "~callbacks.progress",
    "+trainer.enable_progress_bar=false",
    "logger.tensorboard=null",
    "trainer.max_epochs=2",
    "+trainer.limit_val_batches=1",
    "trainer.log_every_n_steps=5",
    "data.batch_size=110",
)


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        tensors: weights, what the optimiser remembers, and logged means, by name, on the host.
        said: warnings.
        replays: of the stand-in; on a GPU unknown, None.
        experiment: what trained.
    """

    tensors: dict[str, Tensor]
    said: list[str]
    replays: int | None
    experiment: Experiment

    @property
    def why_called(self) -> str | None:
        """Why steps were not captured, or None if they were."""
        return next((s.split(": ", 1)[-1] for s in self.said if "not captured in" in s), None)


class Lab:
    """Builds and trains.

    Args:
        folder: for runs.
        accelerator: ``gpu``, or ``cpu``, where a stand-in plays the graphs.
    """

    def __init__(self, folder: Path, accelerator: str) -> None:
        self.folder = folder
        self.accelerator = accelerator
        self.device = torch.device("cuda" if accelerator == "gpu" else "cpu")
        self._splits: dict[Any, ImageTensors] | None = None

    def build(self, *overrides: str, cuda_graphs: bool) -> Experiment:
        """Return the experiment of ``python train.py <overrides>``, with few images."""
        if self.accelerator == "cpu":
            stand_in = capture.CalledAgain() if cuda_graphs else None
            for module in (capture, building):
                setattr(module, "graphs_on", lambda device: stand_in)  # noqa: B010
        with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            cfg = hydra.compose(
                "train",
                [
                    f"run_dir={self.folder}",
                    f"trainer={self.accelerator}",
                    *SHORT,
                    f"cuda_graphs={str(cuda_graphs).lower()}",
                    *overrides,
                ],
            )
        experiment = building.build(cfg)
        data = experiment.datamodule
        if self._splits is None:
            data.prepare_data()
            data.setup("fit")
            train = data.splits["train"]
            data.splits["train"] = ImageTensors(train.images[:IMAGES], train.labels[:IMAGES])
            self._splits = dict(data.splits)
        data.splits = dict(self._splits)
        initialize = experiment.module.model.prior.initialize
        initialize(lambda: data.splits["train"].images.float().div(255))
        return experiment

    def train(self, *overrides: str, cuda_graphs: bool, resume: Path | None = None) -> Trained:
        """Train, and return what came of it."""
        experiment = self.build(*overrides, cuda_graphs=cuda_graphs)
        trainer: Trainer = experiment.trainer
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer.fit(experiment.module, datamodule=experiment.datamodule, ckpt_path=resume)
        memory = trainer.optimizers[0].state_dict()["state"]
        tensors = {
            **experiment.module.state_dict(),
            **{
                f"optimizer.{number}.{key}": value
                for number, state in memory.items()
                for key, value in state.items()
                if isinstance(value, Tensor)
            },
            **{k: v for k, v in trainer.logged_metrics.items() if "images_per" not in k},
        }
        on_host = {name: value.detach().cpu().clone() for name, value in tensors.items()}
        graphs = capture.graphs_on(self.device) if self.accelerator == "cpu" else None
        replays = graphs.replays if isinstance(graphs, capture.CalledAgain) else None
        return Trained(on_host, [str(w.message) for w in caught], replays, experiment)
