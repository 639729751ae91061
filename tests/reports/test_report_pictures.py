"""What charts show: the numbers in them, read back from their axes."""

import math

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from run_folders import make_run, metrics_of

from vae_lab.reports import Frame
from vae_lab.reports.charts import charts, front
from vae_lab.reports.drawing import place_values, svg


def frame_of(folder, *runs):
    """Make completed runs of (overrides, ELBO, rate) and read them."""
    for number, (overrides, elbo, rate) in enumerate(runs):
        make_run(folder / str(number), *overrides.split(), metrics=metrics_of(elbo, rate, 95.0))
    return Frame.read(folder)


def drawn(frame):
    """Return the figures by their titles."""
    return dict(charts(frame))


@pytest.fixture
def by_dim(tmp_path):
    return frame_of(
        tmp_path,
        ("latent_dim=2 seed=0", -100.0, 5.0),
        ("latent_dim=2 seed=1", -104.0, 7.0),
        ("latent_dim=32 seed=0", -90.0, 25.0),
        ("latent_dim=32 seed=1", -92.0, 27.0),
    )


def axis():
    return Figure().add_subplot()


def test_a_folder_gets_its_pictures(by_dim):
    assert set(drawn(by_dim)) == {
        "val/elbo against latent_dim",
        "test/nll against latent_dim",
        "Rate–distortion plane",
        "Wall time",
    }


def test_a_point_is_the_mean_over_seeds_and_its_bar_the_deviation(by_dim):
    (val,) = drawn(by_dim)["val/elbo against latent_dim"].axes
    (container,) = val.containers
    assert container.lines[0].get_xydata().tolist() == [[2.0, -102.0], [32.0, -91.0]]
    segment = container.lines[2][0].get_segments()[0]
    assert segment[:, 1].tolist() == pytest.approx([-102 - math.sqrt(8), -102 + math.sqrt(8)])
    assert val.get_title() == "mean ± standard deviation over 2 seeds"
    assert val.get_ylabel() == "val/elbo, nats/image\n(higher is better)"
    assert val.get_xlabel() == "latent_dim"


def test_the_likelihood_has_its_unit_direction_and_samples(by_dim):
    (axes,) = drawn(by_dim)["test/nll against latent_dim"].axes
    assert axes.get_ylabel() == "test/nll, nats/image\n(K = 100; lower is better)"


def test_settings_that_differ_in_something_else_are_lines_of_their_own(tmp_path):
    frame = frame_of(tmp_path, *((f"latent_dim={dim} model={model}", -float(dim), 5.0)
                                 for model in ("mlp", "conv") for dim in (2, 8, 16)))  # fmt: skip
    figure = drawn(frame)["val/elbo against latent_dim"]
    assert [len(axes.containers) for axes in figure.axes] == [2]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["model=conv", "model=mlp"]


def test_too_many_lines_are_dots_with_a_legend(tmp_path):
    frame = frame_of(tmp_path, *((f"latent_dim={2 + n} optimizer.lr={0.001 * (n + 1):.3f} "
                                  f"model={('mlp', 'conv')[n % 2]}", -100.0 - n, 5.0)
                                 for n in range(12)))  # fmt: skip
    figure = drawn(frame)["val/elbo against latent_dim"]
    (axes,) = figure.axes
    assert len(axes.containers) == 0
    assert len(axes.collections) == 12
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["model=conv", "model=mlp"]


def test_a_setting_that_never_differs_alone_has_no_chart(tmp_path):
    frame = frame_of(tmp_path, ("latent_dim=2 model=mlp", -1.0, 5.0),
                     ("latent_dim=8 model=conv", -2.0, 5.0))  # fmt: skip
    assert not any("val/elbo" in title for title in drawn(frame))


