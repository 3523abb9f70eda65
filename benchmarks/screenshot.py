"""Writes a number on the page in a real browser, and saves docs/page.png, the README's picture.

python benchmarks/screenshot.py [--out docs/page.png]
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from scipy import interpolate

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from conftest import serving
from test_page import draw

PICTURE = Path(__file__).parent.parent / "docs" / "page.png"
FORMS = {  # strokes through points, x and y in a box of height 1
    "1": [[(0.05, 0.35), (0.25, 0.15), (0.4, 0.0)], [(0.4, 0.0), (0.38, 0.5), (0.37, 1.0)]],
    "2": [
        [(0.05, 0.22), (0.3, 0.0), (0.55, 0.25), (0.3, 0.65), (0.0, 0.97)],
        [(0, 0.97), (0.62, 1)],
    ],
    ".": [[(0.0, 0.96), (0.03, 0.98)]],
    "5": [
        [(0.2, 0.02), (0.13, 0.42), (0.42, 0.38), (0.6, 0.66), (0.4, 0.98), (0.03, 0.92)],
        [(0.2, 0.02), (0.62, 0.0)],
    ],
    "0": [[(0.38, 0.02), (0.08, 0.3), (0.12, 0.8), (0.4, 0.97), (0.62, 0.5), (0.4, 0.02)]],
}
WIDTHS = {"1": 0.72, ".": 0.32}
TEXT, HEIGHT, LEFT, TOP = "12.50", 0.5, -0.4, 0.3  # in shares of the sheet's height


def smooth(points: list[tuple[float, float]]) -> np.ndarray:
    """The points `(n, 2)` of a curve through those given."""
    if len(points) < 3:
        return np.array(points)
    curve, _ = interpolate.splprep(np.array(points).T, s=0, k=min(3, len(points) - 1))
    return np.transpose(interpolate.splev(np.linspace(0, 1, 40), curve))


def strokes(text: str) -> list[np.ndarray]:
    """The strokes of a number, for `draw`."""
    found, left = [], LEFT
    for character in text:
        found += [smooth(points) * HEIGHT + (left, TOP) for points in FORMS[character]]
        left += HEIGHT * WIDTHS.get(character, 0.9)
    return found


def main() -> None:
    """Serve the page, write, wait for the reading, and take the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=PICTURE)
    out = parser.parse_args().out
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with serving() as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 660})
        page.goto(address)
        page.wait_for_selector("#served")
        draw(page, strokes(TEXT))
        page.wait_for_timeout(1000)
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main()
