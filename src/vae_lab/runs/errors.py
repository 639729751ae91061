"""An error that the user can mend is told in one line; any other keeps its traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vae_lab.extras import MissingExtraError
from vae_lab.runs.streams import degrade, warn_in_one_line

USER_ERRORS = (
    ValueError,
    OSError,
    FloatingPointError,
    MissingExtraError,
    HydraException,
    OmegaConfBaseException,
)


def is_users(error: BaseException) -> bool:
    """Tell whether the user can mend what went wrong.

    Lightning's complaint about options that do not go together is among these errors. It is not
    looked for where Lightning has not been imported, since importing it takes seconds.
    """
    lightning = sys.modules.get("lightning.fabric.utilities.exceptions")
    of_lightning = (lightning.MisconfigurationException,) if lightning is not None else ()
    return isinstance(error, (*USER_ERRORS, *of_lightning))


def in_one_line(error: BaseException) -> str:
    """Return the line that tells the user of an error."""
    return f"error: {' '.join(str(error).split()) or type(error).__name__}"


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """End the program with one line where the user can mend what went wrong.

    It goes around a function too, as a decorator. What a terminal cannot show is no error, and a
    warning is one line too.

    Raises:
        SystemExit: in place of an error that the user can mend.
    """
    degrade()
    warn_in_one_line()
    try:
        yield
    except Exception as error:
        if not is_users(error):
            raise
        raise SystemExit(in_one_line(error)) from error
