"""The built examples, forms in HTML and in frameworks, in a browser; run by `make examples`."""

import pytest
from conftest import ROOT, hosting
from playwright.sync_api import expect
from test_offline import draw

BUILT = ROOT / "examples" / "dist"


@pytest.fixture(scope="module")
def host():
    assert BUILT.exists(), "Build them first: make examples"
    with hosting(BUILT) as host:
        yield host


@pytest.mark.parametrize("name", ["html", "react", "svelte", "vue"])
def test_what_is_drawn_reaches_the_form(browser, host, name):
    page = browser.new_page()
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console", lambda said: said.type in ("error", "warning") and troubles.append(said.text)
    )
    page.goto(f"{host}/{name}/")
    pad, read, sent, send = map(
        page.locator, ("inkling-pad", "#read", "#sent", "button >> text=Send")
    )
    assert pad.evaluate("pad => [pad.required, pad.matches(':invalid')]") == [True, True]
    send.click()
    expect(sent).to_be_empty()
    draw(page, "inkling-pad")
    expect(read).to_have_text("7")
    assert pad.evaluate("pad => [pad.value, pad.matches(':valid'), pad.strokes.length]") == [
        "7",
        True,
        1,
    ]
    send.click()
    expect(sent).to_have_text("7")
    pad.evaluate("pad => { pad.threshold = 1; }")
    expect(pad.locator("output")).to_have_text("7 unsure")
    assert pad.evaluate("pad => [pad.matches(':invalid'), pad.validity.badInput]") == [True, True]
    pad.locator("[part=clear]").click()
    expect(read).to_be_empty()
    assert pad.evaluate("pad => pad.validity.valueMissing")
    page.close()
    assert troubles == []
