"""A configuration held to what its targets take, before anything is built."""

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Annotated, Any, Union

from omegaconf import DictConfig, ListConfig, Node

from vae_lab.checks import (
    Amount,
    Positive,
    Range,
    Size,
    annotations,
    at_least,
    in_yaml,
    require,
)


def _is_duration(text: str) -> bool:
    return re.fullmatch(r"\d+:\d\d:\d\d:\d\d", text) is not None


ENDLESS = Range("at least 1, or -1 for no end", lambda value: value >= 1 or value == -1)

Epochs = Annotated[int, ENDLESS]
Duration = Union[  # noqa: UP007 - pyright knows no | of Annotated
    Annotated[str, Range("of the form days:hours:minutes:seconds, as 00:00:15:00", _is_duration)],
    dict[str, int],
    None,
]
Clip = Union[Amount, None]  # noqa: UP007 - pyright knows no | of Annotated

# What the annotations of libraries leave open: by class, as far up as it holds.
LIMITS: dict[str, dict[str, Any]] = {
    "torch.optim.optimizer.Optimizer": {
        "lr": Positive,
        "weight_decay": Amount,
        "fused": bool | None,
    },
    "lightning.pytorch.trainer.trainer.Trainer": {
        "max_epochs": Epochs,
        "accumulate_grad_batches": Size,
        "gradient_clip_val": Clip,
        "log_every_n_steps": Annotated[int, at_least(0)],
        "max_time": Duration,
        "num_nodes": Size,
    },
    "lightning.pytorch.callbacks.early_stopping.EarlyStopping": {
        "patience": Annotated[int, at_least(1)]
    },
    "zuko.flows.autoregressive.MAF": {"transforms": Size, "hidden_features": Sequence[Size]},
}


class Part:
    """Stands for what a ``_target_`` will have built."""


def check(config: DictConfig, given: Sequence[str] = ()) -> None:
    """Refuse a configuration that names what does not exist, or that gives it what it cannot take.

    Args:
        config: with a ``_target_``, as may be what lies in it.
        given: arguments that the caller adds.

    Raises:
        ValueError: with the key, and what it may be.
    """
    for node in parts(config):
        target = locate(node)
        types = _types(target)
        set_here = [str(name) for name in node if not str(name).startswith("_")]
        for name in set_here:
            if name in types:
                require(partial(key_of, node, name), _plain(node[name]), types[name])
        _check_names(node, target, [*set_here, *(given if node is config else ())])


def parts(node: Any) -> Iterator[DictConfig]:  # noqa: ANN401
    """Yield every part of a configuration that has a ``_target_``, the whole before its parts."""
    if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
        if "_target_" in node:
            yield node
        for key in node:
            yield from parts(node[key])
    elif isinstance(node, ListConfig) and not node._is_none():
        for item in node:
            yield from parts(item)


def locate(node: DictConfig) -> Callable[..., Any]:
    """Import what a ``_target_`` names.

    Raises:
        ValueError: if there is no such thing, with what was looked for.
    """
    target = node["_target_"]
    key = f"{node._get_full_key(None)}._target_"
    if not isinstance(target, str):
        raise ValueError(f"{key} must be the name of a class or function, got {in_yaml(target)}")
    module, *names = target.split(".")
    name = ""
    try:
        found: Any = importlib.import_module(module)
        for name in names:
            inner = f"{module}.{name}"
            if not hasattr(found, name) and importlib.util.find_spec(inner) is not None:
                importlib.import_module(inner)
            found, module = getattr(found, name), inner
    except ModuleNotFoundError as error:
        if error.name is None or not (target + ".").startswith(error.name + "."):
            raise
        raise ValueError(
            f"{key} is {target}, but Python finds no module {error.name}: put {module}.py into "
            "the folder of train.py, or its folder into the environment variable PYTHONPATH"
        ) from error
    except (AttributeError, ValueError) as error:
        raise ValueError(f"{key} is {target}, but {module} has no {name}") from error
    return found


