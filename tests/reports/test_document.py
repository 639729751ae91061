"""The page of a report: whole, and harmless whatever runs are called."""

import re

import pytest
from PIL import Image
from run_folders import make_run, make_sweep, metrics_of

from vae_lab.reports import Frame
from vae_lab.reports.document import page

EVIL = '<script>alert(1)</script> & "x"'


def add_picture(run):
    (run / "images").mkdir()
    Image.new("RGB", (900, 300)).save(run / "images" / "overview.png")


@pytest.fixture
def evil(tmp_path):
    """A folder in which everything that is told tries to be HTML."""
    folder = tmp_path / "<b>"
    make_sweep(folder / "sweep", "+x='<i>'", "seed=0,1")
    make_run(folder / EVIL, f"+note={EVIL}", "+<u>=1")
    make_run(folder / "plain", "+note=<i>&amp;</i>", "+<u>=2")
    make_run(folder / "failed", status="failed", error="<img src=x onerror=alert(1)>")
    add_picture(folder / EVIL)
    return page(Frame.read(folder))


def test_whatever_runs_are_called_stays_text(evil):
    assert evil.count("<script>") == 1
    for tag in ("<i>", "<u>", "<img src=x", "<b></title>"):
        assert tag not in evil
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;x&#34;" in evil
    assert "&lt;img src=x onerror=alert(1)&gt;" in evil


def test_it_asks_nothing_of_any_server_and_nothing_beside_it_to_be_read(evil):
    sources = re.findall(r"src=\"([^\"]*)", evil)
    assert len(sources) == 1
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert not re.search(r"url\((?!#)|@import|<link", evil)
    assert "default-src 'none'" in evil


def test_runs_that_must_not_be_ranked_together_stand_in_sections_with_a_reason(tmp_path):
    make_run(tmp_path / "a", "data.binarization=static", metrics=metrics_of(-90.0, 5.0, 80.0))
    make_run(tmp_path / "b", "data.binarization=dynamic", metrics=metrics_of(-95.0, 5.0, 85.0))
    make_run(tmp_path / "c", status="running")
    text = page(Frame.read(tmp_path))
    sections = text.split("<section")[1:]
    assert [re.findall(r"<h2>(.*)</h2>", section)[0] for section in sections] == [
        "binarization=dynamic", "binarization=static", "Missing, failed or unfinished",
    ]  # fmt: skip
    reason = "Not ranked with the other runs: pixels that were binarised in another way"
    assert [reason in section for section in sections] == [True, True, False]
    assert "after 0 of 10 epochs" in sections[2]


def test_numbers_are_sorted_as_numbers_and_the_best_is_marked(tmp_path):
    for dim, elbo, seconds in ((2, -100.0, 50.0), (16, -90.0, 600.0)):
        metrics = metrics_of(elbo, 5.0, 80.0 + dim)
        make_run(tmp_path / str(dim), f"latent_dim={dim}", metrics=metrics, seconds=seconds)
    text = page(Frame.read(tmp_path))
    assert re.search(r"<td class=\"number best\" data-order=\"-90.0\">-90.00</td>", text)
    assert re.search(r"<td class=\"\" data-order=\"16.0\">16</td>", text)
    assert re.search(r"data-order=\"600.0\">10.0 min</td>", text)
    assert re.search(r"<td class=\"number best\" data-order=\"82.0\">82.00</td>", text)


def test_a_damaged_picture_is_linked_and_a_run_without_any_has_none(tmp_path):
    for name in ("a", "b", "c#1"):
        make_run(tmp_path / name, f"+x={name}")
    for name in ("a", "c#1"):
        add_picture(tmp_path / name)
    (tmp_path / "a" / "images" / "overview.png").write_bytes(b"PNG")
    text = page(Frame.read(tmp_path))
    assert '<a href="a/images/overview.png">the picture</a>' in text
    assert text.count("<img") == 1
    assert 'href="c%231/images/overview.png"' in text
    assert "b/images" not in text
