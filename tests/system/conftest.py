"""What tests of tiny runs share."""

import pytest
from command_line import finish
from tiny import TINY, write_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the data of tiny runs, and for what they write."""
    return write_data(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def uninterrupted(folder):
    """A tiny run that nothing happened to."""
    finish(*TINY, "hydra.run.dir=full", folder=folder, data=folder)
    return folder / "full"
