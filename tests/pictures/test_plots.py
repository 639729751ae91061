"""Pictures: of the right kind and size, and showing the right thing in the right place."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch.distributions import Normal

from vae_lab.pictures import canvas, plots

RED, BLUE = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])


@pytest.fixture(autouse=True)
def _same_numbers_every_time():
    torch.manual_seed(0)


def one_colour(colour, count=1):
    """Return ``count`` images of one colour, (N, 3, 8, 8)."""
    return colour.reshape(1, 3, 1, 1).expand(count, 3, 8, 8)


def place_of(picture, colour):
    """Return the mean (row, column) of the pixels of exactly this colour."""
    matches = (np.asarray(picture) == (colour * 255).byte().numpy()).all(-1)
    assert matches.any(), "the colour does not appear"
    return np.argwhere(matches).mean(0)


def assert_is_a_picture(picture):
    """Assert that it is RGB, not blank, and neither a stamp nor a poster."""
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
    assert all(100 <= side <= 5000 for side in picture.size)
    assert all(low < high for low, high in picture.getextrema())


@pytest.mark.parametrize(("count", "channels"), [(1, 3), (40, 1)])
def test_image_rows_are_a_picture_for_any_number_of_images(count, channels):
    images = torch.rand(count, channels, 28, 28)
    assert_is_a_picture(plots.image_rows({"input": images, "output": images}, "a title"))


@pytest.mark.parametrize("count", [1, 3, 100])
def test_image_grid_is_a_picture_for_any_number_of_images(count):
    assert_is_a_picture(plots.image_grid(torch.rand(count, 1, 28, 28), "a title"))


@pytest.mark.parametrize(("count", "dimensions"), [(1, 1), (1, 2), (2, 3), (500, 64)])
def test_latent_scatter_is_a_picture_for_any_number_of_latents_and_codes(count, dimensions):
    labels = torch.arange(count) % 10
    assert_is_a_picture(plots.latent_scatter(torch.randn(count, dimensions), labels, "a title"))


def test_more_amounts_than_colours_are_shades_in_their_order():
    axes = Figure().add_subplot()
    labels = torch.arange(36) % 12
    names = [f"{0.5 * number}" for number in range(12)]
    plots.draw_scatter(axes, torch.randn(36, 2), labels, names, ("", ""))
    [points] = axes.collections
    np.testing.assert_allclose(points.get_array(), 0.5 * labels.numpy())
    assert not axes.texts


@pytest.mark.parametrize(("count", "named"), [(1, False), (2, True), (24, True), (25, False)])
def test_classes_are_named_where_one_can_tell_them_apart(count, named):
    axes = Figure().add_subplot()
    labels = torch.arange(50) % count
    plots.draw_scatter(axes, torch.randn(50, 2), labels, [], ("", ""))
    assert (axes.get_legend() is not None) == named
    assert len(axes.texts) == (count if named else 0)


@pytest.mark.parametrize(("dimensions", "is_active"), [(1, True), (31, True), (128, False)])
def test_kl_bars_are_a_picture_for_any_number_of_latents(dimensions, is_active):
    active = torch.full((dimensions,), is_active)
    names = [str(dimension + 1) for dimension in range(dimensions)]
    assert_is_a_picture(plots.kl_bars(torch.rand(dimensions), active, names, "a title"))


@pytest.mark.parametrize("size", [1, 15])
def test_manifold_is_a_picture_for_any_number_of_coordinates(size):
    coordinates = plots.plane_coordinates(size, "linear", 2.0)
    assert_is_a_picture(plots.manifold(torch.rand(size**2, 1, 28, 28), coordinates, "a title"))


def test_a_picture_of_tiles_has_no_blank_strips():
    images = torch.rand(10, 1, 28, 28)
    rows = {"originals": images, "reconstructions": images, "samples": images}
    for picture in (plots.image_rows(rows, "a title"), plots.image_grid(images, "a title")):
        is_white = (np.asarray(picture) == 255).all(-1)
        for lines in (is_white.all(0), is_white.all(1)):
            first, last = np.flatnonzero(~lines)[[0, -1]]
            assert first <= canvas.BORDER
            assert len(lines) - 1 - last <= canvas.BORDER


def test_columns_may_be_labelled():
    rows = {"row": one_colour(RED, 3)}
    plain, labelled = plots.image_rows(rows, "title"), plots.image_rows(rows, "title", "abc")
    assert_is_a_picture(labelled)
    below = [place.height - place_of(place, RED)[0] for place in (plain, labelled)]
    assert below[1] > below[0]


def test_marked_points_are_drawn():
    codes, labels = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), torch.tensor([0, 1])
    plain = plots.latent_scatter(codes, labels, "")
    marked = plots.latent_scatter(codes, labels, "", marked=torch.tensor([[0.0, 0.0]]))
    changed = np.argwhere((np.asarray(plain) != np.asarray(marked)).any(-1))
    assert len(changed) > 0
    assert np.ptp(changed, axis=0).max() < 40  # one small cross
    assert changed.mean(0)[0] == pytest.approx(plain.height / 2, rel=0.15)


def test_what_is_decoded_stands_faintly_behind_the_points_at_its_place():
    codes, labels = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), torch.tensor([0, 1])
    behind = torch.zeros(4, 1, 8, 8)
    behind[1] = 1  # the top right quarter
    plain = plots.latent_scatter(codes, labels, "", 3.0)
    decoded = plots.latent_scatter(codes, labels, "", 3.0, behind=behind)
    changed = np.argwhere((np.asarray(plain) != np.asarray(decoded)).any(-1))
    assert changed[:, 0].max() < plain.height / 2
    assert changed[:, 1].min() > plain.width / 3


@pytest.mark.parametrize("count", [1, 9])
def test_a_title_is_whole_however_narrow_the_tiles(count):
    short, long = (
        np.asarray(plots.image_grid(torch.rand(count, 1, 8, 8), title))
        for title in ("t", "z = (0.12, -1.34, 0.56, 2.01, -0.33, 0.48, 1.11, 0.02)")
    )
    assert long.shape[1] > short.shape[1]
    margins = np.concatenate([long[:, :3], long[:, -3:]], 1)
    assert (margins == 255).all()


def test_curves_are_a_picture_and_higher_values_lie_higher():
    picture = plots.curves({"high": {0: 5.0, 1: 5.0}, "low": {0: 1.0, 1: 1.0}}, "nats", "a title")
    assert_is_a_picture(picture)
    left = picture.crop((0, 0, picture.width * 2 // 3, picture.height))
    high, low = (
        torch.tensor([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        for code in plots.CLASS_COLORS[:2]
    )
    assert place_of(left, high)[0] < place_of(left, low)[0]


def test_pixels_outside_zero_to_one_are_clipped():
    inside = torch.rand(4, 1, 8, 8).round()
    outside = inside * 3 - 1
    pictures = [np.asarray(plots.image_grid(images, "")) for images in (inside, outside)]
    assert (pictures[0] == pictures[1]).all()


def test_the_first_row_of_images_is_on_top():
    rows = {"first": one_colour(RED, 3), "second": one_colour(BLUE, 3)}
    picture = plots.image_rows(rows, "")
    (red_row, red_column), (blue_row, blue_column) = (place_of(picture, c) for c in (RED, BLUE))
    assert red_row < blue_row
    assert red_column == blue_column


def test_images_of_a_grid_run_from_the_left_and_then_down():
    images = one_colour(BLUE, 4).clone()
    images[1] = one_colour(RED)
    picture = plots.image_grid(images, "")
    (red_row, red_column), (blue_row, blue_column) = (place_of(picture, c) for c in (RED, BLUE))
    assert red_row < blue_row
    assert red_column > blue_column


def test_the_manifold_shows_each_image_where_its_latents_are():
    coordinates = plots.plane_coordinates(5, "linear", 2.0)
    points = plots.plane_grid(coordinates)
    right, below = (points == torch.tensor([2.0, 0.0])), (points == torch.tensor([0.0, -2.0]))
    images = torch.ones(25, 3, 8, 8)
    images[right.all(1)] = one_colour(RED)
    images[below.all(1)] = one_colour(BLUE)
    picture = plots.manifold(images, coordinates, "")
    (red_row, red_column), (blue_row, blue_column) = (place_of(picture, c) for c in (RED, BLUE))
    assert red_column > blue_column
    assert red_row < blue_row


def test_colours_of_the_bars_tell_active_latents_from_inactive_ones():
    kl = torch.tensor([0.1, 3.0])  # the second is drawn first, as it is larger
    picture = plots.kl_bars(kl, kl > 1, ["1", "2"], "")
    active, inactive = (
        torch.tensor([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        for code in (plots.ACTIVE, plots.INACTIVE)
    )
    assert place_of(picture, active)[1] < place_of(picture, inactive)[1]


def test_drawing_leaves_its_arguments_alone():
    codes, labels = torch.randn(50, 3), torch.arange(50) % 10
    before = codes.clone()
    plots.latent_scatter(codes, labels, "")
    plots.kl_bars(codes[0], codes[0] > 0, ["1", "2", "c1"], "")
    assert torch.equal(codes, before)


def test_one_latent_is_drawn_against_the_class():
    codes, labels = torch.randn(5, 1), torch.tensor([3, 1, 4, 1, 5])
    points, names = plots.project_to_plane(codes, labels)
    assert torch.equal(points, torch.column_stack([codes[:, 0], labels.float()]))
    assert names == ("z₁", "class")


def test_two_latents_are_drawn_as_they_are():
    codes = torch.randn(5, 2)
    points, names = plots.project_to_plane(codes, torch.zeros(5))
    assert torch.equal(points, codes)
    assert names == ("z₁", "z₂")


@pytest.mark.parametrize("dimensions", [3, 8, 40])
def test_more_latents_are_projected_as_by_the_svd_of_numpy(dimensions):
    generator = torch.Generator().manual_seed(dimensions)
    spread = torch.linspace(5, 1, dimensions, dtype=torch.float64)
    codes = torch.randn(30, dimensions, generator=generator, dtype=torch.float64) * spread + 7
    points, names = plots.project_to_plane(codes, torch.zeros(30))

    centred = codes.numpy() - codes.numpy().mean(0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    expected = torch.from_numpy(left[:, :2] * singular[:2])
    signs = (points * expected).sum(0).sign()  # a component may point either way
    torch.testing.assert_close(points * signs, expected)
    shares = singular**2 / (singular**2).sum()
    assert names == tuple(f"PC {i + 1} ({shares[i]:.0%} of the variance)" for i in (0, 1))


def test_linear_spacing_has_equal_steps_over_the_extent():
    coordinates = plots.plane_coordinates(5, "linear", 1.5)
    torch.testing.assert_close(coordinates, torch.tensor([-1.5, -0.75, 0.0, 0.75, 1.5]))


@pytest.mark.parametrize("size", [2, 15, 30])
def test_quantile_spacing_has_equal_prior_mass_between_neighbours(size):
    coordinates = plots.plane_coordinates(size, "quantile", 1.0)
    below = Normal(0.0, 1.0).cdf(coordinates)
    mass = (1 - 2 * plots.QUANTILE_MARGIN) / (size - 1)
    torch.testing.assert_close(below.diff(), torch.full((size - 1,), mass))
    torch.testing.assert_close(coordinates, -coordinates.flip(0))


def test_another_spacing_is_refused_by_name():
    with pytest.raises(ValueError, match="spacing must be linear or quantile, got log"):
        plots.plane_coordinates(5, "log", 1.0)


def test_the_plane_runs_from_top_left_to_bottom_right():
    points = plots.plane_grid(plots.plane_coordinates(3, "linear", 2.0)).reshape(3, 3, 2)
    assert points[0, 0].tolist() == [-2, 2]
    assert points[0, 2].tolist() == [2, 2]
    assert points[2, 0].tolist() == [-2, -2]
    assert points[2, 2].tolist() == [2, -2]
    assert points[1].tolist() == [[-2, 0], [0, 0], [2, 0]]
