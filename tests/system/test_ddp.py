"""Two processes do what one process does with the same global batches."""

import csv
import json
from collections import Counter

import pytest
import torch
from command_line import train
from idx_files import write_numbered_images

# No noise, since processes draw different noise; plain SGD, since Adam hides a wrong scale.
COMMON = (
    "data=fashion_mnist",
    "data.binarization=none",
    "data.val_size=8",
    "objective=autoencoder",
    "likelihood=normal",
    "data.dequantize=false",
    "optimizer._target_=torch.optim.SGD",
    "optimizer.fused=false",
    "optimizer.lr=1e-5",
    "data.global_batch_size=16",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "model.encoder.hidden_sizes=[16]",
    "model.decoder.hidden_sizes=[16]",
)
TRAINING_IMAGES = 96


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddp")
    write_numbered_images(folder, train=TRAINING_IMAGES + 8, test=10)
    for name, processes in (("one", ()), ("two", ("trainer=ddp_cpu", "trainer.devices=2"))):
        (folder / f"{name}_seen").mkdir()
        record = f"+callbacks.record={{_target_: probes.RecordImages, folder: {name}_seen}}"
        done = train(
            *COMMON, *processes, record, f"hydra.run.dir={name}", folder=folder, data=folder
        )
        assert done.returncode == 0, done.stderr
    return folder


def seen(folder):
    lines = [file.read_text().splitlines() for file in sorted(folder.glob("rank_*.txt"))]
    return [[tuple(map(int, line.split())) for line in rank] for rank in lines]


def curve(run, metric):
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row["value"]) for row in csv.DictReader(file) if row["metric"] == metric]


def test_every_image_is_seen_once_by_one_process(runs):
    ranks = seen(runs / "two_seen")
    assert [len(rank) for rank in ranks] == [TRAINING_IMAGES, TRAINING_IMAGES]  # two epochs each
    counts = Counter(image for rank in ranks for image in rank)
    assert counts == {(epoch, number): 1 for epoch in (0, 1) for number in range(TRAINING_IMAGES)}


def test_gradients_equal_those_of_one_process(runs):
    one, two = (
        torch.load(runs / name / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for name in ("one", "two")
    )
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("metric", ["train/loss", "val/reconstruction", "test/reconstruction"])
def test_the_curves_are_those_of_one_process(runs, metric):
    one, two = curve(runs / "one", metric), curve(runs / "two", metric)
    assert len(one) == len(two) > 0
    assert two == pytest.approx(one, rel=1e-5)


def test_one_process_writes_the_summary_and_the_pictures(runs):
    summary = json.loads((runs / "two" / "summary.json").read_text())
    assert summary["hardware"]["processes"] == 2
    assert summary["status"] == "completed"
    assert len(list((runs / "two").glob("events.out.tfevents.*"))) == 2  # training, testing
