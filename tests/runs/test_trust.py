"""A run directory is opened without calling what only its author has a reason to trust."""

import ast
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from small_runs import SMALL, write_run

import vae_lab
from vae_lab.data import ImageDataModule
from vae_lab.runs import trust
from vae_lab.runs.rundir import RunDir

ROOT = Path(__file__).parents[2]
STRANGERS = [
    "os.system", "shutil.rmtree", "shutil.copytree", "builtins.eval", "builtins.dict",
    "subprocess.run", "subprocess.Popen", "importlib.import_module", "functools.partial",
    "hydra.utils.get_object", "torch.load", "torch.hub.load", "torch.nn.functional.relu",
    "torch.nn", "torch.nn.", "torch.nnn.Linear", "vae_lab", "vae_lab.load", "", ".", None, 3,
    "vae_lab.runs.rundir.RunDir", "vae_lab.runs.rundir.os.system", "vae_lab.runs.trust.importlib",
    "vae_lab.objectives.schedules.Constant", "vae_lab.no.VAE", "vae_labs.model.vae.VAE",
    "torchvision.io.write_file", "torchvision.datasets.MNIST", "test_trust.Tripwire",
    ["os", "system"], {"_target_": "os.system"},
]  # fmt: skip
NETWORK = {"_target_": "torch.nn.Identity"}
PLACES = (
    lambda stranger: stranger,
    lambda stranger: NETWORK | {"x": stranger},
    lambda stranger: NETWORK | {"x": [1, [stranger]]},
    lambda stranger: NETWORK | {"x": {"a": {"b": stranger}}},
    lambda stranger: NETWORK | {"x": {"_partial_": True} | stranger, "_partial_": True},
    lambda stranger: NETWORK | {"x": stranger, "_recursive_": False},
)


class Tripwire(torch.nn.Module):
    """A network of nobody we know."""

    def __init__(self, *arguments, **named):
        raise AssertionError("built what was not to be trusted")


class Identity(torch.nn.Identity):
    """A network of one's own."""


def identity(**named):
    """Return one, as somebody's function may."""
    return Identity()


class Pixels(ImageDataModule):
    """Data of one's own."""


def changed(run, key, value):
    """Change the configuration of a run; return its folder."""
    path = RunDir(run).config_file
    config = OmegaConf.load(path)
    OmegaConf.update(config, key, value, merge=False, force_add=True)
    OmegaConf.save(config, path)
    return run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", *SMALL)


@pytest.mark.parametrize("kind", ["model", "data"])
@pytest.mark.parametrize("target", STRANGERS, ids=str)
def test_nothing_but_parts_of_known_libraries_is_called(target, kind):
    stranger = {"_target_": target, "command": "exit 1"}
    for place in PLACES:
        with pytest.raises(ValueError, match=rf"{kind}.* names .*, which is no.*and was not built"):
            trust.build(place(stranger), kind, ())


@pytest.mark.parametrize("part", ["model", "model.encoder.activation", "data"])
def test_opening_a_run_calls_nothing_that_it_names(part, run, tmp_path):
    stranger = {"_target_": "shutil.copytree", "src": str(run), "dst": str(tmp_path / "copied")}
    changed(run, part, stranger | {"image_shape": [1, 28, 28]})
    opener = RunDir(run)
    with pytest.raises(ValueError, match=rf"{part} names shutil.copytree, .* was not built"):
        opener.open_data("test") if part == "data" else vae_lab.load(run)
    assert not (tmp_path / "copied").exists()


