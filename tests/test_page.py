"""The page in a real browser."""

import dataclasses
import json
import re
import shlex
import sqlite3
import subprocess
import sys

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Wire, serving
from PIL import Image
from playwright.sync_api import Page, expect

from inkling import drawings, ink

DIGITS = {  # strokes of points; x and y as shares of a square in the middle of the sheet
    "1": [[(0.5, 0.15), (0.5, 0.85)]],
    "7": [[(0.25, 0.2), (0.72, 0.2), (0.45, 0.85)]],
    "4": [[(0.35, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.65, 0.2), (0.65, 0.88)]],
}

INPUT = """[...document.getElementById("input").getContext("2d").getImageData(0, 0, 28, 28).data]
  .filter((_, i) => i % 4 === 0)"""

INK = """(() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.reduce((sum, value, i) => i % 4 === 0 ? sum + value : sum, 0);
})()"""


@pytest.fixture
def new_page(browser):
    """Makes pages, each in a context of its own, and closes them at the end."""
    contexts = []

    def new_page_(**options) -> Page:
        # A service worker's requests go past `page.route` and the page's clock.
        contexts.append(browser.new_context(service_workers="block", **options))
        return contexts[-1].new_page()

    yield new_page_
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(new_page, server):
    """Opens the drawing page. At the end, there must be no error and no request elsewhere."""
    troubles = []

    def open_(width=1440, height=900, **options) -> Page:
        page = new_page(viewport={"width": width, "height": height}, **options)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on(
            "request",
            lambda r: None if r.url.startswith((server, "blob:")) else troubles.append(r.url),
        )
        page.goto(server)
        expect(page.locator("#bars li")).to_have_count(10)
        return page

    yield open_
    assert troubles == []


def on_sheet(page, x, y):
    """A place on the page, of shares of a square in the middle of the sheet."""
    box = page.locator("#canvas").bounding_box()
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    return left + x * side, top + y * side


def drag(page, start, end):
    """Move the mouse from one place to another with its button down."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=20)
    page.mouse.up()


def draw(page, strokes):
    page.locator("#canvas").scroll_into_view_if_needed()
    for stroke in strokes:
        points = [on_sheet(page, x, y) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=12)
        page.mouse.up()


def draw_and_wait(page, digit):
    """Draw a digit and wait until it is read."""
    draw(page, DIGITS[digit])
    expect(page.locator("#label")).to_have_text(digit)


def predict(page):
    """Press Predict: the server's answer to the whole drawing."""
    with page.expect_response("**/api/read?*") as response:
        page.locator("#predict").click()
    return response.value.json()


def sent_by_predict(page):
    """Press Predict: the drawing that the page sends. The answer is shown when it returns."""
    with page.expect_response("**/api/read?*") as response:
        page.locator("#predict").click()
    response.value.finished()
    page.evaluate("new Promise(requestAnimationFrame)")
    return response.value.request.post_data_json


def settle(page):
    """Wait until the whole drawing is read: answers to parts of it are dropped."""
    predict(page)
    page.evaluate("new Promise(requestAnimationFrame)")


def expect_status(page, state, **options):
    expect(page.locator("#status")).to_have_attribute("data-state", state, **options)


def expect_gone(page):
    """That the server is known to be gone, whether or not the page has read by itself since."""
    expect_status(page, re.compile("interrupted|here"))


def expect_result(page, state):
    """That the reading is "empty", "accepted", "rejected" or "not-a-digit"."""
    expect(page.locator("#result")).to_have_attribute("data-state", state)


def expect_stored(page, label, **options):
    expect_status(page, "stored", **options)
    expect(page.locator("#status")).to_contain_text(label)


def expect_everything_fits(page, width):
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("digit", DIGITS)
def test_a_drawing_is_read_live(open_page, digit):
    page = open_page()
    draw_and_wait(page, digit)
    expect_result(page, "accepted")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^(> )?\d+\.\d %$"))
    likeliest = page.locator("#likeliest li")
    expect(likeliest).to_have_count(3)
    expect(likeliest.first).to_have_text(re.compile(rf"^{digit}(> )?\d+\.\d %$"))
    expect(likeliest.first).to_have_class("best")
    expect(page.locator("#bars li.best .name")).to_have_text(digit)
    expect(page.locator("#announcement")).to_have_text(re.compile(rf"^{digit}, \d+ percent$"))
    pixels = page.evaluate(INPUT)
    assert max(pixels) == 255
    assert len(pixels) == 28 * 28


def test_a_drawing_is_read_before_the_pen_is_lifted(open_page):
    page = open_page()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 190, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 330, steps=20)
    expect(page.locator("#label")).to_have_text("1")
    page.mouse.up()


def test_reset_clears_and_predict_reads(open_page):
    page = open_page()
    draw_and_wait(page, "7")
    page.locator("#reset").click()
    expect(page.locator("#label")).to_have_text("–")
    expect_result(page, "empty")
    expect(page.locator("#invitation")).to_be_visible()
    page.locator("#predict").click()
    expect_status(page, "empty")
    draw_and_wait(page, "1")
    assert predict(page)["label"] == 1
    expect(page.locator("#label")).to_have_text("1")


def test_a_tap_makes_a_dot_and_drawing_never_scrolls(open_page):
    page = open_page(360, 640, has_touch=True, is_mobile=True)
    page.locator("#canvas").tap(position={"x": 20, "y": 20})
    expect_result(page, "not-a-digit")
    assert page.locator("#canvas").evaluate("e => getComputedStyle(e).touchAction") == "none"


def test_the_keyboard_reaches_everything(open_page):
    page = open_page()
    reached = []
    page.locator("nav a").last.focus()
    for _ in range(15):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("(e => e.id || e.dataset.example || e.tagName)(document.activeElement)")
        )
    shell = ["served", "help"]
    sheet = ["canvas", "digit", "number", "photo"]
    tools = ["eraser", "reset", "pen", "picture", "predict"]
    # Undo, Redo and what acts on a reading are disabled: nothing is drawn
    assert reached[:14] == [*shell, *sheet, *tools, "SUMMARY", "SUMMARY", "A"]


def test_the_pens_width_changes_the_sheet_but_not_the_networks_input(open_page):
    page = open_page()
    draw(page, DIGITS["1"])
    before, ink = predict(page), page.evaluate(INK)
    page.locator("#pen").fill("60")
    assert page.evaluate(INK) > 1.3 * ink
    assert predict(page) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 768, 1440, 2560])
def test_nothing_overflows(open_page, width, scheme):
    page = open_page(width, 800, color_scheme=scheme)
    draw_and_wait(page, "4")
    expect_everything_fits(page, width)
    for control in page.locator("button, .button, #pen, .check").all():
        if control.is_visible():
            assert control.bounding_box()["height"] >= 44


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(open_page, scheme):
    page = open_page(color_scheme=scheme)
    draw(page, DIGITS["7"])
    ratios = page.evaluate(
        """() => {
          const light = (color) => {
            const [r, g, b] = color.match(/[\\d.]+/g).map((v) => v / 255)
              .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const background = (element) => {
            const color = getComputedStyle(element).backgroundColor;
            return color === "rgba(0, 0, 0, 0)" ? background(element.parentElement) : color;
          };
          const texts = "h1, .page-title p, button, label, #confidence, .chip, .share, .name, " +
            "footer p, a, summary, legend";
          return [...document.querySelectorAll(texts)].map((element) => {
            const pair = [light(getComputedStyle(element).color), light(background(element))];
            return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
          });
        }"""
    )
    assert len(ratios) > 25
    assert min(ratios) >= 4.5  # WCAG 2.2, AA


