"""Labels of which most are taken away, as if only a few images had been labelled."""

import torch
from torch import Tensor

from vae_lab.seeding import derived_seed

UNKNOWN = -1
CHOICE = 7  # tells this random state from those of epochs


def without_most(labels: Tensor, count: int, seed: int) -> Tensor:
    """Return labels (N,) of which ``count`` are left, and −1 in place of the others.

    Classes take turns, so that each keeps as many as any other. What does not divide evenly goes
    to classes chosen at random, as does what a class that is too small leaves over.

    Args:
        labels: of every image.
        count: how many are left, at most N.
        seed: of the choice.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, CHOICE))
    classes = labels.unique()
    turn = torch.randperm(len(classes), generator=generator)
    order = torch.empty(len(labels), dtype=torch.int64)
    for label, place in zip(classes, turn, strict=True):
        members = (labels == label).nonzero()[:, 0]
        rounds = torch.randperm(len(members), generator=generator)
        order[members] = rounds * len(classes) + place
    chosen = order.argsort()[:count]
    left = torch.full_like(labels, UNKNOWN)
    left[chosen] = labels[chosen]
    return left


def spread(order: Tensor, is_apart: Tensor) -> Tensor:
    """Return an order (N,) with those images apart that are so marked, evenly among the others.

    Both kinds keep the order that they have among themselves. Batches cut from the result then have
    as many of each kind as any other batch, give or take one.

    Args:
        order: of images.
        is_apart: whether each image is of the one kind, (N,), as the images are numbered.
    """
    kind = is_apart[order]
    place = torch.empty(len(order), dtype=torch.float64)
    for each in (kind, ~kind):
        count = int(each.sum())
        place[each] = (torch.arange(count, dtype=torch.float64) + 0.5) / max(1, count)
    return order[place.argsort(stable=True)]


def shares(labels: Tensor, num_classes: int) -> str:
    """Say how many images of each class have a label, given labels (N,), some of them −1."""
    counts = torch.bincount(labels[labels >= 0], minlength=num_classes)
    numbers = {int(n): int((counts == n).sum()) for n in counts.unique().flip(0)}
    said = [
        f"{number or 'none'} in {'one' if classes == 1 else f'each of {classes}'}"
        for number, classes in numbers.items()
    ]
    return f"{int(counts.sum()):,} of {num_classes} classes: {', '.join(said)}"
