"""<inkling-pad>: a field of a form, in a real browser, from the exported package."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, hosting
from playwright.sync_api import expect
from test_docs import blocks
from test_offline import SEVEN, draw

import inkling
from inkling.exports.js import PACKAGE

(PAD,) = json.loads((PACKAGE / "custom-elements.json").read_text())["modules"][0]["declarations"]
NAMES = {kind: [one["name"] for one in PAD[kind]] for kind in PAD if isinstance(PAD[kind], list)}
DOCUMENTS = [ROOT / "docs" / "export.md", PACKAGE / "README.md"]
ONE = [[(1.2, 0.2), (1.2, 0.85)]]
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "require-trusted-types-for 'script'"
)
PAGE = f"""<!doctype html>
<html lang="en"><head><title>A form</title><link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<script type="module" src="inkling-js/pad.js"></script></head>
<body><main><h1>A form</h1><form>PAD<button>Send</button></form></main></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a web host, with the exported package in it."""
    folder = tmp_path_factory.mktemp("host")
    inkling.export(inkling.Reader.load(), "js", folder / "inkling-js")
    return folder


@pytest.fixture
def opened(browser, folder):
    """Opens a page with a form of one pad, and gives the pad; there must be no error."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: said.type == "error" and troubles.append(said.text))
    with hosting(folder) as host:

        def open_with(attributes):
            pad = f'<inkling-pad name="code" model="inkling-js" {attributes}></inkling-pad>'
            (folder / "index.html").write_text(PAGE.replace("PAD", pad))
            page.goto(host)
            found = page.locator("inkling-pad")
            found.evaluate(
                """pad => { window.heard = []; for (const name of ["read", "input", "change"])
                pad.addEventListener(name, () => window.heard.push([name, pad.value])); }"""
            )
            return found

        yield open_with
        context.close()
    assert troubles == []


def heard(pad):
    return pad.page.evaluate("window.heard.splice(0)")


def state(pad):
    """Its value, what the form sends, and whether it is valid."""
    return pad.evaluate(
        "pad => [pad.value, new FormData(pad.form).get('code'), pad.checkValidity()]"
    )


def test_a_digit_is_read_and_the_form_told(opened):
    pad = opened("required")
    assert state(pad) == ["", "", False]
    assert pad.evaluate("pad => pad.validity.valueMissing")
    assert pad.evaluate("pad => pad.matches(':invalid')")
    draw(pad.page, "inkling-pad")
    expect(pad.locator("output")).to_have_text("7")
    assert state(pad) == ["7", "7", True]
    assert pad.evaluate("pad => [pad.accepted, pad.reading.label]") == [True, 7]
    names = [name for name, _ in heard(pad)]
    assert names[-1] == "change"
    assert names.count("change") == 1
    pad.locator("[part=undo]").click()
    assert state(pad) == ["", "", False]
    assert heard(pad) == [["read", ""], ["input", ""], ["change", ""]]
    draw(pad.page, "inkling-pad")
    pad.locator("[part=clear]").click()
    assert state(pad) == ["", "", False]


def test_what_is_not_accepted_is_invalid(opened):
    pad = opened('threshold="1"')
    assert state(pad) == ["", "", True]
    draw(pad.page, "inkling-pad")
    expect(pad.locator("output")).to_have_text("7 unsure")
    assert state(pad) == ["7", "7", False]
    assert pad.evaluate("pad => [pad.validity.badInput, pad.accepted]") == [True, False]
    pad.page.get_by_text("Send").click()
    assert "code=" not in pad.page.url
    pad.evaluate("pad => { pad.threshold = 0.5; }")
    expect(pad.locator("output")).to_have_text("7")
    pad.page.get_by_text("Send").click()
    pad.page.wait_for_url("**/?code=7")


def test_a_number_has_a_format(opened):
    pad = opened('mode="number" size="600"')
    draw(pad.page, "inkling-pad", SEVEN + ONE)
    expect(pad.locator("output")).to_have_text("71")
    assert pad.evaluate("pad => pad.reading.parts.length") == 2
    pad.evaluate(r"pad => { pad.format = '\\d[/-]\\d'; }")
    expect(pad.locator("output")).to_contain_text("unsure")
    assert state(pad)[2] is False
    pad.evaluate("pad => { pad.format = 'integer'; }")
    expect(pad.locator("output")).to_have_text("71")
    assert state(pad) == ["71", "71", True]
    pad.evaluate("pad => { pad.format = 'dat'; }")
    expect(pad.locator("output")).to_contain_text("Expected a format (integer, decimal, date")
    assert pad.evaluate("pad => pad.validity.customError")
    pad.evaluate("pad => { pad.format = null; }")
    expect(pad.locator("output")).to_have_text("71")


def test_the_page_gives_a_value(opened):
    pad = opened('value="3" required')
    assert state(pad) == ["3", "3", True]
    expect(pad.locator("output")).to_have_text("3")
    draw(pad.page, "inkling-pad")
    expect(pad.locator("output")).to_have_text("7")
    pad.evaluate("pad => { pad.value = '7'; }")  # as a framework does after each event
    assert pad.evaluate("pad => pad.strokes.length") == 1
    heard(pad)
    pad.evaluate("pad => { pad.value = 4; }")
    assert pad.evaluate("pad => pad.strokes.length") == 0
    assert state(pad) == ["4", "4", True]
    pad.evaluate("pad => pad.form.reset()")
    assert state(pad) == ["3", "3", True]
    assert "input" not in dict(heard(pad))
    pad.evaluate("pad => { pad.value = null; }")
    assert state(pad) == ["", "", False]


