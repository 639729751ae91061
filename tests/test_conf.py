"""Every option that ships in ``conf/`` composes, builds what it promises, and learns."""

import functools
import importlib.util
import inspect
import itertools
import re
from pathlib import Path

import hydra
import pytest
import torch
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import OmegaConf
from own_data import write_own_data
from torch.utils._python_dispatch import TorchDispatchMode

from gpu_checks.options import COMPANIONS
from vae_lab.evaluation.metrics import metric
from vae_lab.model.posteriors import Deterministic
from vae_lab.objectives import ELBO, Autoencoder
from vae_lab.objectives.schedules import Constant, Cyclic, LinearWarmup
from vae_lab.training import build as building

CONF = Path(__file__).parents[1] / "conf"
OPTIONS = sorted(
    (path.parent.relative_to(CONF).as_posix(), path.stem) for path in CONF.glob("*/**/*.yaml")
)
GROUPS = sorted({group for group, _ in OPTIONS})
EXPERIMENTS = sorted((CONF / "experiment").glob("*.yaml"))

# What a machine may lack: (group, option) → whether it is there, and what to say if not.
HAS_DATASETS = (importlib.util.find_spec("datasets"), "datasets is not installed")
HAS_SOAP = (importlib.util.find_spec("pytorch_optimizer"), "pytorch_optimizer is not installed")
NEEDS = {
    ("data", "huggingface"): HAS_DATASETS,
    ("logger", "wandb"): (importlib.util.find_spec("wandb"), "wandb is not installed"),
    ("logger", "mlflow"): (importlib.util.find_spec("mlflow"), "mlflow is not installed"),
    ("optimizer", "soap"): HAS_SOAP,
    ("experiment", "best_cpu"): HAS_SOAP,
    ("experiment", "best_gpu"): (torch.cuda.is_available(), "this machine has no CUDA device"),
    ("trainer", "gpu"): (torch.cuda.is_available(), "this machine has no CUDA device"),
    ("trainer", "fsdp"): (torch.cuda.is_available(), "this machine has no CUDA device"),
    ("trainer", "mps"): (torch.backends.mps.is_available(), "this machine has no MPS device"),
}

# What the data of one's own need beside their option.
OWN_DATA = {
    "arrays": ["data.root={own}/cells.npz"],
    "torchvision": ["data.dataset=FashionMNIST", "data.root={own}", "data.val_size=8"],
    "dsprites": ["data.root={own}/shapes.npz"],
    "huggingface": ["data.root={own}/parquet", "data.cache={own}/cache"],
    "images": ["data.root={own}/pictures", "data.cache={own}/cache"],
}
# Groups whose every option must be able to learn.
SLOTS = {"model", "conditioning", "posterior", "prior", "likelihood", "objective", "optimizer"}
STEPS = 12


@pytest.fixture(scope="module")
def companions(tmp_path_factory):
    """What an option needs beside it on the command line."""
    own = tmp_path_factory.mktemp("own")
    write_own_data(own)

    def beside(group, option):
        if group != "data":
            return COMPANIONS.get(f"{group}={option}", ())
        return [text.replace("{own}", str(own)) for text in OWN_DATA.get(option, [])]

    return beside


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    """Composes the configuration of ``python train.py <overrides>``, each only once."""
    run_dir = tmp_path_factory.mktemp("run")

    @functools.cache
    def composed(overrides):
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return hydra.compose("train", [*overrides, f"run_dir={run_dir}"])

    return lambda *overrides: composed(overrides).copy()


@pytest.fixture(scope="module")
def build(compose):
    """Builds the experiment of ``python train.py <overrides>``."""
    return lambda *overrides: building.build(compose(*overrides))


