"""``scripts/report.py`` on folders of runs: what it prints and writes, and what it refuses."""

import pytest
from run_folders import make_run, make_sweep, metrics_of
from script_runner import refusal_of, run_script


@pytest.fixture
def sweep(tmp_path):
    """A sweep of three sizes and two seeds: four done, one failed, one damaged or missing each."""
    folder = tmp_path / "latents"
    make_sweep(folder, "latent_dim=2,8,16", "seed=0,1", "sweep.name=latents")
    for dim, seed in ((2, 0), (2, 1), (8, 0)):
        overrides = (f"latent_dim={dim}", f"seed={seed}", "sweep.name=latents")
        make_run(folder / ",".join(overrides[:2]), *overrides,
                 metrics=metrics_of(-110.0 + dim + seed, dim, 90.0))  # fmt: skip
    make_run(folder / "latent_dim=8,seed=1", "latent_dim=8", "seed=1", status="failed",
             error="error: train/loss is nan at step 3")  # fmt: skip
    make_run(folder / "latent_dim=16,seed=0", "latent_dim=16", "seed=0", status="running")
    (folder / "broken").mkdir()
    (folder / "broken" / "summary.json").write_text("{")
    return folder


def test_a_sweep_is_reported_in_the_terminal_and_in_its_folder(sweep, capsys):
    run_script("report", sweep)
    shown = capsys.readouterr().out
    assert "7 runs: 3 completed, 1 damaged, 1 failed, 1 missing, 1 unfinished" in shown
    assert "-107.50 ± 0.71" in shown
    for line in ("train/loss is nan at step 3", "latent_dim=16,seed=1", "after 0 of 10 epochs"):
        assert line in shown

    page = (sweep / "report.html").read_text()
    assert "<title>latents</title>" in page
    assert "<code>python train.py -m latent_dim=2,8,16 seed=0,1 sweep.name=latents</code>" in page
    assert "error: train/loss is nan at step 3" in page
    assert "-107.50 ± 0.71" in page
    assert page.count("<svg") == 4
    assert len((sweep / "report.csv").read_text().splitlines()) == 1 + 7
    assert {path.name for path in sweep.glob("report*")} == {"report.html", "report.csv"}


def test_a_second_report_is_the_same(sweep):
    run_script("report", sweep)
    before = (sweep / "report.html").read_text()
    run_script("report", sweep)
    assert (sweep / "report.html").read_text() == before


def test_a_folder_of_sweeps_and_runs_is_reported_as_one(sweep, capsys):
    make_run(sweep.parent / "vae" / "2026-01-01_00-00-00")
    run_script("report", sweep.parent)
    assert "8 runs: 4 completed" in capsys.readouterr().out
    assert "vae/2026-01-01_00-00-00" in (sweep.parent / "report.html").read_text()


def test_runs_of_which_none_is_completed_are_listed(tmp_path, capsys):
    make_run(tmp_path / "a", status="failed", error="error: no data")
    run_script("report", tmp_path)
    assert "error: no data" in capsys.readouterr().out
    assert "error: no data" in (tmp_path / "report.html").read_text()


def test_an_empty_folder_is_refused_in_one_line(tmp_path):
    assert "holds no run and no evaluation" in refusal_of("report", tmp_path)
    assert list(tmp_path.iterdir()) == []
