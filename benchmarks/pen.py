"""Measures the time from a movement of the pen to the painted reading.

    python benchmarks/pen.py [--n 1000]

A headless Chromium draws digits on the page of a real server, one movement of the pointer a frame.

`pen_to_paint` is of movements that are sent to the server at once. It begins with the timeStamp
of the pointer event, and ends with the first task after the frame that shows the reading.
`until_shown` is of every movement. While the page waits for an answer, it collects movements and
sends them together. The time ends with the first frame that shows a reading of this movement or
of a later one.

The page is served unchanged: a script wraps its WebSocket and observes its label. Writes
results/pen.json if n is 1,000. Run nothing else meanwhile.
"""

import argparse
import json
import shutil
import sys
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from conftest import serving
from test_page import DIGITS

from inkling import system

STEPS = 25  # movements between two corners of a digit
N = 1000  # movements of a record
WARM_UP = 30  # movements before the first that counts
PARTS = ("input", "handled", "sent", "answered", "painted")  # moments of a movement, in order

# Each message of the page holds the whole drawing, so it belongs to the latest movement. Each
# answer that the page shows sets its label again, even if the text is the same.
OBSERVER = """(() => {
  window.movements = { inputs: [], shown: [] };
  const sent = new Map(); // id of a message -> its movement
  const number = (text) => Number(/^{"id": ?(\\d+)/.exec(text)?.[1]);
  let latest = null;
  let answered = null;
  addEventListener("pointermove", (event) => {
    if (event.buttons !== 1) return;
    latest = { index: movements.inputs.length, input: event.timeStamp, handled: performance.now() };
    movements.inputs.push(event.timeStamp);
  }, true);
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => { // before the page's own listener
        answered = sent.get(number(data));
        if (answered) answered.answered = performance.now();
      });
    }
    send(text) {
      if (latest) sent.set(number(text), { ...latest, sent: performance.now() });
      latest = null;
      super.send(text);
    }
  };
  addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
    const movement = answered;
    answered = null;
    if (!movement) return;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => movements.shown.push({ ...movement, painted: performance.now() });
      port2.postMessage(null); // arrives after the frame
    });
  }).observe(document.getElementById("label"), { childList: true }));
})()"""


def main() -> None:
    """Draw, measure, print and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=N, help="movements whose reading is shown")
    n = parser.parse_args().n
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with serving() as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script(OBSERVER)
        page.goto(address)
        page.wait_for_selector("#bars li")
        movements = draw(page, n + WARM_UP)
        version = browser.version
        browser.close()
    shown = movements["shown"][WARM_UP:][:n]
    moments = np.array([[movement[part] for part in PARTS] for movement in shown])
    indexes = np.array([movement["index"] for movement in shown])
    of_all = np.arange(indexes[0], indexes[-1] + 1)
    until = moments[np.searchsorted(indexes, of_all), -1] - np.array(movements["inputs"])[of_all]
    record = {
        "pen_to_paint_milliseconds": milliseconds(moments[:, -1] - moments[:, 0]),
        "until_shown_milliseconds": milliseconds(until),
        "median_milliseconds_between": {
            f"{before}_{after}": round(float(np.median(moments[:, i + 1] - moments[:, i])), 2)
            for i, (before, after) in enumerate(pairwise(PARTS))
        },
        "machine": system.describe(),
        "versions": system.versions("onnxruntime", "fastapi", "uvicorn", "playwright")
        | {"chromium": version},
        "commit": system.commit(),
    }
    text = json.dumps(record, indent=2)
    if n == N:
        (Path(__file__).parent.parent / "results" / "pen.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


def milliseconds(taken: NDArray[np.float64]) -> dict[str, float | int]:
    """Median and 99th percentile of times in milliseconds."""
    median, p99 = np.percentile(taken, [50, 99])
    return {"median": round(float(median), 2), "p99": round(float(p99), 2), "n": len(taken)}


def draw(page: Page, count: int) -> dict[str, Any]:
    """Draw one digit after the other until the readings of `count` movements have been shown."""
    box = page.locator("#canvas").bounding_box()
    assert box
    for strokes in cycle(DIGITS.values()):
        for stroke in strokes:
            points = [
                (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke
            ]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point, steps=STEPS)
            page.mouse.up()
        while page.evaluate("movements.shown.at(-1)?.index !== movements.inputs.length - 1"):
            page.wait_for_timeout(50)
        page.get_by_role("button", name="Clear").click()
        movements: dict[str, Any] = page.evaluate("movements")
        if len(movements["shown"]) >= count:
            return movements
    raise AssertionError


if __name__ == "__main__":
    main()
