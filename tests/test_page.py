"""The page in a real browser."""

import re

import pytest
from conftest import serving
from playwright.sync_api import Page, expect, sync_playwright

DIGITS = {  # strokes in shares of the canvas, as a hand would draw them
    "1": [[(0.5, 0.15), (0.5, 0.85)]],
    "7": [[(0.25, 0.2), (0.72, 0.2), (0.45, 0.85)]],
    "4": [[(0.35, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.65, 0.2), (0.65, 0.88)]],
}

SEEN = """[...document.getElementById("seen").getContext("2d").getImageData(0, 0, 28, 28).data]
  .filter((_, i) => i % 4 === 0)"""

INK = """[...document.getElementById("canvas").getContext("2d").getImageData(0, 0, 384, 384).data]
  .reduce((sum, value, i) => i % 4 === 0 ? sum + value : sum, 0)"""


@pytest.fixture(scope="module")
def browser(chromium):
    options = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


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
    with page.expect_response("**/api/read") as response:
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
    expect(page.locator("#confidence")).to_have_text(re.compile("%"))
    assert page.locator("#canvas").evaluate("e => getComputedStyle(e).touchAction") == "none"


def test_the_keyboard_reaches_everything(open_page):
    page = open_page()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached == ["reset", "predict", "pen", "A"]


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
    for control in page.locator("button, input").all():
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
