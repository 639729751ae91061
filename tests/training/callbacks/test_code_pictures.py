"""Pictures of discrete codes, and what else is asked of them once they are trained."""

import pytest
import torch
from tiny_codes import CLASSES, UNITS, autoregressive, categorical, images, tiny

from generate import at_point
from vae_lab.evaluation.information import information
from vae_lab.model.vector_posteriors import FiniteScalar, VectorQuantized
from vae_lab.trained.loaded import TrainedVAE
from vae_lab.training.callbacks.code_pictures import CodeTraversals, CodeUsages

KINDS = {
    "categorical": categorical,
    "vector": lambda: VectorQuantized(UNITS, 5, 2, "averages", 0.9, 0.25, revive_below=0.05),
    "scalar": lambda: FiniteScalar(UNITS, [3, 2]),
}


@pytest.fixture(params=KINDS)
def model(request):
    """A tiny model of each kind of code."""
    return tiny(KINDS[request.param](), autoregressive()).eval()


def test_codes_are_counted_shown_and_logged(model, tmp_path):
    x, labels = images(40), torch.zeros(40, dtype=torch.long)
    usages = CodeUsages(str(tmp_path), None, 40)
    assert usages.scalars() == {}
    with torch.no_grad():
        pictures = [usages.draw(model, x, labels),
                    CodeTraversals(str(tmp_path), None, 40).draw(model, x, labels)]  # fmt: skip
    assert all(picture.width > picture.height > 0 for picture in pictures)
    figures = information(model, x)
    assert figures["active_units"].unit == f"of {UNITS}"
    for name, value in usages.scalars().items():
        assert figures[name].value == pytest.approx(value)
    assert 1 <= figures["code_perplexity"].value <= model.posterior.code_shape[1]


def test_continuous_latents_have_no_such_pictures(bernoulli_model, binary_images, tmp_path):
    labels = torch.zeros(len(binary_images))
    for kind in (CodeUsages, CodeTraversals):
        assert kind(str(tmp_path), None, 5).draw(bernoulli_model, binary_images, labels) is None


def test_a_point_is_a_value_for_each_unit(model):
    trained = TrainedVAE(model, {"pixels": "binary"})
    assert at_point(trained, "2,0", None).width > 0
    for wrong in ("1", "1,0,0", "0,-1", "0,0.5", f"0,{model.posterior.code_shape[1]}", "0,x"):
        with pytest.raises(ValueError, match=f"takes {UNITS} whole numbers from 0 to"):
            at_point(trained, wrong, None)


def test_log_prob_is_estimated_where_codes_are_drawn_and_refused_where_chosen(model):
    trained = TrainedVAE(model, {"pixels": "binary"})
    if model.posterior.has_full_support:
        assert model.posterior.code_shape == (UNITS, CLASSES)
        assert trained.log_prob(images(2), 10).shape == (2,)
    else:
        with pytest.raises(ValueError, match="only one code"):
            trained.log_prob(images(2), 10)
