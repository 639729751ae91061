"""Imports point one way; who may import what is read from the syntax tree."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "vae_lab"

# A room is a module or a folder of vae_lab. It imports from its own floor or from one below.
FLOORS = [
    {"training", "scoring", "export", "hub", "pretrained", "trained", "explorer"},
    {"experiment", "launch", "sweeps"},
    {"module", "data", "callbacks", "checkpoints", "runs", "loggers", "report", "reporting",
     "results", "search", "environment", "processes"},
    {"objectives", "evaluation", "schedules", "optimizers", "plots", "films", "paths", "seeding",
     "colors"},
    {"vae", "ladder"},
    {"posteriors", "priors", "likelihoods"},
    {"distributions", "extras"},
]  # fmt: skip
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

MAY_IMPORT = {
    "hydra": {"training", "launch", "runs", "sweeps", "search", "reporting"},
    "omegaconf": {"training", "experiment", "launch", "runs", "sweeps", "search", "loggers",
                  "reporting"},
    "lightning": {"module", "data", "callbacks", "checkpoints", "loggers", "experiment",
                  "training"},
    "lightning_fabric": set(),
    "pytorch_lightning": set(),
    "fastapi": {"explorer"},
    "pydantic": {"explorer"},
    "starlette": {"explorer"},
    "uvicorn": set(),
    "huggingface_hub": {"hub"},
}  # fmt: skip


def imported_names(node):
    """Return the dotted names that one import statement binds; ``from a import b`` is ``a.b``."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, f"line {node.lineno}: a relative import"
    return [f"{node.module}.{alias.name}" for alias in node.names]


def imports_of(source):
    """Return the dotted names that ``source`` imports anywhere, functions included."""
    nodes = ast.walk(ast.parse(source))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return [name for node in imports for name in imported_names(node)]


def imports_on_loading(source):
    """Return the dotted names that are imported when ``source`` is imported."""
    names, waiting = [], list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            names += imported_names(node)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return names


def room_of(path):
    """Return the room that a file of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_by_room():
    """Return the dotted names that each room imports."""
    rooms = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        rooms.setdefault(room_of(path), []).extend(imports_of(path.read_text()))
    return rooms


IMPORTS = imports_by_room()
OURS = {
    room: {name.split(".")[1] for name in names if name.split(".")[0] == "vae_lab"} - {room}
    for room, names in IMPORTS.items()
}


def test_every_form_of_import_is_seen():
    source = """
import a.b
from typing import TYPE_CHECKING
from vae_lab import c
if TYPE_CHECKING:
    from d import e
else:
    import f
def g():
    import h
class i:
    import j
try:
    from k.l import m as n
except ImportError:
    pass
"""
    everywhere = {"a.b", "typing.TYPE_CHECKING", "vae_lab.c", "d.e", "f", "h", "j", "k.l.m"}
    assert set(imports_of(source)) == everywhere
    assert set(imports_on_loading(source)) == everywhere - {"d.e", "h"}


def test_every_room_stands_on_a_floor():
    assert set(OURS) == set(FLOOR_OF) | {"networks", "__init__"}


@pytest.mark.parametrize("room", FLOOR_OF)
def test_a_room_imports_nothing_from_a_floor_above(room):
    above = {other for other in OURS[room] if FLOOR_OF.get(other, -1) < FLOOR_OF[room]}
    assert above == set()


def test_no_two_rooms_import_each_other_even_by_a_detour():
    order = list(TopologicalSorter(OURS).static_order())
    assert set(order) == set(OURS)


def test_networks_import_nothing_of_ours_and_are_imported_by_configuration_alone():
    assert OURS["networks"] == set()
    assert [room for room, others in OURS.items() if "networks" in others] == []


def test_the_package_itself_imports_only_what_opens_a_model():
    assert OURS["__init__"] == {"trained", "pretrained"}


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_a_framework_is_imported_only_where_it_belongs(library):
    rooms = {
        room for room, names in IMPORTS.items() if library in {name.split(".")[0] for name in names}
    }
    assert rooms <= MAY_IMPORT[library]


def test_loggers_use_omegaconf_for_writing_yaml_alone():
    names = [name for name in IMPORTS["loggers"] if name.startswith("omegaconf")]
    assert names == ["omegaconf.OmegaConf"]


LOADED_FIRST = {
    "__init__",
    "launch",
    "processes",
    "report",
    "runs",
    "sweeps",
}  # by Hydra, before anything is trained


@pytest.mark.parametrize(
    "path", [ROOT / "train.py", *(PACKAGE / f"{room}.py" for room in sorted(LOADED_FIRST))]
)
def test_what_hydra_loads_first_does_not_import_torch(path):
    names = imports_on_loading(path.read_text())
    assert {name.split(".")[1] for name in names if name.startswith("vae_lab.")} <= LOADED_FIRST
    assert [name for name in names if name.split(".")[0] in {"torch", "lightning"}] == []


@pytest.mark.parametrize("module", ["vae_lab.runs", "vae_lab.sweeps", "train"])
def test_opening_a_run_directory_and_composing_a_run_do_not_load_torch(module):
    command = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"False"]
