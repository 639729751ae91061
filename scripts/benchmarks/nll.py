"""How fast log p(x) is estimated, beside a bare loop of decoder calls: samples per second.

Both decode the same number of latents in the same chunks and score them with p(x|z); the estimator
also samples from q(z|x), and weighs. ``network`` is the decoder network alone, without p(x|z). They
take turns; the best of several counts. Weights are untrained, which costs the same.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import torch
from rich.table import Table

from benchmarks.memory import peak_resident_mib
from vae_lab.evaluation.likelihood import MAX_IMAGES, MAX_PIXELS, importance_sample
from vae_lab.model.vae import VAE
from vae_lab.runs.instantiate import instantiate

ROOT = Path(__file__).parents[2]
MODELS = {
    "mlp": ["model=mlp"],
    "gated_mlp, VampPrior": ["experiment=vampprior_dynamic"],
    "conv": ["model=conv", "latent_dim=16"],
}
NUM_SAMPLES = 300


def contenders(model: VAE) -> dict[str, Callable[[], object]]:
    """Return what is timed; each handles ``MAX_IMAGES`` × ``NUM_SAMPLES`` latents."""
    x = torch.rand(MAX_IMAGES, *model.image_shape).round()
    chunk = MAX_PIXELS // x.numel()
    z = torch.randn(chunk, MAX_IMAGES, model.latent_dim)
    chunks = NUM_SAMPLES // chunk
    return {
        "estimator": lambda: importance_sample(model, x, chunks * chunk),
        "decoder": lambda: [model.decode(z).log_prob(x) for _ in range(chunks)],
        "network": lambda: [model.decoder(z.flatten(0, 1)) for _ in range(chunks)],
    }


@torch.no_grad()
def run(rounds: int) -> tuple[dict[str, Any], Table]:
    """Measure every model; return the report and a table of samples per second."""
    table = Table(title="importance samples per second, best of several")
    for column in ("", "estimator", "bare decoder", "ratio", "network alone", "ratio"):
        table.add_column(column, justify="right")
    results = {}
    for name, overrides in MODELS.items():
        with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            model = instantiate(hydra.compose("train", [*overrides, "run_dir=."]).model).eval()
        seconds = dict.fromkeys(tasks := contenders(model), float("inf"))
        for turn in range(rounds + 1):  # the first warms up
            for task, work in tasks.items():
                began = time.perf_counter()
                work()
                if turn:
                    seconds[task] = min(seconds[task], time.perf_counter() - began)
        rate = {task: MAX_IMAGES * NUM_SAMPLES / best for task, best in seconds.items()}
        results[name] = {"samples_per_second": rate}
        cells = [f"{rate['estimator']:,.0f}"]
        for task in ("decoder", "network"):
            ratio = results[name][f"of_{task}"] = rate["estimator"] / rate[task]
            cells += [f"{rate[task]:,.0f}", f"{ratio:.2f}"]
        table.add_row(name, *cells)
    return {"results": results, "rounds": rounds, "peak_resident_mib": peak_resident_mib()}, table
