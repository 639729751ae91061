"""Paths through latent space: where they begin, end and pass."""

import math

import pytest
import torch

from vae_lab.model.support import Support
from vae_lab.pictures import journeys


@pytest.fixture(autouse=True)
def _same_numbers_every_time():
    torch.manual_seed(0)


@pytest.mark.parametrize("way", [journeys.straight, journeys.great_circle])
@pytest.mark.parametrize("dimensions", [1, 2, 20])
def test_a_way_leads_from_start_to_end(way, dimensions):
    start, end = torch.randn(2, dimensions)
    path = way(start, end, 7)
    assert path.shape == (7, dimensions)
    torch.testing.assert_close(path[0], start)
    torch.testing.assert_close(path[-1], end)


def test_a_straight_way_has_equal_steps():
    path = journeys.straight(torch.tensor([0.0, 1.0]), torch.tensor([4.0, -1.0]), 5)
    torch.testing.assert_close(path.diff(dim=0), torch.tensor([[1.0, -0.5]]).expand(4, 2))


def test_a_great_circle_keeps_the_distance_from_the_origin_and_turns_evenly():
    start = torch.tensor([2.0, 0.0, 0.0])
    path = journeys.great_circle(start, torch.tensor([0.0, 0.0, 2.0]), 4)
    angles = torch.linspace(0, math.pi / 2, 4)
    expected = 2 * torch.stack([angles.cos(), torch.zeros(4), angles.sin()], 1)
    torch.testing.assert_close(path, expected)


def test_between_different_lengths_the_distance_changes_evenly():
    path = journeys.great_circle(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0]), 5)
    torch.testing.assert_close(path.norm(dim=1), torch.linspace(1, 3, 5))


@pytest.mark.parametrize("end", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_without_a_shortest_circle_the_way_is_straight(end):
    start, end = torch.tensor([1.0, 0.0]), torch.tensor(end)
    torch.testing.assert_close(
        journeys.great_circle(start, end, 5), journeys.straight(start, end, 5)
    )


def test_a_round_trip_visits_every_station_rests_there_and_ends_before_the_first():
    stations = torch.tensor([[0.0], [4.0], [8.0]])
    path = journeys.round_trip(stations, 2, journeys.straight, rest=1)
    assert path.flatten().tolist() == [0, 0, 2, 4, 4, 6, 8, 8, 4]


def test_the_typical_code_is_nearest_to_the_mean_of_its_class():
    codes = torch.tensor([[0.0, 0], [1, 0], [2, 0], [10, 5], [10, 6], [13, 5.5]])
    labels = torch.tensor([1, 1, 1, 0, 0, 0])
    assert journeys.typical(codes, labels)[1] == 1
    means = [codes[labels == label].mean(0) for label in (0, 1)]
    for chosen, mean, label in zip(journeys.typical(codes, labels), means, (0, 1), strict=True):
        members = codes[labels == label]
        assert labels[chosen] == label
        assert (codes[chosen] - mean).norm() == (members - mean).norm(dim=1).min()


def test_gaps_lie_between_codes_and_far_from_all():
    left, right = torch.randn(2, 200, 2) * 0.1
    codes = torch.cat([left - 5, right + 5])
    found = journeys.gaps(codes, 8)
    assert found.shape == (8, 2)
    assert found.norm(dim=1).max() < 1


def test_gaps_do_not_crowd_into_one():
    codes = torch.cat([torch.randn(500, 2) * 0.1 + 5 * torch.eye(2)[0], torch.randn(500, 2) * 2])
    found = journeys.gaps(codes, 10)
    assert torch.nn.functional.pdist(found).min() > 0.3


def test_the_reach_holds_nearly_all_codes_and_grows_in_steps():
    assert journeys.reach(torch.randn(500, 2) / 2, least=3.0) == 3.0
    codes = torch.randn(500, 2) * 4
    reach = journeys.reach(codes, least=3.0)
    assert (codes.abs().amax(1) <= reach).float().mean() >= 0.97
    assert journeys.reach(codes * 1.05, least=3.0) == reach
    assert journeys.reach(codes, least=3.0, share=1) >= codes.abs().max()


@pytest.mark.parametrize("dimensions", [1, 2, 3, 16])
def test_a_walk_is_closed_and_stays_where_the_codes_are(dimensions):
    codes = torch.randn(300, dimensions) * 0.5 + 3
    path = journeys.closed_walk(codes, 160)
    assert path.shape == (160, dimensions)
    steps = (path - path.roll(1, 0)).norm(dim=1)
    assert steps.max() < 4 * steps.median()  # the last one, back to the first, included
    reach = (codes - codes.mean(0)).norm(dim=1).max()
    assert (path - codes.mean(0)).norm(dim=1).max() <= reach


def test_a_walk_on_the_sphere_does_not_leave_it():
    codes = torch.nn.functional.normalize(torch.randn(300, 5), dim=1)
    path = journeys.closed_walk(codes, 160, Support.SPHERE)
    torch.testing.assert_close(path.norm(dim=1), torch.ones(160))
