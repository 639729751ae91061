"""Published figures are those of the experiments that rerun them."""

import pytest

from vae_lab.evaluation.published import FIGURES, standing


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.experiment)
def test_a_figure_is_what_its_experiment_says(figure, compose):
    config = compose(f"experiment={figure.experiment}")
    assert (figure.nll, figure.epochs) == (config.published.nll, config.published.epochs)
    assert figure.binarization == config.data.binarization
    assert figure.is_ladder == ("ladder" in config.model._target_)
    assert (config.data.dataset, config.model.likelihood._target_.rpartition(".")[2]) == (
        "MNIST",
        "Bernoulli",
    )


def test_figures_are_told_for_their_own_kind_alone():
    assert standing("dynamic", is_ladder=False) == (
        "82.43 to 86.76 published for this kind of model, after 2000 epochs or more"
    )
    assert standing("static", is_ladder=True) == "79.24 published for this kind of model"
    assert standing("dynamic", is_ladder=True) is None
    assert standing("threshold", is_ladder=False) is None
