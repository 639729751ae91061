"""Pictures: tensors → ``PIL.Image``. No training, no configuration."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor
from torch.distributions import Normal
from torchvision.utils import make_grid

from vae_lab.pictures.canvas import (
    new_figure,
    new_titled_figure,
    rendered,
    trimmed,
    without_frame,
)
from vae_lab.pictures.colors import CLASS_COLORS

ACTIVE, INACTIVE = CLASS_COLORS[0], "#cccccc"
STYLES = ["-", "--"]
QUANTILE_MARGIN = 0.02
SHORT = 2  # letters that fit into a circle
FAINT = 0.3
MOST_CLASSES = 24  # that a scatter tells apart


def image_rows(
    rows: Mapping[str, Tensor],
    title: str,
    columns: Sequence[str] | None = None,
    columns_title: str = "",
) -> Image.Image:
    """Show images in labelled rows, one row above the other.

    Args:
        rows: label → images (N, C, H, W) in [0, 1], the same N for all.
        title: what the picture shows.
        columns: labels of the N columns, or None for none.
        columns_title: what these labels are.
    """
    count = max(len(images) for images in rows.values())
    below = (0.25 if columns else 0) + (0.25 if columns_title else 0)
    figure, axes = new_titled_figure(title, 0.55 * count, 0.6 * len(rows) + below, margin=1.3)
    tiles = torch.cat([images.cpu().float() for images in rows.values()])
    mosaic = make_grid(tiles.clamp(0, 1), nrow=count, padding=2, pad_value=1)
    axes.imshow(mosaic.permute(1, 2, 0).numpy(), interpolation="nearest")
    step = mosaic.shape[1] / len(rows)
    axes.set_yticks([step * (row + 0.5) for row in range(len(rows))], list(rows))
    width = mosaic.shape[2] / count
    centres = [width * (column + 0.5) for column in range(count)]
    labels = list(columns) if columns else [""] * count
    axes.set_xticks(centres, labels, fontsize=8)
    axes.set_xlabel(columns_title)
    without_frame(axes)
    return trimmed(rendered(figure))


def image_grid(images: Tensor, title: str) -> Image.Image:
    """Show images (N, C, H, W) in [0, 1] in a square grid."""
    columns = math.ceil(len(images) ** 0.5)
    tile = max(0.5, 2.5 / columns)
    mosaic = make_grid(images.cpu().float().clamp(0, 1), nrow=columns, padding=2, pad_value=1)
    figure, axes = new_titled_figure(title, tile * columns, tile * math.ceil(len(images) / columns))
    axes.imshow(mosaic.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set_axis_off()
    return trimmed(rendered(figure))


def latent_scatter(
    codes: Tensor,
    labels: Tensor,
    title: str,
    limit: float | None = None,
    marked: Tensor | None = None,
    class_names: Sequence[str] = (),
    behind: Tensor | None = None,
) -> Image.Image:
    """Show codes coloured by class: two dimensions as they are, more by their principal components.

    Args:
        codes: posterior means, (N, D). One dimension is drawn against the class.
        labels: class of each, (N,).
        title: what the picture shows.
        limit: half the width of both axes, or None to fit the points.
        marked: points of a plane to mark by crosses, (P, 2).
        class_names: what the classes are called; without, by their numbers.
        behind: images to show faintly behind the points, (S², C, H, W): what the square within
            ``limit`` decodes to, row by row from the top left.
    """
    points, axis_names = project_to_plane(codes.cpu().float(), labels.cpu())
    figure, axes = new_figure(6.2, 5.6)
    draw_scatter(axes, points, labels.cpu(), class_names, axis_names)
    axes.set_title(title)
    if marked is not None:
        axes.plot(*marked.T.cpu().numpy(), "x", color="black", markersize=9, markeredgewidth=2.5)
    if limit is not None:
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
        if behind is not None:
            images = behind.cpu().float().clamp(0, 1)
            ink = images if images.shape[1] == 1 else 1 - images  # colours keep their hues
            mosaic = make_grid(1 - FAINT * ink, nrow=math.isqrt(len(behind)), padding=0)
            axes.imshow(mosaic.permute(1, 2, 0).numpy(), extent=(-limit, limit, -limit, limit),
                        zorder=-1, aspect="auto")  # fmt: skip
    return rendered(figure)


def draw_scatter(
    axes: Axes,
    points: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    axis_names: tuple[str, str],
    places: Tensor | None = None,
) -> None:
    """Draw points (N, 2) coloured by class (N,), each class named where it lies.

    More classes than there are colours are shades if their names are numbers; more than one could
    tell apart are drawn in one colour and without names, as is a single class.

    Args:
        axes: where to draw.
        points: (N, 2).
        labels: class of each, (N,).
        class_names: what the classes are called; without, by their numbers.
        axis_names: of the two axes.
        places: where the names of the C classes stand, in their order, (C, 2); by default in the
            middle of their points.
    """
    names = {
        label: class_names[int(label)] if class_names else str(label)
        for label in labels.unique().tolist()
    }
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    axes.spines[["top", "right"]].set_visible(False)
    amounts = {label: _number(name) for label, name in names.items()}
    if class_names and len(names) > len(CLASS_COLORS) and None not in amounts.values():
        shades = [amounts[label] for label in labels.tolist()]
        drawn = axes.scatter(*points.T.numpy(), s=5, alpha=0.8, linewidths=0, c=np.array(shades))
        axes.get_figure(root=True).colorbar(drawn, ax=axes, label="class")  # type: ignore[union-attr]
        return
    if not 1 < len(names) <= MOST_CLASSES:
        axes.scatter(*points.T.numpy(), s=5, alpha=0.6, linewidths=0, color=CLASS_COLORS[0])
        return
    frame = "circle" if max(map(len, names.values())) <= SHORT else "round"
    for number, (label, name) in enumerate(names.items()):
        chosen = points[labels == label]
        color = CLASS_COLORS[label % len(CLASS_COLORS)]
        axes.scatter(*chosen.T.numpy(), s=5, alpha=0.6, linewidths=0, color=color, label=name)
        place = chosen.median(0).values if places is None else places[number]
        axes.annotate(
            name, tuple(place.tolist()), ha="center", va="center",
            fontsize=8, weight="bold", alpha=0.9,
            bbox={"boxstyle": frame, "fc": "white", "ec": color, "lw": 1.5, "alpha": 0.9},
        )  # fmt: skip
    legend = axes.legend(title="class", loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3)
    for handle in legend.legend_handles:
        handle.set_alpha(1)  # type: ignore[union-attr]


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def project_to_plane(codes: Tensor, labels: Tensor) -> tuple[Tensor, tuple[str, str]]:
    """Return codes (N, D) as points of a plane (N, 2), and the names of its axes.

    More than two dimensions are projected on the first two principal components, whose names state
    the share of the variance they explain.
    """
    match codes.shape[1]:
        case 1:
            return torch.column_stack([codes[:, 0], labels]), ("z₁", "class")
        case 2:
            return codes, ("z₁", "z₂")
    mean, directions, explained = principal_components(codes)
    names = [f"PC {i + 1} ({explained[i]:.0%} of the variance)" for i in range(2)]
    return (codes - mean) @ directions[:2].T, (names[0], names[1])


def principal_components(codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean of codes (N, D), their principal directions, and what these explain.

    Returns:
        The mean (D,), the directions as rows (min(N, D), D), and the share of the variance of each
        (min(N, D),), the largest first.
    """
    mean = codes.mean(0)
    _, singular_values, directions = torch.linalg.svd(codes - mean, full_matrices=False)
    shares = singular_values.square() / singular_values.square().sum().clamp_min(1e-12)
    return mean, directions, shares


