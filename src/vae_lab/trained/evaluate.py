"""Scores a run: opens it, measures everything, returns what ``evaluation.json`` holds."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import torch

from vae_lab.data import Split
from vae_lab.evaluation import disentanglement
from vae_lab.evaluation.information import rate_per_dim
from vae_lab.evaluation.record import FORMAT, VERSION
from vae_lab.evaluation.scoring import measure
from vae_lab.runs import environment
from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.runs.rundir import RunDir

PLACES = ("data.root=", "hydra.")  # where files lie says nothing about a result


def evaluate_run(
    run: RunDir,
    dataset: str | None,
    split: Split,
    num_samples: int,
    seed: int,
    device: torch.device,
    on_progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Measure what can be measured of a run's best (else last) weights.

    Args:
        run: the run directory, of a crashed run too.
        dataset: a class of ``torchvision.datasets``, or None for the one that trained the run.
        split: whose images are scored.
        num_samples: K, importance samples per image.
        seed: of every random number.
        device: where to compute.
        on_progress: told (images done, images in all) while importance sampling.

    Returns:
        What ``evaluation.json`` holds.

    Raises:
        FileNotFoundError: if ``run`` is no run, or has no checkpoint.
        ValueError: if ``num_samples`` is less than 1, the configuration does not fit, or the run
            was trained on data that have no ``dataset`` to change.
    """
    if num_samples < 1:
        raise ValueError(f"--num-samples must be at least 1, got {num_samples}")
    began = time.time()
    config = run.description()
    model = run.open_model().to(device)
    data = run.open_data("fit", "test", dataset=dataset)
    if not len(data.splits[split]):
        raise ValueError(f"this run has no {split} images")
    torch.manual_seed(seed)
    description = _describe(run, config["name"], config["seed"])
    is_as_published = dataset is None and split == "test"
    images = data.images(split, len(data.splits[split]))
    metrics = measure(model, data, split, num_samples, device, on_progress)
    rates = rate_per_dim(model, images.to(device), data.splits[split].labels)
    factors = {}
    if data.factor_names:
        codes = disentanglement.encoded(model, images.to(device), data.splits[split].labels)
        gaps, factors = disentanglement.disentanglement(
            codes, data.factors(split), data.factor_names
        )
        metrics |= gaps
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": description,
        "published": config["published"] if is_as_published else None,
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
        "rate_per_dim": rates,
        "factors": factors,
        "scored": {
            "seconds": time.time() - began,
            "hardware": environment.hardware(device, 1),
            "versions": environment.versions(),
        },
    }


def _describe(run: RunDir, name: str, seed: int) -> dict[str, Any]:
    """Return what is known of the training behind the weights, which may have crashed."""
    epoch_of_weights = read_checkpoint(run.weights)["epoch"] + 1
    summary = run.summary()
    remembered = (
        "status", "epochs", "training_seconds", "hardware", "versions", "parameters", "git_commit",
    )  # fmt: skip
    return {
        "name": name,
        "overrides": [o for o in run.overrides() if not o.startswith(PLACES)],
        "seed": seed,
        "weights": run.weights.stem,
        "epoch_of_weights": epoch_of_weights,
        **{key: summary.get(key) for key in remembered},
    }
