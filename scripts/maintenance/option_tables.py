"""What can be chosen and set, read from the files in ``conf/`` and their comments.

The comment that heads a file says what its option is; the comment behind a key says what it does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from vae_lab.runs.help_screen import GROUPS

# What stands in Hydra and not in conf/.
OF_HYDRA = {
    "hydra/launcher": {"basic": "One job after the other, in one process."},
    "hydra/sweeper": {"basic": "Every combination of the values that are given."},
}
WHOLE = "_global_"  # the package of what sets more than its own part
SET_UPS = ("debug", "experiment", "sweep")  # whose overrides would fill the table
PLUMBING = ("defaults", "hydra", "run_dir", "profiler", "_partial_", "_recursive_")
PACKAGE = re.compile(r"# @package (\S+)\n")
HEADER = re.compile(r"(?:#.*\n)+")
SENTENCE = re.compile(r".*?(?<!et al)\.(?=\s|$)", re.DOTALL)
PART_OF_DEFAULTS = re.compile(r"^ +- /(\w+)@(\w+)$", re.MULTILINE)
CODE = re.compile(
    r"(?<![`\w])(\{.*?\}|pip install (?:-e )?'[^']+'|[\w./]*<\w+>[\w./<>=]*|[\w./]+=\S*[\w\]])"
)
ARXIV = re.compile(r"arXiv:(\d+\.\d+)")


@dataclass(frozen=True)
class Setting:
    """A key with its value, and what stands behind it."""

    key: str
    value: str
    comment: str

    @property
    def markdown(self) -> str:
        """What the table says of it."""
        return f"`{self.key}={self.value}` {in_markdown(self.comment)}".rstrip()


def option_tables(conf: Path) -> str:
    """Return one table of the keys of a run, and one for each group of options, in Markdown.

    Raises:
        ValueError: if a file does not say what its option is.
    """
    primary = (conf / "train.yaml").read_text(encoding="utf-8")
    chosen = {
        group: option
        for entry in yaml.safe_load(primary)["defaults"]
        if isinstance(entry, dict)
        for group, option in entry.items()
    }
    lines = ["## A run", "", "| key | what it is |", "|---|---|"]
    lines += [
        f"| `{setting.key}={setting.value}` | {in_markdown(setting.comment)} |"
        for setting in settings(primary, yaml.compose(primary), "")
    ]
    for group, meaning in GROUPS.items():
        lines += ["", f"## `{group}`: {in_markdown(meaning)}", ""]
        rows = [(f"**`{name}`**", words, "") for name, words in OF_HYDRA.get(group, {}).items()]
        paths = sorted((conf / group).glob("*.yaml"))
        for path in sorted(paths, key=lambda path: path.stem != chosen.get(group)):
            rows.append(_row(path, group, is_chosen=path.stem == chosen.get(group)))
        titles = ["option", "what it is", "settings"][: 3 if any(row[2] for row in rows) else 2]
        lines += [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
        lines += [f"| {' | '.join(row[: len(titles)])} |" for row in rows]
    return "\n".join(lines)


def settings(text: str, node: Node, key: str) -> Iterator[Setting]:
    """Yield what can be set in a file.

    Args:
        text: of the file.
        node: a part of it.
        key: where that part stands.
    """
    if isinstance(node, MappingNode) and node.value:
        for name_node, value in node.value:
            name = name_node.value
            comment = _comment(text, value)
            is_fixed = name == "_target_" and not comment and not node.flow_style
            if name not in PLUMBING and not is_fixed:
                yield from settings(text, value, f"{key}.{name}".lstrip("."))
        return
    value = text[node.start_mark.index : node.end_mark.index].replace(", ", ",")
    if not (isinstance(node, ScalarNode) and "${" in value):  # which follows another key
        yield Setting(key, value, _comment(text, node))


def in_markdown(words: str) -> str:
    """Return a comment with its commands as code and its papers as links, for a cell of a table."""
    words = CODE.sub(r"`\1`", words).replace("|", "\\|")
    return ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", words)


def _row(path: Path, group: str, is_chosen: bool) -> tuple[str, str, str]:
    text = path.read_text(encoding="utf-8")
    package = PACKAGE.match(text)
    header = HEADER.match(text, package.end() if package else 0)
    if header is None:
        raise ValueError(f"{path} does not begin with a comment that says what {path.stem} is")
    prefix = package[1] if package else group.replace("/", ".")
    words = " ".join(line.lstrip("# ") for line in header[0].splitlines())
    shown: list[Setting] = []
    if prefix == WHOLE and group in SET_UPS:
        sentence = SENTENCE.match(words)
        words = sentence[0] if sentence else words
    else:
        prefix = "" if prefix == WHOLE else prefix
        shown += settings(text, yaml.compose(text), prefix)
        for name, below in PART_OF_DEFAULTS.findall(text):
            part = (path.parents[len(Path(group).parts)] / f"{name}.yaml").read_text("utf-8")
            shown += settings(part, yaml.compose(part), f"{prefix}.{below}")
    name = f"**`{path.stem}`**" if is_chosen else f"`{path.stem}`"
    file = f"../conf/{group}/{path.name}"
    values = "<br>".join(setting.markdown for setting in shown)
    return f"[{name}]({file})", in_markdown(words), values


def _comment(text: str, node: Node) -> str:
    """Return what stands behind a value, on its line."""
    rest = text[node.end_mark.index :].partition("\n")[0]
    return rest.partition("# ")[2].strip() if "#" in rest else ""
