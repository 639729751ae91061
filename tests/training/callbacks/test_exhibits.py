"""What is shown of a model in training: when, of which models, and with which words."""

import importlib
import pkgutil
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from torch import nn

from vae_lab.model.likelihoods import Bernoulli
from vae_lab.model.networks import MLP
from vae_lab.model.posteriors import Deterministic
from vae_lab.model.priors import StandardNormal
from vae_lab.model.vae import VAE
from vae_lab.pictures.colors import CLASS_COLORS
from vae_lab.runs.rundir import RunDir
from vae_lab.training import callbacks
from vae_lab.training.callbacks.album import Album
from vae_lab.training.callbacks.exhibit import Exhibit, PictureCallback
from vae_lab.training.callbacks.film import LearningFilm
from vae_lab.training.callbacks.latent_space import (
    Interpolations,
    LatentScatter,
    LatentTraversals,
    Manifold,
)
from vae_lab.training.callbacks.tensorboard_tabs import PosteriorHistograms, in_class_colors


def every_exhibit():
    for module in pkgutil.iter_modules(callbacks.__path__):
        importlib.import_module(f"vae_lab.training.callbacks.{module.name}")
    waiting, found = [Exhibit], []
    while waiting:
        kinds = waiting.pop().__subclasses__()
        waiting += kinds
        found += [kind for kind in kinds if kind is not PictureCallback]
    return sorted(set(found), key=lambda kind: kind.__name__)


class FakeTrainer:
    """As much of a trainer as an exhibit asks for."""

    def __init__(self, max_epochs):
        self.max_epochs, self.current_epoch = max_epochs, 0
        self.is_global_zero, self.global_step, self.loggers = True, 10, []
        self.training = True


class Recorder(Exhibit):
    """Records the epochs at which it was shown."""

    def __init__(self, every_n_epochs, clock=None, seconds=0.0):
        super().__init__("run", every_n_epochs, num_images=1)
        self.shown, self.clock, self.seconds = [], clock, seconds

    def _draw_without_traces(self, trainer, pl_module):
        self.shown.append(self.epochs_done)
        if self.clock:
            self.clock.now += self.seconds


def draw(exhibit, model, images):
    torch.manual_seed(0)
    labels = torch.arange(len(images)) % 3
    exhibit.class_names = ["shoe", "bag", "coat"]
    with torch.no_grad():
        return exhibit.draw(model, images, labels)


@pytest.mark.parametrize("kind", every_exhibit())
def test_every_exhibit_has_a_name_and_says_what_one_sees(kind):
    if kind is Recorder:
        return
    assert kind.name
    assert len(kind.description.split()) > 12


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (None, [5])])
def test_it_is_shown_when_due_and_once_at_the_end(every, expected):
    recorder, trainer = Recorder(every), FakeTrainer(max_epochs=5)
    for epoch in range(5):
        trainer.current_epoch = epoch
        recorder.on_train_epoch_end(trainer, None)
    trainer.current_epoch = 5
    recorder.on_train_end(trainer, None)
    assert recorder.shown == expected


