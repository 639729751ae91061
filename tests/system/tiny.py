"""Runs of half a second, and how two of them are compared."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from command_line import HERE
from idx_files import write_numbered_images

TINY = (f"--config-dir={HERE / 'conf'}", "experiment=tiny")
STEPS_PER_EPOCH = 8
EPOCHS = 3
UNREPEATABLE = ("train/images_per_second",)


def write_data(folder: Path) -> Path:
    """Write the images that tiny runs train on; return where they lie."""
    write_numbered_images(folder, train=8 * STEPS_PER_EPOCH + 8, test=10)
    return folder


def signal_at(step: int, name: str, **others: object) -> str:
    """Return the override with which a run sends itself a signal; see ``probes.Signal``."""
    fields = {"_target_": "probes.Signal", "name": name, "step": step} | others
    return f"+callbacks.signal={{{','.join(f'{key}: {value}' for key, value in fields.items())}}}"


def summary(run: Path) -> dict[str, Any]:
    """Return how a run ended."""
    return json.loads((run / "summary.json").read_text())


def checkpoint(run: Path, name: str = "last") -> dict[str, Any]:
    """Return a checkpoint of a run."""
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


def curves(run: Path) -> list[tuple[str, ...]]:
    """Return the rows of ``metrics.csv``, in an order of their own, without measured times."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    return sorted(row for row in rows if row[2] not in UNREPEATABLE)


def assert_same(found: Path, expected: Path) -> None:
    """Compare two runs that ended: weights, optimiser, curves and final metrics, to the bit."""
    assert summary(found)["status"] == summary(expected)["status"] == "completed"
    for name in ("last", "best"):
        one, other = checkpoint(found, name), checkpoint(expected, name)
        for key in ("state_dict", "current_model_state"):
            assert_equal_tensors(one.get(key, {}), other.get(key, {}))
        for number, state in other["optimizer_states"][0]["state"].items():
            assert_equal_tensors(one["optimizer_states"][0]["state"][number], state)
    assert curves(found) == curves(expected)
    assert summary(found)["metrics"] == summary(expected)["metrics"]


def assert_equal_tensors(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Compare two dictionaries of tensors, to the bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
