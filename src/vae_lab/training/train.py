"""One run from configuration to summary: build, fit, test, write down."""

import contextlib
import gc
import logging
import os
import threading
import time
import traceback
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch.distributed import DistError

from vae_lab.evaluation.information import information
from vae_lab.extras import MissingExtraError
from vae_lab.runs import environment, launch, overrides, processes, rundir, sweeps, terminal
from vae_lab.training.build import Experiment, build
from vae_lab.training.loggers import MetricsCSV, TensorBoard

# What a user can mend: reported in one line. Anything else is our mistake and keeps its traceback.
USER_ERRORS = (
    ValueError,
    OSError,
    FloatingPointError,
    MissingExtraError,
    MisconfigurationException,
    OmegaConfBaseException,
)
BEST = Path("checkpoints") / "best.ckpt"
INFORMATION = ("active_units", "mutual_information", "aggregate_kl", "reconstruction_mse")
INFORMATION_IMAGES = 5000
PROCESS_LOST = "another process of this run has ended before its time; what it said stands above"

# Lightning's advice that does not fit, and a deprecation inside it: data lie in memory, checkpoints
# are replaced on purpose, and the module's hook precedes the data module's on purpose.
UNWANTED_WARNINGS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "You have overridden `on_before_batch_transfer` in `LightningModule`",
    "The '.*_dataloader' does not have many workers",
    "Checkpoint directory .* exists and is not empty",
    "The number of training batches .* is smaller than the logging interval",
    "Total length of `list` across ranks is zero",
    "You defined a `validation_step` but have no `val_dataloader`",
    "Metric `Kernel Inception Distance` will save all extracted features",
)


def train(cfg: DictConfig) -> float | None:
    """Run the experiment that ``cfg`` describes, in its run directory.

    Returns:
        The value of the monitored metric at the best epoch, for a sweep to optimise; None without
        validation, and for the job of a sweep that failed.

    Raises:
        SystemExit: with one line that says what to do if the user can mend it, or with status 130
            if told to stop.
    """
    quieten()
    if sweeps.is_sweep():
        return _job(cfg)
    try:
        if cfg.resume:
            changes = list(HydraConfig.get().overrides.task)
            cfg = launch.resumed_config(Path(cfg.resume), changes)
        is_restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
        with _lock(cfg):
            return _train(cfg, build(cfg), is_resumed=bool(cfg.resume) or is_restarted)
    except USER_ERRORS as error:
        raise SystemExit(_in_one_line(error)) from error


def _job(cfg: DictConfig) -> float | None:
    """Run the job of a sweep, unless it is done; write down if it failed, and return nothing."""
    run_dir = Path(cfg.run_dir)
    try:
        with _lock(cfg):
            if rundir.read_summary(run_dir).get("status") in rundir.DONE:
                terminal.say(f"{run_dir.name} is done already")
                return rundir.result(run_dir)
            experiment = build(cfg)
            if not experiment.starts_processes:
                return _train(cfg, experiment, is_resumed=True)
        return sweeps.train_in_another_process(run_dir)
    except processes.LockedError as error:
        terminal.say(str(error))
        if "RANK" in os.environ:  # the others would wait for this one
            raise SystemExit(1) from error
    except Exception as error:  # whatever it is, the sweep goes on
        is_users = isinstance(error, USER_ERRORS)
        terminal.say(_in_one_line(error) if is_users else traceback.format_exc())
        if _is_first():
            rundir.update_summary(run_dir, status="failed", error=_in_one_line(error))
    finally:
        gc.collect()
    return None


def _lock(cfg: DictConfig) -> AbstractContextManager[None]:
    # the first process holds it for the others of the same run
    return processes.lock(Path(cfg.run_dir)) if _is_first() else nullcontext()


def _is_first() -> bool:
    return getattr(rank_zero_only, "rank", 0) == 0


def _in_one_line(error: Exception) -> str:
    return f"error: {' '.join(str(error).split()) or type(error).__name__}"


def _train(cfg: DictConfig, experiment: Experiment, is_resumed: bool) -> float | None:
    run_dir = Path(cfg.run_dir)
    checkpoint = _last_checkpoint(run_dir) if is_resumed else None
    experiment.datamodule.prepare_data()
    experiment.datamodule.setup("fit")
    images = partial(experiment.datamodule.originals, "train")
    experiment.module.model.prior.initialize(images)
    if experiment.trainer.is_global_zero:
        if cfg.resume:
            launch.keep_changes(run_dir, HydraConfig.get().overrides.task)
        _claim(run_dir, experiment.monitor)
    metrics = _run(cfg, run_dir, experiment, checkpoint)
    return metrics.get(experiment.monitor)


def _run(
    cfg: DictConfig, run_dir: Path, experiment: Experiment, checkpoint: Path | None
) -> dict[str, float]:
    """Fit, test, and write down how it ended, whatever happens."""
    began = time.time()
    before = rundir.read_summary(run_dir).get("seconds", 0.0)
    metrics: dict[str, float] = {}
    outcome = {"status": "failed"}
    try:
        metrics = _fit_and_test(run_dir, experiment, checkpoint)
        outcome = {"status": "pruned" if experiment.is_pruned else "completed"}
    except (KeyboardInterrupt, SystemExit):
        outcome = {"status": "interrupted"}
        metrics = _metrics(experiment.trainer)
        raise SystemExit(rundir.INTERRUPTED) from None
    except Exception as caught:
        error = ConnectionError(PROCESS_LOST) if _has_lost_a_process(caught) else caught
        outcome["error"] = _in_one_line(error)
        name = f"traceback_{experiment.trainer.global_rank}.txt"
        with contextlib.suppress(OSError):  # a full disk
            (run_dir / name).write_text(traceback.format_exc())
        raise error from error.__cause__
    finally:
        if experiment.trainer.is_global_zero:
            summary = _summarise(cfg, experiment, metrics) | outcome
            summary["seconds"] = before + time.time() - began
            with contextlib.suppress(OSError):
                rundir.write_summary(run_dir, summary)
            if not sweeps.is_sweep():
                terminal.print_outcome(run_dir, summary)
    return metrics


