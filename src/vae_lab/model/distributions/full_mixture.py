"""A mixture of normals whose coordinates depend on each other."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.model.distributions.latents import LOG_2PI


class FullGaussianMixture(Distribution):
    """Σ_c w_c N(means_c, S_c), where (I + N_c)(z − means_c)/exp(log_scales_c) is standard normal.

    Batch (), event (D,). N_c = 0 makes it a ``GaussianMixture``.

    Args:
        means: of the C components, (C, D).
        log_scales: logarithms of the scales, (C, D).
        couplings: N_c, strictly lower triangular, (C, D, D).
        log_weights: log w, normalised, (C,).
    """

    has_rsample = False

    def __init__(
        self, means: Tensor, log_scales: Tensor, couplings: Tensor, log_weights: Tensor
    ) -> None:
        super().__init__(torch.Size(), means.shape[-1:], validate_args=False)
        self.means = means
        self.log_scales = log_scales
        self.couplings = couplings
        self.log_weights = log_weights

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Pick a component for each sample, then draw from it, (*sample_shape, D)."""
        count, dim = torch.Size(sample_shape).numel(), self.means.shape[-1]
        with torch.no_grad():
            chosen = torch.multinomial(self.log_weights.exp(), count, replacement=True)
            noise = torch.randn(count, dim, 1, dtype=self.means.dtype, device=self.means.device)
            factors = self.couplings + torch.eye(dim).to(self.couplings)
            inverses = torch.linalg.solve_triangular(
                factors, torch.eye(dim).to(factors).expand_as(factors), upper=False
            )
            whitened = (inverses[chosen] @ noise)[..., 0]
            z = self.means[chosen] + self.log_scales[chosen].exp() * whitened
            return z.reshape(*sample_shape, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density at ``value`` (..., D), nats, (...)."""
        z = value.reshape(-1, value.shape[-1])
        whitened = (z - self.means[:, None]) * (-self.log_scales).exp()[:, None]  # (C, N, D)
        whitened = torch.baddbmm(whitened, whitened, self.couplings.mT)
        constants = self.log_weights - self.log_scales.sum(-1) - 0.5 * LOG_2PI * z.shape[-1]
        joint = constants[:, None] - 0.5 * whitened.square().sum(-1)
        return torch.logsumexp(joint, dim=0).reshape(value.shape[:-1])
