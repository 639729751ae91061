"""``scripts/evaluate.py`` and ``scripts/report.py``: what they write, and what they refuse."""

import json
import math
import os
import shutil
import subprocess
import sys

import pytest
from command_line import train
from idx_files import write_numbered_images
from omegaconf import OmegaConf
from script_runner import SCRIPTS, refusal_of, run_script

from vae_lab.data import mnist_format
from vae_lab.evaluation import record
from vae_lab.reports import results_table
from vae_lab.training import train as training

TRAIN, VAL, TEST = 60, 30, 40
SMALL = ("debug=fast", "model.encoder.hidden_sizes=[16]", "model.decoder.hidden_sizes=[16]")
DATA = ("data=fashion_mnist", f"data.val_size={VAL}", "data.batch_size=20")


@pytest.fixture(scope="module")
def small_data(tmp_path_factory):
    """A root with 130 images as FashionMNIST, and the same ones as MNIST."""
    root = tmp_path_factory.mktemp("data")
    write_numbered_images(root, TRAIN + VAL, TEST)
    shutil.copytree(root / "FashionMNIST", root / "MNIST")
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory, small_data):
    """The directory of a run on them, from the command line; no test may change it."""
    folder = tmp_path_factory.mktemp("trained")
    overrides = (*SMALL, *DATA, "callbacks=bare", "latent_dim=2", "hydra.run.dir=run")
    done = train(*overrides, folder=folder, data=small_data)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path, small_data, monkeypatch):
    """A copy of that run to play with."""
    monkeypatch.setenv("VAE_LAB_DATA", str(small_data))
    return shutil.copytree(trained, tmp_path / "run")


def evaluate(run, *arguments, file="evaluation.json"):
    """Score ``run`` with two importance samples; return what was written."""
    run_script("evaluate", run, "--num-samples", "2", *arguments)
    return json.loads((run / file).read_text())


def change_config(run, **changes):
    path = run / ".hydra" / "config.yaml"
    config = OmegaConf.load(path)
    for key, value in changes.items():
        OmegaConf.update(config, key.replace("__", "."), value)
    OmegaConf.save(config, path)


def files_of(run):
    """Return every file of a run and its contents."""
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def assert_refused(run, *arguments, because):
    """Assert that one line says why, and that no file was made, changed or removed."""
    before = files_of(run)
    assert because in refusal_of("evaluate", run, *arguments)
    assert files_of(run) == before


def test_every_figure_has_a_unit_and_the_protocol_is_stated(run):
    evaluation = evaluate(run)
    assert (evaluation["format"], evaluation["version"]) == (
        record.FORMAT,
        record.VERSION,
    )
    assert evaluation["protocol"] == {
        "dataset": "FashionMNIST",
        "split": "test",
        "images": TEST,
        "training_images": TRAIN,
        "binarization": "dynamic",
        "num_samples": 2,
        "seed": 0,
    }
    metrics = evaluation["metrics"]
    assert metrics.keys() == {
        "elbo", "rate", "distortion", "mutual_information", "aggregate_kl", "active_units",
        "reconstruction_mse", "nll", "nll_bpd", "effective_sample_size", "linear_probe_accuracy",
        "knn_accuracy",
    }  # fmt: skip
    for name, figure in metrics.items():
        assert figure["unit"], name
        assert math.isfinite(figure["value"]), name
        assert (figure["standard_error"] is None) == (name == "active_units"), name
    total = metrics["rate"]["value"] + metrics["distortion"]["value"]
    assert metrics["elbo"]["value"] == pytest.approx(-total)
    assert 1 <= metrics["effective_sample_size"]["value"] <= 2


def test_the_training_behind_the_weights_is_described(run):
    described = evaluate(run)["run"]
    summary = json.loads((run / "summary.json").read_text())
    assert described["name"] == "debug"
    assert described["seed"] == 0
    assert described["weights"] == "best"
    assert described["epoch_of_weights"] in (1, 2)
    assert "latent_dim=2" in described["overrides"]
    for key in ("status", "epochs", "training_seconds", "hardware", "parameters", "git_commit"):
        assert described[key] == summary[key]


