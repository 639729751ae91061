"""Trained runs in the browser: move through their latent space, draw a digit, compare.

python scripts/explore.py runs/<run>
python scripts/explore.py runs/<run> runs/<another>          # up to four side by side
python scripts/explore.py runs/<run> --static explorer.html  # one file that needs no server
"""

import argparse
import contextlib
import errno
import importlib.util
import socket
import webbrowser
from pathlib import Path

from vae_lab.explorer import standalone
from vae_lab.explorer.explored import ExploredRun, open_runs
from vae_lab.files import write_atomically
from vae_lab.runs import trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT

PORT = 8000
LAST_PORT = 65535
LOCAL = ("127.0.0.1", "localhost")
EVERYWHERE = "0.0.0.0"


def require_app() -> None:
    """Refuse to go on without the extra, before any run is opened.

    Raises:
        ValueError: if it is not.
    """
    for name in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"{name} is missing; pip install -e '.[app]' brings it")


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at ``port``; if that is None, at 8000 or else at any free port.

    Raises:
        ValueError: if that is not possible.
    """
    if port is not None and not 0 <= port <= LAST_PORT:
        raise ValueError(f"--port must be between 0 and {LAST_PORT}, got {port}")
    wanted = PORT if port is None else port
    try:
        return socket.create_server((host, wanted))
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return listen(host, 0)
        raise ValueError(f"cannot listen at {host}, port {wanted}: {error}") from error


def serve(explored: list[ExploredRun], listener: socket.socket, host: str, browse: bool) -> None:
    """Serve until Ctrl-C, and open the browser if asked to."""
    import uvicorn  # noqa: PLC0415 - only those who serve need the extra

    from vae_lab.explorer.app import create_app  # noqa: PLC0415

    hosts = ["*"] if host == EVERYWHERE else [*LOCAL, host]
    config = uvicorn.Config(create_app(explored, hosts), log_level="warning")
    name = LOCAL[0] if host == EVERYWHERE else host
    address = f"http://{name}:{listener.getsockname()[1]}"
    print(f"{address}  (Ctrl-C ends)", flush=True)
    if browse:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


@told_in_one_line()
def main() -> None:
    """Show the runs that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="run", help=MEANT)
    parser.add_argument("--host", default=LOCAL[0], help=f"address to listen at; {EVERYWHERE} lets "
                        "everyone in the network in (default: this machine alone)")  # fmt: skip
    parser.add_argument("--port", type=int, help=f"default: {PORT}, or any other if that is taken")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--static", type=Path, metavar="FILE",
                        help="write a page that needs no server, and end")  # fmt: skip
    trust.add_option(parser)
    arguments = parser.parse_args()
    if arguments.static is not None:
        page = standalone.page(open_runs(arguments.runs, arguments.trust))
        write_atomically(arguments.static, page)
        print(arguments.static)
        return
    require_app()
    with listen(arguments.host, arguments.port) as listener:
        explored = open_runs(arguments.runs, arguments.trust)
        serve(explored, listener, arguments.host, not arguments.no_browser)


if __name__ == "__main__":
    main()
