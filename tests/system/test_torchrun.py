"""``torchrun``: several processes, and several machines, here two agents on one."""

import json
import os
import socket
import subprocess
import sys

from command_line import ROOT, environment_with
from tiny import EPOCHS, STEPS_PER_EPOCH, TINY, assert_same, signal_at

SMALL = (
    "debug=fast",
    "trainer=ddp_cpu",
    "trainer.devices=1",
    "trainer.num_nodes=2",
    "pictures_every_n_epochs=9",
    "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
    "hydra.run.dir=runs/${now:%H-%M-%S-%f}",  # never the same in two processes
)
NODES = 2
LONGEST = 200  # seconds


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def test_two_agents_train_one_run_in_one_directory(tmp_path, mnist_root):
    endpoint = f"localhost:{free_port()}"
    environment = os.environ | environment_with(mnist_root)
    agent = [sys.executable, "-m", "torch.distributed.run", f"--nnodes={NODES}",
             "--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}",
             str(ROOT / "train.py"), *SMALL]  # fmt: skip
    agents = [
        subprocess.Popen(agent, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(NODES)
    ]
    errors = [process.communicate(timeout=LONGEST)[1] for process in agents]
    assert [process.returncode for process in agents] == [0, 0], errors
    (run,) = (tmp_path / "runs").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["status"], summary["hardware"]["processes"]) == ("completed", NODES)


def test_a_process_that_torchrun_starts_again_goes_on_in_its_directory(folder, uninterrupted):
    killed = signal_at((EPOCHS - 1) * STEPS_PER_EPOCH, "SIGKILL", once="restarted")
    environment = os.environ | environment_with(folder)
    agent = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=1",
             str(ROOT / "train.py"), *TINY, "trainer=ddp_cpu", "trainer.devices=1",
             "hydra.run.dir=restarts/${now:%H-%M-%S-%f}", killed]  # fmt: skip
    done = subprocess.run(
        agent, cwd=folder, env=environment, capture_output=True, text=True, check=False,
        timeout=LONGEST,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (run,) = (folder / "restarts").iterdir()
    assert (folder / "restarted").exists()
    assert_same(run, uninterrupted)
