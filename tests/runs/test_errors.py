"""What the user can mend is one line; anything else keeps its traceback."""

import sys
import warnings

import pytest
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf.errors import ConfigAttributeError

from vae_lab.extras import MissingExtraError
from vae_lab.runs import errors


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a\n b"),
        FileNotFoundError("a b"),
        FloatingPointError("a b"),
        MissingExtraError("a b"),
        MisconfigurationException("a b"),
        ConfigAttributeError("a b"),
    ],
)
def test_what_the_user_can_mend_is_one_line(error):
    with pytest.raises(SystemExit, match=r"^error: a b$"), errors.told_in_one_line():
        raise error


@pytest.mark.parametrize("error", [KeyError("x"), ImportError("x"), KeyboardInterrupt()])
def test_anything_else_keeps_its_traceback(error):
    @errors.told_in_one_line()
    def main():
        raise error

    with pytest.raises(type(error)) as caught:
        main()
    assert caught.value is error


def test_an_error_without_words_is_named_and_lightning_is_not_needed(monkeypatch):
    monkeypatch.delitem(sys.modules, "lightning.fabric.utilities.exceptions")
    assert errors.is_users(OSError())
    assert errors.in_one_line(OSError()) == "error: OSError"


def test_a_warning_is_told_in_one_line_too():
    with errors.told_in_one_line():
        shown = warnings.formatwarning("so\n  much", UserWarning, "file.py", 1, "its(source)")
    assert shown == "warning: so much\n"
