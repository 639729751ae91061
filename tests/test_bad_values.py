"""Whatever value stands in ``conf/``: a step with finite numbers, or one line that helps."""

import math
import re
import warnings
from importlib.util import find_spec

import hydra
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from own_data import write_own_data

from test_conf import CONF, OPTIONS
from vae_lab.runs import arguments, errors
from vae_lab.training import build as building

VALUES = (None, -1, 0, "word", math.nan, math.inf, [1, 2], 10**12)

# Every option of every part stands in one of these lines; networks are small, to be quick.
MLP = "model.encoder.hidden_sizes=[4] model.decoder.hidden_sizes=[4]"
FLOW = "flow.hidden_features=[4]"
LINES = (
    f"{MLP} callbacks=film",
    f"{MLP} objective=autoencoder callbacks=early_stopping optimizer=adamw trainer=ddp_cpu",
    f"{MLP} objective=capacity callbacks=ema likelihood=normal data.binarization=none",
    f"{MLP} objective=ciwae schedule=cosine likelihood=optimal_normal data.binarization=none",
    f"{MLP} objective=free_bits schedule=steps prior=mixture optimizer=adam_normgrad",
    f"{MLP} objective=info_vae prior=flow model.prior.{FLOW} optimizer=adamax",
    f"{MLP} objective=iwae likelihood=discretized_logistic data.binarization=none",
    f"{MLP} objective=miwae posterior=iaf model.posterior.{FLOW}",
    f"{MLP} objective=elbo posterior=power_spherical prior=uniform_sphere",
    f"{MLP} objective=renyi posterior=spline_flow model.posterior.{FLOW}",
    f"{MLP} objective=tcvae likelihood=continuous_bernoulli data.binarization=none",
    "model=conv model.encoder.channels=[2] model.encoder.hidden_size=4 callbacks=full",
    "model=resnet model.encoder.channels=[2] data=kmnist",
    "model=ladder model.channels=[2,2] model.latent_channels=[1] data=fashion_mnist trainer=ddp",
    "data=arrays data.root=cells.npz model.encoder.channels=[2] model.encoder.hidden_size=4",
    "data=torchvision data.dataset=FashionMNIST data.image_shape=[1,28,28] data.root=.",
    "data=cifar10 model.encoder.channels=[2] model.encoder.hidden_size=4",
    "data=cifar100 model.encoder.channels=[2] model.encoder.hidden_size=4",
    "data=svhn model.encoder.channels=[2] model.encoder.hidden_size=4",
    "data=usps likelihood=discretized_logistic_mixture model.encoder.channels=[2] "
    "model.encoder.hidden_size=4",
    "data=images data.root=pictures data.cache=cache model=mlp",
    f"{MLP} data=dsprites data.root=shapes.npz model=mlp",
    f"{MLP} posterior=categorical prior=categorical",
    f"{MLP} posterior=vector_quantized prior=autoregressive",
    f"{MLP} posterior=finite_scalar prior=autoregressive",
    f"{MLP} conditioning=label prior=per_label",
    f"{MLP} model=semi_supervised model.classifier.hidden_sizes=[4] data.num_labels=100",
    "model=gated_mlp prior=vampprior model.prior.num_components=2",
)
NOT_INSTALLED = set()
if find_spec("datasets"):
    LINES += ("data=huggingface data.root=parquet data.cache=cache model=mlp",)
else:
    NOT_INSTALLED.add("data=huggingface")
COVERED = {"callbacks", "data", "likelihood", "model"}
COVERED |= {"objective", "posterior", "prior", "schedule"}
# What is read before anything is built, and what is kept as it stands.
ELSEWHERE = ("resume", "run_dir", "published")
INTERNALS = re.compile(
    r"Error in call|_key|object at|"
    r"\b(vae_lab|torch|lightning|zuko)\.(?!evaluation|pytorch.strategies|ai)"
)


