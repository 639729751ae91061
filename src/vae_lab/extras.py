"""Libraries that only some users need."""

import importlib
from typing import Any


class MissingExtraError(ImportError):
    """A library that comes with an extra is not installed."""


def require(module: str, extra: str) -> Any:  # noqa: ANN401
    """Import ``module``, which comes with the extra ``extra``.

    Raises:
        MissingExtraError: with how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module.partition('.')[0]} is missing: pip install 'vae-lab[{extra}]'"
        ) from error
