"""Importance-weighted bounds, in log w = log p(x, z) − log q(z|x), shape (K, B)."""

import math

import torch
from torch import Tensor

from vae_lab.checks import Share, Size, checked
from vae_lab.model.contract import Draw, Model
from vae_lab.objectives.bound import Bound, Objective, Scheduled, elbo_parts


def log_mean_exp(log_w: Tensor) -> Tensor:
    """Return log 1/K Σ_k w_k over the first dimension, (K, ...) → (...)."""
    return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))


@checked
class IWAE(Objective):
    """log 1/K Σ_k w_k (Burda et al. 2016, eq. 8, arXiv:1509.00519).

    With ``dreg`` the encoder follows the doubly reparameterised gradient Σ_k w̃_k² ∂log w_k/∂z_k
    ∂z_k/∂φ, w̃ the normalised weights (Tucker et al. 2019, arXiv:1810.04152): the same in
    expectation, with a signal that does not fade as K grows. That holds where no image's density
    depends on another image, or on another sample.

    Args:
        num_samples: K.
        dreg: whether to use that gradient.
    """

    needs_rsample = True

    def __init__(self, num_samples: Size, dreg: bool) -> None:
        super().__init__(num_samples)
        self.path_gradient = dreg

    def check(self, model: Model) -> None:
        """Refuse a model without a KL; with ``dreg``, one to which that gradient does not apply."""
        super().check(model)
        if self.path_gradient and model.num_groups > 1:
            raise ValueError("objective.dreg=true needs a model with one group of latents")
        if self.path_gradient and model.shares_statistics:
            raise ValueError(
                "objective.dreg=true is biased where images of a batch share statistics, as with "
                "likelihood=optimal_normal and batch normalisation; use objective.dreg=false"
            )

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the bound."""
        log_w = draw.log_w
        value = log_mean_exp(log_w)
        if self.path_gradient:
            # the gradient of value weighs sample k by w̃_k, as the decoder needs it; where it flows
            # on through z to the encoder, it is weighed by w̃_k once more
            weights = log_w.detach().softmax(dim=0)[..., None]
            if draw.z.requires_grad:
                draw.z.register_hook(lambda gradient: weights * gradient)
        return Bound(value, elbo_parts(draw))


@checked
class MIWAE(Objective):
    """1/M Σ_m log 1/K Σ_k w_mk: the mean of M importance-weighted bounds of K samples each.

    Rainforth et al. 2018, §4, arXiv:1802.04537. M = 1 is IWAE, K = 1 the ELBO.

    Args:
        num_bounds: M.
        samples_per_bound: K.

    Raises:
        ValueError: if one of them is less than 1.
    """

    needs_rsample = True

    def __init__(self, num_bounds: Size, samples_per_bound: Size) -> None:
        super().__init__(num_bounds * samples_per_bound)
        self.samples_per_bound = samples_per_bound

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the mean of the bounds."""
        log_w = draw.log_w.unflatten(0, (self.samples_per_bound, -1))
        value = log_mean_exp(log_w).mean(0)
        return Bound(value, elbo_parts(draw))


@checked
class CIWAE(Objective):
    """β ELBO + (1 − β) IWAE (Rainforth et al. 2018, §4, arXiv:1802.04537).

    Both from the same samples: the ELBO is the mean of log w.

    Args:
        beta: β in [0, 1].
        num_samples: K.

    Raises:
        ValueError: if ``beta`` is outside its range.
    """

    needs_rsample = True

    def __init__(self, beta: Share, num_samples: Size) -> None:
        super().__init__(num_samples)
        self.beta = beta

    def judge(self, draw: Draw, scheduled: Scheduled) -> Bound:
        """Return the combination."""
        log_w = draw.log_w
        value = self.beta * log_w.mean(0) + (1 - self.beta) * log_mean_exp(log_w)
        return Bound(value, elbo_parts(draw))
