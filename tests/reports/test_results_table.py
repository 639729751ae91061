"""The results table: which rows there are, and what stands in them."""

import copy
import json

import pytest

from vae_lab.evaluation import record
from vae_lab.reports.results_table import (
    HEADER,
    OTHERS,
    markdown,
    other_rows,
    read_evaluations,
    rows,
    show,
)

CLAIM = {"nll": 84.4, "standard_error": 0.12, "num_samples": 5000, "epochs": 2000, "source": "a"}
VAGUE = {"nll": 79.24, "standard_error": None, "num_samples": 1000, "epochs": None, "source": "b"}
EVALUATION = {
    "format": record.FORMAT,
    "version": record.VERSION,
    "run": {
        "name": "gated",
        "overrides": ["experiment=gated", "trainer.max_epochs=300", "optimizer.lr=1e-3"],
        "seed": 7,
        "epochs": 300,
        "training_seconds": 5430.0,
        "hardware": {"device": "cpu", "name": "Chip", "threads": 2, "processes": 1},
    },
    "published": CLAIM,
    "protocol": {
        "split": "test",
        "images": 10_000,
        "training_images": 50_000,
        "binarization": "dynamic",
        "dataset": "MNIST",
        "num_samples": 500,
    },
    "metrics": {
        "nll": {"value": 85.126, "unit": "nats/image", "standard_error": 0.2349},
        "active_units": {"value": 31.0, "unit": "of 40", "standard_error": None},
        "knn_accuracy": {"value": 0.95126, "unit": "fraction", "standard_error": 0.0021},
    },
}


def evaluation(**changes):
    """Return an evaluation with ``part__key=value`` changed."""
    changed = copy.deepcopy(EVALUATION)
    for path, value in changes.items():
        part, _, key = path.partition("__")
        if key:
            changed[part][key] = value
        else:
            changed[part] = value
    return changed


def cells(evaluated, claims=()):
    """Return the one row of ``evaluated`` by the names of its columns."""
    (row,) = rows([evaluated], dict(claims))
    return dict(zip(HEADER, row, strict=True))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_row_says_what_was_measured_beside_what_was_published():
    assert cells(evaluation()) == {
        "experiment": "gated",
        "published NLL": "84.40 ± 0.12",
        "measured NLL": "85.13 ± 0.23",
        "epochs": "300 of 2000",
        "K": "500 (5000)",
        "training": "90 min",
        "hardware": "1 × Chip, threads: 2",
        "data": "MNIST, dynamic, test 10,000 (training 50,000)",
        "seed": "7",
        "changed": "`trainer.max_epochs=300` `optimizer.lr=1e-3`",
    }


def test_a_run_that_reruns_nothing_has_no_published_numbers():
    row = cells(evaluation(published=None))
    assert (row["published NLL"], row["epochs"], row["K"]) == ("–", "300", "500")


def test_what_the_source_does_not_say_is_not_made_up():
    row = cells(evaluation(published=VAGUE))
    assert row["published NLL"] == "79.24"
    assert row["epochs"] == "300 of ?"


def test_a_crashed_run_leaves_gaps():
    gone = dict.fromkeys(("run__epochs", "run__training_seconds", "run__hardware"))
    row = cells(evaluation(**gone, run__epoch_of_weights=7, metrics={}))
    assert row["epochs"] == "7 of 2000"
    assert row["training"] == row["hardware"] == row["measured NLL"] == "–"


def test_an_accelerator_is_named_without_threads():
    hardware = {"device": "cuda", "name": "Fast", "threads": 9, "processes": 4}
    assert cells(evaluation(run__hardware=hardware))["hardware"] == "4 × Fast"


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        ([], "–"),
        (["experiment=gated"], "–"),
        (["experiment=gated", "name=x"], "–"),
        (["seed=7", "experiment=gated"], "`seed=7`"),
        (["experiment=gated", "data.binarization=static"], "`data.binarization=static`"),
    ],
)
def test_only_what_changes_the_experiment_counts_as_changed(overrides, changed):
    assert cells(evaluation(run__overrides=overrides))["changed"] == changed


def test_a_run_with_a_name_of_its_own_is_a_run_of_its_experiment():
    named = evaluation(run__name="mine", run__overrides=["experiment=gated", "name=mine"])
    (row,) = rows([named], {"gated": CLAIM})
    assert (row[0], row[HEADER.index("changed")]) == ("mine", "`experiment=gated`")


