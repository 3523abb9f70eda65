"""Pictures on the page and their crop frame, in a real browser."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import ExifTags, Image, ImageDraw
from playwright.sync_api import expect

from inkling import ink, web

STROKES = {"7": [(0, 0), (1, 0), (0.4, 1)], "1": [(0.5, 0), (0.5, 1)]}
LEFT, RIGHT = (0.08, 0.2, 0.45, 0.8), (0.55, 0.2, 0.92, 0.8)  # around a digit each, of `two`
WHOLE = (0, 0, 1, 1)

RECORD = """{
  const fetch = window.fetch;
  window.fetch = (path, options) => { window.sent = options?.body; return fetch(path, options); };
}"""
SENT = """() => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(",")[1]);
  reader.readAsDataURL(window.sent);
})"""


@pytest.fixture
def open_page(browser, server):
    """Opens the drawing page. At the end, there must be no error but what a request was refused."""
    contexts, troubles = [], []

    def open_(width=1440, touch=False, **options):
        size = {"width": width, "height": 800}
        context = browser.new_context(viewport=size, has_touch=touch, is_mobile=touch, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if "Security" in m.text else None)
        page.add_init_script(RECORD)
        page.goto(server)
        expect(page.locator("#bars li")).to_have_count(10)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []


def photo(size, digits, noise=6):
    """A photograph of dark digits on uneven paper; each digit with its box, in shares of it."""
    image = Image.new("L", size, 200)
    for digit, (left, top, right, bottom) in digits:
        points = [
            (size[0] * (left + x * (right - left)), size[1] * (top + y * (bottom - top)))
            for x, y in STROKES[digit]
        ]
        thick = max(2, round(size[1] * (bottom - top) / 9))
        ImageDraw.Draw(image).line(points, fill=40, width=thick, joint="curve")
    light = np.linspace(1, 0.8, size[0], dtype=np.float32)[:, None]
    pixels = np.asarray(image, np.float32)[..., None] * light
    rng = np.random.default_rng(0)
    grain = rng.normal(0, noise, (*pixels.shape[:2], 3)).astype(np.float32)
    return Image.fromarray((pixels + grain).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def two(tmp_path_factory):
    """The path of a photograph of a 7 at the left and a 1 at the right."""
    path = tmp_path_factory.mktemp("photographs") / "71.jpg"
    digits = [("7", (0.16, 0.3, 0.36, 0.7)), ("1", (0.66, 0.3, 0.86, 0.7))]
    photo((1500, 1500), digits).save(path)
    return path


def put(page, path):
    page.locator("#picture").set_input_files(path)


def expect_read(page, text):
    expect(page.locator("#label")).to_have_text(text, timeout=15_000)


def square(page):
    """Where a square picture lies, in the middle of the sheet: its left, its top and its side."""
    box = page.locator("#crop").bounding_box()
    side = min(box["width"], box["height"])
    return box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2, side


def frame(page):
    """The frame, as left, top, right, bottom in shares of a square picture."""
    box, (left, top, side) = page.locator("#frame").bounding_box(), square(page)
    x, y = box["x"] - left, box["y"] - top
    ends = (x, y, x + box["width"], y + box["height"])
    return pytest.approx([end / side for end in ends], abs=0.012)


def at(page, x, y):
    left, top, side = square(page)
    return left + x * side, top + y * side


def drag(page, start, end, steps=10):
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=steps)
    page.mouse.up()


def sent(page, act):
    """The file that the page sends after an act."""
    with page.expect_request("**/api/read?*") as request:
        act()
    assert request.value.method == "POST"
    return base64.b64decode(page.evaluate(SENT))


def opened(content):
    return Image.open(io.BytesIO(content))


def test_a_photograph_of_20_megapixels_and_over_10_mb_is_read(open_page, tmp_path):
    page = open_page()
    path = tmp_path / "large.jpg"
    photo((5000, 4000), [("7", (0.1, 0.1, 0.22, 0.32))], noise=40).save(path, quality=95)
    assert path.stat().st_size > 10_000_000
    whole = sent(page, lambda: put(page, path))
    expect_read(page, "7")
    assert (opened(whole).size, opened(whole).format) == ((2048, 1638), "JPEG")
    assert len(whole) < 5_000_000
    part = sent(page, lambda: drag(page, (-0.0375, 0.0875), (0.275, 0.4), 1))
    assert opened(part).size == pytest.approx((1250, 1250), abs=20)  # as many as in the file
    expect_read(page, "7")


def test_the_reading_follows_the_frame(open_page, two):
    page = open_page()
    put(page, two)
    expect_read(page, "71")
    assert frame(page) == WHOLE
    drag(page, LEFT[:2], LEFT[2:])  # the whole has nowhere to go: a new frame begins
    assert frame(page) == LEFT
    expect_read(page, "7")
    expect(page.locator("#boxes rect")).to_have_count(0)
    drag(page, (0.26, 0.5), (0.73, 0.5))
    assert frame(page) == RIGHT
    expect_read(page, "1")
    drag(page, (0.56, 0.21), (0.09, 0.21))  # the handle of its upper left corner
    assert frame(page) == (*LEFT[:2], *RIGHT[2:])
    expect_read(page, "71")
    drag(page, (0.5, 0.5), (2, 2))  # no further than the picture goes
    width, height = RIGHT[2] - LEFT[0], LEFT[3] - LEFT[1]
    assert frame(page) == (1 - width, 1 - height, 1, 1)


def test_the_boxes_of_a_number_lie_on_its_digits_inside_a_frame(open_page, two):
    page = open_page()
    put(page, two)
    expect_read(page, "71")
    drag(page, (0.1, 0.2), (0.95, 0.9))
    expect(page.locator("#boxes rect")).to_have_count(2)
    left, _, side = square(page)
    middles = [
        (box["x"] + box["width"] / 2 - left) / side
        for box in (rect.bounding_box() for rect in page.locator("#boxes rect").all())
    ]
    assert middles == [pytest.approx(0.26, abs=0.06), pytest.approx(0.76, abs=0.06)]


def test_the_keyboard_moves_and_resizes_the_frame(open_page, two):
    page = open_page()
    put(page, two)
    expect_read(page, "71")
    page.locator("#canvas").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#frame")).to_be_focused()
    assert page.locator("#frame").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    for _ in range(24):  # of 8 pixels of 384
        page.keyboard.press("Shift+ArrowLeft")
    assert frame(page) == (0, 0, 0.5, 1)
    expect_read(page, "7")
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert frame(page) == (0.5, 0, 1, 1)
    expect_read(page, "1")
    for _ in range(100):
        page.keyboard.press("Shift+ArrowUp")
    assert 0 < page.locator("#frame").bounding_box()["height"] < 30
    page.keyboard.press("Escape")
    assert frame(page) == WHOLE
    expect_read(page, "71")


def test_a_finger_moves_and_resizes_the_frame(open_page, two):
    page = open_page(320, touch=True)
    put(page, two)
    expect_read(page, "71")
    device = page.context.new_cdp_session(page)

    def swipe(start, end):
        points = [
            at(page, *(np.array(start) + step * (np.array(end) - start) / 5)) for step in range(6)
        ]
        for kind, point in zip(["touchStart"] + ["touchMove"] * 5, points, strict=True):
            place = [{"x": point[0], "y": point[1]}]
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": place})
        device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe((0.97, 0.97), (0.5, 0.8))
    assert frame(page) == (0, 0, 0.53, 0.83)
    expect_read(page, "7")
    swipe((0.26, 0.4), (0.73, 0.5))
    assert frame(page) == (0.47, 0.1, 1, 0.93)
    expect_read(page, "1")
    assert page.evaluate("scrollY") == 0


def test_the_frame_is_reset_and_the_picture_is_removed(open_page, two):
    page = open_page()
    put(page, two)
    expect_read(page, "71")
    whole = page.get_by_role("button", name="Whole picture")
    drag(page, LEFT[:2], LEFT[2:])
    expect_read(page, "7")
    whole.click()
    assert frame(page) == WHOLE
    expect_read(page, "71")
    drag(page, RIGHT[:2], RIGHT[2:])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#crop")).to_be_hidden()
    expect(whole).to_be_hidden()
    expect(page.locator("#invitation")).to_be_visible()
    page.locator("#undo").click()
    assert frame(page) == RIGHT
    expect_read(page, "1")
    sent(page, lambda: put(page, two))
    assert frame(page) == WHOLE


def test_only_the_newest_answer_counts(open_page, two):
    page = open_page()
    put(page, two)
    expect_read(page, "71")
    held = []
    page.route("**/api/read?*", lambda route: held.append(route))
    for start, end in ((LEFT[:2], LEFT[2:]), ((0.26, 0.5), (0.73, 0.5))):
        with page.expect_request("**/api/read?*"):
            drag(page, start, end, 1)
    while len(held) < 2:
        page.wait_for_timeout(20)
    for route in reversed(held):  # the answer to the first frame comes last
        with page.expect_response("**/api/read?*"):
            route.continue_()
    page.wait_for_timeout(200)
    expect_read(page, "1")


def test_a_turned_photograph_is_read_upright(open_page, two, tmp_path):
    turned = Image.open(two).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be shown turned clockwise
    turned.save(tmp_path / "turned.jpg", exif=exif)
    page = open_page()
    put(page, tmp_path / "turned.jpg")
    expect_read(page, "71")
    drag(page, RIGHT[:2], RIGHT[2:])
    expect_read(page, "1")


def test_a_png_loses_nothing_on_its_way(open_page, digits, tmp_path):
    Image.fromarray(digits[0]).save(tmp_path / "7.png")
    page = open_page()
    whole = opened(sent(page, lambda: put(page, tmp_path / "7.png")))
    np.testing.assert_array_equal(np.asarray(whole.convert("L")), digits[0])
    page.locator("#frame").focus()
    part = opened(sent(page, lambda: page.keyboard.press("Shift+ArrowLeft")))
    np.testing.assert_array_equal(np.asarray(part.convert("L")), digits[0][:, :27])


@pytest.mark.parametrize("kind", ["tiff", "pdf", "ppm"])
def test_a_picture_that_the_browser_cannot_show_is_sent_as_it_is(open_page, two, tmp_path, kind):
    path = tmp_path / f"{kind} of 71.{kind}"
    Image.open(two).resize((400, 400)).save(path)
    page = open_page()
    assert sent(page, lambda: put(page, path)) == path.read_bytes()
    expect_read(page, "71")
    expect(page.locator("#unseen")).to_contain_text(path.name)
    expect(page.locator("#crop")).to_be_hidden()
    expect(page.locator("#boxes rect")).to_have_count(0)


def test_a_file_that_is_no_picture_is_reported_and_undone(open_page, two, tmp_path):
    page = open_page()
    put(page, two)
    expect_read(page, "71")
    (tmp_path / "no.png").write_text("not a picture")
    put(page, tmp_path / "no.png")
    expect(page.locator("#status")).to_have_attribute("data-state", "error")
    expect(page.locator("#result")).to_have_attribute("data-state", "unread")
    page.locator("#undo").click()
    expect_read(page, "71")
    expect(page.locator("#status")).to_have_text("")


def test_the_page_offers_every_format_that_is_read():
    page = (Path(web.__file__).parent / "static" / "index.html").read_text()
    accepted = set(re.search('accept="(.*?)"', page)[1].split(","))
    Image.init()
    of = Image.registered_extensions()
    known = {"PNG", "JPEG", "WEBP", "BMP", "GIF"}  # to every system: they are of image/*
    assert {".heic", ".heif", ".pdf", "image/*"} < accepted
    assert {suffix for suffix in of if of[suffix] in {*ink.FORMATS} - known} < accepted


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "handle"), [(320, 44), (1440, 24)])
def test_the_frame_fits_and_axe_finds_nothing(open_page, two, width, handle, scheme):
    page = open_page(width, touch=width < 1000, color_scheme=scheme)
    put(page, two)
    expect_read(page, "71")
    for small in (False, True):
        if small:
            drag(page, (0.4, 0.4), (0.46, 0.46))
            assert frame(page) == (0.4, 0.4, 0.46, 0.46)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sheet = page.locator("#crop").bounding_box()
        for corner in page.locator("#crop span").all():
            box = corner.bounding_box()
            assert (box["width"], box["height"]) == pytest.approx((handle, handle), abs=0.1)
            assert sheet["x"] - 0.1 <= box["x"] <= sheet["x"] + sheet["width"] - handle + 0.1
            assert sheet["y"] - 0.1 <= box["y"] <= sheet["y"] + sheet["height"] - handle + 0.1
        for control in page.locator("button").all():
            assert not control.is_visible() or control.bounding_box()["height"] >= 44
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    drag(page, (0.43, 0.43), (0.53, 0.63))  # its handles are out of the way
    assert frame(page) == (0.5, 0.6, 0.56, 0.66)
