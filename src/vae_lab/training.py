"""One run from configuration to summary: build, fit, test, write down."""

import logging
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab import environment, report, runs
from vae_lab.callbacks.album import Album
from vae_lab.callbacks.exhibit import Exhibit
from vae_lab.callbacks.stopwatch import Stopwatch
from vae_lab.data import MNISTDataModule
from vae_lab.evaluation import information
from vae_lab.loggers import MetricsCSV, TensorBoard
from vae_lab.module import VAEModule
from vae_lab.objectives import Autoencoder
from vae_lab.posteriors import Deterministic
from vae_lab.priors import VampPrior
from vae_lab.runs import instantiate
from vae_lab.vae import VAE

# What a user can mend: reported in one line. Anything else is our mistake and keeps its traceback.
USER_ERRORS = (
    ValueError,
    OSError,
    FloatingPointError,
    MisconfigurationException,
    OmegaConfBaseException,
)
BEST = Path("checkpoints") / "best.ckpt"
INFORMATION = ("active_units", "mutual_information", "aggregate_kl", "reconstruction_mse")
INFORMATION_IMAGES = 5000
INTERRUPTED = 130  # the shell's exit status of a process ended by Ctrl-C

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


@dataclass
class Experiment:
    """Everything that a configuration describes, built."""

    datamodule: MNISTDataModule
    module: VAEModule
    trainer: pl.Trainer
    stopwatch: Stopwatch
    monitor: str | None


def train(cfg: DictConfig) -> float | None:
    """Run the experiment that ``cfg`` describes, in its run directory.

    Returns:
        The value of ``cfg.monitor`` at the best epoch, for a sweep to optimise; None without
        validation.

    Raises:
        SystemExit: with one line that says what to do if the user can mend it, or with status 130
            after Ctrl-C.
    """
    quieten()
    try:
        if cfg.resume:
            overrides = list(HydraConfig.get().overrides.task)
            cfg = runs.resumed_config(Path(cfg.resume), overrides)
        run_dir = Path(cfg.run_dir)
        checkpoint = _last_checkpoint(run_dir) if cfg.resume else None
        experiment = build(cfg)
        experiment.datamodule.prepare_data()
        experiment.datamodule.setup("fit")
        prior = experiment.module.model.prior
        if isinstance(prior, VampPrior):
            prior.initialize(experiment.datamodule.originals("train"))
        if experiment.trainer.is_global_zero:
            _claim(run_dir, resumed=bool(cfg.resume))
        metrics = _run(cfg, run_dir, experiment, checkpoint)
    except USER_ERRORS as error:
        message = f"error: {' '.join(str(error).split())}"
        # SystemExit prints the line alone, but would end a sweep
        raise (RuntimeError(message) if _is_sweep() else SystemExit(message)) from error
    return metrics.get(experiment.monitor) if experiment.monitor else None


