"""Training images of which only a few have a label."""

import pytest
import torch

from vae_lab.data.batches import EpochOrder
from vae_lab.data.few_labels import shares, without_most

LABELS = torch.arange(60) % 3


@pytest.mark.parametrize(("count", "counts"), [(6, [2, 2, 2]), (7, [2, 2, 3]), (2, [0, 1, 1])])
def test_every_class_keeps_as_many_labels_as_may_be(count, counts):
    left = without_most(LABELS, count, seed=0)
    known = left >= 0
    assert torch.equal(left[known], LABELS[known])
    assert sorted(torch.bincount(left[known], minlength=3).tolist()) == counts
    assert torch.equal(left, without_most(LABELS, count, seed=0))
    assert not torch.equal(left, without_most(LABELS, count, seed=1))


def test_a_class_that_is_too_small_leaves_its_share_to_the_others():
    labels = torch.tensor([0] * 10 + [1] * 2)
    left = without_most(labels, 8, seed=0)
    assert torch.bincount(left[left >= 0]).tolist() == [6, 2]


def test_how_many_of_each_class_have_a_label_is_said():
    assert shares(torch.tensor([0, -1, 1, 1, 2, 2]), 4) == (
        "5 of 4 classes: 2 in each of 2, 1 in one, none in one"
    )


def test_labelled_images_are_spread_evenly_over_every_epoch():
    is_labelled = without_most(LABELS, 6, seed=0) >= 0
    order = EpochOrder(60, shuffle=True, seed=3, is_apart=is_labelled)
    first = order.indices()
    assert torch.equal(first.sort().values, torch.arange(60))
    assert [int(is_labelled[batch].sum()) for batch in first.split(10)] == [1] * 6
    order.set_epoch(1)
    assert not torch.equal(order.indices(), first)


def test_only_training_batches_miss_labels(small):
    data = small(num_labels=5)
    data.setup("fit")
    labels = torch.cat([labels for _, labels in data.train_dataloader()])
    assert (labels >= 0).sum() == 5
    assert (data.splits["train"].labels >= 0).all()
    assert all((labels >= 0).all() for _, labels in data.val_dataloader())


def test_more_labels_than_images_are_refused(small):
    data = small(num_labels=18)
    data.setup("fit")
    with pytest.raises(ValueError, match="num_labels must be at most 17, the number of training"):
        data.known_labels()
