"""A trained run → another run with a prior that was fitted afterwards, and what that changed."""

import dataclasses
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae_lab.data import ImageDataModule
from vae_lab.evaluation.information import information
from vae_lab.evaluation.labels import likelihoods
from vae_lab.evaluation.measurement import Measurement, mean_over_images
from vae_lab.evaluation.metrics import metric, with_suffix
from vae_lab.evaluation.samples import sample_quality
from vae_lab.evaluation.scoring import likelihood_figures, samples_of
from vae_lab.files import require_writable, write_atomically
from vae_lab.model.contract import Model
from vae_lab.model.likelihoods import Pixels
from vae_lab.pictures import plots
from vae_lab.runs.checkpoint_file import read_checkpoint
from vae_lab.runs.rundir import RunDir
from vae_lab.training.fit_prior import Progress, configured, describe_prior, fit, with_prior
from vae_lab.training.train import INFORMATION_IMAGES

SHOWN = 12  # samples of each prior, in the picture
# What a prior has no say in.
UNTOUCHED = {
    name
    for untouched in ("active_units", "code_perplexity", "dead_codes", "mutual_information",
                      "reconstruction", "reconstruction_mse")
    for name in metric(untouched).names
}  # fmt: skip


@dataclass(frozen=True)
class Order:
    """What is to be fitted to which run, and how.

    Attributes:
        run: the trained run.
        conf_dir: the folder ``conf``, which has the priors.
        prior: an option of the group ``prior``.
        overrides: values of it, such as ``model.prior.num_components=50``.
        epochs: how often new codes are drawn and learned from.
        num_samples: K, importance samples per test image.
        seed: of every random number.
        device: where to compute.
    """

    run: RunDir
    conf_dir: Path
    prior: str
    overrides: Sequence[str]
    epochs: int
    num_samples: int
    seed: int
    device: torch.device


@dataclass(frozen=True)
class Judged:
    """What test images say of a model: figures by name, and log p(x) of each, (N,), if there is."""

    figures: dict[str, Measurement]
    log_px: Tensor | None


def default_place(run: RunDir, prior: str) -> Path:
    """Return where the run with the fitted prior goes: beside the one it comes from."""
    return run.path.with_name(f"{run.path.resolve().name}_prior_{prior}")


