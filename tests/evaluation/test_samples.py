"""Distances of sets of digits, against formulas and brute force on the same features."""

import pytest
import torch
from torchvision.datasets import MNIST

from vae_lab.evaluation import samples
from vae_lab.evaluation.classifier import load_mnist_classifier
from vae_lab.evaluation.samples import sample_quality

pytestmark = pytest.mark.filterwarnings(
    "ignore:Metric `Kernel Inception Distance` will save all extracted features"
)
COUNT = 250
CONSTANTS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def digits(mnist_root):
    """Two sets of 250 real digits, (1, 28, 28)."""
    data = MNIST(mnist_root, train=False).data[: 2 * COUNT, None].float() / 255
    return data.split(COUNT)


@pytest.fixture(scope="module")
def quality(digits):
    """The figures of one set beside the other."""
    torch.manual_seed(0)
    return sample_quality(*digits)


def features(images):
    with torch.no_grad():
        return load_mnist_classifier().features(images).double()


def root(matrix):
    """Return the square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def frechet(fake, true):
    """|μ₁ − μ₂|² + tr(S₁ + S₂ − 2 (S₁^½ S₂ S₁^½)^½) (Dowson & Landau 1982)."""
    first, second = torch.cov(fake.T), torch.cov(true.T)
    shared = root(root(first) @ second @ root(first))
    shift = (fake.mean(0) - true.mean(0)).square().sum()
    return (shift + (first + second - 2 * shared).trace()).item()


def kernel_distance(fake, true):
    """The unbiased squared distance under (x·y / d + 1)³."""
    kernel = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3  # noqa: E731
    n, within = len(fake), 0.0
    for one in (fake, true):
        gram = kernel(one, one)
        within += (gram.sum() - gram.trace()) / (n * (n - 1))
    return (within - 2 * kernel(fake, true).mean()).item()


def part_within(points, others):
    """The same from all differences at once, exact to rounding."""
    apart = (others[:, None] - others).norm(dim=-1)
    reach = apart.sort(dim=1).values[:, 3]  # the first is the distance of a point from itself
    inside = (points[:, None] - others).norm(dim=-1) <= reach
    return inside.any(1).double().mean().item()


def test_the_frechet_distance_is_that_of_two_normals(digits, quality):
    expected = frechet(*map(features, digits))
    assert expected > 1
    # torchmetrics answers in float32, and takes roots of eigenvalues that are zero but for rounding
    assert quality["mnist_fid"].value == pytest.approx(expected, rel=1e-5)


def test_the_kernel_distance_is_the_unbiased_one(digits, quality):
    expected = kernel_distance(*map(features, digits))
    figure = quality["mnist_kid"]
    # every one of the subsets is the whole set
    assert figure.value == pytest.approx(expected, rel=1e-3)


def test_precision_and_recall_are_those_of_the_features(digits, quality):
    fake, true = map(features, digits)
    assert quality["precision"].value == pytest.approx(part_within(fake, true))
    assert quality["recall"].value == pytest.approx(part_within(true, fake))


def test_a_set_beside_itself_is_perfect(digits):
    found = sample_quality(digits[0], digits[0].clone())
    spread = torch.cov(features(digits[0]).T).trace().item()
    assert found["mnist_fid"].value == pytest.approx(0, abs=1e-5 * spread)
    assert found["precision"].value == 1
    assert found["recall"].value == 1


def test_neither_the_order_nor_the_roles_matter(digits, quality):
    swapped = sample_quality(digits[1].flip(0), digits[0].flip(0))
    assert swapped["mnist_fid"].value == pytest.approx(quality["mnist_fid"].value, rel=1e-5)
    assert swapped["precision"].value == quality["recall"].value
    assert swapped["recall"].value == quality["precision"].value


@pytest.mark.parametrize("grey", CONSTANTS)
def test_constant_images_are_far_and_cover_nothing(digits, quality, grey):
    found = sample_quality(torch.full_like(digits[0], grey), digits[1])
    assert found["precision"].value == 0
    assert found["recall"].value == 0
    assert found["mnist_fid"].value > 10 * quality["mnist_fid"].value
    assert found["mnist_kid"].value > 10 * abs(quality["mnist_kid"].value)


def test_one_digit_again_and_again_is_precise_but_recalls_nothing(digits):
    found = sample_quality(digits[1][:1].expand(COUNT, -1, -1, -1), digits[1])
    assert found["precision"].value == 1
    assert found["recall"].value == pytest.approx(1 / COUNT)  # that digit itself


def test_points_on_a_line_are_within_reach_of_the_third_neighbour():
    others = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [10.0, 0.0]])
    # they reach 3, 2, 2, 3 and 9 far
    for x, inside in ((-3.0, 1), (-3.1, 0), (5.0, 1), (19.0, 1), (19.1, 0), (0.0, 1)):
        assert samples._part_within(torch.tensor([[x, 0.0]]), others) == inside
    off_line = torch.tensor([[0.0, 2.9], [0.0, 3.1], [10.0, 8.9], [10.0, 9.1]])
    assert samples._part_within(off_line, others) == 0.5


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_points_of_the_plane_are_counted_as_by_brute_force(batch, monkeypatch):
    monkeypatch.setattr(samples, "BATCH", batch)
    torch.manual_seed(0)
    points = 1.5 * torch.randn(60, 2, dtype=torch.float64)
    others = torch.randn(40, 2, dtype=torch.float64)
    expected = part_within(points, others)
    assert 0 < expected < 1
    assert samples._part_within(points, others) == pytest.approx(expected)
    assert samples._part_within(others, points) == pytest.approx(part_within(others, points))


def test_two_points_reach_as_far_as_each_other():
    others = torch.tensor([[0.0], [1.0]])
    assert samples._part_within(torch.tensor([[-1.0], [2.0], [2.1], [0.5]]), others) == 0.75


@pytest.mark.parametrize(("generated", "real"), [(1, 5), (5, 1), (0, 5)])
def test_fewer_than_two_images_are_refused(generated, real):
    with pytest.raises(ValueError, match="at least two images of each kind"):
        sample_quality(torch.zeros(generated, 1, 28, 28), torch.zeros(real, 1, 28, 28))