def test_experiments_that_were_not_run_come_last_and_say_so():
    table = rows([evaluation()], {"ladder": VAGUE, "gated": CLAIM})
    assert [row[0] for row in table] == ["gated", "ladder"]
    assert dict(zip(HEADER, table[1], strict=True)) == {
        "experiment": "ladder",
        "published NLL": "79.24",
        "measured NLL": "not run",
        "epochs": "– of ?",
        "K": "– (1000)",
        **dict.fromkeys(HEADER[5:], "–"),
    }


def test_two_runs_of_an_experiment_are_two_rows_in_their_order():
    table = rows([evaluation(run__seed=1), evaluation(run__seed=0)], {"gated": CLAIM})
    assert [row[HEADER.index("seed")] for row in table] == ["1", "0"]


def test_nothing_evaluated_is_a_table_of_what_is_missing():
    assert rows([], {}) == []
    assert [row[2] for row in rows([], {"gated": CLAIM, "ladder": VAGUE})] == ["not run"] * 2


def test_other_metrics_stand_in_one_order_and_may_be_missing():
    (row,) = other_rows([evaluation()])
    found = dict(zip(OTHERS, row[1:], strict=True))
    assert row[0] == "gated"
    assert found.pop("active_units") == "31 of 40"
    assert found.pop("knn_accuracy") == "0.951 ± 0.002"
    assert set(found.values()) == {"–"}


@pytest.mark.parametrize(
    ("value", "unit", "error", "text"),
    [
        (85.126, "nats/image", 0.2349, "85.13 ± 0.23"),
        (-85.126, "nats/image", 0.2349, "-85.13 ± 0.23"),
        (0.15664, "bits/pixel", 0.00044, "0.1566 ± 0.0004"),
        (0.95126, "fraction", 0.0021, "0.951 ± 0.002"),
        (0.5, "fraction", None, "0.500"),
        (1.0, "fraction", 0.0, "1.000"),
        (39.8152, "squared feature distance", None, "39.82"),
        (31.0, "of 40", None, "31 of 40"),
        (12.0, "", None, "12"),
    ],
)
def test_a_figure_is_shown_in_as_many_digits_as_its_unit_deserves(value, unit, error, text):
    assert show({"value": value, "unit": unit, "standard_error": error}) == text


def test_markdown_has_a_header_a_rule_and_a_line_per_row():
    text = markdown(("a", "b"), [("1", "2"), ("3", "–")])
    assert text == "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | – |"


def test_a_whole_table_has_as_many_cells_in_every_line():
    table = markdown(HEADER, rows([evaluation()], {"ladder": VAGUE})).splitlines()
    assert {line.count("|") for line in table} == {len(HEADER) + 1}
    assert len(table) == 4


def test_all_evaluations_below_a_folder_are_read_in_the_order_of_their_paths(tmp_path):
    for seed, place in enumerate(("b/evaluation.json", "a/x/evaluation_mnist.json", "a.json")):
        write(tmp_path / place, evaluation(run__seed=seed))
    write(tmp_path / "b" / "summary.json", {"version": 99})
    write(tmp_path / "b" / "list.json", [1, 2])
    (tmp_path / "b" / "notes.txt").write_text("{")
    assert [e["run"]["seed"] for e in read_evaluations(tmp_path)] == [1, 2, 0]


def test_a_folder_without_evaluations_is_empty(tmp_path):
    assert read_evaluations(tmp_path) == []


@pytest.mark.parametrize("version", [0, record.VERSION + 1, "1"])
def test_an_evaluation_of_another_version_is_refused_by_name(tmp_path, version):
    write(tmp_path / "evaluation.json", evaluation(version=version))
    with pytest.raises(ValueError, match=rf"evaluation\.json has version {version}, this program"):
        read_evaluations(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"format": "vae-lab evaluation", '])
def test_damaged_json_is_refused_by_name(tmp_path, text):
    (tmp_path / "evaluation.json").write_text(text)
    with pytest.raises(ValueError, match=r"evaluation\.json is damaged"):
        read_evaluations(tmp_path)


@pytest.mark.parametrize("place", ["nowhere", "file"])
def test_what_is_no_folder_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match=f"{place} is not a folder"):
        read_evaluations(tmp_path / place)