def test_the_page_shows_that_the_server_is_gone_and_the_drawing_stays(new_page):
    with serving() as (address, process):
        page = new_page()
        page.goto(address)
        expect(page.locator("#bars li")).to_have_count(10)
        process.kill()
        process.wait()
        expect_gone(page)
        draw(page, DIGITS["7"])
        ink = page.evaluate(INK)
        page.locator("#predict").click()
        expect_status(page, "unreachable")
        assert page.evaluate(INK) == ink > 0


def small(digit, left):
    """A digit a third as wide, so that several fit beside each other."""
    return [[(left + 0.3 * x, 0.2 + 0.6 * y) for x, y in stroke] for stroke in DIGITS[digit]]


def test_several_digits_are_read_as_a_number_with_a_box_around_each(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    for place, digit in enumerate("174"):
        draw(page, small(digit, 0.02 + 0.32 * place))
    expect(page.locator("#label")).to_have_text("174")
    expect(page.locator("#characters button")).to_have_text(["1", "7", "4"])
    lefts = page.locator("#boxes rect").evaluate_all("all => all.map((r) => r.x.baseVal.value)")
    assert lefts == sorted(lefts)
    assert lefts[2] - lefts[0] > 150
    expect(page.locator("#all")).to_be_hidden()
    expect(page.locator("#announcement")).to_have_text(re.compile(r"\b1 7 4\b"))
    page.locator("#share summary").click()
    page.locator("#copy-python").click()
    expect_status(page, "copied")
    program = [sys.executable, "-c", page.evaluate("navigator.clipboard.readText()")]
    assert subprocess.run(program, capture_output=True, check=True).stdout.startswith(b"174 0.")
    page.locator("#reset").click()
    expect(page.locator("#boxes rect")).to_have_count(0)
    expect(page.locator("#all")).to_be_visible()


def write(page, digits, top=0.2):
    """Write digits beside each other, and wait until they are read as a number."""
    for place, digit in enumerate(digits):
        moved = [
            (x, y + top - 0.2) for stroke in small(digit, 0.02 + 0.32 * place) for x, y in stroke
        ]
        lengths = [len(stroke) for stroke in DIGITS[digit]]
        draw(page, [[moved.pop(0) for _ in range(length)] for length in lengths])
    settle(page)
    expect(page.locator("#label")).to_have_text(digits)


def characters(page):
    return page.locator("#characters button")


@pytest.mark.parametrize(
    ("width", "height", "ratio"),
    [(1440, 900, 2.2), (900, 800, 1.9), (740, 360, 3), (360, 740, 1.1)],
)
def test_the_answer_stands_beside_a_wide_sheet_and_below_it_where_there_is_no_room(
    open_page, width, height, ratio
):
    page = open_page(width, height)
    box = page.locator("#canvas").bounding_box()
    answer = page.locator("#result").bounding_box()
    if width >= 900:
        assert answer["x"] > box["x"] + box["width"]
        assert answer["y"] + answer["height"] <= box["y"] + box["height"]
    else:
        assert box["width"] >= 0.9 * width
        assert box["y"] + box["height"] < answer["y"]
        if height > width:
            assert answer["y"] + answer["height"] < height  # it is seen while one writes
    assert box["width"] >= ratio * box["height"]
    draw_and_wait(page, "7")
    page.locator("#reset").click()
    box = page.locator("#canvas").bounding_box()
    for x in (0.1, 0.9):  # a digit anywhere is a digit
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + x * box["width"], box["y"] + 0.8 * box["height"], steps=9)
        page.mouse.up()
        expect(page.locator("#label")).to_have_text("1")
        page.keyboard.press("Control+z")
        expect_result(page, "empty")


def test_a_phone_that_is_turned_shows_all_ink_and_reads_on(open_page):
    page = open_page(740, 360)
    write(page, "174")
    before = page.evaluate("canvas.clientWidth")
    drawing = sent_by_predict(page)
    page.set_viewport_size({"width": 300, "height": 740})
    page.wait_for_function(f"canvas.clientWidth < {before}")
    box = page.locator("#canvas").bounding_box()
    for one in characters(page).all():
        assert one.bounding_box()["x"] + one.bounding_box()["width"] <= box["x"] + box["width"] + 1
    assert sent_by_predict(page) == drawing
    draw(page, [[(0.1, 0.1), (0.9, 0.9)]])  # where the pointer is, though all is smaller
    rights = [max(x for x, _ in stroke) for stroke in sent_by_predict(page)["strokes"]]
    assert rights[-1] > 0.8 * max(rights)
    page.locator("#reset").click()
    draw_and_wait(page, "7")


def test_a_character_stands_above_its_ink_and_says_how_sure_it_is(open_page):
    page = open_page()
    write(page, "174")
    expect(characters(page)).to_have_text(["1", "7", "4"])
    for one, rect in zip(characters(page).all(), page.locator("#boxes rect").all(), strict=True):
        glyph, ink_ = one.locator("span").bounding_box(), rect.bounding_box()
        assert glyph["y"] + glyph["height"] <= ink_["y"]
        assert ink_["x"] < glyph["x"] + glyph["width"] / 2 < ink_["x"] + ink_["width"]
        assert one.bounding_box()["height"] >= 44
    expect(characters(page).nth(1)).to_have_accessible_name(re.compile(r"^7, .*\b2 of 3\b.*%"))


def test_an_unsure_character_is_marked(open_page):
    page = open_page()
    part = {"text": "7", "confidence": 0.99, "box": [10, 60, 40, 120], "alternatives": []}
    unsure = {**part, "text": "1", "confidence": 0.6, "box": [60, 60, 80, 120]}
    unsure["alternatives"] = [{"text": "4", "confidence": 0.3}, {"text": "", "confidence": 0.1}]
    number = {"text": "71", "confidence": 0.6, "accepted": False, "parts": [part, unsure]}
    number |= {"box": [10, 60, 80, 120], "alternatives": [{"text": "74", "confidence": 0.3}]}
    page.route("**/api/read*", lambda route: route.fulfill(json={**number, "model": ""}))
    draw_and_wait(page, "7")
    predict(page)
    expect_result(page, "rejected")
    expect(page.locator("#likeliest li")).to_have_text(["7160.0 %", "7430.0 %"])
    lines = "e => getComputedStyle(e.firstChild).textDecorationLine"
    assert [one.evaluate(lines) for one in characters(page).all()] == ["none", "underline"]
    expect(characters(page).nth(1)).to_have_accessible_name(re.compile("unsure"))


