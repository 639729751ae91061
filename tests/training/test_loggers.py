"""What the loggers write, read back; and what a continued run leaves standing."""

import csv

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.summary.writer import event_file_writer

from vae_lab.evaluation.metrics import METRICS
from vae_lab.training.loggers import HPARAMS_METRICS, MetricsCSV, TensorBoard

CONFIG = {
    "seed": 3,
    "latent_dim": 20,
    "compile": False,
    "resume": None,
    "model": {"_target_": "VAE", "encoder": {"hidden_sizes": [400, 200]}, "latent_dim": 20},
    "optimizer": {"lr": 0.001, "_target_": "torch.optim.Adam"},
}
CHOICES = {"model": "mlp", "optimizer": "adam", "callbacks": "default", "hydra/launcher": "basic"}
CHANGED = {"optimizer.lr": 0.001, "model": "conv", "data.limit": None, "callbacks.film": None}


def rows(folder):
    """Return the rows of ``metrics.csv`` as (step, epoch, metric, value), all of them text."""
    with (folder / "metrics.csv").open(newline="") as file:
        header, *body = csv.reader(file)
    assert header == ["step", "epoch", "metric", "value"]
    return [tuple(row) for row in body]


def written(folder):
    """Return everything that TensorBoard reads from ``folder``."""
    return EventAccumulator(str(folder)).Reload()


def curve(folder, tag):
    return [(event.step, event.value) for event in written(folder).Scalars(tag)]


@pytest.fixture
def described(tmp_path):
    """The folder of a run that has been described and has logged one metric."""
    logger = TensorBoard(str(tmp_path))
    logger.describe(CONFIG, CHOICES, "val/loss", CHANGED)
    logger.log_metrics({"val/elbo": -98.5, "val/bound": -99.0, "epoch": 0}, step=10)
    logger.log_metrics({"lr-Adam": 0.001, "epoch": 0}, step=10)
    logger.save()
    logger.finalize("success")
    return tmp_path


def test_csv_has_one_row_per_metric_with_its_step_and_epoch(tmp_path):
    MetricsCSV(str(tmp_path)).log_metrics({"val/elbo": -98.5, "val/kl": 25.0, "epoch": 2}, step=30)
    assert rows(tmp_path) == [("30", "2", "val/elbo", "-98.5"), ("30", "2", "val/kl", "25.0")]


def test_csv_leaves_the_epoch_empty_where_none_is_given(tmp_path):
    MetricsCSV(str(tmp_path)).log_metrics({"lr-Adam": 0.001}, step=0)
    assert rows(tmp_path) == [("0", "", "lr-Adam", "0.001")]


def test_a_second_csv_logger_appends_to_what_the_first_has_written(tmp_path):
    for step in (1, 2):
        MetricsCSV(str(tmp_path)).log_metrics({"loss": step * 0.5}, step=step)
    assert rows(tmp_path) == [("1", "", "loss", "0.5"), ("2", "", "loss", "1.0")]


