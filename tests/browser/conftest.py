"""A real browser for the tests of what people look at; without one these tests are skipped."""

import shutil
import socket
import threading

import pytest
from explorable_runs import SMALL, write_run

from vae_lab.explorer.explored import ExploredRun

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def driver():
    """Playwright, of which there can be one at a time."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    with playwright.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(driver):
    """Debian's Chromium."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def visit(browser):
    """Opens an address in a window of its own; fails at the end if the page had any error.

    ``expected`` is a part of what the browser may say of one, as it does of every refusal.
    """
    contexts, problems = [], []

    def open_page(address, expected=None, **options):
        context = browser.new_context(**{"viewport": {"width": 1360, "height": 860}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: problems.append(str(error)))

        def note(said):
            if said.type == "error" and (expected is None or expected not in said.text):
                problems.append(said.text)

        page.on("console", note)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="session")
def trained(tmp_path_factory, mnist_root):
    """A run with two latents that tells some digits apart."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    overrides = ("experiment=manifold_2d", "model.encoder.hidden_sizes=[256]")
    return ExploredRun(write_run(folder, mnist_root, *overrides, steps=200))


@pytest.fixture(scope="session")
def others(tmp_path_factory, mnist_root):
    """Two untrained runs: five latents, and an autoencoder."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        ExploredRun(write_run(folder / "five", mnist_root, *SMALL, "latent_dim=5")),
        ExploredRun(
            write_run(folder / "plain", mnist_root, *SMALL, "latent_dim=2", "objective=autoencoder")
        ),
    ]


@pytest.fixture(scope="session")
def serve():
    """Serves runs from a thread of this process; returns the address."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs the extra [app]")
    app = pytest.importorskip("vae_lab.explorer.app", reason="needs the extra [app]")
    servers = []

    def start(*explored):
        served = app.create_app(explored, ["127.0.0.1"])
        server = uvicorn.Server(uvicorn.Config(served, log_level="warning"))
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        servers.append((server, thread, listener))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for server, thread, listener in servers:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def one(serve, trained):
    return serve(trained)


@pytest.fixture(scope="session")
def three(serve, trained, others):
    return serve(trained, *others)


@pytest.fixture
def explore(visit):
    """Opens the explorer and waits until it is ready."""

    def open_page(address, **options):
        page = visit(address, **options)
        page.wait_for_selector("body[data-ready]")
        page.wait_for_selector("article[data-latency]")
        return page

    return open_page
