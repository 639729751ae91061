"""Posteriors over discrete codes: D units, each of which takes one of C values.

The decoder sees the values as vectors of W numbers, side by side: z is (D·W,).
"""

from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.checks import MANY, Positive, Size, at_least, at_most, checked
from vae_lab.model.distributions import OneHotCodes, RelaxedCodes, nearest
from vae_lab.model.posteriors import LogTerms, Posterior

Classes = Annotated[int, at_least(2), at_most(MANY)]


class CodePosterior(Posterior):
    """What posteriors over discrete codes share.

    Attributes:
        vectors: what stands for the C values of every unit, (C, W).
        shares_values: whether a value means the same in every unit.
    """

    has_rsample = False
    factorises = True
    shares_values = True
    vectors: Tensor
    _shape: tuple[int, int]

    @property
    def code_shape(self) -> tuple[int, int]:
        """(D, C)."""
        return self._shape

    @property
    def num_units(self) -> int:
        """D."""
        return self._shape[0]

    def codes(self, z: Tensor) -> Tensor:
        """Return which value each unit of z (..., D·W) takes, or is nearest to, (..., D)."""
        return nearest(z.unflatten(-1, (self.num_units, self.unit_width)), self.vectors)

    def embed(self, codes: Tensor) -> Tensor:
        """Return z (..., D·W) for the values of its units, (..., D), each from 0 to C − 1."""
        return self.vectors.detach()[codes].flatten(-2)


@checked
class Categorical(CodePosterior):
    """q(z|x) = Π_d Cat(z_d; π_d(x)), z_d one-hot: C values a unit, with parameters log π.

    Samples are one-hot, and what is reported of validation and test is said of them. Gradients need
    more than that, and ``gradient`` says what training does:

    * ``relaxed``: the samples of training lie between the values, at a temperature T, and carry
      gradients (Jang et al. 2017, arXiv:1611.01144; Maddison et al. 2017, arXiv:1611.00712); biased
      by T, and so are the terms that training reports.
    * ``straight_through``: the samples are one-hot, their gradients those of relaxed ones.
    * ``score_function``: Σ_k (f_k − mean of the other f_j) ∇ log q(z_k|x) / K for a term
      E_q[f], unbiased (Kool et al. 2019, openreview.net/forum?id=r1lgTGL5DE).

    Args:
        latent_dim: D.
        classes: C.
        gradient: one of the three.
        temperature: T at the start.
        final_temperature: T in the end.
        annealing_epochs: from the one to the other, by the same factor in each.

    Raises:
        ValueError: if ``classes`` is less than 2, or a temperature is not positive.
    """

    shares_values = False
    temperature: Tensor

    def __init__(
        self,
        latent_dim: Size,
        classes: Classes,
        gradient: Literal["relaxed", "straight_through", "score_function"],
        temperature: Positive,
        final_temperature: Positive,
        annealing_epochs: Positive,
    ) -> None:
        super().__init__()
        self._shape, self.unit_width = (latent_dim, classes), classes
        self.num_parameters = latent_dim * classes
        self.gradient = gradient
        self.least_samples = 2 if gradient == "score_function" else 1
        self._annealing = (temperature, final_temperature, annealing_epochs)
        self.register_buffer("temperature", torch.tensor(float(temperature)), persistent=False)
        self.register_buffer("vectors", torch.eye(classes), persistent=False)

    def forward(self, parameters: Tensor) -> OneHotCodes:
        """Map parameters (B, D·C) to q(z|x): batch (B,), event (D·C,)."""
        log_probs = parameters.unflatten(-1, (self.num_units, -1)).log_softmax(-1)
        if self.training and self.gradient != "score_function":
            return RelaxedCodes(
                log_probs, self.temperature, straight_through=self.gradient == "straight_through"
            )
        return OneHotCodes(log_probs)

    def point(self, q: Distribution) -> Tensor:
        """Return the most probable code, (B, D·C)."""
        return q.mode

    def scheduled(self, epoch: float) -> dict[str, float]:
        """Return T, if it is used."""
        uses = self.gradient != "score_function"
        return {"temperature": self._temperature_at(epoch)} if uses else {}

    def follow(self, epoch: float) -> None:
        """Take the temperature of ``epoch``."""
        self.temperature.fill_(self._temperature_at(epoch))

    def complete(self, q: Distribution, terms: LogTerms) -> LogTerms:
        """Give each term the score-function gradient of its mean over the samples."""
        if not self.training or self.gradient != "score_function":
            return terms
        log_px, log_pz, log_qz = terms
        score = log_qz - log_qz.detach()

        def taught(term: Tensor) -> Tensor:
            return term + _advantage(term) * score

        # E[∇ log q] = 0: without it the last gradient is the same on average, and less noisy
        return taught(log_px), taught(log_pz), taught(log_qz.detach())

    def _temperature_at(self, epoch: float) -> float:
        start, end, epochs = self._annealing
        return start * (end / start) ** min(epoch / epochs, 1.0)


def _advantage(term: Tensor) -> Tensor:
    """Return by how much each sample's term (K, B) exceeds the mean of the others'."""
    count = len(term)
    return (count * (term - term.mean(0)) / (count - 1)).detach()
