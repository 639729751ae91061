"""Models that are told the class of an image."""

from functools import partial

import pytest
import torch
from label_models import CLASSES, exact_log_px_given_y, label_model, linear, semi_supervised
from ladder_models import ladder
from linear_gaussian import IMAGE_SHAPE, LATENT_DIM
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from vae_lab.evaluation.labels import likelihoods, sample_every_label
from vae_lab.model.conditioning import LabelConditioning, label_number
from vae_lab.model.label_prior import PerLabel
from vae_lab.model.likelihoods import OptimalNormal
from vae_lab.model.networks import MLP, ConvEncoder, GatedMLP
from vae_lab.model.semi_supervised import SemiSupervisedVAE
from vae_lab.model.vector_posteriors import VectorQuantized
from vae_lab.objectives import elbo_parts

SAMPLES = 20_000


@pytest.fixture
def x():
    return torch.randn(
        5, *IMAGE_SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("prior", ["standard_normal", "per_label"])
@pytest.mark.parametrize("build", [label_model, semi_supervised])
def test_the_likelihood_of_every_label_is_the_closed_form_and_bayes_rule_follows(x, prior, build):
    model = build(prior)
    with torch.no_grad():  # q(z|x, y) = N(0, 2.7 I), wider than the true posterior
        model.encoder[1].weight.zero_()
        model.encoder[1].bias.copy_(torch.tensor([0.0, 0.0, 0.5, 0.5]))
    model.conditioning.log_py.copy_(torch.tensor([0.2, 0.3, 0.5]).log())
    estimate = sample_every_label(model, x, SAMPLES)
    exact = torch.stack([exact_log_px_given_y(model, x, label) for label in range(3)], dim=-1)
    error = (SAMPLES / estimate.effective_sample_size - 1).clamp_min(1e-3) / SAMPLES
    torch.testing.assert_close(estimate.log_px_given_y, exact, rtol=0, atol=5 * error.max() ** 0.5)
    joint = exact + torch.tensor([0.2, 0.3, 0.5]).double().log()
    torch.testing.assert_close(
        estimate.log_px, joint.logsumexp(-1), rtol=0, atol=5 * error.max() ** 0.5
    )

    labels = torch.tensor([0, 1, 2, 0, 1])
    found = likelihoods(model, x, labels, SAMPLES)
    assert found["bayes_rule_error"].tolist() == (joint.argmax(-1) != labels).tolist()
    given = {name for name in found if name.endswith("_given_y")}
    assert given == ({"nll_given_y", "nll_bpd_given_y"} if model.is_conditional else set())


def test_an_image_is_encoded_and_scored_with_its_own_label(x):
    model, labels = label_model("per_label"), torch.tensor([2, 0, 1, 1, 0])
    torch.manual_seed(3)
    draw = model.draw(x, 2, labels=labels)
    q, p = model.encode(x, labels), model.prior.given(model.encode, labels)
    for image, label in enumerate(labels):
        alone = model.encode(x[image, None], label)
        torch.testing.assert_close(alone.mean[0], q.mean[image])
        decoded = model.decode(draw.z[:, image], label)
        torch.testing.assert_close(decoded.log_prob(x[image]), draw.log_px[:, image])
    normals = [Independent(Normal(d.mean, d.stddev), 1) for d in (q, p)]
    torch.testing.assert_close(draw.kl, kl_divergence(*normals))
    torch.testing.assert_close(draw.log_pz, normals[1].log_prob(draw.z))


@pytest.mark.parametrize("kind", ["flat", "ladder"])
def test_a_label_that_the_networks_ignore_changes_nothing(kind):
    if kind == "flat":
        model, shape = label_model(), IMAGE_SHAPE
        layers = [(model.decoder[0], slice(LATENT_DIM, None))]
    else:
        shape = (1, 4, 4)
        model = ladder(conditioning=LabelConditioning(CLASSES, shape).double())
        layers = [(model.from_latent, slice(1, None))]
    with torch.no_grad():
        model.conditioning.planes.copy_(model.conditioning.planes[0].clone())
        for layer, of_label in layers:
            layer.weight[:, of_label] = 0.0
    x = torch.rand(3, *shape, dtype=torch.float64).round()
    outcomes = []
    for label in range(3):
        torch.manual_seed(0)
        outcomes.append(model.draw(x, 2, labels=torch.tensor(label)).log_w)
    torch.testing.assert_close(outcomes[1], outcomes[0])
    torch.testing.assert_close(outcomes[2], outcomes[0])
    with torch.no_grad():
        model.conditioning.planes[1] += 1.0
    torch.manual_seed(0)
    assert not model.draw(x, 2, labels=torch.tensor(1)).log_w.allclose(outcomes[0])


def test_samples_of_a_label_follow_its_prior_and_without_one_the_frequencies():
    model = label_model("per_label")
    model.conditioning.initialize(torch.tensor([0, 2, 2, 2]))
    assert model.conditioning.log_py.exp().tolist() == pytest.approx([0.25, 0.0, 0.75])
    torch.manual_seed(0)
    drawn = model.conditioning.sample(400)
    assert set(drawn.tolist()) == {0, 2}
    assert 60 < (drawn == 0).sum() < 140
    cold = model.sample(2, temperature=0.0, labels=torch.tensor(1))
    centre = model.decode(model.prior.means[1], torch.tensor(1)).mean
    torch.testing.assert_close(cold, centre.expand_as(cold))


def test_a_conditional_model_needs_its_labels(x):
    with pytest.raises(ValueError, match="needs the label of each image"):
        label_model().draw(x, 1)
    with pytest.raises(ValueError, match=r"class_names are image: .* two classes"):
        LabelConditioning(("image",), IMAGE_SHAPE)
    with pytest.raises(ValueError, match="prior=per_label needs a model that is given"):
        PerLabel(LATENT_DIM, None, spread=1.0)


@pytest.mark.parametrize(
    ("names", "label", "number"), [("abc", "b", 1), ("abc", 2, 2), (("1", "0"), "0", 1)]
)
def test_a_label_is_a_name_or_else_a_number(names, label, number):
    assert label_number(names, label, "--label") == number


@pytest.mark.parametrize("label", ["d", "3", -1, "-1", "0.5"])
def test_a_label_outside_the_classes_is_refused(label):
    with pytest.raises(ValueError, match="--label must be one of a, b, c, or its number"):
        label_number("abc", label, "--label")


# M2


def parts_given_each_label(model, x, num_samples):
    """Return elbo, reconstruction and kl of every label, (Y, B), each with the same noise."""
    torch.manual_seed(5)
    every = torch.arange(len(CLASSES)).repeat_interleave(len(x))
    draw = super(type(model), model).condition(x.repeat(3, 1, 1, 1), labels=every)(num_samples)
    parts = elbo_parts(draw) | {"log_w": draw.log_w[0]}
    return {name: part.reshape(3, -1) for name, part in parts.items()}


def test_without_a_label_the_bound_is_the_sum_over_all_of_them(x):
    model = semi_supervised("per_label")
    each = parts_given_each_label(model, x, 2)
    torch.manual_seed(5)
    draw = model.draw(x, 2)
    q = model.classify(x).exp()
    for found, of_label in ((elbo_parts(draw)["elbo"], "elbo"), (draw.log_w[0], "log_w")):
        expected = (q.T * (each[of_label] - q.T.log() - torch.tensor(3.0).log())).sum(0)
        torch.testing.assert_close(found, expected)
    assert (draw.supervision == 0).all()


def test_with_a_label_the_bound_is_that_of_the_conditional_model(x):
    model = semi_supervised("per_label", alpha=0.5)
    labels = torch.tensor([2, 0, -1, 1, 0])
    model.initialize(lambda: x, labels)  # four of five have labels
    each = parts_given_each_label(model, x, 2)
    torch.manual_seed(5)
    draw = model.draw(x, 2, labels=labels)
    known = labels >= 0
    images = torch.arange(5)
    for name, part in (elbo_parts(draw) | {"log_w": draw.log_w[0]}).items():
        torch.testing.assert_close(part[known], each[name][labels, images][known])
    expected = 0.5 * 5 / 4 * model.classify(x)[images, labels]
    torch.testing.assert_close(draw.supervision[known], expected[known])
    assert draw.supervision[~known] == 0


def test_an_importance_weighted_bound_lies_between_the_elbo_and_the_likelihood(x):
    model = semi_supervised()
    torch.manual_seed(0)
    draw = model.draw(x, 3000)
    exact = torch.stack([exact_log_px_given_y(model, x, label) for label in range(3)])
    log_px = (exact - torch.tensor(3.0).double().log()).logsumexp(0)
    iwae = draw.log_w.logsumexp(0) - torch.tensor(3000.0).log()
    assert (draw.log_w.mean(0) < iwae).all()
    assert (iwae < log_px + 0.05).all()


@pytest.mark.parametrize(
    "network",
    [
        partial(MLP, hidden_sizes=[5], activation=nn.Tanh, normalization=None),
        partial(GatedMLP, hidden_sizes=[5]),
        partial(ConvEncoder, channels=[3], hidden_size=4, activation=nn.Tanh),
    ],
)
def test_every_label_at_once_is_encoded_as_each_by_itself(network):
    conditioning = LabelConditioning(CLASSES, (2, 4, 4))
    encoder = network(in_shape=(3, 4, 4), out_shape=(6,))
    x = torch.randn(5, 2, 4, 4)
    each = [encoder(conditioning.with_image(x, torch.tensor(label))) for label in range(3)]
    torch.testing.assert_close(
        conditioning.encoded_with_every_label(encoder, x), torch.cat(each), rtol=1e-4, atol=1e-5
    )


def test_m2_encodes_with_the_class_that_it_finds(x):
    model = semi_supervised()
    found = model.classify(x).argmax(-1)
    labels = torch.where(torch.arange(5) % 2 == 0, found, -1)
    torch.testing.assert_close(model.encode(x, labels).mean, model.encode(x, found).mean)
    torch.testing.assert_close(model.encode(x).mean, model.encode(x, found).mean)


def test_m2_weighs_the_classification_by_all_images_to_a_labelled_one():
    model = semi_supervised(alpha=1)
    model.initialize(lambda: torch.zeros(5, *IMAGE_SHAPE), torch.tensor([0, 1, 2, -1, -1]))
    assert model.weight.item() == pytest.approx(5 / 3)


def test_m2_refuses_what_is_fitted_to_images_under_every_label():
    slots = {"posterior": VectorQuantized(2, 4, 3, "averages", 0.99, 0.25, 0.0)}
    for slot in (slots, {"likelihood": OptimalNormal(0.99)}):
        with pytest.raises(ValueError, match="decodes images under every label"):
            label_model(kind=SemiSupervisedVAE, classifier=linear, alpha=0.1, **slot)
