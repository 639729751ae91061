"""What a run notes about the code that made it."""

import subprocess

from vae_lab.runs import environment


def git(folder, *arguments):
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_source_tree_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    assert environment.versions()["no-such-package"] == "not installed"


def test_a_commit_is_noted_where_the_code_is_part_of_it_alone(tmp_path):
    git(tmp_path, "init")
    code, installed = tmp_path / "code.py", tmp_path / ".venv" / "code.py"
    installed.parent.mkdir()
    for file in (code, installed):
        file.touch()
    git(tmp_path, "add", code.name)
    git(tmp_path, "commit", "-m", "code")
    assert len(environment.git_commit(code)) == 40
    assert environment.git_commit(installed) is None
