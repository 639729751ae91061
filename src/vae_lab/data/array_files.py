"""Files that hold arrays: NumPy's, PyTorch's, and MNIST's idx. No code that lies in one is run."""

import gzip
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import torch

from vae_lab.data.stored import Array, Held, Stored, Streamed, ends_before

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
NPY = ".npy"
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
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

    Attributes:
        identity: plain data that differ wherever the content of the file does.

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
        with self._guarded():
            lazy = readers.get(path.suffix.lower(), _idx)(path)
        self._arrays = {name: cache(make) for name, make in lazy.items()}
        found = {path, *_beside(path).values()}
        stats = [(str(each.resolve()), each.stat()) for each in sorted(found)]
        self.identity = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]

    def __getitem__(self, name: str) -> Array:
        with self._guarded():
            return self._arrays[name]().read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array, without reading it."""
        with self._guarded():
            return self._arrays[name]().shape

    def parts(self, name: str, length: int) -> Iterator[Array]:
        """Yield an array in order, at most ``length`` along its first axis at once."""
        with self._guarded():
            yield from self._arrays[name]().parts(length)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except pickle.UnpicklingError as error:
            raise ValueError(f"data.root={self.path}: {HOLDS_CODE}") from error
        except DAMAGE as error:
            reason = str(error).partition(". ")[0]  # PyTorch goes on
            raise ValueError(f"data.root={self.path}: it cannot be read: {reason}") from error


Lazy = dict[str, Callable[[], Stored]]


def _npz(path: Path) -> Lazy:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(NPY)]

    def stored(member: zipfile.ZipInfo) -> Stored:
        return _numpys(
            lambda: cast("BinaryIO", zipfile.ZipFile(path).open(member)),
            member.file_size,
            lambda: np.load(path, allow_pickle=False)[member.filename],
        )

    return {each.filename.removesuffix(NPY): lambda each=each: stored(each) for each in members}


def _npy(path: Path) -> Lazy:
    array = _numpys(
        lambda: path.open("rb"),
        path.stat().st_size,
        lambda: np.load(path, mmap_mode="c", allow_pickle=False),
    )
    return {"images": lambda: array}


def _numpys(opened: Callable[[], BinaryIO], size: int, load: Callable[[], Array]) -> Stored:
    """Return an array in NumPy's format, loaded as a whole if its columns come first.

    Args:
        opened: opens what holds it.
        size: of that, bytes.
        load: loads it.

    Raises:
        EOFError: if it is longer than what holds it.
        UnpicklingError: if it holds Python objects.
    """
    with opened() as file:
        shape, is_fortran, dtype = _header(file)
        if math.prod(shape) * dtype.itemsize > size - file.tell():
            raise ends_before(shape)
    if is_fortran:
        whole = cache(load)
        return Held(shape, lambda part: whole()[part])

    def at_first() -> BinaryIO:
        file = opened()
        _header(file)
        return file

    return Streamed(shape, dtype, at_first)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
    except ValueError as error:
        raise pickle.UnpicklingError from error
    if version not in HEADERS:
        raise ValueError(f"version {version} of NumPy's format is unknown")
    shape, is_fortran, dtype = HEADERS[version](file)
    if dtype.hasobject:
        raise pickle.UnpicklingError
    return shape, is_fortran, dtype


def _pt(path: Path) -> Lazy:
    is_mapped = zipfile.is_zipfile(path)
    content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_mapped)
    return {name: lambda tensor=tensor: _held(tensor) for name, tensor in _tensors(content, "")}


def _held(tensor: torch.Tensor) -> Held:
    return Held(tensor.shape, lambda part: _numpy(tensor[part]))


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
    arrays: Lazy = {
        name: lambda file=file: _stored_idx(file) for name, file in _beside(path).items()
    }
    next(iter(arrays.values()))()  # refuses what is no idx file
    return arrays


def _beside(path: Path) -> dict[str, Path]:
    """Return the files that belong together in MNIST's format, by what they hold."""
    names = {"": path.name}
    for prefix in ("train", "t10k"):
        if path.name.startswith(prefix):
            rest = path.name.removeprefix(prefix)
            names = {"train_": f"train{rest}", "test_": f"t10k{rest}"}
    files: dict[str, Path] = {}
    for split, name in names.items():
        labels = name.replace("images", "labels").replace("idx3", "idx1")
        for other, kind in {labels: "labels", name: "images"}.items():
            if file := _packed_or_not(path.with_name(other)):
                files[split + kind] = file
    return files


def _packed_or_not(path: Path) -> Path | None:
    plain = path.with_name(path.name.removesuffix(".gz"))
    others = (path, plain, plain.with_name(f"{plain.name}.gz"))
    return next((other for other in others if other.is_file()), None)


def _stored_idx(path: Path) -> Streamed:
    """Return what an idx file holds, http://yann.lecun.com/exdb/mnist.

    Raises:
        ValueError: if it is none.
    """

    def opened() -> BinaryIO:
        return cast("BinaryIO", gzip.open(path) if path.suffix == ".gz" else path.open("rb"))

    with opened() as file:
        start = file.read(4)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in IDX_TYPES:  # noqa: PLR2004
            raise ValueError(f"{path.name} is none of {FORMATS}")
        shape = struct.unpack(f">{start[3]}I", file.read(4 * start[3]))

    def at_first() -> BinaryIO:
        file = opened()
        file.read(4 + 4 * len(shape))
        return file

    return Streamed(shape, np.dtype(IDX_TYPES[start[2]]), at_first)
