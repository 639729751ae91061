"""Integrals over the line and the plane, to see that a density is one."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def integrate_plane(
    log_density: Callable[[Tensor], Tensor], half_width: float, num_points: int
) -> Tensor:
    """Integrate over the square [-half_width, half_width]² by the trapezoid rule.

    On smooth densities that vanish at the border the rule is exact to rounding, once the grid is
    finer than their finest feature.

    Args:
        log_density: of points (N, 2), nats, (N,).
        half_width: of the square.
        num_points: along each axis.
    """
    axis = torch.linspace(-half_width, half_width, num_points, dtype=torch.float64)
    with torch.no_grad():
        density = log_density(torch.cartesian_prod(axis, axis)).exp()
    density = density.reshape(num_points, num_points)
    return torch.trapezoid(torch.trapezoid(density, axis), axis)


def shifted_lattices(
    log_density: Callable[[Tensor], Tensor], half_width: float, num_points: int, repeats: int
) -> Tensor:
    """Integrate over the plane by sums over lattices, each moved at random, (repeats,).

    Every one is right in expectation, whatever the density, if it vanishes outside the square
    [-half_width, half_width]²; so their spread measures their error, for kinked densities too.
    """
    step = 2 * half_width / num_points
    axis = step * torch.arange(num_points, dtype=torch.float64) - half_width
    lattice = torch.cartesian_prod(axis, axis)
    shifts = step * torch.rand(repeats, 1, 2, dtype=torch.float64)
    with torch.no_grad():
        return step**2 * log_density(lattice + shifts).exp().sum(-1)


def unit_interval(num_points: int) -> tuple[Tensor, Tensor]:
    """Return Gauss's points in [0, 1] and their weights: exact for polynomials, float64."""
    points, weights = np.polynomial.legendre.leggauss(num_points)
    return torch.from_numpy((points + 1) / 2), torch.from_numpy(weights / 2)
