"""What holds for every objective."""

import pytest
import torch

from vae_lab.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    MIWAE,
    Autoencoder,
    BetaTCVAE,
    Capacity,
    FreeBits,
    InfoVAE,
    Objective,
    Renyi,
)

BUILD = {
    "elbo": lambda count: ELBO(4.0, "analytic", count, {}),
    "iwae": lambda count: IWAE(count, dreg=False),
    "dreg": lambda count: IWAE(count, dreg=True),
    "miwae": lambda count: MIWAE(count, samples_per_bound=1),
    "ciwae": lambda count: CIWAE(0.5, count),
    "renyi": lambda count: Renyi(0.5, count),
    "free bits": lambda count: FreeBits(0.5, count),
    "capacity": lambda count: Capacity(10.0, 2.0, count, {}),
    "tcvae": lambda count: BetaTCVAE(1.0, 6.0, 1.0, count),
    "infovae": lambda count: InfoVAE(0.5, 10.0, count),
}
FURTHER_PARTS = {
    "tcvae": {"batch_mutual_information", "batch_total_correlation", "batch_dimension_wise_kl"},
    "infovae": {"mmd"},
}


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("num_samples", [0, -1])
def test_fewer_than_one_sample_is_refused(name, num_samples):
    with pytest.raises(ValueError, match=f"must be at least 1, got {num_samples}"):
        BUILD[name](num_samples)


@pytest.mark.parametrize("name", BUILD)
def test_a_bound_has_one_value_an_image_and_the_unweighted_terms_of_the_elbo(name, draw):
    objective = BUILD[name](3)
    bound = objective(draw, 0.0)
    assert isinstance(objective, Objective)
    assert objective.num_samples == 3
    assert bound.value.shape == (5,)
    expected = {"elbo", "reconstruction", "kl"} | FURTHER_PARTS.get(name, set())
    assert set(bound.parts) == expected
    assert all(part.shape == (5,) for part in bound.parts.values())
    torch.testing.assert_close(bound.parts["elbo"], draw.log_px.mean(0) - draw.kl)
    torch.testing.assert_close(bound.parts["reconstruction"], draw.log_px.mean(0))
    torch.testing.assert_close(bound.parts["kl"], draw.kl)


@pytest.mark.parametrize("name", BUILD)
def test_gradients_reach_every_parameter(name, bernoulli_model, binary_images):
    torch.manual_seed(0)
    objective = BUILD[name](3)
    draw = bernoulli_model.draw(binary_images, 3, objective.path_gradient)
    objective(draw, 0.0).value.mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in bernoulli_model.parameters())


def test_the_autoencoder_takes_one_sample():
    assert Autoencoder().num_samples == 1
