"""Teaching, training and the bundles, in a real browser."""

import re

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import serving
from playwright.sync_api import expect

from inkling import system
from inkling.augmentation import handwriting

HABITS = {  # of one hand, as in handwriting.FORMS, which has none of these
    1: "30,30 55,0 60,50 45,100 25,90 45,75 80,85",
    4: "30,0 25,30 35,50 60,52 80,40; 85,0 80,40 70,75 45,100 20,90",
    7: "10,10 30,0 50,12 85,5 70,35 55,60 30,55 50,45 45,100",
    9: "80,20 50,0 15,20 25,45 60,40 82,15; 82,15 80,70 55,100 20,95 15,75 50,70 90,80",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, mnist):
    """A server with a home, drawings and runs of its own: its address."""
    assert mnist
    home = tmp_path_factory.mktemp("home")
    options = ["--runs", str(home / "runs"), "--drawings", f"sqlite:///{home}/drawings.sqlite"]
    with serving(*options, **{system.HOME: str(home)}) as (address, _):
        yield address


def is_trouble(message):
    """Whether it is more than a request that the server has refused, which the page tells of."""
    return message.type == "error" and "status of 422" not in message.text


@pytest.fixture
def open_page(browser, place):
    """Opens a page; at the end, nothing may have gone wrong."""
    troubles, contexts = [], []

    def open_(path):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if is_trouble(m) else None)
        page.on("request", lambda r: None if r.url.startswith(place) else troubles.append(r.url))
        page.goto(place + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []


def check(page):
    """On a desk and on a phone, light and dark: no wider than that, and nothing that axe finds."""
    for width, scheme in ((1440, "light"), (320, "dark"), (360, "light"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_teaching_is_watched_served_and_taken_back(open_page, place):
    page = open_page("/drawings")
    page.get_by_role("button", name="Teach", exact=True).click()
    expect(page.locator("#teach-status")).to_have_text(
        re.compile("^Expected at least 3 drawings of one digit"), timeout=60_000
    )
    chance = np.random.default_rng(0)
    for digit, form in HABITS.items():
        for _ in range(5):
            strokes = [(stroke * (150, 200) + 90).tolist() for stroke in handwriting.bend(form, chance)]
            kept = httpx.post(f"{place}/api/drawings?label={digit}", json={"strokes": strokes})
            assert kept.status_code == 201
    before = httpx.get(f"{place}/readyz").json()["model_sha256"]
    drawing = open_page("/")
    expect(drawing.locator("#card")).to_contain_text("Network digits")
    page.get_by_role("button", name="Teach", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#teach-status")).to_have_text(re.compile("s left"), timeout=60_000)
    page.reload()  # it is found again
    expect(page.locator("#teach-outcome table")).to_be_visible(timeout=100_000)
    expect(page.locator("#teach-status")).to_have_text(re.compile("It is served now"))
    expect(page.locator("#teach-outcome tbody tr")).to_have_count(4)
    check(page)
    after = httpx.get(f"{place}/readyz").json()["model_sha256"]
    assert after != before
    drawing.locator("#canvas").click()  # the page that was open all along follows
    expect(drawing.locator("#card")).to_contain_text("Network taught")
    page.get_by_role("button", name="Go back").click()
    expect(page.locator("#teach-status")).to_have_text("The network that ships is served again.")
    expect(page.get_by_role("button", name="Go back")).to_be_hidden()
    assert httpx.get(f"{place}/readyz").json()["model_sha256"] == before


def start(page, epochs):
    page.locator("[name=recipe]").select_option("mlp")
    page.get_by_label("Data set").select_option("optdigits")
    page.get_by_label("Epochs").fill(str(epochs))
    page.get_by_role("button", name="Start").click()


def test_a_network_is_watched_as_it_learns(open_page):
    page = open_page("/training")
    start(page, 3000)
    expect(page.locator("#progress")).to_have_text(
        re.compile(r"^Epoch \d+ of 3000: [\d,]+ images/s, \d+:\d\d left$"), timeout=60_000
    )
    expect(page.locator("#sheet li")).to_have_count(25)
    expect(page.locator("#kernels")).to_be_visible()
    expect(page.locator("#loss canvas")).to_be_visible()
    check(page)
    start(page, 2)
    expect(page.locator("#status")).to_have_text(re.compile("^Expected to train one network at"))
    page.get_by_role("button", name="Stop and save").click()
    expect(page.locator("#progress")).to_have_text(re.compile("stopped and saved"), timeout=30_000)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#progress")).to_have_text(re.compile("images/s"), timeout=60_000)
    page.get_by_role("button", name="Stop and save").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible(timeout=30_000)
    start(page, 2)
    expect(page.locator("#progress")).to_have_text(re.compile("^It has ended"), timeout=60_000)
    page.get_by_role("checkbox").last.check()
    expect(page.locator("#accuracy .u-series")).to_have_count(5)  # two runs of two, and the epoch
    page.get_by_role("link", name="Its report").click()
    expect(page.locator("#words")).to_contain_text("Recipe mlp, seed 0, on optdigits")
    expect(page.locator("#confusion tbody tr")).to_have_count(10)
    expect(page.locator("#risk canvas")).to_be_visible()
    check(page)


def test_bundles_are_looked_into_and_served(open_page, place):
    page = open_page("/models#shipped")
    expect(page.locator("#words")).to_contain_text("It is served now")
    expect(page.locator("#words")).to_contain_text("99.56 % of 10,000 test images")
    report = httpx.get(f"{place}/api/models/report?name=shipped", timeout=60).json()
    counts = np.array(report["confusion"])
    assert np.trace(counts) == 9956
    cells = page.locator("#confusion .wrong")
    expect(cells).to_have_count(int((counts > 0).sum() - 10), timeout=60_000)
    label, reading = np.argwhere(counts * (1 - np.eye(10)) == (counts * (1 - np.eye(10))).max())[0]
    n = counts[label, reading]
    page.get_by_role("button", name=f"{n} of {label} read as {reading}").click()
    expect(page.locator("#cell-images img")).to_have_count(int(n))
    expect(page.locator("#cell-title")).to_be_focused()
    image = page.locator("#cell-images img").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 28
    expect(page.locator("#reliability canvas")).to_be_visible()
    expect(page.get_by_role("button", name="Serve this one")).to_be_disabled()
    check(page)
