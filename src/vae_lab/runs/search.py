"""A search: trials that Optuna chooses, kept in a database, so that it can be gone on with.

A trial is one run, in a directory named after what it tries. Whatever happens to the process, the
database knows which trials were begun: those that are still said to run when a search is taken up
are run again, with the same parameters, hence in the same directory and from the last checkpoint.
What the sampler draws is a function of (seed, number of the trial, trials before), so that a search
that was interrupted between two trials chooses as if it never had been.
"""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from vae_lab.evaluation.metrics import metric
from vae_lab.runs import terminal
from vae_lab.runs.instantiate import instantiate
from vae_lab.runs.rundir import DONE, RunDir
from vae_lab.seeding import derived_seed

PRUNER, SEARCHED = "pruner", "searched"  # attributes of a study
DIRECTORY = "directory"  # of a trial
SQLITE_SECONDS = 60  # to wait for other processes; the default of 5 is short for a busy machine

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
BEGUN = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
STATES = {
    TrialState.COMPLETE: "completed",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
    TrialState.WAITING: "waiting",
}

optuna.logging.set_verbosity(optuna.logging.WARNING)


def distribution(override: Override, current: Any) -> Distribution:  # noqa: ANN401
    """Return the values that a sweep of Hydra's grammar stands for.

    Choices are kept as they stand on the command line. Intervals include both ends; they hold
    whole numbers if the ends and ``current``, what the configuration says otherwise, are whole.

    Raises:
        ValueError: if they cannot be searched.
    """
    key, sweep = override.key_or_group, override.value()
    if not isinstance(sweep, IntervalSweep | RangeSweep):
        return CategoricalDistribution(list(override.sweep_string_iterator()))
    if current is not None and (isinstance(current, bool) or not isinstance(current, int | float)):
        raise ValueError(
            f"{override.input_line}: {key} is no number; name the values instead, as in "
            f"{key}=choice(a,b)"
        )
    numbers: list[Any]
    if isinstance(sweep, RangeSweep):
        numbers, step = list(sweep.range()), sweep.step
    else:
        numbers, step = [sweep.start, sweep.end], None
        if isinstance(current, int) and all(float(number).is_integer() for number in numbers):
            numbers = [int(number) for number in numbers]
    if not numbers:
        raise ValueError(f"{override.input_line} holds no number")
    low, high, is_log = numbers[0], numbers[-1], "log" in sweep.tags
    try:
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, is_log, int(step or 1))
        return FloatDistribution(low, high, is_log, step)
    except ValueError as error:
        raise ValueError(f"{override.input_line}: {error}") from error


def examples(space: Mapping[str, Distribution]) -> list[dict[str, Any]]:
    """Return some of the parameters in ``space``, every choice among them."""
    values = {
        key: values.choices if isinstance(values, CategoricalDistribution) else (values.low,)
        for key, values in space.items()
    }
    first = {key: choices[0] for key, choices in values.items()}
    others = [first | {key: choice} for key, choices in values.items() for choice in choices[1:]]
    return [first, *others]


