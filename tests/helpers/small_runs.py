"""Run directories without training, for what opens them."""

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from vae_lab.runs.instantiate import instantiate

CONF = Path(__file__).parents[2] / "conf"
SMALL = ("latent_dim=2", "model.encoder.hidden_sizes=[16]", "model.decoder.hidden_sizes=[16]")
SMALL_LADDER = ("model=ladder", "latent_dim=2", "model.channels=[4,4]", "model.latent_channels=[1]")


def write_run(folder: Path, *overrides: str) -> Path:
    """Write the run that ``overrides`` describe, with the weights it would begin with."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [f"run_dir={folder}", *overrides])
    torch.manual_seed(0)
    weights = instantiate(config.model).state_dict()
    for name in (".hydra", "checkpoints"):
        (folder / name).mkdir(parents=True)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    state = {f"model.{name}": weight for name, weight in weights.items()}
    pixels = instantiate(config.data).pixels
    checkpoint = {"epoch": 0, "pixels": pixels, "state_dict": state}
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    return folder
