"""Fine-tuning, training and the bundles, in a real browser."""

import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import signal
import zipfile

import httpx
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, serving
from playwright.sync_api import expect

from inkling import drawings, system
from inkling.experiments import recipes, runs
from inkling.reading import bundle
from inkling.reading.registry import PRETRAINED
from inkling.web.jobs import MAX_LOG_LINES

FORMS = {  # of one writer: strokes with ";", points as x,y in per cent of a box, y down
    1: "30,30 55,0 60,50 45,100 25,90 45,75 80,85",
    4: "30,0 25,30 35,50 60,52 80,40; 85,0 80,40 70,75 45,100 20,90",
    7: "10,10 30,0 50,12 85,5 70,35 55,60 30,55 50,45 45,100",
    9: "80,20 50,0 15,20 25,45 60,40 82,15; 82,15 80,70 55,100 20,95 15,75 50,70 90,80",
}
DRAWINGS_EACH = 5
WITHOUT_TORCH = "import sys\nsys.modules['torch'] = None\n"  # as if it were not installed


@pytest.fixture(scope="module")
def place(tmp_path_factory, mnist):
    """The address of a server with a home, drawings and runs of its own."""
    assert mnist
    home = tmp_path_factory.mktemp("home")
    options = ["--runs", str(home / "runs"), "--drawings", f"sqlite:///{home}/drawings.sqlite"]
    with serving(*options, **{system.HOME: str(home)}) as (address, _):
        yield address


def is_trouble(message):
    """Whether a console message is an error, other than a request that the server refuses."""
    return message.type == "error" and "status of 422" not in message.text


