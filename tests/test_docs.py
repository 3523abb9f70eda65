"""What the documents say is so."""

import contextlib
import importlib.util
import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from conftest import ROOT, missing, run_inkling, serving
from PIL import Image

from inkling import __version__, system
from inkling.drawings.store import Labelled, Store, default_url
from inkling.errors import DISTRIBUTION

README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
DOCS = ROOT / "docs"
SITE_ONLY = {
    DOCS / "index.md",
    DOCS / "start.md",
    DOCS / "versions.md",
    *(DOCS / "learn").glob("*.md"),
}  # `make docs`
DOCUMENTS = {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - SITE_ONLY
NOT_IN_THE_TREE = {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}


def blocks(kind, text=README):
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def record(name):
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


def anchors(text):
    """What a link to a heading ends in, as GitHub makes it."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    """Where the README's reader stands: a 7.png lies there, and a line.png."""
    folder = tmp_path_factory.mktemp("reader")
    line = np.concatenate(list(digits[:3]), 1)
    for name, pixels in (("7.png", digits[0]), ("line.png", line)):
        Image.fromarray(pixels.repeat(10, 0).repeat(10, 1)).save(folder / name)
    return folder


def test_each_install_line_names_our_distribution():
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    assert name == DISTRIBUTION
    assert name in README
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wrong, lines = [], 0
    for path in files.stdout.splitlines():
        if (ROOT / path).suffix not in {".py", ".md", ".ipynb", ".toml", ".yml", ".yaml", ".js"}:
            continue
        if path == "CHANGELOG.md":  # says what it was
            continue
        text = (ROOT / path).read_text()
        found = re.findall(r"pip install ([^\n`#\"]*)", text)
        found += re.findall(r"^\s+\"(inkling[^\"]*\[[^\"]*)\",$", text, re.MULTILINE)
        for line in found:
            lines += 1
            ours = re.findall(r"(?<![\w./-])inkling[\w-]*", line)
            wrong += [(path, one) for one in ours if one != name]
    assert lines > 10
    assert wrong == []


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


def test_the_examples_of_many_images_run(folder):
    page = (ROOT / "docs" / "many-images.md").read_text()
    make, ask = blocks("python", page)
    lines = [line for block in blocks("sh", page) for line in block.splitlines()]
    assert len(lines) == 5
    with serving() as (address, _):

        def run(*command):
            here = [part.replace("http://127.0.0.1:8000", address) for part in command]
            result = subprocess.run(here, cwd=folder, capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
            return result.stdout

        run(sys.executable, "-c", make)
        answers = [run("bash", "-c", line) for line in lines]
        counts = [answer.count('"label":7') for answer in answers[:3]]
        assert counts == [2, 2, 1]
        assert '"images"' in answers[3]
        assert '"lines"' in answers[4]
        if importlib.util.find_spec("tritonclient") is None:
            missing("Triton's client is not here: pip install 'tritonclient[http]'")
        ask = ask.replace("127.0.0.1:8000", address.removeprefix("http://"))
        assert run(sys.executable, "-c", ask) == "[7 7]\n"


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_the_page_on_python_runs(folder, monkeypatch):
    monkeypatch.setenv(system.HOME, str(folder))
    program = folder / "page.py"
    program.write_text("\n".join(blocks("python", (ROOT / "docs" / "python.md").read_text())))
    result = subprocess.run([sys.executable, program], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (folder / "readings.csv").read_text().count("\n") > 2


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["start", "numbers", "own-data", "teach"])
def test_the_how_to_pages_run(folder, digits, name, tmp_path, monkeypatch):
    monkeypatch.setenv(system.HOME, str(tmp_path))
    page = (ROOT / "docs" / f"{name}.md").read_text()
    images = digits[:60]
    Image.fromarray(np.concatenate([*digits[:2], digits[2]]).repeat(6, 0).repeat(6, 1)).save(
        folder / "sheet.png"
    )
    for number, pixels in enumerate(images):
        label = folder / "scans" / str(number % 2)
        label.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(label / f"{number}.png")
    with contextlib.closing(Store(default_url())) as store:
        for number in range(10):
            label = 7 if number % 2 else 1
            strokes = [[[0, 0], [label * 12, 3], [40, 120 + number]]]
            read = Labelled(label, 4, 0.9, -5.0, True, "ab" * 32, strokes=strokes, pen=12.0)
            store.add(read)
    programs = blocks("python", page)
    lines = [line for block in blocks("sh", page) for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("inkling ") and "serve" not in line]
    assert programs or commands
    for line in commands:
        result = run_inkling(*shlex.split(line)[1:], cwd=folder)
        assert result.returncode == 0, (line, result.stderr)
    for program in programs:
        result = subprocess.run(
            [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 90


def test_the_tree_is_the_packages():
    tree = ARCHITECTURE.split("inkling/\n")[1].split("\n```")[0]
    named, room = set(), ""
    for indent, name in re.findall(r"^(  |    )([\w.]+/?)  ", tree, re.MULTILINE):
        room = name if indent == "  " else room
        named.add(name if indent == "  " else room + name)
    here = set()
    for path in (ROOT / "inkling").iterdir():
        here.add(path.name + "/" * path.is_dir())
        if path.is_dir():
            here |= {f"{path.name}/{part.name}{'/' * part.is_dir()}" for part in path.iterdir()}
    assert named == {
        path for path in here if NOT_IN_THE_TREE.isdisjoint(re.findall("[^/]+/?", path))
    }


def test_the_table_of_layers_is_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    table = ARCHITECTURE.split("## The layers")[1].split("\n\n")[2]
    rows = re.findall(r"^\| (`.*?`) \| .* \|$", table, re.MULTILINE)
    assert [row.replace("`", "").replace(", ", " | ") for row in rows] == layers


def test_links_lead_somewhere():
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            path, _, anchor = link.partition("#")
            if path.startswith("http"):
                continue
            target = document.parent / path if path else document
            assert target.exists(), (document.name, link)
            if anchor:
                assert anchor in anchors(target.read_text()), (document.name, link)


def test_the_version_is_the_changelogs():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE)
    assert newest
    assert newest.group(1) == __version__
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\ndate-released: {newest.group(2)}\n" in citation


def test_the_boards_are_the_leaderboard():
    _, table = re.split(r"<!-- inkling leaderboard --markdown -->\n", RESULTS)
    result = run_inkling("leaderboard", "--markdown")
    assert result.returncode == 0, result.stderr
    assert table.split("<!-- end -->")[0] == result.stdout
    assert result.stdout.count("\n| ") > 25


def test_the_readmes_results_are_the_records():
    sprint, best, challenge = record("sprint"), record("best"), record("challenge-5")
    assert sprint["mean"] >= 99
    assert f"99 % in {sprint['train_seconds']:.1f} seconds" in README.replace("\n", " ")
    for made in (sprint, best, challenge):
        assert f"{made['mean']:.2f} ± {made['std']:.2f} %" in README
        assert f"({made['n']} seeds" in README
        assert f"`inkling record {made['recipe']['name']} --seeds {made['n']}`" in README
    assert f"after {sprint['train_seconds']:.2f} s of training" in README
    assert f"{best['train_seconds']:.0f} s each" in README
    peers = {row["name"]: row for row in record("sprint-peers")["rows"]}
    assert f"`sprint` {peers['sprint']['seconds_to_target']:.2f} s" in README
    assert f"Keras' example {peers['keras']['times_the_first']:.1f} times" in README
    assert f"PyTorch's {peers['pytorch']['times_the_first']:.1f} times" in README
    for claimed in ("99.04 %", "99.641 %", "99.745 %", "93.4 %", "90.7 %"):
        assert f"{claimed} | claim" in RESULTS
        assert claimed in README


def test_the_figures_of_fine_tuning_and_of_killed_servers_are_the_records():
    taught, killed, pen = record("teach"), record("kill"), record("pen")
    before, after = taught["wrong_before"], taught["wrong_after"]
    for page in (README, RESULTS.replace("\n", " ")):
        assert re.search(rf"\b{before}\b", page)
        assert re.search(rf"\b{after} of 4,000\b", page)
        assert f"{1 - after / before:.0%} fewer".replace("%", " %") in page
        assert f"{taught['seconds_median']:.1f} s" in page
    assert taught["mnist_test_lost"] <= 0
    assert f"{killed['acknowledged']:,} drawings" in RESULTS
    assert (killed["rounds"], killed["lost"]) == (100, 0)
    paint = pen["pen_to_paint_milliseconds"]
    assert f"{paint['median']:.0f} ms at the median (n = {paint['n']:,}" in RESULTS


def test_the_times_to_99_percent_are_the_record():
    rows = {row["name"]: row for row in record("sprint-peers")["rows"]}
    for name, peer in (
        ("tuomaso's network", "tuomaso"),
        ("fast.ai's lesson 7", "fastai"),
        ("Keras' example", "keras"),
        ("PyTorch's", "pytorch"),
    ):
        (times,) = re.findall(rf"{name} ([\d.]+) times", RESULTS)
        assert times == f"{rows[peer]['times_the_first']:.1f}"
        assert f"the median of {rows[peer]['n']} runs" in RESULTS.replace("\n", " ")
    sprint = rows["sprint"]
    assert f"`sprint` takes {sprint['seconds_to_target']:.2f} s" in RESULTS
    assert f"median of {sprint['n']} runs" in RESULTS
    assert f"{sprint['share_of_matrix_product_rate']:.0%}".replace("%", " %") in RESULTS


def test_the_figures_without_onnx_runtime_are_the_record():
    page = (DOCS / "python.md").read_text().replace("\n  ", " ")
    made = record("numpy_engine")
    digits, numbers = [], []
    for part, same in made["agreement"]["parts"].items():
        (numbers if "numbers" in part else digits).append(same["n"])
        equal = {same[key] for key in same if key.endswith("_equal")}
        assert equal == {same["n"]}
        assert max(same[key] for key in same if key in ("probability_gap", "confidence_gap")) < 1e-5
    assert f"labels of {sum(digits):,} digits and the texts of {sum(numbers):,} numbers" in page
    peer, ours = made["time"]["onnxruntime"], made["time"]["numpy"]
    assert ours["digit_ms"] < 3
    assert f"image takes {ours['image_ms']:.2f} ms instead of {peer['image_ms']:.2f}" in page
    assert f"its strokes {ours['number_ms']:.1f} instead of {peer['number_ms']:.1f}" in page
    assert f"takes {ours['process_mb']:.0f} MB instead of {peer['process_mb']:.0f}" in page


def test_the_waiting_times_are_the_record():
    made = record("serving")
    read, trip = made["read_milliseconds"], made["live_round_trip_milliseconds"]
    for name, times in (
        ("a drawing's strokes", read["strokes"]),
        ("a 384x384 PNG", read["png_384"]),
        ("a 28x28 array", read["array_28"]),
        ("a live message and its answer", trip),
    ):
        (row,) = re.findall(rf"^\| .*{name}.*$", RESULTS, re.MULTILINE)
        assert f"{times['median']:.2f} ms" in row
        assert f"{times['p99']:.2f} ms" in row
    assert f"{read['network']['median']:.2f} ms of a reading" in RESULTS
    assert f"{made['serve_to_ready_seconds']:.1f} s" in RESULTS
    assert f"{made['help_seconds']:.2f} s" in RESULTS
    assert f"{made['wheel_megabytes']:.2f} MB" in RESULTS
    assert f"{made['base_environment_megabytes']:.0f} MB" in RESULTS


def test_the_tables_of_engines_are_its_record():
    engines = runpy.run_path(str(ROOT / "benchmarks" / "engines.py"))
    page = (ROOT / "docs" / "engines.md").read_text()
    assert engines["markdown"](record("engines")) == re.split(r"<!-- .*? -->\n", page)[1]