def test_what_the_command_line_named_is_not_called_either(run, tmp_path):
    lines = [
        f"model={{_target_:pathlib.Path.mkdir,self:{tmp_path}/made}}",
        "model._target_=os.abort",
    ]
    OmegaConf.save(OmegaConf.create(lines), RunDir(run).overrides_file)
    vae_lab.load(run)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.latent_dim", "${oc.env:SECRET}"),
        ("model.encoder.hidden_sizes", ["${oc.decode:${oc.env:SECRET}}"]),
        ("latent_dim", "${oc.env:SECRET}"),  # the model refers to it
        ("name", "vae ${now:%H}"),
        ("seed", "${hydra:job.num}"),
        ("data.root", "${oc.env:VAE_LAB_DATA,data}/${oc.env:SECRET}"),
        ("data.root", "$${latent_dim}{oc.env:SECRET}"),
        ("data.root", r"\${oc.env:SECRET}"),
        ("data.root", "${oc.env:${name}}"),
    ],
)
def test_what_lies_outside_the_run_is_not_read(key, value, run, monkeypatch):
    monkeypatch.setenv("SECRET", "2")
    changed(run, key, value)
    with pytest.raises(ValueError, match="refers to what lies outside the run") as refusal:
        vae_lab.load(run)
    assert key.rpartition(".")[2] in str(refusal.value)


def test_the_parts_of_a_reference_do_not_make_another_one(run, monkeypatch):
    monkeypatch.setenv("SECRET", "2")
    for key, value in {"name": "$", "run": "{oc.env:SECRET}", "model.x": "${name}${run}"}.items():
        changed(run, key, value)
    with pytest.raises(ValueError, match=r"model.x refers to what lies outside the run"):
        vae_lab.load(run)


def test_the_data_lie_where_this_machine_says(run, monkeypatch):
    monkeypatch.setenv("VAE_LAB_DATA", "here")
    assert RunDir(run).description()["data"]["root"] == "here"


@pytest.mark.parametrize("tag", ["object/apply:os.system [exit]", "object/new:os.abort []",
                                 "name:os.system", "module:os"])  # fmt: skip
@pytest.mark.parametrize("file", ["config_file", "overrides_file"])
def test_tags_of_yaml_make_no_objects(file, tag, run):
    path = getattr(RunDir(run), file)
    begun = path.read_text() + "x: " if path.exists() else "- "
    path.write_text(f"{begun}!!python/{tag}\n")
    with pytest.raises(ValueError, match="is not what vae-lab wrote"):
        RunDir(run).config() if file == "config_file" else RunDir(run).overrides()


@pytest.mark.parametrize("name", ["Identity", "identity"])
def test_a_module_of_ones_own_is_built_if_it_is_trusted(name, run):
    changed(run, "model", {"_target_": f"test_trust.{name}"})
    hint = r"add trust=\['test_trust'\] / --trust test_trust if you trust it"
    with pytest.raises(ValueError, match=f"names test_trust.{name}, .*{hint}"):
        RunDir(run).open_model()
    built = trust.build({"_target_": f"test_trust.{name}"}, "model", ["test_trust"])
    assert isinstance(built, Identity)


def test_data_of_ones_own_are_built_if_they_are_trusted():
    pixels = {"_target_": "test_trust.Pixels", "_partial_": True}
    with pytest.raises(ValueError, match="no data module or network of"):
        trust.build(pixels, "data", ())
    assert trust.build(pixels, "data", ["test_trust"]).func is Pixels


def test_trust_does_not_reach_through_a_module_to_others():
    for target in ("test_trust.ast.parse", "test_trust.Path", "test_trust.OmegaConf.load"):
        with pytest.raises(ValueError, match="and was not built"):
            trust.build({"_target_": target}, "model", ["test_trust"])


def test_a_trusted_module_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no module mynet for mynet.Wide; put .* on PYTHONPATH"):
        trust.build({"_target_": "mynet.Wide"}, "model", ["mynet"])


@pytest.mark.parametrize("room", ["trained", "explorer", "reports"])
def test_what_opens_runs_builds_nothing_by_itself(room):
    for path in (ROOT / "src" / "vae_lab" / room).glob("*.py"):
        names = [n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.alias)]
        assert "instantiate" not in names, path
