"""What the terminal says at the beginning of a run: what is trained, on what, where, how long.

What needs no torch is said before torch is imported, which takes seconds.
"""

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from vae_lab.runs import errors, launch, sweeps, terminal
from vae_lab.runs.agreement import begins_a_run
from vae_lab.runs.rundir import RunDir

USUAL = {"posterior": "diagonal_normal", "prior": "standard_normal", "conditioning": "none"}


def announce(cfg: DictConfig) -> None:
    """Say what the run that Hydra has composed will do; nothing for a job of a sweep.

    Raises:
        SystemExit: with status 0 and a line that says so, if the run that is to go on is done; with
            one line that says what to do, if it cannot go on.
    """
    if sweeps.is_sweep():  # Hydra has named the job
        return
    is_first = begins_a_run()
    if not cfg.resume:
        if is_first:
            choices = HydraConfig.get().runtime.choices
            terminal.tell(*_lines(cfg, choices, Path(cfg.run_dir), 0))
        return
    with errors.told_in_one_line():
        run = RunDir(cfg.resume)
        changes = list(HydraConfig.get().overrides.task)
        config, summary = launch.resumed_config(run, changes), run.summary()
        is_changed = any(not change.startswith("resume=") for change in changes)
        if summary.get("status") == "completed" and not is_changed:
            if is_first:
                epochs = summary["epochs"]
                more = terminal.resuming(run), terminal.further(run, epochs)
                terminal.tell(f"{cfg.resume} is done: {epochs} epochs")
                terminal.tell(terminal.command("longer", *more))
            raise SystemExit(0)
        choices = run.hydra().get("runtime", {}).get("choices", {})
    if is_first:
        terminal.tell(*_lines(config, choices, run.path, summary.get("epochs", 0)))


def announce_sizes(
    run: RunDir, parameters: int, images: dict[str, int], hardware: dict[str, Any]
) -> None:
    """Say what is known once everything is built; in a sweep the name of the job too.

    Args:
        run: the run.
        parameters: how many numbers are learned.
        images: split → how many images it has.
        hardware: see ``environment.hardware``.
    """
    shares = " and ".join(f"{count:,} {split}" for split, count in images.items() if count)
    size = f"{parameters:,} parameters, {shares} images"
    if sweeps.is_sweep():
        terminal.tell(f"{sweeps.job_label(run)}  {size}")
        return
    processes = f"{hardware['processes']} × " if hardware["processes"] > 1 else ""
    threads = f", threads: {hardware['threads']}" if hardware["device"] == "cpu" else ""
    on = f"{hardware['device']}: {processes}{hardware['name']}{threads}"
    terminal.tell(f"{'size':<9} {size}", f"{'on':<9} {on}")


def _lines(cfg: DictConfig, choices: Any, folder: Path, done: int) -> list[str]:  # noqa: ANN401
    """Return what a configuration will do after ``done`` epochs, line by line."""
    model = [_choice(choices, "model"), f"{_value(cfg, 'latent_dim')} latents"]
    for slot, usual in USUAL.items():
        if (option := _choice(choices, slot)) != usual:
            model.append(f"{slot} {option}")
    if experiment := choices.get("experiment"):
        model.append(f"experiment {experiment}")
    beta = _value(cfg, "objective.beta")
    objective = [
        _choice(choices, "objective"),
        *([f"beta {beta}"] if beta not in (None, 1) else []),
    ]
    data = [_choice(choices, "data"), f"binarization {_value(cfg, 'data.binarization')}"]
    data.append(f"likelihood {_choice(choices, 'likelihood')}")
    lines = {"model": model, "objective": objective, "data": data, "training": [_length(cfg, done)]}
    said = [f"{label:<9} {', '.join(map(str, parts))}" for label, parts in lines.items()]
    return [*said, f"{'into':<9} {terminal.shown_path(folder)}"]


def _length(cfg: DictConfig, done: int) -> str:
    """Return how long a run trains, and on what kind of device."""
    epochs, time = _value(cfg, "trainer.max_epochs"), _value(cfg, "trainer.max_time")
    steps = _value(cfg, "trainer.max_steps")
    devices = _value(cfg, "trainer.devices")
    length = []
    if isinstance(epochs, int) and epochs >= 0:
        length.append("1 epoch" if epochs == 1 else f"{epochs} epochs")
    length += [f"{done} of them done"] if done else []
    length += [f"at most {steps} steps"] if isinstance(steps, int) and steps >= 0 else []
    length += [f"at most {time}"] if time else []
    on = f"on {_value(cfg, 'trainer.accelerator')}"
    on += "" if devices in (1, "1") else f", {devices} devices"
    return " ".join(filter(None, (", ".join(length), on)))


def _choice(choices: Any, group: str) -> str:  # noqa: ANN401
    return str(choices.get(group))


def _value(cfg: DictConfig, key: str) -> Any:  # noqa: ANN401
    """Return a value, None where there is none or it is wrong: building says what is wrong."""
    return OmegaConf.select(cfg, key, throw_on_resolution_failure=False)
