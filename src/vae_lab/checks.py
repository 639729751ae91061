"""What an argument may be stands in its annotation, and here values are held to it.

``latent_dim: Size`` says that it is a whole number of at least 1. ``checked`` holds every call of a
constructor to such annotations; configurations are held to them before anything is built, so that
the message names the key that a user has set.
"""

import functools
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Optional, TypeVar, Union, get_args, get_origin

MANY = 1_000_000
PLAIN = (bool, Real, str, list, tuple, Mapping, NoneType)


@dataclass(frozen=True)
class Range:
    """A condition on a value: in words, which follow "must be", and as a test."""

    words: str
    holds: Callable[[Any], bool]


def at_least(least: float) -> Range:
    """Return the range of the numbers from ``least`` on."""
    return Range(f"at least {least}", lambda value: value >= least)


def at_most(most: float) -> Range:
    """Return the range of the numbers up to ``most``."""
    return Range(f"at most {most}", lambda value: value <= most)


ABOVE_ZERO = Range("greater than 0", lambda value: value > 0)

IN_ORDER = Range("in rising order", lambda pair: pair[0] < pair[1])
NOT_EMPTY = Range("not empty", bool)

Seed = Annotated[int, at_least(0), at_most(2**32 - 1)]
Size = Annotated[int, at_least(1), at_most(MANY)]
Shape = Annotated[Sequence[Size], Range("three of them, [C, H, W]", lambda shape: len(shape) == 3)]  # noqa: PLR2004
GridSize = Annotated[int, at_least(1), at_most(100)]
Whole = Annotated[int, at_least(0), at_most(MANY)]
Levels = Annotated[Sequence[Size], NOT_EMPTY]
Limits = Annotated[tuple[float, float], IN_ORDER]
Amount = Annotated[float, at_least(0)]
Positive = Annotated[float, ABOVE_ZERO]
Share = Annotated[float, Range("in [0, 1]", lambda value: 0 <= value <= 1)]
PositiveShare = Annotated[float, Range("in (0, 1]", lambda value: 0 < value <= 1)]
ShareBelowOne = Annotated[float, Range("in [0, 1)", lambda value: 0 <= value < 1)]

Class = TypeVar("Class", bound=type)


