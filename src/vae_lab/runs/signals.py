"""The signals that tell a process to stop."""

import signal
from collections.abc import Callable
from typing import Any

INTERRUPTED = 130  # the shell's exit status of a process ended by Ctrl-C

Handler = Callable[[int, Any], Any] | int | None


def stop_handlers() -> dict[int, Handler]:
    """Return what handles each signal that tells this process to stop, by its number.

    These are SIGINT and SIGTERM, and SIGUSR2 where a scheduler listens for it, as submitit does on
    a cluster. Windows has no SIGUSR2.
    """
    handlers: dict[int, Handler] = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)
    }
    number = getattr(signal, "SIGUSR2", None)
    if number is not None and callable(handler := signal.getsignal(number)):
        handlers[number] = handler
    return handlers
