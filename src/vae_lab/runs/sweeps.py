"""Sweeps: many runs of one command, which can be given again after whatever went wrong.

::

    runs/<sweep.name>/
      multirun.yaml              the command
      latent_dim=2,model=conv/   one run per set of overrides, in alphabetical order

A job that has finished is not run again, one that was interrupted goes on from its last checkpoint,
one that failed is tried again. Jobs write how they ended into their ``summary.json`` and return
nothing if they failed, so that one failure does not end the others.
"""

import atexit
import hashlib
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from vae_lab.runs import composition, help_screen, terminal
from vae_lab.runs.agreement import agreed
from vae_lab.runs.groups import Groups
from vae_lab.runs.instantiate import to_plain
from vae_lab.runs.launch import check_places
from vae_lab.runs.moment import is_of_the_moment
from vae_lab.runs.overrides import in_full, parse, quoted, varied
from vae_lab.runs.rundir import DONE, RunDir
from vae_lab.runs.signals import INTERRUPTED, stop_handlers
from vae_lab.runs.strict_callback import StrictCallback

KILLED = (
    "its process was killed, perhaps for want of memory; the command, given again, goes on, with "
    "fewer jobs at once if hydra.launcher.n_jobs is less"
)
LONGEST_NAME = 120  # characters of a job's directory; file systems allow 255
HASH_LENGTH = 8
UNUSUAL = re.compile(r"[^\w.,=+\-\[\]]")
NAME = re.compile(r"\w[\w.\-]*")
# So that Ctrl-C reaches a child through this process alone. Windows has no process groups.
OWN_GROUP: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
# Of launchers and sweepers: where they lie, the module that they need, the extra that brings it.
EXTRAS = (
    ("hydra_plugins.hydra_joblib_launcher", "hydra_plugins.hydra_joblib_launcher", "joblib"),
    ("hydra_plugins.hydra_submitit_launcher", "hydra_plugins.hydra_submitit_launcher", "submitit"),
    ("hydra_plugins.hydra_ray_launcher", "hydra_plugins.hydra_ray_launcher", "ray"),
    ("hydra_plugins.vae_lab_optuna", "optuna", "optuna"),
)


def is_sweep() -> bool:
    """Tell whether this process runs the job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def job_label(run: RunDir) -> str:
    """Return what tells a job from the others of its sweep, for the lines that it prints."""
    lines = run.overrides()
    keys = varied(run.path, parse(lines))
    told = [line for line in lines if line.lstrip("+").partition("=")[0] in keys]
    return ",".join(told) or run.name


def job_directory(overrides: str) -> str:
    """Return the directory name for a job's overrides, ``key=value`` joined by commas.

    Long names and characters that file systems dislike are cut out, and a hash of all stands for
    them.
    """
    name = UNUSUAL.sub("_", overrides)
    if name == overrides and len(name) <= LONGEST_NAME:
        return name or "defaults"
    digest = hashlib.sha256(overrides.encode()).hexdigest()[:HASH_LENGTH]
    return f"{name[: LONGEST_NAME - HASH_LENGTH - 1]}-{digest}"


def register() -> None:
    """Let Hydra understand ``conf/train.yaml``, and refuse what that does not understand.

    It registers the resolvers that stand in there, and silences a warning: launchers bring a schema
    under the same name as their file in ``conf/hydra/launcher``, on purpose.
    """
    warnings.filterwarnings("ignore", r"\s*'hydra/(launcher|sweeper)/\w+' is validated against")
    composition.register()
    OmegaConf.register_new_resolver("help_screen", help_screen.screen, replace=True)
    OmegaConf.register_new_resolver("job_directory", job_directory, replace=True)
    OmegaConf.register_new_resolver("first_of", _first_of, replace=True)


def _first_of(first: Any, second: Any) -> Any:  # noqa: ANN401
    return second if first is None else first


class PrepareSweep(StrictCallback):
    """Refuses a sweep that cannot be run, before any job; shows how all ended, after the last.

    A launcher sends it to each process that runs a job, where Hydra composes the job again.
    """

    def __init__(self) -> None:
        self.began = time.time()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in such a process, and prepare it for composing."""
        self.__dict__.update(state)
        register()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Check what all jobs share.

        Raises:
            SystemExit: with one line that says what to do.
            ValueError: with such a line too.
        """
        check_places(config)
        task = to_plain(config.hydra.overrides.task, resolve=False)
        if any(override.lstrip("+").startswith("resume=") for override in task):
            raise SystemExit(
                "error: resume= goes on with one run, without --multirun; a sweep with a name goes "
                "on if its command is given again"
            )
        name = config.sweep.name
        if name is not None and not NAME.fullmatch(str(name)):
            raise SystemExit(
                f"error: sweep.name is a folder in runs/, of letters, digits, '.', '_' and '-', "
                f"got {name}"
            )
        folder = agreed("sweep_dir", config.hydra.sweep.dir)
        config.hydra.sweep.dir = folder
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(folder)}")  # for every job
        for part in ("launcher", "sweeper"):
            option = f"hydra/{part}"
            choice = f"{option}={config.hydra.runtime.choices[option]}"
            _require_installed(choice, config.hydra[part]._target_)
        _check_jobs(config, task)
        for job in RunDir.begun_in(Path(folder)):
            _require_same(job, config.hydra.job.config_name)
        atexit.register(self._on_breakdown, config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Show every job of the sweep.

        Raises:
            SystemExit: with status 1 if a job failed.
        """
        atexit.unregister(self._on_breakdown)
        if "failed" in self._show(config):
            raise SystemExit(1)

    def _on_breakdown(self, config: DictConfig) -> None:
        """Show the jobs where a launcher has broken down, and Hydra with it."""
        if any(job.changed > self.began for job in RunDir.begun_in(Path(config.hydra.sweep.dir))):
            self._show(config)

    def _show(self, config: DictConfig) -> set[str]:
        """Show every job of the sweep; return how those ended that this command ran."""
        folder = Path(config.hydra.sweep.dir)
        jobs = RunDir.begun_in(folder)
        summaries = {job.name: _outcome(job) for job in jobs}
        if os.environ.get("RANK", "0") == "0":  # torchrun gives the command to every process
            terminal.print_sweep(folder, summaries)
            if storage := config.hydra.sweeper.get("storage"):
                from vae_lab.runs import search  # noqa: PLC0415 - Optuna is for searches alone

                search.print_best(storage, folder)
        return {summaries[job.name]["status"] for job in jobs if job.changed > self.began}