def checked(cls: Class) -> Class:
    """Make a class refuse arguments that its annotations rule out.

    Constructing it then raises ValueError, which names the argument and says what it may be.
    """
    construct = cls.__init__
    signature = inspect.signature(construct)

    @functools.wraps(construct)
    def __init__(self: object, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, N807
        for name, value in signature.bind(self, *args, **kwargs).arguments.items():
            annotation = own.get(name)
            if annotation is not None:
                require(name, value, annotation)
        construct(self, *args, **kwargs)

    own = {
        name: _resolved(parameter.annotation, construct)
        for name, parameter in list(signature.parameters.items())[1:]
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    cls.__init__ = __init__
    return cls


def annotations(target: Callable[..., Any]) -> dict[str, Any]:
    """Return what the arguments of a function or constructor may be, by name.

    A constructor that passes further arguments on has those of the classes it inherits from, too.
    """
    if not inspect.isclass(target):
        return _annotations(target)
    found: dict[str, Any] = {}
    for cls in target.__mro__:
        if "__init__" in vars(cls):
            found = _annotations(cls.__init__) | found
    return found


def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        annotation = _resolved(parameter.annotation, function)
        found[name] = Optional[annotation] if parameter.default is None else annotation  # noqa: UP045
    return found


def _resolved(annotation: Any, function: Callable[..., Any]) -> Any:  # noqa: ANN401
    """Return an annotation as a type; Any where there is none, or one that cannot be read."""
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    module = sys.modules.get(inspect.unwrap(function).__module__)
    try:
        return eval(annotation, vars(module))
    except (NameError, AttributeError, TypeError):  # known to type checkers alone
        return Any


def require(name: str | Callable[[], str], value: Any, annotation: Any) -> None:  # noqa: ANN401
    """Hold a value to an annotation.

    Args:
        name: of the value, or what finds it if it is needed.
        value: a plain one, or any object in place of what has a ``_target_``.
        annotation: what the value may be.

    Raises:
        ValueError: if it is something else; with ``name``, and what it may be.
    """
    complaint = _complaint(annotation, value)
    if complaint is not None:
        called = name if isinstance(name, str) else name()
        raise ValueError(f"{called} must be {complaint}, got {in_yaml(value)}")


def in_yaml(value: Any) -> str:  # noqa: ANN401
    """Return a plain value as one writes it in a configuration."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _complaint(annotation: Any, value: Any) -> str | None:  # noqa: ANN401
    """Return what a value should be instead, or None if all is well."""
    members = _members(annotation)
    if any(_fits(member, value) for member in members):
        return None
    for member in members:
        base, ranges = _taken_apart(member)
        if _fits(base, value):
            return next(each.words for each in ranges if not each.holds(value))
    return " or ".join(dict.fromkeys(filter(None, map(_words, members))))


def _members(annotation: Any) -> Sequence[Any]:  # noqa: ANN401
    """Return the types of a union, which may be nested."""
    if get_origin(annotation) in (Union, UnionType):
        return [each for member in get_args(annotation) for each in _members(member)]
    return [annotation]


def _taken_apart(annotation: Any) -> tuple[Any, list[Range]]:  # noqa: ANN401
    """Return a type, and the ranges that hold for it."""
    if get_origin(annotation) is not Annotated:
        return annotation, []
    base, *notes = get_args(annotation)
    return base, [note for note in notes if isinstance(note, Range)]


def _fits(annotation: Any, value: Any) -> bool:  # noqa: ANN401, PLR0911 - one line a type
    annotation, ranges = _taken_apart(annotation)
    if ranges:
        return _fits(annotation, value) and all(each.holds(value) for each in ranges)
    origin, args = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Any or isinstance(origin, TypeVar):
        return True
    if origin in (Union, UnionType):
        return any(_fits(member, value) for member in args)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in args)
    if origin in (None, NoneType):
        return value is None
    if origin is bool:
        return isinstance(value, bool)
    if origin is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if origin is float:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if origin is str:
        return isinstance(value, str)
    if _is_enum(origin):
        return value in list(origin)
    if origin in (Mapping, dict):
        return isinstance(value, Mapping)
    if origin in (Sequence, list, tuple, Iterable):
        return _fits_each(origin, args, value)
    return not isinstance(value, PLAIN)


def _fits_each(origin: Any, args: tuple[Any, ...], value: Any) -> bool:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        return False
    if origin is tuple and args and Ellipsis not in args:
        return len(value) == len(args) and all(map(_fits, args, value))
    return not args or all(_fits(args[0], item) for item in value)


def _is_enum(annotation: Any) -> bool:  # noqa: ANN401
    return inspect.isclass(annotation) and issubclass(annotation, StrEnum)


NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _words(annotation: Any) -> str:  # noqa: ANN401
    """Return what a type is called in a message; nothing for an object of Python's."""
    annotation, ranges = _taken_apart(annotation)
    origin, args = get_origin(annotation) or annotation, get_args(annotation)
    if ranges:
        joint = " of " if ranges[0].words.startswith("at ") else " "
        return _words(annotation) + joint + ranges[0].words
    if origin in (None, NoneType):
        return "null"
    if origin is Literal or _is_enum(origin):
        return f"one of {', '.join(map(str, args or list(annotation)))}"
    if origin in (Mapping, dict):
        return "a table of names and values"
    if origin in (Sequence, list, tuple, Iterable):
        count = f"{len(args)} " if origin is tuple and Ellipsis not in args else ""
        return f"a list of {count}{_plural(args[0])}" if args else "a list"
    return NAMES.get(origin, "" if annotation in PLAIN else "a part, with a _target_")


def _plural(annotation: Any) -> str:  # noqa: ANN401
    words = _words(annotation).removeprefix("a ")
    return words.replace("number", "numbers", 1) if "number" in words else words
