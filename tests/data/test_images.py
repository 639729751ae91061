"""Folders of pictures: classes, splits, what is kept, what is refused."""

import multiprocessing
import threading

import pytest
import torch
from PIL import Image
from torchvision import datasets

from vae_lab.data import cache, decoded_once, mapped
from vae_lab.data.images import ImagesDataModule

FIRST = [f"{number:03d}.png" for number in range(60)]


def draw(path, value=0, size=(8, 9), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1], value if mode == "L" else (value, 0, 0)).save(path)


def draw_many(folder, names=FIRST, first=0):
    for number, name in enumerate(names, first):
        draw(folder / name, number)


@pytest.fixture
def opened(tmp_path):
    """Opens the folder ``p ü``; its images as {split: [first pixels]}."""

    def open_folder(**changes):
        options = {
            "image_size": None, "fit": "crop", "channels": None, "on_error": "error",
            "cache": str(tmp_path / "cache"), "image_shape": None, "val_size": None,
            "batch_size": 4, "global_batch_size": None, "binarization": "none", "seed": 0,
        }  # fmt: skip
        datamodule = ImagesDataModule(str(tmp_path / "p ü"), **options | changes)
        for stage in ("fit", "test"):
            datamodule.setup(stage)
        return datamodule

    (tmp_path / "p ü").mkdir()
    return open_folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "p ü"


def values(datamodule, split):
    return datamodule.splits[split].images[:, 0, 0, 0].tolist()


def test_a_hash_divides_what_folders_do_not_and_more_pictures_move_none(opened, folder):
    draw_many(folder)
    before = {split: values(opened(), split) for split in ("train", "val", "test")}
    assert sorted(sum(before.values(), [])) == list(range(60))  # noqa: RUF017
    assert min(len(before["val"]), len(before["test"])) >= 2
    draw_many(folder, [f"new{number}.png" for number in range(9)])
    after = opened()
    for split, kept in before.items():
        assert [value for value in kept if value in values(after, split)] == kept
    assert after.class_names == ("image",)
    assert after.image_shape == (1, 8, 9)
    assert after.name == "p ü"


def test_few_pictures_still_fill_every_split(opened, folder):
    draw_many(folder, FIRST[:4])
    datamodule = opened()
    assert [len(datamodule.splits[split]) for split in ("train", "val", "test")] == [2, 1, 1]


def test_the_first_level_is_the_class_at_any_depth_and_hidden_files_are_none(opened, folder):
    draw_many(folder / "bee" / "deep" / "deeper", FIRST[:8])
    draw_many(folder / "ant", FIRST[8:16], first=8)
    draw(folder / ".thumbnails" / "x.png")
    (folder / "notes.txt").write_text("no picture")
    datamodule = opened()
    assert datamodule.class_names == ["ant", "bee"]
    for data in datamodule.splits.values():
        for image, label in zip(data.images, data.labels, strict=True):
            assert label == (image[0, 0, 0] < 8)


@pytest.mark.parametrize("classes", [("", ""), ("ant", "bee")])
def test_folders_name_the_splits(opened, folder, classes):
    for number, name in enumerate(FIRST[:20]):
        draw(folder / "train" / classes[number % 2] / name, number)
    draw_many(folder / "Validation" / classes[0], FIRST[:3])
    draw_many(folder / "test" / classes[1], FIRST[:2])
    datamodule = opened()
    assert values(datamodule, "train") == list(range(20))
    assert (values(datamodule, "val"), values(datamodule, "test")) == ([0, 1, 2], [0, 1])
    assert datamodule.splits["test"].labels.tolist() == ([1, 1] if classes[1] else [0, 0])


def test_the_last_pictures_validate_if_their_number_is_given(opened, folder):
    draw_many(folder / "train")
    draw_many(folder / "test", FIRST[:2])
    assert values(opened(val_size=7), "val") == list(range(53, 60))
    assert not opened(val_size=0).validates


