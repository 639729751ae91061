"""Composing an experiment, where every word of the command line must mean something.

Hydra refuses a key that is not there, and offers to add it with a plus; with a plus it adds what
one likes, and the run goes its way without it. Here a key is added only where something takes it: a
constructor its argument, a collection of parts another part. Anything else is refused in one line,
with what was probably meant.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.checks import in_yaml
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.groups import SEARCHPATH, Groups
from vae_lab.runs.keys import KeyCheck
from vae_lab.runs.newest import find_run
from vae_lab.runs.overrides import in_full
from vae_lab.runs.rundir import RunDir
from vae_lab.runs.suggestions import nearest_option

WITHOUT_A_CORNER = ("experiment", "debug")  # groups whose options change other groups' values

Compose = Callable[[list[str]], DictConfig]
_load = ConfigLoaderImpl.load_configuration


def register() -> None:
    """Let Hydra check whatever it composes for a command line.

    It has no place for that: its callbacks come after composing, and a sweep composes its jobs by
    itself. So the one function through which it composes is replaced.
    """
    ConfigLoaderImpl.load_configuration = _checked_load


def _checked_load(
    self: ConfigLoaderImpl,
    config_name: str | None,
    overrides: list[str],
    run_mode: RunMode,
    from_shell: bool = True,
    validate_sweep_overrides: bool = True,
) -> DictConfig:
    """Compose as Hydra does; for a command line check it, and end with one line if it is wrong."""

    def compose(lines: list[str]) -> DictConfig:
        return _load(self, config_name, lines, run_mode, from_shell, validate_sweep_overrides)

    if not from_shell:
        return compose(overrides)
    with told_in_one_line():
        groups = Groups(self, config_name, overrides)
        return checked(groups, compose, overrides, is_job=run_mode == RunMode.RUN)


def checked(
    groups: Groups, compose: Compose, overrides: list[str], is_job: bool = True
) -> DictConfig:
    """Compose, and refuse an override that means nothing.

    Args:
        groups: that there are.
        compose: returns what overrides make of the configuration.
        overrides: the command line.
        is_job: whether this is one run, and not the command of a sweep, whose jobs are checked.

    Raises:
        hydra.errors.HydraException: with one line, if something is unknown.
    """
    overrides = [in_full(override) for override in overrides]
    try:
        parsed = groups.parse(overrides)
    except OverrideParseException as error:
        reason = str(error).splitlines()[0] if "=" in error.override else "it is no key=value"
        raise ConfigCompositionException(f"{error.override} is not understood: {reason}") from error
    try:
        composed = compose(overrides)
    except (HydraException, ValueError):
        if is_job:
            _require_one_value(parsed)
        _check(groups, compose, overrides)
        if _resumed(parsed) is None:
            raise
        return compose([_forced(groups, override) for override in parsed])
    _require_effect(composed)
    if is_job and any(line.startswith("+") for line in overrides):
        _check(groups, compose, overrides)
    return composed


def _require_effect(composed: DictConfig) -> None:
    """Refuse an experiment whose file changes nothing but a corner of its own.

    Raises:
        ConfigCompositionException: with one line.
    """
    for group in WITHOUT_A_CORNER:
        if group in composed:
            raise ConfigCompositionException(
                f"the file of this {group} must begin with the line `# @package _global_`; "
                "without it it changes nothing"
            )


def _forced(groups: Groups, override: Override) -> str:
    """Return an override that also sets a key of a resumed run that a new run would not have."""
    line = str(override.input_line)
    return line if groups.are_meant(override) or line[0] in "+~" else f"++{line}"


def _require_one_value(overrides: Sequence[Override]) -> None:
    """Refuse several values where there is no sweep.

    Raises:
        ConfigCompositionException: with one line.
    """
    for override in overrides:
        if override.is_sweep_override():
            raise ConfigCompositionException(
                f"{override.input_line} is more than one value: python train.py -m sweeps over "
                "them, and [a,b] is a list"
            )


def check_sweep(groups: Groups, compose: Compose, overrides: Sequence[str]) -> None:
    """Refuse an override of a sweep that means nothing, with any option of a group.

    Raises:
        hydra.errors.HydraException: with one line.
    """
    for job in job_samples(groups, overrides):
        _check(groups, compose, job)


def job_samples(groups: Groups, overrides: Sequence[str]) -> Iterator[list[str]]:
    """Yield overrides of a sweep with one option of each group, so that each option has its turn.

    Other values stay as they are typed, also where they are several.
    """
    choices = {str(each.input_line): _choices(groups, each) for each in groups.parse(overrides)}
    first = {line: options[0] for line, options in choices.items() if options}
    yield list(first.values())
    for line, options in choices.items():
        for option in options[1:]:
            yield list((first | {line: option}).values())


def _choices(groups: Groups, override: Override) -> list[str]:
    if not override.is_discrete_sweep() or not groups.are_meant(override):
        return [str(override.input_line)]
    return [f"{override.get_key_element()}={name}" for name in override.sweep_string_iterator()]


def _check(groups: Groups, compose: Compose, overrides: Sequence[str]) -> None:
    """Refuse the first override that means nothing.

    Raises:
        ConfigCompositionException: with one line.
    """
    parsed = groups.parse(overrides)
    choices = [override for override in parsed if groups.are_meant(override)]
    for choice in choices:
        _check_option(choice, groups.options(choice.key_or_group))
    _require_one_choice(choices)
    others = [override for override in parsed if override not in choices]
    chosen = [*choices, *(other for other in others if other.key_or_group == SEARCHPATH)]
    resumed = _resumed(others)
    config = resumed or _compose_choices(compose, chosen)
    OmegaConf.set_struct(config, None)
    options, complete = groups.all(), config.copy()
    for override in others:
        _apply(complete, override)
    for override in others:
        if resumed is not None and override.key_or_group.startswith("hydra."):
            continue  # which a run does not keep
        reason = KeyCheck(config, complete, options, override, resumed is not None).refusal()
        if reason is not None:
            raise ConfigCompositionException(reason)
        _apply(config, override)


def _require_one_choice(choices: Sequence[Override]) -> None:
    """Refuse an option that is added to a chosen one: Hydra would drop it."""
    chosen = {each.key_or_group: each.value() for each in choices if not each.is_add()}
    for added in filter(Override.is_add, choices):
        group, name = added.key_or_group, added.value()
        if group in chosen:
            raise ConfigCompositionException(
                f"{added.input_line}: {group}={in_yaml(chosen[group])} is chosen already; both "
                f"are {group}=[{in_yaml(chosen[group])},{in_yaml(name)}]"
            )


def _compose_choices(compose: Compose, choices: Sequence[Override]) -> DictConfig:
    """Compose the chosen options, or say which of them needs no plus."""
    lines = [str(choice.input_line) for choice in choices]
    try:
        return compose(lines)
    except HydraException:
        plain = [line.removeprefix("+") for line in lines]
        if plain == lines:
            raise
        compose(plain)
        added = next(line for line in lines if line.startswith("+"))
        raise ConfigCompositionException(
            f"{added}: that is chosen already; without the plus: {added[1:]}"
        ) from None


def _resumed(overrides: Sequence[Override]) -> DictConfig | None:
    """Return the configuration of the run to go on with, which is what changes, if there is one."""
    for override in overrides:
        if override.key_or_group == "resume" and isinstance(override.value(), str):
            return RunDir(find_run(str(override.value()), to_resume=True)[0]).config()
    return None


def _check_option(override: Override, options: Sequence[str]) -> None:
    """Refuse an option that a group does not have."""
    group = override.key_or_group
    if override.is_delete():
        return
    typed = list(override.sweep_iterator()) if override.is_discrete_sweep() else [override.value()]
    for value in typed:
        name = in_yaml(value).strip("'\"")
        is_below = "/" in name or "." in name
        if isinstance(value, list) or name in options or is_below:
            continue
        meant = nearest_option(name, options)
        did_you_mean = f"did you mean {group}={meant}? " if meant else ""
        raise ConfigCompositionException(
            f"there is no {group}={name}; {did_you_mean}{group} is one of {', '.join(options)}"
        )


def _apply(config: DictConfig, override: Override) -> None:
    """Do to a configuration what an override does; what cannot be done is said by Hydra."""
    key = override.key_or_group
    with suppress(OmegaConfBaseException, AttributeError, TypeError):
        if override.is_delete():
            parent, _, name = key.rpartition(".")
            del (OmegaConf.select(config, parent) if parent else config)[name]
        elif not override.is_sweep_override():
            OmegaConf.update(config, key, override.value(), merge=True, force_add=True)