def test_a_character_is_corrected_by_typing(open_page):
    page = open_page()
    write(page, "174")
    as_read = page.locator("#result").get_attribute("data-state")
    page.locator("#canvas").focus()
    page.keyboard.press("Tab")
    expect(characters(page).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("9")
    expect(characters(page)).to_have_text(["1", "9", "4"])
    expect(characters(page).nth(2)).to_be_focused()
    page.keyboard.press(".")
    expect(page.locator("#label")).to_have_text("19.")
    expect_result(page, "corrected")
    expect(page.locator("#number")).to_have_value("19.")
    page.keyboard.press("Backspace")
    expect(page.locator("#label")).to_have_text("19")
    expect(characters(page).nth(2)).to_have_accessible_name(re.compile("removed"))
    expect(characters(page).nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#label")).to_have_text("174")
    expect_result(page, as_read)
    page.keyboard.press("Escape")
    expect_result(page, "empty")


@pytest.mark.parametrize("touch", [False, True])
def test_a_tap_on_a_character_offers_its_alternatives(open_page, touch):
    page = open_page(has_touch=touch)
    write(page, "174")
    menu = page.get_by_role("menu")
    act = "tap" if touch else "click"
    getattr(characters(page).nth(1), act)()
    expect(menu).to_be_visible()
    first = menu.get_by_role("menuitem").first
    expect(first).to_be_focused()
    other = first.locator("span").inner_text()
    getattr(first, act)()
    expect(menu).to_be_hidden()
    expect(page.locator("#label")).to_have_text(f"1{other}4".replace("Remove", ""))
    expect(characters(page).nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(menu.get_by_role("menuitem").first).to_have_text(re.compile("^7"))  # as it was read
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    characters(page).nth(1).click()
    menu.get_by_role("menuitem", name="Remove").click()
    expect(page.locator("#label")).to_have_text("14")
    page.locator("#canvas").click(position={"x": 5, "y": 5})
    expect(menu).to_be_hidden()


def test_alternatives_appear_under_a_mouse_and_go_with_it(open_page):
    page = open_page()
    write(page, "174")
    characters(page).first.hover()
    menu = page.get_by_role("menu")
    expect(menu).to_be_visible()
    menu.get_by_role("menuitem").first.hover()
    page.wait_for_timeout(400)
    expect(menu).to_be_visible()
    page.mouse.move(5, 700)
    expect(menu).to_be_hidden()
    characters(page).first.hover()
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")  # closes it, and nothing else
    expect(menu).to_be_hidden()
    expect(page.locator("#label")).to_have_text("174")


def test_a_line_is_drawn_across_a_character(open_page):
    page = open_page()
    write(page, "174")
    box = characters(page).nth(1).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    count = len(sent_by_predict(page)["strokes"])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3, y + 40, steps=10)
    page.mouse.move(x + 3, y + 60, steps=10)
    page.mouse.up()
    strokes = sent_by_predict(page)["strokes"]
    assert len(strokes) == count + 1
    top, bottom = strokes[-1][0][1], strokes[-1][-1][1]
    assert bottom - top == pytest.approx(60, abs=2)  # it begins where the pointer went down
    page.locator("#undo").click()
    assert len(sent_by_predict(page)["strokes"]) == count


def test_each_row_is_read_along_its_own_ink(open_page):
    page = open_page(1440, 1200)
    strokes = [
        [(0.6 * x, (0.5 * row + 0.12) + 0.6 * (y - 0.2)) for x, y in stroke]
        for row, digits in enumerate(("71", "17"))
        for place, digit in enumerate(digits)
        for stroke in small(digit, 0.1 + 0.4 * place)
    ]
    draw(page, strokes)
    settle(page)  # else the boxes that are measured may be those of all but the last stroke
    expect(page.locator("#label")).to_have_text("71\n17")
    rows = page.locator("#characters").get_by_role("toolbar")
    expect(rows).to_have_count(2)
    expect(rows.first.get_by_role("button")).to_have_text(["7", "1"])
    expect(rows.first).to_have_accessible_name(re.compile("1"))
    boxes = page.locator("#boxes rect").all()
    for row, first in ((0, 0), (1, 2)):
        glyph = rows.nth(row).locator("span").first.bounding_box()
        box = boxes[first].bounding_box()
        assert abs(glyph["y"] + glyph["height"] / 2 - box["y"]) < box["height"]
    rows.nth(1).get_by_role("button").first.press("4")
    expect(page.locator("#label")).to_have_text("71\n47")
    expect(page.locator("#confirm")).to_be_hidden()
    page.keyboard.press("Enter")  # several rows are not stored
    expect(page.locator("#consent")).to_be_hidden()


def test_a_dash_is_not_a_digit(open_page):
    page = open_page()
    draw(page, [[(0.2, 0.5), (0.8, 0.52)]])
    expect_result(page, "not-a-digit")
    expect(page.locator("#label")).to_have_text("?")
    expect(page.locator("#bars li.best")).to_have_count(0)
    expect(page.locator("#announcement")).to_have_text(page.locator("#verdict").inner_text())


@pytest.mark.parametrize(("above_max", "state"), [(-1, "rejected"), (1, "not-a-digit")])
def test_a_rejected_reading_names_what_it_may_be_unless_it_is_no_digit(open_page, above_max, state):
    page = open_page()
    card = page.evaluate("fetch('/api/card').then((card) => card.json())")
    probabilities = [0.0] * 10
    probabilities[4], probabilities[9] = 0.6, 0.4
    answer = {
        "label": 4,
        "name": "4",
        "confidence": 0.6,
        "ood_score": card["acceptance"]["max_ood_score"] + above_max,
        "accepted": False,
        "labels": [4, 9],
        "probabilities": probabilities,
        "image": [[0] * 28] * 28,
        "model": card["model_sha256"][:12],
    }
    page.route("**/api/read*", lambda route: route.fulfill(json=answer))
    draw_and_wait(page, "4")
    predict(page)
    expect_result(page, state)
    if state == "rejected":
        expect(page.locator("#label")).to_have_text(re.compile(r"^4 \w+ 9$"))
        expect(page.locator("#details")).to_have_text("4, 60.0 %; 9, 40.0 %")
    else:
        expect(page.locator("#label")).to_have_text("?")


def test_undo_redo_and_the_eraser(open_page):
    page = open_page()
    undo, redo = page.locator("#undo"), page.locator("#redo")
    expect(undo).to_be_disabled()
    draw(page, DIGITS["4"])
    whole = page.evaluate(INK)
    page.keyboard.press("Control+z")
    assert page.evaluate(INK) < 0.8 * whole
    undo.click()
    assert page.evaluate(INK) == 0
    expect_result(page, "empty")
    page.keyboard.press("Control+Shift+z")
    redo.click()
    expect(redo).to_be_disabled()
    assert page.evaluate(INK) == whole
    expect(page.locator("#label")).to_have_text("4")
    page.locator("#eraser").click()
    expect(page.locator("#eraser")).to_have_attribute("aria-pressed", "true")
    draw(page, [[(0.65, 0.1), (0.65, 0.95)]])  # along the long stroke of the 4
    assert 0.2 * whole < page.evaluate(INK) < 0.75 * whole
    undo.click()
    assert page.evaluate(INK) == whole


def test_the_keyboard_draws(open_page):
    page = open_page()
    page.locator("#canvas").focus()
    for key, times in (("ArrowUp", 16), (" ", 1), ("ArrowDown", 32), (" ", 1), ("ArrowRight", 9)):
        for _ in range(times):
            page.keyboard.press(key)
    expect(page.locator("#label")).to_have_text("1")
    assert predict(page)["label"] == 1
    page.keyboard.press("Control+z")
    expect_result(page, "empty")


def test_a_picture_is_read_and_replaced_by_a_drawing(open_page, digits, tmp_path):
    page = open_page()
    Image.fromarray(255 - digits[0].repeat(9, 0).repeat(9, 1)).save(tmp_path / "7.png")
    page.locator("#picture").set_input_files(tmp_path / "7.png")
    expect(page.locator("#label")).to_have_text("7")
    assert page.evaluate(INK) > 0
    page.locator("#reset").click()
    draw_and_wait(page, "1")
    for _ in range(2):
        page.locator("#undo").click()
    expect(page.locator("#label")).to_have_text("7")
    page.locator("#canvas").press(" ")  # the keyboard draws a point
    expect_result(page, "not-a-digit")


def test_ink_that_supports_the_reading_is_red(open_page):
    page = open_page()
    draw_and_wait(page, "7")
    expect(page.locator("#input")).to_be_hidden()
    page.get_by_role("radio", name="Why").check(force=True)
    expect(page.locator("#key")).to_contain_text(re.compile("red.*blue", re.IGNORECASE))
    assert max(map(max, predict(page)["explanation"])) > 1
    red = "filter((v, i, all) => i % 4 === 1 && v < all[i - 1] - 99)"
    red_pixels = INPUT.replace("filter((_, i) => i % 4 === 0)", red)
    page.wait_for_function(f"({red_pixels}).length > 5")
    assert max(page.evaluate(INPUT)) == 255


def test_what_the_network_sees_lies_over_the_ink(open_page):
    page = open_page()
    box = page.locator("#canvas").bounding_box()
    drag(page, (box["x"] + 300, box["y"] + 100), (box["x"] + 300, box["y"] + 300))
    settle(page)
    page.get_by_role("radio", name="Network input").check(force=True)
    seen = page.locator("#input").bounding_box()
    middle = [seen[way] + seen[side] / 2 for way, side in (("x", "width"), ("y", "height"))]
    cell = seen["width"] / 28
    assert cell == pytest.approx(200 / 17.5, rel=0.05)  # the ink's 20 pixels, 2.5 of them the pen
    assert middle == pytest.approx([box["x"] + 300, box["y"] + 200], abs=cell)
    page.get_by_role("radio", name="Ink").check(force=True)
    expect(page.locator("#input")).to_be_hidden()


@pytest.mark.parametrize(
    ("example", "text"), [("digit", "7"), ("number", "12.50"), ("photo", "407")]
)
@pytest.mark.parametrize(("width", "motion"), [(360, "no-preference"), (1440, "reduce")])
def test_an_example_is_written_and_read(open_page, example, text, width, motion):
    page = open_page(width, 800, reduced_motion=motion)
    page.locator(f"[data-example={example}]").click()
    expect(page.locator("#label")).to_have_text(text, timeout=10_000)
    expect_result(page, "accepted")
    expect(page.locator("#invitation")).to_be_hidden()
    page.locator("#undo").click()
    expect(page.locator("#invitation")).to_be_visible()


def test_a_line_is_drawn_across_the_invitation(open_page):
    page = open_page()
    box = page.locator("[data-example=number]").bounding_box()
    drag(page, (box["x"] + 20, box["y"] + 20), (box["x"] + 20, box["y"] + 150))
    expect(page.locator("#label")).to_have_text("1")


def test_a_drawing_is_exported_and_shared(open_page, server):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    draw_and_wait(page, "7")
    page.locator("#share summary").click()
    with page.expect_download() as download:
        page.locator("#save-strokes").click()
    strokes = json.loads(download.value.path().read_text())
    sheet = page.evaluate("[canvas.clientWidth, canvas.clientHeight]")
    for button, size in (("#save-png", tuple(sheet)), ("#save-input", (28, 28))):
        with page.expect_download() as download:
            page.locator(button).click()
        with Image.open(download.value.path()) as saved:
            assert saved.size == size
            assert saved.convert("L").getextrema() == (0, 255)
    copied = {}
    for what in ("curl", "python", "link"):
        page.locator(f"#copy-{what}").click()
        expect_status(page, "copied")
        copied[what] = page.evaluate("navigator.clipboard.readText()")
    assert len(set(copied.values())) == 3
    answer = subprocess.run(shlex.split(copied["curl"]), capture_output=True, check=True)
    assert json.loads(answer.stdout)["label"] == 7
    program = [sys.executable, "-c", copied["python"]]
    assert subprocess.run(program, capture_output=True, check=True).stdout.startswith(b"7 0.")
    page.locator("#reset").click()
    page.goto("about:blank")
    page.goto(copied["link"])
    expect(page.locator("#bars li")).to_have_count(10)
    expect(page.locator("#label")).to_have_text("7")
    settle(page)
    page.goto(f"{server}/#no~drawing")
    expect_status(page, "bad-link")
    with page.expect_download() as download:
        page.locator("#share summary").click()
        page.locator("#save-strokes").click()
    assert json.loads(download.value.path().read_text()) == strokes


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("what", ["4", "174"])
def test_axe_finds_nothing(open_page, width, scheme, what):
    page = open_page(width, 800, color_scheme=scheme)
    write(page, what) if len(what) > 1 else draw_and_wait(page, what)
    page.locator("#share summary").click()
    if len(what) > 1:
        characters(page).nth(1).click()
        expect(page.get_by_role("menu")).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [(entry["id"], [node["html"] for node in entry["nodes"]]) for entry in found] == []


@pytest.fixture(scope="module")
def store_server(tmp_path_factory):
    """A server with a store of its own, and the file of its database."""
    path = tmp_path_factory.mktemp("store") / "drawings.sqlite"
    with serving("--drawings", f"sqlite:///{path}") as (address, _):
        yield address, path


@pytest.fixture
def store(store_server):
    """The same, with an empty store."""
    address, _ = store_server
    for drawing in stored(address):
        httpx.delete(f"{address}/api/drawings/{drawing['id']}").raise_for_status()
    return store_server


def stored(address):
    return httpx.get(f"{address}/api/drawings?order=oldest&count=200").json()


def put(path, *labelled):
    """Store drawings without reading them; their numbers."""
    store = drawings.Store(f"sqlite:///{path}")
    numbers = [drawing.id for drawing in store.add_all(labelled)]
    store.close()
    return numbers


def consent(page):
    """Agree to the storing of drawings."""
    page.evaluate("localStorage.setItem('keep', 'yes')")


def test_a_drawing_is_stored_once_it_is_labelled_and_the_person_agrees(new_page, store):
    address, _ = store
    page = new_page()
    page.goto(address)
    labels = page.locator("#classes button")
    expect(labels).to_have_count(10)
    expect(labels.first).to_be_disabled()
    draw_and_wait(page, "7")
    page.keyboard.press("1")
    page.locator("#consent button[value=no]").click()
    expect_status(page, "declined")
    assert stored(address) == []
    page.keyboard.press("1")  # asks again: nobody has agreed
    page.locator("#consent button[value=yes]").click()
    expect_stored(page, "1")
    expect(page.locator("#invitation")).to_be_visible()
    draw_and_wait(page, "4")
    page.keyboard.press("Enter")
    expect_stored(page, "4")
    draw_and_wait(page, "1")
    page.keyboard.press("Escape")
    expect_result(page, "empty")
    draw_and_wait(page, "1")
    page.locator("#truth").get_by_role("button", name="7").click()
    expect_stored(page, "7")
    found = stored(address)
    assert [(one["label"], one["reading"]) for one in found] == [(1, 7), (4, 4), (7, 1)]
    assert len({one["session"] for one in found}) == 1


def test_a_number_is_stored_as_it_stands_once_the_person_agrees(new_page, store):
    address, _ = store
    page = new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    expect(page.locator("#bars li")).to_have_count(10)
    write(page, "174")
    page.keyboard.press("4")  # labels digits alone
    expect(page.locator("#consent")).to_be_hidden()
    page.locator("#confirm").click()
    page.locator("#consent button[value=no]").click()
    expect_status(page, "declined")
    assert stored(address) == []
    characters(page).first.focus()
    page.keyboard.press("Enter")
    page.locator("#consent button[value=yes]").click()
    expect_stored(page, "174")
    write(page, "17")
    characters(page).nth(1).press(",")
    page.keyboard.press("Enter")
    expect_stored(page, "1,")
    write(page, "14")
    page.locator("#number").fill("12.50 x")
    expect(page.locator("#confirm")).to_be_disabled()
    page.locator("#number").fill("12.50")
    expect(page.locator("#label")).to_have_text("12.50")
    page.locator("#number").press("Enter")
    expect_stored(page, "12.50")
    draw_and_wait(page, "7")  # read as a digit, but it is a number
    settle(page)
    page.locator("#number").fill("-7")
    page.locator("#number").press("Enter")
    expect_stored(page, "-7")
    page.evaluate("scrollTo(0, 0)")  # else the page moves under the pen as the reading gets lower
    write(page, "14")  # read as a number, but it is a digit
    page.locator("#number").fill("4")
    page.locator("#number").press("Enter")
    expect_stored(page, "4")
    found = stored(address)
    assert [one["label"] for one in found] == ["174", "1,", "12.50", "-7", 4]
    assert [one["reading"] for one in found][:3] == ["174", "17", "14"]
    assert len({one["session"] for one in found}) == 1


def test_with_cookies_blocked_labelling_works_for_as_long_as_the_page(new_page, store):
    """As Chromium does then: every use of localStorage raises an error."""
    address, _ = store
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', "
        "{get() { throw new DOMException('blocked', 'SecurityError'); }});"
    )
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(address)
    draw_and_wait(page, "7")
    page.keyboard.press("7")
    page.locator("#consent button[value=yes]").click()
    expect_stored(page, "7")
    draw_and_wait(page, "1")
    page.keyboard.press("1")  # without being asked again
    expect_stored(page, "1")
    assert len({one["session"] for one in stored(address)}) == 1
    page.goto(f"{address}/drawings")
    expect(page.locator("#teach-start")).to_be_enabled()
    assert errors == []


def test_a_locked_store_is_reported_and_the_drawing_stays(new_page, store):
    address, path = store
    page = new_page()
    page.goto(address)
    consent(page)
    draw_and_wait(page, "7")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    page.keyboard.press("Enter")
    expect_status(page, "error", timeout=10_000)
    expect(page.locator("#status")).to_contain_text("locked")  # SQLite's own word
    other.execute("ROLLBACK")
    other.close()
    expect(page.locator("#label")).to_have_text("7")
    page.keyboard.press("Enter")
    expect_stored(page, "7")


@pytest.mark.parametrize("width", [360, 1440])
def test_the_gallery_shows_relabels_and_deletes(new_page, store, width):
    address, _ = store
    for label, digit in ((7, "7"), (1, "7"), (4, "4")):
        strokes = [[[384 * x, 384 * y] for x, y in stroke] for stroke in DIGITS[digit]]
        httpx.post(f"{address}/api/drawings?label={label}", json={"strokes": strokes})
    page = new_page(viewport={"width": width, "height": 800})
    troubles = []
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.goto(f"{address}/drawings")
    cards, summary = page.locator("#gallery li"), page.locator("#summary")
    filters = page.locator("#filters")
    expect(cards).to_have_count(3)
    expect(summary).to_have_text(re.compile(r"\b3\b.*66\.7 %"))
    box = cards.first.get_by_role("img").bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    filters.locator("[name=wrong]").check()
    expect(cards).to_have_count(1)
    expect(cards.first).to_have_attribute("data-label", "1")
    expect(cards.first).to_have_attribute("data-reading", "7")
    expect(cards.first).to_contain_text(re.compile(r"\b1\b.*\b7\b"))
    cards.first.get_by_role("combobox").select_option("7")
    expect(summary).to_have_text(re.compile(r"\b3\b.*100\.0 %"))
    filters.locator("[name=wrong]").uncheck()
    expect(cards).to_have_count(3)
    filters.locator("[name=label]").select_option("4")
    expect(cards).to_have_count(1)
    expect(cards.first).to_have_attribute("data-label", "4")
    expect(cards.first).to_have_attribute("data-reading", "4")
    cards.first.get_by_role("button").click()
    expect(summary).to_have_text(re.compile(r"\b2\b"))
    assert [one["label"] for one in stored(address)] == [7, 7]
    filters.locator("[name=label]").select_option("")
    expect(cards).to_have_count(2)
    expect_everything_fits(page, width)
    assert Axe().run(page).response["violations"] == []
    assert troubles == []


@pytest.mark.parametrize("filtered", ["label", "wrong"])
def test_no_drawing_is_left_out_after_one_is_changed_under_a_filter(new_page, store, filtered):
    address, path = store
    seven = drawings.Labelled(7, 1, 0.9, 0.0, True, "", [[[0, 0], [0, 9]]], 3)  # read as 1
    _, *numbers = put(path, dataclasses.replace(seven, label=1), *[seven] * 70)
    page = new_page()
    page.goto(f"{address}/drawings")
    cards, filters = page.locator("#gallery li"), page.locator("#filters")
    expect(cards).to_have_count(60)
    filters.locator("[name=order]").select_option("oldest")
    if filtered == "label":
        filters.locator("[name=label]").select_option("7")
    else:
        filters.locator("[name=wrong]").check()
    expect(cards.first.get_by_role("img")).to_have_accessible_name(re.compile(f" {numbers[0]},"))
    for index, label in enumerate("12"):
        cards.nth(index).get_by_role("combobox").select_option(label)
        expect(cards.nth(index)).to_have_attribute("data-label", label)
    cards.nth(2).get_by_role("button").click()
    expect(cards).to_have_count(59)
    page.locator("#more").click()
    expect(cards).to_have_count(69)
    names = cards.get_by_role("img").evaluate_all("images => images.map((image) => image.alt)")
    listed = [int(re.search(r"\d+", name).group()) for name in names]
    assert listed == numbers[:2] + numbers[3:]


@pytest.fixture
def gallery(new_page, store):
    """The gallery with six sevens, of which one is labelled 1; the address, and their numbers."""
    address, path = store
    seven = drawings.Labelled(7, 7, 0.9, 0.0, True, "", [[[0, 0], [9, 0], [4, 9]]], 3)
    numbers = put(path, dataclasses.replace(seven, label=1), *[seven] * 5)
    page = new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}/drawings")
    expect(page.locator("#gallery li")).to_have_count(
        6
    )  # else the first list may come after the next
    page.locator("#filters [name=order]").select_option("oldest")
    expect(page.locator("#gallery li").first).to_have_attribute("data-id", str(numbers[0]))
    return page, address, numbers