def trial_id(storage: optuna.storages.BaseStorage, study: str, number: int) -> int:
    """Return what a storage knows a trial by."""
    study_id = storage.get_study_id_from_name(study)
    return storage.get_trial_id_from_study_id_trial_number(study_id, number)


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Open the database of a search.

    Raises:
        ValueError: if it cannot be opened.
    """
    connect = {"connect_args": {"timeout": SQLITE_SECONDS}} if url.startswith("sqlite") else {}
    try:
        return optuna.storages.RDBStorage(url, engine_kwargs=connect)
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"the search cannot be kept in {url} ({reason}); hydra.sweeper.storage is the address "
            "of a database, such as sqlite:///search.db"
        ) from error


def is_unpromising(url: str, name: str, number: int, epoch: int, value: float) -> bool:
    """Write down what a trial has reached; return whether the pruner would end it.

    A trial that is over stays as it is, and is not ended.

    Args:
        url: of the storage.
        name: of the study in there.
        number: of the trial.
        epoch: epochs trained so far.
        value: of the metric that trials are compared by.
    """
    storage = open_storage(url)
    try:
        key = trial_id(storage, name, number)
        if storage.get_trial(key).state.is_finished():
            return False
        storage.set_trial_intermediate_value(key, epoch, value)
        study = optuna.load_study(study_name=name, storage=storage)
        pruner = instantiate(DictConfig(study.user_attrs[PRUNER]))
        return pruner.prune(study, storage.get_trial(key))
    finally:
        storage.engine.dispose()


class Search:
    """The trials of a search, before and after they are run.

    Args:
        storage: the URL of a database.
        name: of the study in there.
        monitor: the metric whose best value is searched for; None for what objectives are compared
            by, of which more is better.
        sampler: describes a sampler that takes a seed.
        pruner: describes the pruner; the runs read it from the study.
        seed: of the sampler.
        space: what is searched, by key.
        fixed: the overrides that all trials have in common.
        n_trials: trials in all. A failed one counts until the search is taken up again, which
            tries the same parameters once more.

    Raises:
        ValueError: if something cannot be made, or the search was begun otherwise.
    """

    def __init__(
        self,
        storage: str,
        name: str,
        monitor: str | None,
        sampler: DictConfig,
        pruner: DictConfig,
        seed: int,
        space: dict[str, Distribution],
        fixed: Sequence[str],
        n_trials: int,
    ) -> None:
        self.name = name
        self.sampler = sampler
        self.seed = seed
        self.space = space
        self.n_trials = n_trials
        instantiate(pruner)  # to know now that it can be
        self.storage = open_storage(storage)
        is_maximised = monitor is None or metric(monitor).higher_is_better
        self.study = optuna.create_study(
            storage=self.storage,
            sampler=self._sampler(0),
            study_name=name,
            direction="maximize" if is_maximised else "minimize",
            load_if_exists=True,
        )
        self._require_same(fixed)
        self.study.set_user_attr(PRUNER, OmegaConf.to_container(pruner, resolve=True))
        trials = self.study.trials
        self._left_behind = self._taken_up(trials)
        kept = [trial.params for trial in trials if trial.state in BEGUN]
        self._to_retry = [
            trial.params
            for trial in trials
            if trial.state == TrialState.FAIL and self._fits(trial) and trial.params not in kept
        ]
        self._failures = 0
        if trials:
            terminal.say(f"{name} goes on: {_counted(trials)}")

    def next_trials(self, count: int) -> list[FrozenTrial | Trial]:
        """Return at most ``count`` trials to run: those left behind first, none if all are run."""
        trials: list[FrozenTrial | Trial] = [*self._left_behind[:count]]
        del self._left_behind[:count]
        while len(trials) < count and self._begun() < self.n_trials:
            trials.append(self._ask())
        return trials

    def tell(self, number: int, run: RunDir) -> None:
        """Write down how a trial ended; nothing for one that was interrupted."""
        summary = run.summary()
        status = summary.get("status")
        value = run.result() if status in DONE else None
        shown = "" if value is None else f", {summary['compared_by']} {value:.2f}"
        terminal.say(f"trial {number} of {self.n_trials} {status}{shown}")
        key = trial_id(self.storage, self.name, number)
        if self.storage.get_trial(key).state.is_finished():  # another process has told
            return
        self.storage.set_trial_user_attr(key, DIRECTORY, os.path.relpath(run.path))
        if status == "pruned":
            self.study.tell(number, state=TrialState.PRUNED)
        elif value is not None and math.isfinite(value):
            self.study.tell(number, value)
        elif status in ("completed", "failed"):
            self.study.tell(number, state=TrialState.FAIL)
            self._failures += 1

    def _require_same(self, fixed: Sequence[str]) -> None:
        """Write down what is searched; refuse to go on with another search."""
        now = {key: str(values) for key, values in self.space.items()}
        now |= dict(override.split("=", 1) for override in fixed)
        before = self.study.user_attrs.get(SEARCHED, now)
        changes = [
            f"{key}: {before.get(key)} → {now.get(key)}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        ]
        if changes:
            raise ValueError(
                f"{self.name} was begun otherwise ({'; '.join(changes)}); undo the change, or "
                "choose another sweep.name"
            )
        self.study.set_user_attr(SEARCHED, now)

    def _fits(self, trial: FrozenTrial) -> bool:
        """Tell whether a trial says all that is searched, and nothing else."""
        return trial.params.keys() == self.space.keys()

    def _taken_up(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials left running; give up those that died before they were complete."""
        left_behind = [trial for trial in trials if trial.state == TrialState.RUNNING]
        for trial in left_behind:
            if not self._fits(trial):
                self.study.tell(trial.number, state=TrialState.FAIL)
        return [trial for trial in left_behind if self._fits(trial)]

    def _begun(self) -> int:
        """Return how many trials count."""
        trials = self.study.get_trials(deepcopy=False, states=BEGUN)
        return len(trials) + self._failures

    def _ask(self) -> Trial:
        self.study.sampler = self._sampler(len(self.study.get_trials(deepcopy=False)))
        if self._to_retry:
            params = self._to_retry.pop(0)
            self._to_retry = [other for other in self._to_retry if other != params]
            self.study.enqueue_trial(params)
        return self.study.ask({**self.space})

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        return instantiate(self.sampler, seed=derived_seed(self.seed, number))


def print_best(url: str, folder: Path) -> None:
    """Print the best trial of the search in a sweep directory, and how to see more."""
    study = optuna.load_study(study_name=folder.name, storage=open_storage(url))
    trials = study.trials
    lines = [f"trials    {_counted(trials)}"]
    if any(trial.state == TrialState.COMPLETE for trial in trials):
        best = study.best_trial
        params = ", ".join(f"{key}={value}" for key, value in best.params.items())
        lines += [f"best      {best.value:.2f} with {params}, trial {best.number}"]
        lines += [f"          {best.user_attrs[DIRECTORY]}"]
    lines += [f"curves    tensorboard --logdir {folder}"]
    lines += [f"browse    optuna-dashboard {url}  (pip install optuna-dashboard)"]
    for line in lines:
        terminal.say(line)


def _counted(trials: list[FrozenTrial]) -> str:
    """Return how many trials are in which state."""
    states = Counter(STATES[trial.state] for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in states.items())
