"""A damaged checkpoint costs the epoch it stood for, and nothing else."""

import shutil
import subprocess

import pytest
import torch
from command_line import finish, start
from tiny import EPOCHS, STEPS_PER_EPOCH, TINY, assert_same, checkpoint, signal_at, summary

LAST_EPOCH = EPOCHS - 1
LESS_THAN_A_CHECKPOINT = 100_000  # bytes; more than any other file
LESS_THAN_THE_CURVES = 7_000  # those of TensorBoard


@pytest.fixture(scope="module")
def killed(folder):
    kill = signal_at(LAST_EPOCH * STEPS_PER_EPOCH, "SIGKILL", once="x")
    running = start(*TINY, "hydra.run.dir=killed", kill, folder=folder, data=folder)
    assert running.wait() < 0, running.text
    return folder / "killed"


@pytest.fixture
def run(killed, request):
    """A run of its own that was killed in its last epoch."""
    name = request.node.name.replace("[", "_").rstrip("]")
    return shutil.copytree(killed, killed.with_name(name))


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip_a_byte_of_a_weight(path):
    content = bytearray(path.read_bytes())
    weight = torch.load(path, weights_only=True)["state_dict"]["model.decoder.0.weight"]
    content[content.index(weight.numpy().tobytes()) + 1] ^= 1
    path.write_bytes(content)
    found = torch.load(path, weights_only=True)["state_dict"]["model.decoder.0.weight"]
    assert not torch.equal(found, weight)  # which torch does not notice


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_byte_of_a_weight])
def test_the_checkpoint_before_a_damaged_one_is_taken(damage, run, uninterrupted):
    damage(run / "checkpoints" / "last.ckpt")
    text = finish(f"resume={run}", folder=run.parent, data=run.parent)
    assert "last.ckpt is damaged" in text
    assert "trying the checkpoint before" in text
    assert f"going on from {run}/checkpoints/previous.ckpt, epoch 0" in text
    assert_same(run, uninterrupted)


def test_without_a_sound_checkpoint_the_run_is_refused(run):
    for name in ("last", "previous"):
        truncate(run / "checkpoints" / f"{name}.ckpt")
    refused = start(f"resume={run}", folder=run.parent, data=run.parent)
    assert refused.wait() == 1
    last = refused.text.strip().splitlines()[-1]
    assert last.startswith(f"error: {run}/checkpoints/previous.ckpt is damaged")
    assert "Traceback" not in refused.text


def test_a_cut_off_row_of_the_curves_is_dropped(run, uninterrupted):
    with (run / "metrics.csv").open("a") as file:
        file.write("1")
    finish(f"resume={run}", folder=run.parent, data=run.parent)
    assert_same(run, uninterrupted)


def fill_disk(run, folder, means):
    disk = f"+callbacks.disk={{_target_: probes.FillDisk, epoch: {LAST_EPOCH}, {means}}}"
    full = start(*TINY, f"hydra.run.dir={run}", disk, folder=folder, data=folder)
    assert full.wait() == 1, full.text
    assert "Traceback" not in full.text
    assert f"go on     python train.py resume={run}" in full.text
    (line,) = [line for line in full.text.splitlines() if line.startswith("error:")]
    checkpoints = folder / run / "checkpoints"
    assert {path.name for path in checkpoints.iterdir()} == {
        "best.ckpt", "last.ckpt", "previous.ckpt"
    }  # fmt: skip
    assert checkpoint(folder / run)["global_step"] == LAST_EPOCH * STEPS_PER_EPOCH
    return line


def test_a_quota_that_is_used_up_leaves_the_checkpoint_before(folder, uninterrupted):
    line = fill_disk("quota", folder, f"largest: {LESS_THAN_A_CHECKPOINT}")
    assert line == f"error: [Errno 27] File too large: '{folder}/quota/checkpoints/best.ckpt'"
    assert summary(folder / "quota")["status"] == "failed"
    finish("resume=quota", "++callbacks.disk=null", folder=folder, data=folder)
    assert_same(folder / "quota", uninterrupted)


def test_curves_that_cannot_be_written_end_the_run_with_one_line(folder):
    line = fill_disk("curves", folder, f"largest: {LESS_THAN_THE_CURVES}")
    assert line.startswith("error: [Errno 27] File too large")


@pytest.fixture
def small_disk(folder):
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_leaves_the_checkpoint_before(small_disk, folder, uninterrupted):
    line = fill_disk("disk/run", folder, "filler: disk/filler")
    assert line.startswith("error: [Errno 28] No space left on device: ")
    (small_disk / "filler").unlink()
    finish("resume=disk/run", "++callbacks.disk=null", folder=folder, data=folder)
    assert_same(small_disk / "run", uninterrupted)
