"""The page in a real browser."""

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

from inkling import ink, web

DIGITS = {  # strokes in shares of the canvas, as a hand would draw them
    "1": [[(0.5, 0.15), (0.5, 0.85)]],
    "7": [[(0.25, 0.2), (0.72, 0.2), (0.45, 0.85)]],
    "4": [[(0.35, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.65, 0.2), (0.65, 0.88)]],
}

SEEN = """[...document.getElementById("seen").getContext("2d").getImageData(0, 0, 28, 28).data]
  .filter((_, i) => i % 4 === 0)"""

INK = """[...document.getElementById("canvas").getContext("2d").getImageData(0, 0, 384, 384).data]
  .reduce((sum, value, i) => i % 4 === 0 ? sum + value : sum, 0)"""


@pytest.fixture
def open_page(browser, server):
    """Opens the page at a width; at the end, nothing may have gone wrong or gone elsewhere."""
    troubles, contexts = [], []

    def open_(width=1440, height=900, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
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
    for context in contexts:
        context.close()
    assert troubles == []


def draw(page, strokes):
    box = page.locator("#canvas").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=12)
        page.mouse.up()


def predict(page):
    """What the server answers to the button, of all that is drawn."""
    with page.expect_response("**/api/read?*") as response:
        page.get_by_role("button", name="Predict").click()
    return response.value.json()


@pytest.mark.parametrize("digit", DIGITS)
def test_what_is_drawn_is_read_live(open_page, digit):
    page = open_page()
    draw(page, DIGITS[digit])
    expect(page.locator("#label")).to_have_text(digit)
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^(> )?\d+\.\d %$"))
    expect(page.locator("#second")).to_have_text(re.compile(r"then \d, \d+\.\d %"))
    expect(page.locator("#bars li.best .name")).to_have_text(digit)
    expect(page.locator("#announcement")).to_have_text(re.compile(rf"^{digit}, \d+ percent$"))
    seen = page.evaluate(SEEN)
    assert max(seen) == 255
    assert len(seen) == 28 * 28


def test_it_reads_along_before_the_pen_is_lifted(open_page):
    page = open_page()
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 190, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 330, steps=20)
    expect(page.locator("#label")).to_have_text("1")
    page.mouse.up()


def test_reset_clears_and_predict_reads(open_page):
    page = open_page()
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#label")).to_have_text("–")
    expect(page.locator("#confidence")).to_have_text("Nothing drawn yet")
    expect(page.locator("#invitation")).to_be_visible()
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("status")).to_have_text("Draw a digit first.")
    draw(page, DIGITS["1"])
    expect(page.locator("#label")).to_have_text("1")
    assert predict(page)["label"] == 1
    expect(page.locator("#label")).to_have_text("1")


def test_a_tap_makes_a_dot_and_drawing_never_scrolls(open_page):
    page = open_page(360, 640, has_touch=True, is_mobile=True)
    page.locator("#canvas").tap()
    expect(page.locator("#confidence")).to_have_text("Not a digit")
    assert page.locator("#canvas").evaluate("e => getComputedStyle(e).touchAction") == "none"


def test_the_keyboard_reaches_everything(open_page):
    page = open_page()
    reached = []
    page.get_by_role("link", name="Models").focus()  # the last of the header
    for _ in range(11):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    controls = [
        "canvas",
        "eraser",
        "reset",
        "pen",
        "picture",
        "predict",
        "why",
        "SUMMARY",
        "A",
        "A",
    ]
    assert reached[: len(controls)] == controls  # undo and redo are for when there is a past


