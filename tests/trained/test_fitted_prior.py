"""A run with a fitted prior: it opens like any other, and its figures are those of its prior."""

from functools import partial

import numpy as np
import pytest
import torch
from small_runs import CONF, SMALL, write_run

import vae_lab
from vae_lab.reports.row import read_run
from vae_lab.runs import launch
from vae_lab.runs.rundir import RunDir
from vae_lab.trained import fitted_prior
from vae_lab.trained.fitted_prior import Order, default_place

MIXTURE = ("model.prior.num_components=3", "model.prior.covariance=full")
SUMMARY = {
    "status": "completed", "compared_by": "val/elbo", "nll_samples": 5, "epochs": 1,
    "metrics": {"val/elbo": -900.0, "test/elbo": -901.0, "test/nll": 890.0,
                "test/active_units": 2.0, "test/bound": -901.0},
}  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A file of small images; no test may change it."""
    path = tmp_path_factory.mktemp("data") / "cells.npz"
    pixels = np.random.default_rng(0).integers(256, size=(60, 8, 8), dtype=np.uint8)
    np.savez(path, images=pixels, labels=np.arange(60) % 2)
    return path


@pytest.fixture(scope="module")
def write(images):
    """Writes a run of small images."""
    file = (f"data.root={images}", f"data.cache={images.parent}", "data.image_shape=[1,8,8]")
    data = ("data=arrays", *file, "model=mlp")
    binary = ("likelihood=bernoulli", "data.binarization=dynamic")
    return lambda folder, *overrides: write_run(folder, *data, *binary, *SMALL, *overrides)


def ordered(folder, prior="mixture", overrides=MIXTURE):
    return Order(RunDir(folder), CONF, prior, overrides, 2, 5, 0, torch.device("cpu"))


def fit(order, out=None, on_fit=lambda reached: None):
    out = out or default_place(order.run, order.prior)
    return out, fitted_prior.fit_prior(order, out, on_fit, lambda when, done, of: None)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, write):
    """A run, the one with a fitted prior beside it, and what was measured; no test may change it.

    Of the first the summary has nothing but what the second is to take from it.
    """
    folder = write(tmp_path_factory.mktemp("runs") / "first")
    RunDir(folder).write_summary(SUMMARY)
    return folder, *fit(ordered(folder))


def test_it_opens_with_the_old_networks_and_the_new_prior(fitted):
    folder, out, _ = fitted
    assert out == folder.with_name("first_prior_mixture")
    old, new = vae_lab.load(folder), vae_lab.load(out)
    x = torch.rand(3, 1, 8, 8).round()
    assert torch.equal(old.reconstruct(x), new.reconstruct(x))
    assert new.sample(4, temperature=0.5, seed=0).shape == (4, 1, 8, 8)
    assert new.config["name"] == "vae_prior_mixture"
    assert new.model.prior.prior.couplings.shape == (3, 2, 2)
    assert (out / "images" / "samples.png").is_file()


def test_its_figures_differ_by_what_the_prior_says(fitted):
    folder, out, said = fitted
    before, after = said["before"], said["after"]
    assert before["distortion"] == after["distortion"]
    gains = [before[name]["value"] - after[name]["value"] for name in ("rate", "nll")]
    assert gains[1] == pytest.approx(said["nll_gained"]["value"], abs=1e-4)
    rate = after["elbo"]["value"] - before["elbo"]["value"]
    assert gains[0] == pytest.approx(rate, abs=1e-4)
    metrics = RunDir(out).summary()["metrics"]
    assert metrics["test/nll"] == after["nll"]["value"]
    assert metrics["test/elbo"] == pytest.approx(
        metrics["test/reconstruction"] - metrics["test/kl"]
    )
    assert metrics["test/active_units"] == 2
    assert "test/bound" not in metrics
    assert metrics["val/elbo"] != SUMMARY["metrics"]["val/elbo"]
    row = read_run(RunDir(out), "fitted")
    assert row.is_completed
    assert row.setting("fit_prior") == "mixture"
    assert RunDir(folder).summary() == SUMMARY


def test_an_autoencoder_gets_samples_and_no_likelihood(write, tmp_path):
    folder = write(tmp_path / "plain", "objective=autoencoder")
    out, said = fit(ordered(folder))
    trained = vae_lab.load(out)
    assert trained.model.prior.is_learned
    assert trained.sample(3, seed=0).isfinite().all()
    assert said["nll_gained"] is None
    assert not {"nll", "elbo"} & said["after"].keys()
    with pytest.raises(ValueError, match="no log p"):
        trained.log_prob(torch.zeros(1, 1, 8, 8))


def test_what_is_interrupted_leaves_nothing(fitted, tmp_path):
    out = tmp_path / "out"

    def interrupt(reached):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(ordered(fitted[0]), out, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_is_refused_before_anything_is_computed(fitted, tmp_path):
    folder, out, _ = fitted
    refused = partial(fit, on_fit=lambda reached: pytest.fail("it was computed"))
    with pytest.raises(FileExistsError, match="is there already"):
        refused(ordered(folder))
    with RunDir(folder).lock(), pytest.raises(ValueError, match="is being trained"):
        refused(ordered(folder), tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="not a run directory"):
        refused(ordered(tmp_path), tmp_path / "out")
    with pytest.raises(ValueError, match="only values of the prior can be given"):
        refused(ordered(folder, overrides=["seed=1"]), tmp_path / "out")
    with pytest.raises(ValueError, match=r"fitted to first, which is the run that"):
        launch.resumed_config(RunDir(out), [])
