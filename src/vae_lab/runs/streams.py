"""Output that is only shown must not fail a program that has done its work."""

import io
import os
import sys

from rich.console import Console


def degrade() -> None:
    """Let standard output and errors write ``?`` for letters that the terminal cannot show."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class ForgivingConsole(Console):
    """A console that goes on where nobody reads any more, as after ``| head``."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on; Rich's own would end the program with an error."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())  # what is buffered goes there at exit
