"""A trained model for other programs: ONNX, ``torch.export`` programs, safetensors.

ONNX files and torch programs come as two parts, for any number of images at once:

- encoder: image (batch, C, H, W) → mean, log_variance, each (batch, D), of q(z|x); mean alone for
  an autoencoder; there is none where q(z|x) is no normal distribution;
- decoder: latent (batch, D) → image (batch, C, H, W), E[x|z].

Of a model that knows labels both take a second input, label (batch,), numbers of classes from 0.

Each carries ``metadata`` that says what goes in and what comes out.
"""

import copy
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from vae_lab.extras import require
from vae_lab.model.distributions import Delta, DiagonalGaussian
from vae_lab.trained import pretrained
from vae_lab.trained.loaded import TrainedVAE

TOLERANCE = 1e-5  # largest difference: absolute for numbers up to 1, relative for larger ones
CHECKED = 5  # inputs that every exported file is tried on
METADATA = "metadata.json"


class Encoder(nn.Module):
    """Image → (mean, log_variance), or mean alone where the posterior is a point."""

    def __init__(self, trained: TrainedVAE) -> None:
        super().__init__()
        self.model = trained.model

    def forward(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """Map images (B, C, H, W) to numbers (B, D)."""
        q = self.model.encode(image, label)
        return (q.mean, 2 * q.log_scale) if isinstance(q, DiagonalGaussian) else (q.mean,)


class Decoder(nn.Module):
    """Latent → E[x|z]."""

    def __init__(self, trained: TrainedVAE) -> None:
        super().__init__()
        self.model = trained.model

    def forward(self, latent: Tensor, label: Tensor | None = None) -> tuple[Tensor]:
        """Map latents (B, D) to images (B, C, H, W)."""
        return (self.model.decode(latent, label).mean,)


@dataclass(frozen=True)
class Part:
    """One half of a model, to be exported by itself.

    Attributes:
        module: maps a batch to a tuple of tensors.
        input_names: of what a batch consists of.
        output_names: of the tensors.
        examples: ``CHECKED`` of each input.
        metadata: what a program needs to know to use it.
    """

    module: nn.Module
    input_names: Sequence[str]
    output_names: Sequence[str]
    examples: tuple[Tensor, ...]
    metadata: dict[str, str]


def encoder_caveat(trained: TrainedVAE) -> str | None:
    """Say why there is no encoder to export, or None if there is one."""
    q = trained.model.encode(torch.zeros(1, *trained.image_shape), torch.tensor(0))
    if isinstance(q, DiagonalGaussian | Delta):
        return None
    return (
        f"no encoder: {type(trained.model.posterior).__name__} is no normal "
        "distribution with a mean and a log-variance; safetensors keep all of it"
    )


def export(trained: TrainedVAE, target: str, folder: Path) -> list[Path]:
    """Write ``trained`` into ``folder``, once what was written gives the numbers of the original.

    Args:
        trained: the model.
        target: ``onnx``, ``torch`` or ``safetensors``.
        folder: made if need be; files of the same names are replaced.

    Returns:
        The files.

    Raises:
        ImportError: if a library of the extra ``export`` is not installed.
        OSError: if the files cannot be written.
        ValueError: if ``target`` is another one, or an output differs by more than 10⁻⁵.
    """
    if target not in TARGETS:
        raise ValueError(f"a model is exported to {', '.join(TARGETS)}, not to {target}")
    original = copy.deepcopy(trained).cpu().eval()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as aside:
        written = TARGETS[target](original, Path(aside))
        return [path.replace(folder / path.name) for path in written]


def parts(trained: TrainedVAE) -> dict[str, Part]:
    """Return ``decoder`` and, where there is one, ``encoder``."""
    label = trained.model.labels_in_turn(CHECKED)
    names, labels = ([], ()) if label is None else (["label"], (label,))
    images = trained.sample(CHECKED, seed=0).clamp(0, 1)
    images = images.round() if trained.pixels == "binary" else images
    latents = torch.randn(CHECKED, trained.latent_dim, generator=torch.Generator().manual_seed(0))
    found = {
        "decoder": Part(
            Decoder(trained), ["latent", *names], ["image"], (latents, *labels),
            _metadata(trained) | {
                "units": "latent: none; image: E[x|z] of each pixel, black 0, white 1, which for "
                "binary pixels is the probability of white",
            },
        )
    }  # fmt: skip
    if encoder_caveat(trained) is None:
        is_point = isinstance(trained.model.encode(images, label), Delta)
        found["encoder"] = Part(
            Encoder(trained),
            ["image", *names],
            ["mean"] if is_point else ["mean", "log_variance"],
            (images, *labels),
            _metadata(trained)
            | {
                "units": "image: black 0, white 1; mean: of q(z|x), no unit; log_variance: natural "
                "logarithm of the variance of q(z|x)",
            },
        )
    return found


def _metadata(trained: TrainedVAE) -> dict[str, str]:
    model = trained.model
    return {
        "name": trained.config["name"],
        "vae_lab_version": trained.config["vae_lab_version"],
        "latent_dim": str(trained.latent_dim),
        "image_shape": json.dumps(trained.image_shape),
        "pixels": trained.pixels,
        **({"class_names": json.dumps(trained.class_names)} if trained.class_names else {}),
        **{
            slot: type(getattr(model, slot)).__name__
            for slot in ("posterior", "prior", "likelihood")
        },
    }


def _to_onnx(trained: TrainedVAE, folder: Path) -> list[Path]:
    for library in ("onnx", "onnxscript"):
        require(library, extra="export")
    runtime = require("onnxruntime", extra="export")
    paths = []
    for name, part in parts(trained).items():
        onnx: Any = torch.onnx.export(
            _program(part),
            input_names=part.input_names,
            output_names=part.output_names,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        onnx.model.metadata_props.update(part.metadata)
        path = folder / f"{name}.onnx"
        onnx.save(path)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])

        def run(*batch: Tensor, session: Any = session, part: Part = part) -> list[Tensor]:  # noqa: ANN401
            arrays = [tensor.numpy() for tensor in batch]
            inputs = dict(zip(part.input_names, arrays, strict=True))
            outputs = session.run(part.output_names, inputs)
            return list(map(torch.from_numpy, outputs))

        _check(path, part, run)
        paths.append(path)
    return paths