def labels_of(address):
    return [one["label"] for one in stored(address)]


def test_the_keyboard_triages_the_gallery_and_undoes(gallery):
    page, address, numbers = gallery
    cards = page.locator("#gallery li")
    cards.first.focus()
    page.keyboard.press("7")  # labels it, and goes on
    expect(cards.nth(1)).to_be_focused()
    expect(cards.first).to_have_attribute("data-label", "7")
    page.keyboard.press("Enter")  # it is right
    expect(cards.nth(2)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")  # to the next row
    position = "all => all.map((e) => e.offsetTop).filter((top, _, tops) => top === tops[0]).length"
    expect(cards.nth(min(1 + cards.evaluate_all(position), 5))).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Delete")
    expect(cards).to_have_count(5)
    expect(cards.last).to_be_focused()
    assert len(stored(address)) == 5
    page.keyboard.press("Control+z")
    expect(cards).to_have_count(6)
    assert [one["id"] for one in stored(address)] == numbers
    page.keyboard.press("Control+z")  # there is no more to undo
    expect(page.locator("#toast")).to_have_text("")
    assert labels_of(address) == [7] * 6


def test_several_drawings_are_relabelled_deleted_and_brought_back_as_they_were(gallery):
    page, address, numbers = gallery
    before = stored(address)
    cards, bar = page.locator("#gallery li"), page.get_by_role("toolbar", name="Selected drawings")
    expect(bar).to_be_hidden()
    for place in (1, 3):
        page.get_by_role("checkbox", name=f"Select drawing {numbers[place]}").check()
    cards.nth(4).focus()
    page.keyboard.press("Space")
    expect(bar).to_contain_text("3 selected")
    assert Axe().run(page).response["violations"] == []
    bar.get_by_role("combobox").select_option("4")
    expect(page.locator("#toast")).to_contain_text("3 drawings are now labelled 4")
    assert labels_of(address) == [1, 4, 7, 4, 4, 7]
    page.locator("#toast button").click()
    for place in (1, 3, 4):  # one after the other
        expect(cards.nth(place)).to_have_attribute("data-label", "7")
    expect(page.locator("#toast")).to_have_text("")
    assert labels_of(address) == [1] + [7] * 5
    expect(bar).to_contain_text("3 selected")
    bar.get_by_role("button", name="Delete").click()
    expect(cards).to_have_count(3)
    expect(bar).to_be_hidden()
    assert len(stored(address)) == 3
    page.locator("#toast button").click()
    expect(cards).to_have_count(6)
    assert stored(address) == before  # numbers, dates, writers and all


def test_what_was_deleted_before_another_deletion_failed_can_be_undone(gallery):
    page, address, numbers = gallery
    for number in numbers[:2]:
        page.get_by_role("checkbox", name=f"Select drawing {number}").check()
    httpx.delete(f"{address}/api/drawings/{numbers[1]}")  # by somebody else
    page.locator("#delete").click()
    expect_status(page, "error")
    expect(page.locator("#toast")).to_contain_text(f"Deleted drawing {numbers[0]}")
    page.locator("#toast button").click()
    expect(page.locator("#gallery li")).to_have_count(5)
    assert [one["id"] for one in stored(address)] == [numbers[0], *numbers[2:]]


def test_the_gallery_counts_what_teaching_needs_and_says_whose_a_drawing_is(new_page, store):
    address, path = store
    seven = drawings.Labelled(7, 7, 0.9, 0.0, True, "", [[[0, 0], [9, 0], [4, 9]]], 3)
    one = dataclasses.replace(seven, label=1, reading=1, session="mine")
    put(path, *[seven] * 7, *[one] * 3)
    page = new_page()
    page.goto(address)
    page.evaluate("localStorage.setItem('session', 'mine')")
    page.goto(f"{address}/drawings")
    expect(page.locator("#collected")).to_contain_text("8 of 50")
    expect(page.locator("#counts .full")).to_have_text("7: 7 of 5")
    page.locator("#filters [name=session]").select_option("mine")
    expect(page.locator("#gallery li")).to_have_count(3)
    expect(page.locator("#gallery li").first).to_contain_text("by you")


def test_an_empty_gallery_says_how_to_fill_it(new_page, store):
    address, _ = store
    page = new_page()
    page.goto(f"{address}/drawings")
    expect(page.locator("#filters")).to_be_hidden()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert Axe().run(page).response["violations"] == []
    page.locator("#empty a").click()
    expect(page.locator("#canvas")).to_be_visible()


def test_the_gallery_shows_numbers_and_changes_their_text(new_page, store):
    address, path = store
    strokes = [[[x, y] for x, y in stroke] for stroke in ([(0, 0), (0, 90)], [(60, 0), (60, 90)])]
    number = drawings.Labelled("11", "17", 0.6, None, False, "", strokes, 3)
    digit = drawings.Labelled(7, 7, 0.9, 0.0, True, "", [[[0, 0], [0, 9]]], 3)
    put(path, number, digit)
    page = new_page()
    page.goto(f"{address}/drawings")
    cards, filters = page.locator("#gallery li"), page.locator("#filters")
    expect(cards).to_have_count(2)
    filters.locator("[name=numbers]").select_option("true")
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text(re.compile(r"\b11\b.*\b17\b.*60\.0 %"))
    image = cards.get_by_role("img")
    assert image.evaluate("image => image.decode().then(() => image.naturalHeight)") == 32
    field = cards.get_by_role("textbox")
    field.fill("seventeen")
    field.press("Tab")
    expect_status(page, "error")
    field.fill("17")
    field.press("Tab")
    expect(page.locator("#summary")).to_have_text(re.compile(r"\b2\b.*100\.0 %"))
    assert [one["label"] for one in stored(address)] == ["17", 7]
    expect_everything_fits(page, 1280)
    assert Axe().run(page).response["violations"] == []
    filters.locator("[name=numbers]").select_option("false")
    expect(cards).to_have_attribute("data-label", "7")


def test_a_drawing_of_other_classes_keeps_its_name(new_page, store):
    address, path = store
    garment = drawings.Labelled(
        7, 9, 0.9, 0.0, True, "", [[[0, 0], [0, 9]]], 3, dataset="fashion-mnist", name="Sneaker"
    )
    put(path, garment)
    page = new_page()
    page.goto(f"{address}/drawings")
    card = page.locator("#gallery li")
    expect(card).to_contain_text(re.compile("Sneaker.*9"))
    expect(card.get_by_role("img")).to_have_accessible_name(re.compile("Sneaker"))
    expect(card.get_by_role("combobox")).to_be_disabled()  # its classes are not those served


def test_a_drawing_outlives_a_restart_of_the_server(new_page):
    with serving() as (address, process):
        page = new_page()
        page.goto(address)
        expect(page.locator("#bars li")).to_have_count(10)
        draw(page, DIGITS["4"][:1])
        process.kill()
        process.wait()
        expect_gone(page)
        draw(page, DIGITS["4"][1:])
    with serving("--port", address.rpartition(":")[2]):
        expect(page.locator("#label")).to_have_text("4", timeout=20_000)
        expect(page.locator("#status")).to_have_text("")


@pytest.fixture
def over_a_wire(new_page, store):
    """A page whose person has agreed, over a `Wire`; the wire; the server's address."""
    address, _ = store
    wire = Wire(address)
    page = new_page()
    page.clock.install()
    page.goto(wire.address)
    consent(page)
    expect(page.locator("#bars li")).to_have_count(10)
    yield page, wire, address
    page.close()
    wire.cut()


def test_a_slow_connection_delivers_the_reading_and_the_page_shows_that_it_waits(over_a_wire):
    page, wire, address = over_a_wire
    wire.delay = 0.6
    draw(page, DIGITS["4"])
    ink = page.evaluate(INK)
    expect(page.locator("#label")).to_have_text("4", timeout=20_000)
    page.keyboard.press("4")
    page.keyboard.press("4")  # pressed twice: stored once
    page.clock.fast_forward(2000)
    expect_status(page, "waiting")
    assert page.evaluate(INK) == ink
    expect_stored(page, "4", timeout=20_000)
    assert [(one["label"], len(one["strokes"])) for one in stored(address)] == [(4, 2)]


def test_a_slow_connection_reads_before_the_pen_is_lifted(over_a_wire):
    page, wire, _ = over_a_wire
    wire.delay = 0.3
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 190, box["y"] + 50)
    page.mouse.down()
    for down in range(60):  # the pen never rests for as long as an answer takes
        page.mouse.move(box["x"] + 190, box["y"] + 50 + 4 * down)
        page.wait_for_timeout(30)
    assert page.locator("#label").inner_text() == "1"
    page.mouse.up()