def targets_in(node):
    """Return every part of a plain configuration that has a ``_target_``."""
    if isinstance(node, list):
        return [target for item in node for target in targets_in(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if "_target_" in node else []
    return own + [target for value in node.values() for target in targets_in(value)]


def assert_accepts(target):
    """Assert that what ``_target_`` names exists and has the arguments it is given."""
    arguments = {key: value for key, value in target.items() if not key.startswith("_")}
    inspect.signature(hydra.utils.get_object(target["_target_"])).bind_partial(**arguments)


def test_the_walk_finds_every_group_of_the_defaults_list():
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra.compose("train", return_hydra_config=True)
    chosen = {group for group in cfg.hydra.runtime.choices if not group.startswith("hydra/")}
    assert {group for group in chosen if "@" not in group} <= set(GROUPS)


class NothingFromTheHost(TorchDispatchMode):
    """Refuses what would make a GPU wait: a number read from a tensor, a tensor made of numbers."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func not in {torch.ops.aten._local_scalar_dense.default,
                            torch.ops.aten.lift_fresh.default}  # fmt: skip
        return func(*args, **(kwargs or {}))


def assert_learns(module):
    """Assert that a few steps on a few images move every weight and raise the objective."""
    model, objective = module.model, module.objective
    images = torch.zeros(8, *model.image_shape)
    images[:, :, 8:20, 8:20] = 1.0
    labels = model.labels_in_turn(len(images))
    optimizer = module.optimizer(module.parameters())
    values = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        with NothingFromTheHost():
            draw = model.draw(images, objective.num_samples, objective.path_gradient, labels)
            value = objective(draw, epoch=1.0).value.mean()
            (-value).backward()
        optimizer.step()
        values.append(value.item())
    learned = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learned)
    assert values[-1] > values[0]


@pytest.mark.slow
@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_names_what_exists_builds_scores_and_learns(
    compose, build, companions, group, option
):
    overrides = [f"{group}={option}", *companions(group, option)]
    plain = OmegaConf.to_container(compose(*overrides), resolve=True, throw_on_missing=True)
    targets = targets_in(plain)
    assert len(targets) >= 10
    for target in targets:
        assert_accepts(target)

    available, reason = NEEDS.get((group, option), (True, ""))
    if not available:
        pytest.skip(reason)
    experiment = build(*overrides)
    module, objective = experiment.module, experiment.module.objective
    images, labels = torch.rand(2, *module.model.image_shape).round(), torch.arange(2)
    draw = module.model.draw(images, objective.num_samples, objective.path_gradient, labels)
    bound = objective(draw, epoch=0.0)
    assert bound.value.shape == (2,)
    assert bound.value.isfinite().all()
    for name in ("bound", "loss", *bound.parts, *objective.scheduled(0.0)):
        assert {"train", "val", "test"} <= set(metric(name).splits)
    assert module.optimizer(module.parameters()).param_groups[0]["lr"] > 0
    assert module.schedule(0.0) >= 0
    assert experiment.trainer.max_epochs >= 1
    if group in SLOTS:
        assert_learns(module)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_has_a_name_of_its_own_and_a_header_that_explains_it(compose, path):
    lines = path.read_text().splitlines()
    header = " ".join(itertools.takewhile(lambda line: line.startswith("#"), lines[1:]))
    assert lines[0] == "# @package _global_"
    assert len(header.split()) >= 10
    assert compose(f"experiment={path.stem}").name == path.stem


def test_the_autoencoder_selects_the_deterministic_posterior_and_what_it_can_report(build):
    experiment = build("objective=autoencoder")
    assert isinstance(experiment.module.objective, Autoencoder)
    assert isinstance(experiment.module.model.posterior, Deterministic)
    assert experiment.compared_by == "val/reconstruction"
    assert experiment.config.monitor == "val/bound"


def test_grey_pixels_under_a_bernoulli_are_compared_under_another_name(build):
    with pytest.warns(UserWarning, match="grey pixels under a Bernoulli"):
        experiment = build("data.binarization=none")
    assert experiment.compared_by == "val/elbo_bce"


def test_without_validation_nothing_is_monitored(build):
    experiment = build("data.val_size=0")
    assert not experiment.validates
    assert experiment.trainer.checkpoint_callback.monitor is None


@pytest.mark.parametrize(
    ("overrides", "mode"), [((), "max"), (("monitor=val/loss",), "min")], ids=["bound", "loss"]
)
def test_the_best_of_what_is_monitored_is_kept_and_waited_for(build, overrides, mode):
    callbacks = build("callbacks=early_stopping", *overrides).trainer.callbacks
    assert [each.mode for each in callbacks if getattr(each, "monitor", None)] == [mode, mode]


@pytest.mark.parametrize("objective", ["info_vae", "iwae", "capacity", "elbo"])
def test_the_bound_picks_the_epoch_and_the_elbo_the_run(build, objective):
    experiment = build(f"objective={objective}")
    assert experiment.trainer.checkpoint_callback.monitor == "val/bound"
    assert experiment.compared_by == "val/elbo"


def test_a_metric_that_is_named_picks_the_epoch_and_the_run(build):
    experiment = build("monitor=val/elbo")
    assert experiment.config.monitor == experiment.compared_by == "val/elbo"


@pytest.mark.parametrize(
    ("name", "reason"), [("val/kl", "kl has no best value"), ("val/x", "x is no known metric")]
)
def test_what_has_no_best_value_is_not_monitored(build, name, reason):
    with pytest.raises(ValueError, match=reason):
        build(f"monitor={name}")


def test_beta_may_be_a_number(build):
    assert build("objective.beta=4").module.objective.beta == Constant(4)


@pytest.mark.parametrize(
    ("name", "shape", "values"),
    [
        ("warmup", LinearWarmup, [0.0, 0.25, 0.5, 1.0, 1.0]),
        ("cyclic", Cyclic, [0.0, 0.5, 1.0, 0.0, 0.5]),
    ],
)
def test_beta_may_be_a_schedule_by_name(build, name, shape, values):
    experiment = build(f"objective.beta={name}", f"objective.schedules.{name}.epochs=4")
    beta = experiment.module.objective.beta
    assert isinstance(beta, shape)
    assert [beta(epoch) for epoch in (0, 1, 2, 4, 5)] == values


def test_beta_is_one_unless_asked_for(build):
    objective = build().module.objective
    assert isinstance(objective, ELBO)
    assert objective.beta == Constant(1.0)


def test_an_unknown_beta_is_answered_with_the_choices(build):
    with pytest.raises(ValueError, match=r"'linear' .* choose from cyclic, warmup"):
        build("objective.beta=linear")


@pytest.mark.parametrize("group", GROUPS)
def test_an_unknown_option_is_answered_with_the_choices(compose, group):
    with pytest.raises(MissingConfigException) as error:
        compose(f"{group}=nonesuch")
    listed = re.findall(r"^\t(\S+)$", str(error.value), flags=re.MULTILINE)
    assert set(listed) >= {option for other, option in OPTIONS if other == group}


@pytest.mark.parametrize("key", ["nonesuch", "model.nonesuch", "objective.nonesuch"])
def test_an_unknown_key_is_refused_by_name(compose, key):
    with pytest.raises(ConfigCompositionException, match=f"'{key}'"):
        compose(f"{key}=3")


def test_a_callback_is_switched_off_with_null(build):
    def names(experiment):
        callbacks = experiment.trainer.callbacks
        exhibits = [exhibit for each in callbacks for exhibit in getattr(each, "exhibits", [])]
        return [type(each).__name__ for each in [*callbacks, *exhibits]]

    without = names(build("callbacks.samples=null", "callbacks.learning_rate=null"))
    switched_off = {"Samples", "LearningRateMonitor"}
    assert without == [name for name in names(build()) if name not in switched_off]
    assert switched_off <= set(names(build()))


def test_values_of_the_command_line_arrive(build):
    experiment = build("data.batch_size=7", "seed=5", "trainer.max_epochs=3", "latent_dim=3")
    assert experiment.datamodule.batch_size == 7
    assert (experiment.datamodule.seed, experiment.module.seed) == (5, 5)
    assert experiment.trainer.max_epochs == 3
    model = experiment.module.model
    assert model.encode(torch.zeros(1, *model.image_shape)).event_shape == (3,)
    assert model.prior(model.encode).event_shape == (3,)
