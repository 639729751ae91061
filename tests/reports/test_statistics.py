"""Means over seeds and the Pareto front, with numbers worked out by hand."""

import itertools
import math
import random

import pytest

from vae_lab.reports.statistics import Estimate, over_seeds, pareto_front


def test_the_deviation_over_seeds_has_n_minus_one():
    # 1, 2, 6: mean 3, squares 4 + 1 + 9 = 14, over 2
    assert over_seeds({0: [1.0], 1: [2.0], 2: [6.0]}) == Estimate(3.0, math.sqrt(7.0), 3)


def test_one_seed_has_no_deviation():
    assert over_seeds({5: [-100.5]}) == Estimate(-100.5, None, 1)


def test_runs_that_repeat_a_seed_count_as_one():
    assert over_seeds({0: [1.0, 3.0], 1: [4.0]}) == Estimate(3.0, math.sqrt(2.0), 2)
    assert over_seeds({0: [1.0, 3.0]}) == Estimate(2.0, None, 1)


@pytest.mark.parametrize("nothing", [{}, {0: []}])
def test_without_values_there_is_no_mean(nothing):
    assert over_seeds(nothing) is None


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([(1.0, 1.0)], [0]),
        ([(3.0, 1.0), (1.0, 3.0), (2.0, 2.0)], [1, 2, 0]),
        ([(1.0, 3.0), (2.0, 3.0), (3.0, 1.0)], [0, 2]),
        ([(1.0, 3.0), (1.0, 2.0)], [1]),
        ([(1.0, 2.0), (1.0, 2.0), (2.0, 2.0)], [0, 1]),
        ([(2.0, 2.0), (1.0, 1.0), (3.0, 0.5)], [1, 2]),
    ],
)
def test_the_front_has_the_points_that_no_other_beats_from_left_to_right(points, front):
    assert pareto_front(points) == front


def test_the_front_is_what_comparing_all_pairs_leaves():
    rng = random.Random(0)
    points = [(float(rng.randrange(8)), float(rng.randrange(8))) for _ in range(40)]
    beaten = {
        i
        for i, j in itertools.permutations(range(40), 2)
        if points[j] != points[i] and all(a <= b for a, b in zip(points[j], points[i], strict=True))
    }
    assert set(pareto_front(points)) == set(range(40)) - beaten
