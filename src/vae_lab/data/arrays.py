"""Images in an array of one's own, in a file of NumPy's or PyTorch's, or in idx."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae_lab.checks import Shape, Whole, checked
from vae_lab.data.array_files import Array, ArrayFile
from vae_lab.data.found import SPLIT_NAMES, UNLABELLED, Found, FoundDataModule
from vae_lab.data.gathered import Asked, Part, divided, gathered
from vae_lab.data.pixels import Layout

WITHOUT = "none"  # data.labels=none
IMAGES = ("x", "images", "image", "imgs", "img", "data", "pixels", "arr_0", "")
LABELS = ("y", "labels", "label", "targets", "target", "class", "arr_1")
NAMES = ("class_names", "classes", "label_names", "target_names")
IMAGE_NDIM = 3  # at least


@checked
class ArraysDataModule(FoundDataModule):
    """Images in an array, and labels if there are any.

    A file with ``x_train`` and ``x_test`` (or ``train_images`` …, and ``x_val``) says itself which
    image is in which split. What it does not divide is divided 80 : 10 : 10, in an order that
    depends on the number of images alone.

    Args:
        root: the file: ``.npz``, ``.npy``, ``.pt``, or idx.
        images: name of the array; None to find it by the usual names.
        labels: name of the labels; None to find them by the usual names; ``none`` for none.
        layout: ``NHW``, ``NHWC`` or ``NCHW``, where the shape does not tell.
        image_shape: (C, H, W), which images stored as vectors need; else None.
        val_size: images for validation, at the end of those not for testing; None for those that
            the file, or else the division, says.
        cache: the folder where images are kept that are too many to stay in memory.
        options: the other arguments of ``ImageDataModule``.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if the cache cannot be written.
        ValueError: if it does not hold images.
    """

    def __init__(
        self,
        root: str | None,
        images: str | None,
        labels: str | None,
        layout: Layout | None,
        image_shape: Shape | None,
        val_size: Whole | None,
        cache: str,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if root is None:
            raise ValueError("data.root must name the file: data.root=cells.npz")
        file = ArrayFile(Path(root).expanduser())
        found = _find(file, images, labels, layout, image_shape, Path(cache).expanduser())
        super().__init__(found, file.path.stem, image_shape, val_size, **options)


def _find(
    file: ArrayFile,
    images_name: str | None,
    labels_name: str | None,
    layout: Layout | None,
    image_shape: Sequence[int] | None,
    cache: Path,
) -> Found:
    asked = Asked(file, _image_keys(file, images_name, image_shape), layout, image_shape)
    asked.shape()
    division = divided(asked.counts())
    labels, names = _labels(file, labels_name, asked.counts())
    result = gathered(asked, division, cache)
    return Found(
        result.images, division.of(labels), names, division.val, division.test,
        file=result.file, are_two=result.are_two,
    )  # fmt: skip


def _parsed(key: str) -> tuple[Part, str]:
    """Return the split that the name of an array tells, and the rest: ``train``, ``x``."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower())
    part = next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), "all")
    return part, "_".join(word for word in words if word not in SPLIT_NAMES)


def _image_keys(
    file: ArrayFile, name: str | None, image_shape: Sequence[int] | None
) -> dict[Part, str]:
    """Return which array holds the images of each split, or of all.

    Raises:
        ValueError: if that is not clear.
    """
    least = IMAGE_NDIM if image_shape is None else 2
    if name is not None:
        if name not in file:
            raise ValueError(f"data.images={name} is no array of {file.path}: {', '.join(file)}")
        return {"all": name}
    usual = [key for key in file if _parsed(key)[1] in IMAGES and len(file.shape(key)) >= least]
    by_part: dict[Part, list[str]] = {}
    for key in usual:
        by_part.setdefault(_parsed(key)[0], []).append(key)
    if set(by_part) > {"all"}:
        by_part.pop("all", None)
    if (
        by_part
        and all(len(keys) == 1 for keys in by_part.values())
        and ("all" in by_part or "train" in by_part)
    ):
        return {part: keys[0] for part, keys in by_part.items()}
    others = usual or [key for key in file if len(file.shape(key)) >= least]
    if len(others) == 1:
        return {"all": others[0]}
    held = ", ".join(f"{key} {file.shape(key)}" for key in file) or "no array"
    hint = (
        "" if others or image_shape else "; images stored as vectors need data.image_shape=[C,H,W]"
    )
    raise ValueError(
        f"data.images must name the array of the images in {file.path}, which holds {held}{hint}"
    )


def _labels(
    file: ArrayFile, name: str | None, counts: Mapping[Part, int]
) -> tuple[dict[Part, Tensor], Sequence[str]]:
    """Return the labels of each part, counting from 0, and what they are called."""
    if name is not None and name != WITHOUT and name not in file:
        raise ValueError(f"data.labels={name} is no array of {file.path}: {', '.join(file)}")
    found = {part: _label_key(file, name, part) for part in counts}
    keys = {part: key for part, key in found.items() if key is not None}
    if not keys:
        nothing = {part: torch.zeros(n, dtype=torch.int64) for part, n in counts.items()}
        return nothing, UNLABELLED
    if len(keys) < len(counts):
        missing = ", ".join(part for part in counts if part not in keys)
        raise ValueError(
            f"data.labels: {file.path} has labels for some splits, but not for {missing}; "
            f"data.labels={WITHOUT} reads none"
        )
    values = {part: _checked_labels(file[key], key, counts[part]) for part, key in keys.items()}
    every = np.unique(np.concatenate(list(values.values())))
    codes = {
        part: torch.from_numpy(np.searchsorted(every, value).astype(np.int64))
        for part, value in values.items()
    }
    return codes, _class_names(file, every)


def _label_key(file: ArrayFile, name: str | None, part: Part) -> str | None:
    if name is not None:
        return None if name == WITHOUT else name
    parsed = {key: _parsed(key) for key in file}
    return next((key for key, (p, kind) in parsed.items() if p == part and kind in LABELS), None)


def _checked_labels(labels: Array, key: str, count: int) -> Array:
    """Return labels (N,), whole numbers or text.

    Raises:
        ValueError: if they are something else.
    """
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # noqa: PLR2004
    if labels.shape != (count,):
        raise ValueError(
            f"data.labels: {count} images need one label each, but {key} is {labels.shape}; "
            f"data.labels={WITHOUT} reads none"
        )
    if labels.dtype.kind == "f" and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biuUS":
        raise ValueError(f"data.labels: {key} must hold whole numbers or text, got {labels.dtype}")
    return labels


def _class_names(file: ArrayFile, values: Array) -> Sequence[str]:
    """Return what the values of labels are called: by a list in the file, or as they stand."""
    if values.dtype.kind == "S":
        return [value.decode(errors="replace") for value in values.tolist()]
    key = next((key for key in file if _parsed(key)[1] in NAMES), None)
    if key is not None and values.dtype.kind in "iu":
        names = file[key]
        is_list = names.ndim == 1 and names.dtype.kind == "U"
        if is_list and 0 <= values[0] <= values[-1] < len(names):
            return [str(names[value]) for value in values]
    return [str(value) for value in values.tolist()]
