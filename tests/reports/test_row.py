"""A run directory as a row: how it ended, and what of it can be trusted."""

import json
import math

import pytest
from run_folders import make_run, metrics_of, write_best, write_curve

from vae_lab.evaluation import record
from vae_lab.reports.row import read_run
from vae_lab.runs.rundir import RunDir


@pytest.fixture
def place(tmp_path):
    return tmp_path / "job"


def read(place):
    return read_run(RunDir(place), "job")


def write_evaluation(place, **changes):
    content = {
        "format": record.FORMAT,
        "version": record.VERSION,
        "metrics": {"nll": {"value": 94.5, "num_samples": 5000}, "rate": {"value": 25.0}},
    }
    (place / "evaluation.json").write_text(json.dumps(content | changes))


def test_a_completed_run_has_its_settings_metrics_and_counts(place):
    make_run(place, "latent_dim=8", "objective.beta=4", "model=conv", seconds=90.0)
    run = read(place)
    assert (run.status, run.detail, run.compared_by) == ("completed", "", "elbo")
    assert run.metrics == metrics_of(-100.0, 25.0, 95.0)
    assert run.samples == {"test/nll": 100}
    assert run.counts == {"epochs": 10, "seconds": 90.0, "training_seconds": 45.0}
    assert run.hardware == "1 × Chip, threads: 1"
    assert [run.setting(k) for k in ("latent_dim", "objective.beta", "seed")] == [8, 4, 0]
    assert [run.setting(k) for k in ("model", "objective", "nothing")] == ["conv", "elbo", None]
    assert run.protocol == {
        "data": "mnist",
        "binarization": "dynamic",
        "noise": "",
        "likelihood": "bernoulli",
        "K": "100",
        "judged by": "elbo",
    }


def test_a_failed_run_says_why(place):
    make_run(place, status="failed", error="error: train/loss is nan")
    assert (read(place).status, read(place).detail) == ("failed", "error: train/loss is nan")


def test_a_failed_run_without_a_reason_gives_the_last_line_of_its_traceback(place):
    make_run(place, status="failed")
    assert read(place).detail == "no reason was kept"
    (place / "traceback_0.txt").write_text("Traceback:\n  File\nKeyError: 'x'\n")
    assert read(place).detail == "KeyError: 'x'"


def test_a_run_goes_on_as_long_as_its_lock_is_held_and_is_unfinished_after(place):
    make_run(place, status="running")
    write_curve(place, (9, 0, "val/elbo", -120.0), (19, 1, "val/elbo", -110.0),
                (29, 2, "val/elbo", -115.0))  # fmt: skip
    with RunDir(place).lock():
        assert read(place).status == "running"
    run = read(place)
    assert (run.status, run.detail) == ("unfinished", "after 3 of 10 epochs")


def test_a_run_that_goes_on_has_the_metrics_of_its_best_epoch_and_not_the_best_of_any(place):
    make_run(place, status="running")
    write_curve(place, (9, 0, "val/elbo", -110.0), (19, 1, "val/elbo", -120.0))
    write_best(place, bound=-60.0, elbo=-120.0)
    assert read(place).metrics == {"val/bound": -60.0, "val/elbo": -120.0}


def test_a_run_that_is_compared_by_an_unknown_metric_is_told(place):
    make_run(place, compared_by="val/x")
    assert (read(place).status, read(place).detail[:22]) == ("damaged", "x is no known metric; ")


def test_epochs_without_validation_are_counted_when_the_next_begins(place):
    make_run(place, status="running")
    write_curve(place, (9, 0, "train/loss", 120.0), (15, 1, "train/loss", 110.0))
    assert read(place).detail == "after 1 of 10 epochs"


def test_looking_at_a_lock_leaves_it_free(place):
    make_run(place, status="running")
    for _ in range(2):
        with RunDir(place).lock():
            pass
        read(place)


def test_an_interrupted_run_and_one_that_never_trained_are_not_completed(place, tmp_path):
    make_run(place, status="interrupted")
    assert (read(place).status, read(place).detail) == ("interrupted", "after 0 of 10 epochs")
    make_run(tmp_path / "b", status=None)
    run = read_run(RunDir(tmp_path / "b"), "b")
    assert (run.status, run.detail) == ("unfinished", "ended before training began")


def test_a_curve_cut_off_by_a_crash_is_read_up_to_there(place):
    make_run(place, status="running")
    write_curve(place, (9, 0, "val/elbo", -120.0), (19, 1, "val/elbo", math.nan))
    with (place / "metrics.csv").open("a") as file:
        file.write("29,2,val/elbo\n39,3,val/el\0")
    assert read(place).detail == "after 1 of 10 epochs"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("summary.json", ""),
        ("summary.json", '{"status": "completed", "metr'),
        ("summary.json", "[1, 2]"),
        ("summary.json", '{"status": "completed", "metrics": 3}'),
        ("summary.json", '{"status": "completed", "hardware": 3}'),
        (".hydra/config.yaml", "a: ["),
        (".hydra/config.yaml", "- 1"),
        (".hydra/hydra.yaml", "hydra: 3"),
        (".hydra/overrides.yaml", "a: ["),
    ],
)
def test_a_damaged_file_is_told_and_not_raised(place, file, text):
    make_run(place)
    (place / file).write_text(text)
    run = read(place)
    assert run.status == "damaged"
    assert run.detail
    assert "\n" not in run.detail
    assert str(place) not in run.detail


def test_a_metric_that_is_no_finite_number_is_left_out(place):
    make_run(place, metrics={"val/elbo": -1.0, "test/elbo": math.nan, "test/kl": "x"})
    assert read(place).metrics == {"val/elbo": -1.0}


def test_an_evaluation_adds_its_metrics_and_their_samples(place):
    make_run(place)
    write_evaluation(place)
    run = read(place)
    assert (run.metrics["evaluation/nll"], run.metrics["test/nll"]) == (94.5, 95.0)
    assert run.samples == {"test/nll": 100, "evaluation/nll": 5000}


@pytest.mark.parametrize("change", [{"metrics": 3}, {"version": 0}, {"metrics": {"nll": 3}}])
def test_a_damaged_evaluation_leaves_the_run_as_it_is_and_is_told(place, change):
    make_run(place)
    write_evaluation(place, **change)
    run = read(place)
    assert run.is_completed
    assert run.detail.startswith("evaluation.json is damaged or of another version")
    assert run.evaluation is None


def test_grey_pixels_are_compared_under_their_own_name(place):
    metrics = {"val/elbo_bce": -90.0, "test/elbo_bce": -91.0}
    make_run(place, metrics=metrics, compared_by="val/elbo_bce")
    assert read(place).compared_by == "elbo_bce"


def test_a_resumed_run_has_its_new_settings_and_knows_how_it_began(place):
    make_run(place, "latent_dim=8")
    overrides = place / ".hydra" / "overrides.yaml"
    overrides.write_text(overrides.read_text() + "- trainer.max_epochs=20\n")
    run = read(place)
    assert run.overrides == {"latent_dim": 8, "trainer.max_epochs": 20}
    assert run.begun_with == {"latent_dim": 8}
