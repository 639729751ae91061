"""What every source has: which images are which split, how batches look, what is refused."""

import pytest
import torch

from vae_lab.data import ImageDataModule


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("batch_size", 0),
        ("batch_size", -1),
        ("global_batch_size", 0),
        ("eval_batch_size", 0),
        ("val_size", -1),
        ("binarization", "stochastic"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(small, option, value):
    with pytest.raises(ValueError, match=f"{option} .*{value}"):
        small(**{option: value})


def test_a_global_batch_is_shared_equally_or_refused(small):
    assert small(batch_size=4).images_per_process(3) == 4
    assert small(global_batch_size=12).images_per_process(3) == 4
    with pytest.raises(ValueError, match=r"data\.global_batch_size=10 .* 3 processes"):
        small(global_batch_size=10).images_per_process(3)


def test_an_unknown_binarization_is_answered_with_the_choices(small):
    with pytest.raises(ValueError, match="dynamic, static, threshold, none"):
        small(binarization="stochastic")


def test_labels_stay_with_their_images_after_shuffling(small, numbers):
    datamodule = small()
    datamodule.setup("fit")
    batches = list(datamodule.train_dataloader())
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert torch.equal(images[:, 0, 5, 5], 20 * labels)
    assert sorted(numbers(images)) == list(range(17))
    assert numbers(images) != list(range(17))


def test_validation_and_test_images_come_in_the_order_of_the_file(small, numbers):
    datamodule = small()
    datamodule.setup("fit")
    datamodule.setup("test")
    val = [numbers(images) for images, _ in datamodule.val_dataloader()]
    test = [numbers(images) for images, _ in datamodule.test_dataloader()]
    assert val == [[17, 18, 19, 20], [21, 22]]
    assert test == [[200, 201, 202, 203], [204, 205, 206, 207, 208]]
    datamodule.eval_batch_size = 6
    assert [numbers(images) for images, _ in datamodule.val_dataloader()] == [[*val[0], *val[1]]]
    assert len(next(iter(datamodule.train_dataloader()))[1]) == 4


@pytest.mark.parametrize("val_size", [0, 6])
@pytest.mark.parametrize("binarization", ["dynamic", "static", "threshold", "none"])
def test_examples_are_the_same_at_every_call(small, val_size, binarization):
    datamodule = small(val_size=val_size, binarization=binarization)
    datamodule.setup("fit")
    images, labels = datamodule.examples(5)
    torch.manual_seed(1)
    datamodule.setup("test")
    again, labels_again = datamodule.examples(5)
    assert torch.equal(images, again)
    assert torch.equal(labels, labels_again)
    assert images.shape == (5, 1, 28, 28)
    assert images.dtype == torch.float32
    binary = set(images.unique().tolist()) == {0.0, 1.0}
    assert binary == (binarization != "none")


@pytest.mark.parametrize(("val_size", "expected"), [(6, [17, 18, 19]), (0, [0, 1, 2])])
def test_examples_are_validation_images_or_else_training_images(small, numbers, val_size, expected):
    datamodule = small(val_size=val_size)
    datamodule.setup("fit")
    datamodule.setup("test")
    assert numbers(datamodule.examples(3)[0]) == expected


def test_the_fingerprint_tells_one_set_of_training_images_from_another(small):
    def fingerprint(**changes):
        datamodule = small(**changes)
        datamodule.setup("fit")
        return datamodule.fingerprint()

    assert fingerprint() == fingerprint(seed=1)
    assert fingerprint() != fingerprint(val_size=7)


def source_of(images, labels, **changes):
    """Return a source of two classes that reads these."""

    class Source(ImageDataModule):
        class_names = ("one", "other")

        def read(self, train):
            return images, labels

    options = {"image_shape": [3, 4, 2], "batch_size": 2, "global_batch_size": None, "val_size": 1,
               "binarization": "none", "seed": 0}  # fmt: skip
    return Source(**options | changes)


BYTES = torch.arange(72, dtype=torch.uint8).reshape(3, 3, 4, 2)
LABELS = torch.tensor([0, 1, 1])


def test_a_source_needs_to_read_and_to_name_its_classes_and_no_more():
    source = source_of(BYTES, LABELS)
    source.prepare_data()
    source.setup("fit")
    images, labels = source.examples(5)
    assert torch.equal(images, BYTES[2:] / 255)
    assert labels.tolist() == [1]
    assert torch.equal(source.originals("train"), BYTES[:2] / 255)
    assert (source.name, source.pixels, source.validates) == ("Source", "grey", True)
    assert not source.is_mnist


@pytest.mark.parametrize(
    ("images", "labels", "why"),
    [
        (BYTES.float(), LABELS, r"images must be bytes, torch\.uint8, got torch\.float32"),
        (BYTES[:, :1], LABELS, r"data\.image_shape is \(3, 4, 2\), but the images are \(1, 4, 2\)"),
        (BYTES, LABELS[:2], r"3 images need as many whole numbers as labels, got \(2,\)"),
        (BYTES, LABELS.float(), r"as labels, got \(3,\) of torch\.float32"),
        (BYTES, LABELS + 1, "labels must count the 2 class_names from 0, got 1 to 2"),
        (BYTES, LABELS - 1, "from 0, got -1 to 0"),
    ],
)
def test_a_source_that_reads_something_else_is_told_what_is_wrong(images, labels, why):
    for stage in ("fit", "test"):
        with pytest.raises(ValueError, match=why):
            source_of(images, labels).setup(stage)


@pytest.mark.parametrize("shape", [[4, 2], [2, 4, 2], [4, 2, 3, 1]])
def test_images_are_grey_or_of_three_colours(shape):
    with pytest.raises(ValueError, match=r"data\.image_shape must be \[1, H, W\] or \[3, H, W\]"):
        source_of(BYTES, LABELS, image_shape=shape)
