"""Exported files give the numbers of the model, in programs that know nothing of vae-lab."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fresh import run_fresh
from ladder_models import ladder
from small_runs import SMALL, write_run
from torch import nn

import vae_lab
from vae_lab.model.posteriors import Deterministic
from vae_lab.trained import export
from vae_lab.trained.loaded import TrainedVAE

for library in ("onnxscript", "onnxruntime", "safetensors"):
    pytest.importorskip(library, reason=f"{library} is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")

pytestmark = pytest.mark.slow

CONFIG = {"name": "test", "pixels": "binary", "vae_lab_version": "1.2.3"}
COMPARE = """
def compare(name, found):
    assert np.abs(np.asarray(found) - expected[name]).max() <= 1e-5, name
"""
IN_ONNX = f"""
import json
import numpy as np
import onnxruntime
{COMPARE}
expected = np.load("expected.npz")
encoder, decoder = (onnxruntime.InferenceSession(f"{{n}}.onnx") for n in ("encoder", "decoder"))
mean, log_variance = encoder.run(["mean", "log_variance"], {{"image": expected["images"]}})
compare("mean", mean)
compare("log_variance", log_variance)
(one,) = decoder.run(["image"], {{"latent": expected["latents"][:1]}})
(image,) = decoder.run(["image"], {{"latent": expected["latents"]}})
compare("decoded", image)
assert np.abs(one - image[:1]).max() <= 1e-5
assert 0 <= image.min() and image.max() <= 1
meta = encoder.get_modelmeta().custom_metadata_map
assert meta["latent_dim"] == "2" and json.loads(meta["image_shape"]) == [1, 28, 28]
"""
IN_TORCH = f"""
import json
import numpy as np
import torch
{COMPARE}
expected = np.load("expected.npz")
extra = {{"metadata.json": ""}}
encoder = torch.export.load("encoder.pt2", extra_files=extra).module()
decoder = torch.export.load("decoder.pt2").module()
with torch.no_grad():
    mean, log_variance = encoder(torch.from_numpy(expected["images"]))
    compare("mean", mean)
    compare("log_variance", log_variance)
    (image,) = decoder(torch.from_numpy(expected["latents"]))
    compare("decoded", image)
    (one,) = decoder(torch.from_numpy(expected["latents"][:1]))
    assert (one - image[:1]).abs().max() <= 1e-5
assert json.loads(extra["metadata.json"])["latent_dim"] == "2"
"""
IN_VAE_LAB = f"""
import numpy as np
import torch
import vae_lab
{COMPARE}
expected = np.load("expected.npz")
vae = vae_lab.load(".")
q = vae.encode(torch.from_numpy(expected["images"]))
compare("mean", q.mean)
compare("log_variance", q.variance.log())
compare("decoded", vae.decode(torch.from_numpy(expected["latents"])))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model of MNIST's size."""
    return vae_lab.load(write_run(tmp_path_factory.mktemp("runs") / "run", *SMALL))


def expect(trained, folder):
    """Write inputs of a few sizes and what the model makes of them."""
    torch.manual_seed(0)
    images, latents = torch.rand(4, 1, 28, 28).round(), torch.randn(7, 2)
    q = trained.encode(images)
    arrays = {
        "images": images, "latents": latents, "mean": q.mean, "log_variance": q.variance.log(),
        "decoded": trained.decode(latents),
    }  # fmt: skip
    np.savez(folder / "expected.npz", **{name: array.numpy() for name, array in arrays.items()})


