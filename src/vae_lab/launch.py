"""How a run begins: its directory and its configuration, whether new, resumed or in a notebook."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from vae_lab import processes, runs


class PrepareRun(Callback):
    """Makes the run directory, or says in one line why that cannot be.

    With ``resume=<run directory>`` the run goes on in that directory, and its ``.hydra`` stays as
    it is.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Act before Hydra makes the directory.

        Raises:
            SystemExit: Hydra turns any other exception of a callback into a warning.
        """
        if config.resume is not None:
            try:
                runs.load_config(Path(config.resume))
            except (OSError, ValueError) as error:
                raise SystemExit(f"error: {error}") from error
            with open_dict(config):
                config.hydra.run.dir = config.resume
                config.hydra.output_subdir = None
        config.hydra.run.dir = processes.agreed("run_dir", config.hydra.run.dir)
        try:
            Path(config.hydra.run.dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemExit(
                f"error: the run directory cannot be made ({error}); give another one with "
                "hydra.run.dir="
            ) from error


def compose(conf_dir: Path, run_dir: Path, overrides: Sequence[str]) -> DictConfig:
    """Compose an experiment where there is no command line, as in a notebook.

    Args:
        conf_dir: the folder ``conf``.
        run_dir: where ``training.train`` will run it; ``.hydra`` is written there.
        overrides: as on the command line of ``train.py``.

    Raises:
        hydra.errors.HydraException: if an override does not fit.
    """
    with initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        config = hydra.compose("train", [*overrides, f"run_dir={run_dir}"])
    _write(run_dir, config, overrides)
    return config


def resumed_config(run_dir: Path, overrides: list[str]) -> DictConfig:
    """Return the configuration of the run to resume, changed by ``overrides`` from now on.

    Only values may change (``trainer.max_epochs=20``): neither choices of a group (``model=conv``),
    nor what the checkpoint brings along (``optimizer.lr``).

    Raises:
        FileNotFoundError: if ``run_dir`` is no run.
        ValueError: if an override does not fit the configuration.
    """
    config = runs.load_config(run_dir)
    changes = [o for o in OverridesParser.create().parse_overrides(overrides)
               if o.key_or_group != "resume"]  # fmt: skip
    for override in changes:
        key, value = override.key_or_group, override.value()
        try:
            is_choice = isinstance(value, str) and OmegaConf.is_dict(OmegaConf.select(config, key))
            if is_choice or key.startswith("optimizer."):
                raise ValueError(
                    f"a resumed run keeps its {key.split('.')[0]}: {override.input_line} is refused"
                )
            force = override.is_add() or override.is_force_add()
            OmegaConf.update(config, key, value, force_add=force)
        except OmegaConfBaseException as error:
            raise ValueError(f"{override.input_line}: {error}".splitlines()[0]) from error
    if changes:
        lines = [str(override.input_line) for override in changes]
        before = [line for line in runs.read_overrides(run_dir) if line not in lines]
        _write(run_dir, config, before + lines)
    config.resume = str(run_dir)
    return config


def _write(run_dir: Path, config: DictConfig, overrides: Sequence[str]) -> None:
    runs.write_atomically(run_dir / runs.CONFIG, OmegaConf.to_yaml(config))
    runs.write_atomically(
        run_dir / runs.OVERRIDES, OmegaConf.to_yaml(OmegaConf.create(list(overrides)))
    )
