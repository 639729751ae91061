"""Checkpoints are written beside the training, in order, and whole or not at all."""

from threading import Event

import pytest
import torch

from vae_lab.training import checkpoints
from vae_lab.training.checkpoints import AtomicCheckpoints


@pytest.fixture
def disk(monkeypatch):
    """A disk that writes nothing before it is told to; a path called full does not fit on it."""
    may_write, write = Event(), checkpoints.write_atomically

    def write_when_told(path, content):
        assert may_write.wait(timeout=10)
        if path.name == "full":
            raise OSError(28, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(checkpoints, "write_atomically", write_when_told)
    yield may_write
    may_write.set()


def test_what_is_saved_are_the_weights_of_that_moment_in_order(disk, tmp_path):
    written, weights, first, second = AtomicCheckpoints(), torch.ones(3), *"ab"
    written.save_checkpoint({"weights": weights}, tmp_path / first)
    weights.fill_(2)
    written.save_checkpoint({"weights": weights}, tmp_path / second)
    written.remove_checkpoint(tmp_path / first)
    weights.fill_(3)
    assert not list(tmp_path.iterdir())
    disk.set()
    assert written.load_checkpoint(tmp_path / second)["weights"].tolist() == [2, 2, 2]
    assert [path.name for path in tmp_path.iterdir()] == [second]
    written.teardown()


def test_nothing_is_done_after_one_that_cannot_be_written_and_the_error_is_told(disk, tmp_path):
    written, path = AtomicCheckpoints(), tmp_path / "kept"
    path.touch()
    written.save_checkpoint({}, tmp_path / "full")
    written.remove_checkpoint(path)
    written.save_checkpoint({}, tmp_path / "later")
    disk.set()
    with pytest.raises(OSError, match=r"No space left on device: .*full"):
        written.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    written.save_checkpoint({}, tmp_path / "there is room again")
    written.teardown()
    assert (tmp_path / "there is room again").exists()


def test_an_error_is_told_at_one_of_the_next_savings(disk, tmp_path):
    written = AtomicCheckpoints()
    written.save_checkpoint({}, tmp_path / "full")
    disk.set()

    def go_on():
        for _ in range(checkpoints.MOST_WAITING):
            written.save_checkpoint({}, tmp_path / "later")

    with pytest.raises(OSError, match="No space"):
        go_on()
    written.teardown()
    assert not list(tmp_path.iterdir())