def leaves(node, key=""):
    """Yield the keys of a configuration under which there is a value, with what it belongs to."""
    for name in node:
        path, child = f"{key}{name}", node._get_node(name)
        if str(name).startswith("_") or path in ELSEWHERE:
            continue
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_interpolation():
            yield from leaves(child, f"{path}.")
        else:
            yield path, node.get("_target_")


def keys(folder):
    """Yield every key that stands in no line before, with its line's configuration, and as text."""
    seen = set()
    for line in LINES:
        cfg = hydra.compose("train", [*line.split(), f"run_dir={folder}"])
        text = OmegaConf.to_yaml(cfg)
        for key, owner in leaves(cfg):
            if (key, owner) not in seen:
                seen.add((key, owner))
                yield cfg, text, key


def without_others(cfg, key):
    """Return a copy without the callbacks and loggers that ``key`` does not belong to."""
    kept = key.split(".")[:2]
    groups = ("callbacks", "logger")
    copy = OmegaConf.masked_copy(cfg, [name for name in cfg if name not in groups])
    OmegaConf.set_struct(copy, False)
    for group in groups:
        copy[group] = {name: part for name, part in cfg[group].items() if kept == [group, name]}
    return copy


def step(experiment):
    """Take one training step on a few images, all numbers finite."""
    module = experiment.module
    images = torch.rand(4, *module.model.image_shape).round()
    labels = module.model.labels_in_turn(4)
    module.model.initialize(lambda: images, torch.arange(4))
    optimizer = module.optimizer(module.parameters())
    objective = module.objective
    draw = module.model.draw(images, objective.num_samples, objective.path_gradient, labels)
    loss = -module.objective(draw, epoch=1.0).value.mean()
    loss.backward()
    optimizer.step()
    assert loss.isfinite()
    assert all(parameter.isfinite().all() for parameter in module.parameters())
    assert math.isfinite(module.schedule(1.0))


def refusal(action, key):
    """Return whether an action refuses the value of a key as it should, and what it says if not.

    Nothing is returned if the action takes the value.
    """
    try:
        action()
    except Exception as error:
        line = errors.in_one_line(error)
        is_good = errors.is_users(error) and key in line and not INTERNALS.search(line)
        return is_good, f"{type(error).__name__} {line}"
    return None


def faults(cfg, text, key):
    """Yield of each value what is wrong with how it is treated, or None.

    Once a refusal was seen to come through, other values are not taken the whole way to it: the
    check that building begins with says the same of them.
    """
    cfg = without_others(cfg, key)
    above, _, name = key.rpartition(".")
    part = OmegaConf.select(cfg, above)
    may_be_short = "_target_" in part and f"{name}}}" not in text  # of others
    came_through = False
    for value in VALUES:
        OmegaConf.update(cfg, key, value)
        short = refusal(lambda: arguments.check(part), key) if may_be_short else None
        if came_through and short and short[0]:
            yield None
            continue
        whole = refusal(lambda: step(building.build(cfg)), key)
        came_through |= bool(short and whole and short == whole)
        yield f"{key}={value}: {whole[1]}" if whole and not whole[0] else None


def test_every_option_stands_in_a_line():
    chosen = {word for line in LINES for word in line.split()}
    defaults = {"objective=elbo", "posterior=diagonal_normal", "prior=standard_normal"}
    defaults |= {"likelihood=bernoulli", "data=mnist", "schedule=constant", "model=mlp"}
    defaults |= {"callbacks=bare", "callbacks=default", "posterior=deterministic"}
    options = {f"{group}={option}" for group, option in OPTIONS if group in COVERED}
    assert options - NOT_INSTALLED <= chosen | defaults


@pytest.mark.slow
def test_every_value_trains_or_is_refused_by_its_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_own_data(tmp_path)
    warnings.simplefilter("ignore")
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        found = [fault for case in keys(tmp_path) for fault in faults(*case)]
    assert len(found) > 2000
    assert [fault for fault in found if fault] == []
