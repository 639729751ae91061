"""Where metrics go: TensorBoard and a CSV file, both made to be continued."""

import csv
import io
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf
from tensorboard.compat.proto.summary_pb2 import (
    Summary,  # pyright: ignore[reportAttributeAccessIssue]  # made at run time by protobuf
)
from tensorboard.data_compat import migrate_value
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,  # pyright: ignore[reportAttributeAccessIssue]  # made at run time by protobuf
)
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.tensorboard.summary import histogram, hparams

from vae_lab.evaluation.metrics import METRICS, markdown_table
from vae_lab.files import write_atomically
from vae_lab.runs.curves import COLUMNS
from vae_lab.runs.rundir import RunDir

# Metrics of the HParams table, after the one that compares runs. TensorBoard takes the columns for
# all runs from one of them, so all name the same.
HPARAMS_METRICS = [f"{split}/{metric.name}" for metric in METRICS for split in metric.hparams]

# Keys that decide about no number, or only now and then.
NO_HYPERPARAMETERS = {
    "_partial_", "callbacks", "compile", "default_root_dir", "enable_model_summary",
    "log_every_n_steps", "logger", "monitor", "name", "num_sanity_val_steps",
    "pictures_every_n_epochs", "profiler", "published", "resume", "root", "run_dir", "schedules",
    "sweep", "use_distributed_sampler",
}  # fmt: skip
RESTATED = {"image_shape", "latent_dim", "seed"}  # by parts, which take them from elsewhere
FIRST_HYPERPARAMETERS = {"latent_dim", "model", "objective"}


class TensorBoard(TensorBoardLogger):
    """TensorBoard files in the run directory itself.

    Args:
        run_dir: the run directory.
    """

    def __init__(self, run_dir: str) -> None:
        super().__init__(run_dir, name="", version="", default_hp_metric=False)

    def continue_from(self, step: int) -> None:
        """Hide the points at ``step`` and later, which a resumed run writes again."""
        self._kwargs["purge_step"] = step

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write scalars, each at its ``tag_of``; the epoch stands in ``metrics.csv`` alone."""
        tagged = {tag_of(name): value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(tagged, step)

    @rank_zero_only
    def describe(
        self,
        config: Mapping[str, Any],
        choices: Mapping[str, str],
        metric: str,
        changed: Mapping[str, bool | int | float | str | None],
    ) -> None:
        """Write what the run is: its configuration, its metrics and charts, its HParams row.

        Args:
            config: the resolved configuration.
            choices: group → option, by which the HParams table calls parts.
            metric: the scalar that stands first in the HParams table.
            changed: the settings that the command line changed, groups by their option; they stand
                before all others in the HParams table, beside model, objective and latent size.
        """
        text = OmegaConf.to_yaml(OmegaConf.create(dict(config)))
        self.experiment.add_text("config", f"```yaml\n{text}```")
        self.experiment.add_text("metrics", markdown_table())
        self.experiment.add_custom_scalars(charts())
        named = {
            key: _readable(value)
            for key, value in changed.items()
            if not NO_HYPERPARAMETERS.intersection(key.split("."))
        }
        metrics = dict.fromkeys(map(tag_of, [metric, *HPARAMS_METRICS]), 0.0)
        settings = _hyperparameters(config)
        settings |= {group: option for group, option in choices.items() if group in settings}
        # SummaryWriter.add_hparams would open a second run; the row takes metrics from the curves
        experiment, *session = hparams(settings | named, metrics)
        plugin = experiment.value[0].metadata.plugin_data
        content = HParamsPluginData.FromString(plugin.content)
        for info in content.experiment.hparam_infos:
            # TensorBoard puts these before the others, and each kind in order of the alphabet
            info.differs = info.name in named.keys() | FIRST_HYPERPARAMETERS
        plugin.content = content.SerializeToString()
        for summary in (experiment, *session):
            self.experiment.file_writer.add_summary(summary)

    @rank_zero_only
    def log_picture(
        self, tag: str, encoded: bytes, size: tuple[int, int], description: str, step: int
    ) -> None:
        """Show an encoded picture, PNG or GIF, with a text below its title.

        ``add_image`` takes no text and no GIF, and ``add_video`` writes nothing without moviepy;
        TensorBoard itself shows both.

        Args:
            tag: its name.
            encoded: the bytes of the file.
            size: (width, height), pixels.
            description: Markdown.
            step: of training.
        """
        width, height = size
        image = Summary.Image(height=height, width=width, colorspace=3,
                              encoded_image_string=encoded)  # fmt: skip
        self._write(Summary(value=[Summary.Value(tag=tag, image=image)]), description, step)

    @rank_zero_only
    def log_histogram(self, tag: str, values: Tensor, description: str, step: int) -> None:
        """Show how ``values`` of any shape are distributed, with a text in Markdown."""
        bins = self.experiment.default_bins
        self._write(histogram(tag, values.cpu().float().numpy(), bins), description, step)

    @rank_zero_only
    def log_embedding(self, points: Tensor, labels: list[str], images: Tensor) -> None:
        """Show points (N, D) with labels and images (N, C, H, W) in the projector.

        They replace what was there. Images that are not square are widened by their borders.
        """
        folder = RunDir(self.log_dir).projector
        shutil.rmtree(folder, ignore_errors=True)  # torch warns about a folder that exists
        height, width = images.shape[2:]
        sides = (height - width, width - height)  # torch arranges squares alone
        beside = [part for side in sides for part in (max(side, 0) // 2, (max(side, 0) + 1) // 2)]
        self.experiment.add_embedding(points, labels, pad(images, beside, mode="replicate"))

    def _write(self, summary: Summary, description: str, step: int) -> None:
        for value in summary.value:
            value.metadata.summary_description = description
        # TensorBoard's data server drops the descriptions of values in the form that torch writes
        values = [migrate_value(value) for value in summary.value]
        self.experiment.file_writer.add_summary(Summary(value=values), step)

    @rank_zero_only
    def save(self) -> None:
        """Flush. The configuration stands in ``.hydra``, so no hparams.yaml is written."""
        self.experiment.flush()


class MetricsCSV(Logger):
    """Appends every scalar to ``metrics.csv``: step, epoch, metric, value.

    Lightning's own CSVLogger deletes an existing file, and with it the curve before a resume.

    Args:
        run_dir: the run directory.
    """

    def __init__(self, run_dir: str) -> None:
        super().__init__()
        self.path = RunDir(run_dir).metrics_file

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """A run directory has no versions."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Do nothing: the configuration stands in ``.hydra``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row per metric."""
        if not self.path.exists():
            self._rewrite([])
        epoch = metrics.get("epoch", "")
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            for name, value in metrics.items():
                if name != "epoch":
                    writer.writerow([step, epoch, name, value])

    @rank_zero_only
    def continue_from(self, step: int) -> None:
        """Drop the rows at ``step`` and later, which a resumed run writes again.

        The last row may be cut off, where the process was killed or the disk was full.
        """
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)]
            self._rewrite(row for row in rows[1:] if int(row[0]) < step)

    def _rewrite(self, rows: Iterable[list[str]]) -> None:
        content = io.StringIO(newline="")
        csv.writer(content).writerows([list(COLUMNS), *rows])
        write_atomically(self.path, content.getvalue())