def test_nothing_is_clipped_or_collapses_however_long_the_settings(tmp_path, recwarn):
    sizes = "+model.encoder.hidden_sizes=[512,512,256,256,128,128,64]"
    for number in range(12):
        make_run(
            tmp_path / str(number), sizes if number % 2 else "+x=1",
            f"latent_dim={2 + number}", f"+objective.a_very_long_name_of_a_setting={number % 3}",
            f"+model.decoder.activation=another_long_name_{number % 2}",
        )  # fmt: skip
    for title, figure in drawn(Frame.read(tmp_path)).items():
        FigureCanvasAgg(figure).draw()
        extent = figure.get_tightbbox()
        assert min(extent.x0, extent.y0) > -0.02, title  # inches
        assert extent.x1 < figure.get_figwidth() + 0.02, title
        assert extent.y1 < figure.get_figheight() + 0.02, title
        assert figure.axes[0].bbox.height > figure.bbox.height / 4, title
    assert [str(warning.message) for warning in recwarn] == []


def test_a_chart_takes_the_colour_of_the_text_around_it_and_names_of_its_own(by_dim):
    element = svg(drawn(by_dim)["Wall time"], "first")
    assert element.startswith("<svg")
    assert "currentColor" in element
    assert 'id="first-' in element
    assert 'href="#first-' in element
    assert 'href="#D' not in element


def test_numbers_that_span_much_stand_on_a_logarithmic_axis():
    axes = axis()
    places, is_ordered = place_values(axes, [32, 2, 8])
    assert (places, is_ordered) == ({2: 2.0, 8: 8.0, 32: 32.0}, True)
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "8", "32"]


@pytest.mark.parametrize("values", [[0, 1, 100], [1, 2, 4], [-1, 100]])
def test_numbers_that_span_little_or_reach_zero_stand_on_a_linear_axis(values):
    axes = axis()
    place_values(axes, values)
    assert axes.get_xscale() == "linear"


def test_what_is_no_number_stands_side_by_side_numbers_first():
    axes = axis()
    places, is_ordered = place_values(axes, ["warmup", 4.0, 0.5, None, True])
    assert not is_ordered
    assert sorted(places, key=places.get) == [0.5, 4.0, None, True, "warmup"]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["0.5", "4", "null", "true", "warmup"]


def test_the_front_holds_what_no_setting_beats_in_rate_and_distortion(tmp_path):
    frame = frame_of(
        tmp_path,
        ("+x=a", -101.0, 10.0),  # test ELBO −100: distortion 90
        ("+x=b", -101.0, 20.0),  # 80
        ("+x=c", -111.0, 20.0),  # 90: beaten by both
        ("+x=d", -116.0, 5.0),  # 110
    )
    assert [setting.values["x"] for setting in front(frame.settings)] == ["d", "a", "b"]
    (axes,) = drawn(frame)["Rate–distortion plane"].axes
    line = next(line for line in axes.lines if line.get_drawstyle() == "steps-post")
    assert line.get_xydata().tolist() == [[5.0, 110.0], [10.0, 90.0], [20.0, 80.0]]


def test_an_autoencoder_has_no_plane_and_no_likelihood(tmp_path):
    for dim in (2, 8):
        make_run(tmp_path / str(dim), f"latent_dim={dim}", compared_by="val/reconstruction",
                 metrics={"val/reconstruction": -80.0, "test/reconstruction": -81.0})  # fmt: skip
    names = set(drawn(Frame.read(tmp_path)))
    assert names == {"val/reconstruction against latent_dim", "Wall time"}


def test_wall_time_is_sorted_and_says_what_it_ran_on(tmp_path):
    for dim, seconds in ((2, 90.0), (8, 30.0)):
        make_run(tmp_path / str(dim), f"latent_dim={dim}", seconds=seconds)
    axes = drawn(Frame.read(tmp_path))["Wall time"].axes[0]
    totals, training = axes.containers
    assert [bar.get_width() for bar in totals] == [30.0, 90.0]
    assert [bar.get_width() for bar in training] == [15.0, 45.0]
    assert axes.get_xlabel() == "seconds per run"
    assert "1 × Chip, threads: 1" in axes.get_title()


def test_one_setting_has_no_charts(tmp_path):
    make_run(tmp_path / "a")
    assert drawn(Frame.read(tmp_path)) == {}
