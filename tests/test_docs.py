"""What the documentation takes from files is what they say, and what it names is there."""

import re
import tomllib

import pytest
import update_docs
from documented import PAGES, ROOT, commands

LINK = re.compile(r"\]\((?!http)([^)#\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"")
SHARED_OPTION = "--trust"  # of all scripts that open a run


@pytest.mark.parametrize("page", update_docs.PAGES)
def test_a_page_holds_what_the_files_say(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text == update_docs.updated(page), "run python scripts/maintenance/update_docs.py"


@pytest.mark.parametrize("page", PAGES)
def test_every_script_is_there_and_knows_its_options(page):
    for words in commands(page):
        if words[0] != "python" or not words[1].startswith("scripts/"):
            continue
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        options = {word for word in words[2:] if word.startswith("--")} - {SHARED_OPTION}
        assert not [option for option in options if f'"{option}"' not in source]


def test_every_extra_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installs = [" ".join(words) for page in PAGES for words in commands(page) if words[0] == "pip"]
    named = {extra for line in installs for extra in re.findall(r"[\w-]+(?=[,\]])", line)}
    assert named
    assert named <= {*project["optional-dependencies"]}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [one or other for one, other in LINK.findall(text)]
    assert not [target for target in targets if not ((ROOT / page).parent / target).exists()]