@pytest.mark.slow
def test_mnist_as_pictures_is_mnist(opened, folder, mnist_root):
    data = datasets.MNIST(mnist_root, train=True)
    for number in range(200):
        path = folder / "train" / str(int(data.targets[number])) / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data.data[number].numpy()).save(path)
    draw(folder / "test" / "0" / "0.png", size=(28, 28))
    datamodule = opened(val_size=50)
    for split, part in (("train", slice(150)), ("val", slice(150, 200))):
        assert torch.equal(datamodule.splits[split].images[:, 0], data.data[part])
        assert torch.equal(datamodule.splits[split].labels, data.targets[part])


def test_one_picture_in_colour_makes_all_of_them_colour(opened, folder):
    draw_many(folder, FIRST[:12])
    assert opened().image_shape == (1, 8, 9)
    draw(folder / "zzz.png", 255, mode="RGB")
    assert opened().image_shape == (3, 8, 9)
    assert opened(channels=1).image_shape == (1, 8, 9)


def test_sizes_that_differ_need_one_to_be_given(opened, folder):
    draw_many(folder, FIRST[:8])
    draw(folder / "wide.png", 255, size=(8, 20))
    with pytest.raises(ValueError, match=r"data.image_size must .*wide.png is 8×20.* are 8×9"):
        opened()
    assert opened(image_size=10).image_shape == (1, 10, 10)
    assert opened(image_size=[10, 12], fit="pad").image_shape == (1, 10, 12)


def break_some(folder):
    draw_many(folder, FIRST[:20])
    (folder / "000.png").write_bytes(b"")
    (folder / "007.png").write_text("words")
    (folder / "011.png").write_bytes((folder / "012.png").read_bytes()[:50])


def test_a_broken_file_is_an_error_or_left_out_and_named(opened, folder, caplog):
    break_some(folder)
    with pytest.raises(ValueError, match=r"data.root: .*\.png cannot be read.*data.on_error=skip"):
        opened()
    for _ in range(2):  # also where they were decoded before
        caplog.clear()
        datamodule = opened(on_error="skip")
        assert "3 of 20 pictures were left out: " in caplog.text
        assert "no picture" in caplog.text
        left = {value for split in datamodule.splits for value in values(datamodule, split)}
        assert left == set(range(20)) - {0, 7, 11}


def test_a_split_that_would_lose_all_its_pictures_is_told(opened, folder):
    draw_many(folder / "train", FIRST[:8])
    draw_many(folder / "val", FIRST[:2])
    draw_many(folder / "test", FIRST[:3])
    for path in (folder / "val").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"data.on_error=skip: 2 of 13 .* all 2 of val among them"):
        opened(on_error="skip")


def test_pictures_are_decoded_once_until_they_or_the_order_change(opened, folder, monkeypatch):
    draw_many(folder, FIRST[:12])
    calls = []
    decode_into = decoded_once._decode_into
    monkeypatch.setattr(decoded_once, "_decode_into", lambda *a: calls.append(1) or decode_into(*a))
    opened()
    opened()
    assert len(calls) == 1
    opened(image_size=8)
    draw(folder / "000.png", 99, size=(8, 9))
    assert 99 in sum((values(opened(), split) for split in ("train", "val", "test")), [])  # noqa: RUF017
    assert len(calls) == 3


def test_a_folder_that_is_too_large_for_the_memory_gives_the_same_batches(
    opened, folder, monkeypatch
):
    draw_many(folder)
    usual = opened()
    monkeypatch.setattr(mapped, "LARGE", 0.0)
    large, announced = opened(), []
    announce = large.mapped.announce
    monkeypatch.setattr(large.mapped, "announce", lambda *a: announced.append(a) or announce(*a))
    for before, now in zip(usual.train_dataloader(), large.train_dataloader(), strict=True):
        assert torch.equal(before[0], now[0])
    assert len(announced) == len(large.train_dataloader())
    assert usual.mapped is None
    assert usual.fingerprint() == large.fingerprint()