def require_ready(run: RunDir, out: Path) -> None:
    """Refuse what cannot be done before anything is computed.

    Raises:
        FileExistsError: if something lies at ``out``.
        FileNotFoundError: if ``run`` is no run, or has no checkpoint.
        OSError: if nothing can be written beside ``out``.
        ValueError: if the run is being trained.
    """
    run.config()
    if run.is_locked():
        raise ValueError(f"{run.path} is being trained; fit a prior once it is done")
    _ = run.weights
    if out.exists():
        raise FileExistsError(f"{out} is there already; name another directory with --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    require_writable(out.parent)


def fit_prior(
    order: Order,
    out: Path,
    on_fit: Callable[[Progress], None],
    on_images: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Fit a prior to a run and write the run that has it.

    Args:
        order: what is to be done.
        out: the new run directory; it appears at the end, whole.
        on_fit: told of every epoch of the fit.
        on_images: told (``before`` or ``after``, images scored, images in all).

    Returns:
        ``fitted`` of the new ``summary.json``: what was done, and the figures before and after.

    Raises:
        FileExistsError: if something lies at ``out``.
        FileNotFoundError: if this is no run, or it has no checkpoint or no data.
        ValueError: if the run is being trained, or the prior does not fit the model.
    """
    run, began = order.run, time.time()
    require_ready(run, out)
    torch.manual_seed(order.seed)
    description = run.description()
    prior = describe_prior(order.conf_dir, order.prior, description["model"], order.overrides)
    old = run.open_model().to(order.device)
    new, prior = with_prior(old, prior)
    data = run.open_data("fit", "test")
    kept = fit(new, data, order.epochs, order.seed, on_fit)
    seconds = time.time() - began
    judged = {
        when: judge(model, data, order, lambda done, of, when=when: on_images(when, done, of))
        for when, model in (("before", old), ("after", new))
    }
    fitted = {
        "run": run.path.resolve().name,
        "prior": order.prior,
        "overrides": list(order.overrides),
        "seed": order.seed,
        "epochs": order.epochs,
        "epoch_of_weights": kept.epoch,
        "seconds": seconds,
        "num_samples": order.num_samples,
        "nll_gained": _gained(judged),
        **{when: _plain(each.figures) for when, each in judged.items()},
    }
    val = {} if old.posterior.is_point_mass else _validated(new, data, order)
    picture = plots.image_rows(
        {f"{label} prior": _samples(model, order.seed) for label, model in
         (("the run's", old), (f"fitted {order.prior}", new))},
        "Samples, z from the prior",
    )  # fmt: skip
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as aside:
        half = Path(aside) / "run"
        _write(run, RunDir(half), new.cpu(), prior, fitted, val, buffer.getvalue())
        half.rename(out)
    return fitted


@torch.no_grad()
def judge(
    model: Model, data: ImageDataModule, order: Order, on_images: Callable[[int, int], None]
) -> Judged:
    """Measure on test images all that a prior has a say in; of an autoencoder its samples alone."""
    images = data.images("test", len(data.splits["test"])).to(order.device)
    labels = data.splits["test"].labels
    figures: dict[str, Measurement] = {}
    log_px = None
    if not len(images):
        return Judged(figures, log_px)
    torch.manual_seed(order.seed)
    if not model.posterior.is_point_mass:
        figures = _information(model, images, labels, data.pixels)
        if model.likelihood.caveat(data.pixels) is None and model.posterior.has_full_support:
            torch.manual_seed(order.seed)  # both priors judge the same latents
            found = likelihoods(
                model, images, labels, order.num_samples, lambda done: on_images(done, len(images))
            )
            figures |= likelihood_figures(found, order.num_samples)
            log_px = -found["nll"].cpu()
    if data.is_mnist:
        generated = samples_of(model, len(images))
        figures |= sample_quality(generated, data.originals("test"))
    return Judged(figures, log_px)


def _information(
    model: Model, images: Tensor, labels: Tensor, pixels: Pixels
) -> dict[str, Measurement]:
    """Return the bound and its terms on all images, those of the rate as after training."""
    suffixes = model.suffixes(pixels)
    figures = information(model, images, labels)
    terms = information(model, images[:INFORMATION_IMAGES], labels[:INFORMATION_IMAGES])
    if "aggregate_kl" in terms:
        figures["aggregate_kl"] = terms["aggregate_kl"]
    chosen = ("elbo", "rate", "distortion", "aggregate_kl")
    return {with_suffix(name, *suffixes): figures[name] for name in chosen if name in figures}


def _validated(model: Model, data: ImageDataModule, order: Order) -> dict[str, float]:
    """Return what validation says of a model with its new prior; nothing without such images."""
    images = data.images("val", len(data.splits["val"])).to(order.device)
    if not len(images):
        return {}
    torch.manual_seed(order.seed)
    figures = _information(model, images, data.splits["val"].labels, data.pixels)
    return _as_in_training(_plain(figures), "val")


def _as_in_training(figures: dict[str, dict[str, Any]], split: str) -> dict[str, float]:
    """Return an evaluation's figures under the names that a run's summary has for a split."""
    renamed: dict[str, float] = {}
    for name, figure in figures.items():
        value = figure["value"]
        if name.startswith("distortion"):
            renamed[name.replace("distortion", "reconstruction")] = -value
        else:
            renamed["kl" if name == "rate" else name] = value
    return {f"{split}/{n}": v for n, v in renamed.items() if split in metric(n).splits}


def _gained(judged: dict[str, Judged]) -> dict[str, Any] | None:
    """Return by how many nats log p(x) has risen, image by image; None where there is none."""
    before, after = judged["before"].log_px, judged["after"].log_px
    if before is None or after is None:
        return None
    return dataclasses.asdict(mean_over_images(after - before, "nll"))


def _plain(figures: dict[str, Measurement]) -> dict[str, dict[str, Any]]:
    return {name: dataclasses.asdict(figure) for name, figure in figures.items()}


@torch.no_grad()
def _samples(model: Model, seed: int) -> Tensor:
    torch.manual_seed(seed)
    return model.sample(SHOWN, labels=model.labels_in_turn(SHOWN))


def _write(
    run: RunDir,
    new: RunDir,
    model: Model,
    prior: dict[str, Any],
    fitted: dict[str, Any],
    val: dict[str, float],
    picture: bytes,
) -> None:
    """Write the run that has the fitted prior; the configuration comes last, as everywhere."""
    checkpoint = read_checkpoint(run.weights)
    summary, name = run.summary(), f"{run.description()['name']}_prior_{fitted['prior']}"
    metrics = summary.get("metrics", {})
    if not model.posterior.is_point_mass:
        kept = {n: v for n, v in metrics.items() if n.rpartition("/")[2] in UNTOUCHED}
        metrics = kept | val | _as_in_training(fitted["after"], "test")
    content = io.BytesIO()
    torch.save(
        {
            "epoch": checkpoint["epoch"],
            "pixels": checkpoint["pixels"],
            "metrics": val or checkpoint.get("metrics", {}),
            "state_dict": {f"model.{key}": value for key, value in model.state_dict().items()},
        },
        content,
    )
    write_atomically(new.best, content.getvalue())
    new.write_picture("samples.png", picture)
    new.write_summary(
        summary
        | {
            "status": summary.get("status", "completed"),
            "name": name,
            "metrics": metrics,
            "units": {n: metric(n).unit for n in metrics},
            "nll_samples": fitted["num_samples"],
            "parameters": sum(p.numel() for p in model.parameters()),
            "fitted": fitted,
        }
    )
    if hydra := run.hydra():
        new.write_hydra(hydra)
    config = configured(run, name, prior)
    told = [f"fit_prior={fitted['prior']}", *fitted["overrides"]]
    new.write_config(config, [*run.overrides(), *told])
