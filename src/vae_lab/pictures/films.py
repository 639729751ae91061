"""Films: pictures one after the other → GIF or MP4. No training, no configuration."""

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.utils import make_grid

from vae_lab.pictures import plots

MP4_RATE = 25  # pictures a second
GREYS = [*range(0, 252, 4), 255]  # Pillow rounds what it looks up in a palette to fours
LEARNING_SECONDS, LEARNED_SECONDS = 0.4, 2.0  # of a frame, and of the last one
FRAME_INCHES, FRAME_DPI = (9.6, 5.0), 100


@dataclass(frozen=True)
class Film:
    """Pictures of one size, and how long they are shown.

    Attributes:
        frames: in order.
        seconds_per_frame: of all frames but the last.
        seconds_at_end: of the last frame.
    """

    frames: Sequence[Image.Image]
    seconds_per_frame: float
    seconds_at_end: float

    def gif(self) -> bytes:
        """Return the film as an endless GIF, in greys and the colours of its last frame."""
        palette = _palette(self.frames[-1])
        frames = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in self.frames]
        durations = [round(1000 * seconds) for seconds in self._seconds()]
        buffer = io.BytesIO()
        frames[0].save(
            buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
        )
        return buffer.getvalue()

    def mp4(self) -> bytes:
        """Return the film as H.264, 25 pictures a second.

        Raises:
            ModuleNotFoundError: without imageio-ffmpeg.
        """
        import imageio_ffmpeg  # noqa: PLC0415 - an extra

        frames = [_even(frame) for frame in self.frames]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "film.mp4"
            writer = imageio_ffmpeg.write_frames(
                path, frames[0].size, fps=MP4_RATE, codec="libx264", macro_block_size=2,
                output_params=["-movflags", "+faststart"],
            )  # fmt: skip
            writer.send(None)
            for frame, seconds in zip(frames, self._seconds(), strict=True):
                for _ in range(max(1, round(seconds * MP4_RATE))):
                    writer.send(frame.tobytes())
            writer.close()
            return path.read_bytes()

    def _seconds(self) -> list[float]:
        return [self.seconds_per_frame] * (len(self.frames) - 1) + [self.seconds_at_end]


def learning(frames: Sequence[Path]) -> Film:
    """Join the frames that a run has kept while it learned."""
    pictures = [Image.open(path).convert("RGB") for path in frames]
    return Film(pictures, LEARNING_SECONDS, LEARNED_SECONDS)


def journey(
    codes: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    path: Tensor,
    images: Tensor,
    captions: Sequence[str],
) -> list[Image.Image]:
    """Show a point that travels among the codes, beside what is decoded there.

    Args:
        codes: posterior means, (N, D); more than two dimensions by their principal components.
        labels: class of each, (N,).
        class_names: what the classes are called.
        path: where the point is, (S, D).
        images: decoded there, (S, C, H, W) in [0, 1].
        captions: of each image.

    Returns:
        S frames.
    """
    count = len(codes)
    between_classes = torch.full((len(path),), labels.float().mean().item())
    points, axis_names = plots.project_to_plane(
        torch.cat([codes, path]).cpu().float(), torch.cat([labels.cpu().float(), between_classes])
    )
    layout = ConstrainedLayoutEngine(h_pad=0.15)
    figure = Figure(figsize=FRAME_INCHES, dpi=FRAME_DPI, layout=layout)
    plane, screen = figure.subplots(1, 2)
    plots.draw_scatter(plane, points[:count], labels.cpu(), class_names, axis_names)
    plane.plot(*points[count:].T.numpy(), color="black", linewidth=1)
    (traveller,) = plane.plot(
        [], [], "o", markersize=13, mfc="white", mec="black", mew=3, animated=True
    )
    shown = images.cpu().float().clamp(0, 1)
    tiles = [make_grid(image, padding=0).permute(1, 2, 0).numpy() for image in shown]
    decoded = screen.imshow(tiles[0], interpolation="nearest", animated=True)
    screen.set_axis_off()
    caption = screen.set_title(" ", animated=True, fontsize=14)

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    frames = []
    for point, tile, text in zip(points[count:], tiles, captions, strict=True):
        canvas.restore_region(background)
        traveller.set_data(*point[:, None].numpy())
        decoded.set_data(tile)
        caption.set_text(text)
        for axes, artist in ((plane, traveller), (screen, decoded), (screen, caption)):
            axes.draw_artist(artist)
        frames.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    return frames


def _palette(frame: Image.Image) -> Image.Image:
    """Return an image with 256 colours, a quarter of them greys, which digits need most."""
    colors = 256 - len(GREYS)
    greys = [level for grey in GREYS for level in (grey, grey, grey)]
    others = frame.quantize(colors, Image.Quantize.FASTOCTREE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(greys + others[: 3 * colors])
    return palette


def _even(frame: Image.Image) -> Image.Image:
    """Return the frame with an even number of rows and columns, as H.264 needs it."""
    width, height = frame.size
    return ImageOps.expand(frame, (0, 0, width % 2, height % 2), fill="white")