def key_of(node: DictConfig, name: str) -> str:
    """Return where the value of a key is set: for ``latent_dim: ${latent_dim}``, the latter."""
    child = node._get_node(name)
    if not isinstance(child, Node):
        return name
    source = child._dereference_node() if child._is_interpolation() else child
    return source._get_full_key(None) or name


def with_key(error: BaseException, node: DictConfig, is_library: bool) -> str:
    """Return what was said of an argument, with its key.

    Args:
        error: what was said. Our constructors begin with the argument's name; a library, which
            knows nothing of our keys, may name it anywhere.
        node: the part that was to be built, whose parts may be what it is about.
        is_library: whether a library has said it.
    """
    message = str(error)
    if not is_library:
        beginning = message.split(" ", maxsplit=1)[0].rstrip(":")
        keys = _keys(node, beginning)
        return " or ".join(keys) + message.removeprefix(beginning) if keys else message
    named = [str(name) for name in node if re.search(rf"\b{name}=", message)]
    named = named or [str(name) for name in node if re.search(rf"\b{name}\b", message)]
    if len(named) != 1:
        return f"{node._get_full_key(None)}: {message}"
    return f"{key_of(node, named[0])}={in_yaml(node[named[0]])}: {message}"


def _keys(node: DictConfig, name: str) -> list[str]:
    """Return all keys of an argument of this name."""
    return list(dict.fromkeys(key_of(part, name) for part in parts(node) if name in part))


@cache
def _types(target: Callable[..., Any]) -> dict[str, Any]:
    found = annotations(target)
    for cls in reversed(target.__mro__ if inspect.isclass(target) else ()):
        found = found | LIMITS.get(f"{cls.__module__}.{cls.__qualname__}", {})
    return found


@cache
def _parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(target).parameters)


@cache
def _all_parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a target, and where it is ours, of those that it inherits from.

    A constructor of ours passes further arguments on to these; that of a library, anywhere.
    """
    found = _parameters(target)
    classes = inspect.getmro(target)[1:-1] if inspect.isclass(target) else ()
    for cls in classes if target.__module__.startswith("vae_lab.") else ():
        further = [name for name, each in found.items() if each.kind is each.VAR_KEYWORD]
        if further and "__init__" in vars(cls):
            inherited = inspect.signature(cls.__init__).parameters
            found = {name: each for name, each in found.items() if name not in further}
            found = {name: inherited[name] for name in inherited if name != "self"} | found
    return found


def names(target: Callable[..., Any]) -> list[str]:
    """Return the arguments of a target that have a name."""
    nameless = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [name for name, each in _all_parameters(target).items() if each.kind not in nameless]


def takes(target: Callable[..., Any], name: str) -> bool:
    """Tell whether a target can be called with an argument of this name."""
    takes_any = any(each.kind is each.VAR_KEYWORD for each in _all_parameters(target).values())
    return takes_any or name in names(target)


def _check_names(node: DictConfig, target: Callable[..., Any], given: Sequence[str]) -> None:
    """Refuse names that the target does not know; unless partial, the lack of one it needs."""
    key = node._get_full_key(None)
    by_name = names(target)
    for name in given:
        if not takes(target, name):
            raise ValueError(
                f"{key}.{name} is no argument of {node['_target_']}, which takes "
                f"{', '.join(by_name) or 'none'}"
            )
    if node.get("_partial_") or "_args_" in node:
        return
    own = _parameters(target).items()
    needed = [name for name, each in own if each.default is each.empty and name in by_name]
    missing = [name for name in needed if name not in given]
    if missing:
        raise ValueError(f"{key}.{missing[0]} is missing: {node['_target_']} needs it")


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a value as it will be passed, with ``Part`` for what is still to be built."""
    if isinstance(value, DictConfig):
        is_part = "_target_" in value
        return Part() if is_part else {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, ListConfig):
        return [_plain(item) for item in value]
    return value
