"""Schedules: end points, shape, and what they refuse."""

import itertools
import math

import pytest

from vae_lab.objectives.schedules import Constant, Cosine, Cyclic, LinearWarmup, Steps, as_schedule

WARMUP = LinearWarmup(start=0.1, end=0.9, epochs=8)
CYCLIC = Cyclic(start=0.0, end=1.0, epochs=10, ramp=0.5)
COSINE = Cosine(warmup_epochs=5, epochs=25, final=0.1)
STEPS = Steps(milestones=[10, 20], gamma=0.5)


def values(schedule, first, last):
    """Return a hundred values from ``first`` to ``last``, both included."""
    return [schedule(first + (last - first) * i / 99) for i in range(100)]


def rises(sequence):
    return all(a <= b for a, b in itertools.pairwise(sequence))


@pytest.mark.parametrize(
    ("schedule", "epoch", "value"),
    [
        (Constant(0.3), 0, 0.3),
        (Constant(0.3), 1e6, 0.3),
        (WARMUP, 0, 0.1),
        (WARMUP, 4, 0.5),
        (WARMUP, 8, 0.9),
        (WARMUP, 100, 0.9),
        (CYCLIC, 0, 0.0),
        (CYCLIC, 2.5, 0.5),
        (CYCLIC, 5, 1.0),
        (CYCLIC, 9.99, 1.0),
        (CYCLIC, 10, 0.0),
        (CYCLIC, 12.5, 0.5),
        (Cyclic(0.0, 1.0, 10, ramp=1.0), 7.5, 0.75),
        (COSINE, 0, 0.0),
        (COSINE, 2.5, 0.5),
        (COSINE, 4.5, 0.9),
        (COSINE, 5, 1.0),
        (COSINE, 15, 0.55),
        (COSINE, 25, 0.1),
        (COSINE, 100, 0.1),
        (Cosine(0, 25, 0.1), 0, 1.0),
        (STEPS, 0, 1.0),
        (STEPS, 9.99, 1.0),
        (STEPS, 10, 0.5),
        (STEPS, 20, 0.25),
        (STEPS, 100, 0.25),
        (Steps([], 0.5), 100, 1.0),
    ],
)
def test_value_at_epoch(schedule, epoch, value):
    assert schedule(epoch) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("schedule", "epoch"),
    [
        (Constant(0.3), 0),
        (WARMUP, 8),
        (CYCLIC, math.inf),
        (COSINE, 25),
        (STEPS, 20),
        (Steps([], 0.5), 0),
    ],
)
def test_it_settles_at_the_first_epoch_after_which_it_stays(schedule, epoch):
    assert schedule.settles_at == epoch
    if math.isfinite(epoch):
        assert len({*values(schedule, epoch, epoch + 50)}) == 1


def test_a_warmup_rises_in_a_straight_line():
    ramp = values(WARMUP, 0, 8)
    steps = [b - a for a, b in itertools.pairwise(ramp)]
    assert steps == pytest.approx([0.8 / 99] * 99)


def test_a_warmup_may_run_downwards():
    assert rises(values(LinearWarmup(start=4.0, end=1.0, epochs=8), 0, 20)[::-1])


def test_a_cycle_rises_then_rests_and_repeats():
    first = values(CYCLIC, 0, 9.9)
    assert rises(first)
    assert max(first) == 1.0
    assert values(CYCLIC, 30, 39.9) == pytest.approx(first)


def test_a_cosine_rises_then_falls_without_a_jump():
    assert rises(values(COSINE, 0, 5))
    assert rises(values(COSINE, 5, 40)[::-1])
    assert COSINE(math.nextafter(5, 0)) == pytest.approx(COSINE(5))


def test_steps_only_fall():
    assert rises(values(STEPS, 0, 40)[::-1])


@pytest.mark.parametrize("epochs", [0, -1, math.nan])
@pytest.mark.parametrize(
    "build", [lambda n: LinearWarmup(0.0, 1.0, n), lambda n: Cyclic(0.0, 1.0, n, 0.5)]
)
def test_a_length_that_is_not_positive_is_refused(build, epochs):
    with pytest.raises(ValueError, match=f"epochs must be .*greater than 0, got {epochs}"):
        build(epochs)


@pytest.mark.parametrize("ramp", [0, -0.5, 1.5, math.nan])
def test_a_ramp_outside_its_range_is_refused(ramp):
    with pytest.raises(ValueError, match=rf"ramp must be .*in \(0, 1\], got {ramp}"):
        Cyclic(start=0.0, end=1.0, epochs=10, ramp=ramp)


@pytest.mark.parametrize(("warmup_epochs", "epochs"), [(10, 10), (11, 10)])
def test_a_warmup_that_does_not_fit_a_cosine_is_refused(warmup_epochs, epochs):
    message = f"less than epochs={epochs}, got {warmup_epochs}"
    with pytest.raises(ValueError, match=message):
        Cosine(warmup_epochs, epochs, final=0.0)


@pytest.mark.parametrize("milestones", [[20, 10], [10, 10]])
def test_milestones_that_do_not_increase_are_refused(milestones):
    with pytest.raises(ValueError, match=r"milestones must increase, got \["):
        Steps(milestones, gamma=0.1)


@pytest.mark.parametrize("number", [4, 0.5])
def test_a_number_means_a_constant(number):
    assert as_schedule("k", number, {"warmup": WARMUP}) == Constant(number)


def test_a_name_means_the_schedule_of_that_name():
    assert as_schedule("k", "cyclic", {"warmup": WARMUP, "cyclic": CYCLIC}) is CYCLIC


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"'x' is neither .* choose from cyclic, warmup"):
        as_schedule("k", "x", {"warmup": WARMUP, "cyclic": CYCLIC})