def test_the_pens_width_changes_the_sheet_and_not_what_is_seen(open_page):
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
    draw(page, DIGITS["4"])
    expect(page.locator("#confidence")).to_have_text(re.compile("%"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
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
          const behind = (element) => {
            const color = getComputedStyle(element).backgroundColor;
            return color === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : color;
          };
          const texts = "h1, header p, button, label, #confidence, #second, .share, .name, " +
            "footer p, a, figcaption";
          return [...document.querySelectorAll(texts)].map((element) => {
            const pair = [light(getComputedStyle(element).color), light(behind(element))];
            return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
          });
        }"""
    )
    assert len(ratios) > 25
    assert min(ratios) >= 4.5  # WCAG 2.2, AA


def test_the_page_says_when_the_server_is_gone(browser):
    with serving() as (address, process):
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#bars li")).to_have_count(10)
        process.kill()
        process.wait()
        expect(page.get_by_role("status")).to_have_text(re.compile("interrupted"))
        draw(page, DIGITS["7"])
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("status")).to_have_text(re.compile("Your drawing is kept"))
        page.close()


def small(digit, left):
    """A digit a third as wide, so that several find room."""
    return [[(left + 0.3 * x, 0.2 + 0.6 * y) for x, y in stroke] for stroke in DIGITS[digit]]


def test_several_digits_are_read_as_a_number_each_in_its_box(open_page):
    page = open_page()
    for place, digit in enumerate("174"):
        draw(page, small(digit, 0.02 + 0.32 * place))
    expect(page.locator("#label")).to_have_text("174")
    expect(page.locator("#boxes text")).to_have_text(["1", "7", "4"])
    lefts = page.locator("#boxes rect").evaluate_all("all => all.map((r) => r.x.baseVal.value)")
    assert lefts == sorted(lefts)
    assert lefts[2] - lefts[0] > 150
    expect(page.locator("#bars")).to_be_hidden()
    expect(page.locator("#announcement")).to_have_text(re.compile(r"^1 7 4, \d+ percent$"))
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#boxes rect")).to_have_count(0)
    expect(page.locator("#bars")).to_be_visible()


def test_what_is_no_digit_is_called_none(open_page):
    page = open_page()
    draw(page, [[(0.2, 0.5), (0.8, 0.52)]])
    expect(page.locator("#confidence")).to_have_text("Not a digit")
    expect(page.locator("#label")).to_have_text("?")
    expect(page.locator("#bars li.best")).to_have_count(0)
    expect(page.locator("#announcement")).to_have_text("not a digit")


def test_an_undecided_answer_names_what_it_may_be(open_page):
    page = open_page()
    card = page.evaluate("fetch('/api/card').then((card) => card.json())")
    answer = card["acceptance"]
    shares = [0.0] * 10
    shares[4], shares[9] = 0.6, 0.4
    body = {"label": 4, "name": "4", "confidence": 0.6, "evidence": answer["evidence"] + 1}
    body |= {"accepted": False, "labels": [4, 9], "probabilities": shares}
    body |= {"image": [[0] * 28] * 28, "model": card["model_sha256"][:12]}
    page.route("**/api/read*", lambda route: route.fulfill(json=body))
    draw(page, DIGITS["4"])
    predict(page)
    expect(page.locator("#label")).to_have_text("4 or 9")
    expect(page.locator("#confidence")).to_have_text("Not sure")
    expect(page.locator("#second")).to_have_text("4, 60.0 %; 9, 40.0 %")


def test_undo_redo_and_the_eraser(open_page):
    page = open_page()
    undo, redo = (page.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    expect(undo).to_be_disabled()
    draw(page, DIGITS["4"])
    whole = page.evaluate(INK)
    page.keyboard.press("Control+z")
    assert page.evaluate(INK) < 0.8 * whole
    undo.click()
    assert page.evaluate(INK) == 0
    expect(page.locator("#confidence")).to_have_text("Nothing drawn yet")
    page.keyboard.press("Control+Shift+z")
    redo.click()
    expect(redo).to_be_disabled()
    assert page.evaluate(INK) == whole
    expect(page.locator("#label")).to_have_text("4")
    page.get_by_role("button", name="Erase").click()
    draw(page, [[(0.65, 0.1), (0.65, 0.95)]])  # its long stroke
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
    strokes = predict(page)
    assert strokes["label"] == 1
    page.keyboard.press("Control+z")
    expect(page.locator("#confidence")).to_have_text("Nothing drawn yet")


def test_a_picture_is_read_and_drawn_over(open_page, digits, tmp_path):
    page = open_page()
    Image.fromarray(255 - digits[0].repeat(9, 0).repeat(9, 1)).save(tmp_path / "7.png")
    page.locator("#picture").set_input_files(tmp_path / "7.png")
    expect(page.locator("#label")).to_have_text("7")
    assert page.evaluate(INK) > 0
    (tmp_path / "no.png").write_text("no picture")
    page.locator("#picture").set_input_files(tmp_path / "no.png")
    expect(page.get_by_role("status")).to_have_text(re.compile("Choose another"))
    expect(page.locator("#label")).to_have_text("7")
    draw(page, DIGITS["1"])
    expect(page.locator("#label")).to_have_text("1")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#label")).to_have_text("7")


def test_ink_that_speaks_for_the_reading_is_red(open_page):
    page = open_page()
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    page.get_by_label("Why").check()
    answer = predict(page)["explanation"]
    assert max(map(max, answer)) > 1
    red = "filter((v, i, all) => i % 4 === 1 && v < all[i - 1] - 99)"
    tinted = SEEN.replace("filter((_, i) => i % 4 === 0)", red)
    for _ in range(50):
        if page.evaluate(tinted):
            break
        page.wait_for_timeout(100)
    assert len(page.evaluate(tinted)) > 5
    assert max(page.evaluate(SEEN)) == 255


def test_a_drawing_is_taken_along(open_page, server):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    page.get_by_text("Take along").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save strokes").click()
    strokes = json.loads(download.value.path().read_text())
    for button, size in (("Save PNG", 384), ("Save 28×28", 28)):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        with Image.open(download.value.path()) as saved:
            assert saved.size == (size, size)
            assert saved.convert("L").getextrema() == (0, 255)
    copied = {}
    for what in ("curl", "Python", "link"):
        page.get_by_role("button", name=f"Copy {what}").click()
        expect(page.get_by_role("status")).to_have_text(re.compile("^Copied"))
        copied[what] = page.evaluate("navigator.clipboard.readText()")
    answer = subprocess.run(shlex.split(copied["curl"]), capture_output=True, check=True)
    assert json.loads(answer.stdout)["label"] == 7
    program = subprocess.run([sys.executable, "-c", copied["Python"]], capture_output=True)
    assert b"'label': 7" in program.stdout
    page.get_by_role("button", name="Reset").click()
    page.goto("about:blank")
    page.goto(copied["link"])
    expect(page.locator("#label")).to_have_text("7")
    page.goto(f"{server}/#no~drawing")
    expect(page.get_by_role("status")).to_have_text(re.compile("not whole"))
    with page.expect_download() as download:
        page.get_by_text("Take along").click()
        page.get_by_role("button", name="Save strokes").click()
    assert json.loads(download.value.path().read_text()) == strokes


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing(open_page, width, scheme):
    page = open_page(width, 800, color_scheme=scheme)
    draw(page, DIGITS["4"])
    expect(page.locator("#label")).to_have_text("4")
    page.get_by_text("Take along").click()
    found = Axe().run(page).response["violations"]
    assert [(entry["id"], [node["html"] for node in entry["nodes"]]) for entry in found] == []


@pytest.fixture
def own_server(tmp_path):
    """A server with a store of its own, and its database."""
    with serving("--drawings", f"sqlite:///{tmp_path}/drawings.sqlite") as (address, _):
        yield address, tmp_path / "drawings.sqlite"


def kept(address):
    return httpx.get(f"{address}/api/drawings?order=oldest").json()


def test_a_drawing_is_kept_once_it_is_said_what_it_is_and_that_it_may(browser, own_server):
    address, _ = own_server
    page = browser.new_page()
    page.goto(address)
    expect(page.locator("#truth button")).to_have_count(10)
    expect(page.locator("#truth button").first).to_be_disabled()
    status = page.locator("#status")
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    page.keyboard.press("1")
    page.get_by_role("button", name="No", exact=True).click()
    expect(status).to_have_text("Not kept.")
    assert kept(address) == []
    page.keyboard.press("1")  # it asks again: nobody has agreed
    page.get_by_role("button", name="Keep my drawings").click()
    expect(status).to_have_text("Kept as 1. Draw the next one.")
    expect(page.locator("#invitation")).to_be_visible()
    draw(page, DIGITS["4"])
    expect(page.locator("#label")).to_have_text("4")
    page.keyboard.press("Enter")
    expect(status).to_have_text("Kept as 4. Draw the next one.")
    draw(page, DIGITS["1"])
    expect(page.locator("#label")).to_have_text("1")
    page.keyboard.press("Escape")
    expect(page.locator("#confidence")).to_have_text("Nothing drawn yet")
    draw(page, DIGITS["1"])
    expect(page.locator("#label")).to_have_text("1")
    page.get_by_role("button", name="It is 7").click()
    expect(status).to_have_text("Kept as 7. Draw the next one.")
    found = kept(address)
    assert [(one["label"], one["reading"]) for one in found] == [(1, 7), (4, 4), (7, 1)]
    assert len({one["session"] for one in found}) == 1
    page.close()


def test_a_locked_store_is_told_and_the_drawing_stays(browser, own_server):
    address, path = own_server
    page = browser.new_page()
    page.goto(address)
    page.evaluate("localStorage.setItem('keep', 'yes')")
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text(
        re.compile("database is locked.*Your drawing is still here"), timeout=10_000
    )
    other.execute("ROLLBACK")
    other.close()
    expect(page.locator("#label")).to_have_text("7")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Kept as 7. Draw the next one.")
    page.close()


@pytest.mark.parametrize("width", [360, 1440])
def test_the_gallery_shows_relabels_and_deletes(browser, own_server, width):
    address, _ = own_server
    for label, digit in ((7, "7"), (1, "7"), (4, "4")):
        strokes = [[[384 * x, 384 * y] for x, y in stroke] for stroke in DIGITS[digit]]
        httpx.post(f"{address}/api/drawings?label={label}", json={"strokes": strokes})
    page = browser.new_page(viewport={"width": width, "height": 800})
    troubles = []
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.goto(f"{address}/drawings")
    cards = page.locator("#gallery li")
    expect(cards).to_have_count(3)
    expect(page.locator("#summary")).to_have_text(re.compile("^3 kept, 66.7 % read rightly"))
    box = cards.first.get_by_role("img").bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    page.get_by_label("Misread").check()
    expect(cards).to_have_count(1)
    expect(cards.first).to_contain_text("1: read as 7")
    cards.first.get_by_role("combobox").select_option("7")
    expect(page.locator("#summary")).to_have_text(re.compile("^3 kept, 100.0 % read rightly"))
    page.get_by_label("Misread").uncheck()
    expect(cards).to_have_count(3)
    page.get_by_label("Digit").select_option("4")
    expect(cards).to_have_count(1)
    expect(cards.first).to_contain_text("4: read rightly")
    cards.first.get_by_role("button").click()
    expect(page.locator("#summary")).to_have_text(re.compile("^2 kept"))
    assert [one["label"] for one in kept(address)] == [7, 7]
    page.get_by_label("Digit").select_option("all")
    expect(cards).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
    assert troubles == []
    page.close()


def test_a_drawing_outlives_a_server_that_starts_anew(browser):
    with serving() as (address, process):
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#bars li")).to_have_count(10)
        draw(page, DIGITS["4"][:1])
        process.kill()
        process.wait()
        expect(page.get_by_role("status")).to_have_text(re.compile("interrupted"))
        draw(page, DIGITS["4"][1:])
    with serving("--port", address.rpartition(":")[2]):
        expect(page.locator("#label")).to_have_text("4", timeout=20_000)
        expect(page.get_by_role("status")).to_have_text("")
        page.close()


@pytest.fixture
def over_a_wire(browser, own_server):
    """The page of someone who has agreed, over a wire of its own; the wire; the server."""
    address, _ = own_server
    wire = Wire(address)
    page = browser.new_page()
    page.clock.install()
    page.goto(wire.address)
    page.evaluate("localStorage.setItem('keep', 'yes')")
    expect(page.locator("#bars li")).to_have_count(10)
    yield page, wire, address
    page.close()
    wire.cut()


def test_over_a_slow_line_the_reading_arrives_and_waiting_is_said(over_a_wire):
    page, wire, address = over_a_wire
    wire.delay = 1.2
    draw(page, DIGITS["4"])
    ink = page.evaluate(INK)
    expect(page.locator("#label")).to_have_text("4", timeout=20_000)
    page.keyboard.press("4")
    page.keyboard.press("4")  # impatient: it is kept once
    expect(page.locator("#status")).to_have_text(re.compile("still waiting"))
    assert page.evaluate(INK) == ink
    expect(page.locator("#status")).to_have_text("Kept as 4. Draw the next one.", timeout=20_000)
    assert [(one["label"], len(one["strokes"])) for one in kept(address)] == [(4, 2)]


def test_over_a_slow_line_it_reads_along_too(over_a_wire):
    page, wire, _ = over_a_wire
    wire.delay = 0.3
    box = page.locator("#canvas").bounding_box()
    page.mouse.move(box["x"] + 190, box["y"] + 50)
    page.mouse.down()
    for down in range(60):  # never so long still that an answer comes meanwhile
        page.mouse.move(box["x"] + 190, box["y"] + 50 + 5 * down)
        page.wait_for_timeout(30)
    assert page.locator("#label").inner_text() == "1"
    page.mouse.up()


def test_a_connection_that_drops_and_comes_back_loses_no_drawing(over_a_wire):
    page, wire, address = over_a_wire
    draw(page, DIGITS["4"][:1])
    expect(page.locator("#truth button").first).to_be_enabled()
    wire.cut()
    expect(page.locator("#status")).to_have_text(re.compile("interrupted"))
    draw(page, DIGITS["4"][1:])
    ink = page.evaluate(INK)
    page.keyboard.press("4")
    expect(page.locator("#status")).to_have_text(re.compile("not said that it is kept"))
    assert page.evaluate(INK) == ink
    assert kept(address) == []
    wire.mend()
    expect(page.locator("#label")).to_have_text("4", timeout=20_000)
    page.keyboard.press("4")
    expect(page.locator("#status")).to_have_text("Kept as 4. Draw the next one.")
    assert [(one["label"], len(one["strokes"])) for one in kept(address)] == [(4, 2)]


def test_a_connection_that_falls_silent_is_given_up_and_made_anew(over_a_wire):
    page, wire, address = over_a_wire
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    page.get_by_role("button", name="Reset").click()
    wire.silent = True
    draw(page, DIGITS["1"])
    expect(page.locator("#status")).to_have_text(re.compile("interrupted"), timeout=10_000)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#status")).to_have_text(re.compile("still waiting"))
    page.clock.fast_forward(60_000)
    expect(page.locator("#status")).to_have_text(re.compile("Your drawing is kept: try again"))
    wire.silent = False
    expect(page.locator("#label")).to_have_text("1", timeout=20_000)
    wire.silent = True
    page.keyboard.press("1")
    expect(page.locator("#status")).to_have_text(re.compile("still waiting"))
    page.clock.fast_forward(60_000)
    expect(page.locator("#status")).to_have_text(re.compile("not said that it is kept"))
    assert kept(address) == []
    wire.silent = False
    page.keyboard.press("1")
    expect(page.locator("#status")).to_have_text("Kept as 1. Draw the next one.", timeout=20_000)
    assert [one["label"] for one in kept(address)] == [1]


def test_a_drawing_whose_answer_was_lost_is_kept_once(browser, own_server):
    address, _ = own_server
    page = browser.new_page()
    page.goto(address)
    page.evaluate("localStorage.setItem('keep', 'yes')")
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")

    def lose(route):  # the server keeps it, and nobody hears of it
        assert route.fetch().status == 201
        route.abort()

    page.route("**/api/drawings*", lose)
    page.keyboard.press("1")
    expect(page.locator("#status")).to_have_text(re.compile("not said that it is kept"))
    page.unroute("**/api/drawings*")
    page.keyboard.press("7")
    expect(page.locator("#status")).to_have_text("Kept as 7. Draw the next one.")
    draw(page, DIGITS["7"])
    expect(page.locator("#label")).to_have_text("7")
    page.keyboard.press("7")
    expect(page.locator("#status")).to_have_text("Kept as 7. Draw the next one.")
    expect(page.locator("#invitation")).to_be_visible()
    assert [one["label"] for one in kept(address)] == [7, 7]
    page.close()


def test_a_pen_is_drawn_read_and_taken_along_with_its_pressure(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    box, device = page.locator("#canvas").bounding_box(), page.context.new_cdp_session(page)

    def pen(kind, x, y, force):
        place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        pressed = {"button": "left", "buttons": 1, "pointerType": "pen", "force": force}
        device.send("Input.dispatchMouseEvent", {"type": kind, "clickCount": 1, **place, **pressed})

    pen("mousePressed", 0.25, 0.2, 0.2)
    for step in range(1, 11):
        pen("mouseMoved", 0.25 + 0.047 * step, 0.2, 0.2 + 0.03 * step)
    for step in range(1, 11):
        pen("mouseMoved", 0.72 - 0.027 * step, 0.2 + 0.065 * step, 0.5 + 0.04 * step)
    pen("mouseReleased", 0.45, 0.85, 0)
    expect(page.locator("#label")).to_have_text("7")
    with page.expect_request("**/api/read?*") as asked:
        page.get_by_role("button", name="Predict").click()
    drawing = asked.value.post_data_json
    (stroke,) = drawing["strokes"]
    assert [point[2] for point in (stroke[0], stroke[-1])] == [0.2, 0.9]
    assert all(len(point) == 3 for point in stroke)

    sheet = ink.to_sheet(ink.Drawing(**drawing), "garment")  # what is drawn is what is read
    assert page.evaluate(INK) == pytest.approx(sheet.ink.sum() / sheet.scale**2, rel=0.03)
    assert page.evaluate(SEEN) == pytest.approx(
        (ink.to_image(ink.Drawing(**drawing)) * 255).ravel().tolist(), abs=1
    )
    page.get_by_text("Take along").click()
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#label")).to_have_text("7")
    with page.expect_request("**/api/read?*") as asked:
        page.get_by_role("button", name="Predict").click()
    assert asked.value.post_data_json == drawing
    page.get_by_role("button", name="Erase").click()
    draw(page, [[(0.5, 0.1), (0.5, 0.3)]])
    with page.expect_request("**/api/read?*") as asked:
        page.get_by_role("button", name="Predict").click()
    left = asked.value.post_data_json["strokes"]
    assert len(left) > 1
    assert all(0.2 <= point[2] <= 0.9 for stroke in left for point in stroke)


def test_two_tabs_are_read_each_by_itself(open_page):
    first, second = open_page(), open_page()
    for page, digit in ((first, "1"), (second, "7"), (first, "1")):
        draw(page, DIGITS[digit])
    expect(first.locator("#label")).to_have_text("1")
    expect(second.locator("#label")).to_have_text("7")


def test_the_page_is_small():
    sizes = [path.stat().st_size for path in web.STATIC.rglob("*") if path.is_file()]
    assert 30_000 < sum(sizes) < 150_000
