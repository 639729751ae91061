"""CUDA graphs, played on a processor."""

from vae_lab.training import build, capture


class Spoiled(capture.CalledAgain):
    """A stand-in after whose replays something happens.

    Args:
        spoil: called with the number of replays so far.
    """

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def capture(self, work):
        replay = super().capture(work)

        def spoiled():
            result = replay()
            self.spoil(self.replays)
            return result

        return spoiled


def use(monkeypatch, graphs):
    """Let ``graphs`` stand in for CUDA graphs."""
    for module in (capture, build):
        monkeypatch.setattr(module, "graphs_on", lambda device: graphs)
