"""Which images make up which batch: every image once, on every number of processes."""

import itertools
from functools import partial

import pytest
import torch

from vae_lab.data.batches import EpochOrder, GlobalBatches, ImageTensors, ResumableLoader
from vae_lab.data.placement import AheadLoader, fits_on, loader_on


def batches_of_all_ranks(length, batch_size, world_size, epoch=0):
    """Return the list of batches (tensors of indices) of every rank."""
    order = EpochOrder(length, shuffle=True, seed=0)
    order.set_epoch(epoch)
    return [list(GlobalBatches(order, batch_size, rank, world_size)) for rank in range(world_size)]


def global_batches(length, batch_size, world_size):
    """Return the set of images in each global batch."""
    ranks = batches_of_all_ranks(length, batch_size, world_size)
    return [set(torch.cat(batch).tolist()) for batch in zip(*ranks, strict=True)]


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_ranks_share_out_every_image_once_evenly_and_as_announced(world_size):
    for length, batch_size in itertools.product((8, 9, 31, 64, 97), (1, 3, 8, 64, 100)):
        ranks = batches_of_all_ranks(length, batch_size, world_size)
        seen = torch.cat([batch for batches in ranks for batch in batches])
        assert sorted(seen.tolist()) == list(range(length))
        announced = len(GlobalBatches(EpochOrder(length, True, 0), batch_size, 0, world_size))
        assert {len(batches) for batches in ranks} == {announced}
        for shares in zip(*ranks, strict=True):
            sizes = [len(share) for share in shares]
            assert min(sizes) >= 1
            assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("length", [8, 31, 64, 97])
@pytest.mark.parametrize(("batch_size", "world_size"), [(1, 8), (2, 4), (4, 2)])
def test_global_batches_do_not_depend_on_the_number_of_ranks(length, batch_size, world_size):
    together = global_batches(length, batch_size * world_size, 1)
    shared = global_batches(length, batch_size, world_size)
    if world_size > 1 < length % 8 < 2 * world_size:  # a rest of less than two images a rank
        together[-2:] = [together[-2] | together[-1]]
    assert shared == together


def test_fewer_images_than_ranks_raise_value_error():
    order = EpochOrder(3, shuffle=True, seed=0)
    with pytest.raises(ValueError, match="3 images cannot be shared by 4 processes"):
        GlobalBatches(order, batch_size=1, rank=0, world_size=4)


def test_epoch_order_is_a_permutation_given_by_seed_and_epoch_alone():
    def order(seed, epoch, detour=()):
        result = EpochOrder(1000, shuffle=True, seed=seed)
        for other in (*detour, epoch):
            result.set_epoch(other)
            indices = result.indices()
        return indices.tolist()

    reference = order(seed=5, epoch=3)
    assert sorted(reference) == list(range(1000))
    torch.manual_seed(123)
    torch.rand(7)
    assert order(seed=5, epoch=3, detour=(0, 1, 9)) == reference
    assert order(seed=5, epoch=4) != reference
    assert order(seed=6, epoch=3) != reference
    # (seed, epoch) is a pair: neighbours along the diagonal are unrelated too.
    assert order(seed=4, epoch=4) != reference


def test_epoch_order_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    EpochOrder(10, shuffle=True, seed=0).indices()
    assert torch.equal(torch.get_rng_state(), before)


def test_unshuffled_order_is_the_order_of_the_files_in_every_epoch():
    order = EpochOrder(10, shuffle=False, seed=0)
    for epoch in (0, 1):
        order.set_epoch(epoch)
        assert order.indices().tolist() == list(range(10))


@pytest.fixture(params=["gathered where it is needed", "copied ahead"], autouse=True)
def kind(request, monkeypatch):
    """The loader of images on the device, and that of images that do not fit there."""
    if request.param == "copied ahead":
        ahead = partial(AheadLoader, begin=lambda batch: lambda: batch)
        monkeypatch.setitem(globals(), "ResumableLoader", ahead)


def loader(length=23, batch_size=4, epoch=2):
    """Return a loader whose labels are the numbers of the images."""
    order = EpochOrder(length, shuffle=True, seed=0)
    order.set_epoch(epoch)
    images = torch.arange(length, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    batches = GlobalBatches(order, batch_size, rank=0, world_size=1)
    return ResumableLoader(ImageTensors(images, torch.arange(length)), batches)


def labels(batches):
    return [batch[1].tolist() for batch in batches]


def test_loader_delivers_images_with_their_labels_in_the_order_of_the_epoch():
    whole = loader()
    seen = list(whole)
    order = torch.cat([numbers for _, numbers in seen])
    assert torch.equal(order, whole.batch_sampler.sampler.indices())
    for images, numbers in seen:
        assert images.shape == (len(numbers), 1, 2, 2)
        assert images[:, 0, 0, 0].tolist() == numbers.tolist()


@pytest.mark.parametrize("delivered", range(6))
def test_a_resumed_loader_goes_on_with_exactly_the_remaining_batches(delivered):
    uninterrupted = labels(loader())
    interrupted = loader()
    before = labels(itertools.islice(interrupted, delivered))
    resumed = loader()
    resumed.load_state_dict(interrupted.state_dict())
    assert before + labels(resumed) == uninterrupted


def test_a_loader_interrupted_twice_delivers_every_batch_once():
    delivered, state = [], {"epoch": 2, "delivered": 0}
    for stretch in (2, 1, 10):
        part = loader()
        part.load_state_dict(state)
        delivered += labels(itertools.islice(part, stretch))
        state = part.state_dict()
    assert delivered == labels(loader())


def test_the_epoch_after_a_resumed_one_is_whole():
    resumed = loader()
    resumed.load_state_dict({"epoch": 2, "delivered": 4})
    assert len(labels(resumed)) == 2
    assert labels(resumed) == labels(loader())


def test_a_state_saved_at_the_end_of_an_epoch_begins_the_next_one():
    finished = loader()
    assert len(list(finished)) == 6
    resumed = loader()
    resumed.load_state_dict(finished.state_dict())
    assert labels(resumed) == labels(loader())


def test_a_state_of_another_epoch_begins_a_whole_one():
    resumed = loader(epoch=3)
    resumed.load_state_dict({"epoch": 2, "delivered": 4})
    assert labels(resumed) == labels(loader(epoch=3))


def test_raw_batches_are_the_images_and_stay_raw_until_told_otherwise():
    raw = loader()
    raw.delivers_raw = True
    images = [raw.bytes_of(batch) for batch in raw]
    raw.delivers_raw = False
    assert all(torch.equal(one, batch[0]) for one, batch in zip(images, raw, strict=True))


def test_images_that_take_a_quarter_of_the_memory_stay_on_the_host():
    plain, gpu = loader(), torch.device("cuda")
    assert fits_on(gpu, plain.dataset, free=4 * 92 + 1)
    assert not fits_on(gpu, plain.dataset, free=4 * 92)
    assert not fits_on(torch.device("cpu"), plain.dataset)
    there = loader_on(torch.device("meta"), plain.dataset, plain.batch_sampler, is_resident=True)
    assert {t.device.type for batch in there for t in batch} == {"meta"}
