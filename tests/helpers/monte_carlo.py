"""Judging a Monte Carlo estimate by its own standard error."""

from torch import Tensor


def standard_error(samples: Tensor) -> Tensor:
    """Return the estimated standard error of the mean over the first axis."""
    return samples.std(0) / len(samples) ** 0.5


def assert_mean_is(samples: Tensor, expected: Tensor | float) -> None:
    """Assert that the mean over the first axis is ``expected``, within four standard errors."""
    errors = (samples.mean(0) - expected) / standard_error(samples)
    assert errors.abs().max() <= 4, f"standard errors off: {errors}"


def assert_mean_at_most(samples: Tensor, limit: Tensor | float) -> None:
    """Assert that the mean over the first axis is not above ``limit`` by four standard errors."""
    errors = (samples.mean(0) - limit) / standard_error(samples)
    assert errors.max() <= 4, f"standard errors above: {errors}"
