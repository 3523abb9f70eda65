"""The quickstart in JupyterLab and in marimo, in a real browser; run by `make front-ends`."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.timeout(400)
SEVEN = [(0.25, 0.2), (0.72, 0.2), (0.45, 0.85)]  # shares of the pad
TRAINING_MS = 180_000  # until all cells have run


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def served(folder, *command):
    """A notebook server in a folder, until it answers; stopped at the end."""
    port = free_port()
    home = {name: str(folder / "home") for name in ("HOME", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={port}"],
            cwd=folder,
            env=os.environ | home,
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1300, "height": 1400})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def draw_seven(page: Page):
    """Draw on the pad of a notebook with the mouse, so slowly that Python answers meanwhile."""
    pad = page.locator(".inkling-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=12)
        page.wait_for_timeout(400)
    expect(page.locator(".inkling-pad output")).to_have_text(re.compile(r"^7 \(\d"))
    page.mouse.up()


class Lab:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Page, address: str):
        self.page = page
        asks = page.get_by_role("button", name="Select Kernel")  # at times, which one to run
        page.add_locator_handler(asks, lambda button: button.click())
        page.goto(f"{address}/lab/tree/quickstart.ipynb?token=lab")
        self.cells = page.locator(".jp-CodeCell")
        expect(self.cells.first).to_be_visible()
        self.is_idle()

    def is_idle(self):
        """Wait until a kernel is there and has nothing to do."""
        idle = self.page.get_by_role("button", name="Python 3 (ipykernel) | Idle")
        expect(idle).to_be_visible(timeout=TRAINING_MS)

    def choose(self, menu, entry):
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile(entry)).click()

    def run(self, code):
        """Run code in a new cell at the end, and give that cell; it may still run."""
        self.page.locator(".jp-Cell").last.click()
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        cell = self.page.locator(".jp-Cell").last
        cell.locator(".cm-content").fill(code)
        self.page.keyboard.press("Control+Enter")
        return cell


def test_the_quickstart_in_jupyterlab(page, tmp_path):
    shutil.copy(ROOT / "docs" / "quickstart.ipynb", tmp_path)
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token=lab"]
    with served(tmp_path, "jupyterlab", *options) as address:
        lab = Lab(page, address)
        lab.choose("Run", "^Run All Cells$")
        tuned = page.locator(".jp-OutputArea").get_by_text("held-out drawings read right")
        expect(tuned).to_be_visible(timeout=TRAINING_MS)
        lab.is_idle()
        expect(page.get_by_text("Traceback")).to_have_count(0)
        draw_seven(page)
        reading = lab.run("pad.reading")
        expect(reading.locator(".jp-OutputArea")).to_contain_text("7 (")
        kept = lab.run("print(pad.label(7).label, pad.reading)")
        expect(kept.locator(".jp-OutputArea")).to_contain_text("7 None")
        expect(page.locator(".inkling-pad output")).to_have_text("Kept as 7")
        draw_seven(page)  # the sheet is empty again

        mistake = lab.run('inkling.load_data("mnits")')
        expect(mistake.locator(".jp-OutputArea")).to_contain_text("DataError: Expected")
        expect(mistake.locator(".jp-OutputArea")).not_to_contain_text("File")

        training = lab.run('run = inkling.train("mlp", epochs=50, out="long")')
        table = training.locator(".jp-OutputArea table tr")
        expect(table).not_to_have_count(0, timeout=60_000)  # an epoch has ended
        page.locator("[data-jp-item-name=interrupt]").click()  # the stop button
        expect(training.locator(".jp-OutputArea")).to_contain_text("Stopped and saved")
        state = lab.run("print(run.state, len(run.history) > 1)")
        expect(state.locator(".jp-OutputArea")).to_contain_text("stopped True")
        going_on = lab.run("run.resume()")
        expect(going_on.locator(".jp-OutputArea table tr")).not_to_have_count(0, timeout=60_000)

        lab.choose("Kernel", "^Restart Kernel…")
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_timeout(2000)
        lab.is_idle()
        code = 'import inkling; run = inkling.open_run("long"); print(run.state)'
        expect(lab.run(code).locator(".jp-OutputArea")).to_contain_text("stopped")
        again = lab.run("run.resume()")
        expect(again.locator(".jp-OutputArea table tr")).not_to_have_count(0, timeout=60_000)
        lab.choose("Kernel", "^Interrupt Kernel")
        expect(again.locator(".jp-OutputArea")).to_contain_text("Stopped and saved")


def test_the_quickstart_in_marimo(page, tmp_path):
    shutil.copy(ROOT / "docs" / "quickstart.ipynb", tmp_path)
    command = [sys.executable, "-m", "marimo", "convert", "quickstart.ipynb", "-o", "quick.py"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with served(tmp_path, "marimo", "run", "quick.py", "--headless", "--no-token") as address:
        page.goto(address)
        tuned = page.get_by_text("held-out drawings read right")
        expect(tuned).to_be_visible(timeout=TRAINING_MS)
        expect(page.get_by_text("trained in")).to_have_count(1)  # shown in the cell
        draw_seven(page)