def test_pictures_take_a_tenth_of_the_time_unless_told_otherwise(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("vae_lab.training.callbacks.album.time.perf_counter", lambda: clock.now)
    recorders = [Recorder("auto", clock, seconds=2.0), Recorder(6, clock, seconds=1.0)]
    album, trainer = Album(recorders), FakeTrainer(max_epochs=10)
    album.on_train_start(trainer, None)
    for epoch in range(10):
        clock.now += 20
        trainer.current_epoch = epoch
        album.on_train_epoch_end(trainer, None)
    trainer.current_epoch = 10
    album.on_train_end(trainer, None)
    # after the seventh epoch, at 151 s, 11 are spent, and two times more would take 3 each
    assert recorders[0].shown == [1, 3, 4, 5, 6, 8, 9, 10]
    assert recorders[1].shown == [6, 10]
    assert album.seconds == 18.0 <= 0.1 * clock.now


@pytest.mark.parametrize("every", [0, -1])
def test_a_period_below_one_is_refused(every):
    with pytest.raises(ValueError, match="every_n_epochs must be at least 1"):
        Recorder(every)


def test_only_active_dimensions_are_traversed_the_most_informative_first(
    bernoulli_model, binary_images, monkeypatch
):
    rows = {}
    monkeypatch.setattr("vae_lab.pictures.plots.image_rows", lambda given, *_: rows.update(given))
    last = bernoulli_model.encoder[-1]
    with torch.no_grad():
        last.weight[:2] *= torch.tensor([[3.0], [9.0]])
    draw(LatentTraversals("run", 1, 5), bernoulli_model, binary_images)
    assert [label.partition(":")[0] for label in rows] == ["z2", "z1"]
    assert [images.shape for images in rows.values()] == [(11, 1, 4, 4)] * 2
    with torch.no_grad():
        last.weight[0], last.bias[0] = 0, 0
    rows.clear()
    draw(LatentTraversals("run", 1, 5), bernoulli_model, binary_images)
    assert [label.partition(":")[0] for label in rows] == ["z2"]


def test_a_collapsed_model_has_no_traversals(bernoulli_model, binary_images):
    with torch.no_grad():
        bernoulli_model.encoder[-1].weight.zero_()
    assert draw(LatentTraversals("run", 1, 5), bernoulli_model, binary_images) is None


def test_interpolations_begin_and_end_with_images_and_their_codes(
    bernoulli_model, binary_images, monkeypatch
):
    rows = {}
    monkeypatch.setattr("vae_lab.pictures.plots.image_rows", lambda given, *_: rows.update(given))
    draw(Interpolations("run", 1, 5), bernoulli_model, binary_images)
    assert list(rows) == ["shoe → bag", "bag → coat", "coat → shoe"]
    for row in rows.values():
        start, end = row[0], row[-1]
        torch.testing.assert_close(row[1], bernoulli_model.reconstruct(start[None])[0])
        torch.testing.assert_close(row[-2], bernoulli_model.reconstruct(end[None])[0])


def test_one_class_has_no_interpolations(bernoulli_model, binary_images):
    exhibit = Interpolations("run", 1, 5)
    assert exhibit.draw(bernoulli_model, binary_images, torch.zeros(5)) is None


def test_grey_images_in_the_projector_are_ink_in_the_colour_of_their_class():
    images = torch.zeros(2, 1, 4, 4)
    images[:, :, 1, 1] = 1
    inked = in_class_colors(images, torch.tensor([0, 12]))
    assert torch.equal(inked[:, :, 0, 0], torch.ones(2, 3))
    for image, color in zip(inked, (CLASS_COLORS[0], CLASS_COLORS[2]), strict=True):
        torch.testing.assert_close(image[:, 1, 1], torch.tensor(to_rgb(color)))
    colored = torch.rand(2, 3, 4, 4)
    assert in_class_colors(colored, torch.tensor([0, 1])) is colored


def test_histograms_hold_the_means_and_scales_of_the_posteriors(bernoulli_model, binary_images):
    drawn = draw(PosteriorHistograms("run", 1, 5), bernoulli_model, binary_images)
    q = bernoulli_model.encode(binary_images)
    torch.testing.assert_close(drawn, {"means": q.mean, "scales": q.stddev})


def test_a_film_goes_on_where_frames_lie_and_is_joined_when_it_has_doubled(tmp_path):
    trainer = FakeTrainer(max_epochs=6)
    frame = Image.linear_gradient("L").convert("RGB")
    shown = tmp_path / "images" / "film.gif"
    joined = []
    for epoch in range(1, 7):
        film = LearningFilm(
            str(tmp_path), 1, 5, size=3, extent=2.0
        )  # anew, as after an interruption
        film.epochs_done = epoch
        film.publish(frame.rotate(10 * epoch), trainer, 10 * epoch)
        assert len(RunDir(tmp_path).frames()) == epoch
        if shown.exists():
            joined.append(epoch)
            shown.unlink()
    assert joined == [1, 2, 4]

    trainer.current_epoch = 6  # training ends, early or not, right after the epoch was shown
    film.on_train_end(trainer, None)
    with Image.open(shown) as whole:
        assert whole.n_frames == len(RunDir(tmp_path).frames()) == 6


def test_all_frames_of_a_film_have_one_size(bernoulli_model, binary_images):
    film = LearningFilm("run", 1, 5, size=3, extent=2.0)
    sizes = set()
    for epoch in (1, 100):
        film.epochs_done = epoch
        with torch.no_grad():
            bernoulli_model.encoder[-1].bias += 1
        sizes.add(draw(film, bernoulli_model, binary_images).size)
    assert len(sizes) == 1


@pytest.fixture
def autoencoder():
    """An untrained autoencoder with two latents whose codes lie at about 11."""
    torch.manual_seed(0)
    network = partial(MLP, hidden_sizes=(16,), activation=nn.Tanh, normalization=None)
    parts = Deterministic(2), StandardNormal(2), Bernoulli()
    model = VAE((1, 4, 4), 2, network, network, *parts)
    with torch.no_grad():
        model.encoder[-1].bias += 11
    return model


@pytest.mark.parametrize("kind", [LearningFilm, LatentScatter, Manifold])
def test_pictures_of_an_autoencoder_reach_its_codes_and_speak_of_no_posterior(
    kind, autoencoder, binary_images, monkeypatch
):
    options = {
        LearningFilm: {"num_images": 5, "size": 3, "extent": 2.0},
        LatentScatter: {"num_images": 5},
        Manifold: {"size": 3, "spacing": "quantile", "extent": 2.0},
    }
    limits, titles = [], []

    def scatter(codes, labels, title, limit, **_):
        limits.append(limit)
        titles.append(title)
        return Image.new("RGB", (9, 9))

    def manifold(images, coordinates, title):
        limits.append(coordinates.max().item())
        titles.append(title)
        return Image.new("RGB", (9, 9))

    monkeypatch.setattr("vae_lab.pictures.plots.latent_scatter", scatter)
    monkeypatch.setattr("vae_lab.pictures.plots.manifold", manifold)
    draw(kind("run", 1, **options[kind]), autoencoder, binary_images)
    assert min(limits) > 11
    assert not any("osterior" in title for title in titles)


def test_without_frames_the_film_says_how_to_keep_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="callbacks=film"):
        RunDir(tmp_path).frames()
