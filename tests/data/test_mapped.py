"""A file larger than memory: what is announced, that nothing is held, and that nothing changes."""

import mmap
import re
from pathlib import Path

import pytest
import torch

from vae_lab.data import mapped
from vae_lab.data.batches import AHEAD, EpochOrder, GlobalBatches
from vae_lab.data.mapped import MappedImages

COUNT, SHAPE = 4000, (3, 40, 41)
pytestmark = pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="not on Windows")


@pytest.fixture
def file(tmp_path):
    """A file of 19 MB; what an image holds is its number, in 250s."""
    numbers = (torch.arange(COUNT) % 250).to(torch.uint8)
    path = tmp_path / "images"
    path.write_bytes(numbers[:, None, None, None].expand(COUNT, *SHAPE).contiguous().numpy())
    return MappedImages(path, (COUNT, *SHAPE))


def test_images_are_what_the_file_holds_before_and_after_their_pages_are_given_back(
    file, monkeypatch
):
    monkeypatch.setattr(mapped, "HELD", 2**20)
    images, order = file.images[500:], torch.randperm(COUNT - 500)
    for indices in order.split(100):
        file.announce(images, indices)
        expected = (indices + 500) % 250
        assert torch.equal(images[indices][:, 2, 39, 40].long(), expected)


def resident():
    """Return how many bytes of files this process holds."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("this system does not say")
    return 1024 * int(re.search(r"RssFile:\s+(\d+)", status.read_text(encoding="utf-8"))[1])


def test_what_was_read_is_given_back_now_and_then(file, monkeypatch):
    monkeypatch.setattr(mapped, "HELD", 20 * file.images[0].nbytes)
    before = resident()
    file.images.sum()
    assert resident() - before > 15e6
    for indices in torch.randperm(COUNT)[:30].split(10):
        file.announce(file.images, indices)
    assert resident() - before < 2e6


def test_images_that_lie_elsewhere_are_not_announced(file):
    file.announce(file.images.clone(), torch.tensor([COUNT - 1]))


@pytest.mark.parametrize("length", [1, 5, 100])
def test_every_batch_is_announced_once_and_in_time(length):
    announced = []
    order = EpochOrder(2 * length, shuffle=True, seed=0)
    batches = GlobalBatches(order, 2, 0, 1, announced.append)
    for number, batch in enumerate(batches):
        assert torch.equal(announced[number], batch)
        assert len(announced) == min(number + AHEAD, length)
        assert batches.delivered == number + 1


def test_a_run_that_goes_on_announces_what_it_reads():
    announced = []
    batches = GlobalBatches(EpochOrder(40, shuffle=True, seed=0), 2, 0, 1, announced.append)
    batches.go_on(0, 15)
    delivered = list(batches)
    assert [a.tolist() for a in announced] == [d.tolist() for d in delivered]
    assert len(delivered) == 5
