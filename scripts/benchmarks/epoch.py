"""How fast training is, beside a bare PyTorch loop and the usual tutorial: ratios from one run.

Times training epochs of the 784-400-20 network at batch 128 on all 60,000 images: (a) this
framework, with the callbacks and loggers of a default run; (b) a bare loop over the same tensors
with the same binarisation, optimiser, compilation and precision, around a model with nothing to
choose, and (b′) around the framework's model; (c) the usual tutorial: torchvision, ToTensor,
DataLoader, eager Adam, grey pixels. They take turns, epoch by epoch, so that a change of the
machine's speed meets all of them; the best epoch of each counts. On a GPU the bare loop is called,
and captured in a CUDA graph; networks and batch sizes are more.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import hydra
import lightning.pytorch as pl
import torch
from rich.table import Table
from torch import nn

from benchmarks.memory import peak_resident_mib
from benchmarks.rivals import BATCH, Bare, Epoch, TutorialVAE, Variant, bare_loop, tutorial
from vae_lab.training import build as experiments
from vae_lab.training.capture import Graphs, graphs_on

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "eager": {"compile": False, "precision": "32-true"},
    "compiled": {"compile": True, "precision": "32-true"},
    "compiled, bf16": {"compile": True, "precision": "bf16-mixed"},
}
CASES: dict[str, tuple[tuple[str, ...], int]] = {  # network, and images per step
    "mlp, 128": ((), 128),
    "mlp, 1024": ((), 1024),
    "conv, 128": (("model=conv", "latent_dim=16", "data.val_size=0"), 128),
}


COLUMNS = ("framework", "bare", "captured")
RATIOS = ("a/b", "a/b′", "a/c")


class Case(NamedTuple):
    """What is trained, and on what; ``most`` batches an epoch, or all."""

    accelerator: str
    network: tuple[str, ...]
    batch: int
    most: int | None = None


class TakeTurns(pl.Callback):
    """Times the framework's epochs and, after each, one epoch of every rival.

    The first round is left out: it compiles, allocates and reads files.
    """

    def __init__(self, rivals: dict[str, Epoch]) -> None:
        self.rivals = rivals
        self.seconds: dict[str, list[float]] = {name: [] for name in ("framework", *rivals)}
        self._began = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start timing the framework."""
        self._began = _now(pl_module.device)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop timing the framework, then run and time the rivals."""
        self.seconds["framework"].append(_now(pl_module.device) - self._began)
        for name, epoch in self.rivals.items():
            began = _now(pl_module.device)
            epoch()
            self.seconds[name].append(_now(pl_module.device) - began)

    def best(self) -> dict[str, float]:
        """Return the best seconds per epoch of each."""
        return {name: min(seconds[1:]) for name, seconds in self.seconds.items()}


def _now(device: torch.device) -> float:
    """Return the time once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def measure(case: Case, variant: Variant, rounds: int, with_tutorial: bool) -> dict[str, float]:
    """Run all for ``rounds`` epochs; return the best seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            overrides = [
                f"run_dir={folder}",
                f"trainer.max_epochs={rounds + 1}",
                f"trainer.precision={variant['precision']}",
                f"compile={variant['compile']}",
                f"trainer={case.accelerator}",
                f"data.batch_size={case.batch}",
                f"+trainer.limit_train_batches={case.most or 1.0}",
                *(case.network or ("experiment=basic",)),
            ]
            cfg = hydra.compose("train", overrides)
        experiment = experiments.build(cfg)
        experiment.datamodule.prepare_data()
        experiment.datamodule.setup("fit")
        device = experiment.trainer.strategy.root_device
        images = experiment.datamodule.splits["train"].images
        images = (images if case.most is None else images[: case.most * case.batch]).to(device)
        module = experiment.module

        def bare(model: nn.Module, graphs: Graphs | None = None) -> Epoch:
            return bare_loop(model, images, variant, case.batch, graphs)

        own = Bare(module.model, module.objective)
        model = own if case.network else TutorialVAE()
        rivals = {"bare": bare(model)}
        if graphs := graphs_on(device):
            rivals["captured"] = bare(model, graphs)
        elif model is not own:
            rivals["own"] = bare(own)
        if with_tutorial:
            rivals["tutorial"] = tutorial(cfg.data.root, device)
        turns = TakeTurns(rivals)
        # first, so that what other callbacks do at the end of an epoch is not counted as training
        experiment.trainer.callbacks.insert(0, turns)  # type: ignore[attr-defined]
        experiment.trainer.fit(module, datamodule=experiment.datamodule)
    return turns.best() | {"images": float(len(images))}


def has_fast_bf16() -> bool:
    """Tell whether the processor multiplies bf16 matrices in hardware."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(
        f in flags.read_text(encoding="utf-8") for f in ("avx512_bf16", "amx_bf16")
    )


