"""From Hydra's side: what to search is read from overrides, trials are run by the launcher."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.overrides import MULTIRUN
from vae_lab.runs.rundir import RunDir

if TYPE_CHECKING:
    from vae_lab.runs.search import Search

# Hydra imports this module for every command, so Optuna is imported only once there is a search.


class OptunaSweeper(Sweeper):
    """Runs the trials of a search, as many at once as ``n_jobs``, until there are ``n_trials``.

    Args:
        n_trials: trials in all, those of earlier commands included.
        n_jobs: trials that are handed to the launcher together; the next ones wait for all.
        seed: of the sampler.
        storage: the URL of a database, see :class:`optuna.storages.RDBStorage`.
        sampler: describes an :class:`optuna.samplers.BaseSampler` that takes a seed.
        pruner: describes an :class:`optuna.pruners.BasePruner`.
        params: overrides by key, sweeps among them; the command line takes precedence.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        seed: int,
        storage: str,
        sampler: DictConfig,
        pruner: DictConfig,
        params: Mapping[str, Any],
    ) -> None:
        self.n_trials = n_trials
        self.n_jobs = n_jobs
        self.seed = seed
        self.storage = storage
        self.sampler = sampler
        self.pruner = pruner
        self.params = params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra has composed, and make the launcher."""
        self.hydra_context, self.config = hydra_context, config  # read by validate_batch_is_legal
        self._parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self._config = config
        self._folder = Path(config.hydra.sweep.dir)
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials that are missing.

        Raises:
            SystemExit: with one line, if what is to be searched is not understood.
        """
        if "RANK" in os.environ:
            raise SystemExit(
                "error: torchrun would start the search in each of its processes; trainer=ddp "
                "trainer.devices=N gives every trial as many"
            )
        with told_in_one_line():
            fixed, searched = self._overrides(arguments)
            search = self._begin(fixed, searched)
        OmegaConf.save(self._config, self._folder / MULTIRUN)
        launched = 0
        while trials := search.next_trials(self.n_jobs):
            batch = [
                [*fixed, *_values(trial.params), self._reference(trial.number)] for trial in trials
            ]
            jobs = self._launcher.launch(batch, initial_job_idx=launched)
            launched += len(batch)
            for trial, job in zip(trials, jobs, strict=True):
                _ = job.return_value  # raises what a job could not handle
                run: Any = job.hydra_cfg
                search.tell(trial.number, RunDir(run.hydra.runtime.output_dir))

    def _overrides(self, arguments: Sequence[str]) -> tuple[list[str], list[Override]]:
        """Return what all trials have in common, and what is searched."""
        configured = [f"{key}={value}" for key, value in self.params.items()]
        parsed = self._parser.parse_overrides([*configured, *arguments])
        by_key = {override.get_key_element(): override for override in parsed}
        fixed = [
            f"{key}={override.get_value_element_as_str()}"
            for key, override in by_key.items()
            if not override.is_sweep_override()
        ]
        return fixed, [override for override in by_key.values() if override.is_sweep_override()]

    def _begin(self, fixed: list[str], searched: list[Override]) -> "Search":
        """Check what can be checked before the first trial, and open the search."""
        from vae_lab.runs.search import Search, distribution, examples  # noqa: PLC0415

        for name in ("n_trials", "n_jobs"):
            count = getattr(self, name)
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"hydra.sweeper.{name} must be at least 1, got {count}")
        _require_validation(self._config)
        if not searched:
            raise ValueError("there is nothing to search; for example: latent_dim=interval(2,64)")
        space = {
            override.get_key_element(): distribution(
                override, OmegaConf.select(self._config, override.key_or_group)
            )
            for override in searched
        }
        self.validate_batch_is_legal([[*fixed, *_values(params)] for params in examples(space)])
        self._folder.mkdir(parents=True, exist_ok=True)
        return Search(
            storage=self.storage,
            name=self._folder.name,
            monitor=self._config.monitor,
            sampler=self.sampler,
            pruner=self.pruner,
            seed=self.seed,
            space=space,
            fixed=fixed,
            n_trials=self.n_trials,
        )

    def _reference(self, number: int) -> str:
        """Return the override that tells a run which trial it is."""
        storage, study = (
            QuotedString(text, Quote.single).with_quotes()
            for text in (self.storage, self._folder.name)
        )
        return f"sweep.trial={{storage:{storage},study:{study},number:{number}}}"


def _require_validation(config: DictConfig) -> None:
    """Refuse a search whose trials nothing would judge.

    Raises:
        ValueError: with what to do.
    """
    epochs = config.trainer.get("max_epochs")
    every = config.trainer.get("check_val_every_n_epoch") or 1
    if config.data.get("val_size") == 0 or config.trainer.get("limit_val_batches") == 0:
        raise ValueError("a search needs validation images: data.val_size=10000")
    if isinstance(epochs, int) and 0 <= epochs < every:
        raise ValueError(
            f"a search validates every trial: trainer.check_val_every_n_epoch={every} is more than "
            f"trainer.max_epochs={epochs}"
        )


def _values(params: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in params.items()]
