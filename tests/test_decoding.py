"""Pictures of every kind become the bytes that one sees."""

import numpy as np
import pytest
from PIL import Image

from vae_lab.decoding import ColourError, Recipe, SizeError, decode, look_at

RED, WHITE = (255, 0, 0), (255, 255, 255)
AS_IT_IS = Recipe(size=(2, 3), channels=3, fit=None, greys=False)
GREY = Recipe(size=(2, 3), channels=1, fit=None, greys=True)


@pytest.fixture
def shown(tmp_path):
    """Saves a picture and returns its first pixel, decoded."""

    def save(image, name="a.png", recipe=AS_IT_IS, **options):
        image.save(tmp_path / name, **options)
        [result] = decode([tmp_path / name], recipe)
        assert isinstance(result, np.ndarray), result
        assert result.shape == (recipe.channels, *recipe.size)
        return tuple(result[:, 0, 0].tolist())

    return save


def flat(mode, color):
    return Image.new(mode, (3, 2), color)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (flat("L", 7), (7, 7, 7)),
        (flat("1", 1), WHITE),
        (flat("RGB", RED), RED),
        (flat("RGBA", (255, 0, 0, 255)), RED),
        (flat("RGBA", (255, 0, 0, 0)), WHITE),
        (flat("LA", (0, 0)), WHITE),
        (flat("RGB", RED).quantize(4), RED),
        (Image.fromarray(np.full((2, 3), 257 * 9, np.uint16)), (9, 9, 9)),
    ],
)
def test_modes_of_png(shown, image, expected):
    assert shown(image) == expected


def test_a_transparent_colour_of_a_palette_is_white(shown):
    assert shown(flat("P", 0), transparency=0) == WHITE


@pytest.mark.parametrize(("value", "expected"), [(0.2, 51), (1.0, 255)])
def test_fractions(shown, value, expected):
    assert shown(flat("F", value), "a.tiff", GREY) == (expected,)


def test_ink_and_the_first_frame_of_a_film(shown):
    assert shown(flat("CMYK", (0, 255, 255, 0)), "a.tiff") == RED
    frames = [flat("RGB", RED), flat("RGB", WHITE)]
    assert shown(frames[0], "a.gif", save_all=True, append_images=frames[1:]) == RED


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    pixels = np.zeros((16, 32), np.uint8)
    pixels[:8, :16] = 255
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = 6  # the right side is up
    image.save(tmp_path / "a.jpg", exif=image.getexif(), quality=100)
    assert look_at(tmp_path / "a.jpg") == ((32, 16), 1)
    [upright] = decode([tmp_path / "a.jpg"], Recipe((32, 16), 1, None, greys=False))
    assert (upright[0, 4, 12], upright[0, 4, 4], upright[0, 28, 12]) == (255, 0, 0)


def test_pictures_are_cut_or_put_on_black(tmp_path):
    pixels = np.zeros((40, 20), np.uint8)
    pixels[10:30] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    [cut], [padded] = (
        decode([tmp_path / "a.png"], Recipe((20, 20), 1, fit, greys=False))
        for fit in ("crop", "pad")
    )
    assert (cut == 255).all()
    assert padded[0, :, 10].max() > 200
    assert (padded[0, :, :5] == 0).all()


def test_what_is_not_as_the_others_is_told(tmp_path):
    flat("RGB", RED).save(tmp_path / "a.png")
    with pytest.raises(ColourError):
        decode([tmp_path / "a.png"], Recipe((2, 3), 1, None, greys=False))
    with pytest.raises(SizeError, match=r"a.png is 2×3"):
        decode([tmp_path / "a.png"], Recipe((3, 3), 3, None, greys=False))


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "no picture"), (b"words", "no picture"), (None, "truncated|broken|incomplete")],
)
def test_what_cannot_be_read_is_explained(tmp_path, content, reason):
    path = tmp_path / "a.png"
    if content is None:
        noise = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        content = path.read_bytes()[:5000]
    path.write_bytes(content)
    [result] = decode([path], AS_IT_IS)
    assert isinstance(result, str)
    assert any(word in result for word in reason.split("|"))


def test_a_decompression_bomb_is_not_read(tmp_path, monkeypatch):
    flat("L", 0).save(tmp_path / "a.png")
    for limit in (1, 4):  # a bomb, and what may be one
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        [result] = decode([tmp_path / "a.png"], GREY)
        assert isinstance(result, str)
        assert "exhaust the memory" in result
