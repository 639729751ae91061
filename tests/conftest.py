"""What several test files share."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded: test processes share the cores

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from full_run import make_full_run
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from linear_gaussian import images_of, linear_gaussian
from omegaconf import DictConfig
from shared import once
from torch import Tensor, nn

from vae_lab.data.bundled import unpack_mnist
from vae_lab.model.likelihoods import Bernoulli
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import DiagonalNormal
from vae_lab.model.priors import StandardNormal
from vae_lab.model.vae import VAE

ROOT = Path(__file__).parents[1]
SLOW = {"system", "browser"}  # folders
LONGEST = ("test_many_jobs.py", "test_explorer.py", "test_documented.py", "test_bad_values.py",
           "test_conf.py")  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whole folders as slow; what takes long begins, so that none is waited for."""
    for item in items:
        if SLOW & set(item.path.relative_to(ROOT).parts):
            item.add_marker("slow")
    sizes = Counter(item.path for item in items)

    def place(item: pytest.Item) -> int:
        is_slow = item.get_closest_marker("slow") is not None
        is_longest = is_slow and item.path.name in LONGEST
        return -sizes.total() * (is_slow + is_longest) or -sizes[item.path]

    items.sort(key=place)


@pytest.fixture(scope="session")
def mnist_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the real MNIST, unpacked once; no test may change it."""
    return once(tmp_path_factory, "mnist", unpack_mnist)


@pytest.fixture(scope="session")
def full_run(tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> Path:
    """The directory of a run with all its pictures; no test may change it."""
    return once(tmp_path_factory, "full", lambda folder: make_full_run(folder, mnist_root))


@pytest.fixture
def compose(tmp_path: Path, mnist_root: Path) -> Callable[..., DictConfig]:
    """Composes an experiment from overrides, as the command line does."""

    def build(*overrides: str) -> DictConfig:
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return hydra_compose(
                "train", [f"run_dir={tmp_path}", f"data.root={mnist_root}", *overrides]
            )

    return build


@pytest.fixture(params=["diagonal", "full"])
def true_model(request: pytest.FixtureRequest) -> VAE:
    """A linear-Gaussian model whose q(z|x) is the true posterior."""
    return linear_gaussian(request.param)


@pytest.fixture(params=["diagonal", "full"])
def wrong_model(request: pytest.FixtureRequest) -> VAE:
    """The same, but with q(z|x) off the mark; wider than the truth, so that weights are bounded."""
    return linear_gaussian(request.param, mean_factor=0.6, scale_factor=1.3)


@pytest.fixture
def gaussian_images() -> Tensor:
    """Images for the linear-Gaussian models, (4, 1, 2, 3)."""
    return images_of(linear_gaussian("diagonal"), 4)


@pytest.fixture
def bernoulli_model() -> VAE:
    """A small VAE as users build it: non-linear, binary pixels, D = 2, float32."""
    torch.manual_seed(0)
    network = partial(MLP, hidden_sizes=(16,), activation=nn.Tanh, normalization=None)
    posterior = DiagonalNormal(2, log_scale_range=None)
    return VAE((1, 4, 4), 2, network, network, posterior, StandardNormal(2), Bernoulli())


@pytest.fixture
def binary_images() -> Tensor:
    """Images for ``bernoulli_model``, (5, 1, 4, 4)."""
    torch.manual_seed(0)
    return torch.randint(2, (5, 1, 4, 4)).float()