def charts() -> dict[str, dict[str, tuple[str, list[str]]]]:
    """Return the charts of the custom scalars, as ``add_custom_scalars`` takes them.

    Rate and distortion are the two terms of the ELBO (Alemi et al. 2018, arXiv:1711.00464).
    """
    groups: dict[str, dict[str, tuple[str, list[str]]]] = {}
    for metric in METRICS:
        if chart := metric.chart:
            splits = "|".join(chart.splits)
            splits = f"({splits})" if len(chart.splits) > 1 else splits
            curves = f"{splits}/{metric.name}" + (".*" if metric.suffixes else "")
            groups.setdefault(chart.group, {})[chart.title] = ("Multiline", [curves])
    return groups


def tag_of(name: str) -> str:
    """Return what TensorBoard calls a metric.

    It orders its charts by the alphabet, and opens the first two groups. So the bound has a group,
    which comes first, and the learning rate is shown among the rest.
    """
    split, _, metric = name.rpartition("/")
    if metric == "bound":
        return f"bound/{split}"
    return f"train/{name}" if name.startswith("lr-") else name


def _readable(value: object) -> bool | int | float | str:
    if isinstance(value, bool | int | float | str):
        return value
    return "null" if value is None else str(value)


def _hyperparameters(
    config: Mapping[str, Any], prefix: str = ""
) -> dict[str, bool | int | float | str]:
    """Return the settings that decide about numbers, with dotted keys, for the HParams table.

    A part stands under its own name by its class: ``model.encoder: MLP``.
    """
    flat: dict[str, bool | int | float | str] = {}
    for key, value in config.items():
        if key in NO_HYPERPARAMETERS or (prefix and key in RESTATED):
            continue
        if key == "_target_":
            flat[prefix.rstrip(".")] = value.rpartition(".")[2]
        elif isinstance(value, Mapping):
            flat |= _hyperparameters(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = _readable(value)
    return flat
