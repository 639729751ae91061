"""Train one VAE, or a sweep of them: ``python train.py [option=value ...]``."""

import hydra
from omegaconf import DictConfig

from vae_lab.runs import opening, sweeps
from vae_lab.runs.importing import swift_imports
from vae_lab.runs.signals import INTERRUPTED


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Compose the experiment from ``conf/`` and run it."""
    opening.announce(cfg)
    with swift_imports():
        from vae_lab.training.train import train  # noqa: PLC0415 - keeps --help and --cfg free of torch

    return train(cfg)


if __name__ == "__main__":
    sweeps.register()
    try:
        main()
    except KeyboardInterrupt:  # before training, or where a sweep waits for its jobs
        raise SystemExit(INTERRUPTED) from None
