"""Which latent dimensions a model uses."""

from torch import Tensor

ACTIVE_VARIANCE = 0.01


def active_units(
    posterior_means: Tensor, unit_width: int = 1, prior_variance: float = 1.0
) -> Tensor:
    """Tell which latent dimensions are active: Var_x(E_q[z_d|x]) > 0.01 Var_p(z_d).

    Of a unit of several numbers, such as that of a discrete code, the variances add.
    Burda et al. 2016, §5.2, arXiv:1509.00519, where the prior's variance is 1.

    Args:
        posterior_means: E_q[z|x] of many images, (N, D·W).
        unit_width: W.
        prior_variance: of one coordinate.

    Returns:
        Booleans, (D,).
    """
    variances = posterior_means.var(0).unflatten(0, (-1, unit_width)).sum(1)
    return variances > ACTIVE_VARIANCE * prior_variance
