"""The rows of a report: what differs, who shares a setting, and what is not there."""

import math

import pytest
from run_folders import make_run, make_sweep, metrics_of

from vae_lab.reports import Frame
from vae_lab.runs.overrides import MULTIRUN


def grid(folder, *, without=()):
    """Make a sweep over two latent sizes and two seeds: ELBO −100 or −90, the second seed + 2."""
    make_sweep(folder, "latent_dim=2,8", "seed=0,1")
    for dim, elbo in ((2, -100.0), (8, -90.0)):
        for seed in (0, 1):
            if (dim, seed) not in without:
                metrics = metrics_of(elbo + 2 * seed, dim, 95.0)
                overrides = (f"latent_dim={dim}", f"seed={seed}")
                make_run(folder / ",".join(overrides), *overrides, metrics=metrics)


def test_settings_are_means_over_seeds_best_first(tmp_path):
    grid(tmp_path)
    frame = Frame.read(tmp_path)
    assert frame.keys == ["latent_dim"]
    assert [setting.values for setting in frame.settings] == [{"latent_dim": 8}, {"latent_dim": 2}]
    best = frame.settings[0].estimate("val/elbo")
    assert (best.mean, best.count) == (-89.0, 2)
    assert best.deviation == pytest.approx(math.sqrt(2))
    assert frame.settings[0].estimate("seconds").mean == 60.0
    assert frame.settings[0].estimate("test/nothing") is None
    assert frame.has_seeds
    assert frame.troubled == []


def test_only_completed_runs_count(tmp_path):
    grid(tmp_path, without=[(8, 1)])
    overrides = ("latent_dim=8", "seed=1")
    make_run(tmp_path / "x", *overrides, status="failed", metrics=metrics_of(0.0, 1.0, 2.0))
    frame = Frame.read(tmp_path)
    assert frame.settings[0].estimate("val/elbo").count == 1
    assert [(run.name, run.status) for run in frame.troubled] == [("x", "failed")]


def test_a_job_of_which_there_is_nothing_is_missing(tmp_path):
    grid(tmp_path / "latents", without=[(2, 1), (8, 0)])
    for folder, place in ((tmp_path, "latents/"), (tmp_path / "latents", "")):
        frame = Frame.read(folder)
        assert [(run.name, run.status) for run in frame.troubled] == [
            (f"{place}latent_dim=2,seed=1", "missing"),
            (f"{place}latent_dim=8,seed=0", "missing"),
        ]
        assert frame.keys == ["latent_dim"]


def test_a_job_is_found_by_what_it_was_told_and_not_by_its_directory(tmp_path):
    make_sweep(tmp_path, "latent_dim=2,8", "model=mlp")
    make_run(tmp_path / "a-1b2c", "model=mlp", "latent_dim=8")
    make_run(tmp_path / "b", "latent_dim=2", "model=mlp", "seed=1")
    assert [run.name for run in Frame.read(tmp_path).troubled] == ["latent_dim=2"]


def test_a_job_resumed_for_longer_is_not_missing(tmp_path):
    grid(tmp_path)
    overrides = tmp_path / "latent_dim=2,seed=0" / ".hydra" / "overrides.yaml"
    overrides.write_text(overrides.read_text() + "- trainer.max_epochs=20\n")
    assert Frame.read(tmp_path).troubled == []


def test_a_sweep_of_which_nothing_was_begun_is_all_missing(tmp_path):
    make_sweep(tmp_path, "model=mlp,conv")
    frame = Frame.read(tmp_path)
    assert [(run.status, run.setting("model")) for run in frame.runs] == [
        ("missing", "mlp"),
        ("missing", "conv"),
    ]
    assert frame.keys == ["model"]


def test_a_damaged_multirun_file_is_noted_and_the_runs_are_read(tmp_path):
    grid(tmp_path)
    (tmp_path / MULTIRUN).write_text("{")
    frame = Frame.read(tmp_path)
    assert len(frame.completed) == 4
    (note,) = frame.notes
    assert "multirun.yaml is damaged" in note


