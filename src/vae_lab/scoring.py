"""Scores a run: opens it, measures everything, writes ``evaluation.json``."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_lab import environment, runs
from vae_lab.data import MNISTDataModule, Split
from vae_lab.evaluation import (
    Figure,
    ImportanceEstimate,
    importance_sample,
    information,
    mean_over_images,
    rate_per_dim,
    reconstruction_error,
)
from vae_lab.evaluation.representation import representation
from vae_lab.evaluation.samples import sample_quality
from vae_lab.posteriors import Deterministic
from vae_lab.results import FORMAT, VERSION
from vae_lab.vae import VAE

BATCH = 1000
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
        ValueError: if ``num_samples`` is less than 1, or the configuration does not fit.
    """
    if num_samples < 1:
        raise ValueError(f"--num-samples must be at least 1, got {num_samples}")
    began = time.time()
    config = runs.load_config(run_dir)
    if dataset is not None:
        config.data.dataset = dataset
    model = runs.load_model(run_dir).to(device)
    data: MNISTDataModule = runs.instantiate(config.data)
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
        "published": runs.to_plain(config.get("published")) if is_as_published else None,
        "protocol": {
            "dataset": config.data.dataset,
            "split": split,
            "images": len(data.splits[split]),
            "training_images": len(data.splits["train"]),
            "binarization": config.data.binarization,
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
    path = runs.find_checkpoint(run_dir)
    epoch_of_weights = runs.load_checkpoint(path)["epoch"] + 1
    summary = runs.read_summary(run_dir)
    remembered = (
        "status", "epochs", "training_seconds", "hardware", "versions", "parameters", "git_commit",
    )  # fmt: skip
    return {
        "name": name,
        "overrides": [o for o in runs.read_overrides(run_dir) if not o.startswith(PLACES)],
        "seed": seed,
        "weights": path.stem,
        "epoch_of_weights": epoch_of_weights,
        **{key: summary.get(key) for key in remembered},
    }


def measure(
    model: VAE,
    data: MNISTDataModule,
    split: Split,
    num_samples: int,
    device: torch.device,
    on_progress: Callable[[int, int], None],
) -> dict[str, Figure]:
    """Return every figure that makes sense for this model and these data, by name."""
    images, labels = data.images(split, len(data.splits[split])), data.splits[split].labels
    on_device = images.to(device)
    if isinstance(model.posterior, Deterministic):
        figures = {"reconstruction_mse": reconstruction_error(model, on_device)}
    else:
        suffix = model.likelihood.suffix(data.pixels)
        figures = {
            name + suffix if name in ("elbo", "distortion") else name: figure
            for name, figure in information(model, on_device).items()
        }
        if model.likelihood.caveat(data.pixels) is None:
            estimate = importance_sample(
                model, on_device, num_samples, lambda done: on_progress(done, len(images))
            )
            figures |= likelihood_figures(estimate, num_samples, model)
        if data.dataset == "MNIST":
            with torch.no_grad():
                generated = [model.sample(BATCH).cpu() for _ in range(0, len(images), BATCH)]
            figures |= sample_quality(torch.cat(generated)[: len(images)], data.originals(split))
    train = data.splits["train"]
    codes, train_codes = (
        posterior_means(model, x, device) for x in (images, data.images("train", len(train)))
    )
    return figures | representation(train_codes, train.labels, codes, labels)


def likelihood_figures(
    estimate: ImportanceEstimate, num_samples: int, model: VAE
) -> dict[str, Figure]:
    """Name what importance sampling found; bits per pixel only where x has a probability."""
    figures = {
        "nll": mean_over_images(-estimate.log_px, "nats/image", num_samples),
        "effective_sample_size": mean_over_images(
            estimate.effective_sample_size, "samples", num_samples
        ),
    }
    if not model.likelihood.is_density:
        bits = -estimate.log_px / (math.prod(model.image_shape) * math.log(2))
        figures["nll_bpd"] = mean_over_images(bits, "bits/pixel", num_samples)
    return figures


@torch.no_grad()
def posterior_means(model: VAE, images: Tensor, device: torch.device) -> Tensor:
    """Return E[z|x] (N, D) on the CPU."""
    return torch.cat([model.encode(x.to(device)).mean.cpu() for x in images.split(BATCH)])
