"""What the documents say is so."""

import json
import re
import runpy
import shlex
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, run_inkling, serving
from PIL import Image

from inkling import __version__

README = (ROOT / "README.md").read_text()


def blocks(kind, text=README):
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """Where the README's reader stands: a 7.png lies there, and a line.png."""
    folder = tmp_path_factory.mktemp("reader")
    line = np.concatenate(list(digits[:3]), 1)
    for name, pixels in (("7.png", digits[0]), ("line.png", line)):
        Image.fromarray(pixels.repeat(10, 0).repeat(10, 1)).save(folder / name)
    return folder


def test_the_readmes_commands_run(folder):
    lines = [line for block in blocks("sh") for line in block.splitlines() if line]
    assert len(lines) >= 8
    for line in lines:
        arguments = shlex.split(line)[1:]
        if arguments[0] == "serve":
            options = [str(folder / a) if a.startswith("runs") else a for a in arguments[1:]]
            with serving(*options) as (address, _):
                assert address.startswith("http://127.0.0.1:")
            continue
        if arguments[0] == "train":  # the same command, made short
            arguments += ["--dataset", "optdigits", "--epochs", "2"]
        result = run_inkling(*arguments, cwd=folder)
        assert result.returncode == 0, (line, result.stderr)
    assert (folder / "mistakes.png").exists()
    assert (folder / "confusion.png").exists()


def test_the_readmes_program_runs(folder):
    (program,) = blocks("python")
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"7 [01]\.\d+\n7\n", result.stdout)


@pytest.mark.usefixtures("mnist")
def test_first_principles_runs_and_makes_its_pictures(tmp_path):
    program = "\n".join(blocks("python", (ROOT / "docs" / "first-principles.md").read_text()))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    made = {path.name: path for path in tmp_path.glob("*.png")}
    shown = {path.name: path for path in (ROOT / "docs" / "first-principles").glob("*.png")}
    assert made.keys() == shown.keys()
    for name, path in made.items():
        with Image.open(path) as new, Image.open(shown[name]) as old:
            assert new.size == old.size, name
            gap = np.abs(np.asarray(new.convert("RGB"), int) - np.asarray(old.convert("RGB"), int))
        if name not in ("hidden.png", "swing.png"):  # 20,000 steps enlarge what a processor rounds
            assert gap.mean() < 1, name


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_tree_is_the_packages():
    plan = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"^  (\w+\.py|\w+/)  ", plan, re.MULTILINE))
    here = {path.name + "/" * path.is_dir() for path in (ROOT / "inkling").iterdir()}
    assert named == here - {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}


def test_links_lead_somewhere():
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)", document.read_text()):
            assert link.startswith("http") or (document.parent / link).exists(), link


def test_the_version_is_the_changelogs():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    assert newest
    assert newest.group(1) == __version__


def test_the_readmes_table_is_the_leaderboard():
    _, table = re.split(r"<!-- inkling leaderboard --markdown -->\n", README)
    result = run_inkling("leaderboard", "--markdown")
    assert result.returncode == 0, result.stderr
    assert table.split("<!-- end -->")[0] == result.stdout
    assert result.stdout.count("\n| ") > 25
    sprint = json.loads((ROOT / "results" / "sprint.json").read_text())
    assert sprint["mean"] >= 99
    assert f"99 % in {sprint['train_seconds']:.1f} seconds" in README.replace("\n", " ")


def test_the_readmes_times_to_99_percent_are_the_record():
    record = json.loads((ROOT / "results" / "sprint-peers.json").read_text())
    rows = {row["name"]: row for row in record["rows"]}
    for name, peer in (
        ("tuomaso's network", "tuomaso"),
        ("fast.ai's lesson 7", "fastai"),
        ("Keras' example", "keras"),
        ("PyTorch's", "pytorch"),
    ):
        (times,) = re.findall(rf"{name} ([\d.]+) times", README.replace("\n", " "))
        assert times == f"{rows[peer]['times_the_first']:.1f}"
    assert f"`sprint` {rows['sprint']['seconds_to_target']:.2f} s" in README
    assert f"{rows['sprint']['share_of_matrix_product_rate']:.0%}".replace("%", " %") in README


def test_the_readmes_waits_are_the_record():
    record = json.loads((ROOT / "results" / "serving.json").read_text())
    read, trip = record["read_milliseconds"], record["live_round_trip_milliseconds"]
    for name, times in (
        ("a drawing's strokes", read["strokes"]),
        ("a 384x384 PNG", read["png_384"]),
        ("a 28x28 array", read["array_28"]),
        ("a live message and its answer", trip),
    ):
        (row,) = re.findall(rf"^\| .*{name}.*$", README, re.MULTILINE)
        assert f"{times['median']:.2f} ms" in row
        assert f"{times['p99']:.2f} ms" in row
    assert f"{record['serve_to_ready_seconds']:.1f} s" in README
    assert f"{record['help_seconds']:.2f} s" in README
    assert f"{record['wheel_megabytes']:.2f} MB" in README
    assert f"{record['base_environment_megabytes']:.0f} MB" in README


def test_the_tables_of_engines_are_its_record():
    engines = runpy.run_path(str(ROOT / "benchmarks" / "engines.py"))
    record = json.loads((ROOT / "results" / "engines.json").read_text())
    page = (ROOT / "docs" / "engines.md").read_text()
    assert engines["markdown"](record) == re.split(r"<!-- .*? -->\n", page)[1]
