"""The table of metrics, and what it is asked."""

import pytest

from vae_lab.evaluation.metrics import METRICS, metric, with_suffix


def test_no_name_is_taken_twice():
    names = [name for entry in METRICS for name in entry.names]
    assert len(names) == len(set(names))


def test_a_metric_is_found_with_and_without_its_split():
    assert metric("test/nll") is metric("nll")
    assert metric("nll").depends_on_samples


def test_a_cross_entropy_is_known_under_its_own_name():
    assert metric("val/elbo_bce").name == "elbo_bce"
    assert metric("elbo_bce").unit == metric("elbo").unit
    assert metric("elbo_bce").higher_is_better


@pytest.mark.parametrize("name", ["x", "val/x", "kl_bce", "val/", ""])
def test_an_unknown_name_is_refused_and_says_where_to_add_it(name):
    with pytest.raises(ValueError, match=r"add it to vae_lab\.evaluation\.metrics"):
        metric(name)


def test_only_what_contains_log_px_takes_the_suffix():
    assert with_suffix("val/elbo", "_bce") == "val/elbo_bce"
    assert with_suffix("val/elbo_bce", "_bce") == "val/elbo_bce"
    assert with_suffix("val/kl", "_bce") == "val/kl"
    assert with_suffix("val/elbo", "") == "val/elbo"


def test_which_way_is_better():
    assert metric("val/elbo").higher_is_better
    assert not metric("val/loss").higher_is_better
    with pytest.raises(ValueError, match="kl has no best value"):
        _ = metric("val/kl").higher_is_better


def test_what_is_of_images_given_their_labels_is_named_so():
    assert with_suffix("val/elbo", "_bce", "_given_y") == "val/elbo_bce_given_y"
    assert with_suffix("test/nll", "", "_given_y") == "test/nll_given_y"
    assert with_suffix("kl", "_bce", "_given_y") == "kl"
    assert metric("nll_given_y").depends_on_samples
