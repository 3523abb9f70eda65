"""Draws a 4 on the page in a real browser, and saves docs/page.png, the README's picture.

python benchmarks/screenshot.py [--out docs/page.png]
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from conftest import serving
from test_page import DIGITS, draw

PICTURE = Path(__file__).parent.parent / "docs" / "page.png"


def main() -> None:
    """Serve the page, draw, wait for the reading, and take the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=PICTURE)
    out = parser.parse_args().out
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with serving() as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 640})
        page.goto(address)
        page.wait_for_selector("#bars li")
        draw(page, DIGITS["4"])
        page.wait_for_timeout(500)
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main()