@pytest.mark.parametrize("step", [0, 1, 5, 9, 10, 11])
def test_continuing_csv_drops_the_rows_at_the_step_and_later_and_no_other(tmp_path, step):
    logger = MetricsCSV(str(tmp_path))
    for at in (0, 5, 9, 10):
        logger.log_metrics({"loss": at / 7, "val/elbo": -at / 3, "epoch": at // 5}, step=at)
    before = rows(tmp_path)
    MetricsCSV(str(tmp_path)).continue_from(step)
    assert rows(tmp_path) == [row for row in before if int(row[0]) < step]


def test_csv_goes_on_after_continuing(tmp_path):
    logger = MetricsCSV(str(tmp_path))
    for step in (1, 2, 3):
        logger.log_metrics({"loss": 1.0}, step=step)
    logger.continue_from(2)
    logger.log_metrics({"loss": 2.0}, step=2)
    assert rows(tmp_path) == [("1", "", "loss", "1.0"), ("2", "", "loss", "2.0")]


def test_continuing_csv_without_a_file_writes_none(tmp_path):
    MetricsCSV(str(tmp_path)).continue_from(5)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_writes_into_the_run_directory_itself_and_no_hparams_yaml(described):
    names = [path.name for path in described.rglob("*")]
    assert len(names) == 1
    assert names[0].startswith("events.out.tfevents.")


def test_tensorboard_keeps_the_scalars(described):
    assert curve(described, "val/elbo") == [(10, -98.5)]


def test_the_bound_stands_first_among_the_scalars(described):
    assert sorted(written(described).Tags()["scalars"]) == [
        "bound/val",
        "train/lr-Adam",
        "val/elbo",
    ]


def test_tensorboard_shows_the_configuration_as_yaml(described):
    (event,) = written(described).Tensors("config/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert text.startswith("```yaml\n")
    assert text.endswith("\n```")
    assert "optimizer:\n  lr: 0.001\n  _target_: torch.optim.Adam\n" in text


def test_tensorboard_says_what_each_metric_means(described):
    (event,) = written(described).Tensors("metrics/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert all(f"| `{metric.name}`" in text for metric in METRICS)


def test_tensorboard_has_one_hparams_row_with_every_setting_by_its_dotted_name(described):
    summaries = written(described).PluginTagToContent("hparams")
    row = HParamsPluginData.FromString(summaries["_hparams_/session_start_info"])
    settings = {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in row.session_start_info.hparams.items()
    }
    assert settings == {
        "seed": 3,
        "latent_dim": 20,
        "model.encoder.hidden_sizes": "[400, 200]",
        "optimizer.lr": 0.001,
        "optimizer": "adam",
        "model": "conv",
        "data.limit": "null",
    }


def hparams_experiment(folder):
    """Return the columns of the HParams table."""
    summaries = written(folder).PluginTagToContent("hparams")
    return HParamsPluginData.FromString(summaries["_hparams_/experiment"]).experiment


def test_the_hparams_row_takes_its_metrics_from_the_curves(described):
    metrics = [info.name.tag for info in hparams_experiment(described).metric_infos]
    assert metrics == ["val/loss", *HPARAMS_METRICS]
    assert {"val/elbo", "test/nll"} < set(metrics)


def test_a_monitored_metric_has_one_column_in_the_hparams_table(tmp_path):
    logger = TensorBoard(str(tmp_path))
    logger.describe(CONFIG, CHOICES, "val/elbo", {})
    logger.save()
    metrics = [info.name.tag for info in hparams_experiment(tmp_path).metric_infos]
    assert metrics[:2] == ["val/elbo", "test/nll"]
    assert len(metrics) == len(set(metrics)) == len(HPARAMS_METRICS)


def test_what_tells_runs_apart_stands_first_in_the_hparams_table(described):
    infos = hparams_experiment(described).hparam_infos
    assert {info.name for info in infos if info.differs} == {
        "latent_dim",
        "optimizer.lr",
        "model",
        "data.limit",
    }


def test_tensorboard_lays_out_the_charts(described):
    (event,) = written(described).Tensors("custom_scalars__config__")
    layout = Layout.FromString(event.tensor_proto.string_val[0])
    found = {
        category.title: {chart.title: list(chart.multiline.tag) for chart in category.chart}
        for category in layout.category
    }
    assert found == {
        "ELBO": {"elbo, nats": ["(train|val)/elbo.*"]},
        "rate and distortion": {
            "rate: KL, nats": ["(train|val)/kl"],
            "−distortion: reconstruction, nats": ["(train|val)/reconstruction.*"],
        },
        "objective": {"loss, nats": ["(train|val)/loss"], "beta": ["train/beta"]},
    }


def test_continuing_tensorboard_hides_the_points_that_are_written_again(tmp_path, monkeypatch):
    # files of one second are read in the order of this number, as text
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    first = TensorBoard(str(tmp_path))
    for step in range(5):
        first.log_metrics({"loss": float(step)}, step=step)
    first.finalize("success")
    resumed = TensorBoard(str(tmp_path))
    resumed.continue_from(3)
    for step in (3, 4, 5):
        resumed.log_metrics({"loss": 10.0 * step}, step=step)
    resumed.finalize("success")
    assert curve(tmp_path, "loss") == [(0, 0), (1, 1), (2, 2), (3, 30), (4, 40), (5, 50)]
