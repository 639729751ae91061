"""Output that is only shown must not fail a program that has done its work."""

import codecs
import io
import os
import sys
import warnings

from rich.console import Console

# What stands for letters that a terminal cannot show; for any other there is a question mark.
SIMPLER = {
    "−": "-", "–": "-", "·": "-", "×": "x", "±": "+-", "→": "->", "‖": "||", "…": "...", "’": "'",
    "²": "^2", "Σ": "sum",
}  # fmt: skip


def degrade() -> None:
    """Let standard output and errors write simpler letters for those that they cannot show."""
    codecs.register_error("simpler", _simpler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="simpler")


def _simpler(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(SIMPLER.get(letter, "?") for letter in letters), error.end


def warn_in_one_line() -> None:
    """Let warnings say what they have to say, and neither a file nor a line of its source.

    Libraries that are imported later may undo this.
    """
    warnings.formatwarning = _in_one_line


def _in_one_line(message: Warning | str, *_: object, **__: object) -> str:
    return f"warning: {' '.join(str(message).split())}\n"


class ForgivingConsole(Console):
    """A console that goes on where nobody reads any more, as after ``| head``."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on; Rich's own would end the program with an error."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())  # what is buffered goes there at exit
