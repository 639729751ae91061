"""Whether generated digits look like digits: distances in the features of an MNIST classifier.

These are not the FID of the literature, whose features come from an ImageNet network: compare them
among themselves alone.
"""

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from vae_lab.evaluation.classifier import load_mnist_classifier
from vae_lab.evaluation.measurement import Measurement

BATCH = 1000
NEIGHBOUR = 3
MAX_SUBSET = 1000


class _Given(nn.Module):
    """Lets torchmetrics take features instead of images."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def sample_quality(generated: Tensor, real: Tensor) -> dict[str, Measurement]:
    """Compare two sets of grey digits in [0, 1], both (N, 1, 28, 28).

    Returns:
        * ``mnist_fid``: Fréchet distance of two normals fitted to the features (Heusel et al. 2017,
          eq. 6, arXiv:1706.08500), and ``mnist_kid``: their kernel distance, averaged over
          100 subsets (Bińkowski et al. 2018, arXiv:1801.01401);
        * ``precision``: the part of the generated within the real ones' manifold, ``recall``: the
          converse (Kynkäänniemi et al. 2019, eq. 1, arXiv:1904.06991), k = 3.

    Raises:
        ValueError: if there are fewer than 2 of either.
    """
    count = min(len(generated), len(real))
    if count < 2:  # noqa: PLR2004
        raise ValueError("comparing samples needs at least two images of each kind")
    embed = load_mnist_classifier().features
    with torch.no_grad():
        fake, true = (
            torch.cat([embed(x) for x in images.split(BATCH)]) for images in (generated, real)
        )
    identity = _Given(fake.shape[1])
    frechet = FrechetInceptionDistance(feature=identity)
    kernel = KernelInceptionDistance(feature=identity, subset_size=min(count, MAX_SUBSET))
    for metric in (frechet, kernel):
        metric.update(true, real=True)
        metric.update(fake, real=False)
    values = {
        "mnist_fid": frechet.compute().item(),
        "mnist_kid": kernel.compute()[0].item(),
        "precision": _part_within(fake, true),
        "recall": _part_within(true, fake),
    }
    return {name: Measurement.of(name, value) for name, value in values.items()}


def _part_within(points: Tensor, others: Tensor) -> float:
    """Return the part of ``points`` no farther from one of ``others`` than its k-th neighbour."""
    k = min(NEIGHBOUR, len(others) - 1) + 1  # the nearest is the point itself
    distances = (torch.cdist(some, others) for some in others.split(BATCH))
    radii = torch.cat([some.kthvalue(k, dim=1).values for some in distances])
    within = [(torch.cdist(some, others) <= radii).any(1) for some in points.split(BATCH)]
    return torch.cat(within).float().mean().item()
