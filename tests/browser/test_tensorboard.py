"""TensorBoard on a run directory, in a real browser: what each tab shows."""

import json
import re

import pytest
from boards import ask, browser_page, expect, show, tensorboard, wait_for_tags
from full_run import PICTURES, POINTS

RUN = "run"
SHOWN = PICTURES | {"film"}


@pytest.fixture(scope="module")
def board(full_run, tmp_path_factory):
    """The directory of a small run with everything switched on, and TensorBoard's address."""
    folder = tmp_path_factory.mktemp("board")
    (folder / RUN).symlink_to(full_run)
    with tensorboard(folder) as address:
        wait_for_tags(address, RUN, "images", {f"images/{name}" for name in SHOWN})
        yield full_run, address


@pytest.fixture(scope="module")
def page(driver):
    with browser_page(driver) as opened:
        yield opened


def test_images_show_every_picture_and_explain_it(board, page):
    show(page, board[1], "images")
    cards = page.locator("tf-image-loader")
    expect(cards).to_have_count(len(SHOWN))
    for name in SHOWN:
        card = cards.filter(has_text=f"images/{name}")
        image = card.locator("img").first
        image.scroll_into_view_if_needed()
        expect(image).to_be_visible()
        page.wait_for_function("image => image.naturalWidth > 300", arg=image.element_handle())
    film = cards.filter(has_text="images/film")
    address = film.locator("img").first.get_attribute("src")
    assert page.request.get(f"{board[1]}{address}").headers["content-type"] == "image/gif"
    film.locator("[icon='info']").click()
    expect(page.get_by_text("where the encoder puts validation images").first).to_be_visible()


def test_custom_scalars_put_training_and_validation_on_one_chart(board, page):
    show(page, board[1], "custom_scalars")
    for title in ("ELBO", "rate and distortion", "objective"):
        expect(page.get_by_text(title, exact=True).first).to_be_visible()
    chart = page.locator("tf-custom-scalar-multi-line-chart-card").first
    expect(chart).to_contain_text("elbo, nats")
    expect(chart.locator("vz-line-chart2, tf-line-chart-data-loader").first).to_be_visible()
    for tag in ("train/elbo", "val/elbo"):
        expect(chart.locator(".match-list-entry", has_text=tag)).to_have_count(1)


def test_the_projector_shows_the_digits_as_points_with_labels(board, page):
    with page.expect_response(lambda response: "sprite_image" in response.url) as sprite:
        show(page, board[1], "projector")
    assert sprite.value.ok
    frame = page.frame(url=re.compile("projector_binary"))
    expect(frame.locator(".numDataPoints")).to_have_text(str(POINTS))
    expect(frame.locator(".dim")).to_have_text("3")
    query = f"data/plugin/projector/metadata?run={RUN}&name=default%3A00000"
    labels = page.request.get(board[1] + query).text().split()
    assert len(labels) == POINTS
    assert set(labels) == set("0123456789")
    expect(frame.get_by_text("does not have WebGL enabled")).to_have_count(0)


def test_hparams_show_the_run_with_its_metric(board, page):
    folder, address = board
    show(page, address, "hparams")
    expect(page.get_by_text(RUN, exact=True).first).to_be_visible()
    expect(page.get_by_text("val/elbo", exact=True).first).to_be_visible()
    elbo = json.loads((folder / "summary.json").read_text())["metrics"]["val/elbo"]
    expect(page.get_by_text(f"{elbo:.2f}", exact=True).first).to_be_attached()


def test_the_graph_has_encoder_and_decoder(board, page):
    _, address = board
    show(page, address, "graphs")
    expect(page.locator("title", has_text="Reconstruction").first).to_be_attached()
    query = f"data/plugin/graphs/graph?run={RUN}&conceptual=false"
    text = page.request.get(address + query).text()
    assert all(f"MLP[{part}]" in text for part in ("encoder", "decoder"))


def test_histograms_and_texts_are_there(board):
    _, address = board
    histograms = wait_for_tags(address, RUN, "histograms", {"posterior/means", "posterior/scales"})
    assert "posterior collapse" in histograms["posterior/means"]["description"]
    texts = ask(address, "data/plugin/text/tags")[RUN]
    assert {"config/text_summary", "graph/text_summary", "projector/text_summary"} <= set(texts)
