"""Images whose factors of variation are known, in a file like that of dSprites."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae_lab.checks import Shape, Whole, checked
from vae_lab.data.array_files import Array, ArrayFile
from vae_lab.data.arrays import IMAGES
from vae_lab.data.binarization import Binarization
from vae_lab.data.found import Found, FoundDataModule
from vae_lab.data.gathered import Asked, divided, gathered

FACTORS = ("latents_classes", "factors")
VALUES = ("latents_values", "factor_values")
NAMES = ("latents_names", "factor_names")
# dSprites (Matthey et al. 2017) names these in a pickle, which is not read.
OF_DSPRITES = ("color", "shape", "scale", "orientation", "posX", "posY")
SHAPES_OF_DSPRITES = ("square", "ellipse", "heart")


@checked
class FactorsDataModule(FoundDataModule):
    """Images, and the factors that each was rendered from.

    The file holds ``imgs`` and ``latents_classes`` (N, F), whole numbers; ``latents_values`` (N, F)
    if the values are to be known, ``factor_names`` (F,), and ``<factor>_names`` if the values of a
    factor have names. Factors with one value are left out. Images are divided 80 : 10 : 10, in an
    order that depends on their number alone.

    Args:
        root: the file, ``.npz`` or ``.pt``.
        label: the factor that is the class of an image, in pictures and for classifiers; None for
            the first.
        image_shape: (C, H, W), to be sure of it, or None.
        val_size: images for validation, at the end of those not for testing; None for a tenth.
        binarization: of the pixels; only ``none`` fits grey ones and colours.
        cache: the folder where images are kept that are too many to stay in memory.
        options: the other arguments of ``ImageDataModule``.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if the cache cannot be written.
        ValueError: if it does not hold images and factors, or grey images are to be binarised.
    """

    def __init__(
        self,
        root: str | None,
        label: str | None,
        image_shape: Shape | None,
        val_size: Whole | None,
        binarization: Binarization,
        cache: str,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if root is None:
            raise ValueError("data.root must name the file: data.root=dsprites.npz")
        file = ArrayFile(Path(root).expanduser())
        found = _find(file, label, Path(cache).expanduser())
        if binarization != Binarization.NONE and not found.are_two:
            raise ValueError(
                f"data.binarization={binarization} is for black and white images, and those in "
                f"{file.path} are not: data.binarization=none likelihood=discretized_logistic"
            )
        super().__init__(
            found, file.path.stem, image_shape, val_size, binarization=binarization, **options
        )


def _find(file: ArrayFile, label: str | None, cache: Path) -> Found:
    key, factors_key = _key(file, IMAGES, "the images"), _key(file, FACTORS, "the factors")
    codes = file[factors_key]
    if codes.ndim != 2 or len(codes) == 0 or codes.dtype.kind not in "biuf":  # noqa: PLR2004
        raise ValueError(
            f"data.root={file.path}: {factors_key} must be numbers (N, F), got {codes.shape} of "
            f"{codes.dtype}"
        )
    names = _names(file, codes.shape[1], factors_key)
    values = next((file[other] for other in VALUES if other in file), codes)
    columns, called = {}, {}
    for number, name in enumerate(names):
        kinds, first, column = np.unique(codes[:, number], return_index=True, return_inverse=True)
        if len(kinds) > 1:
            columns[name] = torch.from_numpy(column.reshape(-1).astype(np.int64))
            called[name] = _called(file, name, kinds, values[first, number])
    if not columns:
        raise ValueError(f"data.label: no factor of {file.path} varies")
    chosen = label or next(iter(columns))
    if chosen not in columns:
        raise ValueError(
            f"data.label={chosen} is no factor of {file.path} that varies: {', '.join(columns)}"
        )
    asked = Asked(file, {"all": key})
    asked.shape()
    count = asked.counts()["all"]
    if count != len(codes):
        raise ValueError(f"data.root={file.path}: {count} images, but {len(codes)} {factors_key}")
    division = divided(asked.counts())
    result = gathered(asked, division, cache)
    return Found(
        result.images,
        division.of({"all": columns[chosen]}),
        called[chosen],
        division.val,
        division.test,
        factors=division.of({"all": torch.stack(list(columns.values()), dim=1)}),
        factor_names=tuple(columns),
        file=result.file,
        are_two=result.are_two,
    )


def _key(file: ArrayFile, names: tuple[str, ...], what: str) -> str:
    """Return the first of ``names`` that the file has.

    Raises:
        ValueError: if it has none.
    """
    found = next((key for name in names for key in file if key == name), None)
    if found is None:
        raise ValueError(
            f"data.root={file.path} must hold {what} as {' or '.join(names[:2])}, and holds "
            f"{', '.join(file)}"
        )
    return found


def _names(file: ArrayFile, count: int, factors_key: str) -> tuple[str, ...]:
    """Return what the factors are called: by a list in the file, as in dSprites, or by number."""
    key = next((name for name in NAMES if name in file), None)
    if key is None:
        is_dsprites = factors_key == FACTORS[0] and count == len(OF_DSPRITES)
        return OF_DSPRITES if is_dsprites else tuple(f"factor{i + 1}" for i in range(count))
    names = tuple(map(str, file[key].reshape(-1).tolist()))
    if len(set(names)) != count:
        raise ValueError(f"data.root={file.path}: {key} must be {count} names, all different")
    return names


def _called(file: ArrayFile, factor: str, kinds: Array, values: Array) -> tuple[str, ...]:
    """Return what the values of a factor are called."""
    key = f"{factor}_names"
    if key in file:
        names = file[key].reshape(-1).tolist()
        if len(names) != len(kinds):
            raise ValueError(
                f"data.root={file.path}: {factor} has {len(kinds)} values, {key} {len(names)}"
            )
        return tuple(map(str, names))
    if factor == "shape" and len(kinds) == len(SHAPES_OF_DSPRITES) and "factor_names" not in file:
        return SHAPES_OF_DSPRITES
    return tuple(f"{value:.3g}" for value in values.tolist())
