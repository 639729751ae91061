"""``scripts/export.py``: what it writes where, and what it refuses."""

import sys

import pytest
import torch
from script_runner import refusal_of, run_script
from small_runs import SMALL, write_run

import vae_lab

FLOW = (*SMALL, "posterior=iaf", "model.posterior.flow.hidden_features=[8]")


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", *SMALL)


def test_files_lie_in_the_run_and_are_named(run, capsys):
    run_script("export", run, "--to", "torch")
    folder = run / "export" / "torch"
    expected = [str(folder / name) for name in ("decoder.pt2", "encoder.pt2")]
    assert capsys.readouterr().out.splitlines() == expected
    assert sorted(map(str, folder.iterdir())) == expected


def test_an_exported_folder_is_a_run_for_the_other_scripts(run, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    folder = tmp_path / "elsewhere"
    run_script("export", run, "--to", "safetensors", "--output", folder)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors"}
    run_script("generate", folder, "--at", "0,0")
    run_script("export", folder, "--to", "torch")
    (image,) = torch.export.load(folder / "export/torch/decoder.pt2").module()(torch.zeros(1, 2))
    torch.testing.assert_close(image, vae_lab.load(run).decode(torch.zeros(1, 2)))


def test_a_posterior_without_a_variance_leaves_a_decoder_and_a_line(tmp_path, capsys):
    run_script("export", write_run(tmp_path / "run", *FLOW), "--to", "torch")
    shown = capsys.readouterr()
    assert [line.rpartition("/")[2] for line in shown.out.splitlines()] == ["decoder.pt2"]
    assert shown.err.startswith("no encoder: FlowPosterior is no normal distribution")
    assert shown.err.count("\n") == 1


def test_a_missing_extra_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    line = refusal_of("export", run, "--to", "onnx")
    assert line == "error: onnxruntime is missing: pip install 'vae-lab[export]'"


def test_what_is_no_run_is_refused(tmp_path):
    line = refusal_of("export", tmp_path / "nowhere", "--to", "onnx")
    assert "nowhere is not a run directory" in line
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(run, tmp_path):
    (tmp_path / "file").touch()
    line = refusal_of("export", run, "--to", "torch", "--output", tmp_path / "file")
    assert "file" in line


def test_an_unknown_format_is_refused(run):
    with pytest.raises(SystemExit) as refusal:
        run_script("export", run, "--to", "tflite")
    assert refusal.value.code == 2
