"""Pictures of the latent space: where images lie in it, and what its points decode to."""

import logging
from typing import Literal

import lightning.pytorch as pl
import torch
from PIL import Image
from torch import Tensor

from vae_lab.checks import GridSize, Positive, checked
from vae_lab.evaluation.activity import active_units
from vae_lab.model.contract import Model
from vae_lab.model.support import Support
from vae_lab.pictures import globe, journeys, plots
from vae_lab.training.callbacks.exhibit import Period, PictureCallback

PLANE, GLOBE = 2, 3
ACTIVE_NATS = 0.01
STEPS = 11
SPREADS = 2.5
MAX_ROWS = 32
DECODED = 15  # points per axis behind the scatter
LEAST_REACH = 3.0  # half the width of the plane
BASE = 0
WAY_NAMES = {Support.SPACE: "in a straight line", Support.SPHERE: "along a great circle"}

log = logging.getLogger(__name__)


def codes_name(model: Model) -> str:
    """Return what the codes of images are called: an autoencoder has no posterior."""
    return "codes" if model.posterior.is_point_mass else "posterior means"


def is_plane(model: Model) -> bool:
    """Tell whether the latents of a model are the points of a plane."""
    return model.latent_dim == PLANE and model.posterior.support is Support.SPACE


def is_globe(model: Model) -> bool:
    """Tell whether the latents of a model are the points of a sphere in three dimensions."""
    return model.latent_dim == GLOBE and model.posterior.support is Support.SPHERE