def test_a_connection_that_drops_and_returns_loses_no_drawing(over_a_wire):
    page, wire, address = over_a_wire
    draw(page, DIGITS["4"][:1])
    expect(page.locator("#classes button").first).to_be_enabled()
    wire.cut()
    expect_gone(page)
    draw(page, DIGITS["4"][1:])
    page.keyboard.press("4")
    expect_status(page, "kept")
    assert stored(address) == []
    wire.mend()
    expect(page.locator("#status")).to_contain_text("Stored 1 drawing", timeout=20_000)
    assert [(one["label"], len(one["strokes"])) for one in stored(address)] == [(4, 2)]


def test_a_connection_that_falls_silent_is_opened_again(over_a_wire):
    page, wire, address = over_a_wire
    draw_and_wait(page, "7")
    page.locator("#reset").click()
    wire.silent = True
    draw(page, DIGITS["1"])
    page.clock.fast_forward(5000)
    expect_gone(page)
    page.locator("#predict").click()
    page.clock.fast_forward(2000)
    expect_status(page, "waiting")
    page.clock.fast_forward(60_000)
    expect_status(page, "unreachable")
    assert page.evaluate(INK) > 0
    wire.silent = False
    page.clock.fast_forward(15_000)  # gives up what was opened in silence
    expect(page.locator("#label")).to_have_text("1", timeout=20_000)
    wire.silent = True
    page.keyboard.press("1")
    page.clock.fast_forward(2000)
    expect_status(page, "waiting")
    page.clock.fast_forward(60_000)
    expect_status(page, "unconfirmed")
    assert stored(address) == []
    wire.silent = False
    page.keyboard.press("1")
    expect_stored(page, "1", timeout=20_000)
    assert [one["label"] for one in stored(address)] == [1]