@pytest.mark.slow
def test_several_processes_decode_the_same_in_the_same_order(opened, folder, monkeypatch):
    draw_many(folder)
    alone = opened()
    monkeypatch.setattr(decoded_once, "FEW", 10)
    monkeypatch.setattr(decoded_once, "AT_ONCE", 7)
    monkeypatch.setattr(decoded_once, "cpu_count", lambda: 2)
    (folder / "000.png").touch()
    together = opened()
    for split in ("train", "val", "test"):
        assert values(together, split) == values(alone, split)


def open_and_report(open_folder, queue):
    queue.put(values(open_folder(), "train"))


@pytest.mark.slow
def test_runs_that_start_together_decode_once(opened, folder, tmp_path):
    draw_many(folder)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    runs = [context.Process(target=open_and_report, args=(opened, queue)) for _ in range(4)]
    for run in runs:
        run.start()
    results = [queue.get(timeout=60) for _ in runs]
    for run in runs:
        run.join()
    assert all(result == results[0] for result in results)
    assert len(list((tmp_path / "cache").glob("*.bytes"))) == 1
    assert not list((tmp_path / "cache").glob("*.part"))


def test_who_waits_for_anothers_decoding_says_so(opened, folder, tmp_path, monkeypatch, caplog):
    fcntl = pytest.importorskip("fcntl")
    draw_many(folder, FIRST[:12])
    opened()
    assert not caplog.text
    [path] = (tmp_path / "cache").glob("*.lock")
    other = path.open("wb")
    fcntl.flock(other, fcntl.LOCK_EX)
    monkeypatch.setattr(cache, "SOON", 0.01)
    threading.Timer(0.2, other.close).start()
    opened()
    assert "another run reads these images" in caplog.text


def test_a_full_disk_leaves_nothing_half_written(opened, folder, tmp_path, monkeypatch):
    draw_many(folder, FIRST[:12])

    def full(*args):
        args[0].write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(decoded_once, "_decode_into", full)
        with pytest.raises(OSError, match=r"data.cache=.*No space left on device"):
            opened()
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}
    opened()


def test_links_in_circles_are_not_followed(opened, folder):
    draw_many(folder / "ant", FIRST[:12])
    (folder / "ant" / "again").symlink_to(folder)
    (folder / "ant" / "nowhere").symlink_to(folder / "missing")
    (folder / "ant" / "itself.png").symlink_to(folder / "ant" / "itself.png")
    assert sum(len(data) for data in opened().splits.values()) == 12


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"data.root=.*p ü holds no pictures \(.apng, .avif"),
        (["a.png", "b.png", "c.png"], "data.root: too few pictures to train on, 3"),
        (["ant/a.png", "b.png"], "b.png lies beside folders, which are classes"),
        (["train/a.png", "b/b.png"], "b/b.png lies beside train/"),
    ],
)
def test_folders_that_are_not_clear_are_refused(opened, folder, names, message):
    draw_many(folder, names)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        opened()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("channels", 2, "channels must be one of 1, 3"),
        ("image_size", 4, "image_size must be .*at least 8"),
        ("image_size", [32], "image_size must be"),
        ("fit", "squeeze", "fit must be one of crop, pad"),
        ("on_error", "ignore", "on_error must be one of error, skip"),
    ],
)
def test_options_that_are_none_are_refused(opened, folder, option, value, message):
    with pytest.raises(ValueError, match=message):
        opened(**{option: value})


def test_a_file_or_nothing_in_place_of_the_folder_is_told(opened, folder):
    folder.rmdir()
    with pytest.raises(FileNotFoundError, match="is not there"):
        opened()
    folder.write_text("")
    with pytest.raises(FileNotFoundError, match="a file; data=arrays reads arrays"):
        opened()
