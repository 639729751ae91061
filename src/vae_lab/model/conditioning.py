"""Conditioning: how a model is told the class y of an image; by default it is not.

To add one, write a subclass of ``Conditioning``, here or in a file of its own, and
``conf/conditioning/<name>.yaml``::

    # @package model.conditioning
    _target_: vae_lab.model.<file>.<Class>
    class_names: ${class_names}
    image_shape: ${data.image_shape}

``conditioning=<name>`` then selects it.
"""

import itertools
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from vae_lab.checks import Shape, checked

MIN_CLASSES = 2
AFFINE = (nn.Flatten, nn.Linear, nn.Conv2d)


class Conditioning(nn.Module):
    """What a model does with labels; this one does without, and ignores any.

    Labels are whole numbers that count ``class_names`` from 0, one for each image or, as a tensor
    without dimensions, one for all.

    Attributes:
        class_names: what the labels are called; empty where a model knows none.
        log_py: log p(y) of every label, (Y,), nats.
    """

    class_names: Sequence[str] = ()
    log_py: Tensor

    def initialize(self, labels: Tensor) -> None:
        """Learn p(y) from the labels of the training images, (N,)."""

    def image_shape(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an image with its label."""
        return image_shape

    def latent_dim(self, latent_dim: int) -> int:
        """Return how many coordinates a latent has with its label."""
        return latent_dim

    def with_image(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Join labels to images (B, C, H, W)."""
        return x

    def with_latent(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Join labels to latents (..., D)."""
        return z

    def in_turn(self, count: int) -> Tensor | None:
        """Return the labels 0, 1, 2, … and from 0 again, (count,); None without labels."""
        return None

    def sample(self, count: int) -> Tensor | None:
        """Return labels y ~ p(y), (count,); None without labels."""
        return None


@checked
class LabelConditioning(Conditioning):
    """A plane beside the image, learned for each class; y as one-hot coordinates beside the latent.

    Both networks are those of an unconditional model, with one channel and Y coordinates more. One
    learned plane for each class, as in Denton et al. 2015, §3.3 (arXiv:1506.05751), and not Y
    planes of zeros and ones: these would make the first layer of an MLP eleven times as wide.

    p(y) are the frequencies of the training labels.

    Args:
        class_names: what the labels are called.
        image_shape: (C, H, W).

    Raises:
        ValueError: if there are fewer than two classes.
    """

    one_hot: Tensor

    def __init__(self, class_names: Sequence[str] | None, image_shape: Shape) -> None:
        super().__init__()
        names = tuple(class_names or ())
        if len(names) < MIN_CLASSES:
            raise ValueError(
                f"class_names are {', '.join(names) or 'missing'}: conditioning=label needs images "
                "with labels of at least two classes"
            )
        self.class_names = names
        _, height, width = image_shape
        count = len(names)
        self.planes = nn.Parameter(torch.randn(count, 1, height, width))
        self.register_buffer("one_hot", torch.eye(count), persistent=False)
        self.register_buffer("log_py", torch.full((count,), -math.log(count)))

    def initialize(self, labels: Tensor) -> None:
        """Take the frequencies of labels (N,) for p(y)."""
        counts = torch.bincount(labels, minlength=len(self.class_names))
        self.log_py.copy_((counts / counts.sum()).log())

    def image_shape(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return (C + 1, H, W)."""
        return image_shape[0] + 1, *image_shape[1:]

    def latent_dim(self, latent_dim: int) -> int:
        """Return D + Y."""
        return latent_dim + len(self.class_names)

    def with_image(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Return (B, C + 1, H, W)."""
        planes = self.planes[self.of_each(labels, x.shape[:1])]
        return torch.cat([x, planes.to(x.dtype)], dim=1)

    def encoded_with_every_label(self, encoder: nn.Module, x: Tensor) -> Tensor:
        """Return what an encoder makes of images (B, C, H, W) with each of the labels, (Y·B, …).

        The layers with which it begins are affine in most networks, f(x, p) = f(x, 0) + f(0, p) −
        f(0, 0), so that these see every image once, and every plane.
        """
        layers = list(encoder) if isinstance(encoder, nn.Sequential) else [encoder]
        begin = list(itertools.takewhile(lambda layer: isinstance(layer, AFFINE), layers))
        affine, rest = nn.Sequential(*begin), nn.Sequential(*layers[len(begin) :])
        of_images = affine(functional.pad(x, (0, 0, 0, 0, 0, 1)))
        planes = functional.pad(self.planes.to(x.dtype), (0, 0, 0, 0, x.shape[1], 0))
        of_planes = affine(planes) - affine(torch.zeros_like(planes[:1]))
        return rest((of_planes[:, None] + of_images).flatten(0, 1))

    def with_latent(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """Return (..., D + Y)."""
        one_hot = self.one_hot[self.of_each(labels, z.shape[:-1])]
        return torch.cat([z, one_hot.to(z.dtype)], dim=-1)

    def in_turn(self, count: int) -> Tensor:
        """Return the labels 0, 1, 2, … and from 0 again, (count,)."""
        return torch.arange(count, device=self.one_hot.device) % len(self.class_names)

    def sample(self, count: int) -> Tensor:
        """Return labels y ~ p(y), (count,)."""
        return torch.multinomial(self.log_py.exp(), count, replacement=True)

    def of_each(self, labels: Tensor | None, shape: Sequence[int]) -> Tensor:
        """Return labels of that shape, on the device of the weights.

        Raises:
            ValueError: if there are none.
        """
        if labels is None:
            raise ValueError("this model is conditional: it needs the label of each image")
        return labels.to(self.one_hot.device).expand(shape)


def label_number(class_names: Sequence[str], label: str | int, key: str) -> int:
    """Return the number of a label that is given by its class's name, or by its number.

    Args:
        class_names: of the model; empty for one without labels.
        label: the name or the number.
        key: what the user calls this, for messages.

    Raises:
        ValueError: if there is no such class.
    """
    if not class_names:
        raise ValueError(f"{key} is for models that know labels: train with conditioning=label")
    if str(label) in class_names:
        return list(class_names).index(str(label))
    number = int(label) if str(label).isdecimal() else -1
    if not 0 <= number < len(class_names):
        shown = ", ".join(cast(Sequence[str], class_names)[:20])
        raise ValueError(f"{key} must be one of {shown}, or its number from 0, got {label}")
    return number
