"""Which figures a model and its data deserve."""

from functools import partial

import pytest
import torch
from idx_files import write_numbered_images
from ladder_models import ladder
from torch import nn

from vae_lab.data import contract
from vae_lab.data.mnist_format import MNISTDataModule
from vae_lab.evaluation import scoring
from vae_lab.evaluation.likelihood import ImportanceEstimate
from vae_lab.evaluation.metrics import metric
from vae_lab.model.likelihoods import Bernoulli, DiscretizedLogistic, Normal
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import Deterministic, DiagonalNormal
from vae_lab.model.priors import StandardNormal
from vae_lab.model.vae import VAE

ALWAYS = {"reconstruction_mse", "linear_probe_accuracy", "knn_accuracy"}
BOUND = {"elbo", "rate", "distortion", "active_units", "mutual_information", "aggregate_kl"}
LOG_PX = {"nll", "nll_bpd", "effective_sample_size"}
CPU = torch.device("cpu")


@pytest.fixture
def data(tmp_path):
    """Builds data of 40 training, 10 validation and 20 test images."""
    write_numbered_images(tmp_path, train=50, test=20)

    def build(binarization, dequantize=False):
        options = {"image_shape": (1, 28, 28), "batch_size": 10, "val_size": 10, "seed": 0}
        options["global_batch_size"] = None
        module = MNISTDataModule(
            "FashionMNIST", str(tmp_path), binarization=binarization, dequantize=dequantize,
            **options,
        )  # fmt: skip
        module.setup("fit")
        module.setup("test")
        return module

    return build


def untrained(likelihood=None, posterior=None):
    torch.manual_seed(0)
    network = partial(MLP, hidden_sizes=(4,), activation=nn.Tanh, normalization=None)
    posterior = posterior or DiagonalNormal(2, log_scale_range=None)
    parts = (posterior, StandardNormal(2), likelihood or Bernoulli())
    return VAE((1, 28, 28), 2, network, network, *parts).eval()


def measure(model, data, split="test", told=lambda done, total: None):
    return scoring.measure(model, data, split, 3, CPU, told)


@pytest.mark.parametrize(
    ("pixels", "likelihood", "names"),
    [
        (["static"], Bernoulli(), ALWAYS | BOUND | LOG_PX),
        (["none", True], Normal(0.5, learned=False), ALWAYS | BOUND | LOG_PX),
        (["none"], DiscretizedLogistic((-7.0, 0.0)), ALWAYS | BOUND | LOG_PX),
        (["static"], Normal(0.5, learned=False), ALWAYS | BOUND),  # a density of black and white
        (["none"], Normal(0.5, learned=False), ALWAYS | BOUND),  # and of levels
        (
            ["none"], Bernoulli(),
            ALWAYS | BOUND - {"elbo", "distortion"} | {"elbo_bce", "distortion_bce"},
        ),
    ],
)  # fmt: skip
def test_no_figure_pretends_to_be_a_likelihood(data, pixels, likelihood, names):
    figures = measure(untrained(likelihood), data(*pixels))
    assert figures.keys() == names
    units = {name: metric(name).unit for name in names} | {"active_units": "of 2"}
    assert {name: figure.unit for name, figure in figures.items()} == units
    assert all("evaluation" in metric(name).splits for name in names)


def test_an_autoencoder_has_no_bound(data):
    figures = measure(untrained(posterior=Deterministic(2)), data("static"))
    assert figures.keys() == ALWAYS


def test_a_ladder_is_scored_without_a_split_of_its_rate(data):
    model = ladder((1, 28, 28), (2, 2), (1,), latent_dim=2).float().eval()
    split = {"mutual_information", "aggregate_kl"}
    assert measure(model, data("static")).keys() == ALWAYS | BOUND - split | LOG_PX


@pytest.mark.parametrize(("split", "count"), [("train", 40), ("val", 10), ("test", 20)])
def test_the_images_of_the_split_are_scored_and_no_others(data, split, count, monkeypatch):
    seen, told = [], []
    module = data("static")

    def spy(model, images, num_samples, on_progress):
        seen.append(images)
        on_progress(7)
        return ImportanceEstimate(torch.zeros(len(images)), torch.ones(len(images)))

    monkeypatch.setattr(scoring, "importance_sample", spy)
    figures = measure(untrained(), module, split, lambda *progress: told.append(progress))
    assert torch.equal(seen[0], module.images(split, 1000))
    assert len(seen[0]) == count
    assert told == [(7, count)]
    assert figures["nll"].value == 0


@pytest.mark.parametrize(
    ("pixels", "likelihood", "more"),
    [(["static"], None, 0), (["none", True], Normal(0.5, learned=False), 8)],
)
def test_bits_per_pixel_are_nats_per_image_in_another_unit(data, pixels, likelihood, more):
    figures = measure(untrained(likelihood), data(*pixels))
    nats, bits = figures["nll"], figures["nll_bpd"]
    factor = 784 * torch.tensor(2.0, dtype=torch.float64).log().item()
    assert bits.value == pytest.approx(nats.value / factor + more)
    assert bits.standard_error == pytest.approx(nats.standard_error / factor)
    assert (nats.unit, bits.unit) == ("nats/image", "bits/pixel")


def test_posterior_means_of_parts_are_those_of_the_whole(data, monkeypatch):
    model, module = untrained(), data("static")
    images = module.images("train", 40)
    monkeypatch.setattr(contract, "AT_ONCE", 7)
    found = scoring.posterior_means(model, module.in_parts("train"), CPU)
    torch.testing.assert_close(found, model.encode(images).mean.detach())
    assert not found.requires_grad
