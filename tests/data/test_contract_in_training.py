"""The data module under a Trainer: what the steps of a real fit and test receive."""

import lightning.pytorch as pl
import pytest
import torch

from vae_lab.data.batches import EpochOrder


class Probe(pl.LightningModule):
    """Learns nothing and keeps the batches of every step, by split."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.batches = {"train": [], "val": [], "test": []}

    def training_step(self, batch):
        self.batches["train"].append(batch)
        return self.weight * 0

    def validation_step(self, batch):
        self.batches["val"].append(batch)

    def test_step(self, batch):
        self.batches["test"].append(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)

    def images(self, split, epoch):
        """Return all images that the steps of one epoch got."""
        epochs = self.batches[split]
        per_epoch = len(epochs) // 2 if split != "test" else len(epochs)
        chosen = epochs[epoch * per_epoch : (epoch + 1) * per_epoch]
        return torch.cat([images for images, _ in chosen])


@pytest.fixture
def fitted(small):
    """Fits a probe for two epochs and returns it with its trainer and data module."""

    def fit(**changes):
        datamodule, probe = small(**changes), Probe()
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=2,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(probe, datamodule=datamodule)
        return probe, trainer, datamodule

    return fit


# Advice that training.advice silences in a real run.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.. is deprecated"),
    pytest.mark.filterwarnings("ignore:Total length of .* across ranks is zero"),
]


def test_the_test_file_is_read_for_testing_alone(fitted, files_read):
    probe, trainer, datamodule = fitted()
    assert set(files_read) == {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}
    files_read.clear()
    trainer.test(probe, datamodule=datamodule, verbose=False)
    assert set(files_read) >= {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}


def test_every_epoch_has_every_training_image_in_its_own_order(fitted, numbers):
    probe, _, _ = fitted(seed=3)
    for epoch in (0, 1):
        order = EpochOrder(17, shuffle=True, seed=3)
        order.set_epoch(epoch)
        assert numbers(probe.images("train", epoch)) == order.indices().tolist()
    assert numbers(probe.images("train", 0)) != numbers(probe.images("train", 1))


def test_steps_get_float_images_in_zero_to_one_with_their_labels(fitted):
    probe, trainer, datamodule = fitted()
    trainer.test(probe, datamodule=datamodule, verbose=False)
    for split, count in (("train", 34), ("val", 12), ("test", 9)):
        images = torch.cat([batch[0] for batch in probe.batches[split]])
        labels = torch.cat([batch[1] for batch in probe.batches[split]])
        assert images.shape == (count, 1, 28, 28)
        assert images.dtype == torch.float32
        torch.testing.assert_close(images[:, 0, 5, 5], labels * 20 / 255)


def test_dynamic_binarization_samples_training_images_anew_in_every_epoch(fitted):
    probe, _, _ = fitted(binarization="dynamic")
    first, second = (probe.images("train", epoch).sum((1, 2, 3)).sort()[0] for epoch in (0, 1))
    assert set(probe.images("train", 0).unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)


def test_static_binarization_samples_training_images_once(fitted):
    probe, _, _ = fitted(binarization="static")
    first, second = (probe.images("train", epoch).sum((1, 2, 3)).sort()[0] for epoch in (0, 1))
    assert set(probe.images("train", 0).unique().tolist()) == {0.0, 1.0}
    assert torch.equal(first, second)


@pytest.mark.parametrize("binarization", ["dynamic", "static"])
def test_every_epoch_and_every_run_is_scored_on_the_same_binary_images(fitted, binarization):
    probe, trainer, datamodule = fitted(binarization=binarization, seed=0)
    trainer.test(probe, datamodule=datamodule, verbose=False)
    other, trainer, datamodule = fitted(binarization=binarization, seed=1)
    trainer.test(other, datamodule=datamodule, verbose=False)
    reference = probe.images("val", 0)
    assert set(reference.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(probe.images("val", 1), reference)
    assert torch.equal(other.images("val", 0), reference)
    assert torch.equal(other.images("test", 0), probe.images("test", 0))


@pytest.mark.parametrize(
    ("binarization", "pixels"),
    [("dynamic", "binary"), ("static", "binary"), ("threshold", "binary"), ("none", "grey")],
)
def test_pixels_are_what_it_says_they_are(fitted, binarization, pixels):
    probe, _, datamodule = fitted(binarization=binarization)
    values = set(torch.cat([probe.images("train", 0), probe.images("val", 0)]).unique().tolist())
    assert datamodule.pixels == pixels
    assert (values == {0.0, 1.0}) == (pixels == "binary")


def test_noise_between_levels_is_new_in_every_training_epoch_and_fixed_elsewhere(fitted, numbers):
    probe, trainer, datamodule = fitted(dequantize=True, seed=0)
    trainer.test(probe, datamodule=datamodule, verbose=False)
    assert datamodule.pixels == "continuous"
    first, second = (probe.images("train", epoch).sum((1, 2, 3)).sort()[0] for epoch in (0, 1))
    assert (first != second).all()
    other, _, _ = fitted(dequantize=True, seed=1, batch_size=6)
    reference = probe.images("val", 0)
    assert torch.equal(probe.images("val", 1), reference)
    assert torch.equal(other.images("val", 0), reference)
    for split in ("val", "test"):
        shown, bytes_ = datamodule.images(split, 9), datamodule.splits[split].images
        assert torch.equal(shown, probe.images(split, 0))
        assert torch.equal((256 * shown).floor(), bytes_.float())
    assert not torch.equal(datamodule.images("train", 6) % (1 / 256), reference % (1 / 256))


def test_no_validation_step_runs_without_validation_images(fitted):
    probe, _, _ = fitted(val_size=0)
    assert probe.batches["val"] == []
    assert len(probe.images("train", 0)) == 23
