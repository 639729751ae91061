"""The Hugging Face hub, without a network."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from small_runs import SMALL, SMALL_LADDER, write_run

import vae_lab

huggingface_hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
from vae_lab.trained import export  # noqa: E402
from vae_lab.trained.hub import HubVAE  # noqa: E402


@pytest.fixture(params=[SMALL, SMALL_LADDER], ids=["flat", "ladder"])
def trained(request, tmp_path):
    return vae_lab.load(write_run(tmp_path / "run", *request.param))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder that stands for the hub: what is pushed lands there."""
    folder = tmp_path / "hub"

    def upload(self, *, repo_id, folder_path, **options):
        shutil.copytree(folder_path, folder / repo_id)
        return f"commit to {repo_id}"

    def create(self, *, repo_id, **options):
        return SimpleNamespace(repo_id=repo_id)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload)
    return folder


@pytest.fixture
def offline(monkeypatch):
    """A hub that cannot be reached."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def test_what_is_pushed_comes_back_to_the_bit(trained, hub):
    assert HubVAE.of(trained).push_to_hub("someone/digits") == "commit to someone/digits"
    again = HubVAE.from_pretrained(hub / "someone" / "digits")
    assert again.config == trained.config
    assert not again.training
    assert torch.equal(again.sample(3, seed=0), trained.sample(3, seed=0))


def test_the_mixin_and_export_write_the_same_files(trained, tmp_path):
    mixin, ours = tmp_path / "mixin", tmp_path / "ours"
    HubVAE.of(trained).save_pretrained(mixin)
    for path in export.export(trained, "safetensors", ours):
        assert path.read_bytes() == (mixin / path.name).read_bytes()
    assert torch.equal(
        vae_lab.load(mixin).sample(3, seed=0), HubVAE.from_pretrained(ours).sample(3, seed=0)
    )


def test_the_model_card_says_how_to_load_it(trained, tmp_path):
    HubVAE.of(trained).save_pretrained(tmp_path / "saved")
    card = huggingface_hub.ModelCard.load(tmp_path / "saved" / "README.md")
    assert card.data.library_name == "vae-lab"
    assert "variational-autoencoder" in card.data.tags
    assert "HubVAE.from_pretrained" in card.text


def test_a_copy_goes_to_the_hub(trained):
    copy = HubVAE.of(trained)
    with torch.no_grad():
        next(copy.parameters()).add_(1)
    assert not torch.equal(next(copy.parameters()), next(trained.parameters()))


def test_without_a_network_one_is_told_so(offline, tmp_path):
    trained = vae_lab.load(write_run(tmp_path / "run", *SMALL))
    with pytest.raises(huggingface_hub.errors.OfflineModeIsEnabled, match="offline mode"):
        HubVAE.of(trained).push_to_hub("someone/digits")
    with pytest.raises(huggingface_hub.errors.LocalEntryNotFoundError, match="your connection"):
        HubVAE.from_pretrained("someone/digits", cache_dir=tmp_path)


def test_missing_weights_are_refused_not_left_to_chance(tmp_path):
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    HubVAE.of(vae_lab.load(write_run(tmp_path / "run", *SMALL))).save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "model.safetensors"
    weights = load_file(path)
    weights.popitem()
    save_file(weights, path)
    with pytest.raises(RuntimeError, match="Missing key"):
        HubVAE.from_pretrained(tmp_path / "saved")


def test_a_stranger_cannot_name_what_is_run(tmp_path):
    HubVAE.of(vae_lab.load(write_run(tmp_path / "run", *SMALL))).save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / "config.json"
    path.write_text(path.read_text().replace("vae_lab.model.likelihoods.Bernoulli", "os.getcwd"))
    with pytest.raises(ValueError, match=r"names os.getcwd, which is no network of vae_lab"):
        HubVAE.from_pretrained(tmp_path / "saved")


@pytest.mark.slow
def test_a_missing_library_is_named_with_its_extra(tmp_path):
    code = "import sys; sys.modules['huggingface_hub'] = None; import vae_lab.trained.hub"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: huggingface_hub is missing: pip install 'vae-lab[hub]'"
    )
    assert list(Path(tmp_path).iterdir()) == []
