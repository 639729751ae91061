"""One run from configuration to summary: build, fit, test, write down."""

import contextlib
import gc
import os
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from torch.distributed import DistError

from vae_lab.data.few_labels import shares
from vae_lab.evaluation.information import information
from vae_lab.evaluation.metrics import metric
from vae_lab.evaluation.published import standing
from vae_lab.runs import environment, errors, launch, opening, overrides, sweeps, terminal
from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.runs.lock import LockedError
from vae_lab.runs.rundir import DONE, RunDir
from vae_lab.runs.signals import INTERRUPTED
from vae_lab.training.advice import quieten
from vae_lab.training.build import Experiment, build
from vae_lab.training.loggers import MetricsCSV, TensorBoard

BOUND = ("elbo", "distortion", "rate")  # which testing measures on all images
INFORMATION_IMAGES = 5000
FOUND = ("data.image_shape", "class_names")  # in the data, and kept in the configuration
PROCESS_LOST = "another process of this run has ended before its time; what it said stands above"


def train(cfg: DictConfig) -> float | None:
    """Run the experiment that ``cfg`` describes, in its run directory.

    Returns:
        What a sweep compares runs by, at the best epoch; None without validation, and for the job
        of a sweep that failed.

    Raises:
        SystemExit: with one line that says what to do if the user can mend it, or with status 130
            if told to stop.
    """
    quieten()
    if sweeps.is_sweep():
        return _job(cfg)
    with errors.told_in_one_line():
        if cfg.resume:
            changes = list(HydraConfig.get().overrides.task)
            cfg = launch.resumed_config(RunDir(cfg.resume), changes)
        run = RunDir(cfg.run_dir)
        is_restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
        with _lock(run):
            if not cfg.resume and not is_restarted and _is_first():
                cfg = launch.begin(run, cfg)
            return _train(run, build(cfg), is_resumed=bool(cfg.resume) or is_restarted)


def _job(cfg: DictConfig) -> float | None:
    """Run the job of a sweep, unless it is done; write down if it failed, and return nothing."""
    run = RunDir(cfg.run_dir)
    try:
        with _lock(run):
            if _is_first():
                cfg = launch.take_up(run, cfg)
            if run.summary().get("status") in DONE:
                terminal.say(f"{run.name} is done already")
                return run.result()
            experiment = build(cfg)
            if not experiment.starts_processes:
                return _train(run, experiment, is_resumed=True)
        return sweeps.train_in_another_process(run)
    except LockedError as error:
        terminal.say(str(error))
        launch.require_same_job(run)
        if "RANK" in os.environ:  # the others would wait for this one
            raise SystemExit(1) from error
    except Exception as error:  # whatever it is, the sweep goes on
        line = errors.in_one_line(error)
        terminal.say(line if errors.is_users(error) else traceback.format_exc())
        if _is_first():
            run.update_summary(status="failed", error=line)
    finally:
        gc.collect()
    return None


def _lock(run: RunDir) -> AbstractContextManager[None]:
    # the first process holds it for the others of the same run
    return run.lock() if _is_first() else nullcontext()


def _is_first() -> bool:
    return getattr(rank_zero_only, "rank", 0) == 0


def _train(run: RunDir, experiment: Experiment, is_resumed: bool) -> float | None:
    checkpoint = _last_checkpoint(run) if is_resumed else None
    experiment.datamodule.prepare_data()
    experiment.datamodule.setup("fit")
    images = partial(experiment.datamodule.originals, "train")
    experiment.module.model.initialize(images, experiment.datamodule.known_labels())
    if experiment.trainer.is_global_zero:
        if experiment.config.resume:
            launch.keep_changes(run, HydraConfig.get().overrides.task)
        _claim(run, experiment)
        _announce_sizes(run, experiment)
    metrics = _run(run, experiment, checkpoint)
    return metrics.get(experiment.compared_by)


def _run(run: RunDir, experiment: Experiment, checkpoint: Path | None) -> dict[str, float]:
    """Fit, test, and write down how it ended, whatever happens."""
    began = time.time()
    before = run.summary()
    metrics: dict[str, float] = {}
    outcome = {"status": "failed"}
    try:
        metrics = _fit_and_test(run, experiment, checkpoint)
        outcome = {"status": "pruned" if experiment.is_pruned else "completed"}
    except (KeyboardInterrupt, SystemExit):
        outcome = {"status": "interrupted"}
        metrics = _metrics(experiment.trainer)
        raise SystemExit(INTERRUPTED) from None
    except Exception as caught:
        error = ConnectionError(PROCESS_LOST) if _has_lost_a_process(caught) else caught
        outcome["error"] = errors.in_one_line(error)
        with contextlib.suppress(OSError):  # a full disk
            run.write_traceback(experiment.trainer.global_rank, traceback.format_exc())
        raise error from error.__cause__
    finally:
        if experiment.trainer.is_global_zero:
            summary = _summarise(run, experiment, metrics) | outcome
            spent = {"seconds": time.time() - began, "picture_seconds": experiment.album.seconds}
            summary |= {name: before.get(name, 0.0) + seconds for name, seconds in spent.items()}
            with contextlib.suppress(OSError):
                run.write_summary(summary)
            if not sweeps.is_sweep():
                has_one_space = experiment.module.model.has_one_space
                terminal.print_outcome(run, summary, _published(experiment), has_one_space)
    return metrics


