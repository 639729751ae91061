"""Every option of every slot learns: a few steps on a few images."""

from pathlib import Path

import hydra
import pytest
import torch

from vae_lab.training import build

CONF = Path(__file__).parents[1] / "conf"
SLOTS = ("model", "posterior", "prior", "likelihood", "objective", "optimizer")
OPTIONS = [f"{slot}={path.stem}" for slot in SLOTS for path in sorted((CONF / slot).glob("*.yaml"))]
COMPANIONS = {
    "likelihood=continuous_bernoulli": ["data.binarization=none"],
    "likelihood=discretized_logistic": ["data.binarization=none"],
    "likelihood=normal": ["data.binarization=none"],
    "likelihood=optimal_normal": ["data.binarization=none"],
    "posterior=deterministic": ["objective=autoencoder"],
    "objective=capacity": ["objective.gamma=1"],  # the slope of the reconstruction at the start
}
STEPS = 12


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_learns_a_few_images_in_a_few_steps(option, tmp_path):
    if option == "optimizer=soap":
        pytest.importorskip("pytorch_optimizer")
    overrides = [option, *COMPANIONS.get(option, []), f"run_dir={tmp_path}", "latent_dim=4"]
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        module = build.build(hydra.compose("train", overrides)).module
    model, objective = module.model, module.objective
    images = torch.zeros(8, *model.image_shape)
    images[:, :, 8:20, 8:20] = 1.0
    optimizer = module.optimizer(module.parameters())
    values = []
    for _ in range(STEPS):
        draw = model.draw(images, objective.num_samples, objective.path_gradient)
        bound = objective(draw, epoch=1.0)
        optimizer.zero_grad()
        (-bound.value.mean()).backward()
        optimizer.step()
        values.append(bound.value.mean().item())
    learned = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learned)
    assert values[-1] > values[0]