def build(cfg: DictConfig) -> Experiment:
    """Instantiate everything that ``cfg`` describes.

    Raises:
        ValueError: if a value is out of its range.
    """
    _check(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    datamodule = instantiate(cfg.data)
    module = VAEModule(
        model=instantiate(cfg.model),
        objective=instantiate(cfg.objective),
        optimizer=instantiate(cfg.optimizer),
        schedule=instantiate(cfg.schedule),
        pixels=datamodule.pixels,
        nll_samples=cfg.evaluation.num_samples,
        compile_model=cfg.compile,
        seed=cfg.seed,
    )
    if cfg.compile and module.objective.path_gradient:
        raise ValueError("objective.dreg=true changes gradients between operations; compile=false")
    has_kl = not isinstance(module.model.posterior, Deterministic)
    if not has_kl and not isinstance(module.objective, Autoencoder):
        raise ValueError("posterior=deterministic has no KL; it goes with objective=autoencoder")
    if isinstance(module.objective, Autoencoder) and not isinstance(module.model, VAE):
        raise ValueError("objective=autoencoder needs a model with one group of latents")
    validates = cfg.data.val_size and cfg.trainer.get("limit_val_batches") != 0
    monitor = module.metric_name(cfg.monitor) if validates else None
    cfg.monitor = monitor
    stopwatch = Stopwatch()
    callbacks = [instantiate(callback) for callback in cfg.callbacks.values() if callback]
    exhibits = [callback for callback in callbacks if isinstance(callback, Exhibit)]
    others = [callback for callback in callbacks if callback not in exhibits]
    loggers = [instantiate(logger) for logger in cfg.logger.values() if logger]
    trainer = instantiate(
        cfg.trainer, callbacks=[stopwatch, *others, Album(exhibits)], logger=loggers
    )
    if trainer.world_size > 1 and _is_sweep():
        raise ValueError(
            "several processes under --multirun would run the whole sweep each; use one device, or "
            "start each run by itself"
        )
    return Experiment(datamodule, module, trainer, stopwatch, monitor)


def _check(cfg: DictConfig) -> None:
    """Refuse values that do not go together, or that others would refuse less clearly.

    Raises:
        ValueError: with what to do.
    """
    if cfg.seed < 0:
        raise ValueError(f"seed must be at least 0, got {cfg.seed}")
    if not isinstance(cfg.optimizer.lr, int | float) or not cfg.optimizer.lr > 0:
        raise ValueError(f"optimizer.lr must be a number greater than 0, got {cfg.optimizer.lr}")
    is_mixed = "mixed" in str(cfg.trainer.precision)
    if is_mixed and cfg.trainer.gradient_clip_val and cfg.optimizer.get("fused"):
        raise ValueError("clipping gradients in mixed precision needs optimizer.fused=false")
    if "early_stopping" in cfg.callbacks and not cfg.data.val_size:
        raise ValueError("callbacks=early_stopping needs validation images: data.val_size=10000")


def _is_sweep() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def _run(
    cfg: DictConfig, run_dir: Path, experiment: Experiment, checkpoint: Path | None
) -> dict[str, float]:
    """Fit, test, and write down how it ended, whatever happens."""
    began = time.time()
    before = runs.read_summary(run_dir).get("seconds", 0.0)
    metrics: dict[str, float] = {}
    status = "failed"
    try:
        metrics = _fit_and_test(cfg, run_dir, experiment, checkpoint)
        status = "completed"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        metrics = _metrics(experiment.trainer)
        raise SystemExit(INTERRUPTED) from None
    except Exception:
        name = f"traceback_{experiment.trainer.global_rank}.txt"
        (run_dir / name).write_text(traceback.format_exc())
        raise
    finally:
        if experiment.trainer.is_global_zero:
            summary = _summarise(cfg, experiment, metrics)
            summary |= {"status": status, "seconds": before + time.time() - began}
            runs.write_summary(run_dir, summary)
            report.print_outcome(run_dir, summary)
    return metrics


def _fit_and_test(
    cfg: DictConfig, run_dir: Path, experiment: Experiment, checkpoint: Path | None
) -> dict[str, float]:
    trainer, module, datamodule = experiment.trainer, experiment.module, experiment.datamodule
    for logger in trainer.loggers:
        if checkpoint is not None and isinstance(logger, TensorBoard | MetricsCSV):
            logger.continue_from(runs.load_checkpoint(checkpoint)["global_step"])
        if isinstance(logger, TensorBoard):
            config: Any = OmegaConf.to_container(cfg, resolve=True)
            logger.describe(config, experiment.monitor or "test/loss")
    trainer.fit(module, datamodule=datamodule, ckpt_path=checkpoint)
    best = run_dir / BEST
    validation = {}
    if best.exists():
        # not by test(ckpt_path=...), which with averaged weights would load those before averaging
        state = runs.load_checkpoint(best)
        module.load_state_dict(state["state_dict"])
        validation = state["metrics"]
    trainer.test(module, datamodule=datamodule, verbose=False)
    return validation | _metrics(trainer) | _information(experiment)


def _information(experiment: Experiment) -> dict[str, float]:
    """Return what the code says about test images, on process 0; nothing for an autoencoder."""
    module, trainer, data = experiment.module, experiment.trainer, experiment.datamodule
    if isinstance(module.objective, Autoencoder) or not trainer.is_global_zero:
        return {}
    tested = data.batch_size * trainer.world_size * int(trainer.num_test_batches[0])
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
        "metrics": metrics,
        "units": {name: report.unit(name) for name in metrics},
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


def _claim(run_dir: Path, resumed: bool) -> None:
    """Mark the run as started.

    Raises:
        FileExistsError: if another run has used the directory.
    """
    summary = runs.read_summary(run_dir)
    if summary and not resumed:
        raise FileExistsError(
            f"{run_dir} holds a run already; continue it with resume={run_dir}, or name another "
            "directory"
        )
    runs.write_summary(run_dir, summary | {"status": "running"})


def _last_checkpoint(run_dir: Path) -> Path | None:
    """Return where to go on: ``last.ckpt``, or None if the first epoch was not finished.

    Raises:
        ValueError: if the checkpoint is not safe to load.
    """
    path = run_dir / "checkpoints" / "last.ckpt"
    if not path.exists():
        return None
    runs.load_checkpoint(path)
    return path


def quieten() -> None:
    """Silence advice that does not fit this program."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in UNWANTED_WARNINGS:
        warnings.filterwarnings("ignore", message)
