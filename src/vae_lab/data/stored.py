"""Arrays in a file, whole or part by part."""

import math
from collections.abc import Callable, Iterator, Sequence
from types import EllipsisType
from typing import Any, BinaryIO, Protocol

import numpy as np

Array = np.ndarray


class Stored(Protocol):
    """An array that is read when it is asked for.

    Attributes:
        shape: of it.
    """

    shape: tuple[int, ...]

    def read(self) -> Array:
        """Return all of it."""
        ...

    def parts(self, length: int) -> Iterator[Array]:
        """Yield it in order, at most ``length`` along its first axis at once."""
        ...


class Streamed:
    """Numbers in a row, as they come out of a file.

    Args:
        shape: of the array.
        dtype: of its numbers.
        opened: opens the file at the first of them.
    """

    def __init__(
        self, shape: Sequence[int], dtype: np.dtype[Any], opened: Callable[[], BinaryIO]
    ) -> None:
        self.shape = tuple(shape)
        self._dtype = dtype
        self._opened = opened

    def read(self) -> Array:
        """Return all of it."""
        with self._opened() as file:
            return self._next(file, self.shape)

    def parts(self, length: int) -> Iterator[Array]:
        """Yield it in order, at most ``length`` along its first axis at once."""
        with self._opened() as file:
            for start in range(0, self.shape[0], length):
                count = min(length, self.shape[0] - start)
                yield self._next(file, (count, *self.shape[1:]))

    def _next(self, file: BinaryIO, shape: tuple[int, ...]) -> Array:
        array = np.empty(shape, self._dtype)
        if array.nbytes and file.readinto(array.reshape(-1).view(np.uint8)) < array.nbytes:  # pyright: ignore[reportAttributeAccessIssue]
            raise ends_before(self.shape)
        return array.astype(self._dtype.newbyteorder("="), copy=False)


def ends_before(shape: Sequence[int]) -> EOFError:
    """Return the error for an array that is longer than what holds it."""
    return EOFError(f"it should hold {math.prod(shape)} numbers, and ends before")


class Held:
    """An array that can be indexed.

    Args:
        shape: of it.
        rows: returns a part of it.
    """

    def __init__(self, shape: Sequence[int], rows: Callable[[slice | EllipsisType], Array]) -> None:
        self.shape = tuple(shape)
        self._rows = rows

    def read(self) -> Array:
        """Return all of it."""
        return self._rows(...)

    def parts(self, length: int) -> Iterator[Array]:
        """Yield it in order, at most ``length`` along its first axis at once."""
        for start in range(0, self.shape[0], length):
            yield self._rows(slice(start, start + length))
