"""Which latent dimensions a model uses."""

from torch import Tensor

ACTIVE_VARIANCE = 0.01


def active_units(posterior_means: Tensor, unit_width: int = 1) -> Tensor:
    """Tell which latent dimensions are active: Var_x(E_q[z_d|x]) > 0.01.

    Of a unit of several numbers, such as that of a discrete code, the variances add.
    Burda et al. 2016, §5.2, arXiv:1509.00519.

    Args:
        posterior_means: E_q[z|x] of many images, (N, D·W).
        unit_width: W.

    Returns:
        Booleans, (D,).
    """
    return posterior_means.var(0).unflatten(0, (-1, unit_width)).sum(1) > ACTIVE_VARIANCE
