"""A run that is killed, or told to stop, goes on and ends as if nothing had been."""

import os
import signal
import time

import pytest
from command_line import finish, start
from tiny import EPOCHS, STEPS_PER_EPOCH, TINY, assert_same, checkpoint, signal_at, summary

from vae_lab.runs.rundir import RunDir

DDP = ("trainer=ddp_cpu", "trainer.devices=2", f"data.batch_size={8 // 2}")
LAST_STEP = EPOCHS * STEPS_PER_EPOCH - 1
SECONDS_TO_STOP = 10
SECONDS_TO_END_OTHERS = 30
INTERRUPTED = 130
STOP_EARLY = (
    "+callbacks.early_stopping={_target_: vae_lab.training.callbacks.best_epoch.NoBetterEpoch,"
    "monitor: '${monitor}', patience: 1, min_delta: 1e9}"
)


def kill_when_renaming(file, epoch):
    probe = (
        f"{{_target_: probes.KillWhenRenaming, file: {file}, epoch: {epoch}, once: {file}.once}}"
    )
    return f"+callbacks.signal={probe}"


@pytest.fixture(scope="module")
def uninterrupted_pair(folder):
    finish(*TINY, *DDP, "hydra.run.dir=full_pair", folder=folder, data=folder)
    return folder / "full_pair"


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(signal_at(2, "SIGKILL", once="first"), id="in the first epoch"),
        pytest.param(signal_at(STEPS_PER_EPOCH + 3, "SIGKILL", once="second"), id="in the second"),
        pytest.param(kill_when_renaming(".best.ckpt.*.part", 1), id="writing best.ckpt"),
        pytest.param(kill_when_renaming(".next.ckpt.*.part", 1), id="writing last.ckpt"),
        pytest.param(kill_when_renaming("last.ckpt", 1), id="before keeping previous.ckpt"),
        pytest.param(kill_when_renaming("next.ckpt", 1), id="between previous.ckpt and last.ckpt"),
        pytest.param(kill_when_renaming(".summary.json.*.part", EPOCHS - 1), id="summing up"),
    ],
)
def test_a_killed_run_goes_on(kill, folder, uninterrupted, request):
    name = request.node.callspec.id.replace(" ", "_")
    killed = start(*TINY, f"hydra.run.dir={name}", kill, folder=folder, data=folder)
    assert killed.wait() == -signal.SIGKILL, killed.text
    assert summary(folder / name)["status"] == "running"
    finish(f"resume={name}", folder=folder, data=folder)
    assert_same(folder / name, uninterrupted)


@pytest.mark.parametrize(
    ("limit", "steps"),
    [
        (STOP_EARLY, 2 * STEPS_PER_EPOCH),
        ("+trainer.max_steps=12", 12),
        ("+trainer.max_time={milliseconds: 1}", 2),
    ],
    ids=["early stopping", "max_steps", "max_time"],
)
def test_a_run_that_is_killed_after_its_training_has_ended_is_not_trained_on(
    limit, steps, folder, request
):
    name = request.node.callspec.id.replace(" ", "_")
    kill = signal_at(steps, "SIGKILL", once=f"{name}_killed")
    killed = start(*TINY, limit, kill, f"hydra.run.dir={name}", folder=folder, data=folder)
    assert killed.wait() == -signal.SIGKILL, killed.text
    finish(f"resume={name}", folder=folder, data=folder)
    assert summary(folder / name)["status"] == "completed"
    assert summary(folder / name)["steps"] == steps
    assert "test/elbo" in summary(folder / name)["metrics"]


def test_sigterm_leaves_a_checkpoint_within_seconds(folder, uninterrupted):
    slow = "+callbacks.slow={_target_: probes.Slow, seconds: 0.5}"
    running = start(*TINY, "hydra.run.dir=term", slow, folder=folder, data=folder)
    running.wait_until((folder / "term" / "metrics.csv").exists)
    os.kill(running.pid, signal.SIGTERM)
    began = time.monotonic()
    assert running.wait() == INTERRUPTED
    assert time.monotonic() - began < SECONDS_TO_STOP
    assert summary(folder / "term")["status"] == "interrupted"
    assert 0 < checkpoint(folder / "term")["global_step"] < STEPS_PER_EPOCH
    assert running.text.count("stopping after this step; press Ctrl-C again to stop at once") == 1
    assert "go on     python train.py resume=term" in running.text
    finish("resume=term", "++callbacks.slow=null", folder=folder, data=folder)
    assert_same(folder / "term", uninterrupted)


def stop_pair(run, name, folder, **others):
    """Send a signal to both processes of a run, or to one; return how it ended."""
    probe = signal_at(STEPS_PER_EPOCH + 2, name, **others)
    stopped = start(*TINY, *DDP, f"hydra.run.dir={run}", probe, folder=folder, data=folder)
    assert stopped.wait() == INTERRUPTED, stopped.text
    assert "Traceback" not in stopped.text
    assert summary(folder / run)["status"] == "interrupted"
    assert checkpoint(folder / run)["global_step"] == STEPS_PER_EPOCH + 4


def test_two_processes_stop_at_the_same_step_and_go_on(folder, uninterrupted_pair):
    stop_pair("pair_term", "SIGTERM", folder, rank=0)
    finish("resume=pair_term", "++callbacks.signal=null", folder=folder, data=folder)
    assert_same(folder / "pair_term", uninterrupted_pair)


def test_ctrl_c_stops_two_processes(folder):
    stop_pair("pair_int", "SIGINT", folder)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_the_other(rank, folder):
    run = folder / f"pair_kill_{rank}"
    probe = signal_at(STEPS_PER_EPOCH + 2, "SIGKILL", rank=rank)
    hold = f"+callbacks.hold={{_target_: probes.HoldLock, folder: {run}}}"
    pair = start(*TINY, *DDP, f"hydra.run.dir={run}", probe, hold, folder=folder, data=folder)
    pair.wait_until(RunDir(run / "1").is_locked)
    pair.wait()
    dead = time.monotonic()
    while any(RunDir(run / str(other)).is_locked() for other in (0, 1)):
        assert time.monotonic() - dead < SECONDS_TO_END_OTHERS, pair.text
        time.sleep(0.1)
    assert "Traceback" not in pair.text
    by_itself = "error: another process of this run has ended before its time"
    by_lightning = f"[rank: {rank}] Child process with PID"  # which looks every five seconds
    assert by_itself in pair.text or by_lightning in pair.text
    assert not RunDir(run).is_locked()
    assert checkpoint(run)["global_step"] == STEPS_PER_EPOCH
