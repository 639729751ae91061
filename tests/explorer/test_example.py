"""The run that ships: small, of no machine, and trained."""

import re
from pathlib import Path

import pytest

import vae_lab.explorer
from vae_lab.explorer.explored import ExploredRun
from vae_lab.runs.rundir import RunDir

EXAMPLE = Path(vae_lab.explorer.__file__).with_name("example")


def test_it_is_small_and_names_no_place_of_a_machine():
    assert sum(path.stat().st_size for path in EXAMPLE.rglob("*")) < 1e6
    for path in (RunDir(EXAMPLE).config_file, RunDir(EXAMPLE).metrics_file):
        assert not re.search(r"(^|[\s'\":])(/|[A-Z]:\\)", path.read_text(), re.MULTILINE)


def test_it_has_learned_digits_and_shows_how(mnist_root, monkeypatch):
    monkeypatch.setenv("VAE_LAB_DATA", str(mnist_root))
    run = ExploredRun(EXAMPLE)
    bounds = [run.encode(image.numpy().tobytes())["elbo"] for image in run.originals[:50]]
    validated = RunDir(EXAMPLE).best_metrics()["val/elbo"]
    assert sum(bounds) / len(bounds) == pytest.approx(validated, abs=8)
    assert len(run.frames) > 1
    assert all(frame.epoch and frame.bound for frame in run.frames)
