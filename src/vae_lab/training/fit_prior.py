"""A better prior for a trained model: fitted to its codes, the networks left as they are.

Ex-post density estimation (Ghosh et al. 2020, §4, arXiv:1903.12436; the second stage of Dai & Wipf
2019, arXiv:1903.05789): the prior maximises E_q(z)[log p(z)], q(z) the mean of q(z|x) over the
training images. That is the part of the ELBO that a prior has a say in, so no other prior of its
kind gives a higher one; for an autoencoder it is the density of the codes, and its samples mean
something for the first time.

Codes of a conditional model are those of images with their labels, and q(z|y) is in the place of
q(z) for a prior that depends on y.

Shapes: N images, D latent dimensions.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.data import ImageDataModule
from vae_lab.model.contract import Model, in_full_precision
from vae_lab.model.distributions import rsample_and_log_prob
from vae_lab.model.priors import Prior, RescaledPrior
from vae_lab.model.support import Support
from vae_lab.runs import composition
from vae_lab.runs.groups import Groups
from vae_lab.runs.instantiate import instantiate
from vae_lab.runs.overrides import in_full
from vae_lab.runs.rundir import RunDir

BATCH = 500  # codes in a step
AT_ONCE = 1000  # codes judged together
LEARNING_RATE = 2e-3
CORNER = "model.prior."  # the only keys that make a difference here


@dataclass(frozen=True)
class Progress:
    """How far a fit has come.

    Attributes:
        epoch: how many epochs are done.
        train: the mean of log p(z) over the codes of that epoch, nats.
        val: over codes of validation images, nats; NaN without any.
    """

    epoch: int
    train: float
    val: float


def describe_prior(
    conf_dir: Path, name: str, model: dict[str, Any], overrides: Sequence[str]
) -> dict[str, Any]:
    """Return the configuration of the prior ``name`` for a trained model, as plain data.

    Args:
        conf_dir: the folder ``conf``.
        name: an option of the group ``prior``.
        model: the configuration of the model.
        overrides: values of the prior, such as ``model.prior.num_components=50``.

    Raises:
        ValueError: if an override changes anything else.
        hydra.errors.HydraException: if there is no such prior, or it has no such value.
    """
    overrides = [in_full(override) for override in overrides]
    for override in overrides:
        if not override.lstrip("+").startswith(CORNER) or "=" not in override:
            raise ValueError(
                f"{override}: the networks are left as they are, so that only values of the prior "
                f"can be given, such as prior.num_components=50"
            )
    with initialize_config_dir(str(conf_dir.resolve()), version_base="1.3"):
        groups = Groups(GlobalHydra.instance().config_loader(), "train", [])
        lines = [f"prior={name}", *overrides]
        config = composition.checked(groups, partial(compose, "train"), lines)
    OmegaConf.set_struct(config, None)
    config.latent_dim = model["latent_dim"]
    config.class_names = (model.get("conditioning") or {}).get("class_names")
    config.data.image_shape = list(model["image_shape"])
    prior: Any = OmegaConf.to_container(config.model.prior, resolve=True, throw_on_missing=True)
    return prior


def configured(run: RunDir, name: str, description: dict[str, Any]) -> DictConfig:
    """Return the configuration of a run under another name, with the prior of ``description``.

    What an experiment claims for its own prior was not published for this one.
    """
    config = run.saved_config()
    config.name, config.published = name, None
    OmegaConf.update(config, "model.prior", description, merge=False, force_add=True)
    return config


def with_prior(model: Model, description: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
    """Return a copy of a model with another prior, not yet fitted, and that prior's configuration.

    A prior that lies anywhere in space is wrapped, to be moved to where the codes are.

    Raises:
        ValueError: if the latents of the model do not lie where those of the prior do, or codes
            belong to classes that are not known.
    """
    if model.class_names and not model.is_conditional:
        raise ValueError(
            "a prior is fitted to codes, and those of model=semi_supervised depend on a class that "
            "most images do not tell; fit it to a model with conditioning=label, or to one without"
        )
    prior: Prior = instantiate(description)
    is_density = model.posterior.code_shape is None and prior.support is Support.SPACE
    if is_density and not prior.is_made_of_posteriors:
        wrapper = f"{RescaledPrior.__module__}.{RescaledPrior.__qualname__}"
        description = {"_target_": wrapper, "latent_dim": model.latent_dim, "prior": description}
        prior = instantiate(description)
    fitted = copy.deepcopy(model).requires_grad_(False)
    prior.bind(model.posterior)
    fitted.prior = prior.to(next(model.parameters()))
    return fitted, description


def fit(
    model: Model,
    data: ImageDataModule,
    epochs: int,
    seed: int,
    on_progress: Callable[[Progress], None],
) -> Progress:
    """Fit the prior of a model to the codes of its training images; leave everything else.

    The epoch with the best validation codes is kept, or the last one without validation images.

    Args:
        model: with its new prior.
        data: the images that trained the model.
        epochs: how often new codes are drawn of every image, and learned from.
        seed: of the codes and their order.
        on_progress: told of every epoch.

    Returns:
        How the epoch that is kept had come.

    Raises:
        ValueError: if ``epochs`` is less than 1.
        FloatingPointError: if the fit diverges.
    """
    if epochs < 1:
        raise ValueError(f"--epochs must be at least 1, got {epochs}")
    torch.manual_seed(seed)
    prior = model.prior
    prior.initialize(partial(data.originals, "train"))
    train, val = (_Coded.of(model, data, split) for split in ("train", "val"))
    val_codes = val.draw() if val.posteriors else None
    if isinstance(prior, RescaledPrior):
        prior.move_to(train.draw())
    parameters = [p for p in prior.parameters() if p.requires_grad]
    if not parameters:  # nothing but its place is fitted
        scores = (_score(model, train.draw(), train.labels), _score(model, val_codes, val.labels))
        kept = Progress(1, *scores)
        on_progress(kept)
        return kept
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    kept, weights = Progress(0, -math.inf, -math.inf), copy.deepcopy(prior.state_dict())
    for epoch in range(epochs):
        codes = train.draw()
        total = 0.0
        order = torch.randperm(len(codes), device=codes.device).split(BATCH)
        for step, chosen in enumerate(order):
            done = (epoch + step / len(order)) / epochs
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * done))
            given = None if train.labels is None else train.labels[chosen]
            log_pz = _density(model, given).log_prob(codes[chosen])
            optimizer.zero_grad()
            (-log_pz.mean()).backward()
            optimizer.step()
            total += log_pz.detach().sum().item()
        score = _score(model, val_codes, val.labels)
        reached = Progress(epoch + 1, total / len(codes), score)
        if not math.isfinite(reached.train):
            raise FloatingPointError(f"the mean of log p(z) is {reached.train}; the fit diverges")
        on_progress(reached)
        if math.isnan(reached.val) or reached.val > kept.val:
            kept, weights = reached, copy.deepcopy(prior.state_dict())
    prior.load_state_dict(weights)
    return kept


@dataclass(frozen=True)
class _Coded:
    """Images of a split, encoded.

    Attributes:
        posteriors: q(z|x) of all, of many at a time.
        labels: what a conditional model was given, (N,); None of any other.
    """

    posteriors: list[Distribution]
    labels: Tensor | None

    @classmethod
    @torch.no_grad()
    def of(cls, model: Model, data: ImageDataModule, split: Any) -> Self:  # noqa: ANN401
        """Encode a split, which may be empty."""
        like = next(model.parameters())
        if not len(data.splits[split]):
            return cls([], None)
        labels = data.splits[split].labels.to(like.device) if model.is_conditional else None
        posteriors, done = [], 0
        for x in data.in_parts(split):
            given = None if labels is None else labels[done : done + len(x)]
            posteriors.append(model.encode(x.to(like), given))
            done += len(x)
        return cls(posteriors, labels)

    @torch.no_grad()
    def draw(self) -> Tensor:
        """Draw a code of every image, (N, D)."""
        return torch.cat([rsample_and_log_prob(q, 1)[0][0] for q in self.posteriors])


def _density(model: Model, labels: Tensor | None) -> Distribution:
    """Return p(z), or p(z|y) for labels (N,), as a draw asks for it."""
    return model.posterior.in_latent_space(model.prior_given(labels))


@torch.no_grad()
def _score(model: Model, codes: Tensor | None, labels: Tensor | None) -> float:
    """Return the mean of log p(z) over codes (N, D), nats; NaN without any."""
    if codes is None:
        return math.nan
    with in_full_precision(codes):
        parts = codes.split(AT_ONCE)
        given = [None] * len(parts) if labels is None else labels.split(AT_ONCE)
        scores = [_density(model, y).log_prob(z) for z, y in zip(parts, given, strict=True)]
        return torch.cat(scores).mean().item()
