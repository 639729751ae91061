"""Files that hold arrays: NumPy's, PyTorch's, and MNIST's idx. No code that lies in one is run."""

import gzip
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

Array = np.ndarray
IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
FORMATS = ".npz, .npy, .pt, .pth, or MNIST's idx, gzipped or not"
HOLDS_CODE = (
    "it is damaged, or holds Python objects, which could run code, and was not read; save arrays "
    "alone"
)
DAMAGE = (
    EOFError, OSError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class ArrayFile(Mapping[str, Array]):
    """The arrays of a file by name; one is read when it is asked for.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is of another kind, damaged, or holds code.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            what = "a folder, which data=images reads" if path.is_dir() else "not there"
            raise FileNotFoundError(f"data.root={path} is {what}")
        self.path = path
        readers = {".npz": _npz, ".npy": _npy, ".pt": _pt, ".pth": _pt}
        self._arrays = self._guarded(lambda: readers.get(path.suffix.lower(), _idx)(path))

    def __getitem__(self, name: str) -> Array:
        return self._guarded(self._arrays[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def _guarded(self, read: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return read()
        except pickle.UnpicklingError as error:
            raise ValueError(f"data.root={self.path}: {HOLDS_CODE}") from error
        except DAMAGE as error:
            is_code = "allow_pickle" in str(error)
            reason = HOLDS_CODE if is_code else f"it cannot be read: {error}"
            raise ValueError(f"data.root={self.path}: {reason}") from error


Lazy = dict[str, Callable[[], Array]]


def _npz(path: Path) -> Lazy:
    file = np.load(path, allow_pickle=False)
    return {name: lambda name=name: file[name] for name in file.files}


def _npy(path: Path) -> Lazy:
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    return {"images": lambda: array}


def _pt(path: Path) -> Lazy:
    content = torch.load(path, map_location="cpu", weights_only=True)
    return {name: lambda tensor=tensor: _numpy(tensor) for name, tensor in _tensors(content, "")}


def _numpy(tensor: torch.Tensor) -> Array:
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _tensors(content: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:  # noqa: ANN401
    """Yield the tensors of nested dictionaries; a pair is images and labels."""
    if isinstance(content, torch.Tensor):
        yield name or "images", content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from _tensors(value, f"{name}_{key}".strip("_"))
    elif isinstance(content, list | tuple):
        for key, value in zip(("images", "labels"), content, strict=False):
            yield from _tensors(value, f"{name}_{key}".strip("_"))


def _idx(path: Path) -> Lazy:
    """Return images, and what lies beside them: labels, and the same of the other split."""
    names = {"": path.name}
    for prefix in ("train", "t10k"):
        if path.name.startswith(prefix):
            rest = path.name.removeprefix(prefix)
            names = {"train_": f"train{rest}", "test_": f"t10k{rest}"}
    arrays: Lazy = {}
    for split, name in names.items():
        labels = name.replace("images", "labels").replace("idx3", "idx1")
        for other, kind in {labels: "labels", name: "images"}.items():
            if file := _packed_or_not(path.with_name(other)):
                arrays[split + kind] = lambda file=file: _read_idx(file)
    next(iter(arrays.values()))()  # refuses what is no idx file
    return arrays


def _packed_or_not(path: Path) -> Path | None:
    plain = path.with_name(path.name.removesuffix(".gz"))
    others = (path, plain, plain.with_name(f"{plain.name}.gz"))
    return next((other for other in others if other.is_file()), None)


def _read_idx(path: Path) -> Array:
    """Read an idx file, http://yann.lecun.com/exdb/mnist.

    Raises:
        ValueError: if it is none.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:  # noqa: PLR2004
        raise ValueError(f"{path.name} is none of {FORMATS}")
    shape = struct.unpack_from(f">{content[3]}I", content, 4)
    array = np.frombuffer(content, IDX_TYPES[content[2]], offset=4 + 4 * len(shape))
    if len(array) != math.prod(shape):
        raise ValueError(
            f"{path.name} should hold {math.prod(shape)} numbers, and has {len(array)}"
        )
    return array.reshape(shape).astype(array.dtype.newbyteorder("="))
