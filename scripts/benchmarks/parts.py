"""Where the seconds of ``python train.py`` go, from the command to the end of the process.

A part is what some functions take without the other parts that they call. What is counted is the
time of the processor, to which other programs add little; with one thread it is about the time of
a quiet machine.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.memory import peak_resident_mib
from vae_lab.runs.importing import swift_imports

ROOT = Path(__file__).parents[2]
PROGRAM = "from benchmarks import parts; parts.count()"
IMPORTS, TRAINING, VALIDATION = "imports", "training steps", "validation"
TESTING, PICTURES, CHECKPOINTS = "testing", "pictures", "checkpoints"
REST, END = "composing, building, loggers, loops", "ending the process"
PARTS = (IMPORTS, REST, TRAINING, VALIDATION, PICTURES, CHECKPOINTS, TESTING)


class Parts:
    """Counts the seconds of parts, each without those within it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self._running: list[str] = [REST]
        self._since = 0.0

    def look(self) -> None:
        """Add the seconds since the last look to the part that is running."""
        now = time.process_time()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    @contextmanager
    def within(self, part: str) -> Iterator[None]:
        """Go around something that belongs to a part, or to testing if that calls it."""
        self.look()
        self._running.append(TESTING if TESTING in self._running else part)
        try:
            yield
        finally:
            self.look()
            self._running.pop()

    def count(self, owner: type, name: str, part: str) -> None:
        """Let a method of a class belong to a part."""
        method: Callable[..., Any] = getattr(owner, name)

        @wraps(method)
        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with self.within(part):
                return method(*args, **kwargs)

        setattr(owner, name, counted)


def count() -> None:
    """Train as ``python train.py`` does, with the options given; print the seconds as JSON."""
    parts = Parts()
    with parts.within(IMPORTS), swift_imports():
        import lightning.pytorch as pl  # noqa: PLC0415 - what is timed
        from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop  # noqa: PLC0415

        from vae_lab.training.callbacks.album import Album  # noqa: PLC0415
        from vae_lab.training.module import VAEModule  # noqa: PLC0415
        from vae_lab.training.train import train  # noqa: F401, PLC0415
    parts.count(VAEModule, "training_step", TRAINING)
    parts.count(_EvaluationLoop, "run", VALIDATION)
    parts.count(pl.Trainer, "test", TESTING)
    parts.count(pl.Trainer, "save_checkpoint", CHECKPOINTS)
    parts.count(Album, "on_train_epoch_end", PICTURES)
    parts.count(Album, "on_train_end", PICTURES)
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    parts.look()
    print(json.dumps(parts.seconds))


def run(rounds: int) -> tuple[dict[str, Any], Table]:
    """Measure; return the report and a table."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(rounds):
            seconds = _seconds(Path(scratch) / str(turn))
            if not best or sum(seconds.values()) < sum(best.values()):
                best = seconds
    table = Table(title="where the seconds of python train.py go")
    for column in ("", "seconds", "share"):
        table.add_column(column, justify="right")
    whole = sum(best.values())
    for name, taken in best.items():
        table.add_row(name, f"{taken:.1f}", f"{taken / whole:.0%}")
    report = {
        "processor_seconds": best,
        "rounds": rounds,
        "peak_resident_mib": peak_resident_mib(children=True),
    }
    return report, table


def _seconds(folder: Path) -> dict[str, float]:
    data = os.environ.get("VAE_LAB_DATA", str(ROOT / "data"))
    path = os.pathsep.join(filter(None, (str(ROOT / "scripts"), os.environ.get("PYTHONPATH"))))
    before = _of_children()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"hydra.run.dir={folder}"],
        env=os.environ | {"OMP_NUM_THREADS": "1", "VAE_LAB_DATA": data, "PYTHONPATH": path},
        check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    seconds = json.loads(done.stdout.splitlines()[-1])
    return seconds | {END: _of_children() - before - sum(seconds.values())}


def _of_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
