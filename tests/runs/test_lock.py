"""One process at a time works in a run directory, and whatever happens to it, the next one may."""

import errno
import subprocess
import sys

import pytest

from vae_lab.runs import lock
from vae_lab.runs.rundir import RunDir

HOLD = """
import sys, time
from vae_lab.runs.rundir import RunDir
with RunDir(sys.argv[1]).lock():
    print(flush=True)
    time.sleep(60)
"""


def test_a_process_that_is_killed_frees_the_lock(tmp_path):
    run = RunDir(tmp_path / "run")
    assert not run.is_locked()
    command = [sys.executable, "-c", HOLD, run.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert run.is_locked()
        with pytest.raises(lock.LockedError, match=f"another process trains in {run.path}"):
            run.lock().__enter__()
        other.kill()
    assert not run.is_locked()
    with run.lock():
        assert run.is_locked()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_named_with_what_to_do(number, tmp_path, monkeypatch):
    def refuse(descriptor, *, blocking):
        raise OSError(number, "not here")

    monkeypatch.setattr(lock, "lock_descriptor", refuse)
    with pytest.raises(OSError, match=rf"{tmp_path} lies on .* without file locks .*run\.dir="):
        RunDir(tmp_path).lock().__enter__()