def plane_coordinates(size: int, spacing: str, extent: float) -> Tensor:
    """Return ``size`` coordinates along one axis of a two-dimensional latent space.

    Args:
        size: number of coordinates.
        spacing: ``linear`` over [−extent, extent], or ``quantile``: normal quantiles, so that
            equal steps hold equal prior mass (Kingma & Welling 2014, figure 4).
        extent: half the width of the linear range.

    Raises:
        ValueError: if ``spacing`` is neither.
    """
    if spacing == "linear":
        return torch.linspace(-extent, extent, size)
    if spacing == "quantile":
        return Normal(0.0, 1.0).icdf(torch.linspace(QUANTILE_MARGIN, 1 - QUANTILE_MARGIN, size))
    raise ValueError(f"spacing must be linear or quantile, got {spacing}")


def plane_grid(coordinates: Tensor) -> Tensor:
    """Return all points (z₁, z₂), (S², 2), row by row from the top left: z₂ falls, z₁ rises."""
    second, first = torch.meshgrid(coordinates.flip(0), coordinates, indexing="ij")
    return torch.stack([first, second], -1).reshape(-1, 2)


def manifold(images: Tensor, coordinates: Tensor, title: str) -> Image.Image:
    """Show the images (S², C, H, W) decoded at ``plane_grid(coordinates)``, with their axes."""
    size = len(coordinates)
    mosaic = make_grid(images.cpu().float().clamp(0, 1), nrow=size, padding=0)
    figure, axes = new_figure(6.4, 6.6)
    axes.imshow(mosaic.permute(1, 2, 0).numpy(), interpolation="nearest")
    _, height, width = images.shape[1:]
    shown = np.unique(np.linspace(0, size - 1, min(size, 5)).round().astype(int))
    names = [f"{round(coordinates[index].item(), 1) + 0.0:.1f}" for index in shown]
    axes.set_xticks(width * (shown + 0.5), names)
    axes.set_yticks(height * (shown + 0.5), names[::-1])
    axes.set_xlabel("z₁")
    axes.set_ylabel("z₂")
    without_frame(axes)
    axes.set_title(title)
    return rendered(figure)