def test_the_terminal_says_images_binarisation_and_number_of_samples(run, capsys):
    evaluate(run)
    shown = capsys.readouterr().out
    assert f"debug · {TEST} test images of FashionMNIST, binarisation dynamic" in shown
    for line in shown.splitlines():
        is_sampled = any(name in line for name in ("nll", "effective_sample_size"))
        assert ("(K = 2)" in line) == is_sampled
    assert "evaluation.json" in shown


def test_the_seed_decides(run):
    first, again = evaluate(run)["metrics"], evaluate(run)["metrics"]
    other = evaluate(run, "--seed", "1")["metrics"]
    assert first == again
    assert first["nll"] != other["nll"]
    assert first["rate"] == other["rate"]  # in closed form


def test_validation_images_and_another_file_may_be_asked_for(run, tmp_path):
    output = tmp_path / "elsewhere.json"
    run_script("evaluate", run, "--num-samples", "1", "--split", "val", "--output", output)
    protocol = json.loads(output.read_text())["protocol"]
    assert (protocol["split"], protocol["images"], protocol["num_samples"]) == ("val", VAL, 1)
    assert not (run / "evaluation.json").exists()


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`")
def test_digits_get_distances_of_samples_and_a_file_of_their_own(run, monkeypatch):
    monkeypatch.setattr(mnist_format, "unpack_mnist", lambda root: None)  # these are not the real
    evaluation = evaluate(run, "--data", "mnist", file="evaluation_mnist.json")
    assert evaluation["protocol"]["dataset"] == "MNIST"
    assert {"mnist_fid", "mnist_kid", "precision", "recall"} <= evaluation["metrics"].keys()
    assert all(figure["unit"] for figure in evaluation["metrics"].values())
    assert not (run / "evaluation.json").exists()


def test_grey_pixels_under_a_bernoulli_get_no_log_likelihood(run):
    change_config(run, data__binarization="none")
    evaluation = evaluate(run)
    assert evaluation["protocol"]["binarization"] == "none"
    assert {"elbo_bce", "distortion_bce"} <= evaluation["metrics"].keys()
    assert not {"elbo", "distortion", "nll", "nll_bpd"} & evaluation["metrics"].keys()


def test_a_crashed_run_is_scored_by_its_last_weights(run):
    (run / "checkpoints" / "best.ckpt").unlink()
    (run / "summary.json").unlink()
    described = evaluate(run)["run"]
    assert (described["weights"], described["epoch_of_weights"]) == ("last", 2)
    assert described["status"] is described["epochs"] is described["hardware"] is None
    assert results_table.rows([json.loads((run / "evaluation.json").read_text())], {})


@pytest.mark.parametrize("num_samples", ["0", "-3"])
def test_fewer_than_one_sample_is_refused(run, num_samples):
    because = f"--num-samples must be at least 1, got {num_samples}"
    assert_refused(run, "--num-samples", num_samples, because=because)


def test_what_is_no_run_is_refused(tmp_path):
    assert_refused(tmp_path, because=f"{tmp_path} is not a run directory")
    assert_refused(tmp_path / "nowhere", because="nowhere is not a run directory")


def test_a_run_without_weights_is_refused(run):
    shutil.rmtree(run / "checkpoints")
    assert_refused(run, because="holds no checkpoint: the run ended before its first epoch")


def test_a_class_that_no_longer_exists_is_named(run):
    change_config(run, model___target_="vae_lab.model.vae.Gone")
    assert_refused(run, because="vae_lab.model.vae.Gone, which is not there")


def test_a_constructor_that_has_changed_is_named(run):
    change_config(run, model__colour="blue")
    assert_refused(run, because="vae_lab.model.vae.VAE")


def test_a_configuration_that_does_not_fit_the_weights_is_refused(run):
    change_config(run, latent_dim=3)
    assert_refused(run, because="best.ckpt does not fit the model in")


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_a_damaged_checkpoint_is_refused(run, part):
    path = run / "checkpoints" / "best.ckpt"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert_refused(run, because="best.ckpt is damaged or holds code instead of weights")


def test_a_split_without_images_is_refused(run):
    change_config(run, data__val_size=0)
    assert_refused(run, "--split", "val", because="this run has no val images")


@pytest.mark.parametrize(
    ("content", "version"),
    [
        ({"format": record.FORMAT, "version": 2}, "2"),
        ({"format": record.FORMAT, "version": 0}, "0"),
        ({"version": record.VERSION}, "unknown"),  # another program's
        ([1], "unknown"),
    ],
)
def test_a_file_of_another_version_is_kept(run, content, version):
    (run / "evaluation.json").write_text(json.dumps(content))
    assert_refused(run, because=f"has version {version}, this program writes version 1; move it")


def test_an_earlier_evaluation_is_kept_where_a_new_one_fails_and_else_replaced(run):
    earlier = {
        "format": record.FORMAT,
        "version": record.VERSION,
        "protocol": {"num_samples": 1},
    }
    (run / "evaluation.json").write_text(json.dumps(earlier))
    assert_refused(run, "--num-samples", "0", because="at least 1")
    assert evaluate(run)["protocol"]["num_samples"] == 2


def test_an_evaluation_with_more_samples_is_kept(run):
    protocol = {"num_samples": 10**6}
    better = {
        "format": record.FORMAT,
        "version": record.VERSION,
        "protocol": protocol,
    }
    (run / "evaluation.json").write_text(json.dumps(better))
    assert_refused(run, because="was made with K = 1000000, more than")


def test_the_shell_sees_one_line_and_a_status(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "evaluate.py"), "nowhere"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stdout.strip() == ""
    assert done.stderr.startswith("error: nowhere is not a run directory")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_report_shows_and_writes_what_was_measured_and_what_was_not_run(run, tmp_path, capsys):
    nll = results_table.show(evaluate(run)["metrics"]["nll"])
    capsys.readouterr()
    output = tmp_path / "results.md"
    run_script("report", tmp_path, "--output", output)

    shown = capsys.readouterr().out.splitlines()
    (row,) = (line for line in shown if " debug " in line)
    assert nll in row
    for name in ("gated_standard", "vampprior_dynamic", "ladder"):
        (row,) = (line for line in shown if f" {name} " in line)
        assert "not run" in row

    lines = output.read_text().splitlines()
    assert lines[0] == "# Results"
    assert f"| {' | '.join(results_table.HEADER)} |" in lines
    assert f"| experiment | {' | '.join(results_table.OTHERS)} |" in lines
    first, second = (line for line in lines if line.startswith("| debug |"))
    assert f"| {nll} | 2 | 2 |" in first  # epochs, K
    assert f"dynamic, test {TEST} (training {TRAIN})" in first
    assert "`latent_dim=2`" in first
    assert second.count("|") == len(results_table.OTHERS) + 2
    assert any(line.startswith("| gated_standard | 84.45 ± 0.12 | not run |") for line in lines)


def test_the_report_of_no_folder_is_refused(tmp_path):
    output = tmp_path / "results.md"
    line = refusal_of("report", tmp_path / "nowhere", "--output", output)
    assert "nowhere is not a folder" in line
    assert not output.exists()


def test_more_pseudo_inputs_than_training_images_are_refused(compose, small_data):
    overrides = ("prior=vampprior", f"model.prior.num_components={TRAIN + 1}")
    with pytest.raises(SystemExit) as refusal:
        training.train(compose(*SMALL, *DATA, *overrides, f"data.root={small_data}"))
    line = str(refusal.value)
    expected = f"model.prior.num_components must be at most {TRAIN}, the number of training images"
    assert line.startswith(f"error: {expected}")
    assert "\n" not in line
