"""What a terminal cannot show fails no run."""

import io
import sys

import pytest

from vae_lab.runs import terminal


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_sweep_is_shown_whatever_the_encoding(encoding, tmp_path, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    terminal.print_sweep(tmp_path, {"job": {"status": "failed", "error": "β is ∞"}})
    for stream in streams:
        stream.flush()
    table, lines = (stream.buffer.getvalue().decode(encoding) for stream in streams)
    assert "failed" in table
    assert "job failed: ? is ?" in lines
