"""Mixtures of logistics over the colours of a pixel, in which one channel tells about the next."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import softplus

from vae_lab.model.distributions.pixels import IMAGE_DIMS, level_log_prob, nearest_level

GREY = 0.5  # about which colours are linear


class LogisticMixtureImage(Distribution):
    """Independent pixels, each a mixture over all its colours: batch (...), event (C, H, W).

    P(x) = Σ_k π_k Π_c P(x_c; μ_kc + Σ_b<c a_kcb (x_b − ½), s_kc), where P(·; μ, s) is a logistic
    distribution cut into the bins of the levels 0, 1/255, …, 1: green depends on red, blue on both.
    Salimans et al. 2017, §2.1 and §2.2, arXiv:1701.05517. Different from their code, colours are
    measured in [0, 1], improbable levels have their exact probability and not a density in its
    place, and samples are levels.

    Args:
        logits: of π, (..., K, H, W).
        location: μ, (..., K, C, H, W).
        log_scale: log s, (..., K, C, H, W).
        slopes: a of green on red, of blue on red, of blue on green, (..., K, C(C−1)/2, H, W).
    """

    def __init__(self, logits: Tensor, location: Tensor, log_scale: Tensor, slopes: Tensor) -> None:
        super().__init__(
            logits.shape[:-IMAGE_DIMS], location.shape[-IMAGE_DIMS:], validate_args=False
        )
        self.logits = logits
        self.location = location
        self.log_scale = log_scale
        self.slopes = slopes

    @property
    def mean(self) -> Tensor:
        """Mean, (..., C, H, W), of logistics cut off at black and white, and not into levels.

        That moves it by half a level at most. Within a component green is taken at the mean of red,
        and blue at those of both, which is exact as long as black and white cut nothing off.
        """
        scales = self.log_scale.exp().unbind(-IMAGE_DIMS)
        means: list[Tensor] = []
        for channel, scale in enumerate(scales):
            location = self._location(channel, means)
            inside = softplus(location / scale) - softplus((location - 1) / scale)
            means.append(scale * inside)
        weights = self.logits.softmax(-IMAGE_DIMS).unsqueeze(-IMAGE_DIMS)
        mean = (weights * torch.stack(means, -IMAGE_DIMS)).sum(-IMAGE_DIMS - 1)
        return mean.clamp(0, 1)  # which rounding may have left by a little

    def sample(self, sample_shape: torch.Size | tuple[int, ...] = ()) -> Tensor:  # type: ignore[override]
        """Return images of levels, (*sample_shape, ..., C, H, W)."""
        with torch.no_grad():
            one = self._one_component(sample_shape)
            scales = one.log_scale.exp().unbind(-IMAGE_DIMS)
            values: list[Tensor] = []
            for channel, scale in enumerate(scales):
                noise = torch.rand_like(scale).logit()
                values.append(nearest_level(one._location(channel, values) + scale * noise))
            return torch.stack(values, -IMAGE_DIMS).squeeze(-IMAGE_DIMS - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log probability of images (..., C, H, W), nats, (...)."""
        value = value.unsqueeze(-IMAGE_DIMS - 1)
        channels = value.unbind(-IMAGE_DIMS)
        locations = [self._location(number, channels[:number]) for number in range(len(channels))]
        location = torch.stack(torch.broadcast_tensors(*locations), -IMAGE_DIMS)
        levels = level_log_prob(value, location, self.log_scale)
        joint = self.logits.log_softmax(-IMAGE_DIMS) + levels.sum(-IMAGE_DIMS)
        return joint.logsumexp(-IMAGE_DIMS).sum((-2, -1))

    def _location(self, channel: int, before: Sequence[Tensor]) -> Tensor:
        """Return the location of a channel given those ``before`` it, all (..., K, H, W)."""
        location = self.location.select(-IMAGE_DIMS, channel)
        first = channel * (channel - 1) // 2
        for number, value in enumerate(before, first):
            location = location + self.slopes.select(-IMAGE_DIMS, number) * (value - GREY)
        return location

    def _one_component(self, sample_shape: torch.Size | tuple[int, ...]) -> "LogisticMixtureImage":
        """Return mixtures of one component, drawn for every pixel of every sample."""
        logits = self.logits.expand(*sample_shape, *self.logits.shape)
        races = torch.empty_like(logits).exponential_().log()
        winner = (logits - races).argmax(-IMAGE_DIMS, keepdim=True)

        def chosen(parameters: Tensor) -> Tensor:
            every = parameters.expand(*sample_shape, *parameters.shape)
            index = winner.unsqueeze(-IMAGE_DIMS).expand(
                *winner.shape[:-2], every.shape[-IMAGE_DIMS], *winner.shape[-2:]
            )
            return every.gather(-IMAGE_DIMS - 1, index)

        return LogisticMixtureImage(
            logits.gather(-IMAGE_DIMS, winner),
            *map(chosen, (self.location, self.log_scale, self.slopes)),
        )
