"""The classifier that ships: its weights are those that figures were computed with."""

import pytest
import torch
from torchvision.datasets import MNIST

from vae_lab.evaluation import classifier
from vae_lab.evaluation.classifier import MNISTClassifier, load_mnist_classifier


@pytest.fixture(scope="module")
def shipped():
    return load_mnist_classifier()


@torch.no_grad()
@pytest.mark.slow
def test_it_recognises_99_of_100_test_digits(shipped, mnist_root):
    data = MNIST(mnist_root, train=False)
    images = data.data[:, None].float() / 255
    predicted = torch.cat([shipped(x).argmax(1) for x in images.split(1000)])
    assert (predicted == data.targets).float().mean() >= 0.99


def test_its_features_are_64_numbers_that_the_last_layer_sees(shipped):
    torch.manual_seed(0)
    x = torch.rand(3, 1, 28, 28)
    features = shipped.features(x)
    assert features.shape == (3, shipped.num_features) == (3, 64)
    assert torch.equal(shipped.classify(features), shipped(x))


def test_it_drops_nothing_out(shipped):
    x = torch.rand(3, 1, 28, 28)
    assert not any(module.training for module in shipped.modules())
    assert torch.equal(shipped.features(x), shipped.features(x))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda data: data + b"\0",
        lambda data: data[:-1],
        lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        lambda data: b"",
    ],
)
def test_other_weights_are_refused(tamper, tmp_path, monkeypatch):
    weights = classifier.files("vae_lab.evaluation") / classifier.WEIGHTS
    (tmp_path / classifier.WEIGHTS).write_bytes(tamper(weights.read_bytes()))
    monkeypatch.setattr(classifier, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"mnist_classifier\.pt differs from the file that ships"):
        load_mnist_classifier()


def test_weights_trained_anew_would_be_refused(tmp_path, monkeypatch):
    torch.save(MNISTClassifier().state_dict(), tmp_path / classifier.WEIGHTS)
    monkeypatch.setattr(classifier, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="reinstall vae-lab"):
        load_mnist_classifier()