class LatentScatter(PictureCallback):
    """Codes coloured by class; more than two dimensions by principal components.

    Behind two dimensions stands, faintly, what the plane decodes to. A sphere in three is drawn as
    two hemispheres.
    """

    name = "latent_scatter"
    description = (
        "**Where validation images lie in latent space**: a point is the mean of an image's "
        "posterior, or an autoencoder's code, coloured by class, though the model never saw the "
        "classes, unless it is conditional. Behind two dimensions stands what the decoder makes of "
        "the plane, and behind the two halves of a globe what it makes of that; of more, these are "
        "the first two principal components."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image:
        """Encode the examples."""
        name = codes_name(model).capitalize()
        title = f"{name} of {len(images):,} images"
        codes = model.encode(images, labels).mean
        limit = behind = None
        has_one_space = not model.class_names  # else there is one for each class
        if is_globe(model):
            if has_one_space:
                behind = model.decode(globe.grid(DECODED)[0].to(images)).mean
            return globe.scatter(codes, labels, title, self.class_names, behind)
        if is_plane(model):
            limit = journeys.reach(codes, LEAST_REACH, share=1)
        if limit is not None and has_one_space:
            centres = plots.plane_coordinates(DECODED, "linear", limit * (1 - 1 / DECODED))
            behind = model.decode(plots.plane_grid(centres).to(images)).mean
        return plots.latent_scatter(
            codes, labels, title, limit, class_names=self.class_names, behind=behind
        )


def _active(model: Model, means: Tensor) -> Tensor:
    posterior = model.posterior
    return active_units(means, posterior.unit_width, posterior.support.spread(model.latent_dim))


class LatentUsage(PictureCallback):
    """Bars of KL per dimension; logs ``active_units`` and warns if most have collapsed.

    Of a ladder, bars of the channels below the top follow those of the top's dimensions; a channel
    is active if its mean KL is above 0.01 nats.
    """

    name = "latent_usage"
    description = (
        "**Which latent dimensions are in use.** A bar is the mean KL between posterior and prior, "
        "the nats that this dimension says about an image; grey ones are inactive: their posterior "
        "is the prior whatever the image. Below the top of a ladder, `c` counts channels."
    )

    _active: Tensor | None = None
    _active_units: int | None = None

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Average the KL over the examples; None where it has no closed form."""
        active = _active(model, model.encode(images, labels).mean)
        self._active_units = int(active.sum())
        kl_per_dim = model.draw(images, 1, labels=labels).kl_per_dim
        if kl_per_dim is None:
            self._active = active.cpu()
            return None
        kl = kl_per_dim.mean(0)
        if model.takes_unlabelled:  # its last unit is the class
            kl = kl[: len(active)]
        channels_below = kl[len(active) :]
        self._active = torch.cat([active, channels_below > ACTIVE_NATS]).cpu()
        title = f"{int(self._active.sum())} of {len(self._active)} latent dimensions are active"
        names = [str(dimension + 1) for dimension in range(len(active))]
        names += [f"c{channel + 1}" for channel in range(len(channels_below))]
        return plots.kl_bars(kl, self._active, names, title)

    def scalars(self) -> dict[str, float]:
        """Return the number of active units (Burda et al. 2016), of a ladder those of its top."""
        units = self._active_units
        return {} if units is None else {"active_units": float(units)}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the final picture, and warn if most of the latent space is unused."""
        super().on_train_end(trainer, pl_module)
        if self._active is not None and self._active.float().mean() < 0.5:  # noqa: PLR2004
            log.warning(
                "posterior collapse: only %d of %d latent dimensions are active. A KL warm-up "
                "(objective.beta=warmup), a smaller beta or a smaller latent_dim may help",
                int(self._active.sum()),
                len(self._active),
            )


class LatentTraversals(PictureCallback):
    """A row per active dimension, most informative first: one code, changed in that one alone.

    Each dimension runs over its mean ± 2.5 standard deviations among the codes of the examples.
    Without a closed form of the KL, dimensions are ordered by the variance of posterior means. More
    than 32 rows are not drawn, and the title says so.
    """

    name = "latent_traversals"
    description = (
        "**What each latent dimension does.** One validation image is encoded, then one coordinate "
        "of its code is moved from left to right and decoded; the others stay. Rows are the active "
        "dimensions, the largest KL on top; columns count standard deviations of that coordinate "
        "over images. A row that changes nothing carries nothing about this image."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the traversals; None if no dimension is active, or for discrete codes."""
        if model.posterior.code_shape is not None:
            return None
        q = model.encode(images, labels)
        means, codes = q.mean, q.sample()
        kl_per_dim = model.draw(images, 1, labels=labels).kl_per_dim
        if kl_per_dim is None:
            informative, unit = means.var(0), "variance {:.2f}"
        else:
            informative, unit = kl_per_dim.mean(0)[: model.latent_dim], "{:.2f} nats"
        active = _active(model, means)
        order = informative.argsort(descending=True)
        in_use = order[active[order]].tolist()
        if not in_use:
            return None
        centre, reach = codes.mean(0), SPREADS * codes.std(0)
        values = journeys.straight(centre - reach, centre + reach, STEPS)
        rows = {}
        for dimension in in_use[:MAX_ROWS]:
            z = means[BASE].repeat(STEPS, 1)
            z[:, dimension] = values[:, dimension]
            said = unit.format(informative[dimension].item())
            rows[f"z{dimension + 1}: {said}"] = model.decode(z, labels[BASE]).mean
        counts = torch.linspace(-SPREADS, SPREADS, STEPS).tolist()
        columns = [f"{count:+.1f}" if count else "mean" for count in counts]
        title = f"One latent dimension at a time: {len(in_use)} of {model.latent_dim} are active"
        if len(rows) < len(in_use):
            title += f", the {len(rows)} most informative are shown"
        return plots.image_rows(
            rows, title, columns, "standard deviations of that coordinate from its mean"
        )


class Interpolations(PictureCallback):
    """A row per class: from its most typical example to that of the next.

    In a straight line, and on a sphere along a great circle.
    """

    name = "interpolations"
    description = (
        "**From one class to the next.** The outer columns are validation images, each the most "
        "typical of its class; between them, points of the straight line, or on a sphere of the "
        "great circle, that joins their posterior means, decoded. In a latent space without holes "
        "every one looks like an image."
    )

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the lines; None if there is only one class, or the model knows classes."""
        if model.class_names:  # which do not change along a line through the latents
            return None
        means = model.encode(images, labels).mean
        chosen = journeys.typical(means.cpu(), labels)
        if len(chosen) == 1:
            return None
        rows, support = {}, model.posterior.support
        for start, end in zip(chosen.tolist(), chosen.roll(-1).tolist(), strict=True):
            way = model.decode(journeys.WAYS[support](means[start], means[end], STEPS)).mean
            row = torch.cat([images[start, None], way, images[end, None]])
            first, last = (self.class_names[int(labels[index])] for index in (start, end))
            rows[f"{first} → {last}"] = row
        shares = [f"{share:.0%}" for share in torch.linspace(0, 1, STEPS).tolist()]
        return plots.image_rows(
            rows, f"From each class to the next, {WAY_NAMES[support]}", ["image", *shares, "image"],
            "share of the way",
        )  # fmt: skip


@checked
class Manifold(PictureCallback):
    """A ``size`` × ``size`` grid of E[x|z]; only for models with two latents, or a globe.

    Kingma & Welling 2014, figure 4, arXiv:1312.6114.

    Args:
        run_dir: the run directory.
        every_n_epochs: epochs from one picture to the next.
        size: points per axis; its square is also how many images say how far codes reach.
        spacing: ``linear`` over [−extent, extent], or ``quantile`` of the standard normal.
        extent: half the width of the linear range.

    Raises:
        ValueError: if ``spacing`` is neither, or a number is less than 1.
    """

    name = "manifold"
    description = (
        "**The latent plane, decoded** on a grid: neighbours look alike, and one image turns into "
        "another without a break. Of an autoencoder it reaches as far as its codes do."
    )

    def __init__(
        self,
        run_dir: str,
        every_n_epochs: Period,
        size: GridSize,
        spacing: Literal["linear", "quantile"],
        extent: Positive,
    ) -> None:
        super().__init__(run_dir, every_n_epochs, num_images=size**2)
        self.size, self.spacing, self.extent = size, spacing, extent

    def draw(self, model: Model, images: Tensor, labels: Tensor) -> Image.Image | None:
        """Decode the grid."""
        told = f", as {model.class_names[int(labels[BASE])]}" if model.class_names else ""
        if is_globe(model):
            decoded = model.decode(globe.grid(self.size)[0].to(images), labels[BASE]).mean
            return globe.decoded(decoded, "The sphere of latents, decoded" + told)
        if not is_plane(model):
            return None
        spacing, extent = self.spacing, self.extent
        if model.posterior.is_point_mass:  # no prior says where codes lie
            spacing, extent = "linear", journeys.reach(model.encode(images, labels).mean, extent)
        coordinates = plots.plane_coordinates(self.size, spacing, extent)
        title = f"The latent plane, decoded ({spacing} spacing)" + told
        decoded = model.decode(plots.plane_grid(coordinates).to(images), labels[BASE]).mean
        return plots.manifold(decoded, coordinates, title)
