"""What stands in for CUDA graphs on a processor: a recording that calls its work again."""

from contextlib import nullcontext

from vae_lab.training import build, capture


class CalledAgain:
    """Calls what it should have recorded, on the same memory; counts the replays.

    Args:
        spoil: done after each replay.
    """

    def __init__(self, spoil=lambda replays: None):
        self.spoil = spoil
        self.replays = 0

    def capture(self, work):
        result = work()

        def replay():
            result.copy_(work())
            self.replays += 1
            self.spoil(self.replays)
            return result

        return replay

    def aside(self):
        return nullcontext()


def use(monkeypatch, graphs):
    """Let ``graphs`` stand in for CUDA graphs."""
    for module in (capture, build):
        monkeypatch.setattr(module, "graphs_on", lambda device: graphs)
