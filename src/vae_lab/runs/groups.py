"""The groups of ``conf/`` and of the user's own folders, and the options of each."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hydra._internal.config_repository import CachingConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

SEARCHPATH = "hydra.searchpath"
OF_HYDRA = ("hydra/launcher", "hydra/sweeper")  # its groups from which one chooses


class Groups:
    """The groups that there are for a command line, and their options.

    Args:
        loader: which knows where configurations lie.
        config_name: the primary one, which may know further places.
        overrides: the command line, which may too.
    """

    def __init__(
        self, loader: ConfigLoader, config_name: str | None, overrides: Sequence[str] = ()
    ) -> None:
        self.loader = loader
        self._config_name = config_name
        self._places = [line for line in overrides if line.lstrip("+").startswith(SEARCHPATH)]

    def options(self, group: str) -> list[str]:
        """Return the options of a group; nothing if there is no such group."""
        return self._below(group, ObjectType.CONFIG)

    def all(self) -> dict[str, list[str]]:
        """Return the options of each group, those of Hydra's launchers and sweepers too."""
        ours = [group for group in self._below("", ObjectType.GROUP) if group != "hydra"]
        options = {group: self.options(group) for group in [*ours, *OF_HYDRA]}
        return {group: names for group, names in options.items() if names}

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        """Return overrides as Hydra understands them.

        Raises:
            hydra.errors.OverrideParseException: if it does not.
        """
        return OverridesParser.create(config_loader=self.loader).parse_overrides(list(overrides))

    def are_meant(self, override: Override) -> bool:
        """Tell whether an override chooses the option of a group."""
        is_dict = not override.is_sweep_override() and isinstance(override.value(), dict)
        return not is_dict and bool(self.options(override.key_or_group))

    def _below(self, group: str, kind: ObjectType) -> list[str]:
        return self._repository.get_group_options(group, kind)

    @cached_property
    def _repository(self) -> CachingConfigRepository:
        loader: Any = self.loader  # its own get_group_options reads all files again for each group
        return loader._parse_overrides_and_create_caching_repo(self._config_name, self._places)[1]
