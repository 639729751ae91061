"""What the documentation tells its readers to type works as it stands there, on less data."""

import re
import shutil

import hydra
import pytest
from command_line import finish
from documented import PAGES, ROOT, commands, files, refusals, snippets
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from script_runner import run_script
from tiny import write_data

import vae_lab
from vae_lab.model import networks
from vae_lab.runs import composition, launch
from vae_lab.runs.groups import Groups
from vae_lab.training import train

READ_FIRST = ("README.md", "docs/first_experiment.md")
SMALL = (
    "data=fashion_mnist", "data.val_size=8", "data.batch_size=8", "callbacks=bare",
    "trainer.max_epochs=1", "evaluation.num_samples=2",
)  # fmt: skip
MORE = re.compile(r"(?<=[\d],\d),.*")  # what a sweep has behind two values
SHORTER = {  # of scripts that take long, or do not end
    "animate": ["--what", "interpolation"],
    "evaluate": ["--num-samples", "2"],
    "explore": ["--static", "page.html"],
    "export": ["--to", "safetensors"],
}


@pytest.fixture(scope="module")
def conf(tmp_path_factory):
    """A copy of what readers have, with the files that they are told to write beside."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "conf", folder / "conf")
    for path, text in {path: text for page in PAGES for path, text in files(page).items()}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder / "conf"


@pytest.fixture
def composed(conf):
    """Composes the words of a training command, without running it."""

    def load(overrides):
        return hydra.compose("train", overrides, return_hydra_config=True)

    def compose(words):
        overrides = [word for word in words[words.index("train.py") + 1 :] if "=" in word]
        if "-m" in words:
            composition.check_sweep(groups, load, overrides)
        else:
            composition.checked(groups, load, overrides)

    with hydra.initialize_config_dir(str(conf), version_base="1.3"):
        groups = Groups(GlobalHydra.instance().config_loader(), "train")
        yield compose


def test_every_training_command_means_something(composed):
    calls = [words for page in PAGES for words in commands(page) if "train.py" in words]
    for words in dict.fromkeys(map(tuple, calls)):
        composed(words)


def test_what_is_refused_is_refused_in_these_words(composed):
    for words, line in [refusal for page in PAGES for refusal in refusals(page)]:
        with pytest.raises(ConfigCompositionException) as refusal:
            composed(words)
        assert line == f"error: {refusal.value}"


@pytest.mark.parametrize("page", READ_FIRST)
def test_a_reader_gets_to_the_end_of_the_page(page, conf, tmp_path, monkeypatch):
    """Follow the commands in order; runs that no later one looks at are left out."""
    shutil.copytree(ROOT / "docs" / "results", tmp_path / "docs" / "results")
    write_data(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LAB_DATA", str(tmp_path))
    for words in dict.fromkeys(map(tuple, commands(page))):
        match words:
            case ["python", "train.py", *overrides] if is_looked_at(overrides):
                places = [f"hydra.searchpath=['file://{conf}']"]
                finish(*shortened(overrides), *places, folder=tmp_path, data=tmp_path)
            case ["python", script, *arguments] if script.startswith("scripts/"):
                name = script.removeprefix("scripts/").removesuffix(".py")
                run_script(name, *arguments, *SHORTER.get(name, []))
    for snippet in snippets(page, "python"):
        exec(snippet, {})
    assert (tmp_path / "page.html").exists()


def is_looked_at(overrides):
    """Tell whether a page goes on with a run: the newest, or a sweep by its name."""
    named = ("sweep.name=", "resume=", "trainer.max_epochs=")
    is_named = any(word.startswith(named) for word in overrides)
    return is_named or overrides in ([], ["experiment=manifold_2d"])


def shortened(overrides):
    """Return overrides that train for a moment, at most two jobs, one after the other."""
    typed = [MORE.sub("", word) for word in overrides if not word.startswith("hydra/launcher=")]
    return typed if any(word.startswith("resume=") for word in typed) else [*typed, *SMALL]


def test_a_network_of_ones_own_is_an_option_and_opens_without_asking(
    conf, tmp_path, mnist_root, monkeypatch
):
    own = conf.parent / "src" / "vae_lab" / "model" / "networks"
    monkeypatch.setattr(networks, "__path__", [*networks.__path__, str(own)])
    overrides = ["model=wide", "model.encoder.width=50", "debug=fast", "callbacks=bare"]
    run = tmp_path / "run"
    train.train(launch.compose(conf, run, [*overrides, f"data.root={mnist_root}"]))
    assert vae_lab.load(run).sample(2).shape == (2, 1, 28, 28)