def _outcome(job: RunDir) -> dict[str, Any]:
    """Return how a job ended, also if nobody wrote it down."""
    try:
        summary = job.summary()
        if summary["status"] == "running" and not job.is_locked():
            summary = job.summary()  # it may have ended between the two looks
            if summary["status"] == "running":
                return summary | {"status": "failed", "error": KILLED}
    except ValueError as error:
        return {"status": "damaged", "error": str(error)}
    return summary


def train_in_another_process(run: RunDir) -> float | None:
    """Run the job of a sweep that starts processes of its own, which would repeat the sweep.

    Raises:
        SystemExit: if it was told to stop.
        ChildProcessError: if it failed.
        LockedError: if another process came first.
    """
    sources = HydraConfig.get().runtime.config_sources
    conf = next(Path(source.path) for source in sources if source.provider == "main")
    trial = [o for o in HydraConfig.get().overrides.task if o.startswith("sweep.trial=")]
    command = [sys.executable, conf.parent / "train.py", f"resume={quoted(run.path)}", *trial]
    with subprocess.Popen(command, **OWN_GROUP) as child, _signals_go_to(child):
        status = child.wait()
    if status in (INTERRUPTED, -signal.SIGINT, -signal.SIGTERM):
        raise SystemExit(INTERRUPTED)
    summary = run.summary()
    if summary.get("status") not in DONE:
        with run.lock():
            reason = summary.get("error", f"exit status {status}")
            raise ChildProcessError(reason.removeprefix("error: "))
    return run.result()


@contextmanager
def _signals_go_to(child: subprocess.Popen[Any]) -> Iterator[None]:
    """While the context lasts, a process that is told to stop tells its child and waits for it.

    The child then writes its checkpoint and ends. Where a scheduler listens for SIGUSR2, its
    handler is called after that, and may hand in the job again.
    """
    handlers = stop_handlers()
    of_scheduler = handlers.keys() - {signal.SIGINT, signal.SIGTERM}
    received = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if number != signal.SIGINT:
            child.send_signal(signal.SIGTERM)
        elif OWN_GROUP:  # otherwise the terminal has told the child already
            child.send_signal(signal.SIGINT)

    for number in handlers:
        signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in of_scheduler.intersection(received):
        handler: Any = handlers[number]
        handler(number, None)


def _check_jobs(config: DictConfig, task: list[str]) -> None:
    """Refuse what no part of the configuration takes, before anything is written.

    Raises:
        hydra.errors.HydraException: with one line.
    """
    loader = GlobalHydra.instance().config_loader()
    name = config.hydra.job.config_name
    of_hydra = to_plain(config.hydra.overrides.hydra, resolve=False)

    def compose(lines: list[str]) -> DictConfig:
        return loader.load_configuration(name, [*of_hydra, *lines], RunMode.MULTIRUN)

    params = config.hydra.sweeper.get("params") or {}
    searched = [in_full(f"{key}={value}") for key, value in params.items()]
    groups = Groups(loader, name, of_hydra)
    composition.check_sweep(groups, compose, [*searched, *task])


def _require_installed(choice: str, target: str) -> None:
    for plugin, module, extra in EXTRAS:
        if target.startswith(plugin) and not _is_installed(module):
            raise SystemExit(f"error: {choice} is not installed: pip install 'vae-lab[{extra}]'")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _require_same(job: RunDir, config_name: str) -> None:
    """Refuse to go on with a job whose overrides mean something else by now."""
    saved = OmegaConf.to_container(job.saved_config())
    try:
        composed = hydra.compose(config_name, job.overrides())
        changes = list(differences(saved, OmegaConf.to_container(composed)))
    except HydraException as error:
        changes = [str(error).splitlines()[0]]
    if changes:
        raise SystemExit(
            f"error: the configuration has changed since {job.name} was begun "
            f"({'; '.join(changes)}). Undo the change, or choose another sweep.name"
        )


def differences(before: Any, after: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401
    """Yield ``key: before → after`` for each value that differs between two configurations.

    Where ``after`` depends on the moment, ``before`` was fixed when the run began, and holds.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from differences(before.get(name), after.get(name), f"{key}.{name}".strip("."))
    elif before != after and not is_of_the_moment(after):
        yield f"{key}: {before} → {after}"
