"""Pictures of the explorer for the documentation, from one that is running.

python scripts/explore.py runs/<run> --no-browser
python scripts/maintenance/screenshots.py http://127.0.0.1:8000

It draws a seven and interpolates to it from the top left of the plane. Needs Playwright and
Chromium; a comparison of several runs gets a picture of its own.
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SEVEN = [(0.25, 0.25), (0.75, 0.25), (0.62, 0.45), (0.52, 0.65), (0.45, 0.85)]
DESK = {"viewport": {"width": 1360, "height": 900}}
WIDE = {"viewport": {"width": 1440, "height": 1000}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}


def draw_seven(page: Page) -> None:
    """Draw on the pad, and wait for what the runs make of it."""
    box = page.locator("#pad").bounding_box() or {}
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    wait_until_settled(page)


def wait_until_settled(page: Page) -> None:
    """Wait until no run computes."""
    page.wait_for_selector("article[aria-busy=true]", state="detached")


def prepare(page: Page) -> None:
    """Leave the explorer in a state that shows what it can do."""
    page.wait_for_selector("article[data-latency]")
    box = page.locator(".plane").first.bounding_box() or {}
    page.mouse.click(box["x"] + 0.27 * box["width"], box["y"] + 0.28 * box["height"])
    wait_until_settled(page)  # a dot there is encoded
    page.get_by_role("button", name="A here").click()
    draw_seven(page)
    page.mouse.move(5, 5)
    page.get_by_role("button", name="B here").click()
    page.wait_for_selector(".strip:not([hidden])")
    page.get_by_role("slider", name="From A to B").fill("1")
    wait_until_settled(page)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


def take(browser: Browser, address: str, name: str, whole: bool, **options: object) -> None:
    """Write one picture."""
    context = browser.new_context(**options)  # pyright: ignore[reportArgumentType]
    page = context.new_page()
    page.goto(address)
    prepare(page)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
    path = FOLDER / f"{name}.png"
    picture.save(path, optimize=True)
    context.close()
    print(f"{path}  {path.stat().st_size // 1024} kB")


def main() -> None:
    """Take the pictures that suit the number of runs shown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", help="of a running explorer")
    parser.add_argument("--compare", action="store_true", help="it shows several runs")
    arguments = parser.parse_args()
    with sync_playwright() as driver:
        path = shutil.which("chromium")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        if arguments.compare:
            take(browser, arguments.address, "explorer_compare", False, **WIDE)
            return
        take(browser, arguments.address, "explorer", True, **DESK, color_scheme="light")
        take(browser, arguments.address, "explorer_dark", True, **DESK, color_scheme="dark")
        take(browser, arguments.address, "explorer_phone", False, **PHONE, color_scheme="light")


if __name__ == "__main__":
    main()
