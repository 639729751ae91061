"""Which jobs a sweep should have, read from what Hydra's sweeper saved."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from run_folders import make_sweep

from vae_lab.runs.overrides import MULTIRUN, parse, plain, quoted, read_sweep, varied


def sweep_of(folder, *task, **sweeper):
    make_sweep(folder, *task, **sweeper)
    return read_sweep(folder / MULTIRUN)


def test_the_jobs_of_a_grid_are_its_product(tmp_path):
    sweep = sweep_of(tmp_path, "latent_dim=2,8", "model=mlp,conv", "trainer.max_epochs=3")
    assert sweep.jobs == [
        {"latent_dim": dim, "model": model, "trainer.max_epochs": 3}
        for dim in (2, 8)
        for model in ("mlp", "conv")
    ]
    assert sweep.varied == ["latent_dim", "model"]
    assert sweep.trials is None


@pytest.mark.parametrize("values", ["1,2,3", "range(1,4)", "choice(1,2,3)"])
def test_every_way_to_write_a_grid_is_understood(tmp_path, values):
    assert sweep_of(tmp_path, f"seed={values}").jobs == [{"seed": 1}, {"seed": 2}, {"seed": 3}]


def test_a_grid_may_stand_in_the_configuration_of_the_sweeper(tmp_path):
    sweep = sweep_of(tmp_path, "seed=7", params={"latent_dim": "2,8"})
    assert sweep.jobs == [{"latent_dim": 2, "seed": 7}, {"latent_dim": 8, "seed": 7}]


def test_what_names_the_sweep_is_no_setting(tmp_path):
    sweep = sweep_of(tmp_path, "sweep.name=latents", "name=x", "logger=wandb", "seed=0,1")
    assert sweep.jobs == [{"seed": 0}, {"seed": 1}]


def test_a_search_knows_how_many_jobs_but_not_which(tmp_path):
    sweep = sweep_of(tmp_path, "optimizer.lr=interval(1e-4,1e-2)", n_trials=20)
    assert (sweep.jobs, sweep.varied, sweep.trials) == ([], [], 20)


@pytest.mark.parametrize("text", ["", "{", "a: 1", "hydra: {overrides: {task: 3}}", "- a"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / MULTIRUN).write_text(text)
    with pytest.raises(ValueError, match=r"multirun\.yaml is damaged"):
        read_sweep(tmp_path / MULTIRUN)


@pytest.mark.parametrize("text", ["it's", "a, b", "x=(1)", "back\\", "[a]", "1"])
def test_a_quoted_text_is_itself_on_the_command_line(text):
    override = OverridesParser.create().parse_override(f"key={quoted(text)}")
    assert override.value() == text


def test_overrides_are_read_as_hydra_reads_them():
    lines = ["latent_dim=8", "optimizer.lr=1e-3", "+trainer.x=true", "~callbacks.film", "a=[1,b]"]
    assert parse(lines) == {
        "latent_dim": 8,
        "optimizer.lr": 0.001,
        "trainer.x": True,
        "callbacks.film": None,
        "a": "[1,b]",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (OmegaConf.create([400, 200]), "[400,200]"),
        (OmegaConf.create({"_target_": "torch.optim.Adam", "lr": 1}), "Adam"),
        (OmegaConf.create({"lr": 1}), "{…}"),
        (None, None),
        (2.5, 2.5),
    ],
)
def test_a_setting_is_a_number_or_a_short_text(value, shown):
    assert plain(value) == shown


def test_of_a_jobs_settings_the_sweep_varies_some_and_without_a_grid_all_count(tmp_path):
    settings = {"latent_dim": 2, "trainer.max_epochs": 3}
    assert varied(tmp_path / "job", settings) == settings
    make_sweep(tmp_path, "latent_dim=2,8", "trainer.max_epochs=3")
    assert varied(tmp_path / "job", settings) == {"latent_dim": 2}
