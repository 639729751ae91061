"""Run directories made by hand: what Hydra and a run leave behind, without running anything."""

import csv
import json

import torch
from omegaconf import OmegaConf

CHOICES = {"model": "mlp", "objective": "elbo", "data": "mnist", "likelihood": "bernoulli"}
CONFIG = {
    "seed": 0,
    "latent_dim": 20,
    "name": "vae",
    "data": {"binarization": "dynamic"},
    "optimizer": {"lr": 0.001},
    "trainer": {"max_epochs": 10},
}
HARDWARE = {"device": "cpu", "name": "Chip", "threads": 1, "processes": 1}


def metrics_of(elbo, rate, nll):
    """Return the metrics of a run whose validation and test ELBO are one apart."""
    tested = {"test/elbo": elbo + 1, "test/kl": rate, "test/reconstruction": elbo + 1 + rate}
    return {"val/elbo": elbo, **tested, "test/nll": nll}


def make_run(path, *overrides, status="completed", metrics=None, seconds=60.0, **summary):
    """Make the directory of a run; with ``status=None`` it has no summary yet."""
    choices, config = CHOICES.copy(), OmegaConf.create(CONFIG)
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if key in choices:
            choices[key] = value
        else:
            OmegaConf.update(config, key, OmegaConf.create(f"value: {value}").value, force_add=True)
    hydra = {"runtime": {"choices": choices}, "overrides": {"task": list(overrides)}}
    hydra_folder = path / ".hydra"
    hydra_folder.mkdir(parents=True)
    OmegaConf.save(config, hydra_folder / "config.yaml")
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), hydra_folder / "hydra.yaml")
    OmegaConf.save(OmegaConf.create(list(overrides)), hydra_folder / "overrides.yaml")
    if status is None:
        return
    content = {"status": status, "compared_by": "val/elbo"}
    if status == "completed":
        content |= {
            "metrics": metrics or metrics_of(-100.0, 25.0, 95.0), "nll_samples": 100,
            "epochs": 10, "seconds": seconds, "training_seconds": seconds / 2,
            "hardware": HARDWARE,
        }  # fmt: skip
    (path / "summary.json").write_text(json.dumps(content | summary))


def make_sweep(folder, *task, **sweeper):
    """Write the ``multirun.yaml`` of a sweep."""
    sweeper = {"_target_": "hydra.BasicSweeper", "params": None} | sweeper
    hydra = {"sweeper": sweeper, "overrides": {"task": list(task)}, "runtime": {"choices": CHOICES}}
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create({"hydra": hydra, **CONFIG}), folder / "multirun.yaml")


def write_best(path, **metrics):
    """Write a best checkpoint that knows ``val/…``, and has no weights."""
    checkpoints = path / "checkpoints"
    checkpoints.mkdir()
    validated = {f"val/{name}": value for name, value in metrics.items()}
    checkpoint = {"epoch": 0, "state_dict": {}, "metrics": validated}
    torch.save(checkpoint, checkpoints / "best.ckpt")


def write_curve(path, *rows):
    """Write rows of ``metrics.csv``: step, epoch, metric, value."""
    with (path / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("step", "epoch", "metric", "value"), *rows])
