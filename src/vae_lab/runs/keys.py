"""Whether an override changes what is there, or adds what something takes."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, ListConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.checks import in_yaml
from vae_lab.runs import arguments
from vae_lab.runs.suggestions import NEEDLESS, Known, called, for_shell, suggestions

HELP = "python train.py --help tells what there is, --cfg job every key"
REFERENCE = re.compile(r"\$\{[\w.]+\}")  # to another key, from the top
HYDRAS = "hydra."
OF_HYDRA = ("hydra.run.dir", "hydra.sweeper.n_trials")  # what one may mean without saying hydra


@dataclass(frozen=True)
class Landing:
    """Where a key leads.

    Args:
        part: the last part of the configuration on the way.
        missing: the names below it that are not there; empty if all is there.
    """

    part: DictConfig
    missing: Sequence[str]

    @property
    def place(self) -> str:
        """The key of the part, empty for the whole configuration."""
        return self.part._get_full_key(None)

    @property
    def key(self) -> str:
        """The key of the first name that is missing."""
        return f"{self.place}.{self.missing[0]}".lstrip(".")


def land(config: DictConfig, key: str) -> Landing | None:
    """Follow a key; None if it leads to something that has no keys.

    Raises:
        omegaconf.errors.OmegaConfBaseException: if it leads through a reference to nothing.
    """
    part, names = config, key.split(".")
    for number, name in enumerate(names):
        if name not in set(part):
            return Landing(part, names[number:])
        child = part._get_node(name)
        if number == len(names) - 1:
            break
        if isinstance(child, Node) and child._is_interpolation():
            child = child._dereference_node()
        if not isinstance(child, DictConfig) or child._is_none() or child._is_missing():
            return None
        part = child
    return Landing(part, [])


class KeyCheck:
    """Whether an override means something, and what it may have meant otherwise.

    Args:
        config: the configuration without the override, no part of which refuses new keys.
        complete: the configuration with all overrides.
        groups: group → its options.
        override: it.
        resumes: whether a run goes on, which may have been changed in this way before.
    """

    def __init__(
        self,
        config: DictConfig,
        complete: DictConfig,
        groups: Mapping[str, Sequence[str]],
        override: Override,
        resumes: bool,
    ) -> None:
        self.config = config
        self.complete = complete
        self.groups = groups
        self.override = override
        self.resumes = resumes
        self.line = str(override.input_line)
        self.adds = override.is_add() or override.is_force_add()

    def refusal(self) -> str | None:
        """Return in one line why the override is refused, or None if it is not."""
        key = self.override.key_or_group
        if "[" in key or "@" in self.line.partition("=")[0]:
            return None  # Hydra's to judge
        value = None if self.override.is_sweep_override() else self.override.value()
        try:
            for inner, text in self._inner(key, value):
                landing = land(self.config, inner)
                reason = self._judged(landing, inner, text) if landing is not None else None
                if reason is not None:
                    return f"{self.line}: {reason}"
        except OmegaConfBaseException:
            pass  # a reference to what only a run knows
        return None

    def _inner(self, key: str, value: object) -> Iterator[tuple[str, str]]:
        """Yield what is typed, key and value; of a dictionary that is merged, what it holds."""
        there = OmegaConf.select(self.config, key) if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(there, DictConfig) and value:
            for name, item in value.items():
                yield from self._inner(f"{key}.{name}", item)
        elif key == self.override.key_or_group:
            yield key, self.line.partition("=")[2]
        else:
            yield key, in_yaml(value)

    def _judged(self, landing: Landing, key: str, value: str) -> str | None:
        if not landing.missing:
            is_merged = isinstance(self.override.value(), dict | list)
            if self.override.is_add() and not is_merged and not self.resumes:
                return f"that is there already; without the plus: {for_shell(self.line[1:])}"
            return None
        if not self.override.is_delete() and self._is_taken(landing):
            plus = f"what is not set yet takes a plus: {for_shell(f'+{self.line}')}"
            return None if self.adds else plus
        meant = self._meant(landing, key, value)
        if f"{landing.key}.".startswith(HYDRAS) and not meant:
            return None
        return self._unknown(landing, meant)

    def _is_taken(self, landing: Landing) -> bool:
        """Tell whether the part in which a new key lands takes it."""
        name = landing.missing[0]
        if f"{landing.key}.".startswith(HYDRAS):
            return self.adds
        if self._is_referred_to(landing.key):
            return True
        part = OmegaConf.select(self.complete, landing.place) if landing.place else self.complete
        if "_target_" in part:
            return _takes(part, name)
        others = [part._get_node(other) for other in part if other != name]
        others = [other for other in others if not (isinstance(other, Node) and other._is_none())]
        if all(_is_built(other) for other in others):  # a collection of parts
            return name in part and _is_built(part._get_node(name))
        return _lies_in_an_argument(part)

    def _is_referred_to(self, key: str) -> bool:
        text = OmegaConf.to_yaml(self.complete)
        return f"${{{key}}}" in text or f"${{{key}." in text

    def _unknown(self, landing: Landing, meant: Sequence[str]) -> str:
        """Say that there is no such key, and what may have been meant."""
        name, part = landing.missing[0], landing.part
        if name in NEEDLESS:
            return NEEDLESS[name]
        target = part.get("_target_")
        what = (
            f"{landing.key} is no argument of {target}" if target else f"there is no {landing.key}"
        )
        if meant:
            return f"{what}; did you mean {' or '.join(meant)}?"
        if elsewhere := called(name):
            return f"{what}; here that is {elsewhere[0]}, which what is chosen does not have"
        if target:
            return f"{what}, which takes {', '.join(arguments.names(arguments.locate(part)))}"
        return f"{what}; {landing.place} has {', '.join(map(str, part))}" if landing.place else (
            f"{what}; {HELP}")  # fmt: skip

    def _meant(self, landing: Landing, key: str, value: str) -> list[str]:
        name = landing.missing[0]
        if self.override.is_delete():
            others = [str(other) for other in landing.part if other != "hydra"]
            alike = difflib.get_close_matches(name, others, 1)
            return [f"~{landing.place}.{other}".replace("~.", "~") for other in alike]
        if name in self.groups.get(landing.place, ()):
            return [f"{landing.place}={name} {for_shell(self.line.lstrip('+'))}"]
        leaves = {
            name: is_list
            for name, is_list in _leaves(self.config)
            if key.startswith(HYDRAS) or not name.startswith(HYDRAS) or name in OF_HYDRA
        }
        known = Known(leaves, self.groups, self._may_be_added, lambda: list(self._more(landing)))
        return suggestions(key, value, known)

    def _may_be_added(self, key: str) -> bool:
        landing = land(self.config, key)
        return landing is not None and bool(landing.missing) and self._is_taken(landing)

    def _more(self, landing: Landing) -> Iterator[str]:
        """Yield the arguments that are not set of the part, or of all parts from the top."""
        parts = (
            [landing.part]
            if landing.place
            else [self.config._get_node(name) for name in self.config]
        )
        for part in parts:
            if isinstance(part, DictConfig) and "_target_" in part:
                for name in arguments.names(arguments.locate(part)):
                    if name not in part:
                        yield f"{part._get_full_key(None)}.{name}"


def _takes(part: DictConfig, name: str) -> bool:
    """Tell whether a constructor takes an argument; what cannot be imported is told elsewhere."""
    if name.startswith("_"):  # Hydra's own
        return True
    try:
        return arguments.takes(arguments.locate(part), name)
    except ValueError:
        return True


def _is_built(node: object) -> bool:
    return isinstance(node, DictConfig) and "_target_" in node


def _lies_in_an_argument(part: DictConfig) -> bool:
    parent = part._get_parent()
    while isinstance(parent, DictConfig):
        if "_target_" in parent:
            return True
        parent = parent._get_parent()
    return False


def _nodes(part: DictConfig, place: str = "") -> Iterator[str]:
    """Yield every key."""
    for name in part:
        child = part._get_node(name)
        yield f"{place}{name}"
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_interpolation():
            yield from _nodes(child, f"{place}{name}.")


def _leaves(config: DictConfig) -> Iterator[tuple[str, bool]]:
    """Yield every key that has a value of its own, and whether that is a list."""
    for key in _nodes(config):
        landing = land(config, key)
        node = landing.part._get_node(key.rpartition(".")[2]) if landing is not None else None
        is_part = isinstance(node, DictConfig) and not node._is_none()
        text = node._value() if isinstance(node, Node) else None
        refers = isinstance(text, str) and REFERENCE.fullmatch(text)
        if not is_part and not refers and not key.rpartition(".")[2].startswith("_"):
            yield key, isinstance(node, ListConfig)
