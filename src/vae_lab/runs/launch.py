"""How a run begins: its directory and its configuration, whether new, resumed or in a notebook."""

from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.runs import composition
from vae_lab.runs.agreement import agreed, begins_a_run
from vae_lab.runs.groups import Groups
from vae_lab.runs.instantiate import to_plain
from vae_lab.runs.moment import fixed
from vae_lab.runs.newest import the_run
from vae_lab.runs.overrides import in_full
from vae_lab.runs.rundir import RunDir
from vae_lab.runs.strict_callback import StrictCallback

KEPT = ("model", "optimizer")  # a checkpoint has weights for the one and state for the other


class PrepareRun(StrictCallback):
    """Makes the run directory, or says in one line why that cannot be.

    With ``resume=<run directory>`` the run goes on in that directory; a folder of runs, or
    ``latest``, means the newest run.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Act before Hydra makes the directory.

        Raises:
            ValueError: if a run cannot be told apart from others.
            OSError: if the directory cannot be the run's.
        """
        run = config.hydra.run
        chosen = to_plain(config.hydra.overrides.hydra, resolve=False)
        is_chosen = any(override.lstrip("+").startswith("hydra.run.dir=") for override in chosen)
        check_places(config)
        if config.resume is not None:
            if begins_a_run() or not is_chosen:
                run.dir = str(the_run(str(config.resume), to_resume=True))
            RunDir(run.dir).config()
        elif is_chosen and begins_a_run():
            _require_unused(RunDir(run.dir))
        try:
            if config.resume is None and not is_chosen and begins_a_run():
                run.dir = str(_make_directory(Path(run.dir)))
            run.dir = agreed("run_dir", run.dir)
            if config.resume is not None:
                config.resume = run.dir
            Path(run.dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                f"the run directory cannot be made ({error}); give another one with hydra.run.dir="
            ) from error


def check_places(config: DictConfig) -> None:
    """Refuse what would put files where nobody looks for them.

    Raises:
        ValueError: with what to do.
    """
    if config.hydra.job.chdir:
        raise ValueError(
            "hydra.job.chdir=true is refused: paths are meant from the folder where the command is "
            "given; choose the run directory with hydra.run.dir="
        )
    name = Path(str(config.name))
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"name is a folder below runs/, got {name}; see also hydra.run.dir=")


