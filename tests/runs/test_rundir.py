"""Run directories that no command line made, and curves read back."""

import ast

import pytest
from command_line import ROOT
from omegaconf import OmegaConf

from vae_lab.runs import launch
from vae_lab.runs.rundir import RunDir


def test_a_composed_experiment_can_be_opened_again(tmp_path):
    config = launch.compose(ROOT / "conf", tmp_path / "run", ["latent_dim=3", "objective.beta=2"])
    assert (config.latent_dim, config.objective.beta) == (3, 2)
    loaded = RunDir(tmp_path / "run").config()
    assert OmegaConf.to_container(loaded.model, resolve=True) == OmegaConf.to_container(
        config.model, resolve=True
    )
    assert RunDir(tmp_path / "run").overrides() == ["latent_dim=3", "objective.beta=2"]


def test_a_curve_holds_the_values_of_its_metric_alone(tmp_path):
    lines = ["step,epoch,metric,value", "9,0,val/kl,1.5", "9,0,val/elbo,-3", "19,1,val/kl,2.5"]
    (tmp_path / "metrics.csv").write_text("\n".join(lines))
    assert RunDir(tmp_path).curve("val/kl") == {9: 1.5, 19: 2.5}
    with pytest.raises(ValueError, match="has no metric val/nonesuch"):
        RunDir(tmp_path).curve("val/nonesuch")


def names_outside_docstrings(path):
    """Yield every string in a module that is not documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documents:
            yield str(node.value)


def test_no_other_module_knows_what_the_files_of_a_run_are_called():
    files = ("summary.json", "metrics.csv", "evaluation.json", "evaluation_", ".ckpt", "traceback_")
    for path in (ROOT / "src").rglob("*.py"):
        found = [name for name in names_outside_docstrings(path) if any(f in name for f in files)]
        assert bool(found) == (path.name == "rundir.py"), (path, found)
