"""Captured trainings beside called ones, resumed ones, and what cannot be captured."""

import importlib.util
import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from gpu_checks.finding import SAME, Finding
from gpu_checks.options import RULES, options
from gpu_checks.training import Lab, Trained
from vae_lab.data import placement
from vae_lab.runs.rundir import RunDir
from vae_lab.training.build import Experiment

CALLED = ("optimizer=soap",)  # what cannot be captured, and says so
# Sums over a batch may be taken in any order on a GPU, and Adam turns a gradient near zero into a
# whole step; after 22 steps weights then differ by this part of their length at most.
TOLERANCE = 1e-3


def check_options(lab: Lab, only: Sequence[str] | None) -> Iterator[Finding]:
    """Train every option called and captured; compare."""
    for name, overrides in options():
        if only and name not in only:
            continue
        if name == "optimizer=soap" and importlib.util.find_spec("pytorch_optimizer") is None:
            yield Finding(name, "left out: pytorch_optimizer is not installed", False, 0.0)
            continue
        yield _timed(name, lambda overrides=overrides: _compared(lab, overrides))


def check_resume(lab: Lab) -> Iterator[Finding]:
    """Interrupt a captured training in the middle of an epoch, and go on."""

    def resumed() -> tuple[str, bool]:
        whole = lab.train(*RULES, cuda_graphs=True)
        lab.train(*RULES, "+trainer.max_steps=9", cuda_graphs=True)
        last = RunDir(lab.folder).last
        return _difference(lab.train(*RULES, cuda_graphs=True, resume=last), whole)

    yield _timed("resumed after 9 of 12 steps", resumed)


def check_fallbacks(lab: Lab) -> Iterator[Finding]:
    """Try what cannot be captured: training goes on, and says why."""
    name = "a network that asks the host"
    if lab.accelerator == "gpu":
        yield _timed(name, lambda: _with_network_that_asks(lab))
    else:
        yield Finding(name, "left out: only a GPU forbids it", False, 0.0)
    sgd = ("optimizer._target_=torch.optim.SGD", "~optimizer.fused")
    yield _timed("an optimiser without capturable", lambda: _told(lab, sgd, "capturable"))


def check_placement(lab: Lab) -> Iterator[Finding]:
    """Train on images that lie on the host, as if the GPU were too small for them."""
    name = "images copied while the batch before is worked on"
    if lab.accelerator == "cpu":
        yield Finding(name, "left out: a processor copies nothing", False, 0.0)
        return

    def copied() -> tuple[str, bool]:
        resident = lab.train(cuda_graphs=True)
        share, placement.SHARE = placement.SHARE, 10**12
        try:
            return _difference(lab.train(cuda_graphs=True), resident)
        finally:
            placement.SHARE = share

    yield _timed(name, copied)


class Asks(nn.Module):
    """A layer that reads a number from the device."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``."""
        return x if math.isfinite(x.sum().item()) else -x


def _with_network_that_asks(lab: Lab) -> tuple[str, bool]:
    build = lab.build

    def built(*overrides: str, cuda_graphs: bool) -> Experiment:
        experiment = build(*overrides, cuda_graphs=cuda_graphs)
        model: nn.Module = experiment.module.model
        model.decoder = nn.Sequential(Asks(), model.decoder)  # pyright: ignore[reportArgumentType]
        return experiment

    lab.build = built
    try:
        return _told(lab, (), "")
    finally:
        lab.build = build


def _told(lab: Lab, overrides: tuple[str, ...], reason: str) -> tuple[str, bool]:
    """Train what cannot be captured: the reason is told, and the numbers are those of calls."""
    called = lab.train(*overrides, cuda_graphs=False)
    tried = lab.train(*overrides, cuda_graphs=True)
    result, is_bad = _difference(tried, called)
    why = tried.why_called
    return f"called: {why}; {result}", is_bad or why is None or reason not in why


def _compared(lab: Lab, overrides: tuple[str, ...]) -> tuple[str, bool]:
    called = lab.train(*overrides, cuda_graphs=False)
    captured = lab.train(*overrides, cuda_graphs=True)
    result, is_bad = _difference(captured, called)
    why = captured.why_called
    if why is not None:
        return f"called: {why}; {result}", is_bad or CALLED[0] not in overrides
    return result, is_bad or captured.replays == 0


def _difference(found: Trained, expected: Trained) -> tuple[str, bool]:
    """Say how far two trainings are apart, and whether that is too far."""
    if found.tensors.keys() != expected.tensors.keys():
        return "other tensors", True
    worst, where = 0.0, ""
    for name, value in expected.tensors.items():
        if torch.equal(found.tensors[name], value):
            continue
        apart = (found.tensors[name].double() - value.double()).norm()
        share = (apart / value.double().norm().clamp_min(1e-12)).item()
        if not share <= worst:
            worst, where = share, name
    if not where:
        return SAME, False
    return f"differs by {worst:.1e} of its length: {where}", not worst <= TOLERANCE


def _timed(name: str, check: Callable[[], tuple[str, bool]]) -> Finding:
    began = time.perf_counter()
    try:
        result, is_bad = check()
    except Exception as error:
        result, is_bad = f"{type(error).__name__}: {error}".splitlines()[0], True
    return Finding(name, result, is_bad, time.perf_counter() - began)