@pytest.fixture
def open_page(browser):
    """Opens a page of a server. At the end, there must be no error and no request elsewhere."""
    troubles, contexts = [], []

    def open_(address, path):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if is_trouble(m) else None)
        page.on("request", lambda r: None if r.url.startswith(address) else troubles.append(r.url))
        page.goto(address + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []


def check(page):
    """That the page fits a desktop and a phone, light and dark, and that axe finds nothing."""
    for width, scheme in ((1440, "light"), (320, "dark"), (360, "light"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def expect_state(page, element, state, seconds=5):
    expect(page.locator(element)).to_have_attribute("data-state", state, timeout=1000 * seconds)


def strokes_of(form, rng):
    """The strokes of a form, each drawing a little different."""
    bend, shift = rng.normal(0, 0.08, (2, 2)), rng.uniform(60, 120, 2)
    strokes = []
    for text in form.split(";"):
        points = np.array([point.split(",") for point in text.split()], float) / 100
        points += rng.normal(0, 0.02, points.shape)
        strokes.append((points @ (np.eye(2) + bend) * (150, 200) + shift).round(1).tolist())
    return strokes


def served_model(place):
    return httpx.get(f"{place}/readyz").json()["model_sha256"]


@pytest.mark.slow
def test_fine_tuning_is_watched_served_and_reverted(open_page, place):
    page = open_page(place, "/drawings")
    page.locator("#teach-start").click()
    expect_state(page, "#teach-status", "error", 60)
    expect(page.locator("#teach-status")).to_contain_text("3")  # drawings that are needed
    expect(page.locator("#teach-start")).to_be_enabled()
    rng = np.random.default_rng(0)
    for digit, form in FORMS.items():
        for _ in range(DRAWINGS_EACH):
            drawing = {"strokes": strokes_of(form, rng)}
            answer = httpx.post(f"{place}/api/drawings?label={digit}", json=drawing)
            assert answer.status_code == 201
    before = served_model(place)
    drawing = open_page(place, "/")
    expect(drawing.locator("#served")).to_have_attribute("data-recipe", "digits")
    page.locator("#teach-start").click()
    expect(page.locator("#teach-stop")).to_be_visible()
    expect(page.locator("#teach-start")).to_be_disabled()
    expect_state(page, "#teach-status", "learning", 60)
    expect(page.locator("#teach-progress")).to_have_attribute("value", re.compile(r"^0\.\d"))
    page.reload()  # the page finds the fine-tuning again
    expect(page.locator("#teach-outcome table")).to_be_visible(timeout=100_000)
    expect_state(page, "#teach-status", "better")
    rows = page.locator("#teach-outcome tbody tr")
    expect(rows).to_have_count(4)
    held_out = [int(cell) for cell in rows.first.locator("td").all_inner_texts()]
    assert 0 <= held_out[0] <= held_out[1] <= len(FORMS)
    expect(page.locator("#teach-stop")).to_be_hidden()
    check(page)
    assert served_model(place) != before
    drawing.locator("#canvas").click(position={"x": 20, "y": 20})  # a reading by another bundle
    expect(drawing.locator("#served")).to_have_attribute("data-recipe", "taught")
    page.locator("#teach-back").click()
    expect_state(page, "#teach-status", "pretrained")
    expect(page.locator("#teach-back")).to_be_hidden()
    assert served_model(place) == before


def test_only_the_drawings_of_this_browser_can_be_learnt_from(open_page, place):
    page = open_page(place, "/drawings")
    expect(page.locator("#teach-start")).to_be_enabled()
    expect(page.locator("#teach-mine")).to_be_disabled()  # it has stored none
    page.evaluate("localStorage.setItem('session', 'a&b')")
    page.reload()
    refusal = {"error": "Expected more drawings", "hint": "Draw more"}
    page.route(re.compile(r"/api/teach(\?.*)?$"), lambda route: route.fallback())
    asked = []

    def refuse(route):
        if route.request.method != "POST":
            return route.fallback()
        asked.append(route.request.url)
        return route.fulfill(status=422, json=refusal)

    page.route("**/api/teach*", refuse)
    for mine in (False, True):
        page.locator("#teach-mine").set_checked(mine)
        page.locator("#teach-start").click()
        expect_state(page, "#teach-status", "error")
        expect(page.locator("#teach-start")).to_be_enabled()
    assert asked == [f"{place}/api/teach", f"{place}/api/teach?session=a%26b"]
    check(page)


def start(page, epochs):
    expect(page.locator("#training")).to_have_attribute("data-state", re.compile("."))
    if not page.locator("#new").evaluate("details => details.open"):
        page.locator("#new summary").click()
    form = page.locator("#start")
    form.locator("[name=recipe]").select_option("mlp")
    form.locator("[name=dataset]").select_option("optdigits")
    form.locator("[name=epochs]").fill(str(epochs))
    page.locator("#start-button").click()


@pytest.mark.slow
def test_a_training_is_watched_stopped_resumed_and_compared(open_page, place):
    page = open_page(place, "/training")
    expect(page.locator("#start-button")).to_be_enabled()
    expect(page.locator("#cannot-train")).to_be_hidden()
    start(page, 3000)
    expect_state(page, "#progress", "training", 60)
    expect(page.locator("#progress")).to_have_text(re.compile(r"\b3000\b.* [\d,]+ .*\b\d+:\d\d\b"))
    expect(page.locator("#sheet li")).to_have_count(25)
    expect(page.locator("#first-layer")).to_be_visible()
    expect(page.locator("#loss svg")).to_be_visible()
    expect(page.locator("#bar")).to_have_attribute("value", re.compile(r"^0\.\d"))
    expect_state(page, "#watched-state", "running")
    check(page)
    start(page, 2)  # refused: one training at a time
    expect_state(page, "#status", "error")
    page.locator("#stop").click()
    expect_state(page, "#progress", "stopped", 30)
    expect_state(page, "#runs .chip", "stopped")
    page.locator("#resume").click()
    expect_state(page, "#progress", "training", 60)
    page.locator("#stop").click()
    expect(page.locator("#resume")).to_be_visible(timeout=30_000)
    start(page, 2)
    stop = page.locator("#stop")
    stop.click()  # while it starts up
    expect(stop).to_be_disabled()
    expect_state(page, "#progress", "stopped", 60)
    expect(stop).to_be_hidden()
    page.locator("#resume").click()
    expect_state(page, "#progress", "ended", 60)
    expect_state(page, "#runs li:first-child .chip", "ended")
    expect(page.locator("#runs li").first).to_contain_text(re.compile(r"\d\d\.\d\d %"))
    spark = page.get_by_role("img", name=re.compile(r"^Validation accuracy: .* at last$"))
    expect(spark).to_have_count(2)
    page.get_by_role("checkbox").last.check()
    for chart in ("#accuracy", "#loss"):
        expect(page.locator(f"{chart} .legend li")).to_have_count(4)  # 2 lines of 2 runs
    check(page)
    page.locator("#report").click()
    description = page.locator("#description")
    for what in (r"\bmlp\b", r"\bseed 0\b", r"\boptdigits\b"):
        expect(description).to_have_text(re.compile(what))
    expect(page.locator("#confusion tbody tr")).to_have_count(10)
    expect(page.locator("#risk svg")).to_be_visible()
    check(page)


@pytest.mark.slow
def test_the_first_run_starts_with_one_click(open_page, tmp_path):
    with serving("--runs", str(tmp_path)) as (address, _):
        page = open_page(address, "/training")
        expect(page.locator("#quick-about")).to_contain_text("sprint")
        expect(page.locator("#quick-start")).to_be_enabled()
        expect(page.locator("main .primary:visible")).to_have_count(1)
        check(page)
        page.locator("#quick-start").click()
        expect_state(page, "#watched-state", "running")
        expect(page.locator("#empty")).to_be_hidden()
        expect(page.locator("#watched-title")).to_have_text(re.compile("^sprint-"))
        expect_state(page, "#progress", "ended", 100)
        expect_state(page, "#runs .chip", "ended")
        expect(page.locator("#loss svg")).to_be_visible()
        page.close()  # before the server goes


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_failed_and_goes_on(open_page, tmp_path):
    with serving("--runs", str(tmp_path)) as (address, _):
        page = open_page(address, "/training")
        expect(page.locator("#start-button")).to_be_enabled()
        start(page, 3000)
        expect_state(page, "#progress", "training", 60)
        name = page.locator("#watched-title").inner_text()
        os.kill(int((tmp_path / name / runs.HOLDER).read_text()), signal.SIGKILL)
        expect_state(page, "#progress", "interrupted", 10)
        for chip in ("#runs .chip", "#watched-state"):
            expect_state(page, chip, "failed")
        expect(page.locator("#log-part")).to_be_hidden()  # it said nothing
        page.locator("#resume").click()
        expect_state(page, "#progress", "training", 60)
        expect_state(page, "#runs .chip", "running")
        page.locator("#stop").click()
        expect(page.locator("#stop")).to_be_hidden(timeout=60_000)
        page.close()


@pytest.mark.parametrize("lines", [3, 60])
def test_the_log_of_a_start_that_failed_is_shown(open_page, tmp_path, lines):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'train' in sys.orig_argv:\n"
        f"    sys.stderr.write(''.join(f'line {{n}} <b>\\n' for n in range({lines})))\n"
        "    os._exit(1)\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = {"PYTHONPATH": path, system.HOME: str(tmp_path)}
    with serving("--runs", str(tmp_path / "runs"), **environment) as (address, _):
        page = open_page(address, "/training")
        expect(page.locator("#start-button")).to_be_enabled()
        start(page, 2)
        expect_state(page, "#progress", "error", 10)
        for chip in ("#runs .chip", "#watched-state"):
            expect_state(page, chip, "failed")
        shown = range(max(lines - MAX_LOG_LINES, 0), lines)
        expect(page.locator("#log")).to_have_text("\n".join(f"line {n} <b>" for n in shown))
        expect(page.locator("#log")).to_be_visible()
        expect(page.locator("#resume")).to_be_hidden()  # it has no plan
        check(page)
        start(page, 2)  # the next start takes its place in the list
        expect(page.locator("#runs li")).to_have_count(1)
        page.close()


@pytest.fixture(scope="module")
def place_without_torch(tmp_path_factory):
    """The address of a server that cannot train, with one stopped run, "old"."""
    home = tmp_path_factory.mktemp("without")
    (home / "sitecustomize.py").write_text(WITHOUT_TORCH)  # Python runs it when it starts
    plan = {"recipe": dataclasses.asdict(recipes.get("mlp")), "seed": 0, "device": "cpu"}
    (home / "runs" / "old").mkdir(parents=True)
    (home / "runs" / "old" / runs.PLAN).write_text(json.dumps(plan | {"threads": 1}))
    environment = {
        system.HOME: str(home),
        drawings.ENVIRONMENT: f"sqlite:///{home}/drawings.sqlite",
        "PYTHONPATH": str(home),
    }
    with serving("--runs", str(home / "runs"), **environment) as (address, _):
        yield address


@pytest.mark.parametrize(
    ("path", "buttons"),
    [("/training#old", ["#start-button", "#resume"]), ("/drawings", ["#teach-start"])],
)
def test_without_torch_the_buttons_are_disabled_and_the_pip_command_is_shown(
    open_page, place_without_torch, path, buttons
):
    page = open_page(place_without_torch, path)
    if path.startswith("/training"):
        page.locator("#new summary").click()
        page.locator("#copy").click()
        expect(page.locator("#toast")).to_contain_text("command")
    reason = page.locator("#cannot-train")
    expect(reason).to_contain_text("torch")
    expect(reason.locator("code")).to_have_text("pip install 'inkling-reader[train]'")
    for button in buttons:
        expect(page.locator(button)).to_be_visible()
        expect(page.locator(button)).to_be_disabled()
        expect(page.locator(button)).to_have_attribute("aria-describedby", "cannot-train")
    check(page)


def test_a_refused_start_is_reported(open_page, place):
    page = open_page(place, "/training")
    refusal = {"error": "Training needs torch", "hint": "Install it with: pip install torch"}

    def refuse(route):
        if route.request.method == "POST":
            route.fulfill(status=422, json=refusal)
        else:
            route.fallback()

    page.route("**/api/runs", refuse)
    start(page, 2)
    expect_state(page, "#status", "error")
    for text in refusal.values():
        expect(page.locator("#status")).to_contain_text(text)


def row(page, name):
    """The row of a bundle in the table."""
    return page.locator(f"#bundles tr[data-name='{name}']")


def expect_selected(page, name):
    expect(row(page, name).locator("button")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#bundles button[aria-pressed='true']")).to_have_count(1)
    expect(page.locator("#name")).to_have_text(name)


def test_a_bundle_is_described_evaluated_and_served(open_page, place):
    page = open_page(place, f"/models#{PRETRAINED}")
    expect_selected(page, PRETRAINED)
    expect(row(page, PRETRAINED)).to_contain_text("99.48 %")
    expect(page.locator("#figures")).to_have_text(re.compile(r"99\.48 %.*\b10,000 images"))
    expect(page.locator("#licence")).to_contain_text("Guyon")
    report = httpx.get(f"{place}/api/models/report?name={PRETRAINED}", timeout=60).json()
    counts = np.array(report["confusion"])
    assert np.trace(counts) == 9948
    mistakes = counts * (1 - np.eye(10, dtype=int))
    expect(page.locator("#confusion .wrong")).to_have_count(
        int(np.count_nonzero(mistakes)), timeout=60_000
    )
    label, reading = np.unravel_index(mistakes.argmax(), mistakes.shape)
    n = str(counts[label, reading])
    cell = page.locator(f"#confusion [data-label='{label}'][data-reading='{reading}']")
    expect(cell).to_have_text(n)
    for what in (n, str(label), str(reading)):
        expect(cell).to_have_accessible_name(re.compile(rf"\b{what}\b"))
    cell.click()
    expect(page.locator("#cell-images img")).to_have_count(int(n), timeout=60_000)
    expect(page.locator("#cell-title")).to_be_focused()
    image = page.locator("#cell-images img").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 28
    for chart in ("#reliability", "#risk"):
        expect(page.locator(chart).get_by_role("img")).to_be_visible()
    expect(page.locator("#serve")).to_be_disabled()  # it is served already
    check(page)


def test_the_matrix_of_each_source_is_shown(open_page, place):
    page = open_page(place, "/models")
    sources = page.locator("#sources button")
    expect(sources).to_have_text(["mnist test", "CROHME dev", "UNIPEN dev"])
    for source in sources.all()[1:]:
        name = source.inner_text()
        source.click()
        expect(source).to_have_attribute("aria-pressed", "true")
        report = bundle.read(bundle.PRETRAINED)[0].reports[name]
        expect(page.locator("#confusion-about")).to_contain_text(f"{report.n:,} readings")
        total = page.locator("#confusion tfoot td").last
        expect(total).to_have_text(f"{report.n:,}")
        expect(page.locator("#confusion [data-label='7'][data-reading='7']")).to_have_text(
            f"{report.confusion[7][7]:,}"
        )
    page.locator("#mistakes button").first.click()
    expect(page.locator("#cell-title")).to_be_focused()
    expect(page.locator("#cell-note")).to_contain_text("UNIPEN dev")
    expect(page.locator("#cell-problem")).to_be_hidden()
    expect(page.locator("#cell-images img")).to_have_count(0)
    check(page)


def test_two_bundles_are_compared_downloaded_exported_and_one_is_served(open_page, tmp_path):
    card, model = bundle.read(bundle.PRETRAINED)
    recipe = card.recipe | {"name": "mine"}
    values = {"recipe": recipe, "parameters": 123_456, "reports": {}}
    for name in ("mine", "third"):
        folder = tmp_path / "runs" / name / runs.BUNDLE
        bundle.write(folder, card.model_copy(update=values), model)
    shutil.copytree(tmp_path / "runs" / "mine", tmp_path / "runs" / "broken")
    (tmp_path / "runs" / "broken" / runs.BUNDLE / bundle.CARD).write_text("{}")
    home = {system.HOME: str(tmp_path / "home")}
    with serving("--runs", str(tmp_path / "runs"), **home) as (address, _):
        page = open_page(address, "/models")
        expect_selected(page, PRETRAINED)
        expect(page.locator("#other")).to_be_hidden()
        for name in ("runs/third", "runs/mine"):  # of two, the later
            row(page, name).get_by_role("checkbox").check()
            expect(page.locator("#other-name")).to_have_text(name)
        expect(page.locator("#bundles input:checked")).to_have_count(2)
        expect(page.locator("#other-figures")).to_contain_text("123,456")
        expect(page.locator("#figures")).to_contain_text("209,954")
        chart = page.locator("#risk").get_by_role("img")
        expect(chart).to_have_accessible_name(re.compile(r"pretrained .*runs/mine "))
        check(page)
        page.locator("#sources button").last.click()
        expect(page.locator("#status")).to_have_text("runs/mine has no report on UNIPEN dev.")
        expect(chart).not_to_have_accessible_name(re.compile("runs/mine"))
        row(page, "runs/mine").get_by_role("checkbox").uncheck()
        expect(page.locator("#other")).to_be_hidden()

        row(page, "runs/broken").get_by_role("button").click()
        expect_selected(page, "runs/broken")
        expect(page.locator("#report-problem")).to_contain_text("expected the card of a bundle")
        for part in ("#serve", "#figures", "#sources", "#confusion-part", "#charts"):
            expect(page.locator(part)).to_be_hidden()
        expect(row(page, "runs/broken").get_by_role("checkbox")).to_be_disabled()
        check(page)

        row(page, "runs/mine").get_by_role("button").click()
        for link, kind in (("#download", "zip"), ("#export", "onnx")):
            with page.expect_download() as download:
                page.locator(link).click()
            assert download.value.suggested_filename == f"mine.{kind}"
            download.value.save_as(tmp_path / f"mine.{kind}")
        assert (tmp_path / "mine.onnx").read_bytes() == model
        shutil.unpack_archive(tmp_path / "mine.zip", tmp_path / "unpacked")
        assert bundle.read(tmp_path / "unpacked")[0].recipe == recipe

        page.locator("#serve").click()
        expect(page.locator("#status")).to_have_text("runs/mine is served now.")
        expect(page.locator("#serve")).to_be_disabled()
        expect(page.locator("#in-use")).to_be_visible()
        expect(row(page, "runs/mine")).to_contain_text("served")
        expect(page.locator("#served")).to_contain_text("mine")  # the header
        page.close()  # before the server goes


def test_bundles_are_downloaded_and_exported_by_the_api(place):
    address = f"{place}/api/models"
    packed = httpx.get(f"{address}/bundle.zip", params={"name": PRETRAINED})
    assert packed.headers["content-type"] == "application/zip"
    assert packed.headers["content-disposition"].endswith("pretrained.zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as file:
        assert sorted(file.namelist()) == [bundle.CARD, bundle.MODEL]
        assert file.testzip() is None
    exported = httpx.get(f"{address}/model.onnx", params={"name": PRETRAINED})
    assert exported.headers["content-disposition"].endswith("pretrained.onnx")
    assert httpx.get(f"{address}/model.onnx").content == exported.content  # what is served
    digest = hashlib.sha256(exported.content).hexdigest()
    assert digest == bundle.read(bundle.PRETRAINED)[0].model_sha256
    for path in ("bundle.zip", "model.onnx", "report"):
        for name in ("../../etc", "runs/none", "\r\nX: 1"):
            answer = httpx.get(f"{address}/{path}", params={"name": name})
            assert answer.status_code == 422
            assert set(answer.json()) == {"error", "hint"}
            assert "\n" not in answer.json()["error"]
    answer = httpx.get(f"{address}/report", params={"name": PRETRAINED, "source": "others"})
    assert answer.status_code == 422
    assert "CROHME dev, UNIPEN dev" in answer.json()["error"]


def test_without_data_the_models_are_shown_all_the_same(open_page, tmp_path):
    for name, values in (("50%", {}), ("old", {"report": None})):
        card, model = bundle.read(bundle.PRETRAINED)
        folder = tmp_path / "runs" / name / runs.BUNDLE
        bundle.write(folder, card.model_copy(update=values), model)
    (tmp_path / "nothing").mkdir()
    empty = dict.fromkeys(("INKLING_DATA", "XDG_CACHE_HOME"), str(tmp_path / "nothing"))
    command = "inkling data fetch mnist"
    with serving("--runs", str(tmp_path / "runs"), **empty) as (address, _):
        page = open_page(address, "/models")
        expect(page.locator("#confusion tbody tr")).to_have_count(10)
        for chart in ("#reliability", "#risk"):
            expect(page.locator(chart).get_by_role("img")).to_be_visible()
        page.locator("#confusion .wrong").first.click()
        expect(page.locator("#cell-title")).to_be_focused()
        expect(page.locator("#cell-problem code")).to_have_text(command)
        expect(page.locator("#cell-images img")).to_have_count(0)
        expect(page.locator("#status")).to_have_text("")
        check(page)
        row(page, "runs/old").get_by_role("button").click()
        expect(page.locator("#report-problem code")).to_have_text(command)
        expect(page.locator("#confusion-part")).to_be_hidden()
        expect(page.locator("#figures")).to_contain_text("99.48 %")
        expect(page.locator("#status")).to_have_text("")
        row(page, "runs/50%").get_by_role("button").click()
        expect(page.locator("#confusion tbody tr")).to_have_count(10)
        expect(page.locator("#report-problem")).to_be_hidden()
        page.reload()
        expect_selected(page, "runs/50%")


@pytest.mark.parametrize("typed", ["50%", "50%25"])
def test_a_run_whose_name_is_no_encoded_text_is_found(open_page, tmp_path, typed):
    run = tmp_path / "runs" / "50%"
    shutil.copytree(bundle.PRETRAINED, run / runs.BUNDLE)
    (run / runs.PLAN).write_text("{}")
    with serving("--runs", str(tmp_path / "runs")) as (address, _):
        models = open_page(address, f"/models#runs/{typed}")
        expect_selected(models, "runs/50%")
        training = open_page(address, f"/training#{typed}")
        expect(training.locator("#watched-title")).to_have_text("50%")
        models.close()  # before the server goes
        training.close()
