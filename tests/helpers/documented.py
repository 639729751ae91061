"""What the documentation tells its readers to type: commands, snippets, files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(python [^`]+)`(?!`)")
PATH = r"((?:conf|src)/\S+\.(?:yaml|py))"
FILE = re.compile(rf"^# {PATH}|`{PATH}`:\s*\Z", re.MULTILINE)  # in a block, or right before it
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
    return [block for before, block in _blocks(page, language) if not _path(before, block)]


def files(page: str) -> dict[str, str]:
    """Return the files that a page shows: where each lies, and what it holds."""
    blocks = [parts for language in ("python", "yaml") for parts in _blocks(page, language)]
    paths = [_path(*parts) for parts in blocks]
    return {path: block for path, (_, block) in zip(paths, blocks, strict=True) if path}


def _blocks(page: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before each block in a language, and the block."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if found[1] == language:
            yield text[: found.start()], found[2]


def _path(before: str, block: str) -> str | None:
    """Return where a block lies that is a file: its first lines say it, or what leads to it."""
    found = FILE.search(block) or FILE.search(before[-200:])
    return (found[1] or found[2]) if found else None


def _unchained(line: str) -> Iterator[list[str]]:
    for part in line.split(" && "):
        yield shlex.split(part.replace("<", "").replace(">", ""), comments=True)
