"""Statistics of a batch that two processes share are those of one process with all of it."""

import multiprocessing
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from hand_made import draw_of_kl

from vae_lab.collectives import mean_over_batch
from vae_lab.model.likelihoods import OptimalNormal
from vae_lab.model.vector_posteriors import VectorQuantized
from vae_lab.objectives import Capacity, FreeBits

SHARES = (slice(0, 3), slice(3, 5))  # of five images: unequal, as the last batch of an epoch may be
KL = [[0.1, 0.9], [0.3, 0.1], [0.2, 0.0], [1.5, 0.6], [0.0, 0.9]]


def measure(rank: int, part: slice, store: Path | None) -> list[torch.Tensor]:
    """Return what these images come to; all objectives below switch at a mean of the batch."""
    if store is not None:
        dist.init_process_group("gloo", f"file://{store}", rank=rank, world_size=len(SHARES))
    kl = torch.tensor(KL, dtype=torch.float64)[part]
    x = torch.arange(20, dtype=torch.float64).reshape(5, 1, 2, 2)[part] / 20
    likelihood = OptimalNormal(momentum=0.5).double()
    torch.manual_seed(0)
    codes = VectorQuantized(1, 3, 2, "averages", 0.5, 0.25, revive_below=0.0).double()
    log_terms = (kl.new_zeros(1, len(kl)),) * 3
    codes.complete(codes(kl), log_terms)
    objectives = FreeBits(0.45, 1), Capacity(2.0, 0.75, 1, {})
    return [
        mean_over_batch(kl),
        *(objective(draw_of_kl(kl), 0.0).value for objective in objectives),
        likelihood(torch.full_like(x, 0.4)).log_prob(x),
        torch.cat([likelihood.variance.flatten(), codes.usage, codes.vectors.flatten()]),
    ]


def _measure_beside(rank: int, part: slice, store: Path) -> None:
    torch.save(measure(rank, part, store), store.with_name(f"{rank}.pt"))


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory):
    store = tmp_path_factory.mktemp("collectives") / "store"
    spawn = multiprocessing.get_context("spawn")
    processes = [
        spawn.Process(target=_measure_beside, args=(rank, part, store))
        for rank, part in enumerate(SHARES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(store.with_name(f"{rank}.pt")) for rank in range(len(SHARES))]


@pytest.mark.slow
def test_two_processes_come_to_what_one_comes_to(of_two_processes):
    mean, *of_images, state = measure(0, slice(None), None)
    for mean_of_one, *_, state_of_one in of_two_processes:
        torch.testing.assert_close(mean_of_one, mean)
        torch.testing.assert_close(state_of_one, state)
    first, second = (found[1:-1] for found in of_two_processes)
    for *parts, expected in zip(first, second, of_images, strict=True):
        torch.testing.assert_close(torch.cat(parts), expected)


@pytest.mark.slow
def test_a_process_alone_would_come_to_something_else(of_two_processes):
    for found, alone in zip(of_two_processes[0], measure(0, SHARES[0], None), strict=True):
        assert not torch.equal(found, alone)
