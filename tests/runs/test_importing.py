"""What is put off while a program imports is there for whoever wants it."""

import gc
import importlib
import sys

from vae_lab.runs.importing import SIGNAL, swift_imports


def test_scipy_signal_is_itself_for_whoever_wants_it(monkeypatch):
    for name in ("torch", *(name for name in sys.modules if name.startswith(SIGNAL))):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("disable", "enable"):
        monkeypatch.setattr(gc, name, lambda: None)
    with swift_imports():
        late = importlib.import_module(SIGNAL)
        assert late.hamming is None
        from scipy.signal import medfilt  # noqa: PLC0415 - as a package may that Lightning imports

        assert medfilt.__module__.startswith("scipy.signal.")
        assert importlib.import_module(SIGNAL) is not late
    with swift_imports():
        importlib.import_module("scipy")
    assert importlib.import_module(SIGNAL).medfilt is medfilt
