"""Scores a run: opens it, measures everything, returns what ``evaluation.json`` holds."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from vae_lab.data import ImageDataModule, Split
from vae_lab.evaluation.information import rate_per_dim
from vae_lab.evaluation.record import FORMAT, VERSION
from vae_lab.evaluation.scoring import measure
from vae_lab.runs import environment, rundir

PLACES = ("data.root=", "hydra.")  # where files lie says nothing about a result


def score_run(
    run_dir: Path,
    dataset: str | None,
    split: Split,
    num_samples: int,
    seed: int,
    device: torch.device,
    on_progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Measure what can be measured of a run's best (else last) weights.

    Args:
        run_dir: the run directory, of a crashed run too.
        dataset: a class of ``torchvision.datasets``, or None for the one that trained the run.
        split: whose images are scored.
        num_samples: K, importance samples per image.
        seed: of every random number.
        device: where to compute.
        on_progress: told (images done, images in all) while importance sampling.

    Returns:
        What ``evaluation.json`` holds.

    Raises:
        FileNotFoundError: if ``run_dir`` is no run, or has no checkpoint.
        ValueError: if ``num_samples`` is less than 1, the configuration does not fit, or the run
            was trained on data that have no ``dataset`` to change.
    """
    if num_samples < 1:
        raise ValueError(f"--num-samples must be at least 1, got {num_samples}")
    began = time.time()
    config = rundir.load_config(run_dir)
    if dataset is not None:
        if "dataset" not in config.data:
            raise ValueError(f"--data is for runs on MNIST's format, and {run_dir} is none")
        config.data.dataset = dataset
    model = rundir.load_model(run_dir).to(device)
    data: ImageDataModule = rundir.instantiate(config.data)
    data.prepare_data()
    for stage in ("fit", "test"):
        data.setup(stage)
    if not len(data.splits[split]):
        raise ValueError(f"this run has no {split} images")
    torch.manual_seed(seed)
    run = _describe(run_dir, config.name, config.seed)
    is_as_published = dataset is None and split == "test"
    images = data.images(split, len(data.splits[split]))
    metrics = measure(model, data, split, num_samples, device, on_progress)
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": run,
        "published": rundir.to_plain(config.get("published")) if is_as_published else None,
        "protocol": {
            "dataset": data.name,
            "split": split,
            "images": len(data.splits[split]),
            "training_images": len(data.splits["train"]),
            "binarization": data.binarization,
            "num_samples": num_samples,
            "seed": seed,
        },
        "metrics": {name: dataclasses.asdict(figure) for name, figure in metrics.items()},
        "rate_per_dim": rate_per_dim(model, images.to(device)),
        "scored": {
            "seconds": time.time() - began,
            "hardware": environment.hardware(device, 1),
            "versions": environment.versions(),
        },
    }


def _describe(run_dir: Path, name: str, seed: int) -> dict[str, Any]:
    """Return what is known of the training behind the weights, which may have crashed."""
    path = rundir.find_checkpoint(run_dir)
    epoch_of_weights = rundir.load_checkpoint(path)["epoch"] + 1
    summary = rundir.read_summary(run_dir)
    remembered = (
        "status", "epochs", "training_seconds", "hardware", "versions", "parameters", "git_commit",
    )  # fmt: skip
    return {
        "name": name,
        "overrides": [o for o in rundir.read_overrides(run_dir) if not o.startswith(PLACES)],
        "seed": seed,
        "weights": path.stem,
        "epoch_of_weights": epoch_of_weights,
        **{key: summary.get(key) for key in remembered},
    }
