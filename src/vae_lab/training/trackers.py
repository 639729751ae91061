"""Services that keep the curves of many runs: one entry for each run directory, which goes on."""

import os
import sys
import uuid
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import MLFlowLogger, WandbLogger

from vae_lab.extras import require
from vae_lab.runs.rundir import RunDir


class WeightsAndBiases(WandbLogger):
    """A run of Weights & Biases, whose id is kept in the run directory.

    Args:
        run_dir: the run directory.
        **options: of Lightning's logger.

    Raises:
        MissingExtraError: if wandb is not installed.
    """

    def __init__(self, run_dir: str, **options: Any) -> None:  # noqa: ANN401
        require("wandb", extra="wandb")
        run = RunDir(run_dir)
        # an agent of W&B's own sweeps has chosen the id already
        chosen = run.tracker_id("wandb") or os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:8]
        super().__init__(save_dir=run_dir, id=chosen, **options)
        self.run = run
        self.chosen = chosen

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401
        """The run; that of the job before, which the same process ran, is over."""
        if self._experiment is None:
            wandb: Any = sys.modules["wandb"]
            if wandb.run is not None and wandb.run.id != self.chosen:
                wandb.finish()
            self.run.keep_tracker_id("wandb", self.chosen)
        return super().experiment


class MLflow(MLFlowLogger):
    """A run of MLflow, whose id is kept in the run directory.

    Args:
        run_dir: the run directory.
        tracking_uri: of a server; null: a database in the run directory.
        **options: of Lightning's logger.

    Raises:
        MissingExtraError: if mlflow is not installed.
        ValueError: if the run directory cannot hold a database.
    """

    def __init__(self, run_dir: str, tracking_uri: str | None = None, **options: Any) -> None:  # noqa: ANN401
        require("mlflow", extra="mlflow")
        if tracking_uri is None and "?" in run_dir:
            raise ValueError(f"logger=mlflow: SQLite does not take a path with '?': {run_dir}")
        run = RunDir(run_dir)
        super().__init__(
            tracking_uri=tracking_uri or f"sqlite:///{run_dir}/mlflow.db",
            run_id=run.tracker_id("mlflow"),
            **options,
        )
        self.run = run

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401
        """The client."""
        is_new = self._run_id is None
        client = super().experiment
        if is_new:
            self.run.keep_tracker_id("mlflow", str(self._run_id))
        return client
