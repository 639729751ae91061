"""Every metric: its unit, which way is better, what it says, where it is shown.

A new metric is computed somewhere and gets an entry here; nothing else needs to know of it.
"""

from dataclasses import dataclass, replace
from typing import Literal

NATS = "nats/image"
FRACTION = "fraction"
BCE = "_bce"  # what a likelihood's ``suffix`` appends where pixels have no likelihood
GIVEN_LABEL = "_given_y"  # what a conditional model's ``suffixes`` appends
EVERY_SPLIT = ("train", "val", "test")


@dataclass(frozen=True)
class Chart:
    """A chart among TensorBoard's custom scalars.

    Attributes:
        group: the heading that it stands under.
        title: its own.
        splits: whose curves it shows.
    """

    group: str
    title: str
    splits: tuple[str, ...] = ("train", "val")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What there is to know of one metric.

    Attributes:
        name: without its split.
        meaning: one sentence, in Markdown.
        splits: what its name is prefixed with: ``train``, ``val``, ``test``, or ``evaluation``,
            which stands for ``evaluation.json``.
        unit: empty for a count or a ratio.
        better: which way is better; None if neither is.
        depends_on_samples: whether it changes with K, the importance samples per image.
        takes_suffix: whether it is called ``elbo_bce`` and the like where a Bernoulli scores grey
            pixels, which have no likelihood then.
        takes_label: whether it is called ``elbo_given_y`` and the like where a model is given the
            label of each image.
        is_headline: whether it may stand in the line that ends an epoch; of several that a model
            has, the first one does.
        chart: its chart in TensorBoard.
        hparams: with which splits it is a column of TensorBoard's HParams table.
        report: with which splits it is a column of a report.
        is_in_results: whether it is a column of the table of published results.
    """

    name: str
    meaning: str
    splits: tuple[str, ...]
    unit: str
    better: Literal["higher", "lower"] | None = None
    depends_on_samples: bool = False
    takes_suffix: bool = False
    takes_label: bool = False
    is_headline: bool = False
    chart: Chart | None = None
    hparams: tuple[str, ...] = ()
    report: tuple[str, ...] = ()
    is_in_results: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called."""
        bare = (self.name, self.name + BCE) if self.takes_suffix else (self.name,)
        return (*bare, *(name + GIVEN_LABEL for name in bare)) if self.takes_label else bare

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What may be appended to its name, in this order."""
        known = {BCE: self.takes_suffix, GIVEN_LABEL: self.takes_label}
        return tuple(suffix for suffix, is_taken in known.items() if is_taken)

    @property
    def higher_is_better(self) -> bool:
        """Tell whether the best value is the largest, or else the smallest.

        Raises:
            ValueError: if no value is best.
        """
        if self.better is None:
            others = ", ".join(other.name for other in METRICS if other.better and
                               "val" in other.splits)  # fmt: skip
            raise ValueError(
                f"{self.name} has no best value: neither more nor less of it is better; monitor "
                f"one of {others}"
            )
        return self.better == "higher"


# In the order in which tables show them.
METRICS = (
    Metric(
        name="nll",
        meaning="−log p(x) by importance sampling",
        splits=("test", "evaluation"),
        unit=NATS,
        better="lower",
        depends_on_samples=True,
        hparams=("test",),
        report=("test", "evaluation"),
        takes_label=True,
    ),
    Metric(
        name="nll_bpd",
        meaning="the same in bits per pixel and channel; of a density an upper bound of what the "
        "levels of the pixels cost",
        splits=("test", "evaluation"),
        unit="bits/pixel",
        better="lower",
        depends_on_samples=True,
        takes_label=True,
    ),
    Metric(
        name="effective_sample_size",
        meaning="how many of the importance samples count: (Σ w)² / Σ w²",
        splits=("test", "evaluation"),
        unit="samples",
        better="higher",
        depends_on_samples=True,
    ),
    Metric(
        name="elbo",
        meaning="`reconstruction` − `kl`, whatever the objective weighs them with",
        splits=(*EVERY_SPLIT, "evaluation"),
        unit=NATS,
        better="higher",
        takes_suffix=True,
        is_headline=True,
        chart=Chart("ELBO", "elbo, nats"),
        hparams=("val", "test"),
        is_in_results=True,
        takes_label=True,
    ),
    Metric(
        name="kl",
        meaning="KL(q(z|x) ‖ p(z))",
        splits=EVERY_SPLIT,
        unit=NATS,
        chart=Chart("rate and distortion", "rate: KL, nats"),
        hparams=("test",),
        report=("test",),
    ),
    Metric(
        name="rate",
        meaning="`kl`, as an evaluation calls it",
        splits=("evaluation",),
        unit=NATS,
        is_in_results=True,
    ),
    Metric(
        name="reconstruction",
        meaning="E[log p(x|z)]",
        splits=EVERY_SPLIT,
        unit=NATS,
        better="higher",
        takes_suffix=True,
        is_headline=True,
        chart=Chart("rate and distortion", "−distortion: reconstruction, nats"),
        hparams=("val", "test"),
        report=("test",),
        takes_label=True,
    ),
    Metric(
        name="distortion",
        meaning="−`reconstruction`",
        splits=("evaluation",),
        unit=NATS,
        better="lower",
        takes_suffix=True,
        is_in_results=True,
        takes_label=True,
    ),
    Metric(
        name="mutual_information",
        meaning="I(x; z), the first term of the rate (Hoffman & Johnson 2016), at most the "
        "logarithm of the number of images, at most 5000 in `test/`",
        splits=("test", "evaluation"),
        unit=NATS,
        is_in_results=True,
        takes_label=True,
    ),
    Metric(
        name="aggregate_kl",
        meaning="KL(q(z) ‖ p(z)), the other term of the rate, on the same images",
        splits=("test", "evaluation"),
        unit=NATS,
        is_in_results=True,
        takes_label=True,
    ),
    Metric(
        name="active_units",
        meaning="latent dimensions whose posterior mean varies (Burda et al. 2016)",
        splits=("val", "test", "evaluation"),
        unit="",
        report=("test",),
        is_in_results=True,
    ),
    Metric(
        name="code_perplexity",
        meaning="exp of the entropy of how often the values of discrete codes are taken, at most "
        "their number; the mean over units where each has values of its own",
        splits=("val", "test", "evaluation"),
        unit="",
        report=("test",),
    ),
    Metric(
        name="dead_codes",
        meaning="values of discrete codes that no image takes",
        splits=("val", "test", "evaluation"),
        unit="",
        report=("test",),
    ),
    Metric(
        name="reconstruction_mse",
        meaning="mean squared difference of x and E[x|z] at the posterior mean",
        splits=("test", "evaluation"),
        unit="squared grey value/pixel",
        better="lower",
    ),
    Metric(
        name="linear_probe_accuracy",
        meaning="how often logistic regression on posterior means finds the class",
        splits=("evaluation",),
        unit=FRACTION,
        better="higher",
        is_in_results=True,
    ),
    Metric(
        name="knn_accuracy",
        meaning="how often the 15 nearest neighbours among posterior means do",
        splits=("evaluation",),
        unit=FRACTION,
        better="higher",
        is_in_results=True,
    ),
    Metric(
        name="bayes_rule_error",
        meaning="how often arg max p(y) p(x|y), from K samples for each class, is not the class",
        splits=("test", "evaluation"),
        unit=FRACTION,
        better="lower",
        depends_on_samples=True,
    ),
    Metric(
        name="accuracy",
        meaning="how often the classifier q(y|x) of `model=semi_supervised` finds the class",
        splits=("val", "test", "evaluation"),
        unit=FRACTION,
        better="higher",
        hparams=("val", "test"),
        report=("test",),
        is_in_results=True,
    ),
    Metric(
        name="mig",
        meaning="mutual information gap (Chen et al. 2018): how far each known factor of variation "
        "has a latent dimension of its own; at most 1",
        splits=("evaluation",),
        unit=FRACTION,
        better="higher",
    ),
    Metric(
        name="mnist_fid",
        meaning="Fréchet distance of samples and originals in the features of the MNIST classifier "
        "that ships with the package, hence never to be compared with anyone's FID",
        splits=("evaluation",),
        unit="squared feature distance",
        better="lower",
        is_in_results=True,
    ),
    Metric(
        name="mnist_kid",
        meaning="kernel distance of the same features",
        splits=("evaluation",),
        unit="squared kernel distance",
        better="lower",
    ),
    Metric(
        name="precision",
        meaning="the part of the samples that lie where originals do",
        splits=("evaluation",),
        unit=FRACTION,
        better="higher",
        is_in_results=True,
    ),
    Metric(
        name="recall",
        meaning="the part of the originals that lie where samples do",
        splits=("evaluation",),
        unit=FRACTION,
        better="higher",
        is_in_results=True,
    ),
    Metric(
        name="bound",
        meaning="what the objective maximises, with its weights; of one model, the best epoch has "
        "the highest",
        splits=EVERY_SPLIT,
        unit=NATS,
        better="higher",
    ),
    Metric(
        name="loss",
        meaning="−`bound`: what is minimised",
        splits=EVERY_SPLIT,
        unit=NATS,
        better="lower",
        chart=Chart("objective", "loss, nats"),
    ),
    Metric(
        name="beta",
        meaning="the weight of the KL at this epoch",
        splits=EVERY_SPLIT,
        unit="",
        chart=Chart("objective", "beta", ("train",)),
    ),
    Metric(
        name="temperature",
        meaning="of relaxed codes at this epoch (`posterior=categorical`)",
        splits=EVERY_SPLIT,
        unit="",
    ),
    Metric(
        name="capacity",
        meaning="the KL that `objective=capacity` aims at in this epoch",
        splits=EVERY_SPLIT,
        unit="nats",
    ),
    Metric(
        name="mmd",
        meaning="squared maximum mean discrepancy of codes and prior (`objective=info_vae`)",
        splits=EVERY_SPLIT,
        unit="",
    ),
    Metric(
        name="batch_mutual_information",
        meaning="I(x; z) with q(z) the mixture of a batch's posteriors (`objective=tcvae`)",
        splits=EVERY_SPLIT,
        unit=NATS,
    ),
    Metric(
        name="batch_total_correlation",
        meaning="KL(q(z) ‖ Π q(z_d)) with the same q(z)",
        splits=EVERY_SPLIT,
        unit=NATS,
    ),
    Metric(
        name="batch_dimension_wise_kl",
        meaning="Σ KL(q(z_d) ‖ p(z_d)) with the same q(z)",
        splits=EVERY_SPLIT,
        unit=NATS,
    ),
    Metric(
        name="images_per_second",
        meaning="training images, validation and pictures left out",
        splits=("train",),
        unit="images/s",
        better="higher",
    ),
)


def _named(entry: Metric, name: str) -> Metric:
    """Return the entry of a metric that is called by one of its other names."""
    if name == entry.name:
        return entry
    given = "; for images given their labels" if name.endswith(GIVEN_LABEL) else ""
    meaning = entry.meaning + given
    return replace(entry, name=name, meaning=meaning, takes_suffix=False, takes_label=False)


_BY_NAME = {name: _named(entry, name) for entry in METRICS for name in entry.names}


def metric(name: str) -> Metric:
    """Return the entry of a metric, given with or without its split.

    Raises:
        ValueError: if there is none.
    """
    bare = name.rpartition("/")[2]
    if bare not in _BY_NAME:
        raise ValueError(
            f"{bare} is no known metric; add it to {__name__}, or take one of {', '.join(_BY_NAME)}"
        )
    return _BY_NAME[bare]


def with_suffix(name: str, *suffixes: str) -> str:
    """Return what a metric of a model is called, with or without its split.

    Args:
        name: of the metric.
        suffixes: what the model appends, where the metric takes it.
    """
    taken = metric(name).suffixes
    return name + "".join(suffix for suffix in suffixes if suffix in taken)


def markdown_table() -> str:
    """Return the table in Markdown."""
    lines = ["| metric | unit | better | where | meaning |", "|---|---|---|---|---|"]
    for entry in METRICS:
        name = f"`{entry.name}`" + (" (K)" if entry.depends_on_samples else "")
        where = ", ".join(entry.splits)
        meaning = entry.meaning.replace("|", "\\|")
        lines.append(f"| {name} | {entry.unit} | {entry.better or ''} | {where} | {meaning} |")
    return "\n".join(lines)
