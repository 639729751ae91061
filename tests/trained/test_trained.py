"""A trained model in one line: where it is opened, and what it answers."""

import json
import subprocess
import sys

import pytest
import torch
from label_models import label_model
from ladder_models import ladder
from linear_gaussian import exact_log_px, linear_gaussian
from omegaconf import OmegaConf
from small_runs import SMALL, SMALL_LADDER, write_run
from torch import nn

import vae_lab
from vae_lab.model.posteriors import Deterministic, SphericalPosterior
from vae_lab.runs.rundir import RunDir
from vae_lab.trained.loaded import TrainedVAE


def trained(model, pixels="binary"):
    return TrainedVAE(model, {"pixels": pixels}).eval()


@pytest.fixture(params=["flat", "ladder"])
def some(request, bernoulli_model):
    """A flat model or a ladder, of images (1, 4, 4)."""
    return trained(bernoulli_model if request.param == "flat" else ladder(latent_dim=2))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a run; no test may change it."""
    return write_run(tmp_path_factory.mktemp("runs") / "run", *SMALL, "objective.beta=4")


def test_a_run_is_opened_with_the_weights_of_its_checkpoint(run):
    opened = vae_lab.load(str(run))
    for name, weight in RunDir(run).open_model().state_dict().items():
        assert torch.equal(weight, opened.state_dict()[f"model.{name}"])
    assert not opened.training
    assert (opened.latent_dim, opened.image_shape, opened.pixels) == (2, (1, 28, 28), "binary")


def test_the_configuration_is_plain_and_free_of_the_places_of_a_machine(run):
    config = vae_lab.load(run).config
    assert config["objective"]["beta"] == 4
    assert config["model"]["latent_dim"] == 2
    assert config["data"]["dataset"] == "MNIST"
    assert config["vae_lab_version"]
    written = json.dumps(config)
    assert json.loads(written) == config
    assert str(run.parent) not in written
    assert "root" not in config["data"]
    assert "${" not in written


def test_labels_are_one_for_all_or_one_for_each():
    opened = trained(label_model().float())
    x = torch.rand(3, *opened.image_shape)
    by_name = opened.reconstruct(x, label=["a", "c", "a"])
    torch.testing.assert_close(by_name, opened.reconstruct(x, label=torch.tensor([0, 2, 0])))
    torch.testing.assert_close(by_name[:1], opened.reconstruct(x, label="a")[:1])
    assert opened.sample(4, label=2).shape == (4, *opened.image_shape)
    for ask in (
        lambda: opened.sample(4, label=[1, 2]),
        lambda: opened.log_prob(x, label=[1, 2]),
        lambda: opened.decode(torch.zeros(4, opened.latent_dim), label=torch.tensor([0, 1])),
    ):
        with pytest.raises(ValueError, match=r"one for each of [34], got 2"):
            ask()
    with pytest.raises(ValueError, match=r"label must be one of a, b, c, .* got 7\.5"):
        opened.encode(x, label=7.5)


def test_what_is_neither_run_nor_export_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a run directory"):
        vae_lab.load(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "loaded"),
    [("import vae_lab", "torch"), ("import vae_lab.trained.loaded", "lightning")],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code, loaded):
    command = f"{code}; import sys; print({loaded!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert done.stdout.split() == [b"False"]


@pytest.mark.parametrize(
    ("likelihood", "pixels"), [("normal", "continuous"), ("discretized_logistic", "grey")]
)
def test_a_run_says_what_its_pixels_are(tmp_path, likelihood, pixels):
    overrides = (*SMALL, f"likelihood={likelihood}", "data.binarization=none")
    opened = vae_lab.load(write_run(tmp_path / "run", *overrides))
    assert opened.pixels == pixels


def test_a_damaged_configuration_is_refused(tmp_path):
    folder = write_run(tmp_path / "run", *SMALL)
    path = folder / ".hydra" / "config.yaml"
    config = OmegaConf.load(path)
    config.latent_dim = 3
    OmegaConf.save(config, path)
    with pytest.raises(ValueError, match="does not fit the model"):
        vae_lab.load(folder)


def test_answers_are_the_models_own_without_gradients(some, binary_images):
    z = torch.randn(3, 5, 2)
    dtype = next(some.parameters()).dtype
    with torch.no_grad():
        expected = (
            some.model.encode(binary_images.to(dtype)).mean,
            some.model.decode(z.to(dtype)).mean,
            some.model.reconstruct(binary_images.to(dtype)),
        )
    answers = (some.encode(binary_images).mean, some.decode(z), some.reconstruct(binary_images))
    for answer, value in zip(answers, expected, strict=True):
        torch.testing.assert_close(answer, value)
        assert not answer.requires_grad
    assert answers[1].shape == (3, 5, 1, 4, 4)
    assert some.decode(z[0, 0]).shape == (1, 4, 4)


def test_a_seed_decides_samples_and_leaves_the_random_state_alone(some):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again, other = some.sample(4, seed=0), some.sample(4, seed=0), some.sample(4, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.shape == (4, 1, 4, 4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with torch.no_grad():
        torch.testing.assert_close(some.sample(4), seeded(3, some.model.sample, 4))


def seeded(seed, function, *arguments):
    torch.manual_seed(seed)
    return function(*arguments)


def test_samples_without_noise_are_the_decoded_origin_in_every_group(some):
    images = some.sample(3, temperature=0.0)
    torch.testing.assert_close(images, some.decode(torch.zeros(3, 2)))


def test_a_lower_temperature_leaves_less_variety(some):
    spread = [some.sample(500, t, seed=0).var(0).mean() for t in (0.3, 0.7, 1.0, 1.5)]
    assert spread == sorted(spread)


def test_log_prob_is_exact_where_the_posterior_is():
    opened = trained(linear_gaussian("diagonal"), "grey")
    images = torch.rand(5, *opened.image_shape, dtype=torch.float64)
    with torch.no_grad():
        expected = exact_log_px(opened.model, images)
    found = opened.log_prob(images, num_samples=3)
    torch.testing.assert_close(found, expected)
    assert not found.requires_grad


def test_no_images_have_no_log_prob(some, binary_images):
    assert some.log_prob(binary_images[:0], num_samples=2).shape == (0,)


@pytest.mark.parametrize("method", ["encode", "reconstruct", "log_prob"])
@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(1, 4, 4), r"images must be \(B, 1, 4, 4\), got \(1, 4, 4\)"),
        (torch.zeros(2, 1, 4, 5), r"got \(2, 1, 4, 5\)"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), "such as images / 255 for bytes"),
        (torch.full((2, 1, 4, 4), 255.0), "images / 255 for bytes, got 255 to 255"),
        (torch.full((2, 1, 4, 4), torch.nan), r"in \[0, 1\], .*, got nan to nan"),
    ],
)
def test_what_cannot_be_an_image_is_refused(method, images, words, bernoulli_model):
    with pytest.raises(ValueError, match=words):
        getattr(trained(bernoulli_model), method)(images)


@pytest.mark.parametrize(
    "z", [torch.zeros(3), torch.zeros(2, 1), torch.tensor(0.0), torch.full((1, 2), torch.inf)]
)
def test_what_cannot_be_a_latent_is_refused(z, bernoulli_model):
    with pytest.raises(ValueError, match=r"latents must be \(..., 2\) and finite"):
        trained(bernoulli_model).decode(z)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0,), "at least 1, got 0"), ((1, -0.5), "at least 0, got -0.5"), ((1, torch.nan), "got nan")],
)
def test_samples_that_cannot_be_are_refused(arguments, words, some):
    with pytest.raises(ValueError, match=words):
        some.sample(*arguments)


def test_grey_pixels_have_no_probability_under_a_bernoulli(some):
    with pytest.raises(ValueError, match=r"binarise the images first: images.bernoulli\(\)"):
        some.log_prob(torch.full((1, 1, 4, 4), 0.5))


def test_an_autoencoder_has_no_log_prob(bernoulli_model, binary_images):
    bernoulli_model.posterior = Deterministic(2)
    bernoulli_model.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    opened = trained(bernoulli_model)
    assert opened.reconstruct(binary_images).shape == binary_images.shape
    with pytest.raises(ValueError, match="an autoencoder has no log p"):
        opened.log_prob(binary_images)


def test_a_ladder_run_opens_and_answers(tmp_path):
    opened = vae_lab.load(write_run(tmp_path / "run", *SMALL_LADDER))
    images = opened.sample(3, temperature=0.8, seed=0).round()
    assert opened.encode(images).mean.shape == (3, 2)
    assert opened.log_prob(images, num_samples=2).isfinite().all()


def test_the_middle_of_a_sphere_is_no_point_of_it(bernoulli_model):
    bernoulli_model.posterior = SphericalPosterior(2)
    opened = trained(bernoulli_model)
    assert opened.decode(torch.tensor([[0.0, 3.0]])).shape == (1, 1, 4, 4)
    with pytest.raises(ValueError, match="the origin has no direction"):
        opened.decode(torch.tensor([[0.0, 3.0], [0.0, 0.0]]))
