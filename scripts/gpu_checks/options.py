"""Every option of what training is made of, with what it needs beside it."""

from collections.abc import Iterator

from gpu_checks.training import ROOT

GROUPS = (
    "model",
    "conditioning",
    "posterior",
    "prior",
    "likelihood",
    "objective",
    "optimizer",
    "schedule",
)
# Options that make sense only beside another, as their comments say.
COMPANIONS = {
    "likelihood=continuous_bernoulli": ("data.binarization=none",),
    "likelihood=discretized_logistic": ("data.binarization=none",),
    "likelihood=discretized_logistic_mixture": ("data.binarization=none",),
    "likelihood=normal": ("data.binarization=none",),
    "likelihood=optimal_normal": ("data.binarization=none",),
    "objective=capacity": ("objective.gamma=1",),  # the reconstruction's slope at the start
    "posterior=categorical": ("prior=categorical",),
    "posterior=deterministic": ("objective=autoencoder",),
    "posterior=finite_scalar": ("prior=categorical",),
    "posterior=power_spherical": ("prior=uniform_sphere",),
    "posterior=vector_quantized": ("prior=autoregressive",),
    "prior=autoregressive": ("posterior=categorical",),
    "prior=categorical": ("posterior=categorical",),
    "prior=per_label": ("conditioning=label",),
    "prior=uniform_sphere": ("posterior=power_spherical",),
}
# What takes long otherwise.
SMALLER = {"prior=vampprior": ("model.prior.num_components=20",)}
RULES = (
    "callbacks=ema",
    "trainer.accumulate_grad_batches=2",
    "trainer.gradient_clip_val=1",
    "objective.beta=warmup",
    "schedule=cosine",
    "schedule.warmup_epochs=1",
)
MORE = {
    "accumulation, clipping, averages, warm-up, cosine": RULES,
    "bf16": ("trainer.precision=bf16-mixed",),
    "iwae with dreg": ("objective=iwae", "objective.dreg=true"),
    "a score-function gradient": (
        "posterior=categorical",
        "prior=categorical",
        "model.posterior.gradient=score_function",
        "objective.num_samples=2",
    ),
    "few labels": ("model=semi_supervised", "data.num_labels=100"),
}


def options() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a name for each, and its overrides."""
    for group in GROUPS:
        for path in sorted((ROOT / "conf" / group).glob("*.yaml")):
            name = f"{group}={path.stem}"
            yield name, (name, *COMPANIONS.get(name, ()), *SMALLER.get(name, ()))
    yield from MORE.items()