def test_a_drawing_whose_answer_was_lost_is_stored_once(new_page, store):
    address, _ = store
    page = new_page()
    page.goto(address)
    consent(page)
    draw_and_wait(page, "7")

    def lose(route):  # the server stores it, but its answer does not arrive
        assert route.fetch().status == 201
        route.abort()

    page.route("**/api/drawings*", lose)
    page.keyboard.press("1")
    expect_status(page, "unconfirmed")
    page.unroute("**/api/drawings*")
    page.keyboard.press("7")
    expect_stored(page, "7")
    draw_and_wait(page, "7")
    page.keyboard.press("7")
    expect_stored(page, "7")
    expect(page.locator("#invitation")).to_be_visible()
    assert [one["label"] for one in stored(address)] == [7, 7]


def test_a_pens_pressure_is_drawn_read_and_shared(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#pen").fill("30")
    device = page.context.new_cdp_session(page)

    def pen(kind, x, y, force):
        place = dict(zip("xy", on_sheet(page, x, y), strict=True))
        pressed = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force}
        device.send("Input.dispatchMouseEvent", {"type": kind, "clickCount": 1, **place, **pressed})

    pen("mousePressed", 0.25, 0.2, 0.2)
    for step in range(1, 11):
        pen("mouseMoved", 0.25 + 0.047 * step, 0.2, 0.2 + 0.03 * step)
    for step in range(1, 11):
        pen("mouseMoved", 0.72 - 0.027 * step, 0.2 + 0.065 * step, 0.5 + 0.04 * step)
    pen("mouseReleased", 0.45, 0.85, 0)
    expect(page.locator("#label")).to_have_text("7")
    drawing = sent_by_predict(page)
    (stroke,) = drawing["strokes"]
    assert [point[2] for point in (stroke[0], stroke[-1])] == [0.2, 0.9]
    assert all(len(point) == 3 for point in stroke)

    sheet = ink.to_sheet(ink.Drawing(**drawing), "garment")  # the sheet shows what is read
    assert page.evaluate(INK) == pytest.approx(sheet.ink.sum() / sheet.scale**2, rel=0.04)
    assert page.evaluate(INPUT) == pytest.approx(
        (ink.to_image(ink.Drawing(**drawing)) * 255).ravel().tolist(), abs=1
    )
    page.locator("#share summary").click()
    page.locator("#copy-link").click()
    expect_status(page, "copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#label")).to_have_text("7")
    assert sent_by_predict(page) == drawing
    page.locator("#eraser").click()
    draw(page, [[(0.5, 0.1), (0.5, 0.3)]])
    left = sent_by_predict(page)["strokes"]
    assert len(left) > 1
    assert all(0.2 <= point[2] <= 0.9 for stroke in left for point in stroke)


