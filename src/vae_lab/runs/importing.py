"""Importing torch and Lightning, which takes seconds, in less of them."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

SIGNAL = "scipy.signal"


class LateSignal(ModuleType):
    """Stands for ``scipy.signal`` until somebody wants something of it.

    torchmetrics, which Lightning imports, imports it to see whether it has ``hamming``, and gives
    it that name if not, for a package of audio metrics. That takes 0.9 s.
    """

    hamming = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return what the real one has."""
        if sys.modules.get(SIGNAL) is self:
            del sys.modules[SIGNAL]
        return getattr(importlib.import_module(SIGNAL), name)


@contextmanager
def swift_imports() -> Iterator[None]:
    """Go around the imports of a program that trains; around later ones it does nothing.

    Half a million objects are made, and stay until the process ends. Looking through them for
    garbage while they are made takes 0.6 s.
    """
    if "torch" in sys.modules:  # the next job of a sweep
        yield
        return
    late = LateSignal(SIGNAL)
    sys.modules.setdefault(SIGNAL, late)
    gc.disable()
    try:
        yield
    finally:
        if sys.modules.get(SIGNAL) is late:
            del sys.modules[SIGNAL]
        gc.enable()
