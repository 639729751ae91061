"""What tables say, and how they fit a terminal."""

import csv
import io

import pytest
from rich.console import Console
from run_folders import make_run, make_sweep, metrics_of

from vae_lab.reports import Frame, print_overview
from vae_lab.reports.statistics import Estimate
from vae_lab.reports.tables import csv_text, fit, setting_columns
from vae_lab.reports.words import (
    meaning,
    metrics,
    short_names,
    show_estimate,
    show_seconds,
    show_value,
    state,
)


@pytest.fixture
def sweep(tmp_path):
    """Two models, two seeds: 3 runs done, 1 failed; ELBO of ``conv`` −90, of ``mlp`` −100."""
    make_sweep(tmp_path, "model=mlp,conv", "seed=0,1")
    for model, seed, elbo in (("mlp", 0, -101.0), ("mlp", 1, -99.0), ("conv", 0, -90.0)):
        overrides = (f"model={model}", f"seed={seed}")
        figures = metrics_of(elbo, 25.0, 95.0)
        make_run(tmp_path / ",".join(overrides), *overrides, metrics=figures, seconds=300.0)
    make_run(tmp_path / "failed", "model=conv", "seed=1", status="failed", error="[b]no memory")
    return Frame.read(tmp_path)


def printed(frame, width):
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    print_overview(frame, console)
    return console.file.getvalue()


def cells(columns):
    return {column.header: column.cells for column in columns}


def test_a_row_per_setting_with_mean_deviation_and_number_of_seeds(sweep):
    table = cells(setting_columns(sweep))
    assert table["model"] == ["conv", "mlp"]
    assert table["seeds"] == ["1", "2"]
    assert table["val/elbo"] == ["-90.00", "-100.00 ± 1.41"]
    assert table["test/nll"] == ["95.00", "95.00 ± 0.00"]
    assert table["time"] == ["5.0 min", "5.0 min"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_overview_fits_the_terminal_and_keeps_what_matters(sweep, width):
    text = printed(sweep, width)
    assert max(map(len, text.splitlines())) <= width
    for shown in ("-100.00 ± 1.41", "conv", "2", "1 failed", "[b]no memory", "higher is better"):
        assert shown in text


def test_columns_go_from_the_right_where_there_is_no_room(sweep):
    columns = setting_columns(sweep)
    wide = [column.header for column in fit(columns, 500)]
    narrow = [column.header for column in fit(columns, 62)]
    assert wide == [column.header for column in columns]
    assert narrow == ["model", "seeds", "val/elbo", "test/elbo", "time"]


def test_where_settings_take_too_much_room_only_uncommon_values_are_named(tmp_path):
    for number in range(6):
        overrides = [f"+group.number_{i}={int(i == number)}" for i in range(6)]
        make_run(tmp_path / str(number), *overrides)
    text = printed(Frame.read(tmp_path), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "│ number_3=1 │" in text
    assert "number_0=0" in text


def test_units_directions_samples_and_spread_are_stated(sweep):
    text = meaning(sweep, metrics(sweep))
    for part in ("nats/image", "elbo: higher is better", "nll: lower is better",
                 "test/nll: K = 100", "standard deviation over seeds"):  # fmt: skip
        assert part in text
    assert "nll" not in meaning(sweep, ["val/elbo"])


def test_how_many_runs_ended_how(sweep):
    assert state(sweep) == "4 runs: 3 completed, 1 failed"


def test_a_search_says_how_many_trials_were_wanted(tmp_path):
    make_sweep(tmp_path, "seed=interval(0,9)", n_trials=5)
    make_run(tmp_path / "0", "seed=3")
    assert state(Frame.read(tmp_path)) == "1 run: 1 completed, 5 trials wanted"


def test_csv_has_every_run_unrounded(sweep):
    rows = list(csv.DictReader(io.StringIO(csv_text(sweep))))
    assert [row["run"] for row in rows] == [run.name for run in sweep.runs]
    done = next(row for row in rows if row["run"] == "model=mlp,seed=1")
    assert (done["model"], done["seed"], done["compared_by"]) == ("mlp", "1", "elbo")
    assert float(done["val/elbo"]) == -99.0
    assert float(done["seconds"]) == 300.0
    assert rows[0]["val/elbo"] == ""
    assert rows[0]["detail"] == "[b]no memory"


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["optimizer.lr"], ["lr"]),
        (["a.b.x", "a.c.x", "y"], ["b.x", "c.x", "y"]),
        (["objective.beta.epochs", "trainer.max_epochs"], ["beta.epochs", "max_epochs"]),
        (["lr", "optimizer.lr"], ["lr", "optimizer.lr"]),
        ([], []),
    ],
)
def test_names_are_as_short_as_they_stay_unambiguous(keys, names):
    assert list(short_names(keys).values()) == names
    assert len(set(names)) == len(keys)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (8, "8"), (0.001, "0.001"), (0.00048375, "0.0004838"), (None, "null")],
)
def test_values_look_as_on_the_command_line(value, text):
    assert show_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.4, "0 s"), (119.0, "119 s"), (150.0, "2.5 min"), (9000.0, "2.5 h")],
)
def test_times_have_a_unit_that_suits_them(seconds, text):
    assert show_seconds(seconds) == text


def test_an_estimate_without_deviation_shows_none():
    assert show_estimate(Estimate(-100.456, None, 1)) == "-100.46"
    assert show_estimate(Estimate(-100.456, 0.123, 3)) == "-100.46 ± 0.12"
    assert show_estimate(None) == "–"
