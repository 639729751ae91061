"""Each run directory is one entry in a service that tracks experiments, also after a resume."""

import sys
from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import MLFlowLogger, WandbLogger

from vae_lab.training.trackers import MLflow, WeightsAndBiases


@pytest.fixture
def wandb(monkeypatch):
    """Stands in for the library, with Lightning's way of joining a run that is in progress."""
    begun = []
    library = SimpleNamespace(run=None, begun=begun)

    def finish():
        library.run = None

    def init(logger, **options):
        logger._experiment, logger.wanted = None, options["id"]

    def experiment(logger):
        if logger._experiment is None:
            if library.run is None:
                library.run = SimpleNamespace(id=logger.wanted)
                begun.append(logger.wanted)
            logger._experiment = library.run
        return logger._experiment

    library.finish = finish
    monkeypatch.setitem(sys.modules, "wandb", library)
    monkeypatch.setattr(WandbLogger, "__init__", init)
    monkeypatch.setattr(WandbLogger, "experiment", property(experiment))
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    return library


def test_jobs_of_one_process_are_wandb_runs_of_their_own_which_go_on(tmp_path, wandb):
    first, second, resumed = (
        WeightsAndBiases(str(tmp_path / job)).experiment.id for job in ("1", "2", "1")
    )
    assert first != second
    assert resumed == first
    assert wandb.begun == [first, second, first]


def test_an_agent_of_wandb_chooses_the_id(tmp_path, wandb, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "chosen")
    assert WeightsAndBiases(str(tmp_path)).experiment.id == "chosen"


def test_a_resumed_run_goes_on_in_its_mlflow_run(tmp_path, monkeypatch):
    created = []

    def init(logger, tracking_uri, run_id):
        logger._run_id, logger.address = run_id, tracking_uri

    def experiment(logger):
        if logger._run_id is None:
            created.append(f"run_{len(created)}")
            logger._run_id = created[-1]
        return logger

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace())
    monkeypatch.setattr(MLFlowLogger, "__init__", init)
    monkeypatch.setattr(MLFlowLogger, "experiment", property(experiment))
    ids = [MLflow(str(tmp_path)).experiment._run_id for _ in range(2)]
    assert ids == created * 2
    assert MLflow(str(tmp_path)).address == f"sqlite:///{tmp_path}/mlflow.db"
    with pytest.raises(ValueError, match=r"does not take a path with '\?'"):
        MLflow("runs/a?b")