def _has_lost_a_process(error: Exception) -> bool:
    return isinstance(error, DistError) or "gloo/transport" in str(error)


def _fit_and_test(
    run_dir: Path, experiment: Experiment, checkpoint: Path | None
) -> dict[str, float]:
    trainer, module, datamodule = experiment.trainer, experiment.module, experiment.datamodule
    step = rundir.load_checkpoint(checkpoint)["global_step"] if checkpoint else 0
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoard | MetricsCSV):
            logger.continue_from(step)
        if isinstance(logger, TensorBoard):
            config: Any = OmegaConf.to_container(experiment.config, resolve=True)
            changed = overrides.varied(run_dir, overrides.parse(rundir.read_overrides(run_dir)))
            first = experiment.monitor if experiment.validates else "test/loss"
            logger.describe(config, first, changed)
    trainer.fit(module, datamodule=datamodule, ckpt_path=checkpoint)
    best = run_dir / BEST
    validation = {}
    if best.exists():
        # not by test(ckpt_path=...), which with averaged weights would load those before averaging
        state = rundir.load_checkpoint(best)
        module.load_state_dict(state["state_dict"])
        validation = state["metrics"]
    if experiment.is_pruned:
        return validation
    trainer.test(module, datamodule=datamodule, verbose=False)
    return validation | _metrics(trainer) | _information(experiment)


def _information(experiment: Experiment) -> dict[str, float]:
    """Return what the code says about test images, on process 0; nothing for an autoencoder."""
    module, trainer, data = experiment.module, experiment.trainer, experiment.datamodule
    if module.model.posterior.is_point_mass or not trainer.is_global_zero:
        return {}
    per_batch = data.images_per_process(trainer.world_size) * trainer.world_size
    tested = per_batch * int(trainer.num_test_batches[0])
    images = data.images("test", min(tested, INFORMATION_IMAGES))
    model = module.model.eval().to(trainer.strategy.root_device)  # testing left it on the CPU
    figures = information(model, images.to(next(model.parameters())))
    return {f"test/{name}": figures[name].value for name in INFORMATION if name in figures}


def _metrics(trainer: pl.Trainer) -> dict[str, float]:
    """Return the scalars of the last validation or test, as plain numbers."""
    return {
        name: value.item()
        for name, value in trainer.callback_metrics.items()
        if name.startswith(("val/", "test/"))
    }


def _summarise(
    cfg: DictConfig, experiment: Experiment, metrics: dict[str, float]
) -> dict[str, Any]:
    trainer, stopwatch = experiment.trainer, experiment.stopwatch
    return {
        "name": cfg.name,
        "monitor": experiment.monitor,
        "metrics": metrics,
        "units": {name: terminal.unit(name) for name in metrics},
        "tested": "best" if Path(cfg.run_dir, BEST).exists() else "last",
        "epochs": trainer.fit_loop.epoch_progress.current.processed,  # pyright: ignore[reportAttributeAccessIssue]
        "steps": trainer.global_step,
        "training_seconds": stopwatch.elapsed,
        "images_per_second": stopwatch.images / stopwatch.elapsed if stopwatch.elapsed else 0.0,
        "parameters": sum(p.numel() for p in experiment.module.parameters()),
        "nll_samples": cfg.evaluation.num_samples,
        "binarization": cfg.data.binarization,
        "seed": cfg.seed,
        "dataset": experiment.datamodule.fingerprint(),
        "hardware": environment.hardware(trainer.strategy.root_device, trainer.world_size),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
    }


def _claim(run_dir: Path, monitor: str) -> None:
    """Mark the run as started, and say what judges it."""
    summary = rundir.read_summary(run_dir)
    summary.pop("error", None)  # of the attempt before
    rundir.write_summary(run_dir, summary | {"status": "running", "monitor": monitor})


def _last_checkpoint(run_dir: Path) -> Path | None:
    """Return where to go on: the last checkpoint, else the one before; None if there is none.

    Raises:
        ValueError: if none can be loaded.
    """
    folder = run_dir / "checkpoints"
    names = ("last", "next", "previous")  # next.ckpt was to become last.ckpt when the process died
    paths = [path for name in names if (path := folder / f"{name}.ckpt").exists()]
    for path in paths:
        try:
            checkpoint = rundir.load_checkpoint(path)
        except ValueError as error:
            if path == paths[-1]:
                raise
            terminal.say(f"{error}; trying the checkpoint before")
        else:
            if path != paths[0] or path.name != "last.ckpt":
                terminal.say(f"going on from {path}, epoch {checkpoint['epoch']}")
            return path
    return None


def quieten() -> None:
    """Silence advice that does not fit this program."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # says which process has died
    logging.getLogger("lightning.fabric.strategies.launchers").setLevel(logging.INFO)
    for message in UNWANTED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    threading.excepthook = _report_error_of_thread


def _report_error_of_thread(error: threading.ExceptHookArgs) -> None:
    is_writer = type(error.thread).__module__.startswith("tensorboard.")
    if not is_writer:  # whose error, of a full disk, is raised again where the run logs
        threading.__excepthook__(error)
