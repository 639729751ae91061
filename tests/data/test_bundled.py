"""The bundled MNIST: what is unpacked, and what happens when the disk does not play along."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from vae_lab import files
from vae_lab.data import bundled
from vae_lab.data.bundled import SHA256, unpack_mnist

SMALLEST = "t10k-labels-idx1-ubyte"

# Unpacks into argv[2] with the module file argv[1], once a line arrives. It does without torch,
# which is slow to import, and without the largest file, which is slow to decompress.
LARGEST = "train-images-idx3-ubyte"
UNPACK = f"""
import pathlib, runpy, sys
module = runpy.run_path(sys.argv[1])
del module["SHA256"]["{LARGEST}"]
print("ready", flush=True)
sys.stdin.readline()
module["unpack_mnist"](pathlib.Path(sys.argv[2]))
"""


@pytest.fixture
def own_root(mnist_root, tmp_path):
    """A root with the real files, whose directory entries a test may replace."""
    shutil.copytree(mnist_root, tmp_path, copy_function=os.link, dirs_exist_ok=True)
    return tmp_path


def test_unpacked_files_have_the_canonical_sha256(mnist_root):
    paths = {path.name: path for path in (mnist_root / "MNIST" / "raw").iterdir()}
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}
    assert found == SHA256


@pytest.mark.parametrize(
    ("train", "per_class"),
    [
        (True, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        (False, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_classes_have_the_published_sizes(mnist_root, train, per_class):
    source = datasets.MNIST(mnist_root, train=train)
    assert torch.bincount(source.targets).tolist() == per_class
    assert source.data.shape == (sum(per_class), 28, 28)


@pytest.mark.slow
def test_eight_processes_at_once_all_succeed_and_leave_nothing_else(tmp_path):
    command = [sys.executable, "-c", UNPACK, bundled.__file__, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 8
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 8
    folder = tmp_path / "MNIST" / "raw"
    found = {path.name: bundled.sha256(path) for path in folder.iterdir()}
    assert found == {name: digest for name, digest in SHA256.items() if name != LARGEST}


def test_a_missing_file_is_unpacked_and_the_others_are_left_alone(own_root):
    folder = own_root / "MNIST" / "raw"
    (folder / SMALLEST).unlink()
    before = _written(folder)
    unpack_mnist(own_root)
    after = _written(folder)
    assert bundled.sha256(folder / SMALLEST) == SHA256[SMALLEST]
    assert {path: state for path, state in after.items() if path.name != SMALLEST} == before


@pytest.mark.parametrize("name", SHA256)
def test_a_truncated_file_is_refused_by_name_with_both_sha256(own_root, name):
    path = own_root / "MNIST" / "raw" / name
    content = path.read_bytes()[:-1]
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ValueError, match="corrupt") as error:
        unpack_mnist(own_root)
    for part in (str(path), SHA256[name], hashlib.sha256(content).hexdigest()):
        assert part in str(error.value)


def test_nothing_is_written_where_the_files_lie_already(mnist_root, monkeypatch):
    def read_only(*_, **__):
        raise OSError("read-only file system")

    for writer in ("mkdir", "rename", "replace", "write_bytes", "touch", "chmod", "unlink"):
        monkeypatch.setattr(Path, writer, read_only)
    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", read_only)
    folder = mnist_root / "MNIST" / "raw"
    before = _written(folder)
    unpack_mnist(mnist_root)
    assert _written(folder) == before


def test_a_root_that_cannot_be_written_raises_os_error(tmp_path):
    (tmp_path / "MNIST").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="MNIST"):
        unpack_mnist(tmp_path)


def test_an_interrupted_write_leaves_no_file_behind(own_root, monkeypatch):
    folder = own_root / "MNIST" / "raw"
    (folder / SMALLEST).unlink()
    before = sorted(folder.iterdir())

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack_mnist(own_root)
    assert sorted(folder.iterdir()) == before


def _written(folder):
    """Return when each file of ``folder`` was written, and its inode."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}
