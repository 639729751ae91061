"""How much of its discrete codes a model uses."""

import pytest
import torch

from vae_lab.evaluation.codes import code_usage
from vae_lab.model.code_posteriors import Categorical
from vae_lab.model.vector_posteriors import FiniteScalar

CODES = torch.tensor([[0, 1], [0, 2], [0, 1], [0, 2]])


@pytest.mark.parametrize(
    ("posterior", "perplexity", "dead"),
    [
        (Categorical(2, 3, "relaxed", 1.0, 1.0, 1.0), (1 + 2) / 2, 2 + 1),  # by unit
        (FiniteScalar(2, [3]), 2**1.5, 0),  # entropy of ½, ¼, ¼
    ],
)
def test_values_are_counted_by_unit_or_over_units_that_share_them(posterior, perplexity, dead):
    usage = code_usage(posterior, posterior.embed(CODES))
    torch.testing.assert_close(usage.shares, torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5]]))
    assert usage.perplexity == pytest.approx(perplexity)
    assert usage.dead == dead