def run(rounds: int, accelerator: str = "cpu") -> tuple[dict[str, Any], Table]:
    """Measure every variant; return the report and a table of the ratios."""
    if accelerator == "cpu":
        return _run_on_cpu(rounds)
    cases = [(case, variant) for case in CASES for variant in VARIANTS]
    results, table = on_gpu(rounds, "gpu", cases, with_tutorial=True)
    return {"results": results, "rounds": rounds, "peak_resident_mib": peak_resident_mib()}, table


def on_gpu(
    rounds: int,
    accelerator: str,
    cases: Sequence[tuple[str, str]],
    with_tutorial: bool,
    most: int | None = None,
) -> tuple[dict[str, Any], Table]:
    """Measure beside bare loops, called and captured; return the results and a table.

    Args:
        rounds: epochs of each.
        accelerator: an option of ``trainer``.
        cases: names out of ``CASES``, and of ``VARIANTS``.
        with_tutorial: whether the usual tutorial takes part, whose epochs take long.
        most: batches of an epoch; None for all.
    """
    table = Table(title="images a second in training, best of several epochs")
    for column in ("", "framework (a)", "bare, called", "bare, captured (b)", "a of b", "a of c"):
        table.add_column(column, justify="right")
    results = {}
    for name, variant in cases:
        case = Case(accelerator, *CASES[name], most)
        best = measure(case, VARIANTS[variant], rounds, with_tutorial)
        rates = {k: best["images"] / best[k] for k in best if k != "images"}
        framework = rates["framework"]
        shares = {k: framework / rate for k, rate in rates.items() if k != "framework"}
        results[f"{name}, {variant}"] = {"images_per_second": rates, "shares": shares}
        cells = [f"{rates[k]:,.0f}" if k in rates else "" for k in COLUMNS]
        cells += [f"{shares[k]:.2f}" if k in shares else "" for k in ("captured", "tutorial")]
        table.add_row(f"{name}, {variant}", *cells)
    return results, table


def _run_on_cpu(rounds: int) -> tuple[dict[str, Any], Table]:
    table = Table(title="seconds per training epoch, best of several")
    columns = ("framework (a)", "bare (b)", "its model (b′)", "tutorial (c)")
    for column in ("", *columns, *RATIOS):
        table.add_column(column, justify="right")
    results = {}
    for name, variant in VARIANTS.items():
        if "bf16" in name and not has_fast_bf16():
            results[name] = "not run: this processor has no bf16 arithmetic"
            continue
        best = measure(Case("cpu", (), BATCH), variant, rounds, with_tutorial=True)
        seconds = [best[rival] for rival in ("framework", "bare", "own", "tutorial")]
        ratios = {ratio: seconds[0] / of for ratio, of in zip(RATIOS, seconds[1:], strict=True)}
        results[name] = {"seconds": best, **ratios}
        table.add_row(name, *(f"{value:.2f}" for value in (*seconds, *ratios.values())))
    return {"results": results, "rounds": rounds, "peak_resident_mib": peak_resident_mib()}, table
