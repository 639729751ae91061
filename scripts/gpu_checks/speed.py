"""How fast a GPU trains beside bare loops, and how long what is around the steps takes."""

import subprocess
import sys
import time
from typing import Any

import torch

from benchmarks.epoch import on_gpu
from gpu_checks.training import ROOT, Lab

ROUNDS = 3
FEW = 5  # batches an epoch, where a processor only tries the way
CASES = (("mlp, 128", "eager"), ("conv, 128", "eager"), ("mlp, 128", "compiled, bf16"))


def measure(lab: Lab) -> dict[str, Any]:
    """Return figures by name."""
    rounds = ROUNDS if lab.accelerator == "gpu" else 1
    most = None if lab.accelerator == "gpu" else FEW
    results, _ = on_gpu(rounds, lab.accelerator, CASES, with_tutorial=False, most=most)
    figures: dict[str, Any] = {}
    for name, result in results.items():
        figures[f"{name}: images/s"] = result["images_per_second"]["framework"]
        for rival, share in result["shares"].items():
            figures[f"{name}: share of the bare loop, {rival}"] = share
    figures["validation of 10,000 images, ms"] = 1000 * _validation_seconds(lab)
    figures["default run, command to table, s"] = _run_seconds(lab)
    return figures


def _validation_seconds(lab: Lab) -> float:
    experiment = lab.build(cuda_graphs=True)
    trainer = experiment.trainer
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        trainer.validate(experiment.module, datamodule=experiment.datamodule, verbose=False)
        if lab.device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return best


def _run_seconds(lab: Lab) -> float:
    epochs = () if lab.accelerator == "gpu" else ("debug=fast",)
    command = (f"trainer={lab.accelerator}", f"hydra.run.dir={lab.folder / 'run'}", *epochs)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *command], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began
