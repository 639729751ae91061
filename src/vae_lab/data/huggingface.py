"""Data sets of the Hugging Face hub, and local files in its formats, by ``datasets``."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae_lab.checks import checked
from vae_lab.data.arrays import LABELS, WITHOUT
from vae_lab.data.contract import Split
from vae_lab.data.decoded import DecodedDataModule, Source
from vae_lab.data.found import SPLIT_NAMES, UNLABELLED, shuffled, tenth
from vae_lab.decoding import Encoded
from vae_lab.extras import require

FILES = {".parquet": "parquet", ".arrow": "arrow"}
SAVED = ("dataset_dict.json", "state.json")  # by which a folder of ``save_to_disk`` is known
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
Row = tuple[Split, int]  # a part of the data set, and the number of a row in it


@checked
class HuggingFaceDataModule(DecodedDataModule):
    """A data set with a column of pictures, decoded once.

    Splits are those that the set has. What it does not divide is divided 80 : 10 : 10, in an order
    that depends on the number of images alone.

    Args:
        root: a name on the hub, or a local folder or file: parquet, arrow, what ``save_to_disk``
            wrote.
        subset: which of several sets under that name, or None.
        images: the column of the pictures; None for the one that has their type.
        labels: the column of the classes; None to find it, by its type or its name; ``none`` for
            none.
        options: the other arguments of ``DecodedDataModule``.

    Raises:
        MissingExtraError: without ``datasets``.
        OSError: if the set is not there, or cannot be fetched, or the cache not be written.
        ValueError: if it is not clear which columns or splits are meant, or pictures cannot be
            read.
    """

    def __init__(
        self,
        root: str | None,
        subset: str | None,
        images: str | None,
        labels: str | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        if root is None:
            raise ValueError(
                "data.root must name a data set of the hub, or a local folder: "
                "data.root=ylecun/mnist"
            )
        name = Path(root).expanduser().resolve().stem
        super().__init__(lambda: _found(root, subset, images, labels), name, **options)


def _found(root: str, subset: str | None, images: str | None, labels: str | None) -> Source:
    parts = _parts(_opened(root, subset), root)
    rows = _divided(parts, root)
    every = [row for split in ("train", "val", "test") for row in rows[split]]
    numbers, names = _labels(parts, labels, root)
    return Source(
        PicturesInRows(root, parts, every, _image_column(parts, images, root)),
        torch.tensor([numbers[part][row] for part, row in every], dtype=torch.int64),
        names,
        len(rows["val"]),
        len(rows["test"]),
    )


class PicturesInRows:
    """The pictures in some rows as they are decoded.

    Args:
        root: of the data set, as it was given.
        parts: of the data set, by name.
        rows: which, in their order.
        column: that holds the pictures.
    """

    def __init__(
        self, root: str, parts: Mapping[Split, Any], rows: Sequence[Row], column: str
    ) -> None:
        self.root = root
        self.names: Sequence[str] = [f"{part}/{row}" for part, row in rows]
        content = [(name, part._fingerprint) for name, part in parts.items()]
        self.identity = ["datasets", content, column]
        plain = require("datasets", "hf").Image(decode=False)
        self._parts = {name: part.cast_column(column, plain) for name, part in parts.items()}
        self._rows = rows
        self._column = column

    def __getitem__(self, part: slice) -> list[Encoded]:
        """Return some of them."""
        return list(self._read(self._rows[part]))

    def _read(self, rows: Sequence[Row]) -> Iterator[Encoded]:
        for name, some in groupby(rows, key=lambda row: row[0]):
            for value in self._parts[name][[row for _, row in some]][self._column]:
                held = value or {}
                path = held.get("path")
                yield Path(path) if held.get("bytes") is None and path else held.get("bytes") or b""


def _opened(root: str, subset: str | None) -> Mapping[str, Any]:
    """Return the parts of a data set by name.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it cannot be read.
    """
    datasets = require("datasets", "hf")
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    path = Path(root).expanduser()
    try:
        if path.is_file():
            if path.suffix not in FILES:
                raise ValueError(f"it is none of {', '.join(FILES)}, nor a folder")
            opened = datasets.load_dataset(FILES[path.suffix], data_files=str(path))
        elif any((path / name).exists() for name in SAVED):
            opened = datasets.load_from_disk(str(path))
        elif path.is_dir() or HUB_NAME.fullmatch(root):
            opened = datasets.load_dataset(str(path) if path.is_dir() else root, subset)
        else:
            raise FileNotFoundError("it is not there")
    except Exception as error:  # whatever the library and those below it raise
        reason = " ".join(str(error.__cause__ or error).split())
        place = "" if path.exists() else "; there is no such file or folder here either"
        kind = FileNotFoundError if isinstance(error, OSError) else ValueError
        raise kind(f"data.root={root} cannot be opened: {reason}{place}") from error
    return opened if isinstance(opened, Mapping) else {"train": opened}


def _parts(opened: Mapping[str, Any], root: str) -> Mapping[Split, Any]:
    """Return the splits of a data set; one that is not divided is to train on.

    Raises:
        ValueError: if none is to train on.
    """
    parts: dict[Split, Any] = {
        SPLIT_NAMES[name.lower()]: part
        for name, part in opened.items()
        if name.lower() in SPLIT_NAMES
    }
    if "train" in parts:
        return parts
    if len(opened) == 1:
        (only,) = opened.values()
        return {"train": only}
    raise ValueError(f"data.root={root} has no split to train on, but {', '.join(opened)}")


def _divided(parts: Mapping[Split, Any], root: str) -> dict[Split, list[Row]]:
    """Return the rows of each split, and cut off those that the set does not have."""
    rows: dict[Split, list[Row]] = {
        split: [(split, row) for row in range(len(part))] for split, part in parts.items()
    }
    missing: list[Split] = [split for split in ("test", "val") if split not in rows]
    if missing:
        rows["train"] = [rows["train"][row] for row in shuffled(len(rows["train"])).tolist()]
        share = tenth(len(rows["train"]))
        for split in missing:
            rows["train"], rows[split] = rows["train"][:-share], rows["train"][-share:]
    return rows


def _image_column(parts: Mapping[Split, Any], name: str | None, root: str) -> str:
    """Return which column holds the pictures.

    Raises:
        ValueError: if that is not clear.
    """
    features = parts["train"].features
    if name is not None:
        return _known(name, "images", features, root)
    of_type = [
        column for column, feature in features.items()
        if getattr(feature, "_type", None) == "Image"
        or (isinstance(feature, Mapping) and "bytes" in feature)
    ]  # fmt: skip
    if len(of_type) == 1:
        return of_type[0]
    raise ValueError(
        f"data.images must name the column of the pictures in {root}, which has "
        f"{', '.join(of_type or features)}"
    )


def _known(name: str, key: str, features: Mapping[str, Any], root: str) -> str:
    if name not in features:
        raise ValueError(f"data.{key}={name} is no column of {root}: {', '.join(features)}")
    return name


def _label_column(features: Mapping[str, Any], name: str | None, root: str) -> str | None:
    if name is not None:
        return None if name == WITHOUT else _known(name, "labels", features, root)
    classes = [c for c, f in features.items() if getattr(f, "_type", None) == "ClassLabel"]
    usual = [c for c in classes or features if c.lower() in LABELS]
    chosen = usual if len(classes) != 1 else classes
    if len(chosen) > 1 or (classes and not chosen):
        raise ValueError(
            f"data.labels must say which are the classes in {root}: "
            f"{', '.join(chosen or classes)}, or {WITHOUT}"
        )
    return chosen[0] if chosen else None


def _labels(
    parts: Mapping[Split, Any], name: str | None, root: str
) -> tuple[dict[str, list[int]], Sequence[str]]:
    """Return the labels of each part, counting from 0, and what they are called.

    Raises:
        ValueError: if an image has none, or they are no classes.
    """
    features = parts["train"].features
    column = _label_column(features, name, root)
    if column is None:
        return {split: [0] * len(part) for split, part in parts.items()}, UNLABELLED
    names = getattr(features[column], "names", None)
    values: dict[str, list[Any]] = {}
    for split, part in parts.items():
        values[split] = list(part[column][:]) if column in part.features else [None]
        if None in values[split] or (names and -1 in values[split]):
            raise ValueError(
                f"data.labels: some images of {split} have no {column}; data.labels={WITHOUT} "
                "reads none"
            )
    if names:
        return values, names
    every = np.unique(np.concatenate([np.asarray(some) for some in values.values()]))
    if every.ndim != 1 or every.dtype.kind not in "biuU":
        raise ValueError(f"data.labels: {column} must hold whole numbers or text")
    known = {value: number for number, value in enumerate(every.tolist())}
    return (
        {split: [known[value] for value in some] for split, some in values.items()},
        [str(value) for value in known],
    )
