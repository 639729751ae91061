"""The page of a report in a browser: it sorts, and it fits a phone."""

import pytest
from run_folders import make_run, metrics_of

from vae_lab.reports import Frame, write_report


@pytest.fixture
def report(tmp_path):
    """The address of a report on three runs, of which one did not count its active units."""
    for dim, elbo, seconds in ((2, -100.0, 50.0), (16, -90.0, 600.0), (100, -95.0, 7300.0)):
        metrics = metrics_of(elbo, 5.0, 80.0 + dim)
        metrics |= {"test/active_units": 30.0 - dim / 10} if dim > 2 else {}
        make_run(tmp_path / f"run_{dim}", f"latent_dim={dim}", metrics=metrics, seconds=seconds)
    page, _ = write_report(Frame.read(tmp_path))
    return page.as_uri()


def test_a_click_sorts_by_numbers_and_another_turns_the_order_round(visit, report):
    page = visit(report)
    table = page.locator("section table").first
    for column, orders in {
        "latent_dim": ([2, 16, 100], [100, 16, 2]),
        "time": ([2, 16, 100], [100, 16, 2]),
        "test/elbo": ([2, 100, 16], [16, 100, 2]),
        "test/active_units": ([100, 16, 2], [16, 100, 2]),
    }.items():
        for order in orders:
            table.get_by_role("button", name=column).click()
            runs = table.locator("tbody tr td:first-child").all_text_contents()
            assert runs == [f"run_{dim}" for dim in order]


def test_it_fits_a_phone(visit, report):
    page = visit(report, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator(".charts svg").first.bounding_box()["width"] > 300
