"""A number with its error bar and its unit."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Measurement:
    """One measured number.

    Attributes:
        value: the number.
        unit: ``nats/image``, ``bits/pixel``, ``fraction`` and the like; empty for a count.
        standard_error: of ``value``, over images; None where it is not a mean.
        num_samples: K, latents drawn per image; None where none is drawn.
    """

    value: float
    unit: str
    standard_error: float | None = None
    num_samples: int | None = None


def mean_over_images(values: Tensor, unit: str, num_samples: int | None = None) -> Measurement:
    """Return the mean of one number per image, (N,), with its standard error."""
    values = values.cpu().double()  # some devices have no such numbers
    error = (values.std() / len(values) ** 0.5).item() if len(values) > 1 else None
    return Measurement(values.mean().item(), unit, error, num_samples)
