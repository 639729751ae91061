"""A terminal of some size: what a program shows there, and what a person types."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte
from command_line import LONGEST

ROWS = 60
# The first terminal that the leader of a session opens sends it Ctrl-C.
TAKE_TERMINAL = "import os; os.close(os.open(os.ttyname(0), os.O_RDWR))\n"


class Terminal:
    """A program on a terminal, whose screen can be read while it runs; it ends with the context.

    Args:
        code: the program, in Python.
        arguments: of its command line.
        columns: of the terminal.
        folder: where the program runs.
        environment: variables of its own.
    """

    def __init__(
        self,
        code: str,
        arguments: Sequence[str],
        columns: int,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self._screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        own = os.environ | {"TERM": "xterm-256color"} | environment
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL + code, *arguments],
            cwd=folder,
            env={k: v for k, v in own.items() if k not in ("COLUMNS", "LINES")},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
        )
        os.close(its)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._mine)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen that are not empty."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self._mine, keys)

    def read_until(self, pattern: str) -> list[str]:
        """Read until the last line on the screen matches a regular expression; return all lines.

        Raises:
            AssertionError: if the program ends before.
        """
        end = time.monotonic() + LONGEST
        while not (self.lines and re.match(pattern, self.lines[-1])):
            assert time.monotonic() < end, self.lines
            assert self._read(), self.lines
        return self.lines

    def wait(self) -> int:
        """Read to the end of the program; return its exit status."""
        while self._read():
            pass
        return self.process.wait(LONGEST)

    def _read(self) -> bool:
        """Take in what has been written; tell whether more may come."""
        ready, _, _ = select.select([self._mine], [], [], LONGEST)
        try:
            written = os.read(self._mine, 4096) if ready else b""
        except OSError:  # Linux says so that nobody writes any more
            written = b""
        self._stream.feed(written)
        return bool(written)
