"""Run directories for the explorer: small ones, and one that has learned something in seconds."""

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from vae_lab.data import ImageDataModule
from vae_lab.runs.instantiate import instantiate
from vae_lab.runs.rundir import RunDir

CONF = Path(__file__).parents[2] / "conf"
SMALL = ("model.encoder.hidden_sizes=[16]", "model.decoder.hidden_sizes=[16]")
BATCH = 100


def write_run(folder: Path, data_root: Path, *overrides: str, steps: int = 0) -> Path:
    """Write what the explorer reads of a run, trained for ``steps`` steps; return ``folder``."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [f"run_dir={folder}", f"data.root={data_root}", *overrides])
    torch.manual_seed(0)
    model = instantiate(config.model)
    if steps:
        train(model, config, steps)
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, RunDir(folder).config_file)
    (folder / "checkpoints").mkdir()
    pixels = instantiate(config.data).pixels
    checkpoint = {"epoch": 0, "pixels": pixels, "state_dict": state}
    torch.save(checkpoint, folder / "checkpoints" / "best.ckpt")
    return folder


def train(model: torch.nn.Module, config: DictConfig, steps: int) -> None:
    """Maximise the run's objective, without Lightning and all that it writes."""
    data: ImageDataModule = instantiate(config.data)
    data.setup("fit")
    images = data.images("train", steps * BATCH)
    objective = instantiate(config.objective)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3, fused=True)
    for x in images.split(BATCH):
        optimizer.zero_grad()
        (-objective(model.draw(x, 1), 0.0).value.mean()).backward()
        optimizer.step()
    model.eval()
