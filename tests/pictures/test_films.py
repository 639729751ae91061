"""Films: their frames, how long they are shown, and that players can read them."""

import io
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from vae_lab.pictures.films import Film, journey


def colours(*names, size=(40, 30)):
    return [Image.new("RGB", size, name) for name in names]


def read_gif(film):
    gif = Image.open(io.BytesIO(film.gif()))
    frames, durations = [], []
    for number in range(gif.n_frames):
        gif.seek(number)
        frames.append(gif.convert("RGB"))
        durations.append(gif.info["duration"])
    return gif, frames, durations


def read_mp4(path, size):
    """Decode a film by ffmpeg itself: imageio-ffmpeg's reader leaves pipes open."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24"]
    done = subprocess.run([*command, "-"], capture_output=True, check=True, timeout=60)
    assert b"h264" in done.stderr
    width, height = size
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def test_a_gif_shows_every_frame_for_its_time_and_never_ends():
    film = Film(colours("black", "red", "white"), seconds_per_frame=0.2, seconds_at_end=1.0)
    gif, frames, durations = read_gif(film)
    assert durations == [200, 200, 1000]
    assert gif.info["loop"] == 0
    assert [frame.getpixel((5, 5)) for frame in frames[::2]] == [(0, 0, 0), (255, 255, 255)]


def test_greys_of_a_gif_are_true():
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    picture = Image.fromarray(np.repeat(ramp[None, :, None], 3, 2).repeat(8, 0))
    _, (shown, _), _ = read_gif(Film([picture, colours("red", size=(256, 8))[0]], 0.1, 0.1))
    pixels = np.asarray(shown).astype(int)
    assert np.ptp(pixels, axis=2).max() == 0
    assert abs(pixels[..., 0] - ramp).max() <= 5
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (0, 255)


@pytest.mark.parametrize(("size", "even"), [((40, 30), (40, 30)), ((41, 31), (42, 32))])
def test_an_mp4_shows_every_frame_for_its_time(tmp_path, size, even):
    film = Film(colours("black", "white", size=size), seconds_per_frame=0.08, seconds_at_end=0.4)
    (tmp_path / "film.mp4").write_bytes(film.mp4())
    frames = read_mp4(tmp_path / "film.mp4", even)
    brightness = [frame[5:20, 5:20].mean() for frame in frames]
    assert [value > 128 for value in brightness] == [False] * 2 + [True] * 10


def test_a_film_of_one_frame_is_a_film(tmp_path):
    film = Film(colours("red"), seconds_per_frame=0.2, seconds_at_end=0.1)
    (tmp_path / "film.mp4").write_bytes(film.mp4())
    assert len(read_mp4(tmp_path / "film.mp4", (40, 30))) == 2
    assert film.gif().startswith(b"GIF")


@pytest.mark.parametrize("dimensions", [1, 2, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_journey_has_a_frame_for_each_point_with_its_image(dimensions, channels):
    torch.manual_seed(0)
    codes, labels = torch.randn(50, dimensions), torch.arange(50) % 10
    images = torch.zeros(3, channels, 8, 8)
    images[2] = 1
    frames = journey(codes, labels, "0123456789", codes[:3] / 2, images, ["a", "b", "c"])
    assert len({frame.size for frame in frames}) == 1
    assert len(frames) == 3
    right = [np.asarray(frame)[150:350, -250:-150].mean() for frame in frames]
    assert right == [0, 0, 255]


def test_the_traveller_moves():
    codes = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    frames = journey(codes, torch.tensor([0, 1]), "ab", codes, torch.zeros(2, 1, 8, 8), ["", ""])
    first, second = (np.asarray(frame).astype(int) for frame in frames)
    changed = np.argwhere(np.abs(first - second).sum(-1) > 0)
    assert np.ptp(changed[:, 1]) > 100
