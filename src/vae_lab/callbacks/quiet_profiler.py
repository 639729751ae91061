"""No profiling, at no cost."""

from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch.profilers import PassThroughProfiler

NOTHING = nullcontext()


class QuietProfiler(PassThroughProfiler):
    """Replaces Lightning's default, whose hundred generators a step measure nothing for 0.1 ms."""

    def profile(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, action_name: str
    ) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return NOTHING
