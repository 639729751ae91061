"""A word of the command line that means nothing is answered with what was meant."""

import re

import hydra
import pytest
from command_line import ROOT
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException

from vae_lab.runs import composition, help_screen, launch
from vae_lab.runs.groups import Groups


def compose(*overrides, conf=None):
    """Compose as a command line does, whose options in ``conf`` are the user's own."""
    own = [f"hydra.searchpath=['file://{conf}']"] if conf else []
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):

        def load(lines):
            return hydra.compose("train", lines, return_hydra_config=True)

        return composition.checked(groups(own), load, [*own, *overrides])


def groups(overrides=()):
    return Groups(GlobalHydra.instance().config_loader(), "train", overrides)


def refusal_of(*overrides, conf=None):
    with pytest.raises(ConfigCompositionException) as refusal:
        compose(*overrides, conf=conf)
    line = str(refusal.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        # by what it is called elsewhere
        ("lr=1e-3", "optimizer.lr=1e-3"),
        ("optimizer.learning_rate=1", "optimizer.lr=1"),
        ("epochs=5", "trainer.max_epochs=5"),
        ("beta=4", "objective.beta=4"),
        ("kl_weight=warmup", "objective.beta=warmup"),
        ("trainer.gpus=1", "trainer=gpu trainer.devices=1"),
        ("z_dim=3", "latent_dim=3"),
        ("model.n_latents=3", "latent_dim=3"),
        ("bs=64", "data.batch_size=64"),
        ("hidden=200", "model.encoder.hidden_sizes=[200]"),
        ("hidden=[200,100]", "model.encoder.hidden_sizes=[200,100]"),
        ("wd=0.1", "+optimizer.weight_decay=0.1"),
        ("objective.K=10", "objective.num_samples=10"),
        ("K=10", "objective.num_samples=10 or evaluation.num_samples=10"),
        ("patience=3", "callbacks=early_stopping callbacks.early_stopping.patience=3"),
        ("dataset=FashionMNIST", "data=fashion_mnist"),
        ("network=con", "model=conv"),
        # by where it stands
        ("batch_size=64", "data.batch_size=64"),
        ("precision=bf16-mixed", "trainer.precision=bf16-mixed"),
        ("optimiser.lr=1", "optimizer.lr=1"),
        ("callbacks.film.size=3", "callbacks=film callbacks.film.size=3"),
        ("limit_train_batches=2", "+trainer.limit_train_batches=2"),
        ("launcher=joblib", "hydra/launcher=joblib"),
        # by spelling
        ("latent_dims=3", "latent_dim=3"),
        ("sead=1", "seed=1"),
        ("posteror=iaf", "posterior=iaf"),
        ("model.encodr.hidden_sizes=[3]", "model.encoder.hidden_sizes=[3]"),
        ("objective.schedules.warmpu.epochs=3", "objective.schedules.warmup.epochs=3"),
        ("trainer.limit_train_batchs=2", "+trainer.limit_train_batches=2"),
        ("evaluation={num_sampels: 3}", "evaluation.num_samples=3"),
        ("~callbacks.sample", "~callbacks.samples"),
    ],
)
def test_what_was_meant_is_named_with_the_value_that_was_typed(typed, meant):
    assert f"; did you mean {meant}?" in refusal_of(typed)
    if not typed.startswith("~"):
        assert f"+{typed}" in (line := refusal_of(f"+{typed}"))
        assert f"; did you mean {meant}?" in line


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (["optimizer.weight_decay=0.1"], "takes a plus: +optimizer.weight_decay=0.1"),
        (["+latent_dim=3"], "there already; without the plus: latent_dim=3"),
        (["+experiment=basic"], "chosen already; without the plus: experiment=basic"),
        (["num_workers=2"], "images are held in memory, which needs no workers"),
        (["objective=iwae", "beta=4"], "here that is objective.beta, which what is chosen does"),
        (["nonesuch=1"], "there is no nonesuch; python train.py --help tells"),
        (["+x.y=1"], "there is no x; python train.py --help tells"),
        (["+model.encoder.dropout=0.1"], "no argument of vae_lab.model.networks.MLP, which takes"),
        (["+callbacks.mine={patience: 3}"], "there is no callbacks.mine"),
        (["latent_dim=2,8"], "latent_dim=2,8 is more than one value: python train.py -m"),
        (["latent_dim"], "latent_dim is not understood: it is no key=value"),
        (["a=["], "a=[ is not understood"),
    ],
)
def test_other_slips_are_told_what_to_do(typed, answer):
    assert answer in refusal_of(*typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("model=con", "model=conv"),
        ("objective=elob", "objective=elbo"),
        ("experiment=manifold", "experiment=manifold_2d"),
        ("hydra/launcher=jobl", "hydra/launcher=joblib"),
    ],
)
def test_an_option_that_a_group_does_not_have_is_answered_with_the_nearest_and_all(typed, meant):
    line = refusal_of(typed)
    assert line.startswith(f"there is no {typed}; did you mean {meant}? ")
    options = (ROOT / "conf" / typed.partition("=")[0]).glob("*.yaml")
    assert all(option.stem in line for option in options)


