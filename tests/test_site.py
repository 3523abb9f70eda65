"""The built documentation site, in a real browser; run by `make docs`, which builds it."""

import contextlib
import json
import re

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, hosting
from playwright.sync_api import expect
from test_learn import SEVEN, accuracy, draw

SITE = ROOT / "build" / "site"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
PAGES = [path for path in PAGES if path != "404.html"]  # its links begin at the host
LOOKED_AT = ("index.html", "start.html", "learn/index.html", "learn/04-backpropagation.html",
             "learn/08-other-hands.html", "reference/python.html", "reference/commands.html",
             "results.html")  # fmt: skip
# Of the theme: it names all copy buttons alike, and leaves it to browsers to focus wide tables.
LEFT_OUT = ("landmark-unique", "scrollable-region-focusable")
AXE = {"rules": {rule: {"enabled": False} for rule in LEFT_OUT}}


@pytest.fixture(scope="module")
def site():
    """The address at which the site is served, below a path as on any web host."""
    assert PAGES, "Build the site first: make docs"

    with hosting(SITE.parent) as host:
        yield f"{host}/site"


@pytest.fixture
def opened(browser, site):
    """Opens pages of the site; at the end, there must be no error and no foreign request."""
    with contextlib.ExitStack() as stack:
        troubles = []

        def open_(path, width=1280, scheme="light", **options):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, **options
            )
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
            page.on("request", lambda r: r.url.startswith(site) or troubles.append(r.url))
            page.goto(f"{site}/{path}")
            return page

        yield open_
    assert troubles == []


def test_every_page_opens_without_errors_or_other_hosts(opened, site):
    page = opened("index.html")
    for path in PAGES:
        page.goto(f"{site}/{path}")
        expect(page.locator("h1").first).to_be_visible()
        if not path.startswith("source/"):
            assert "{{" not in page.locator("body").inner_text(), path  # a figure is missing
        broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth)")
        assert broken == [], path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_pages_fit_and_are_accessible(opened, site, width, scheme):
    page = opened("index.html", width, scheme)
    for path in LOOKED_AT:
        page.goto(f"{site}/{path}")
        expect(page.locator("h1").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        rules = Axe().run(page, options=AXE).response["violations"]
        found = {f"{rule['id']} {node['target']}" for rule in rules for node in rule["nodes"]}
        assert not found, (path, found)


def test_the_search_finds_a_lesson(opened):
    page = opened("index.html")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+k")
    page.wait_for_timeout(500)  # until it takes keys
    page.keyboard.type("nearest mean", delay=20)
    expect(page.get_by_text(re.compile(r"^\d+ results$"))).to_be_visible(timeout=15_000)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("1. The data, looked at")


def test_a_solution_is_folded_until_it_is_wanted(opened):
    page = opened("learn/02-neuron.html")
    solution = page.locator("details", has_text="A solution").first
    expect(solution.locator("pre").first).to_be_hidden()
    solution.locator("summary").click()
    expect(solution).to_contain_text("return 1 / (1 + np.exp(-z))")
    expect(solution).to_contain_text("Right.")


def test_a_lesson_can_be_taken_along_as_a_notebook(opened):
    page = opened("learn/02-neuron.html")
    with page.expect_download() as download:
        page.get_by_text("This lesson as a notebook").click()
    notebook = nbformat.read(download.value.path(), as_version=4)
    nbformat.validate(notebook)
    solutions = [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]
    assert len(solutions) == 2
    assert all(cell.metadata["jupyter"]["source_hidden"] for cell in solutions)


def test_the_playground_needs_no_server(opened):
    page = opened("learn/playground/index.html")
    expect(page.locator("#run")).to_be_enabled(timeout=30_000)
    page.locator("#run").click()
    expect(page.locator("#figures dd").first).to_have_text(re.compile("^9[0-9]"), timeout=60_000)
    page.locator("#run").click()
    expect(page.locator("#run")).to_have_text("Train")
    draw(page, SEVEN)
    expect(page.locator("#follow .classes .best b")).to_have_text("7")
    assert accuracy(page) > 80  # it swings
    page.get_by_text("A network that looks at patches").click()
    expect(page.locator("details .classes .best b")).to_have_text("7", timeout=15_000)
    page.get_by_role("link", name="Lessons").click()
    expect(page.locator("h1")).to_have_text(re.compile("^Learn"))


def test_the_figures_of_the_home_page_are_the_records(opened):
    page = opened("index.html")
    record = json.loads((ROOT / "results" / "sprint.json").read_text())
    expect(page.locator("article")).to_contain_text(f"{record['mean']:.2f} ± {record['std']:.2f} %")
