"""How much a latent code says about an image: rate, distortion and what the rate is made of."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vae_lab.evaluation.activity import active_units
from vae_lab.evaluation.codes import code_usage
from vae_lab.evaluation.measurement import Measurement, mean_over_images
from vae_lab.model.code_posteriors import CodePosterior
from vae_lab.model.contract import Draw, Model
from vae_lab.model.distributions import aggregate
from vae_lab.objectives import elbo_parts

BATCH = 500
MAX_PAIRS = 2**22  # densities held at once: 32 MiB in float64


Batches = Iterator[tuple[Tensor, Tensor | None]]


def in_batches(model: Model, images: Tensor, labels: Tensor | None, size: int) -> Batches:
    """Yield images (N, C, H, W), with their labels (N,) where the model is given them."""
    batches = images.split(size)
    if labels is None or not model.is_conditional:
        yield from ((x, None) for x in batches)
    else:
        yield from zip(batches, labels.split(size), strict=True)


@torch.no_grad()
def information(
    model: Model, images: Tensor, labels: Tensor | None = None
) -> dict[str, Measurement]:
    """Measure the bound and its terms, with one sample per image.

    * ``elbo``, ``distortion`` = −E[log p(x|z)], ``rate`` = E KL(q(z|x) ‖ p(z));
    * the rate's two terms, ``mutual_information`` I(x; z), at most log N, and ``aggregate_kl``
      = KL(q(z) ‖ p(z)) with q(z) = 1/N Σ_n q(z|x_n) (Hoffman & Johnson 2016), for one group of
      latents, flows left out; of a conditional model I(x; z|y) and KL(q(z|y) ‖ p(z|y)), where
      q(z|y) is of the images of one class;
    * ``code_perplexity`` and ``dead_codes`` of discrete codes;
    * ``active_units`` (Burda et al. 2016) of the top group, ``reconstruction_mse`` at the posterior
      mean.

    The standard errors of ``mutual_information`` and ``aggregate_kl`` take the images as
    independent; they leave out that all images share the mixture q(z).

    Args:
        model: the VAE.
        images: (N, C, H, W).
        labels: theirs, (N,), which a conditional model needs.
    """
    draws = [model.draw(x, 1, labels=y) for x, y in in_batches(model, images, labels, BATCH)]
    parts = [elbo_parts(draw) for draw in draws]
    elbo, reconstruction, kl = (
        torch.cat([part[name] for part in parts]) for name in ("elbo", "reconstruction", "kl")
    )
    batches = in_batches(model, images, labels, BATCH)
    means = torch.cat([model.encode(x, y).mean for x, y in batches])
    active = active_units(
        means, model.posterior.unit_width, model.posterior.support.spread(model.latent_dim)
    )
    figures = {
        "elbo": mean_over_images(elbo, "elbo", num_samples=1),
        "distortion": mean_over_images(-reconstruction, "distortion", num_samples=1),
        "rate": mean_over_images(kl, "rate", num_samples=1),
        "active_units": Measurement(float(active.sum()), f"of {len(active)}"),
        "reconstruction_mse": reconstruction_error(model, images, labels),
    }
    terms = rate_terms(draws, labels if model.is_conditional else None)
    return figures | terms | _usage(model, means)


def _usage(model: Model, means: Tensor) -> dict[str, Measurement]:
    """Return how many of its discrete codes a model uses; nothing for continuous latents."""
    posterior = model.posterior
    if not isinstance(posterior, CodePosterior):
        return {}
    # the value nearest to a unit's mean is its most probable one
    usage = code_usage(posterior, means)
    figures = {"code_perplexity": usage.perplexity, "dead_codes": float(usage.dead)}
    return {name: Measurement.of(name, value) for name, value in figures.items()}


@torch.no_grad()
def reconstruction_error(model: Model, images: Tensor, labels: Tensor | None = None) -> Measurement:
    """Return the mean squared difference of images (N, C, H, W) and E[x|z] at their means."""
    batches = in_batches(model, images, labels, BATCH)
    squares = [(x - model.reconstruct(x, y)).square().flatten(1).mean(1) for x, y in batches]
    return mean_over_images(torch.cat(squares), "reconstruction_mse")


@torch.no_grad()
def rate_per_dim(model: Model, images: Tensor, labels: Tensor | None = None) -> list[float] | None:
    """Return E KL(q(z_d|x) ‖ p(z_d)) of each latent dimension, nats; None without a closed form.

    Of the groups below the top of a ladder: of each channel.
    """
    batches = in_batches(model, images, labels, BATCH)
    rates = [model.draw(x, 1, labels=y).kl_per_dim for x, y in batches]
    known = [rate for rate in rates if rate is not None]
    return torch.cat(known).mean(0).tolist() if known else None


def rate_terms(draws: list[Draw], labels: Tensor | None = None) -> dict[str, Measurement]:
    """Split the rate of all ``draws`` together; nothing where q(z) is not known.

    Args:
        draws: of images.
        labels: theirs, (N,), to split the rate within each class; None for all together.
    """
    posteriors = [draw.q for draw in draws if draw.q is not None]
    if len(posteriors) < len(draws):
        return {}
    # MPS has no numbers of double precision
    precision = torch.float32 if draws[0].z.device.type == "mps" else torch.float64
    z, log_qz_given_x, log_pz = (
        torch.cat([getattr(draw, name)[0] for draw in draws]).to(precision)
        for name in ("z", "log_qz", "log_pz")
    )
    kinds = torch.zeros(len(z)) if labels is None else labels
    groups = [(kinds == kind).to(z.device) for kind in kinds.unique()]
    log_qz = torch.empty_like(log_pz)
    for chosen in groups:
        q = aggregate(posteriors, chosen, precision)
        if q is None:
            return {}
        points = z[chosen]
        rows = max(1, MAX_PAIRS // len(points))
        log_qz[chosen] = torch.cat([q.log_prob(some) for some in points.split(rows)])
    terms = {"mutual_information": log_qz_given_x - log_qz, "aggregate_kl": log_qz - log_pz}
    return {name: mean_over_images(term, name, num_samples=1) for name, term in terms.items()}
