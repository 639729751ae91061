"""Measures all that can be measured of a model on a split of its data."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from vae_lab.data import ImageDataModule, Split
from vae_lab.evaluation.information import information, reconstruction_error
from vae_lab.evaluation.likelihood import ImportanceEstimate, bits_per_pixel, importance_sample
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
        figures = {"reconstruction_mse": reconstruction_error(model, on_device)}
    else:
        suffix = model.likelihood.suffix(data.pixels)
        figures = {
            with_suffix(name, suffix): figure
            for name, figure in information(model, on_device).items()
        }
        if model.likelihood.caveat(data.pixels) is None and model.posterior.has_full_support:
            estimate = importance_sample(
                model, on_device, num_samples, lambda done: on_progress(done, len(images))
            )
            figures |= likelihood_figures(estimate, num_samples, model)
        if data.is_mnist:
            with torch.no_grad():
                generated = [model.sample(BATCH).cpu() for _ in range(0, len(images), BATCH)]
            figures |= sample_quality(torch.cat(generated)[: len(images)], data.originals(split))
    train = data.splits["train"]
    if len(train.labels.unique()) == 1:  # there is nothing to tell apart
        return figures
    codes, train_codes = (
        posterior_means(model, x, device) for x in (images.split(BATCH), data.in_parts("train"))
    )
    return figures | representation(train_codes, train.labels, codes, labels)


def likelihood_figures(
    estimate: ImportanceEstimate, num_samples: int, model: Model
) -> dict[str, Measurement]:
    """Name what importance sampling found."""
    nll = -estimate.log_px
    values = {
        "nll": nll,
        "effective_sample_size": estimate.effective_sample_size,
        "nll_bpd": bits_per_pixel(nll, model.image_shape, model.likelihood.pixels),
    }
    return {name: mean_over_images(value, name, num_samples) for name, value in values.items()}


@torch.no_grad()
def posterior_means(model: Model, parts: Iterable[Tensor], device: torch.device) -> Tensor:
    """Return E[z|x] of images that come in several parts, (N, D), on the CPU."""
    return torch.cat([model.encode(x.to(device)).mean.cpu() for x in parts])