def test_a_setting_that_one_run_leaves_at_its_default_differs_where_the_default_does(tmp_path):
    make_run(tmp_path / "a", "latent_dim=20", "optimizer.lr=0.001")
    make_run(tmp_path / "b", "optimizer.lr=0.01")
    frame = Frame.read(tmp_path)
    assert frame.keys == ["optimizer.lr"]
    assert {setting.values["optimizer.lr"] for setting in frame.settings} == {0.001, 0.01}


def test_the_latent_size_counts_even_if_no_command_line_names_it(tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", "+experiment=small")
    config = tmp_path / "b" / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("latent_dim: 20", "latent_dim: 2"))
    assert "latent_dim" in Frame.read(tmp_path).keys


def test_runs_of_different_objectives_stand_in_one_frame(tmp_path):
    make_run(tmp_path / "vae")
    metrics = {"val/reconstruction": -80.0, "test/reconstruction": -81.0}
    make_run(tmp_path / "ae", "objective=autoencoder", metrics=metrics,
             compared_by="val/reconstruction")  # fmt: skip
    frame = Frame.read(tmp_path)
    assert frame.compared_by == ["elbo", "reconstruction"]
    assert [setting.values["objective"] for setting in frame.settings] == ["elbo", "autoencoder"]


def test_likelihoods_on_other_data_are_not_ranked_together(tmp_path):
    for name, pixels, elbo in (("a", "dynamic", -100.0), ("b", "static", -90.0),
                               ("c", "dynamic", -95.0)):  # fmt: skip
        make_run(tmp_path / name, f"data.binarization={pixels}", f"+x={name}",
                 metrics=metrics_of(elbo, 1.0, 2.0))  # fmt: skip
    frame = Frame.read(tmp_path)
    assert [setting.values["x"] for setting in frame.settings] == ["c", "a", "b"]
    assert frame.apart == ["binarization"]
    sections = [[run.setting("x") for run in section.runs] for section in frame.sections]
    assert sections == [["c", "a"], ["b"]]


@pytest.mark.parametrize(("override", "other", "apart"), [
    ("seed=1", {"nll_samples": 5000}, "K"),
    ("seed=1", {"compared_by": "val/reconstruction"}, "judged by"),
    ("seed=1", {"images": "cats 3×32×32"}, "data"),
    ("+data.dequantize=false", {}, "noise"),
])  # fmt: skip
def test_what_is_measured_in_another_way_is_not_ranked_together(tmp_path, override, other, apart):
    make_run(tmp_path / "a", "+x=a", "+data.dequantize=true", images="cats 3×64×64")
    make_run(tmp_path / "b", "+x=b", "+data.dequantize=true", override,
             **{"images": "cats 3×64×64"} | other)  # fmt: skip
    frame = Frame.read(tmp_path)
    assert frame.apart == [apart]
    assert [len(section.runs) for section in frame.sections] == [1, 1]


def test_without_validation_the_test_metric_ranks(tmp_path):
    for name, elbo in (("a", -100.0), ("b", -90.0)):
        make_run(tmp_path / name, f"+x={name}", metrics={"test/elbo": elbo})
    assert [setting.values["x"] for setting in Frame.read(tmp_path).settings] == ["b", "a"]


def test_the_best_is_the_least_of_a_metric_of_which_less_is_better(tmp_path):
    for name, loss in (("a", 100.0), ("b", 90.0)):
        make_run(tmp_path / name, f"+x={name}", metrics={"val/loss": loss}, compared_by="val/loss")
    assert [setting.values["x"] for setting in Frame.read(tmp_path).settings] == ["b", "a"]


def test_hidden_folders_hold_no_runs(tmp_path):
    make_run(tmp_path / ".trash" / "a")
    assert Frame.read(tmp_path).runs == []


def test_a_folder_that_is_a_run_is_a_report_of_one(tmp_path):
    make_run(tmp_path / "run")
    (run,) = Frame.read(tmp_path / "run").runs
    assert (run.name, run.status) == (".", "completed")


def test_what_is_no_folder_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        Frame.read(tmp_path / "nowhere")