def _announce_sizes(run: RunDir, experiment: Experiment) -> None:
    splits, trainer = experiment.datamodule.splits, experiment.trainer
    images = {"training": len(splits["train"]), "validation": len(splits["val"])}
    hardware = environment.hardware(trainer.strategy.root_device, trainer.world_size)
    opening.announce_sizes(run, _parameters(experiment), images, hardware)
    data = experiment.datamodule
    if data.num_labels is not None and not sweeps.is_sweep():
        terminal.tell(f"{'labels':<9} {shares(data.known_labels(), len(data.class_names))}")


def _parameters(experiment: Experiment) -> int:
    return sum(p.numel() for p in experiment.module.parameters())


def _published(experiment: Experiment) -> str | None:
    """Return what was published that the test NLL may be seen beside."""
    claim, data = experiment.config.published, experiment.datamodule
    if not data.is_mnist or data.pixels != "binary":
        return None
    if claim is not None:
        return f"{claim.nll} published, with K = {claim.num_samples}"
    model = experiment.module.model
    return None if model.class_names else standing(data.binarization, model.num_groups > 1)


def _has_lost_a_process(error: Exception) -> bool:
    return isinstance(error, DistError) or "gloo/transport" in str(error)


def _fit_and_test(run: RunDir, experiment: Experiment, checkpoint: Path | None) -> dict[str, float]:
    trainer, module, datamodule = experiment.trainer, experiment.module, experiment.datamodule
    step = read_checkpoint(checkpoint)["global_step"] if checkpoint else 0
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoard | MetricsCSV):
            logger.continue_from(step)
        if isinstance(logger, TensorBoard):
            config: Any = OmegaConf.to_container(experiment.config, resolve=True)
            changed = overrides.varied(run.path, overrides.parse(run.overrides()))
            first = experiment.compared_by if experiment.validates else "test/loss"
            choices = run.hydra().get("runtime", {}).get("choices", {})
            logger.describe(config, choices, first, changed)
    trainer.fit(module, datamodule=datamodule, ckpt_path=checkpoint)
    validation = {}
    if run.best.exists():
        # not test(ckpt_path=...): with callbacks=ema that would load the weights before averaging
        state = read_checkpoint(run.best)
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
    per_batch = data.images_scored(trainer.world_size) * trainer.world_size
    tested = per_batch * sum(map(int, trainer.num_test_batches))
    if not tested:  # trainer.limit_test_batches=0
        return {}
    images = data.images("test", min(tested, INFORMATION_IMAGES))
    model = module.model.eval().to(trainer.strategy.root_device)  # testing left it on the CPU
    labels = data.splits["test"].labels[: len(images)]
    figures = information(model, images.to(next(model.parameters())), labels)
    named = {name: figure.value for name, figure in figures.items() if name not in BOUND}
    return {f"test/{module.metric_name(name)}": value for name, value in named.items()}


def _metrics(trainer: pl.Trainer) -> dict[str, float]:
    """Return the scalars of the last validation or test, as plain numbers."""
    return {
        name: value.item()
        for name, value in trainer.callback_metrics.items()
        if name.startswith(("val/", "test/"))
    }


def _summarise(run: RunDir, experiment: Experiment, metrics: dict[str, float]) -> dict[str, Any]:
    cfg, trainer, stopwatch = experiment.config, experiment.trainer, experiment.stopwatch
    return {
        "name": cfg.name,
        **_stated(experiment),
        "metrics": metrics,
        "units": {name: metric(name).unit for name in metrics},
        "tested": "best" if run.best.exists() else "last",
        "epochs": trainer.fit_loop.epoch_progress.current.processed,  # pyright: ignore[reportAttributeAccessIssue]
        "steps": trainer.global_step,
        "training_seconds": stopwatch.elapsed,
        "images_per_second": stopwatch.images / stopwatch.elapsed if stopwatch.elapsed else 0.0,
        "parameters": _parameters(experiment),
        "nll_samples": cfg.evaluation.num_samples,
        "binarization": experiment.datamodule.binarization,
        "seed": cfg.seed,
        "dataset": experiment.datamodule.fingerprint(),
        "hardware": environment.hardware(trainer.strategy.root_device, trainer.world_size),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
    }


def _stated(experiment: Experiment) -> dict[str, str | None]:
    """Return the metrics that pick the best epoch, and the run among others; and on what images."""
    data = experiment.datamodule
    return {
        "monitor": experiment.config.monitor,
        "compared_by": experiment.compared_by,
        "images": f"{data.name} {'×'.join(map(str, data.image_shape))}",
    }


def _claim(run: RunDir, experiment: Experiment) -> None:
    """Mark the run as started; say what judges it, and what the data were found to be."""
    saved = run.saved_config() if run.is_composed else None
    found = {key: OmegaConf.select(experiment.config, key) for key in FOUND}
    if saved and (new := {k: v for k, v in found.items() if v != OmegaConf.select(saved, k)}):
        for key, value in new.items():
            OmegaConf.update(saved, key, value, force_add=True)
        run.write_config(saved, run.overrides())
    summary = run.summary()
    summary.pop("error", None)  # of the attempt before
    run.write_summary(summary | {"status": "running", **_stated(experiment)})


def _last_checkpoint(run: RunDir) -> Path | None:
    """Return where to go on: the last checkpoint, else the one before; None if there is none.

    Raises:
        ValueError: if none can be loaded.
    """
    paths = run.checkpoints_to_resume()
    for path in paths:
        try:
            checkpoint = read_checkpoint(path)
        except ValueError as error:
            if path == paths[-1]:
                raise
            terminal.say(f"{error}; trying the checkpoint before")
        else:
            if path != run.last:
                terminal.say(f"going on from {path}, epoch {checkpoint['epoch']}")
            return path
    return None