@pytest.mark.parametrize(
    ("target", "files", "code", "without"),
    [
        ("onnx", {"encoder.onnx", "decoder.onnx"}, IN_ONNX, ("torch", "vae_lab", "onnx")),
        ("torch", {"encoder.pt2", "decoder.pt2"}, IN_TORCH, ("vae_lab", "hydra")),
        ("safetensors", {"config.json", "model.safetensors"}, IN_VAE_LAB, ("huggingface_hub",)),
    ],
)
def test_a_fresh_process_gets_the_numbers_of_the_model(
    target, files, code, without, trained, tmp_path
):
    written = export.export(trained, target, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert set(written) == {folder / name for name in files}
    assert {path.name for path in folder.iterdir()} == files
    expect(trained, folder)
    run_fresh(code, folder, without)


def test_metadata_say_what_goes_in_and_out(trained):
    parts = export.parts(trained)
    for part in parts.values():
        assert all(isinstance(value, str) for value in part.metadata.values())
        assert part.metadata["vae_lab_version"] == trained.config["vae_lab_version"]
        assert json.loads(part.metadata["image_shape"]) == [1, 28, 28]
        assert (part.metadata["latent_dim"], part.metadata["pixels"]) == ("2", "binary")
        assert part.metadata["prior"] == "StandardNormal"
        for name in (*part.input_names, *part.output_names):
            assert f"{name}: " in part.metadata["units"]


def test_no_file_names_the_folders_of_this_machine(trained, tmp_path):
    for target in ("onnx", "torch"):
        for path in export.export(trained, target, tmp_path):
            content = path.read_bytes()
            if target == "torch":
                with zipfile.ZipFile(path) as archive:
                    content = b"".join(map(archive.read, archive.namelist()))
            for place in (export.__file__, torch.__file__):
                assert str(Path(place).parent).encode() not in content


def test_no_part_carries_the_weights_of_the_other(trained, tmp_path):
    encoder, decoder = sorted(export.export(trained, "torch", tmp_path), reverse=True)
    weights = torch.export.load(decoder).state_dict, torch.export.load(encoder).state_dict
    sizes = [sum(weight.numel() for weight in part.values()) for part in weights]
    assert sum(sizes) == sum(parameter.numel() for parameter in trained.parameters())
    assert min(sizes) > 0


def test_a_ladder_goes_by_its_top_group(tmp_path):
    model = TrainedVAE(ladder(latent_dim=2).float(), CONFIG).eval()
    names = {path.stem for path in export.export(model, "onnx", tmp_path)}
    assert names == {"encoder", "decoder"}
    decoder = onnx.load(tmp_path / "decoder.onnx")
    assert not [node.op_type for node in decoder.graph.node if "Random" in node.op_type]


def test_an_autoencoder_has_a_mean_alone(bernoulli_model, tmp_path):
    bernoulli_model.posterior = Deterministic(2)
    bernoulli_model.encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    model = TrainedVAE(bernoulli_model, CONFIG).eval()
    assert export.encoder_caveat(model) is None
    export.export(model, "torch", tmp_path)
    images = torch.rand(3, 1, 4, 4).round()
    (mean,) = torch.export.load(tmp_path / "encoder.pt2").module()(images)
    torch.testing.assert_close(mean, model.encode(images).mean)


def test_a_flow_has_a_decoder_alone(tmp_path):
    overrides = (*SMALL, "posterior=iaf", "model.posterior.flow.hidden_features=[8]")
    model = vae_lab.load(write_run(tmp_path / "run", *overrides))
    assert "no encoder: FlowPosterior is no normal distribution" in export.encoder_caveat(model)
    assert export.export(model, "torch", tmp_path) == [tmp_path / "decoder.pt2"]


def test_the_original_is_left_as_it_was(trained, tmp_path):
    before = {name: weight.clone() for name, weight in trained.state_dict().items()}
    random_state = torch.get_rng_state()
    export.export(trained.train(), "torch", tmp_path)
    assert trained.training
    trained.eval()
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, weight in trained.state_dict().items():
        assert torch.equal(weight, before[name])
        assert weight.numel() > 0


@pytest.mark.parametrize(("target", "error"), [("onnx", 1e-4), ("torch", torch.nan)])
def test_a_file_that_differs_is_not_kept(target, error, trained, tmp_path, monkeypatch):
    trace = torch.export.export

    def inexact(module, *arguments, **options):
        with torch.no_grad():
            for layer in module.modules():
                if isinstance(layer, nn.Linear):
                    layer.bias.add_(error)
        return trace(module, *arguments, **options)

    monkeypatch.setattr(torch.export, "export", inexact)
    (tmp_path / "decoder.onnx").write_text("an earlier one")
    with pytest.raises(
        ValueError, match=r"decoder\.\w+ differs from the model by .*, more than 1e-"
    ):
        export.export(trained, target, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.onnx"]
    assert (tmp_path / "decoder.onnx").read_text() == "an earlier one"


@pytest.mark.parametrize(
    ("target", "library"),
    [("onnx", "onnxruntime"), ("onnx", "onnxscript"), ("safetensors", "safetensors.torch")],
)
def test_a_missing_library_is_named_with_its_extra(target, library, trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    name = library.partition(".")[0]
    with pytest.raises(ImportError, match=rf"{name} is missing: pip install 'vae-lab\[export\]'"):
        export.export(trained, target, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_format_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="exported to onnx, torch, safetensors, not to tflite"):
        export.export(trained, "tflite", tmp_path)