def kl_bars(kl_per_dim: Tensor, active: Tensor, names: Sequence[str], title: str) -> Image.Image:
    """Show the KL of each latent dimension (D,), largest first; inactive ones are grey.

    Args:
        kl_per_dim: nats, (D,).
        active: booleans, (D,).
        names: of the dimensions.
        title: what the picture shows.
    """
    order = kl_per_dim.cpu().float().argsort(descending=True)
    heights = kl_per_dim.cpu().float()[order].numpy()
    colors = [ACTIVE if active[index] else INACTIVE for index in order]
    figure, axes = new_figure(max(4.5, 0.22 * len(order) + 1.5), 3.2)
    axes.bar(range(len(order)), heights, color=colors)
    axes.set_xticks(range(len(order)), [names[int(index)] for index in order])
    is_crowded = max(map(len, names)) > 2  # noqa: PLR2004
    axes.tick_params(axis="x", labelsize=7, rotation=90 if is_crowded else 0)
    axes.set_xlabel("latent dimension, by KL; inactive ones grey")
    axes.set_ylabel("KL, nats")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title)
    return rendered(figure)


def usage_map(shares: Tensor, shares_values: bool, title: str) -> Image.Image:
    """Show how often each unit of a code takes each of its values, (D, C), as shades.

    Args:
        shares: of images, each row sums to 1.
        shares_values: whether a column means the same in every row; else each row is sorted by
            itself.
        title: what the picture shows.
    """
    shares = shares.cpu().float()
    if shares_values:
        shares = shares[:, shares.sum(0).argsort(descending=True)]
    else:
        shares = shares.sort(dim=1, descending=True).values
    units, classes = shares.shape
    width, height = (min(8.0, max(least, 0.25 * n)) for n, least in ((classes, 5.0), (units, 2.0)))
    figure, axes = new_titled_figure(title, width, height, margin=1.5)
    shades = axes.imshow(
        shares.numpy(), cmap="Blues", vmin=0, aspect="auto", interpolation="nearest"
    )
    figure.colorbar(shades, ax=axes, label="share of images")
    axes.set_xlabel("value, the most frequent on the left")
    axes.set_ylabel("unit")
    shown = np.unique(np.linspace(0, units - 1, min(units, 10)).round().astype(int))
    axes.set_yticks(shown, [str(unit + 1) for unit in shown])
    shown = np.unique(np.linspace(0, classes - 1, min(classes, 10)).round().astype(int))
    axes.set_xticks(shown, [str(value + 1) for value in shown])
    return rendered(figure)


def curves(values: Mapping[str, Mapping[int, float]], unit: str, title: str) -> Image.Image:
    """Show how numbers change in training.

    Args:
        values: label of a curve → training step → value.
        unit: of the values.
        title: what the picture shows.
    """
    figure, axes = new_figure(6.2, 3.4)
    for (label, curve), color, style in zip(values.items(), CLASS_COLORS, STYLES * 5, strict=False):
        axes.plot(list(curve), list(curve.values()), style, color=color, marker="o", label=label)
    axes.set_xlabel("training step")
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return rendered(figure)


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Join two pictures, side by side on white, their middles at one height."""
    height = max(left.height, right.height)
    joined = Image.new("RGB", (left.width + right.width, height), "white")
    joined.paste(left, (0, (height - left.height) // 2))
    joined.paste(right, (left.width, (height - right.height) // 2))
    return joined
