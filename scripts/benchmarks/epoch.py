"""How fast training is, beside a bare PyTorch loop and the usual tutorial: ratios from one run.

Times training epochs of the 784-400-20 network at batch 128 on all 60,000 images: (a) this
framework, with the callbacks and loggers of a default run; (b) a bare loop over the same tensors
with the same binarisation, optimiser, compilation and precision; (c) the usual tutorial:
torchvision, ToTensor, DataLoader, eager Adam, grey pixels. The three take turns, epoch by epoch, so
that a change of the machine's speed meets all of them; the best epoch of each counts.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as pl
import torch
from rich.table import Table
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.memory import peak_resident_mib
from vae_lab.data.binarization import sample
from vae_lab.training import build as experiments

ROOT = Path(__file__).parents[2]
BATCH = 128
VARIANTS = {
    "eager": {"compile": False, "precision": "32-true"},
    "compiled": {"compile": True, "precision": "32-true"},
    "compiled, bf16": {"compile": True, "precision": "bf16-mixed"},
}
Epoch = Callable[[], None]


class TutorialVAE(nn.Module):
    """784-400-20 as tutorials write it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean = nn.Linear(400, 20)
        self.log_variance = nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def forward(self, x: Tensor) -> Tensor:
        """Return −ELBO of images (B, 1, 28, 28), nats per image."""
        x = x.reshape(-1, 784)
        hidden = self.hidden(x).relu()
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        bce = binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        return (bce + kl) / len(x)


def bare_loop(images: Tensor, compile_model: bool, precision: str) -> Epoch:
    """Return one epoch of the shortest loop that does what the framework does to the numbers."""
    model = TutorialVAE()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loss_of = torch.compile(model) if compile_model else model
    use_bf16 = precision == "bf16-mixed"

    def epoch() -> None:
        order = torch.randperm(len(images))
        for start in range(0, len(images), BATCH):
            batch = images[order[start : start + BATCH]]
            x = sample(batch)
            with torch.autocast("cpu", torch.bfloat16, enabled=use_bf16):
                loss = loss_of(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def tutorial(root: str) -> Epoch:
    """Return one epoch of the usual tutorial."""
    data = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    model = TutorialVAE()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def epoch() -> None:
        for x, _ in loader:
            optimizer.zero_grad()
            loss = model(x)
            loss.backward()
            optimizer.step()

    return epoch


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
        self._began = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop timing the framework, then run and time the rivals."""
        self.seconds["framework"].append(time.perf_counter() - self._began)
        for name, epoch in self.rivals.items():
            began = time.perf_counter()
            epoch()
            self.seconds[name].append(time.perf_counter() - began)

    def best(self) -> dict[str, float]:
        """Return the best seconds per epoch of each."""
        return {name: min(seconds[1:]) for name, seconds in self.seconds.items()}


def measure(variant: dict[str, bool | str], rounds: int) -> dict[str, float]:
    """Run all three for ``rounds`` epochs; return the best seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            overrides = [
                "experiment=basic",
                f"run_dir={folder}",
                f"trainer.max_epochs={rounds + 1}",
                f"trainer.precision={variant['precision']}",
                f"compile={variant['compile']}",
            ]
            cfg = hydra.compose("train", overrides)
        experiment = experiments.build(cfg)
        experiment.datamodule.prepare_data()
        experiment.datamodule.setup("fit")
        images = experiment.datamodule.splits["train"].images
        turns = TakeTurns(
            {
                "bare": bare_loop(images, bool(variant["compile"]), str(variant["precision"])),
                "tutorial": tutorial(cfg.data.root),
            }
        )
        # first, so that what other callbacks do at the end of an epoch is not counted as training
        experiment.trainer.callbacks.insert(0, turns)  # type: ignore[attr-defined]
        experiment.trainer.fit(experiment.module, datamodule=experiment.datamodule)
    return turns.best()


def has_fast_bf16() -> bool:
    """Tell whether the processor multiplies bf16 matrices in hardware."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(
        f in flags.read_text(encoding="utf-8") for f in ("avx512_bf16", "amx_bf16")
    )


def run(rounds: int) -> tuple[dict[str, Any], Table]:
    """Measure every variant; return the report and a table of the ratios."""
    table = Table(title="seconds per training epoch, best of several")
    for column in ("", "framework (a)", "bare (b)", "tutorial (c)", "a/b", "a/c"):
        table.add_column(column, justify="right")
    results = {}
    for name, variant in VARIANTS.items():
        if "bf16" in name and not has_fast_bf16():
            results[name] = "not run: this processor has no bf16 arithmetic"
            continue
        best = measure(variant, rounds)
        a, b, c = best["framework"], best["bare"], best["tutorial"]
        results[name] = {"seconds": best, "a/b": a / b, "a/c": a / c}
        table.add_row(name, f"{a:.2f}", f"{b:.2f}", f"{c:.2f}", f"{a / b:.2f}", f"{a / c:.2f}")
    return {"results": results, "rounds": rounds, "peak_resident_mib": peak_resident_mib()}, table
