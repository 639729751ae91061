"""A run as the explorer sees it: what to show of it, and what to compute when asked."""

import base64
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_lab.data.binarization import Binarization, binarize_once, to_float
from vae_lab.data.dequantization import without_noise
from vae_lab.decoding import Recipe, decode
from vae_lab.evaluation.activity import active_units
from vae_lab.evaluation.information import in_batches, rate_per_dim
from vae_lab.explorer.axes import latent_axes
from vae_lab.explorer.frames import kept_frames
from vae_lab.model.contract import Draw
from vae_lab.model.distributions import DiagonalGaussian
from vae_lab.model.likelihoods import Pixels
from vae_lab.model.support import Support
from vae_lab.objectives import elbo_parts
from vae_lab.pictures import plots
from vae_lab.runs.newest import the_run
from vae_lab.runs.rundir import RunDir

DIGITS = 2000  # test images shown on the plane
BATCH = 500
ELBO_SAMPLES = 64
NOISE_SEED = 0
NEIGHBOURS = 8
MOST_RUNS = 4


class ExploredRun:
    """A trained model, its test images encoded once, and the axes to look along.

    Everything computed is the same at every call: the noise behind an ELBO is fixed.

    Args:
        run_dir: the run directory, as the command that the page offers to copy will name it.
        trusted: modules of the user's own that may be built from too.

    Attributes:
        labels: class of each test image shown, bytes (N,).
        means: its posterior mean, float32 (N, D).
        originals: its pixels before binarisation, bytes (N, C, H, W).
        class_names: what the classes are called.
        frames: those of the film of learning, where one was kept.

    Raises:
        FileNotFoundError: if ``run_dir`` is no run, or its checkpoint or its data are missing.
        ValueError: if its model has several groups of latents, or returns no finite numbers.
    """

    def __init__(self, run_dir: Path, trusted: Sequence[str] = ()) -> None:
        run = RunDir(run_dir, trusted)
        model = run.open_model()
        if model.num_groups > 1:
            raise ValueError(
                f"{run_dir} is a {type(model).__name__} with several groups of latents; the "
                "explorer shows models with one group, such as model=mlp or model=conv"
            )
        if model.posterior.code_shape is not None:
            raise ValueError(
                f"{run_dir} has discrete codes, and the explorer moves through continuous latents; "
                "see images/code_traversals.png, or scripts/generate.py --at"
            )
        data = run.open_data("test")
        self.model = model
        self.is_autoencoder = model.posterior.is_point_mass
        labels = data.splits["test"].labels[:DIGITS]
        self.labels = labels.to(torch.uint8)
        self.originals = to_bytes(data.originals("test")[:DIGITS])
        self._pixels: Pixels = data.pixels
        self._seen = to_bytes(data.images("test", DIGITS)) if self._is_binary else self.originals
        images = self._presented(self._seen)
        with torch.no_grad():
            batches = in_batches(model, images, labels, BATCH)
            self.means = torch.cat([model.encode(x, y).mean for x, y in batches]).float()
        if not self.means.isfinite().all():
            raise ValueError(f"the encoder of {run_dir} returns numbers that are not finite")
        self.class_names = list(data.class_names)
        self.frames = kept_frames(run)
        self._support = model.posterior.support
        self._shows_codes_alone = self.is_autoencoder or self._support is not Support.SPACE
        self._noun = "digit" if data.is_mnist else "image"
        _, height, width = model.image_shape
        self._recipe = Recipe((height, width), model.image_shape[0], data.fit, greys=True)
        self._run_dir, self._trusted = run_dir, trusted
        self._name = str(run.description()["name"])
        self._rate = None if self.is_autoencoder else rate_per_dim(model, images, labels)

    def describe(self) -> dict[str, Any]:
        """Return what the page has to know, as JSON has it.

        ``importance`` of a latent is its KL in nats, or the variance of its mean where no KL is
        known in closed form; ``order`` sorts by it.
        """
        importance = self.means.var(0) if self._rate is None else torch.tensor(self._rate)
        order = importance.argsort(descending=True).tolist()
        return {
            "name": self._name,
            "folder": self._run_dir.resolve().name,
            "command": shlex.join(
                ["python", "scripts/generate.py", str(self._run_dir)]
                + [f"--trust={module}" for module in self._trusted]
            ),
            "kind": "autoencoder" if self.is_autoencoder else "VAE",
            "latents": self.model.latent_dim,
            "image_shape": self.model.image_shape,
            "noun": self._noun,
            "classes": self.class_names,
            "is_told_classes": self.model.is_conditional,
            "digits": len(self.means),
            "start": self.means.mean(0).tolist(),
            "elbo": None if self.is_autoencoder else self._bound_name(),
            "binary": self._is_binary,
            "importance": importance.tolist(),
            "importance_unit": "variance" if self._rate is None else "nats",
            "order": order,
            "active": active_units(
                self.means, prior_variance=self._support.spread(self.model.latent_dim)
            ).tolist(),
            "axes": latent_axes(self.means, order, self._shows_codes_alone),
            "frames": [frame.describe() for frame in self.frames],
        }

    def _bound_name(self) -> str:
        suffix, given = self.model.suffixes(self._pixels)
        return "ELBO" + (" (BCE)" if suffix else "") + ("|y" if given else "")

    @torch.no_grad()
    def decode(self, z: Tensor, label: int | None = None) -> Tensor:
        """Return E[x|z] as bytes (N, C, H, W) for latents (N, D), as a class if it is told."""
        return to_bytes(self.model.decode(z, _as_tensor(label)).mean)

    @torch.no_grad()
    def encode(self, pixels: bytes, label: int | None = None) -> dict[str, Any]:
        """Describe q(z|x) of one image, C·H·W bytes, and how well it is explained.

        A test image is seen as the data present it, so that its mean is that of ``means``, but for
        noise between levels, which is left out. Of other images a model of binary pixels sees grey
        values of 128 and more as white, others as black.

        Returns:
            ``mean`` (D,); ``covariance`` (D²,), row by row; ``image``, E[x|z] at the mean;
            ``elbo``, ``reconstruction`` and ``kl`` in nats; ``neighbours``, the numbers of the
            other test images whose means are nearest to this one, and ``neighbour_images``. An
            autoencoder has neither covariance nor bound: these are None. Images are in base64.
        """
        image = torch.frombuffer(bytearray(pixels), dtype=torch.uint8)
        image = image.reshape(1, *self.model.image_shape)
        is_given = (self.originals == image).flatten(1).all(1)
        if is_given.any():
            image = self._seen[is_given][:1]
        elif self._is_binary:
            image = binarize_once(image, Binarization.THRESHOLD, NOISE_SEED)
        x = self._presented(image)
        q = self.model.encode(x, _as_tensor(label))
        distance = (self.means - q.mean).norm(dim=1).masked_fill(is_given, torch.inf)
        others = len(distance) - int(is_given.sum())
        neighbours = distance.topk(min(NEIGHBOURS, others), largest=False).indices
        answer: dict[str, Any] = {
            "mean": q.mean[0].tolist(),
            "image": _base64(self.decode(q.mean, label)),
            "neighbours": neighbours.tolist(),
            "neighbour_images": _base64(self.originals[neighbours]),
            **dict.fromkeys(("covariance", "elbo", "reconstruction", "kl")),
        }
        if self.is_autoencoder:
            return answer
        with torch.random.fork_rng([]):
            torch.manual_seed(NOISE_SEED)
            draw = self.model.draw(x, ELBO_SAMPLES, labels=_as_tensor(label))
        parts = {name: nats.item() for name, nats in elbo_parts(draw).items()}
        return answer | parts | {"covariance": covariance(q, draw).flatten().tolist()}

    def read_picture(self, content: bytes) -> bytes:
        """Return C·H·W bytes for what a picture's file holds, brought to the shape of the images.

        Raises:
            ValueError: if it holds no picture, or one that is too large.
        """
        (pixels,) = decode([content], self._recipe)
        if isinstance(pixels, str):
            raise ValueError(pixels)
        return pixels.tobytes()

    @property
    def _is_binary(self) -> bool:
        return self._pixels == "binary"

    def _presented(self, images: Tensor) -> Tensor:
        """Map bytes to what the model was trained on, float32."""
        return without_noise(images) if self._pixels == "continuous" else to_float(images)


