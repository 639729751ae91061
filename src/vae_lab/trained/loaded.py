"""A trained model to use: images → latents → images, without gradients and without training.

Shapes: B images, D latent dimensions, C×H×W pixels.
"""

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae_lab.evaluation.labels import sample_every_label
from vae_lab.evaluation.likelihood import importance_sample
from vae_lab.model.conditioning import label_number
from vae_lab.model.contract import Model
from vae_lab.model.likelihoods import Pixels
from vae_lab.model.support import Support
from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.runs.environment import installed
from vae_lab.runs.newest import the_run
from vae_lab.runs.rundir import RunDir
from vae_lab.seeding import set_random_state

KEPT = ("name", "seed", "latent_dim", "model", "objective", "data")
Label = str | int | Sequence[str | int] | Tensor  # by name or number, one for all or one for each


class TrainedVAE(nn.Module):
    """A model and how it came about; ``vae_lab.load`` opens one.

    Images are floating point in [0, 1], on any device: where ``pixels`` is ``"binary"`` the model
    was trained on zeros and ones (``images.bernoulli()``, or ``images.round()``), where it is
    ``"grey"`` on bytes / 255, and where it is ``"continuous"`` on (bytes + noise) / 256, of which
    ``log_prob`` is a density: ``(images * 255 + torch.rand_like(images)) / 256``. Results lie on
    the device of the model, which ``to`` moves.

    A model that was trained with ``conditioning=label`` needs the label of what it encodes and
    decodes, by name or number: ``sample(16, label="7")``; others refuse one.

    In a ladder, ``encode`` and ``decode`` speak of the top group of latents, and those below it
    take the means of their priors; ``sample``, ``reconstruct`` and ``log_prob`` use all groups.

    Args:
        model: in evaluation mode.
        config: how it came about, as dictionaries, lists, numbers and strings: ``name``, ``seed``,
            ``latent_dim``, ``model``, ``objective`` and ``data`` of the run's configuration,
            ``pixels``, and ``vae_lab_version``.
        trusted: modules of the user's own that the model was built from too.
    """

    model: Model

    def __init__(self, model: Model, config: dict[str, Any], trusted: Sequence[str] = ()) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.trusted = trusted

    @property
    def latent_dim(self) -> int:
        """D."""
        return self.model.latent_dim

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return self.model.image_shape

    @property
    def pixels(self) -> Pixels:
        """What the model was trained on: ``"binary"``, ``"grey"`` or ``"continuous"``."""
        return self.config["pixels"]

    @property
    def class_names(self) -> Sequence[str]:
        """What the labels are called; empty for a model without labels."""
        return self.model.class_names

    @torch.no_grad()
    def encode(self, images: Tensor, label: Label | None = None) -> Distribution:
        """Map images (B, C, H, W) to q(z|x): batch (B,), event (D,).

        Raises:
            ValueError: if ``images`` are not of that shape, or no numbers in [0, 1].
        """
        x = self._checked(images)
        return self.model.encode(x, self._labels(label, len(x), self.model.is_conditional))

    @torch.no_grad()
    def decode(self, z: Tensor, label: Label | None = None) -> Tensor:
        """Map latents (..., D) to E[x|z], (..., C, H, W); on a sphere, that in their direction.

        Raises:
            ValueError: if ``z`` does not end in D finite numbers, or has no direction on a sphere.
        """
        if not z.ndim or z.shape[-1] != self.latent_dim or not z.isfinite().all():
            raise ValueError(
                f"latents must be (..., {self.latent_dim}) and finite, got {tuple(z.shape)}"
            )
        if self.model.posterior.support is Support.SPHERE and not z.any(dim=-1).all():
            raise ValueError("the origin has no direction, so that nothing on the sphere is meant")
        count = z.shape[-2] if z.ndim > 1 else 1
        labels = self._labels(label, count, is_needed=bool(self.class_names))
        return self.model.decode(z.to(self._parameter()), labels).mean

    @torch.no_grad()
    def sample(
        self,
        num: int,
        temperature: float = 1.0,
        seed: int | None = None,
        label: Label | None = None,
    ) -> Tensor:
        """Return E[x|z] for ``num`` latents z ~ p(z), (num, C, H, W).

        Args:
            num: how many.
            temperature: T ≥ 0, what the standard deviation of the prior is multiplied by: below 1
                for more typical images and less variety. z = T·ε for a standard normal; every
                component of a mixture (``mixture``, ``vampprior``) narrows around its own mean;
                a flow narrows before its transform; in a ladder every group does.
            seed: of the samples, leaving torch's random state as it was; None draws from that.
            label: of the samples; without one a model that knows labels draws y ~ p(y).

        Raises:
            ValueError: if ``num`` is less than 1, ``temperature`` negative or not finite.
        """
        if num < 1:
            raise ValueError(f"the number of samples must be at least 1, got {num}")
        labels = self._labels(label, num)
        if seed is None:
            return self.model.sample(num, temperature, labels)
        device = self._parameter().device
        others = [] if device.type == "cpu" else [device]
        with torch.random.fork_rng(others, device_type=device.type if others else "cuda"):
            set_random_state(device, seed)
            return self.model.sample(num, temperature, labels)

    @torch.no_grad()
    def reconstruct(self, images: Tensor, label: Label | None = None) -> Tensor:
        """Return E[x|z] at the mean of q(z|x), (B, C, H, W), for images of that shape.

        Raises:
            ValueError: as ``encode`` does.
        """
        x = self._checked(images)
        return self.model.reconstruct(x, self._labels(label, len(x), self.model.is_conditional))

    def log_prob(
        self, images: Tensor, num_samples: int = 1000, label: Label | None = None
    ) -> Tensor:
        """Estimate log p(x) for images (B, C, H, W), or log p(x|y) given a label, nats, (B,).

        By importance sampling with K = ``num_samples`` latents per image, a lower bound in
        expectation (``evaluation.importance_sample``); memory grows with neither B nor K. Without a
        label, a model that knows labels is asked for each of them.

        Raises:
            ValueError: as ``encode`` does; if ``num_samples`` is less than 1; if there is no p(x):
                for an autoencoder, or for grey pixels under a likelihood of binary ones.
        """
        if self.model.posterior.is_point_mass:
            raise ValueError("an autoencoder has no log p(x): it is no distribution of images")
        if not self.model.posterior.has_full_support:
            raise ValueError(
                "importance sampling cannot estimate log p(x) where an image has only one code; "
                "scripts/evaluate.py reports the ELBO, which is at most log p(x)"
            )
        x = self._checked(images)
        if self.model.likelihood.pixels == "binary" and not ((x == 0) | (x == 1)).all():
            raise ValueError(
                "this likelihood gives a probability to zeros and ones alone; binarise the images "
                "first: images.bernoulli() or images.round()"
            )
        labels = self._labels(label, len(x))
        if not len(x):
            return x.new_empty(0)
        if not self.class_names:
            return importance_sample(self.model, x, num_samples).log_px
        estimates = sample_every_label(self.model, x, num_samples)
        return estimates.log_px if labels is None else estimates.of(labels.expand(len(x))).log_px

    def _labels(self, label: Label | None, count: int, is_needed: bool = False) -> Tensor | None:
        """Return labels as whole numbers, (``count``,), or () where one is given for all.

        Raises:
            ValueError: if the model knows no labels, or none of that name; if it needs one; if
                there are neither one nor ``count``.
        """
        if label is None and is_needed:
            shown = ", ".join(self.class_names)
            raise ValueError(f"this model knows labels and needs one here: label={shown}")
        if label is None:
            return None
        given = label.tolist() if isinstance(label, Tensor) else label
        if isinstance(given, str) or not isinstance(given, Sequence):
            return torch.tensor(label_number(self.class_names, given, "label"))
        if len(given) != count:
            raise ValueError(f"label must be one for all, or one for each of {count}, "
                             f"got {len(given)}")  # fmt: skip
        return torch.tensor([label_number(self.class_names, each, "label") for each in given])

    def _checked(self, images: Tensor) -> Tensor:
        """Return images on the device and in the precision of the model.

        Raises:
            ValueError: if they cannot be what the model was trained on.
        """
        if images.ndim != 1 + len(self.image_shape) or images.shape[1:] != self.image_shape:
            expected = ", ".join(map(str, self.image_shape))
            raise ValueError(f"images must be (B, {expected}), got {tuple(images.shape)}")
        if not images.is_floating_point():
            raise ValueError("images must be floating point, such as images / 255 for bytes")
        if not ((images >= 0) & (images <= 1)).all():
            low, high = images.min().item(), images.max().item()
            raise ValueError(
                "images must be in [0, 1], such as images / 255 for bytes, "
                f"got {low:.3g} to {high:.3g}"
            )
        return images.to(self._parameter())

    def _parameter(self) -> Tensor:
        return next(self.model.parameters())


def open_run(run_dir: str | os.PathLike[str], trusted: Sequence[str] = ()) -> TrainedVAE:
    """Open the trained model of a run, on the CPU; of its paths nothing is kept.

    Args:
        run_dir: the run directory, or what ``runs.newest`` takes for one.
        trusted: modules of the user's own that may be built from too.

    Raises:
        FileNotFoundError: if ``run_dir`` is no run, or has no checkpoint.
        ValueError: if configuration and weights are damaged or do not fit, or the configuration
            names what is not trusted.
    """
    run = RunDir(the_run(run_dir), trusted)
    model = run.open_model()
    description = run.description()
    config = {key: description[key] for key in KEPT}
    for place in ("root", "cache"):
        config["data"].pop(place, None)
    # not asked of the data themselves: that would load Lightning, which takes seconds
    config["pixels"] = read_checkpoint(run.weights)["pixels"]
    return TrainedVAE(model, config | {"vae_lab_version": installed("vae-lab")}, trusted).eval()