@pytest.mark.parametrize(
    "overrides",
    [
        ["+trainer.limit_train_batches=2", "+optimizer.weight_decay=0.1", "++latent_dim=3"],
        ["+callbacks.mine={_target_: mine.Own}", "+callbacks.mine.size=3"],
        ["+objective.schedules.slow={_target_: mine.Slow, epochs: 3}", "objective.beta=slow"],
        ["+model.encoder={_target_: mynet.Wide, depth: 3}", "model.encoder.depth=4"],
        ["model.encoder._target_=mynet.Wide", "+model.encoder.depth=3"],
        ["+width=512", "model.encoder.hidden_sizes=['${width}']"],
        ["+hydra.job.env_set.X=1", "callbacks=film", "callbacks.film.size=3", "~callbacks.film"],
        ["posterior=iaf", "+prior@model.posterior.base=standard_normal"],
        ["model.posterior={_target_: mine.Own}"],
    ],
)
def test_what_something_takes_may_be_added(overrides):
    compose(*overrides)


def test_keys_of_a_slot_may_go_without_the_model():
    chosen = ["posterior=categorical", "prior=categorical"]
    config = compose(*chosen, "posterior.classes=7", "~posterior.annealing_epochs")
    assert config.model.posterior.classes == 7
    assert "annealing_epochs" not in config.model.posterior
    assert "did you mean model.posterior.classes=7?" in refusal_of(*chosen, "posterior.clases=7")
    assert "+model.posterior.taste=7: model.posterior.taste is no" in refusal_of(
        *chosen, "+posterior.taste=7"
    )


def test_keys_of_ones_own_configuration_are_keys(tmp_path):
    (tmp_path / "experiment").mkdir()
    own = "# @package _global_\nwidth: 3\nmine: {depth: 2}\nlatent_dim: ${width}\n"
    (tmp_path / "experiment" / "own.yaml").write_text(own)
    composed = compose("experiment=own", "width=5", "mine.depth=3", conf=tmp_path)
    assert (composed.latent_dim, composed.mine.depth) == (5, 3)
    assert "did you mean width=5?" in refusal_of("experiment=own", "widht=5", conf=tmp_path)
    assert "mine has depth" in refusal_of("experiment=own", "+mine.x=5", conf=tmp_path)


def test_an_experiment_that_would_change_nothing_is_refused(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "own.yaml").write_text("latent_dim: 3\n")
    line = refusal_of("experiment=own", conf=tmp_path)
    assert "must begin with the line `# @package _global_`" in line


def test_what_goes_on_is_changed_by_the_keys_that_it_has(tmp_path):
    run = tmp_path / "run"
    launch.compose(ROOT / "conf", run, ["objective=iwae", "+trainer.limit_val_batches=2"])
    compose(f"resume={run}", "+trainer.limit_val_batches=3", "++objective.dreg=true")
    assert "objective.num_samples=3?" in refusal_of(f"resume={run}", "+objective.num_sample=3")
    # a new run would not have it
    assert compose(f"resume={run}", "objective.dreg=true").objective.dreg


def test_in_a_notebook_too(tmp_path):
    with pytest.raises(ConfigCompositionException, match=r"did you mean objective\.beta=4\?"):
        launch.compose(ROOT / "conf", tmp_path / "run", ["+beta=4"])
    assert not (tmp_path / "run").exists()


def test_of_a_sweep_each_option_is_tried_with_the_rest_as_it_is_typed():
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        values = ["latent_dim=2,4,8", "optimizer.lr=interval(1e-4,1e-2)", "+seed=1"]
        jobs = list(composition.job_samples(groups(), ["model=mlp,conv", *values]))
    assert jobs == [["model=mlp", *values], ["model=conv", *values]]


def test_the_help_has_every_group_with_its_options_on_one_narrow_screen():
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        options = groups().all()
    assert set(options) == set(help_screen.GROUPS)
    told = help_screen.text(options, {"model": "conv"})
    assert "conv*" in told
    for group, names in options.items():
        assert re.search(
            rf"^  {group} +{re.escape(help_screen.GROUPS[group])} ", told, re.MULTILINE
        )
        assert set(names) <= set(told.replace("*", "").split())
    lines = told.splitlines()
    assert max(map(len, lines)) < 80
    assert len(lines) <= 60
    examples = [line for line in lines if line.startswith("  python train.py ") and "[" not in line]
    assert len(examples) == 5
    for example in examples:
        words = [word for word in example.split()[2:] if word not in ("-m", "resume=latest")]
        compose(*[re.sub(r"=(\d+),.*", r"=\1", word) for word in words])


def test_a_second_option_with_a_plus_is_not_dropped_in_silence():
    line = refusal_of("callbacks=ema", "+callbacks=early_stopping")
    assert "both are callbacks=[ema,early_stopping]" in line
