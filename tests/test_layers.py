"""Imports point one way; who may import what is read from the syntax tree."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "vae_lab"

# A room is a folder of vae_lab, or a module beside them. It imports from the floors below its own,
# and from the rooms that stand before it on its own floor.
FLOORS = [
    ["trained", "reports", "explorer"],
    ["training"],
    ["runs", "pictures"],
    ["evaluation"],
    ["objectives", "data"],
    ["model"],
    ["checks", "collectives", "decoding", "extras", "files", "seeding"],
]
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

MAY_IMPORT = {
    "hydra": {"runs", "training"},
    "omegaconf": {"runs", "training", "reports"},
    "lightning": {"data", "training"},
    "lightning_fabric": set(),
    "pytorch_lightning": set(),
    "fastapi": {"explorer"},
    "pydantic": {"explorer"},
    "starlette": {"explorer"},
    "uvicorn": set(),
    "huggingface_hub": {"trained"},
    "datasets": set(),
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
    assert set(OURS) == set(FLOOR_OF) | {"__init__"}


@pytest.mark.parametrize("room", FLOOR_OF)
def test_a_room_imports_from_the_floors_below_and_from_those_before_it_on_its_own(room):
    floor = FLOORS[FLOOR_OF[room]]
    before = set(floor[: floor.index(room)])
    below = {other for other in FLOOR_OF if FLOOR_OF[other] > FLOOR_OF[room]}
    assert OURS[room] <= below | before


def test_networks_import_nothing_of_ours_but_checks_and_are_imported_by_configuration_alone():
    networks = PACKAGE / "model" / "networks"
    for path in PACKAGE.rglob("*.py"):
        ours = [name for name in imports_of(path.read_text()) if name.startswith("vae_lab.")]
        if networks in path.parents:
            allowed = ("vae_lab.model.networks.", "vae_lab.checks.")
            assert all(name.startswith(allowed) for name in ours), path
        else:
            assert not any("networks" in name for name in ours), path


def test_the_package_itself_imports_only_what_opens_a_model():
    assert OURS["__init__"] == {"trained"}


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_a_framework_is_imported_only_where_it_belongs(library):
    rooms = {
        room for room, names in IMPORTS.items() if library in {name.split(".")[0] for name in names}
    }
    assert rooms <= MAY_IMPORT[library]


HEAVY = ("torch", "lightning", "torchvision", "matplotlib", "sklearn")


@pytest.mark.parametrize(
    "module",
    ["train", "vae_lab", "vae_lab.evaluation.metrics"]
    + [f"vae_lab.runs.{path.stem}" for path in (PACKAGE / "runs").glob("[a-z]*.py")
       if path.stem != "search"],
)  # fmt: skip
def test_composing_a_run_and_reading_its_folder_load_nothing_heavy(module):
    command = f"import sys, {module}; print(*sorted(set(sys.modules) & {set(HEAVY)}))"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.split() == []
