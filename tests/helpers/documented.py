"""What the documentation tells its readers to type: commands, snippets, files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(python [^`]+)`(?!`)")
FILE = re.compile(r"^# (?P<path>(?:conf|src)/\S+\.(?:yaml|py))", re.MULTILINE)
REFUSED = re.compile(r"^\$ (.+)\n(error: .+)$", re.MULTILINE)
SHELL = ("", "bash", "sh")
PROMPT = "$ "


def commands(page: str) -> list[list[str]]:
    """Return the words of each command of a page that is to work, in order.

    A block with a prompt holds output too; in every other one, of no language or of the shell's,
    those lines are commands that begin as commands do.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    lines: list[str] = []
    for language, block in BLOCK.findall(text):
        joined = block.replace("\\\n", " ").splitlines()
        if language not in SHELL:
            continue
        refused = [command for command, _ in REFUSED.findall(block)]
        prompted = [line.removeprefix(PROMPT) for line in joined if line.startswith(PROMPT)]
        lines += [line for line in prompted if line not in refused]
        lines += [line for line in joined if re.match(r"[a-z]+ ", line)] if not prompted else []
    lines += [" ".join(line.split()) for line in INLINE.findall(BLOCK.sub("", text))]
    split = [_unchained(line) for line in lines]
    return [words for chain in split for words in chain]


def refusals(page: str) -> list[tuple[list[str], str]]:
    """Return the words of each command of a page that is refused, and the line that says so."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(shlex.split(command), line) for command, line in REFUSED.findall(text)]


def snippets(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language that are no files."""
    return [text for text in _blocks(page, language) if not FILE.search(text)]


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows: where each lies, and what it holds."""
    blocks = [text for language in ("python", "yaml") for text in _blocks(page, language)]
    return {found["path"]: text for text in blocks if (found := FILE.search(text))}


def _blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [block for found, block in BLOCK.findall(text) if found == language]


def _unchained(line: str) -> Iterator[list[str]]:
    for part in line.split(" && "):
        yield shlex.split(part.replace("<", "").replace(">", ""), comments=True)
