"""Measures all that can be measured of a model on a split of its data."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from vae_lab.data import ImageDataModule, Split
from vae_lab.evaluation.information import information, reconstruction_error
from vae_lab.evaluation.labels import likelihoods
from vae_lab.evaluation.measurement import Measurement, mean_over_images
from vae_lab.evaluation.metrics import with_suffix
from vae_lab.evaluation.representation import representation
from vae_lab.evaluation.samples import sample_quality
from vae_lab.model.contract import Model

BATCH = 1000


def measure(
    model: Model,
    data: ImageDataModule,
    split: Split,
    num_samples: int,
    device: torch.device,
    on_progress: Callable[[int, int], None],
) -> dict[str, Measurement]:
    """Return every figure that makes sense for this model and these data, by name."""
    images, labels = data.images(split, len(data.splits[split])), data.splits[split].labels
    on_device = images.to(device)
    if model.posterior.is_point_mass:
        figures = {"reconstruction_mse": reconstruction_error(model, on_device, labels)}
        if data.is_mnist and model.prior.is_learned:  # afterwards, to codes
            figures |= sample_quality(samples_of(model, len(images)), data.originals(split))
    else:
        suffixes = model.suffixes(data.pixels)
        figures = {
            with_suffix(name, *suffixes): figure
            for name, figure in information(model, on_device, labels).items()
        }
        if model.likelihood.caveat(data.pixels) is None and model.posterior.has_full_support:
            found = likelihoods(
                model, on_device, labels, num_samples, lambda done: on_progress(done, len(images))
            )
            figures |= likelihood_figures(found, num_samples)
        if data.is_mnist:
            figures |= sample_quality(samples_of(model, len(images)), data.originals(split))
    figures |= accuracy(model, on_device, labels)
    train = data.splits["train"]
    if len(train.labels.unique()) == 1:  # there is nothing to tell apart
        return figures
    codes, train_codes = (
        posterior_means(model, x, y, device)
        for x, y in ((images.split(BATCH), labels), (data.in_parts("train"), train.labels))
    )
    return figures | representation(train_codes, train.labels, codes, labels)


@torch.no_grad()
def accuracy(model: Model, images: Tensor, labels: Tensor) -> dict[str, Measurement]:
    """Return how often the model's classifier finds the class; nothing without one."""
    found = [model.classify(x) for x in images.split(BATCH)]
    log_qy = [each for each in found if each is not None]
    if not log_qy:
        return {}
    is_right = torch.cat(log_qy).argmax(-1).cpu() == labels
    return {"accuracy": mean_over_images(is_right, "accuracy")}


def likelihood_figures(found: dict[str, Tensor], num_samples: int) -> dict[str, Measurement]:
    """Average what ``likelihoods`` found of each image."""
    return {name: mean_over_images(values, name, num_samples) for name, values in found.items()}


@torch.no_grad()
def samples_of(model: Model, count: int) -> Tensor:
    """Return E[x|z] for ``count`` latents from the prior, on the CPU, (count, C, H, W)."""
    generated = [model.sample(BATCH).cpu() for _ in range(0, count, BATCH)]
    return torch.cat(generated)[:count]


@torch.no_grad()
def posterior_means(
    model: Model, parts: Iterable[Tensor], labels: Tensor, device: torch.device
) -> Tensor:
    """Return E[z|x] of images that come in several parts, (N, D), on the CPU.

    A conditional model is given their labels, (N,).
    """
    means, done = [], 0
    for x in parts:
        given = labels[done : done + len(x)] if model.is_conditional else None
        means.append(model.encode(x.to(device), given).mean.cpu())
        done += len(x)
    return torch.cat(means)