def test_a_disabled_pad_is_left_out(opened):
    pad = opened('value="3" disabled')
    assert state(pad)[:2] == ["3", None]
    draw(pad.page, "inkling-pad")
    assert state(pad)[:2] == ["3", None]
    pad.evaluate("pad => { pad.disabled = false; }")
    draw(pad.page, "inkling-pad")
    expect(pad.locator("output")).to_have_text("7")


def test_it_is_drawn_on_with_keys(opened):
    pad = opened("")
    pad.evaluate("pad => pad.focus()")
    for key in [" ", *["ArrowDown"] * 10, " "]:
        pad.page.keyboard.press(key)
    expect(pad.locator("output")).to_have_text("1")
    assert heard(pad)[-1] == ["change", "1"]
    assert not Axe().run(pad.page).response["violations"]


def test_it_looks_as_the_page_says(opened):
    pad = opened("")
    width = "pad => pad.getBoundingClientRect().width"
    assert pad.evaluate(width) == 240
    pad.evaluate("pad => { pad.mode = 'number'; }")
    assert pad.evaluate(width) == 480
    pad.evaluate("pad => { pad.size = 300; }")
    assert pad.evaluate(width) == 300
    pad.evaluate("pad => { pad.size = undefined; }")
    assert pad.evaluate(width) == 480
    pad.evaluate("pad => pad.style.setProperty('--inkling-size', '200px')")
    assert pad.evaluate(width) == 200
    colours = {
        "--inkling-sheet": ("[part=sheet]", "backgroundColor"),
        "--inkling-accent": ("[part=clear]", "outlineColor"),
    }
    pad.locator("[part=clear]").focus()
    pad.page.keyboard.press("Shift")  # so that the focus is shown
    for name, (part, looks) in colours.items():
        pad.evaluate(f"pad => pad.style.setProperty('{name}', 'rgb(1, 2, 3)')")
        assert (
            pad.locator(part).evaluate(f"part => getComputedStyle(part).{looks}") == "rgb(1, 2, 3)"
        )
    assert {*colours, "--inkling-size"} == set(NAMES["cssProperties"])
    for part in NAMES["cssParts"]:
        styled = """rule => {
            const style = new CSSStyleSheet();
            style.replaceSync(rule);
            document.adoptedStyleSheets = [style];
        }"""
        pad.page.evaluate(styled, f"inkling-pad::part({part}) {{ color: rgb(4, 5, 6); }}")
        colour = pad.locator(f"[part={part}]").evaluate("part => getComputedStyle(part).color")
        assert colour == "rgb(4, 5, 6)"


def test_what_there_is_is_documented(opened):
    pad = opened("")
    given = "pad => pad.constructor.observedAttributes"
    assert {*pad.evaluate(given), "name", "disabled"} == set(NAMES["attributes"])
    for name in [*NAMES["attributes"], *NAMES["members"]]:
        assert pad.evaluate("(pad, name) => name in pad", name), name
    types = (PACKAGE / "element.d.ts").read_text()
    assert all(f"  {name}?:" in types for name in NAMES["attributes"])
    plain = [*NAMES["attributes"], *NAMES["members"], *NAMES["events"], *NAMES["cssProperties"]]
    parts = [f"::part({name})" for name in NAMES["cssParts"]]
    for page in DOCUMENTS:
        text = page.read_text().replace("()`", "`")
        assert [name for name in [*plain, *parts] if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", DOCUMENTS)
def test_the_form_of_the_documents_is_sent(browser, folder, page):
    (code,) = [block for block in blocks("html", page.read_text()) if "<script" in block]
    (folder / "form.html").write_text(code)
    with hosting(folder) as host, browser.new_page() as opened:
        opened.goto(f"{host}/form.html")
        pad = opened.locator("inkling-pad")
        is_number = pad.evaluate("pad => pad.mode === 'number'")
        draw(opened, "inkling-pad", SEVEN + ONE if is_number else SEVEN)
        expect(pad.locator("output")).to_have_text("71" if is_number else "7")
        opened.get_by_text("Send").click()
        opened.wait_for_url("**/form.html?*=7*")


@pytest.mark.parametrize("page", DOCUMENTS)
def test_the_program_of_the_documents_runs(browser, folder, page):
    (code,) = [block for block in blocks("js", page.read_text()) if "Reader" in block]
    (folder / "plain.html").write_text("<!doctype html>")
    said = []
    with hosting(folder) as host, browser.new_page() as opened:
        opened.on("console", lambda one: one.type == "log" and said.append(one.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto(f"{host}/plain.html")
        code = code.replace('"inkling-js"', '"./inkling-js/index.js"').replace(
            '"model"', '"inkling-js"'
        )
        opened.add_script_tag(type="module", content=code + "console.log('end');")
        opened.wait_for_event("console", lambda message: message.text == "end")
    assert said == ["7 true [7]", "7", "end"]