def _make_directory(wanted: Path) -> Path:
    """Make a directory that was not there, with a number behind if others began in this second."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    path = wanted
    for number in count(2):
        try:
            path.mkdir()
            break
        except FileExistsError:
            path = wanted.with_name(f"{wanted.name}_{number}")
    return path


def _require_unused(run: RunDir) -> None:
    if run.is_begun or run.is_locked():
        raise FileExistsError(
            f"{run.path} holds a run already; continue it with resume={run.path}, or name another "
            "directory"
        )


def compose(conf_dir: Path, run_dir: Path, overrides: Sequence[str]) -> DictConfig:
    """Compose an experiment where there is no command line, as in a notebook.

    Args:
        conf_dir: the folder ``conf``.
        run_dir: where ``training.train`` will run it; ``.hydra`` is written there.
        overrides: as on the command line of ``train.py``.

    Raises:
        FileExistsError: if another run has used the directory.
        hydra.errors.HydraException: if an override does not fit.
    """
    run = RunDir(run_dir)
    _require_unused(run)
    overrides = [in_full(override) for override in overrides]
    with initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        groups = Groups(GlobalHydra.instance().config_loader(), "train", overrides)
        config = composition.checked(groups, partial(hydra.compose, "train"), list(overrides))
    config.run_dir = str(run_dir)
    config = fixed(config)
    run.write_config(config, overrides)
    return config


def begin(run: RunDir, config: DictConfig) -> DictConfig:
    """Return the configuration with all values fixed, and write it down if Hydra composed it.

    Raises:
        omegaconf.errors.OmegaConfBaseException: if a value cannot be found out.
    """
    config = fixed(config)
    if HydraConfig.initialized():
        composed: Any = HydraConfig.get()
        run.write_hydra(composed)
        run.write_config(config, to_plain(composed.overrides.task, resolve=False))
    return config


def take_up(run: RunDir, config: DictConfig) -> DictConfig:
    """Return the configuration of a sweep's job: that with which it was begun, if it was.

    Raises:
        SystemExit: if another job was begun in this directory.
    """
    if not run.is_begun:
        return begin(run, config)
    require_same_job(run)
    begun = run.config()
    begun.sweep.trial = config.sweep.trial
    return begun


def require_same_job(run: RunDir) -> None:
    """Leave a directory alone in which another job of a sweep was begun.

    Raises:
        SystemExit: for the whole sweep, since it is its names that are wrong.
    """
    composed: Any = HydraConfig.get()
    before = _told(run.hydra().get("overrides", {}).get("task", []))
    now = _told(to_plain(composed.overrides.task, resolve=False))
    if run.is_composed and before != now:
        changes = f"{', '.join(sorted(before - now))} → {', '.join(sorted(now - before))}"
        raise SystemExit(
            f"error: {run.path} holds another job ({changes}). Take another sweep.name, and let "
            "hydra.sweep.subdir name jobs by all that tells them apart, as it does by default"
        )


def _told(lines: Sequence[str]) -> set[str]:
    """Return the overrides that decide what a job computes."""
    return {line for line in lines if not line.lstrip("+").startswith("sweep.")}


def resumed_config(run: RunDir, overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of the run to resume, changed by ``overrides``.

    Only values may change (``trainer.max_epochs=20``): neither choices of a group (``model=conv``),
    nor what the checkpoint brings along (``optimizer.lr``). The trial of a search is over for it,
    unless ``overrides`` name the trial.

    Raises:
        FileNotFoundError: if ``run`` is no run.
        ValueError: if an override does not fit the configuration.
    """
    config = run.config()
    if (fitted := run.summary().get("fitted")) is not None:
        raise ValueError(
            f"{run.path} holds a prior that was fitted to {fitted['run']}, which is the run that "
            "can be resumed"
        )
    config.sweep.trial = None
    before = {part: to_plain(config[part]) for part in KEPT}
    for override in _changes(overrides):
        key, value = override.key_or_group, override.value()
        try:
            if isinstance(value, str) and OmegaConf.is_dict(OmegaConf.select(config, key)):
                changed = [key]
            else:
                _change(config, override)
                changed = [part for part in KEPT if to_plain(config[part]) != before[part]]
        except OmegaConfBaseException as error:
            raise ValueError(f"{override.input_line}: {error}".splitlines()[0]) from error
        if changed:
            raise ValueError(
                f"a resumed run keeps its {changed[0]}: {override.input_line} is refused"
            )
    if not config.callbacks.get("last_checkpoint"):
        raise ValueError(
            f"{run.path} cannot be resumed with callbacks.last_checkpoint=null, which keeps "
            "nothing to go on from; begin a new run"
        )
    config.resume = str(run.path)
    return config


def keep_changes(run: RunDir, overrides: Sequence[str]) -> None:
    """Write what a resumed run was changed by into its ``.hydra``, to hold from now on."""
    changes = _changes(overrides)
    if not changes:
        return
    config = run.saved_config()
    for override in changes:
        _change(config, override)
    lines = [str(override.input_line) for override in changes]
    before = [line for line in run.overrides() if line not in lines]
    run.write_config(config, before + lines)


def _changes(overrides: Sequence[str]) -> list[Override]:
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [override for override in parsed if override.key_or_group != "resume"]


def _change(config: DictConfig, override: Override) -> None:
    is_new = override.is_add() or override.is_force_add()
    OmegaConf.update(config, override.key_or_group, override.value(), force_add=is_new)
