"""Runs that the tests of vae_lab.explorer open."""

import pytest
from explorable_runs import SMALL, write_run

from vae_lab.explorer.explored import ExploredRun


@pytest.fixture(scope="session")
def run_of(tmp_path_factory, mnist_root):
    """Opens an untrained run with these overrides, once."""
    known = {}

    def open_run(*overrides):
        if overrides not in known:
            folder = tmp_path_factory.mktemp("runs") / "some run"
            known[overrides] = ExploredRun(write_run(folder, mnist_root, *SMALL, *overrides))
        return known[overrides]

    return open_run
