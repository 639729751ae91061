"""What Hydra calls before and after runs, and what happens when that goes wrong."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from vae_lab.runs import errors


class StrictCallback(Callback):
    """A callback whose errors end the program: Hydra would make warnings of them, and go on.

    An error that the user can mend is told in one line, any other with its traceback. In the
    methods, ``${hydra:...}`` has a value; Hydra itself gives it one later.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, method in list(vars(cls).items()):
            if name.startswith("on_"):
                setattr(cls, name, _strict(method))


def _strict(method: Callable[..., None]) -> Callable[..., None]:
    @wraps(method)
    def strict(self: StrictCallback, config: DictConfig, **kwargs: object) -> None:
        try:
            with _hydra_resolves(config), errors.told_in_one_line():
                method(self, config, **kwargs)
        except Exception as error:
            traceback.print_exc()
            raise SystemExit(1) from error

    return strict


@contextmanager
def _hydra_resolves(config: DictConfig) -> Iterator[None]:
    instance: Any = HydraConfig.instance()
    before = instance.cfg
    instance.cfg = OmegaConf.masked_copy(config, "hydra")
    try:
        yield
    finally:
        instance.cfg = before