def _to_torch(trained: TrainedVAE, folder: Path) -> list[Path]:
    paths = []
    for name, part in parts(trained).items():
        path = folder / f"{name}.pt2"
        torch.export.save(_program(part), path, extra_files={METADATA: json.dumps(part.metadata)})
        _check(path, part, torch.export.load(path).module())
        paths.append(path)
    return paths


def _to_safetensors(trained: TrainedVAE, folder: Path) -> list[Path]:
    paths = pretrained.write(trained, folder)
    again = parts(pretrained.read(folder, trained.trusted))
    for name, part in parts(trained).items():
        _check(folder, part, again[name].module)
    return paths


TARGETS = {"onnx": _to_onnx, "torch": _to_torch, "safetensors": _to_safetensors}


def _program(part: Part) -> ExportedProgram:
    """Trace the part for batches of any size, without the weights of the other part."""
    shapes = tuple({0: Dim("batch")} for _ in part.examples)
    trace = partial(torch.export.export, args=part.examples, dynamic_shapes=shapes)
    module = copy.deepcopy(part.module).requires_grad_(False)
    program = trace(module)
    unused = {node.name for node in program.graph.nodes if not node.users}
    for spec in program.graph_signature.input_specs:
        if spec.arg.name in unused and spec.kind is InputKind.PARAMETER:
            parameter = module.get_parameter(str(spec.target))
            parameter.data = parameter.new_empty(0)
    program = trace(module)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names the folders of this machine
    return program


@torch.no_grad()
def _check(path: Path, part: Part, run: Callable[..., Sequence[Tensor]]) -> None:
    """Compare what ``run`` makes of the examples, one by one and all at once, with the original.

    Raises:
        ValueError: if they differ.
    """
    worst = 0.0
    single = zip(*(tensor.split(1) for tensor in part.examples), strict=True)
    for batch in (*single, part.examples):
        for found, expected in zip(run(*batch), part.module(*batch), strict=True):
            difference = (found - expected).abs() / expected.abs().clamp_min(1)
            worst = max(worst, difference.nan_to_num(math.inf).max().item())
    if worst > TOLERANCE:
        raise ValueError(
            f"{path.name} differs from the model by {worst:.1e}, more than {TOLERANCE:.0e}, and "
            "was not kept"
        )
