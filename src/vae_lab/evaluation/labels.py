"""What a model that knows labels says with and without them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.evaluation.likelihood import ImportanceEstimate, bits_per_pixel, importance_sample
from vae_lab.evaluation.metrics import with_suffix
from vae_lab.model.contract import Model


@dataclass(frozen=True)
class LabelEstimate:
    """What K importance samples for every image and every label say.

    Attributes:
        log_px_given_y: log p(x|y), (N, Y), nats.
        effective_sample_size: of each of them, (N, Y).
        log_py: log p(y), (Y,), nats.
    """

    log_px_given_y: Tensor
    effective_sample_size: Tensor
    log_py: Tensor

    @property
    def log_px(self) -> Tensor:
        """Log p(x) = log Σ_y p(y) p(x|y), (N,), nats."""
        return (self.log_py + self.log_px_given_y).logsumexp(-1)

    def of(self, labels: Tensor) -> ImportanceEstimate:
        """Return the estimates of log p(x|y) for the label of each image, (N,)."""
        chosen = labels[:, None].to(self.log_py.device)
        given = self.log_px_given_y.gather(1, chosen)[:, 0]
        return ImportanceEstimate(given, self.effective_sample_size.gather(1, chosen)[:, 0])

    def is_wrong(self, labels: Tensor) -> Tensor:
        """Tell of each image whether Bayes' rule, arg max p(y) p(x|y), misses its label, (N,)."""
        likeliest = (self.log_py + self.log_px_given_y).argmax(-1)
        return likeliest != labels.to(likeliest.device)


@torch.no_grad()
def sample_every_label(
    model: Model,
    images: Tensor,
    num_samples: int,
    on_progress: Callable[[int], None] = lambda images_done: None,
) -> LabelEstimate:
    """Estimate log p(x|y) of every label by importance sampling.

    Args:
        model: one that knows labels.
        images: (N, C, H, W), N at least 1.
        num_samples: K, for every label.
        on_progress: told how many images are done, now and then.

    Raises:
        ValueError: if ``num_samples`` is less than 1.
    """
    count = len(model.class_names)
    estimates = [
        importance_sample(
            model.given(label),
            images,
            num_samples,
            lambda done, label=label: on_progress((label * len(images) + done) // count),
        )
        for label in range(count)
    ]
    return LabelEstimate(
        torch.stack([estimate.log_px for estimate in estimates], dim=-1),
        torch.stack([estimate.effective_sample_size for estimate in estimates], dim=-1),
        model.conditioning.log_py.to(images),
    )


def likelihoods(
    model: Model,
    images: Tensor,
    labels: Tensor,
    num_samples: int,
    on_progress: Callable[[int], None] = lambda images_done: None,
) -> dict[str, Tensor]:
    """Return what importance sampling says of each image, by name of the metric, each (N,).

    ``nll`` is always −log p(x). A model that knows labels is asked for every one of them, with K
    samples each.

    Args:
        model: any.
        images: (N, C, H, W), N at least 1.
        labels: theirs, (N,).
        num_samples: K.
        on_progress: told how many images are done, now and then.
    """
    if not model.class_names:
        estimate = importance_sample(model, images, num_samples, on_progress)
        return _named(model, estimate.log_px) | {
            "effective_sample_size": estimate.effective_sample_size
        }
    estimates = sample_every_label(model, images, num_samples, on_progress)
    given = estimates.of(labels)
    found = _named(model, estimates.log_px)
    if model.is_conditional:
        named = _named(model, given.log_px)
        suffixes = model.suffixes(model.likelihood.pixels)
        found |= {with_suffix(name, *suffixes): values for name, values in named.items()}
    return found | {
        "effective_sample_size": given.effective_sample_size,
        "bayes_rule_error": estimates.is_wrong(labels).to(found["nll"]),
    }


def _named(model: Model, log_px: Tensor) -> dict[str, Tensor]:
    """Name what is known of log p(x)."""
    nll = -log_px
    bits = bits_per_pixel(nll, model.image_shape, model.likelihood.pixels)
    return {"nll": nll, "nll_bpd": bits}
