"""The unit sphere in three dimensions, as two hemispheres beside each other.

Each is a disc in Lambert's azimuthal equal-area projection, seen from outside, so that equal areas
of the picture are equal areas of the sphere, and uniform codes look uniform. Left the one around
(0, 0, 1), right the one around (0, 0, −1); the discs touch at (1, 0, 0).
"""

import math
from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from vae_lab.pictures import plots
from vae_lab.pictures.canvas import new_figure, rendered, trimmed

RIM = math.sqrt(2)  # radius of a disc
CENTRES = (-RIM, RIM)  # of the discs, along the first axis
GRATICULE = "#bbbbbb"
LATITUDES = (30, 60)  # degrees
WIDTH, HEIGHT = 9.6, 5.0  # inches


def flattened(z: Tensor) -> Tensor:
    """Return where unit vectors (N, 3) lie in the picture, (N, 2)."""
    is_right = z[:, 2] < 0
    stretch = (2 / (1 + z[:, 2].abs())).sqrt()
    first = torch.where(is_right, -z[:, 0], z[:, 0]) * stretch
    offset = torch.where(is_right, CENTRES[1], CENTRES[0])
    return torch.stack([first + offset, z[:, 1] * stretch], dim=1)


def grid(size: int) -> tuple[Tensor, Tensor]:
    """Return the unit vectors at the middles of size × size cells over each disc.

    Returns:
        (2·S², 3), the left disc first, each row by row from the top left; and whether the cell's
        middle lies in the disc, (2·S²,). Outside, the vector is the nearest on the rim.
    """
    half = RIM * (1 - 1 / size)
    flat = plots.plane_grid(torch.linspace(-half, half, size))
    squares = flat.square().sum(1)
    flat = flat * (RIM / squares.sqrt().clamp_min(RIM))[:, None]
    squares = flat.square().sum(1, keepdim=True)
    height, level = 1 - squares / 2, flat * (1 - squares / 4).sqrt()
    left = torch.cat([level, height], dim=1)
    right = left * torch.tensor([-1.0, 1.0, -1.0])
    is_inside = (flat.norm(dim=1) < RIM * (1 - 1e-4)).repeat(2)
    return torch.nn.functional.normalize(torch.cat([left, right]), dim=1), is_inside


def scatter(
    codes: Tensor, labels: Tensor, title: str, class_names: Sequence[str], behind: Tensor | None
) -> Image.Image:
    """Show codes on the globe, coloured by class, each class named around its mean direction.

    Args:
        codes: unit vectors, (N, 3).
        labels: class of each, (N,).
        title: what the picture shows.
        class_names: what the classes are called; without, by their numbers.
        behind: images to show faintly behind the points, decoded at ``grid``, (2·S², C, H, W).
    """
    figure, axes = new_figure(WIDTH, HEIGHT)
    codes, labels = codes.cpu().float(), labels.cpu()
    means = torch.stack([codes[labels == label].mean(0) for label in labels.unique()])
    names = flattened(torch.nn.functional.normalize(means, dim=1))
    plots.draw_scatter(axes, flattened(codes), labels, class_names, ("", ""), names)
    if behind is not None:
        _draw_decoded(axes, behind, plots.FAINT)
    _draw_discs(axes, title)
    _draw_graticule(axes)
    return trimmed(rendered(figure))


def decoded(images: Tensor, title: str) -> Image.Image:
    """Show the images (2·S², C, H, W) decoded at ``grid``."""
    figure, axes = new_figure(WIDTH, HEIGHT)
    _draw_decoded(axes, images, darkness=1.0)
    _draw_discs(axes, title)
    return trimmed(rendered(figure))


def _draw_decoded(axes: Axes, images: Tensor, darkness: float) -> None:
    size = math.isqrt(len(images) // 2)
    is_inside = grid(size)[1][:, None, None, None]
    ink = 1 - darkness * images.cpu().float().clamp(0, 1) * is_inside
    for centre, tiles in zip(CENTRES, ink.chunk(2), strict=True):
        mosaic = make_grid(tiles, nrow=size, padding=0).permute(1, 2, 0).numpy()
        axes.imshow(mosaic, extent=(centre - RIM, centre + RIM, -RIM, RIM), zorder=-1)


def _draw_discs(axes: Axes, title: str) -> None:
    for centre, pole in zip(CENTRES, ("z₃ = 1", "z₃ = −1"), strict=True):
        axes.add_patch(Circle((centre, 0), RIM, fill=False, ec="black", lw=1))
        axes.annotate(f"around {pole}", (centre, -RIM), (0, -12), textcoords="offset points",
                      ha="center", va="top", fontsize=9)  # fmt: skip
    axes.set(xlim=(-2 * RIM - 0.05, 2 * RIM + 0.05), ylim=(-RIM - 0.3, RIM + 0.05), aspect="equal")
    axes.set_axis_off()
    axes.set_title(title)


def _draw_graticule(axes: Axes) -> None:
    for centre in CENTRES:
        for latitude in LATITUDES:
            radius = math.sqrt(2 - 2 * math.sin(math.radians(latitude)))
            axes.add_patch(Circle((centre, 0), radius, fill=False, ec=GRATICULE, lw=0.5))
        for angle in torch.arange(0, math.pi, math.pi / 6).tolist():
            x, y = RIM * math.cos(angle), RIM * math.sin(angle)
            axes.plot([centre - x, centre + x], [-y, y], color=GRATICULE, lw=0.5, zorder=0)
