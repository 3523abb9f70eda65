"""How fast a network learns in the page /learn, in Chromium.

    python benchmarks/learn.py --seeds 5 --out results/learn.json

For each seed it opens the page, trains the network that the page suggests, and notes how long
training took, by the page's own clock, until 93 % of the 1,000 images held out were read
correctly, and what was reached after 20 seconds.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from inkling import system

TARGET, SECONDS = 93.0, 20.0


def figures(page: Page) -> dict[str, float]:
    """What the page says of the training: accuracy in per cent, loss, epochs, steps, seconds."""
    values = page.locator("#figures dd").all_inner_texts()
    found = [float(re.sub("[ ,%]", "", value)) for value in values]
    return dict(zip(("accuracy", "loss", "epochs", "steps", "seconds"), found, strict=True))


def trained(page: Page, seed: int) -> dict[str, float | None]:
    """One training: seconds until the target, and the accuracy after SECONDS."""
    page.locator("[name=seed]").fill(str(seed))
    page.locator("[name=seed]").blur()
    page.locator("#again:enabled").click()
    page.wait_for_timeout(2000)  # until the fresh network is there
    assert figures(page)["steps"] == 0
    page.locator("#run:enabled").click()
    reached = None
    while (now := figures(page))["seconds"] < SECONDS:
        if reached is None and now["accuracy"] >= TARGET:
            reached = now["seconds"]
        page.wait_for_timeout(50)
    page.locator("#run").click()
    return {"seed": seed, "seconds_to_target": reached, **now}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    command = [sys.executable, "-m", "inkling", "serve", "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as playwright,
    ):
        assert server.stdout
        address = next(
            found[0] for line in server.stdout if (found := re.search(r"http://[\d.:]+", line))
        )
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        page = browser.new_page()
        page.goto(f"{address}/learn")
        try:
            runs = [trained(page, seed) for seed in range(options.seeds)]
        finally:
            version = browser.version
            browser.close()
            server.terminate()
    times = [run["seconds_to_target"] for run in runs if run["seconds_to_target"] is not None]
    record = {
        "network": "784-100-10, 5,000 images of MNIST",
        "target": TARGET,
        "runs": runs,
        "reached": len(times),
        "median_seconds_to_target": statistics.median(times) if times else None,
        "mean_accuracy": statistics.mean(run["accuracy"] or 0 for run in runs),
        "chromium": version,
        "commit": system.commit(),
        "machine": system.describe(),
    }
    text = json.dumps(record, indent=2) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
