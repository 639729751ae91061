"""What simple classifiers read from a code: all of it, half of it, nothing."""

import pytest
import torch

from vae_lab.evaluation.representation import representation

NAMES = {"linear_probe_accuracy", "knn_accuracy"}


def blobs(count, generator):
    """Return ``count`` points about five far corners of space, and which corner each belongs to."""
    labels = torch.arange(count) % 5
    corners = 20 * torch.eye(5)
    return corners[labels] + torch.randn(count, 5, generator=generator), labels


def quadrants(count, generator):
    """Return points of the plane that belong together in opposite quadrants, and labels."""
    codes = 1 + torch.rand(count, 2, generator=generator)
    signs = 2 * torch.randint(2, (count, 2), generator=generator) - 1
    return codes * signs, (signs.prod(1) > 0).long()


def judged(make, train=300, test=500):
    generator = torch.Generator().manual_seed(0)
    return representation(*make(train, generator), *make(test, generator))


def assert_by_chance(figure, chance):
    assert abs(figure.value - chance) <= 4 * figure.standard_error


def test_classes_that_lie_apart_are_all_read():
    figures = judged(blobs)
    assert figures.keys() == NAMES
    for figure in figures.values():
        assert (figure.value, figure.standard_error, figure.unit) == (1.0, 0.0, "fraction")


def test_labels_that_mean_nothing_are_guessed():
    def noise(count, generator):
        labels = torch.randint(10, (count,), generator=generator)
        return torch.randn(count, 3, generator=generator), labels

    for figure in judged(noise, test=2000).values():
        assert_by_chance(figure, 0.1)


def test_what_no_line_divides_only_neighbours_read():
    figures = judged(quadrants, test=2000)
    assert figures["knn_accuracy"].value == 1
    # any half-plane has as much of either class: half of a class is known by chance or not at all
    assert figures["linear_probe_accuracy"].value < 0.8


def test_the_scale_of_a_latent_does_not_hide_it_from_the_probe():
    def stretched(count, generator):
        codes, labels = blobs(count, generator)
        return codes * torch.tensor([1e-4, 1.0, 1e3, 1.0, 1e5]) + 7.0, labels

    assert judged(stretched)["linear_probe_accuracy"].value == 1


def test_the_error_is_that_of_the_share():
    figures = judged(quadrants, test=1000)
    share = figures["linear_probe_accuracy"]
    expected = (share.value * (1 - share.value) / 999) ** 0.5
    assert share.standard_error == pytest.approx(expected, rel=1e-6)
