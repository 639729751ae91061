"""What Windows lacks is not needed: a process goes without modules and signals of POSIX."""

import os
import subprocess
import sys

from command_line import LONGEST, ROOT
from tiny import summary

# Other libraries ask for the operating system, and take another way on Windows. Here they are given
# what they need for this one: filelock is imported before, and Lightning keeps its signals.
AS_ON_WINDOWS = """
import os, signal, sys, types
import filelock
from lightning.pytorch.trainer.connectors import signal_connector

signal_connector.signal = types.SimpleNamespace(**vars(signal))
for name in ("SIGUSR1", "SIGUSR2"):
    delattr(signal, name)
del os.sched_getaffinity
for name in ("fcntl", "resource"):
    sys.modules[name] = None
"""
TRAIN_AND_IMPORT_ALL = f"""
import importlib, pkgutil, runpy
import vae_lab

sys.argv[0] = "train.py"
runpy.run_path({str(ROOT / "train.py")!r}, run_name="__main__")
for module in pkgutil.walk_packages(vae_lab.__path__, "vae_lab."):
    importlib.import_module(module.name)
print("all imported")
"""


def test_a_model_is_trained_and_every_module_imported(tmp_path, mnist_root):
    code = AS_ON_WINDOWS + TRAIN_AND_IMPORT_ALL
    done = subprocess.run(
        [sys.executable, "-c", code, "debug=fast", "hydra.run.dir=run"],
        cwd=tmp_path,
        env=os.environ | {"VAE_LAB_DATA": str(mnist_root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    assert done.stdout.endswith("all imported\n"), done.stderr
    assert summary(tmp_path / "run")["status"] == "completed"
