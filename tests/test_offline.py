"""The page and the pad read on without a server, and nothing that was labelled is lost."""

import base64
import contextlib
import re
import socket
import sqlite3

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import hosting, serving
from PIL import Image, ImageDraw
from playwright.sync_api import expect

import inkling

SEVEN = [[(0.25, 0.2), (0.5, 0.19), (0.72, 0.18), (0.6, 0.45), (0.5, 0.65), (0.45, 0.85)]]


def draw(page, selector, strokes=SEVEN):
    """Draw with the mouse; points are shares of the sheet."""
    sheet = page.locator(selector).first
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    side = min(box["width"], box["height"])
    for stroke in strokes:
        places = [(box["x"] + x * side, box["y"] + y * side) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=8)
        page.mouse.up()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.timeout(180)
def test_the_page_reads_labels_and_opens_without_its_server(page, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    options = ("--port", port)
    environment = {"INKLING_DRAWINGS": f"sqlite:///{tmp_path}/drawings.sqlite"}
    with serving(*options, **environment) as (address, _):
        page.goto(address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        with page.expect_response(re.compile("model.bin")):
            page.reload()
        draw(page, "#canvas")
        expect(page.locator("#label")).to_have_text("7")
        page.locator("#reset").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "offline", timeout=30_000)
    draw(page, "#canvas")
    expect(page.locator("#status")).to_have_text("The server is gone. This page reads by itself.")
    expect(page.locator("#label")).to_have_text("7")
    page.keyboard.press("7")
    page.locator("#consent button[value=yes]").click()
    expect(page.locator("#status")).to_contain_text("Kept in this browser as 7.")
    page.goto(address)  # nobody answers there
    draw(page, "#canvas")
    expect(page.locator("#label")).to_have_text("7", timeout=30_000)
    page.locator("#reset").click()
    with serving(*options, **environment):
        expect(page.locator("#status")).to_contain_text("Stored 1 drawing", timeout=60_000)
        page.reload()
        page.wait_for_timeout(500)
    with contextlib.closing(sqlite3.connect(tmp_path / "drawings.sqlite")) as store:
        assert store.execute("SELECT label FROM drawings").fetchall() == [(7,)]


def seven(path):
    """A picture of a 7, dark on light."""
    image = Image.new("L", (300, 300), 240)
    stroke = [(300 * x, 300 * y) for x, y in SEVEN[0]]
    ImageDraw.Draw(image).line(stroke, 30, 20, "curve")
    image.save(path)
    return path


@pytest.mark.timeout(120)
def test_the_page_reads_a_picture_without_its_server(page, tmp_path):
    with serving() as (address, _):
        page.goto(address)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        with page.expect_response(re.compile("model.bin")):
            page.reload()
        page.locator("#picture").set_input_files(seven(tmp_path / "7.png"))
        expect(page.locator("#label")).to_have_text("7")
        confidence = page.locator("#confidence").text_content()
        page.locator("#reset").click()
    expect(page.locator("#connection")).to_have_attribute("data-state", "offline", timeout=30_000)
    page.locator("#picture").set_input_files(tmp_path / "7.png")
    expect(page.locator("#status")).to_have_text("The server is gone. This page reads by itself.")
    expect(page.locator("#label")).to_have_text("7")
    expect(page.locator("#confidence")).to_have_text(confidence)
    Image.new("L", (80, 80), 240).save(tmp_path / "empty.png")
    page.locator("#picture").set_input_files(tmp_path / "empty.png")
    expect(page.locator("#status")).to_have_text("There is no ink in this picture.")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of an exported site, below a path as on any web host."""
    folder = tmp_path_factory.mktemp("host")
    inkling.export(inkling.Reader.load(), "site", folder / "site")

    with hosting(folder) as host:
        yield f"{host}/site/"


def test_a_site_reads_digits_and_numbers_and_works_offline(page, site):
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: r.url.startswith(site) or troubles.append(r.url))
    page.goto(site)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    draw(page, "inkling-pad[mode=digit]")
    expect(page.locator("inkling-pad[mode=digit] output")).to_have_text("7")
    assert page.locator("inkling-pad[mode=digit]").evaluate("pad => pad.value") == "7"
    one = [[(1.2, 0.2), (1.2, 0.85)]]
    draw(page, "inkling-pad[mode=number] canvas", SEVEN + one)
    expect(page.locator("inkling-pad[mode=number] output")).to_have_text("71")
    page.context.set_offline(True)
    page.reload()
    draw(page, "inkling-pad[mode=digit]")
    expect(page.locator("inkling-pad[mode=digit] output")).to_have_text("7")
    assert not Axe().run(page).response["violations"]
    assert troubles == []


def test_the_pad_is_a_field_of_its_form(page, site):
    page.goto(site)
    page.evaluate(
        """document.querySelector("form").innerHTML =
        '<inkling-pad name="code" model="model" required></inkling-pad><button>Send</button>'"""
    )
    pad = page.locator("inkling-pad")
    state = "pad => [pad.value, pad.checkValidity(), new FormData(pad.form).get('code')]"
    expect(pad.locator("output")).to_be_empty()
    assert pad.evaluate(state) == ["", False, ""]
    heard = "pad => { window.heard = []; for (const name of ['input', 'change', 'read']) {"
    pad.evaluate(heard + " pad.addEventListener(name, () => window.heard.push(name)); } }")
    draw(page, "inkling-pad")
    expect(pad.locator("output")).to_have_text("7")
    assert pad.evaluate(state) == ["7", True, "7"]
    assert {"input", "change", "read"} == set(page.evaluate("window.heard"))
    pad.evaluate("pad => pad.setAttribute('threshold', '1.1')")
    expect(pad.locator("output")).to_contain_text("unsure")
    assert pad.evaluate("pad => [pad.validity.badInput, pad.value]") == [True, "7"]
    pad.evaluate("pad => pad.form.reset()")
    expect(pad.locator("output")).to_be_empty()
    assert pad.evaluate(state) == ["", False, ""]
    pad.evaluate("pad => pad.setAttribute('model', 'nowhere')")
    draw(page, "inkling-pad")
    expect(pad.locator("output")).to_contain_text(re.compile("Expected model.(json|bin) at"))


def test_a_pad_reads_a_picture_that_is_pasted_or_dropped(page, site, tmp_path):
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(site)
    draw(page, "inkling-pad[mode=digit]")
    pad = page.locator("inkling-pad[mode=digit]")
    expect(pad.locator("output")).to_have_text("7")
    assert not any("picture" in url for url in requests)  # loaded where it is needed
    give = """(pad, [event, content, type]) => {
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], "picture", { type }));
        const options = { bubbles: true, dataTransfer: data, clipboardData: data };
        pad.dispatchEvent(new (event === "drop" ? DragEvent : ClipboardEvent)(event, options));
    }"""
    content = base64.b64encode(seven(tmp_path / "7.png").read_bytes()).decode()
    for event in ("drop", "paste"):
        pad.evaluate("pad => pad.clear()")
        expect(pad.locator("output")).to_be_empty()
        pad.evaluate(give, [event, content, "image/png"])
        expect(pad.locator("output")).to_have_text("7")
        assert pad.evaluate("pad => [pad.value, pad.checkValidity()]") == ["7", True]
    number = page.locator("inkling-pad[mode=number]")
    number.evaluate(give, ["drop", content, "image/png"])
    expect(number.locator("output")).to_contain_text("7")
    number.evaluate(give, ["drop", base64.b64encode(b"no picture").decode(), "image/tiff"])
    expect(number.locator("output")).to_have_text(
        "Expected a picture, but this browser cannot decode image/tiff: save it as PNG"
    )
    assert number.evaluate("pad => pad.validity.customError")
