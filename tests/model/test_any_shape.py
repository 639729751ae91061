"""Every model in ``conf/`` takes images of any size from 8 × 8 on, grey or in colour."""

from pathlib import Path

import hydra
import pytest
import torch

from vae_lab.runs.instantiate import instantiate

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
SHAPES = [(1, 8, 8), (3, 8, 17), (1, 31, 9), (3, 33, 64), (3, 128, 96)]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_a_model_of_any_shape_draws_reconstructs_samples_and_learns(model, shape):
    overrides = [f"model={model}", f"data.image_shape={list(shape)}", "latent_dim=4"]
    overrides += ["likelihood=discretized_logistic", "data.binarization=none", "class_names=[a,b]"]
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        network = instantiate(hydra.compose("train", overrides).model)
    torch.manual_seed(0)
    images = torch.rand(2, *shape)
    draw = network.draw(images, 2)
    draw.log_px.sum().backward()
    assert draw.log_px.shape == (2, 2)
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    with torch.no_grad():
        assert network.reconstruct(images).shape == network.sample(2).shape == images.shape
