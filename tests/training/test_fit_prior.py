"""A prior fitted afterwards: the best of its kind for the codes, and nothing else changed."""

import copy
import math

import pytest
import torch
from label_models import CLASSES, label_model, semi_supervised
from linear_gaussian import linear_gaussian
from torch.distributions import MultivariateNormal
from zuko.flows import MAF

from vae_lab.model.posteriors import Deterministic, SphericalPosterior
from vae_lab.model.priors import FlowPrior, MixtureOfGaussians, RescaledPrior, StandardNormal
from vae_lab.training.fit_prior import fit, with_prior

PRIORS = "vae_lab.model.priors."
NORMAL = {"_target_": PRIORS + "StandardNormal", "latent_dim": 2}
FULL = {
    "_target_": PRIORS + "MixtureOfGaussians", "latent_dim": 2, "num_components": 1,
    "spread": 0.0, "covariance": "full",
}  # fmt: skip


class Data:
    """As much of a data module as a fit asks for: images that lie far from the origin."""

    def __init__(self, train=3000, val=1000):
        torch.manual_seed(0)
        images = 4 + 2 * torch.randn(train + val, 1, 2, 3, dtype=torch.float64)
        self.of = dict(zip(("train", "val"), images.split([train, val]), strict=True))
        self.splits = self.of

    def images(self, split, count):
        return self.of[split][:count]

    def in_parts(self, split):
        return self.of[split].split(1000)

    def originals(self, split):
        return self.of[split]


class Labelled:
    """Images of three classes, in turn."""

    def __init__(self, images):
        self.labels = torch.arange(len(images)) % 3

    def __len__(self):
        return len(self.labels)


def fitted(description, data, epochs=1, model=None):
    model = linear_gaussian("diagonal") if model is None else model
    new, _ = with_prior(model, description)
    return new, fit(new, data, epochs, 0, lambda reached: None)


def codes_of(model, data):
    torch.manual_seed(1)
    return model.encode(data.images("train", 3000)).sample()


def test_a_normal_takes_on_the_moments_of_the_codes():
    data = Data()
    model, _ = fitted(NORMAL, data)
    codes, p = codes_of(model, data), model.prior(None)
    torch.testing.assert_close(p.shift, codes.mean(0), rtol=0, atol=0.1)
    torch.testing.assert_close(p.scale, codes.std(0), rtol=0.1, atol=0)
    expected = MultivariateNormal(p.shift, p.scale.square().diag())
    torch.testing.assert_close(p.log_prob(codes), expected.log_prob(codes))


def test_a_full_covariance_reaches_what_no_normal_can_exceed():
    data = Data()
    model, kept = fitted(FULL, data, epochs=25, model=linear_gaussian("full"))
    codes = codes_of(model, data)
    best = -0.5 * torch.logdet(2 * math.pi * math.e * torch.cov(codes.T)).item()
    assert kept.train == pytest.approx(best, abs=0.05)
    assert kept.val == pytest.approx(best, abs=0.15)
    diagonal = fitted(NORMAL, data, model=linear_gaussian("full"))[1]
    assert kept.train > diagonal.train + 0.02


def test_only_the_prior_is_fitted():
    model = linear_gaussian("diagonal")
    before = copy.deepcopy(model.state_dict())
    new, _ = fitted(FULL, Data(), model=model)
    for name, weight in before.items():
        assert torch.equal(weight, model.state_dict()[name])
        assert torch.equal(weight, new.state_dict()[name])
    assert isinstance(new.prior, RescaledPrior)
    assert isinstance(model.prior, StandardNormal)


def test_the_epoch_that_validation_prefers_is_kept():
    reached = []
    new, _ = with_prior(linear_gaussian("diagonal"), FULL | {"num_components": 300, "spread": 3.0})
    kept = fit(new, Data(train=20, val=300), 40, 0, reached.append)
    assert kept == max(reached, key=lambda progress: progress.val)
    without = Data(val=0)
    assert fit(new, without, 2, 0, reached.append).epoch == 2
    assert math.isnan(reached[-1].val)


def test_codes_without_width_are_fitted_too():
    model = linear_gaussian("diagonal")
    model.posterior = Deterministic(4).double()
    model.latent_dim = 4
    description = {**NORMAL, "latent_dim": 4}
    new, _ = with_prior(model, description)
    kept = fit(new, Data(), 1, 0, lambda reached: None)
    assert math.isfinite(kept.train)
    assert new.prior.is_learned


def test_a_conditional_model_gets_a_normal_for_each_class(monkeypatch):
    monkeypatch.setattr("vae_lab.training.fit_prior.LEARNING_RATE", 0.03)  # for few steps
    data, model = Data(), label_model()
    data.of = {split: images / 10 for split, images in data.of.items()}
    data.splits = {split: Labelled(images) for split, images in data.of.items()}
    description = {
        "_target_": "vae_lab.model.label_prior.PerLabel", "latent_dim": 2, "class_names": CLASSES,
        "spread": 0.0,
    }  # fmt: skip
    new, kept = fitted(description, data, 30, model)
    for label in range(len(CLASSES)):
        of_class = data.of["train"][data.splits["train"].labels == label]
        codes = model.encode(of_class, torch.tensor(label)).sample()
        p = new.prior_given(torch.tensor([label]))
        means, scales = p.shift + p.scale * p.base.mean[0], p.scale * p.base.stddev[0]
        torch.testing.assert_close(means, codes.mean(0), rtol=0, atol=0.1)
        torch.testing.assert_close(scales, codes.std(0), rtol=0.1, atol=0)
    assert kept.val > fitted(NORMAL, data, 1, model)[1].val + 0.1
    with pytest.raises(ValueError, match="depend on a class"):
        with_prior(semi_supervised(), NORMAL)


def test_codes_of_a_sphere_get_no_prior_of_all_space():
    model = linear_gaussian("diagonal")
    model.posterior = SphericalPosterior(3)
    with pytest.raises(ValueError, match="fill the unit sphere"):
        with_prior(model, NORMAL)


@pytest.mark.parametrize("prior", [FlowPrior(2, MAF), MixtureOfGaussians(2, 3, 1.0, "full")])
def test_a_moved_prior_is_the_prior_at_another_place(prior):
    torch.manual_seed(0)
    moved = RescaledPrior(2, prior).double()
    moved.move_to(torch.tensor([5.0, -3.0]) + torch.randn(100, 2).double() * 0.1)
    p, base = moved(None), prior(None)
    z = base.sample((7,))
    torch.testing.assert_close(
        p.log_prob(p.shift + p.scale * z), base.log_prob(z) - p.scale.log().sum()
    )


def test_no_epoch_is_no_fit():
    with pytest.raises(ValueError, match="--epochs must be at least 1, got 0"):
        fitted(FULL, Data(), epochs=0)