def touch(device, kind, *points):
    device.send(
        "Input.dispatchTouchEvent",
        {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
    )


def test_a_cancelled_touch_leaves_no_ink_and_no_step_to_undo(open_page):
    page = open_page(400, 800, has_touch=True)
    device = page.context.new_cdp_session(page)
    places = [on_sheet(page, 0.3, 0.2 + 0.1 * step) for step in range(5)]
    touch(device, "touchStart", places[0])
    for place in places[1:]:
        touch(device, "touchMove", place)
    expect(page.locator("#label")).to_have_text("1")
    touch(device, "touchCancel")
    expect_result(page, "empty")
    assert page.evaluate(INK) == 0
    expect(page.locator("#undo")).to_be_disabled()


POINTER = """([kind, id, points, button, ends]) => {
  const go = (type, [x, y], which) => canvas.dispatchEvent(new PointerEvent(type, {
    pointerType: kind, pointerId: id, clientX: x, clientY: y, pressure: 0.5, button: which,
    buttons: which === 5 ? 32 : 1, bubbles: true, cancelable: true }));
  canvas.setPointerCapture = () => {};
  go("pointerdown", points[0], button);
  for (const point of points.slice(1)) go("pointermove", point, -1);
  if (ends) go("pointerup", points.at(-1), 0);
}"""


def test_a_pen_takes_over_from_a_palm_and_touches_beside_it_draw_nothing(open_page):
    page = open_page()
    palm = [on_sheet(page, 0.95, 0.9), on_sheet(page, 0.9, 0.95)]
    page.evaluate(POINTER, ["touch", 7, palm, 0, False])
    stroke = [on_sheet(page, x, y) for x, y in DIGITS["7"][0]]
    page.evaluate(POINTER, ["pen", 8, stroke, 0, True])
    page.evaluate(POINTER, ["touch", 9, palm, 0, True])
    expect(page.locator("#label")).to_have_text("7")
    assert len(sent_by_predict(page)["strokes"]) == 1
    page.evaluate(POINTER, ["pen", 8, stroke[:1], 0, False])
    page.evaluate(POINTER, ["touch", 9, palm, 0, True])  # while the pen is down
    assert len(sent_by_predict(page)["strokes"]) == 2


def test_the_eraser_end_of_a_pen_erases_and_the_other_end_draws_on(open_page):
    page = open_page()
    draw_and_wait(page, "1")
    whole = page.evaluate(INK)
    across = [on_sheet(page, 0.3 + 0.04 * step, 0.5) for step in range(11)]
    page.evaluate(POINTER, ["pen", 8, across, 5, True])
    assert 0.5 * whole < page.evaluate(INK) < whole
    expect(page.locator("#eraser")).to_have_attribute("aria-pressed", "false")
    page.evaluate(POINTER, ["pen", 8, across, 0, True])
    assert page.evaluate(INK) > whole


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("zoom", [0.75, 1.5])
def test_ink_is_where_the_pointer_is_at_any_resolution_and_zoom(open_page, scale, zoom):
    page = open_page(1400, 1100, device_scale_factor=scale)
    page.evaluate(f"document.documentElement.style.zoom = {zoom}")
    draw_and_wait(page, "7")
    settle(page)
    page.get_by_role("radio", name="Network input").check(force=True)
    seen, left = page.locator("#input").bounding_box(), on_sheet(page, 0.25, 0.2)[0]
    assert abs(seen["x"] + seen["width"] * 4 / 28 - left) < seen["width"] / 9


def test_the_page_reads_inside_another(new_page, server):
    page = new_page(permissions=["local-network-access"])  # the page comes from no network here
    page.goto(f"{server}/livez")

    def allow(route):
        answer = route.fetch()
        headers = {k: v for k, v in answer.headers.items() if k != "content-security-policy"}
        route.fulfill(response=answer, headers=headers)

    page.route(f"{server}/", allow)
    page.set_content(
        f'<p style="height: 90px"></p><iframe src="{server}/" allow="local-network-access" '
        'style="width: 800px; height: 700px; margin-left: 70px"></iframe>'
    )
    inner = page.frame_locator("iframe")
    box = inner.locator("#canvas").bounding_box()
    drag(page, (box["x"] + 40, box["y"] + 40), (box["x"] + 40, box["y"] + 240))
    expect(inner.locator("#label")).to_have_text("1")


def test_shortcuts_are_listed_and_can_be_switched_off(new_page, store):
    address, _ = store
    page = new_page()
    page.goto(address)
    consent(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    expect(dialog.locator("dt")).to_have_count(dialog.locator("dd").count())
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Shortcuts of a single key").uncheck()
    page.keyboard.press("Escape")
    draw_and_wait(page, "7")
    for key in ("1", "?"):
        page.keyboard.press(key)
    expect(dialog).to_be_hidden()
    page.keyboard.press("Enter")  # no character: it stays
    expect_stored(page, "7")
    page.reload()
    page.locator("#help").click()
    expect(page.get_by_label("Shortcuts of a single key")).not_to_be_checked()
    page.get_by_label("Shortcuts of a single key").check()
    page.keyboard.press("Escape")
    draw_and_wait(page, "7")
    page.locator("#pen").focus()
    page.keyboard.press("1")  # means the slider
    page.locator("#canvas").focus()
    page.keyboard.press("4")
    expect_stored(page, "4")
    assert [one["label"] for one in stored(address)] == [7, 4]


def test_the_header_says_what_is_served_and_whether_the_server_is_there(new_page):
    with serving() as (address, process):
        page = new_page()
        places = set()
        for path in ("/", "/drawings", "/training", "/models", "/learn"):
            page.goto(address + path)
            expect(page.locator("#served")).to_have_text("digits 99.48 %")
            expect(page.locator("#connection")).to_have_attribute("data-state", "online")
            places.add(str(page.locator("nav").bounding_box()))
            current = page.locator("nav [aria-current=page]")
            expect(current).to_have_count(1)
            assert page.title().startswith(current.inner_text()) or path == "/"
        assert len(places) == 1
        page.goto(address)
        expect(page.locator("#connection")).to_have_attribute("data-state", "online")
        process.kill()
        process.wait()
        expect(page.locator("#connection")).to_have_attribute("data-state", "offline")


def test_a_server_that_wants_a_token_says_so_until_it_has_one(new_page):
    with serving("--token", "secret") as (address, _):
        page = new_page()
        page.goto(address)
        expect(page.locator("#refusal")).to_contain_text("?token=")
        expect(page.locator("#connection")).to_have_attribute("data-state", "refused")
        expect(page.locator("#status")).to_have_text("")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert Axe().run(page).response["violations"] == []
        page.goto(f"{address}/?token=secret")
        draw_and_wait(page, "7")
        expect(page.locator("#refusal")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", "/drawings", "/training", "/models", "/learn"])
@pytest.mark.parametrize("width", [320, 768, 1440])
def test_a_page_from_right_to_left_does_not_break(new_page, server, path, width):
    page = new_page(viewport={"width": width, "height": 800})
    page.goto(server + path)
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if path == "/":
        draw_and_wait(page, "7")


def test_two_tabs_are_read_independently(open_page):
    first, second = open_page(), open_page()
    for page, digit in ((first, "1"), (second, "7"), (first, "1")):
        draw(page, DIGITS[digit])
    expect(first.locator("#label")).to_have_text("1")
    expect(second.locator("#label")).to_have_text("7")


@pytest.mark.parametrize("path", ["/", "/drawings", "/training", "/models", "/learn"])
def test_a_page_is_small(new_page, server, path):
    page, files = new_page(), []
    page.on("response", lambda r: "/api/" in r.url or files.append(r))
    page.goto(server + path, wait_until="networkidle")
    assert 30_000 < sum(len(file.body()) for file in files) < 150_000
