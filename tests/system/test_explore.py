"""``scripts/explore.py``: what it serves and writes, and what it refuses."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from explorable_runs import SMALL, write_run
from script_runner import SCRIPTS, refusal_of, run_script


@pytest.fixture(scope="module")
def run(tmp_path_factory, mnist_root):
    """An untrained run; no test may change it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return write_run(folder, mnist_root, *SMALL, "latent_dim=2")


def test_it_serves_this_machine_alone_until_it_is_interrupted(run):
    pytest.importorskip("uvicorn", reason="the explorer's server needs the extra [app]")
    command = [sys.executable, SCRIPTS / "explore.py", run, "--no-browser", "--port", "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        line = server.stdout.readline()
        address = line.split()[0]
        with urllib.request.urlopen(address) as page:
            assert b"latent explorer" in page.read()
        port = int(address.rpartition(":")[2])
        assert address == f"http://127.0.0.1:{port}"
        elsewhere = socket.gethostbyname(socket.gethostname())
        if not elsewhere.startswith("127."):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((elsewhere, port), timeout=5)
        server.send_signal(signal.SIGINT)
        rest, problems = server.communicate(timeout=30)
    assert (rest, problems, server.returncode) == ("", "", 0)


def test_a_page_without_a_server_is_written(run, tmp_path, capsys):
    run_script("explore", run, run, "--static", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert capsys.readouterr().out == f"{tmp_path / 'page.html'}\n"


def test_a_page_without_a_server_needs_no_extra(run, tmp_path, monkeypatch):
    for name in ("fastapi", "uvicorn", "starlette", "pydantic"):
        monkeypatch.setitem(sys.modules, name, None)
    run_script("explore", run, "--static", tmp_path / "page.html")


def test_the_missing_extra_is_named_with_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = refusal_of("explore", tmp_path)
    assert said == "error: fastapi is missing; pip install -e '.[app]' brings it"


def test_what_is_no_run_is_refused(tmp_path):
    assert f"{tmp_path} is not a run directory" in refusal_of("explore", tmp_path)


def test_a_page_that_cannot_be_written_is_refused(run, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file where a folder should be")
    assert str(taken) in refusal_of("explore", run, "--static", taken / "page.html")


@pytest.fixture
def runs(run, tmp_path, monkeypatch):
    """Two runs below the current folder, the newer one first."""
    monkeypatch.chdir(tmp_path)
    folders = [Path("runs") / name for name in ("old", "new")]
    for moment, folder in enumerate(folders):
        shutil.copytree(run, folder)
        (folder / "summary.json").write_text("{}")
        for path in folder.rglob("*"):
            os.utime(path, (moment, moment))
    return [str(folder) for folder in reversed(folders)]


def answer_at_a_terminal(monkeypatch, *answers):
    """Let ``answers`` be typed; afterwards the input ends."""
    left = list(answers)

    def type_one(_):
        if not left:
            raise EOFError
        return left.pop(0)

    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", type_one)


def test_without_a_terminal_what_could_be_shown_is_listed(runs, capsys):
    with pytest.raises(SystemExit) as ending:
        run_script("explore", "--static", "page.html")
    assert ending.value.code == 2
    assert capsys.readouterr().out.split("\n") == [*runs, "example", ""]


def test_at_a_terminal_one_run_or_several_are_chosen_from_the_newest(runs, monkeypatch):
    chosen = []
    monkeypatch.setattr(
        "vae_lab.explorer.explored.open_runs", lambda paths, _: chosen.append(paths) or []
    )
    monkeypatch.setattr("vae_lab.explorer.standalone.page", lambda explored: "")
    answer_at_a_terminal(monkeypatch, "7", "one", "0", "2 1")
    run_script("explore", "--static", "page.html")
    answer_at_a_terminal(monkeypatch, "")
    run_script("explore", "--static", "page.html")
    assert chosen == [[Path(runs[1]), Path(runs[0])], [Path(runs[0])]]
    answer_at_a_terminal(monkeypatch)
    with pytest.raises(SystemExit):
        run_script("explore", "--static", "page.html")


def test_before_the_first_training_the_example_is_offered_and_opens_anywhere(
    tmp_path, mnist_root, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LAB_DATA", str(mnist_root))
    answer_at_a_terminal(monkeypatch, "1")
    run_script("explore", "--static", "page.html")
    said = capsys.readouterr().out
    assert said.startswith(
        "runs/ holds no trained run yet; example ships with vae-lab.\n  1  example"
    )
    assert '"name": "example"' in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("options", "words"), [
    (("--port", "70000"), "--port must be between 0 and 65535, got 70000"),
    (("--host", "256.0.0.1", "--port", "0"), "cannot listen at 256.0.0.1, port 0"),
])  # fmt: skip
def test_where_nobody_can_listen_is_refused(run, options, words):
    assert words in refusal_of("explore", run, "--no-browser", *options)


def test_a_port_that_is_taken_is_refused_if_it_was_asked_for(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal_of("explore", run, "--no-browser", "--port", port)
    assert f"port {port}: [Errno 98]" in said or "in use" in said
