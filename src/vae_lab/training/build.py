"""From a configuration to the objects it describes."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Union

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import ParallelStrategy
from omegaconf import DictConfig, OmegaConf

from vae_lab.checks import Seed, Size, require
from vae_lab.data import ImageDataModule
from vae_lab.evaluation.metrics import Metric, metric
from vae_lab.runs.arguments import key_of
from vae_lab.runs.environment import processor_cores
from vae_lab.runs.instantiate import instantiate, to_plain
from vae_lab.training.callbacks.album import Album
from vae_lab.training.callbacks.exhibit import Exhibit, Period
from vae_lab.training.callbacks.stopwatch import Stopwatch
from vae_lab.training.capture import graphs_on
from vae_lab.training.checkpoints import AtomicCheckpoints
from vae_lab.training.execution import Stepping
from vae_lab.training.module import VAEModule

if TYPE_CHECKING:
    from vae_lab.training.callbacks.prune_trial import PruneTrial


# What no constructor takes under this name.
OWN_VALUES: dict[str, Any] = {
    "name": str | int | float,
    "seed": Seed,
    "monitor": str | None,
    "compile": bool,
    "class_names": Sequence[str] | None,
    "steps_per_execution": Union[Size, Literal["auto"]],  # noqa: UP007 - pyright knows no | of Annotated
    "cuda_graphs": Union[bool, Literal["auto"]],  # noqa: UP007
    "pictures_every_n_epochs": Period,
    "evaluation.num_samples": Size,
    "sweep.name": str | int | float | None,
    "sweep.trial": Mapping | None,
}


@dataclass
class Experiment:
    """Everything that a configuration describes, built.

    Attributes:
        config: the configuration; its ``monitor`` is the metric that picks the best epoch, None
            without validation; its ``data.image_shape`` is what the images have, and its
            ``class_names`` what they show, where the model knows labels.
        compared_by: the metric by which a sweep compares the run with others.
        validates: whether there are validation images.
        trial: of a search, else None.
    """

    config: DictConfig
    datamodule: ImageDataModule
    module: VAEModule
    trainer: pl.Trainer
    stopwatch: Stopwatch
    album: Album
    compared_by: str
    validates: bool
    trial: "PruneTrial | None"

    @property
    def is_pruned(self) -> bool:
        """Whether a search has ended the training."""
        return self.trial is not None and self.trial.is_pruned

    @property
    def starts_processes(self) -> bool:
        """Whether training would start more processes, each with the command line of this one."""
        strategy = self.trainer.strategy
        if not isinstance(strategy, ParallelStrategy) or self.trainer.world_size == 1:
            return False
        environment = strategy.cluster_environment
        return environment is not None and not environment.creates_processes_externally


def build(cfg: DictConfig) -> Experiment:
    """Instantiate everything that ``cfg`` describes; ``cfg`` stays as it is.

    Raises:
        ValueError: if a value is out of its range.
    """
    cfg = copy.deepcopy(cfg)
    _check_values(cfg)
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    datamodule: ImageDataModule = instantiate(cfg.data)
    if cfg.data.get("image_shape") is None:
        shape = list(datamodule.image_shape)
        OmegaConf.update(cfg, "data.image_shape", shape, force_add=True)
    if cfg.model.get("conditioning") is not None and cfg.class_names is None:
        if not hasattr(datamodule, "class_names"):  # some sources know them once they have read
            datamodule.prepare_data()
            datamodule.setup("fit")
        OmegaConf.update(cfg, "class_names", list(datamodule.class_names))
    if cfg.callbacks.get("early_stopping") and not datamodule.validates:
        raise ValueError("callbacks=early_stopping needs validation images: data.val_size=10000")
    module = VAEModule(
        model=instantiate(cfg.model),
        objective=instantiate(cfg.objective),
        optimizer=instantiate(cfg.optimizer),
        schedule=instantiate(cfg.schedule),
        pixels=datamodule.pixels,
        nll_samples=cfg.evaluation.num_samples,
        compile_model=cfg.compile,
        seed=cfg.seed,
        stepping=_stepping(cfg),
    )
    _check_parts(cfg, module, datamodule)
    if cfg.monitor is not None:
        _known("monitor", cfg.monitor)
    validates = datamodule.validates and cfg.trainer.get("limit_val_batches") != 0
    compared_by = module.metric_name(cfg.monitor or f"val/{module.objective.compared_by}")
    cfg.monitor = module.metric_name(cfg.monitor or "val/bound") if validates else None
    stopwatch = Stopwatch()
    trial = _trial(cfg, compared_by)
    callbacks = [_callback(callback) for callback in cfg.callbacks.values() if callback]
    exhibits = [callback for callback in callbacks if isinstance(callback, Exhibit)]
    others = [callback for callback in callbacks if callback not in exhibits]
    album = Album(exhibits)
    trainer = instantiate(
        cfg.trainer,
        callbacks=[stopwatch, *others, *([trial] if trial else []), album],
        logger=[instantiate(logger) for logger in cfg.logger.values() if logger],
        plugins=_plugins(),
        accumulate_grad_batches=1,  # the module does it, and clips
        gradient_clip_val=None,
        gradient_clip_algorithm=None,
    )
    if cfg.cuda_graphs is True and graphs_on(device := trainer.strategy.root_device) is None:
        raise ValueError(
            f"cuda_graphs=true needs a GPU of NVIDIA's, and this run trains on {device.type}; "
            "use cuda_graphs=auto"
        )
    return Experiment(
        cfg, datamodule, module, trainer, stopwatch, album, compared_by, validates, trial
    )


def _stepping(cfg: DictConfig) -> Stepping:
    trainer = cfg.trainer
    return Stepping(
        trainer.accumulate_grad_batches,
        trainer.gradient_clip_val,
        trainer.get("gradient_clip_algorithm"),
        cfg.steps_per_execution,
        cfg.cuda_graphs,
    )


def _callback(description: DictConfig) -> pl.Callback:
    """Instantiate a callback; the metric that it monitors says which way is better."""
    monitor = description.get("monitor")
    if monitor is None:
        return instantiate(description)
    key = key_of(description, "monitor")
    return instantiate(description, mode="max" if _known(key, monitor).higher_is_better else "min")


def _known(key: str, name: str) -> Metric:
    """Return the metric that ``key`` names.

    Raises:
        ValueError: if there is none.
    """
    require(key, name, str)
    try:
        return metric(name)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _trial(cfg: DictConfig, compared_by: str) -> "PruneTrial | None":
    if cfg.sweep.trial is None:
        return None
    if cfg.monitor is None:
        raise ValueError("a search needs validation images: data.val_size=10000")
    from vae_lab.training.callbacks.prune_trial import (  # noqa: PLC0415 - Optuna is for searches alone
        PruneTrial,
    )

    return PruneTrial(compared_by, **cfg.sweep.trial)


def _plugins() -> list[object]:
    # the launcher queues a preempted job again; Lightning would queue it a second time
    is_slurm = SLURMEnvironment.detect()
    return [AtomicCheckpoints(), *([SLURMEnvironment(auto_requeue=False)] if is_slurm else [])]


def _check_values(cfg: DictConfig) -> None:
    """Refuse values that do not go together, or that a library would refuse less clearly.

    Raises:
        ValueError: with what to do.
    """
    for key, annotation in OWN_VALUES.items():
        value = OmegaConf.select(cfg, key)
        require(key, to_plain(value) if OmegaConf.is_config(value) else value, annotation)
    if cfg.trainer.precision == "16-mixed" and "AdamNormGrad" in cfg.optimizer._target_:
        raise ValueError(
            "optimizer=adam_normgrad scales gradients to length 1, and trainer.precision=16-mixed "
            "scales them too; use trainer.precision=bf16-mixed"
        )
    is_mixed = "mixed" in str(cfg.trainer.precision)
    if is_mixed and cfg.trainer.gradient_clip_val and cfg.optimizer.get("fused"):
        raise ValueError("clipping gradients in mixed precision needs optimizer.fused=false")
    cores, devices = processor_cores(), cfg.trainer.devices
    if cfg.trainer.accelerator == "cpu" and isinstance(devices, int) and devices > cores:
        raise ValueError(
            f"trainer.devices={devices} on a processor is as many processes, and this machine has "
            f"{cores} cores; take at most {cores}"
        )


def _check_parts(cfg: DictConfig, module: VAEModule, datamodule: ImageDataModule) -> None:
    """Refuse parts that do not go together.

    Raises:
        ValueError: with what to do.
    """
    if cfg.compile and module.objective.path_gradient:
        raise ValueError("objective.dreg=true changes gradients between operations; compile=false")
    if datamodule.num_labels is not None and not module.model.takes_unlabelled:
        raise ValueError("data.num_labels leaves images without a label, from which only "
                         "model=semi_supervised learns")  # fmt: skip
    names = module.model.class_names
    known = getattr(datamodule, "class_names", names) if names else ()
    if len(names) != len(known):
        raise ValueError(f"class_names must name the {len(known)} classes of the data, "
                         f"got {len(names)}")  # fmt: skip
    module.objective.check(module.model)