def describe_classes(explored: Sequence[ExploredRun]) -> dict[str, list[str]]:
    """Return names and colours of the classes of all runs, as JSON has them.

    Where runs call their classes by different names, these are numbers.
    """
    names = max((run.class_names for run in explored), key=len)
    if any(run.class_names != names for run in explored):
        names = [str(number) for number in range(len(names))]
    colors = [plots.CLASS_COLORS[number % len(plots.CLASS_COLORS)] for number in range(len(names))]
    return {"classes": names, "colors": colors}


def open_runs(run_dirs: list[Path], trusted: Sequence[str] = ()) -> list[ExploredRun]:
    """Open the runs to look at side by side.

    Args:
        run_dirs: the run directories, or what ``runs.newest`` takes for one.
        trusted: modules of the user's own that may be built from too.

    Raises:
        FileNotFoundError: if one is missing, or misses something.
        ValueError: if there are more than four, one cannot be shown, or their images differ in
            shape.
    """
    if len(run_dirs) > MOST_RUNS:
        raise ValueError(f"at most {MOST_RUNS} runs fit side by side, got {len(run_dirs)}")
    explored = [ExploredRun(the_run(run_dir), trusted) for run_dir in run_dirs]
    shapes = sorted({run.model.image_shape for run in explored})
    if len(shapes) > 1:
        raise ValueError(
            f"runs side by side get the same image, and these take {shapes[0]} and {shapes[1]}"
        )
    return explored


def covariance(q: Distribution, draw: Draw) -> Tensor:
    """Return the covariance of q(z|x) for one image, (D, D); of samples where it has no formula."""
    if isinstance(q, DiagonalGaussian):
        return q.variance[0].diag()
    return torch.atleast_2d(torch.cov(draw.z[:, 0].T))


def to_bytes(images: Tensor) -> Tensor:
    """Map grey values 0…1 to bytes 0…255, same shape; what lies outside is clipped."""
    return images.nan_to_num().clamp(0, 1).mul(255).round().to(torch.uint8)


def _as_tensor(label: int | None) -> Tensor | None:
    return None if label is None else torch.tensor(label)


def _base64(images: Tensor) -> str:
    return base64.b64encode(images.numpy().tobytes()).decode()
