"""Codes that the encoder chooses: vector quantisation and finite scalars."""

import math

import pytest
import torch
from tiny_codes import UNITS, autoregressive, images, tiny

from vae_lab.model.code_priors import UniformCodes
from vae_lab.model.distributions import OneHotCodes
from vae_lab.model.vector_posteriors import FiniteScalar, VectorQuantized
from vae_lab.objectives import ELBO, IWAE

CODES, WIDTH = 4, 2


def quantized(codebook="averages", decay=0.5, commitment=0.25, revive_below=0.0):
    return VectorQuantized(UNITS, CODES, WIDTH, codebook, decay, commitment, revive_below)


KINDS = {"vector": quantized, "scalar": lambda: FiniteScalar(UNITS, [2, 3])}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@kinds
def test_under_a_uniform_prior_the_rate_is_d_log_c_and_the_bound_says_so(kind):
    model = tiny(kind()).eval()
    units, values = model.posterior.code_shape
    draw = model.draw(images(3), 2)
    torch.testing.assert_close(draw.kl, torch.full((3,), units * math.log(values)).double())
    torch.testing.assert_close(draw.log_qz - draw.log_pz, draw.kl.expand(2, -1))
    assert (draw.log_qz == 0).all()
    bound = ELBO(1.0, "analytic", 2, {})(draw, 0.0)
    log_px = model.decode(model.encode(images(3)).mean).log_prob(images(3))
    torch.testing.assert_close(bound.value, log_px - draw.kl)


class Uneven(UniformCodes):
    """A prior under which codes differ in probability."""

    def forward(self, encode):
        return OneHotCodes(torch.arange(float(CODES)).log_softmax(-1).expand_as(self.origin))


def test_the_rate_is_that_of_the_codes_before_training_moves_them():
    torch.manual_seed(0)
    model = tiny(quantized(revive_below=1.0), Uneven()).train()
    draw = model.draw(images(8), 1)
    torch.testing.assert_close(draw.kl, (draw.log_qz - draw.log_pz)[0])


@kinds
def test_an_autoregressive_prior_scores_and_samples_the_vectors_of_codes(kind):
    torch.manual_seed(0)
    model = tiny(kind(), autoregressive()).eval()
    posterior = model.posterior
    draw = model.draw(images(3), 1)
    codes = posterior.codes(draw.z[0])
    one_hot = torch.nn.functional.one_hot(codes, posterior.code_shape[1]).flatten(-2).double()
    torch.testing.assert_close(draw.log_pz[0], model.prior(model.encode).log_prob(one_hot))
    assert torch.equal(posterior.embed(codes), draw.z[0])
    sampled = draw.p.sample((5,))
    torch.testing.assert_close(posterior.embed(posterior.codes(sampled)), sampled)


@kinds
def test_the_prior_learns_and_teaches_the_encoder_nothing(kind):
    model = tiny(kind(), autoregressive())
    draw = model.draw(images(3), 1)
    draw.log_pz.sum().backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert model.prior.bias.grad.abs().sum() > 0


def test_the_gradient_passes_straight_through_and_holds_outputs_to_their_codes():
    posterior = quantized("gradient").double()
    parameters = torch.randn(3, UNITS * WIDTH).double().requires_grad_()
    weights = torch.randn(3, UNITS * WIDTH).double()
    q = posterior(parameters)
    log_px = (q.rsample() * weights).sum(-1)[None]
    completed, *_ = posterior.complete(q, (log_px, log_px.detach(), log_px.detach()))
    torch.testing.assert_close(completed, log_px)
    completed.sum().backward()
    distance = (parameters - q.mean).detach()
    torch.testing.assert_close(parameters.grad, weights - 2 * 0.25 * distance)
    codes = posterior.codes(q.mean.detach()).flatten()
    expected = torch.zeros(CODES, WIDTH).double()
    expected.index_add_(0, codes, 2 * distance.reshape(-1, WIDTH))
    torch.testing.assert_close(posterior.vectors.grad, expected)


def test_codes_are_running_means_of_the_outputs_that_chose_them():
    posterior = quantized(decay=0.5).double()
    posterior.vectors.copy_(torch.tensor([[0.0, 0.0], [9.0, 9.0], [-9.0, 9.0], [9.0, -9.0]]))
    posterior.usage.fill_(0.25)
    posterior.sums.copy_(posterior.vectors / 4)
    outputs = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[8.0, 8.0], [1.0, 1.0]]]).double()
    terms = (torch.zeros(1, 2).double(),) * 3
    posterior.complete(posterior(outputs.flatten(1)), terms)
    # the first was chosen by three of four outputs, the second by one
    mean = torch.tensor([[2.0, 2.0], [8.0, 8.0]]).double() / 4
    before = torch.tensor([[0.0, 0.0], [9.0, 9.0]]).double() / 4
    usage = torch.tensor([[0.25 + 0.75], [0.25 + 0.25]]).double()
    torch.testing.assert_close(posterior.vectors[:2], (before + mean) / usage)
    assert posterior.vectors[2:].tolist() == [[-9.0, 9.0], [9.0, -9.0]]
    moved = posterior.vectors.clone()
    posterior.eval().complete(posterior(outputs.flatten(1)), terms)
    assert torch.equal(posterior.vectors, moved)
    assert {"vectors", "usage", "sums"} <= set(posterior.state_dict())


@pytest.mark.parametrize("codebook", ["averages", "gradient"])
def test_a_code_that_nobody_chooses_begins_anew_at_an_output(codebook):
    torch.manual_seed(0)
    posterior = quantized(codebook, decay=0.9, revive_below=0.5)
    posterior.usage.fill_(1 / CODES)
    with torch.no_grad():
        posterior.vectors[1:] = 100.0
        if codebook == "averages":
            posterior.sums.copy_(posterior.vectors / CODES)
    outputs = torch.randn(8, UNITS * WIDTH)
    log_terms = (torch.zeros(1, 8),) * 3
    for step in range(20):
        posterior.complete(posterior(outputs), log_terms)
        if step == 4:  # 0.9⁵ > 0.5
            torch.testing.assert_close(posterior.vectors[1:], torch.full((3, WIDTH), 100.0))
    assert (posterior.vectors < 10).all()
    assert len(posterior.codes(outputs).unique()) > 1


def test_finite_scalars_are_evenly_spread_and_zero_stays_zero():
    posterior = FiniteScalar(1, [8, 5])
    parameters = torch.stack([torch.linspace(-9, 9, 999)] * 2, dim=1).requires_grad_()
    z = posterior(parameters).rsample()
    assert z[:, 0].unique().tolist() == [value / 4 for value in range(-4, 4)]
    assert z[:, 1].unique().tolist() == [value / 2 for value in range(-2, 3)]
    assert posterior(torch.zeros(1, 2)).mean.tolist() == [[0.0, 0.0]]
    z.sum().backward()
    assert (parameters.grad[450:550] > 0).all()
    assert posterior.code_shape == (1, 40)
    assert torch.equal(posterior.embed(torch.arange(40)[:, None]), posterior.vectors)


@kinds
def test_vector_codes_have_no_importance_weights(kind):
    model = tiny(kind())
    assert not model.posterior.has_full_support
    with pytest.raises(ValueError, match="samples that carry gradients"):
        IWAE(2, dreg=False).check(model)
