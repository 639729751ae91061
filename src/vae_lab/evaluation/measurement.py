"""A number with its error bar and its unit."""

from dataclasses import dataclass

from torch import Tensor

from vae_lab.evaluation.metrics import metric


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

    @classmethod
    def of(
        cls,
        name: str,
        value: float,
        standard_error: float | None = None,
        num_samples: int | None = None,
    ) -> "Measurement":
        """Return a number in the unit of the metric ``name``."""
        return cls(value, metric(name).unit, standard_error, num_samples)


def mean_over_images(values: Tensor, name: str, num_samples: int | None = None) -> Measurement:
    """Return the mean of a metric, given for each image, (N,), with its standard error."""
    values = values.cpu().double()  # some devices have no such numbers
    error = (values.std() / len(values) ** 0.5).item() if len(values) > 1 else None
    return Measurement.of(name, values.mean().item(), error, num_samples)
