"""TensorBoard as a person sees it: a server over run directories, and a browser.

Tests that import this are skipped where there is no browser.
"""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
sync_api = pytest.importorskip("playwright.sync_api", reason="needs pip install -e '.[dev]'")
if not CHROMIUM.exists():
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

expect = sync_api.expect
SECONDS = 60
# the projector draws with WebGL, here without a graphics card
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@contextmanager
def tensorboard(logdir: Path) -> Iterator[str]:
    """Serve ``logdir`` at the address that is yielded."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logdir), "--port", "0"]
    server = subprocess.Popen([*command, "--host", "127.0.0.1"], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        address = next(filter(None, (re.search(r"http://\S+", line) for line in server.stderr)))
        yield address[0]
    finally:
        server.terminate()
        server.communicate(timeout=SECONDS)


@contextmanager
def browser_page(driver: Any, width: int = 1400, height: int = 1000) -> Iterator:
    """Open Chromium; yield an empty page."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(1000 * SECONDS)
    expect.set_options(timeout=1000 * SECONDS)
    try:
        yield page
    finally:
        browser.close()


def ask(address: str, path: str) -> dict:
    """Return the answer of TensorBoard's HTTP interface."""
    with urllib.request.urlopen(address + path, timeout=SECONDS) as answer:
        return json.load(answer)


def wait_for_tags(address: str, run: str, plugin: str, expected: set[str]) -> dict:
    """Wait until TensorBoard has read the ``expected`` tags of a run; return what it knows."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        tags = ask(address, f"data/plugin/{plugin}/tags").get(run, {})
        if expected <= set(tags):
            return tags
        time.sleep(0.2)
    raise AssertionError(f"{expected - set(tags)} did not appear")


def show(page: Any, address: str, tab: str) -> None:
    """Open a tab."""
    page.goto("about:blank")
    page.goto(f"{address}#{tab}")
