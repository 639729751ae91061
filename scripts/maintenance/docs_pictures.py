"""Makes every picture in ``docs/images`` anew, and first trains what they show.

    python scripts/maintenance/docs_pictures.py                    # all of them
    python scripts/maintenance/docs_pictures.py explorer films     # some

Runs that are done are not trained again, unless their folder is removed. Needs Playwright and
Chromium. About a quarter of an hour on two cores, nearly all of it training.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, ImageSequence
from playwright.sync_api import Page, sync_playwright

from vae_lab.pictures.films import Film
from vae_lab.reports import Frame
from vae_lab.reports.charts import charts
from vae_lab.runs.rundir import RunDir

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PLANE, DEFAULT, AUTOENCODER = (Path("runs/vae") / n for n in ("plane", "default", "autoencoder"))
RUNS = {
    PLANE: ["experiment=manifold_2d"],
    DEFAULT: [],
    AUTOENCODER: ["experiment=manifold_2d", "objective=autoencoder", "trainer.max_epochs=3"],
}
SWEEP = Path("runs/latents")
SWEEP_OVERRIDES = [
    "trainer.max_epochs=1",
    "evaluation.num_samples=20",
    "latent_dim=2,4,8,16",
    "objective.beta=1,4",
]
FILM_WIDTH = 520  # pixels
# without a graphics card the projector needs this for WebGL
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
TABS = {  # → size of the window, what is waited for, seconds for it to settle
    "custom_scalars": (1280, 860, "vz-line-chart2 svg, tf-line-chart-data-loader", 4),
    "hparams": (1500, 420, "tf-hparams-table-view, vaadin-grid", 3),
    "images": (1480, 1000, "tf-image-loader img", 4),
    "projector": (1280, 860, "iframe", 15),
}


def train(work: Path) -> None:
    """Train what has not been trained yet."""
    for place, overrides in RUNS.items():
        if RunDir(work / place).summary().get("status") != "completed":
            run(work, "train.py", *overrides, f"hydra.run.dir={place}")
    frame = Frame.read(work / SWEEP) if (work / SWEEP).is_dir() else None
    if frame is None or not frame.completed or frame.troubled:
        run(work, "train.py", "-m", f"sweep.name={SWEEP.name}", *SWEEP_OVERRIDES)


def run(work: Path, script: str, *arguments: object) -> None:
    """Run one of our scripts in the folder ``work``."""
    subprocess.run([sys.executable, ROOT / script, *map(str, arguments)], cwd=work, check=True)


def overview(work: Path) -> None:
    """Take over what the default run sees, remembers and imagines."""
    keep(work / DEFAULT / "images" / "overview.png", "overview.png")


def films(work: Path) -> None:
    """Film the learning of a plane, and a walk through it."""
    keep(work / PLANE / "images" / "film.gif", "manifold_2d.gif")
    run(work, "scripts/animate.py", PLANE, "--what", "walk", "--output", "films")
    walk = work / "films" / "walk.gif"
    walk.write_bytes(narrowed(walk))
    keep(walk, "walk.gif")


def narrowed(path: Path) -> bytes:
    """Return a film in the width of the page, in colours chosen anew."""
    with Image.open(path) as film:
        size = FILM_WIDTH, round(film.height * FILM_WIDTH / film.width)
        frames = [frame.convert("RGB").resize(size) for frame in ImageSequence.Iterator(film)]
        seconds = film.info["duration"] / 1000
    return Film(frames, seconds, seconds).gif()


def keep(source: Path, name: str) -> None:
    """Copy a picture into the documentation."""
    shutil.copyfile(source, IMAGES / name)
    tell(IMAGES / name)


def tell(path: Path) -> None:
    """Say which picture was made, and how large it is."""
    print(f"{path}  {path.stat().st_size // 1024} kB")


def report(work: Path) -> None:
    """Draw two charts of the sweep, and take a picture of its page."""
    frame = Frame.read(work / SWEEP)
    drawn = dict(charts(frame.sections[0]))
    for title, name in {
        "test/nll against latent_dim": "sweep_nll",
        "Rate–distortion plane": "sweep_rate_distortion",
    }.items():
        path = IMAGES / f"{name}.png"
        drawn[title].savefig(path)
        tell(path)
    run(work, "scripts/report.py", SWEEP)
    with browser_page(1280, 1000) as page:
        page.goto((work / SWEEP / "report.html").resolve().as_uri())
        take(page, "report")


def explorer(work: Path) -> None:
    """Take the explorer's pictures of one run, and of three side by side."""
    for places, options in (([PLANE], []), ([*RUNS], ["--compare"])):
        command = ["-u", ROOT / "scripts" / "explore.py", *places, "--no-browser", "--port", "0"]
        with served(command, work) as address:
            run(work, "scripts/maintenance/screenshots.py", address, *options)


def tensorboard(work: Path) -> None:
    """Take pictures of TensorBoard's tabs, over the runs that are no sweep."""
    command = ["-m", "tensorboard.main", "--logdir", PLANE.parent, "--host", "127.0.0.1"]
    with served([*command, "--port", "0"], work) as address:
        for tab, (width, height, element, seconds) in TABS.items():
            with browser_page(width, height) as page:
                page.goto(f"{address}#{tab}")
                page.wait_for_selector(element, state="attached")
                page.wait_for_timeout(1000 * seconds)
                take(page, f"tensorboard_{tab}")


@contextmanager
def served(command: list[object], work: Path) -> Iterator[str]:
    """Start a server for as long as the context lasts; yield the address that it prints."""
    server = subprocess.Popen([sys.executable, *map(str, command)], cwd=work, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        assert server.stdout is not None
        yield address_in(server.stdout)
    finally:
        server.terminate()
        server.wait()


def address_in(output: IO[str]) -> str:
    """Return the first address that a server prints.

    Raises:
        ChildProcessError: if it ends without any.
    """
    said = ""
    for line in output:
        said += line
        if found := re.search(r"http://[^\s)]+", line):
            return found[0]
    raise ChildProcessError(f"no server came up: {said}")


@contextmanager
def browser_page(width: int, height: int) -> Iterator[Page]:
    """Yield an empty page of Chromium."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        yield page
        browser.close()


def take(page: Page, name: str) -> None:
    """Write what a page shows."""
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.save(path, optimize=True)
    tell(path)


PICTURES: dict[str, Callable[[Path], None]] = {
    "overview": overview,
    "films": films,
    "report": report,
    "explorer": explorer,
    "tensorboard": tensorboard,
}


def main() -> None:
    """Train, and make the pictures that the command line names, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="*", metavar="PICTURES", help=", ".join(PICTURES))
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "docs",
                        help="where the runs are, or will be; default: runs/docs")  # fmt: skip
    arguments = parser.parse_args()
    unknown = set(arguments.pictures) - PICTURES.keys()
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(PICTURES)}")
    os.environ.setdefault("VAE_LAB_DATA", str(ROOT / "data"))
    arguments.work.mkdir(parents=True, exist_ok=True)
    train(arguments.work)
    for name in arguments.pictures or PICTURES:
        PICTURES[name](arguments.work)


if __name__ == "__main__":
    main()
