"""The run directory: what is written there, and how a run is opened again.

::

    runs/<name>/<date>_<time>/
      .hydra/                    the composed configuration and the overrides
      checkpoints/{best,last,previous}.ckpt
      events.out.tfevents.*      TensorBoard
      metrics.csv                step, epoch, metric, value
      images/*.png               the final pictures
      summary.json               final metrics, seconds, versions, status, ...
"""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import hydra.utils
from hydra.errors import InstantiationException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from vae_lab.files import write_atomically

if TYPE_CHECKING:
    from vae_lab.model.contract import Model

CONFIG = Path(".hydra") / "config.yaml"
OVERRIDES = Path(".hydra") / "overrides.yaml"
SUMMARY = "summary.json"
METRICS = "metrics.csv"
DONE = ("completed", "pruned")  # the status of a run that nothing is left to do for
INTERRUPTED = 130  # the shell's exit status of a process ended by Ctrl-C


def instantiate(config: DictConfig | dict[str, Any], **kwargs: Any) -> Any:  # noqa: ANN401
    """Build the object that ``config`` describes; the one place where Hydra does so.

    Raises:
        ValueError: if a constructor cannot be called with these arguments.
        Exception: whatever a constructor raises.
    """
    try:
        return hydra.utils.instantiate(config, _convert_="all", **kwargs)
    except InstantiationException as error:
        is_missing = str(error).startswith("Error locating target")
        if is_missing or isinstance(error.__cause__, TypeError):
            raise ValueError(str(error).partition("full_key")[0]) from error
        raise error.__cause__ or error from None


def is_run(path: Path) -> bool:
    """Tell whether ``path`` is the directory of a run."""
    return (path / CONFIG).is_file()


def load_config(run_dir: Path) -> DictConfig:
    """Return the configuration of a run, with the run directory where it lies now.

    Raises:
        FileNotFoundError: if ``run_dir`` is no run.
        ValueError: if the configuration is damaged.
    """
    if not is_run(run_dir):
        raise FileNotFoundError(f"{run_dir} is not a run directory: it has no {CONFIG}")
    try:
        config = cast(DictConfig, OmegaConf.load(run_dir / CONFIG))
        OmegaConf.set_struct(config, True)
        config.run_dir = str(run_dir.resolve())
    except (YAMLError, OmegaConfBaseException) as error:
        raise ValueError(f"{run_dir / CONFIG} is not what vae-lab wrote: {error}") from error
    return config


def find_checkpoint(run_dir: Path) -> Path:
    """Return the best checkpoint of a run, or the last if there is no best.

    Raises:
        FileNotFoundError: if there is neither.
    """
    for name in ("best", "last"):
        path = run_dir / "checkpoints" / f"{name}.ckpt"
        if path.exists():
            return path
    raise FileNotFoundError(f"{run_dir} holds no checkpoint: the run ended before its first epoch")


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the contents of a checkpoint, provided that they are data and not code.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if they are not, or the file is damaged or not one of ours.
    """
    import torch  # noqa: PLC0415 - Hydra imports this module before torch is needed

    data = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:  # torch does not check its sums
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
        checkpoint = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever damaged bytes make torch do; reading them is done above
        raise ValueError(
            f"{path} is damaged or holds code instead of weights, and was not loaded. Resume "
            "from a checkpoint that vae-lab wrote, or start a new run"
        ) from error
    if not isinstance(checkpoint, dict) or not {"epoch", "state_dict"} <= checkpoint.keys():
        raise ValueError(f"{path} is no checkpoint that vae-lab wrote")
    return checkpoint


def load_model(run_dir: Path) -> "Model":
    """Return the trained model of a run, in evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: if ``run_dir`` is no run, or has no checkpoint.
        ValueError: if the checkpoint does not fit the configuration.
    """
    model = instantiate(load_config(run_dir).model)
    path = find_checkpoint(run_dir)
    prefix = "model."
    state = {k.removeprefix(prefix): v for k, v in load_checkpoint(path)["state_dict"].items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the model in {run_dir / CONFIG}") from error
    return model.eval()


def read_overrides(run_dir: Path) -> list[str]:
    """Return the command line that made a run."""
    path = run_dir / OVERRIDES
    return cast(list[str], to_plain(OmegaConf.load(path), resolve=False)) if path.exists() else []


def to_plain(node: DictConfig | ListConfig | None, resolve: bool = True) -> Any:  # noqa: ANN401
    """Return a part of a configuration as dictionaries, lists, numbers and strings."""
    return OmegaConf.to_container(node, resolve=resolve) if node is not None else None


def read_summary(run_dir: Path) -> dict[str, Any]:
    """Return what ``summary.json`` holds, or nothing if there is none.

    Raises:
        ValueError: if the file is damaged.
    """
    path = run_dir / SUMMARY
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def result(run_dir: Path) -> float | None:
    """Return the monitored metric of a run that is done, at its best epoch."""
    summary = read_summary(run_dir)
    return summary["metrics"].get(summary["monitor"])


def update_summary(run_dir: Path, **changes: str) -> None:
    """Change parts of ``summary.json``; a damaged one is replaced."""
    try:
        summary = read_summary(run_dir)
    except ValueError:
        summary = {}
    write_summary(run_dir, summary | changes)


def read_curve(run_dir: Path, metric: str) -> dict[int, float]:
    """Return the values of a metric in ``metrics.csv``, by training step.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it does not hold the metric.
    """
    with (run_dir / METRICS).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == metric]
    if not rows:
        raise ValueError(f"{run_dir / METRICS} has no metric {metric}")
    return {int(row["step"]): float(row["value"]) for row in rows}


def write_summary(run_dir: Path, summary: dict[str, Any]) -> None:
    """Write ``summary.json``."""
    write_atomically(run_dir / SUMMARY, json.dumps(summary, indent=2) + "\n")
