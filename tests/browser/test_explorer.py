"""The explorer as a person uses it: with mouse, finger and keyboard, in Chromium."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from explorable_runs import SMALL, write_run
from explorer_page import assert_decoded, coordinates, plane, shown, wait_until
from PIL import Image
from screenshots import draw_seven, wait_until_settled
from script_runner import run_script

from vae_lab.data import ImageDataModule
from vae_lab.explorer import standalone
from vae_lab.explorer.explored import ExploredRun
from vae_lab.explorer.frames import Frame

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "explorer.png"  # any picture
CORNER = {"x": 45, "y": 45}  # of the plane, where no dot is

MIDDLE_OF_THE_MARK = """canvas => {
    const { width, height } = canvas;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    let [count, x, y] = [0, 0, 0];
    for (let i = 0; i < width * height; i++) {
        const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
        if (Math.abs(red - 168) + Math.abs(green - 24) + Math.abs(blue - 1) > 12) continue;
        [count, x, y] = [count + 1, x + i % width, y + Math.floor(i / width)];
    }
    return [x / count, y / count];
}"""


def point_at_a_dot(page):
    """Move the mouse over the plane until a dot is below it; return its number."""
    for step in range(100):
        plane(page).hover(position={"x": 200 + step, "y": 330})
        if plane(page).get_attribute("title"):
            break
    page.wait_for_selector(".dot[data-digit]")
    wait_until_settled(page)
    return int(page.locator(".dot").get_attribute("data-digit"))


def test_moving_the_mouse_decodes_the_point_below_it(explore, one, trained):
    page = explore(one)
    plane(page).hover(position={"x": 200, "y": 200})
    first = coordinates(page)
    assert_decoded(page, trained)
    before = shown(page)
    plane(page).hover(position={"x": 450, "y": 400})
    second = coordinates(page)
    assert second[0] > first[0]
    assert second[1] < first[1]
    assert_decoded(page, trained)
    assert (shown(page) != before).any()


def test_a_click_holds_the_point_and_another_lets_it_go(explore, one):
    page = explore(one)
    plane(page).click(position={"x": 200, "y": 200})
    held = coordinates(page)
    plane(page).hover(position={"x": 400, "y": 300})
    assert coordinates(page) == held
    assert page.locator(".held").is_visible()
    plane(page).click(position=CORNER)
    plane(page).hover(position={"x": 400, "y": 300})
    assert coordinates(page) != held
    assert not page.locator(".held").is_visible()


def test_a_dot_shows_its_image_and_a_click_gives_it_to_the_run(explore, one, trained):
    page = explore(one)
    digit = point_at_a_dot(page)
    assert coordinates(page) == pytest.approx(trained.means[digit].tolist(), abs=0.15)
    assert (shown(page, ".original") == trained.originals[digit, 0].numpy()).all()
    decoded = trained.decode(trained.means[digit : digit + 1])[0, 0].numpy()
    wait_until(lambda: np.abs(shown(page, ".decoded-dot") - decoded).max() <= 2)
    name = trained.class_names[trained.labels[digit]]
    assert f"({name})" in page.locator(".which").inner_text()
    assert plane(page).get_attribute("title") == name

    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector(".explained:not([hidden])")
    assert coordinates(page) == pytest.approx(trained.means[digit].tolist(), abs=1e-3)
    distance = (trained.means - trained.means[digit]).norm(dim=1)
    nearest = distance.argsort()[1:9]
    strip = shown(page, ".neighbours").reshape(28, 8, 28)
    for place, other in enumerate(nearest):
        assert (strip[:, place] == trained.originals[other, 0].numpy()).all()
    names = [trained.class_names[trained.labels[other]] for other in nearest]
    assert page.locator(".near-classes li").all_inner_texts() == names
    page.mouse.down()
    page.mouse.up()
    assert not page.locator(".held").is_visible()  # the same dot again lets go


def test_a_word_tells_what_the_ellipse_is_and_the_cursor_leaves_it_to_be_seen(explore, one):
    page = explore(one)
    draw_seven(page)
    box = plane(page).bounding_box()
    x, y = (  # of the posterior mean, from what the page has drawn there in the colour of its mark
        box[side] + place
        for side, place in zip("xy", plane(page).evaluate(MIDDLE_OF_THE_MARK), strict=True)
    )
    page.mouse.move(x, y)
    assert "two standard deviations" in plane(page).get_attribute("title")
    page.mouse.move(box["x"] + CORNER["x"], box["y"] + CORNER["y"])
    assert not plane(page).get_attribute("title")


def test_a_slider_moves_one_latent(explore, one, trained):
    page = explore(one)
    first, second = coordinates(page)
    page.get_by_label("z₂").fill("-1.5")
    assert coordinates(page) == [first, -1.5] != [first, second]
    assert_decoded(page, trained)


def test_sliders_are_ordered_by_kl_and_the_axes_can_be_chosen(explore, three, others):
    page = explore(three)
    five = others[0].describe()
    card = page.locator("article").nth(1)
    expected = [f"z{'₁₂₃₄₅'[latent]}" for latent in five["order"]]
    assert card.locator(".sliders .name").all_inner_texts() == expected
    inactive = card.locator(".sliders .inactive .name").all_inner_texts()
    assert set(inactive) == {f"z{'₁₂₃₄₅'[i]}" for i in range(5) if not five["active"][i]}

    card.get_by_label("Horizontal axis").select_option("z₄")
    card.get_by_label("Vertical axis").select_option("z₂")
    before = coordinates(page, 1)
    card.locator(".plane").hover(position={"x": 60, "y": 60})
    changed = [old != new for old, new in zip(before, coordinates(page, 1), strict=True)]
    assert changed == [False, True, False, True, False]
    assert_decoded(page, others[0], card=1)


def test_a_drawn_seven_is_reconstructed_and_lies_among_sevens(explore, one, trained):
    page = explore(one)
    draw_seven(page)
    given = shown(page, ".given")
    assert 0.05 < (given > 127).mean() < 0.3
    rows, columns = np.nonzero(given)
    assert (rows.max() - rows.min(), columns.max() - columns.min()) <= (24, 24)

    found = trained.encode(given.astype(np.uint8).tobytes())
    number = f"{found['elbo']:.1f}".replace("-", "−")
    assert page.locator(".elbo").inner_text() == number
    np.testing.assert_allclose(coordinates(page), found["mean"], atol=1e-3)
    assert_decoded(page, trained)
    reconstruction = shown(page, ".reconstruction")
    assert np.corrcoef(reconstruction.ravel(), given.ravel())[0, 1] > 0.4
    distance = (trained.means - torch.tensor(found["mean"])).norm(dim=1)
    neighbours = trained.labels[distance.argsort()[:15]]
    assert (neighbours == 7).sum() >= 3
    assert not {0, 2, 3, 6} & set(neighbours.mode().values[None].tolist())

    page.get_by_role("button", name="Clear").click()
    page.wait_for_selector(".explained[hidden]", state="attached")


def test_a_test_digit_can_be_taken_instead(explore, one, trained):
    page = explore(one)
    page.get_by_role("button", name="Take a test digit").click()
    page.wait_for_selector(".explained:not([hidden])")
    given = torch.from_numpy(shown(page, ".given")).to(torch.uint8)
    assert (trained.originals[:, 0] == given).flatten(1).all(1).any()


def test_what_is_decoded_stays_in_view_and_each_selector_at_its_axis(explore, serve, others):
    for width in (1360, 390):
        page = explore(serve(others[0]), viewport={"width": width, "height": 700})
        below = page.get_by_label("Horizontal axis").bounding_box()
        box = plane(page).bounding_box()
        assert below["y"] + below["height"] <= box["y"] + box["height"] + 1
        slider = page.locator(".sliders input").last
        slider.scroll_into_view_if_needed()
        slider.press("ArrowRight")
        assert page.evaluate("scrollY") > 0
        decoded = page.locator(".decoded").bounding_box()
        assert 0 <= decoded["y"] <= 700 - decoded["height"]


def test_the_pad_and_what_three_runs_make_of_it_are_seen_at_once(explore, three):
    page = explore(three, viewport={"width": 1440, "height": 900})
    draw_seven(page)
    for part in ("#pad", ".given", ".reconstruction", ".neighbours"):
        for place in page.locator(part).all():
            box = place.bounding_box()
            assert 0 <= box["y"] <= 900 - box["height"], part


def test_the_pictures_that_a_run_kept_are_seen_by_epoch(explore, serve, trained, monkeypatch):
    epochs = range(1, 4)
    monkeypatch.setattr(trained, "frames", [
        Frame(PICTURE, 100 * epoch, epoch, -200.0 + epoch) for epoch in epochs
    ])  # fmt: skip
    page = explore(serve(trained))
    page.get_by_text("How it was learned").click()
    page.get_by_text("epoch 3, bound −197.0 nats").wait_for()
    page.get_by_label("Epoch").press("ArrowLeft")
    page.get_by_text("epoch 2, bound −198.0 nats").wait_for()
    assert page.locator(".film img").evaluate("image => image.naturalWidth") > 0


def test_an_interpolation_between_two_points_is_picked_and_played(explore, one, trained):
    page = explore(one)
    page.get_by_role("button", name="Pick two points").click()
    plane(page).click(position={"x": 150, "y": 200})
    start = coordinates(page)
    plane(page).click(position={"x": 450, "y": 400})
    page.wait_for_selector("#play.playing")
    seen = set()
    wait_until(lambda: seen.add(tuple(coordinates(page))) or len(seen) > 4)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider", name="From A to B").fill("0")
    assert coordinates(page) == start
    page.get_by_role("slider", name="From A to B").fill("1")
    end = coordinates(page)
    for x, y in seen:  # all of them on the straight line
        along = (x - start[0]) / (end[0] - start[0])
        assert y == pytest.approx(start[1] + along * (end[1] - start[1]), abs=5e-3)
        assert -1e-6 <= along <= 1 + 1e-6
    strip = shown(page, ".strip").reshape(28, 9, 28)
    assert_decoded(page, trained)
    assert np.abs(strip[:, -1] - shown(page)).max() <= 2


def test_three_runs_are_compared_on_the_same_input(explore, three, trained, others):
    page = explore(three, viewport={"width": 1440, "height": 1000})
    tops = [page.locator("article").nth(i).bounding_box()["y"] for i in range(3)]
    assert len(set(tops)) == 1
    draw_seven(page)
    assert page.locator(".explained:not([hidden])").count() == 3
    assert (shown(page, ".given", 0) == shown(page, ".given", 2)).all()
    bounds = [page.locator(".bound").nth(i).is_visible() for i in range(3)]
    assert bounds == [True, True, False]  # the third is an autoencoder
    plane(page).click(position=CORNER)
    plane(page).hover(position={"x": 100, "y": 100})
    for card, run in enumerate((trained, *others)):
        assert_decoded(page, run, card)
    np.testing.assert_allclose(coordinates(page, 0), coordinates(page, 2), atol=1e-3)


def test_the_command_makes_the_image_that_is_shown(explore, one, tmp_path):
    page = explore(one)
    plane(page).click(position=CORNER)
    command = page.locator(".command").inner_text()
    python, script, *arguments = shlex.split(command)
    assert (python, script) == ("python", "scripts/generate.py")
    run_script("generate", *arguments, "--output", tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width > 28

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert " ".join(copied.split()) == " ".join(command.split())


def test_everything_can_be_done_with_the_keyboard_alone(explore, one, trained):
    page = explore(one)

    def tab_to(condition):
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({condition!r})"):
                return
        raise AssertionError(f"{condition} is not reached")

    tab_to(".plane")
    first = coordinates(page)
    for key in ("ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    second = coordinates(page)
    assert 0 < second[0] - first[0] < second[1] - first[1]
    assert_decoded(page, trained)
    page.keyboard.press("a")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("b")
    page.keyboard.press("p")
    page.wait_for_selector("#play.playing")
    page.keyboard.press("p")
    page.wait_for_selector("#play:not(.playing)")
    page.keyboard.press("Enter")
    page.wait_for_selector(".explained:not([hidden])")
    tab_to(".sliders input")
    before = coordinates(page)
    page.keyboard.press("ArrowRight")
    assert coordinates(page) != before
    tab_to("#pad")
    page.keyboard.press(" ")
    for key in ["ArrowRight"] * 5 + ["ArrowDown"] * 6:
        page.keyboard.press(key)
    page.keyboard.press(" ")
    wait_until_settled(page)
    assert (shown(page, ".given") > 127).sum() > 20
    page.keyboard.press("Delete")
    page.wait_for_selector(".explained[hidden]", state="attached")
    tab_to("#test-digit")
    page.keyboard.press("Enter")
    page.wait_for_selector(".explained:not([hidden])")


@pytest.mark.parametrize("number", [1, 3])
def test_it_fits_a_phone_and_a_finger(explore, one, three, trained, number):
    size = {"width": 390, "height": 844}
    address = one if number == 1 else three
    page = explore(address, viewport=size, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for button in page.locator("button:visible, select:visible").all():
        box = button.bounding_box()
        assert box["height"] >= 28
        assert box["width"] >= 28
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll("body *")]
            .filter(e => e.checkVisibility() && e.innerText?.trim() && !e.children.length)
            .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
    )
    assert smallest >= 12
    box = plane(page).bounding_box()
    decoded = page.locator(".decoded").first.bounding_box()
    assert decoded["y"] + decoded["height"] <= box["y"]  # not below the finger
    assert box["y"] + box["height"] <= 844  # both are seen at once
    page.touchscreen.tap(box["x"] + 100, box["y"] + 100)
    first = coordinates(page)
    page.touchscreen.tap(box["x"] + 250, box["y"] + 200)
    assert coordinates(page) != first
    assert_decoded(page, trained)


def test_the_scheme_follows_the_system_and_can_be_switched(explore, one):
    page = explore(one, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    brightness = lambda: sum(map(int, re.findall(r"\d+", page.evaluate(ground))[:3]))  # noqa: E731
    assert brightness() < 150
    corner = "canvas => canvas.getContext('2d').getImageData(0, 0, 1, 1).data[3]"
    assert plane(page).evaluate(corner) == 0  # transparent: no scheme is painted in
    page.get_by_label("Switch between light and dark").click()
    assert brightness() > 600


def test_one_class_can_be_shown_alone(explore, one):
    page = explore(one)
    count = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 == 3 && v > 100).length"  # noqa: E501
    everything = plane(page).evaluate(count)
    page.get_by_label("Show class 7 alone").click()
    wait_until(lambda: plane(page).evaluate(count) < everything / 2)
    page.get_by_label("Show class 7 alone").click()
    wait_until(lambda: plane(page).evaluate(count) == everything)


def test_a_server_that_has_gone_is_reported(visit, serve, trained):
    page = visit(serve(trained))
    page.wait_for_selector("body[data-ready]")
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError()); }")
    plane(page).hover(position={"x": 100, "y": 100})
    page.get_by_role("alert").get_by_text("The server does not answer").wait_for()


def test_the_page_without_a_server_moves_slides_and_plays(explore, trained, others, tmp_path):
    path = tmp_path / "explorer.html"
    path.write_text(standalone.page([trained, others[0]]))
    page = explore(path.as_uri())
    assert not page.locator("#drawing").is_visible()
    assert "Drawing" in page.locator("#embedded-note").inner_text()  # says why
    assert "sliders" in page.locator("#embedded-note").inner_text()
    for x, y in ((150, 150), (301, 222), (222, 343)):
        plane(page).hover(position={"x": x, "y": y})
        wanted = coordinates(page)
        expected = trained.decode(torch.tensor([wanted]))[0, 0].numpy()
        # interpolated between decoded points, so near the truth and not on it
        wait_until(lambda expected=expected: np.abs(shown(page) - expected).mean() < 4)
    page.locator("article").first.get_by_label("z₁").fill("1")
    assert coordinates(page)[0] == 1
    page.get_by_role("button", name="Pick two points").click()
    plane(page).click(position={"x": 100, "y": 200})
    plane(page).click(position={"x": 250, "y": 250})
    page.wait_for_selector("#play.playing")
    wait_until(lambda: page.locator(".strip:visible").count() == 2)


class Stripes(ImageDataModule):
    """Images in colour that are no squares, of two classes."""

    class_names = ("upright", "flat")

    def __init__(self, dataset, root, **options):
        super().__init__(**options)

    def read(self, train):
        images = torch.randint(256, (20, 3, 6, 4), dtype=torch.uint8)
        return images, torch.arange(20) % 2


COLOURS = """canvas => Array.from(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
).filter((_, i) => i % 4 != 3)"""


@pytest.mark.parametrize("is_served", [True, False])
def test_colours_and_names_of_classes_are_shown(explore, serve, is_served, tmp_path):
    own = ("data._target_=test_explorer.Stripes", "data.image_shape=[3,6,4]", "data.val_size=5",
           "data.binarization=none", "likelihood=normal", "latent_dim=2")  # fmt: skip
    run = ExploredRun(write_run(tmp_path / "run", tmp_path, *SMALL, *own), ["test_explorer"])
    path = tmp_path / "explorer.html"
    path.write_text(standalone.page([run]))
    page = explore(serve(run) if is_served else path.as_uri())

    def distance(selector, expected):
        found = np.array(page.locator(selector).evaluate(COLOURS)).reshape(6, 4, 3)
        return np.abs(found - expected.permute(1, 2, 0).numpy()).max()

    plane(page).hover(position={"x": 200, "y": 150})
    wait_until(lambda: distance(".decoded", run.decode(torch.tensor([coordinates(page)]))[0]) <= 2)
    assert page.locator("#classes button").all_inner_texts() == ["upright", "flat"]
    assert page.get_by_label("Show class flat alone").is_visible()
    assert page.locator("#drawing").is_visible() == is_served
    if not is_served:
        return
    page.locator("#pad").click()
    assert page.locator(".explained").is_hidden()  # colours are not drawn
    page.get_by_role("button", name="Take a test image").click()
    page.wait_for_selector(".explained:not([hidden])")
    assert min(distance(".given", image) for image in run.originals) == 0
    mean = torch.tensor([coordinates(page)])
    assert distance(".reconstruction", run.decode(mean)[0]) <= 2
