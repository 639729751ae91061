"""Trained runs in the browser: move through their latent space, draw a digit, compare.

python scripts/explore.py                                    # choose one of the newest runs
python scripts/explore.py example                            # the one that ships with vae-lab
python scripts/explore.py runs/<run>
python scripts/explore.py runs/<run> runs/<another>          # up to four side by side
python scripts/explore.py runs/<run> --static explorer.html  # one file that needs no server
"""

import argparse
import contextlib
import errno
import importlib.util
import socket
import sys
import webbrowser
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from vae_lab.files import write_atomically
from vae_lab.runs import trust
from vae_lab.runs.errors import told_in_one_line
from vae_lab.runs.newest import MEANT, RUNS, newest_runs, the_run

if TYPE_CHECKING:  # opening runs takes seconds to import, and choosing one comes before
    from vae_lab.explorer.explored import ExploredRun

EXAMPLE = "example"
OFFERED = 9
NOTHING_CHOSEN = 2

PORT = 8000
LAST_PORT = 65535
LOCAL = ("127.0.0.1", "localhost")
EVERYWHERE = "0.0.0.0"


def run_called(name: str) -> Path:
    """Return the run directory that a word on the command line means.

    Raises:
        FileNotFoundError: if there is no such run.
    """
    if name == EXAMPLE and not Path(name).exists():
        return Path(str(files("vae_lab.explorer"))) / EXAMPLE
    return the_run(name)


def choose() -> list[str]:
    """Let the user choose among the newest runs; without a terminal only list them.

    Raises:
        SystemExit: if nothing is chosen.
    """
    offered = [str(path) for path in newest_runs(limit=OFFERED)] + [EXAMPLE]
    is_asked = sys.stdin.isatty() and sys.stdout.isatty()
    if len(offered) == 1:
        print(f"{RUNS}/ holds no trained run yet; {EXAMPLE} ships with vae-lab.")
    for number, name in enumerate(offered, start=1):
        print(f"{number:3}  {name}" if is_asked else name)
    while is_asked:
        try:
            answer = input("Which? A number, or up to four to see side by side [1]: ").split()
        except (EOFError, KeyboardInterrupt):
            print()
            break
        numbers = [int(word) for word in answer or ["1"] if word.isdecimal()]
        if len(numbers) == len(answer or ["1"]) and set(numbers) <= {*range(1, len(offered) + 1)}:
            return [offered[number - 1] for number in numbers]
        print(f"These are the numbers 1 to {len(offered)}.")
    raise SystemExit(NOTHING_CHOSEN)


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


def serve(
    explored: Sequence["ExploredRun"], listener: socket.socket, host: str, browse: bool
) -> None:
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
    parser.add_argument("runs", nargs="*", metavar="run", help=f"{MEANT}; or {EXAMPLE}")
    parser.add_argument("--host", default=LOCAL[0], help=f"address to listen at; {EVERYWHERE} lets "
                        "everyone in the network in (default: this machine alone)")  # fmt: skip
    parser.add_argument("--port", type=int, help=f"default: {PORT}, or any other if that is taken")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--static", type=Path, metavar="FILE",
                        help="write a page that needs no server, and end")  # fmt: skip
    trust.add_option(parser)
    arguments = parser.parse_args()
    if arguments.static is None:
        require_app()
    runs = [run_called(name) for name in arguments.runs or choose()]

    from vae_lab.explorer import standalone  # noqa: PLC0415
    from vae_lab.explorer.explored import open_runs  # noqa: PLC0415

    if arguments.static is not None:
        page = standalone.page(open_runs(runs, arguments.trust))
        write_atomically(arguments.static, page)
        print(arguments.static)
        return
    with listen(arguments.host, arguments.port) as listener:
        explored = open_runs(runs, arguments.trust)
        serve(explored, listener, arguments.host, not arguments.no_browser)


if __name__ == "__main__":
    main()
