"""What a person sees of a run on a terminal."""

import re

import pytest
from command_line import ROOT, environment_with, train_cold
from tiny import TINY, summary

pytest.importorskip("pty")  # Windows has none
from pty_terminal import Terminal

# Says when torch begins to be imported, which takes seconds.
WATCHED = f"""
import runpy, sys

class Watch:
    def find_spec(self, name, *_):
        if name == "torch":
            print("torch is imported", flush=True)

sys.meta_path.insert(0, Watch())
sys.argv[0] = {str(ROOT / "train.py")!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
BAR = r"epoch 3/3 .* \d/8 ends in \d+ s, run in \d+ s"
DONE = r"epoch   {}/3  train {} -\d+\.\d\d  val {} -\d+\.\d\d  \d+\.\d s(  [\d,]+ images/s)?"


def trained(columns, folder, *overrides, **environment):
    slow = "+callbacks.slow={_target_: probes.Slow, seconds: 0.15}"
    command_line = [*TINY, slow, *overrides]
    return Terminal(WATCHED, command_line, columns, folder, environment_with(folder) | environment)


def test_a_run_says_what_it_does_before_torch_is_loaded_and_is_interrupted_at_80_columns(folder):
    with trained(80, folder, "hydra.run.dir=cut", "objective=autoencoder") as terminal:
        before = terminal.read_until("torch is imported")[:-1]
        terminal.read_until(BAR)
        terminal.type(b"\x03")
        assert terminal.wait() == 130
    assert before == [
        "model     mlp, 2 latents, posterior deterministic, experiment tiny",
        "objective autoencoder",
        "data      fashion_mnist, binarization dynamic, likelihood bernoulli",
        "training  3 epochs on cpu",
        "into      cut",
    ]
    after = terminal.lines[len(before) + 1 :]
    patterns = [
        r"size      \d+,\d+ parameters, 64 training and 8 validation images",
        r"on        cpu: .*, threads: 1",
        DONE.format(1, "reconstruction", "reconstruction"),
        DONE.format(2, "reconstruction", "reconstruction"),
        "stopping after this step; press Ctrl-C again to stop at once",
        r"status    interrupted after \d+ s",
        "curves    tensorboard --logdir cut",
        "go on     python train.py resume=cut",
    ]
    assert len(after) == len(patterns), after
    for line, pattern in zip(after, patterns, strict=True):
        assert re.fullmatch(pattern, line), line


def test_a_run_ends_with_what_its_numbers_mean_and_what_to_do_next_and_is_done(folder):
    ascii_alone = {"PYTHONIOENCODING": "ascii", "LANG": "C", "LC_ALL": "C"}
    with trained(120, folder, "hydra.run.dir='a b'", **ascii_alone) as terminal:
        terminal.read_until(BAR)
        assert terminal.wait() == 0
    shown = terminal.lines
    assert not [line for line in shown if "?" in line or re.match(r"epoch \d/|testing \S", line)]
    assert sum(bool(re.fullmatch(DONE.format(r"\d", "elbo", "elbo"), line)) for line in shown) == 3
    assert "testing: 10 images, K = 2" in shown
    likelihood = next(line for line in shown if line.startswith("nll "))
    assert likelihood.endswith("lower is better: -log p(x) by importance sampling")
    assert shown[-4:] == [
        "curves    tensorboard --logdir 'a b'",
        "explore   python scripts/explore.py 'a b'",
        "evaluate  python scripts/evaluate.py 'a b'",
        "go on     python train.py \"resume='a b'\" trainer.max_epochs=6",
    ]
    assert not (folder / "a b" / "train.log").exists()

    ended = summary(folder / "a b")
    again = train_cold("resume='a b'", folder=folder, data=folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines() == [
        "a b is done: 3 epochs",
        "longer    python train.py \"resume='a b'\" trainer.max_epochs=6",
    ]
    assert summary(folder / "a b") == ended
