"""Training steps captured once and replayed: what a GPU does without waiting for Python.

A CUDA graph is a recording of kernels on fixed memory. A step is recorded with all that belongs to
it (binarisation, forward, backward, clipping, update, averages, running sums); before each replay
the host seeds the generator and copies the batch and the scheduled numbers to where the recording
reads them. The first steps of a run are called, on a side stream: they allocate and compile.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, Protocol

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

from vae_lab.training.numbers import Numbers, Rates
from vae_lab.training.running_means import RunningMeans
from vae_lab.training.step import Examples, Step
from vae_lab.training.updates import Direct

WARM_UP = 3  # steps that are called before one is captured
TOLERANCE = 1e-2  # by which a replay may differ from a call, whose kernels may add in any order
Kind = tuple[bool, bool]  # whether a batch begins, and whether it ends a step


class Graphs(Protocol):
    """What records steps."""

    def capture(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Record ``work``, which is not carried out; return what replays it."""
        ...

    def aside(self) -> AbstractContextManager[Any]:
        """Return a context in which steps warm up."""
        ...


class CudaGraphs:
    """CUDA graphs, on the current device."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()

    def capture(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Record ``work``; return what replays it."""
        graph = torch.cuda.CUDAGraph()
        # other threads, of loggers, may go on meanwhile
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = work()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    def aside(self) -> AbstractContextManager[Any]:
        """Return a context on a stream of its own, in order with the current one."""
        return _OnStream(self._stream)


class _OnStream:
    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._context: Any = None

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream())
        self._context = torch.cuda.stream(self._stream)
        self._context.__enter__()

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)
        torch.cuda.current_stream().wait_stream(self._stream)


class CalledAgain:
    """What stands in for graphs where there are none: it calls the work again, on the same memory.

    All but the recording is then what a GPU does. For tests.
    """

    def __init__(self) -> None:
        self.replays = 0

    def capture(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Call ``work``; return what calls it again."""
        result = work()

        def replay() -> Tensor:
            self.replays += 1
            return result.copy_(work())

        return replay

    def aside(self) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()


def graphs_on(device: torch.device) -> Graphs | None:
    """Return what records steps on ``device``, or None if nothing does."""
    return CudaGraphs() if device.type == "cuda" else None


class Captured:
    """Replays steps that are alike, and calls the others.

    What cannot be captured is called from then on, and the reason is told once. The first replay of
    each kind is compared with a call from the same state; the call counts.

    Args:
        step: what is captured.
        prepare: a batch as it is fetched → examples.
        updates: those of ``step``.
        rates: the learning rates of its optimiser.
        numbers: the scheduled ones.
        running: the sums that are logged.
        averages: take in new weights, without the host, after each step.
        state: returns every tensor that a step changes, but for gradients and sums.
        graphs: what records.

    Attributes:
        has_averaged: whether the last call has also called ``averages``.
    """

    def __init__(
        self,
        step: Step,
        prepare: Callable[[Tensor], Examples],
        updates: Direct,
        rates: Rates,
        numbers: Numbers,
        running: RunningMeans,
        averages: Sequence[Callable[[], None]],
        state: Callable[[], list[Tensor]],
        graphs: Graphs,
    ) -> None:
        self._step = step
        self._prepare = prepare
        self._updates = updates
        self._rates = rates
        self._numbers = numbers
        self._running = running
        self._averages = averages
        self._state = state
        self._graphs = graphs
        self._batch: Tensor | None = None  # which the recordings read
        self._scheduled: dict[str, Tensor] = {}
        self._replays: dict[Kind, Callable[[], Tensor]] = {}
        self._steps_called = 0
        self._is_given_up = False
        self.has_averaged = False

    def __call__(
        self, batch: Tensor, scheduled: dict[str, float], begins: bool, ends: bool
    ) -> Tensor:
        """Train on a batch whose random state is set; return the terms, (M,)."""
        self._scheduled = self._numbers(scheduled)
        self._rates.fill()
        self.has_averaged = False
        if self._steps_called < WARM_UP:
            self._steps_called += ends
            with self._graphs.aside():
                return self._take(batch, begins, ends)
        if self._is_given_up or (self._batch is not None and self._differs(batch)):
            return self._take(batch, begins, ends)
        if self._batch is None:
            self._batch = batch.clone()
        self._batch.copy_(batch)
        self.has_averaged = ends
        if begins:
            self._updates.hold()
        replay = self._replays.get((begins, ends))
        return self._first(begins, ends) if replay is None else replay()

    def _differs(self, batch: Tensor) -> bool:
        assert self._batch is not None
        return batch.shape != self._batch.shape or batch.dtype != self._batch.dtype

    def _first(self, begins: bool, ends: bool) -> Tensor:
        """Capture a step of this kind, and compare a replay with a call, whose result counts."""
        assert self._batch is not None
        work = partial(self._work, self._batch, begins, ends)
        random_state = RandomState(self._batch.device)
        before = [tensor.clone() for tensor in self._tensors()]

        def rewind() -> None:
            self._updates.hold()
            for tensor, value in zip(self._tensors(), before, strict=True):
                tensor.copy_(value)
            random_state.restore()

        try:
            replay = self._graphs.capture(work)
            rewind()
            replayed = [tensor.clone() for tensor in (replay(), *self._tensors())]
        except Exception as error:
            self._give_up(f"{type(error).__name__}: {error}".splitlines()[0])
        else:
            rewind()
            terms = work()
            difference = _difference(replayed[1:], self._tensors(), before)
            if difference <= TOLERANCE or not terms.isfinite().all():
                self._replays[begins, ends] = replay
            else:
                self._give_up(f"a replay changes weights by {difference:.1%} more than a call")
            return terms
        rewind()
        return work()

    def _work(self, batch: Tensor, begins: bool, ends: bool) -> Tensor:
        """Do all that is captured."""
        terms = self._take(batch, begins, ends)
        if ends:
            for average in self._averages:
                average()
        return terms

    def _take(self, batch: Tensor, begins: bool, ends: bool) -> Tensor:
        terms = self._step(self._prepare(batch), self._scheduled, begins, ends)
        self._running.add(terms)
        self._running.watch()
        return terms

    def _tensors(self) -> list[Tensor]:
        return [*self._state(), *self._updates.held, *self._running.tensors()]

    def _give_up(self, reason: str) -> None:
        self._is_given_up = True
        self._replays.clear()
        tell_why_not(reason)


class RandomState:
    """The state of the generators that an operation on ``device`` draws from.

    Args:
        device: whose state is remembered.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._host = torch.default_generator.get_state()
        self._state = None if device.type == "cpu" else _module_of(device).get_rng_state(device)

    def restore(self) -> None:
        """Set the generators to what was remembered."""
        torch.default_generator.set_state(self._host)
        if self._state is not None:
            _module_of(self._device).set_rng_state(self._state, self._device)


def _module_of(device: torch.device) -> Any:  # noqa: ANN401
    return torch.get_device_module(device.type)


def tell_why_not(reason: str) -> None:
    """Say, once, why steps are called."""
    rank_zero_warn(f"training steps are called, not captured in a CUDA graph: {reason}")


def _difference(found: list[Tensor], expected: list[Tensor], before: list[Tensor]) -> float:
    """Return how far what was found is from what was expected, beside how far that has moved.

    Lengths of all numbers of a tensor; the worst tensor counts.
    """
    worst = 0.0
    for one, other, start in zip(found, expected, before, strict=True):
        apart = (one.double() - other.double()).norm().item()
        moved = (other.double() - start.double()).norm().item()
        if apart > 0:
            worst = max(worst, apart / moved if moved else math.inf)
    return worst
