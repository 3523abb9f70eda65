import csv
import io
import json
import os
import pty
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, invoke, run_inkling
from PIL import Image, ImageDraw
from typer.main import get_command

from inkling import __version__
from inkling.cli import app


def commands(group=None, path=()):
    group = group or get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.fixture(scope="module")
def pictures(digits, tmp_path_factory):
    """A folder with a 7, a 2, a file that is no picture, and a folder in it with a 1."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "inside").mkdir()
    for name, index in (("a7.png", 0), ("b2.png", 1), ("inside/c1.bmp", 2)):
        Image.fromarray(digits[index].repeat(8, 0).repeat(8, 1)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    (folder / "empty").mkdir()
    Image.new("L", (50, 50)).save(folder.parent / "blank.png")
    return folder


def test_every_command_and_option_has_help():
    found = list(commands())
    assert len(found) >= 8
    for path, command in found:
        assert command.help, path
        for parameter in command.params:
            assert parameter.help, (path, parameter.name)


def test_help_imports_nothing_heavy():
    heavy = ("torch", "ray", "onnxruntime", "fastapi", "uvicorn", "numpy", "pydantic", "requests")
    code = (
        "import sys; sys.argv = ['inkling', '--help']\n"
        "from inkling.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "Usage: inkling" in out
    assert json.loads(out.splitlines()[-1].replace("'", '"')) in ([], ["pydantic"])


def test_version_is_the_packages():
    assert invoke("--version").stdout == f"inkling {__version__}\n"


def test_read_prints_a_line_a_picture(pictures):
    result = invoke("read", str(pictures))
    assert result.returncode == 0
    assert result.stderr == ""
    lines = [line.removeprefix(f"{pictures}/") for line in result.stdout.splitlines()]
    assert [line.split()[:2] for line in lines] == [
        ["a7.png:", "7"],
        ["b2.png:", "2"],
        ["inside/c1.bmp:", "1"],
    ]


def test_read_takes_standard_input_and_gives_json(pictures):
    content = (pictures / "a7.png").read_bytes()
    result = run_inkling("read", "-", "--json", input=content, text=False)
    reading = json.loads(result.stdout)
    assert (reading["file"], reading["label"]) == ("-", 7)
    assert len(reading["probabilities"]) == 10


def test_read_shows_which_ink_spoke(pictures, tmp_path):
    sheet, files = tmp_path / "why.png", (str(pictures / "a7.png"), str(pictures / "b2.png"))
    result = invoke("read", "--csv", *files, "--explain", str(sheet))
    assert result.returncode == 0
    assert len(list(csv.DictReader(io.StringIO(result.stdout)))) == 2
    with Image.open(sheet) as drawn:
        red, _, blue = np.moveaxis(np.asarray(drawn, int), -1, 0)
    assert (red - blue).max() > 100  # some ink spoke for its reading
    nowhere = invoke("read", files[0], "--explain", str(tmp_path / "no" / "why.png"))
    assert nowhere.returncode == 1
    assert len(nowhere.stderr.splitlines()) == 1


def test_a_bad_standard_input_is_named():
    result = run_inkling("read", "-", input="no picture")
    assert result.returncode == 1
    assert result.stderr.startswith("inkling: standard input: Expected a picture")


def test_read_gives_csv(pictures):
    result = invoke("read", "--csv", str(pictures / "a7.png"), str(pictures / "b2.png"))
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["label"] for row in rows] == ["7", "2"]
    assert all(0.5 < float(row["confidence"]) <= 1 for row in rows)


def test_read_says_what_it_does_not_accept(pictures, tmp_path):
    dash = np.zeros((100, 100), np.uint8)
    dash[45:55, 10:90] = 255
    Image.fromarray(dash).save(tmp_path / "dash.png")
    files = str(pictures / "a7.png"), str(tmp_path / "dash.png")
    said = invoke("read", *files).stdout.splitlines()
    assert said[0].startswith(f"{files[0]}: 7 (")
    assert said[1].startswith(f"{files[1]}: not sure, perhaps ")
    table = invoke("read", *files, "--csv", "--min-accuracy", "0.99").stdout
    assert [row["accepted"] for row in csv.DictReader(io.StringIO(table))] == ["True", "False"]
    rejected = invoke("read", *files, "--min-accuracy", "1")
    assert rejected.returncode == 1
    assert "24,460 images can promise" in rejected.stderr
    assert len(rejected.stderr.splitlines()) == 1


def test_read_takes_a_number(digits, tmp_path):
    line, file = np.concatenate(list(digits[:3]), 1), tmp_path / "line.png"
    Image.fromarray(line.repeat(4, 0).repeat(4, 1)).save(file)
    assert "721" in invoke("read", "--number", str(file)).stdout
    content = json.loads(invoke("read", "--number", "--json", str(file)).stdout)
    assert [part["text"] for part in content["parts"]] == ["7", "2", "1"]
    table = invoke("read", "--number", "--csv", str(file)).stdout
    assert next(csv.DictReader(io.StringIO(table)))["number"] == "721"
    both = invoke("read", "--number", "--explain", "x.png", str(file))
    assert both.returncode == 2


def test_read_takes_every_row(digits, tmp_path):
    rows = [np.pad(np.concatenate(list(digits[at : at + 2]), 1), 6) for at in (0, 2)]
    file = tmp_path / "rows.png"
    Image.fromarray(np.concatenate(rows).repeat(4, 0).repeat(4, 1)).save(file)
    said = invoke("read", "--lines", str(file)).stdout.splitlines()
    assert [line.split(": ")[0] for line in said] == [f"{file} row 1", f"{file} row 2"]
    assert "72" in said[0]
    assert "10" in said[1]
    content = json.loads(invoke("read", "--lines", "--json", str(file)).stdout)
    assert [line["text"] for line in content["lines"]] == ["72", "10"]
    table = csv.DictReader(io.StringIO(invoke("read", "--lines", "--csv", str(file)).stdout))
    assert [(row["row"], row["number"]) for row in table] == [("1", "72"), ("2", "10")]


def test_read_keeps_to_a_format(digits, tmp_path):
    line, file = np.concatenate(list(digits[:3]), 1), tmp_path / "line.png"
    Image.fromarray(line.repeat(4, 0).repeat(4, 1)).save(file)
    fits = invoke("read", "--number", "--format", r"\d{3}", "--max", "800", str(file))
    assert "721" in fits.stdout
    beyond = invoke("read", "--number", "--max", "500", "--json", str(file))
    assert json.loads(beyond.stdout)["accepted"] is False
    for wrong in (["--format", "["], ["--check", "lun"], ["--min", "9", "--max", "1"]):
        refused = invoke("read", "--number", *wrong, str(file))
        assert refused.returncode != 0
        assert "Expected" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert invoke("read", "--format", "date", str(file)).returncode == 2


def test_a_file_whose_name_is_no_text_is_read(pictures, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    with open(path, "wb") as file:  # noqa: PTH123 (the name is bytes)
        file.write((pictures / "a7.png").read_bytes())
    result = run_inkling("read", path, text=False)
    assert result.returncode == 0
    assert b".png: 7 (" in result.stdout


def test_a_bad_file_is_reported_and_the_rest_are_read(pictures):
    wrong = [pictures / "notes.txt", pictures / "none.png", pictures / "empty"]
    files = [*wrong, pictures.parent / "blank.png", pictures / "b2.png"]
    result = invoke("read", *map(str, files))
    assert result.returncode == 1
    errors = result.stderr.splitlines()
    assert len(errors) == 4
    assert "nothing drawn" in errors[3]
    assert all(str(file) in line for file, line in zip(files, errors, strict=False))
    assert result.stdout.startswith(f"{files[-1]}: 2 (")


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["train", "digit"], 1, "Perhaps you meant digits"),
        (["train", "--set", "epoch=3"], 1, "Perhaps you meant epochs"),
        (["train", "--dataset", "mnits"], 1, "Perhaps you meant mnist"),
        (["train", "--resume", "nowhere"], 1, "expected the folder of a run"),
        (["train", "--resume", "nowhere", "--epochs", "3"], 2, "no other option"),
        (["train", "mlp", "--resume", "nowhere"], 2, "no other option"),
        (["test", "nowhere"], 1, "expected a bundle"),
        (["read", "x.png", "--bundle", "nowhere"], 1, "expected a bundle"),
        (["data", "show", "mnits"], 1, "Perhaps you meant mnist"),
        (["data", "show", "optdigits", "--label", "10"], 2, "labels 0 to 9"),
        (["data", "show", "optdigits", "--png", "/nowhere/x.png"], 1, "/nowhere/x.png"),
        (["recipes", "mpl"], 1, "Perhaps you meant mlp"),
        (["test", "--dataset", "mnits"], 1, "Perhaps you meant mnist"),
        (["test", "--dataset", "fashion-mnist"], 1, "Name another with --dataset"),
        (["train", "--dataset", "optdigits", "--set", "batch=9999"], 1, "at most 1,372"),
    ],
)
def test_bad_input_gets_a_line(arguments, code, what, tmp_path):
    result = invoke(*arguments, cwd=tmp_path)
    assert result.returncode == code
    assert what in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
    assert code == 2 or result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_says_its_pip_line(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['inkling', 'train']\n"
        "from inkling.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "pip install 'inkling-reader[train]'" in result.stderr


def test_data_list_says_what_is_here(tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = invoke("data", "list").stdout
    here = {line.split()[0] for line in out.splitlines() if " not here " not in line[:25]}
    assert {"mnist", "fashion-mnist", "unipen", "crohme"}.isdisjoint(here)
    assert "optdigits" in here
    assert "CC BY-NC-SA 3.0" in out
    assert "Guyon" in out
    assert "https://ossci-datasets.s3.amazonaws.com/mnist/" in out
    assert str(tmp_path) in out


def test_data_show_draws_in_plain_characters_when_piped():
    out = invoke("data", "show", "optdigits", "--label", "3", "--count", "2").stdout
    assert "0 0 0 1 0 0 0 0 0 0" in out
    assert "@" in out
    assert "▀" not in out
    assert "\x1b" not in out


def in_a_terminal(*arguments, columns=80):
    """What a command writes to a real terminal, its size and colours set as a shell does."""
    parent, child = pty.openpty()
    environment = os.environ | {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": str(columns),
        "LANG": "C.UTF-8",
    }
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "inkling", *arguments],
        stdout=child,
        stderr=child,
        stdin=child,
        env=environment,
    ) as process:
        os.close(child)
        written = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:
                break
            if not piece:
                break
            written += piece
    os.close(parent)
    return process.returncode, written.decode()


def test_data_show_draws_half_blocks_in_a_terminal():
    code, out = in_a_terminal("data", "show", "optdigits", "--count", "2")
    assert code == 0
    assert out.count("▀") == 2 * 28 * 14
    assert "48;2;255;255;255" in out


def test_data_show_writes_a_contact_sheet(tmp_path):
    path = tmp_path / "sheet.png"
    result = invoke("data", "show", "optdigits", "--count", "25", "--png", str(path))
    assert (result.stdout, result.stderr) == ("", f"Wrote {path}\n")
    with Image.open(path) as sheet:
        assert sheet.width > 10 * 84
        assert len(sheet.getcolors(100_000)) > 50


def test_a_training_shows_itself_in_a_terminal(tmp_path):
    code, out = in_a_terminal(
        "train", "mlp", "--dataset", "optdigits", "--epochs", "30", "--out", str(tmp_path / "run")
    )
    assert code == 0
    assert "images/s" in out
    assert "30/30" in out
    assert "accuracy" in out
    assert f"inkling test {tmp_path}/run/bundle" in out.replace("\r\n", "\n")


@pytest.mark.usefixtures("mnist")
def test_test_measures_and_draws(tmp_path):
    confusion, mistakes = tmp_path / "c.png", tmp_path / "m.png"
    result = invoke("test", "--confusion", str(confusion), "--mistakes", str(mistakes))
    assert result.returncode == 0, result.stderr
    assert "95 % interval" in result.stdout
    assert "recall" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    for path in (confusion, mistakes):
        with Image.open(path) as image:
            assert image.width > 100
    report = json.loads(invoke("test", "--json", "--mistakes", str(mistakes)).stdout)
    assert report["n"] == sum(map(sum, report["confusion"])) == 10_000
    assert report["accuracy"] > 0.99
    assert len(report["precision"]) == len(report["recall"]) == 10


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("train challenge-5 --dataset fashion-mnist", "Fetching fashion-mnist"),
        ("record sprint --allow-dirty --quiet", ""),
    ],
)
def test_a_training_fetches_its_data_and_reports_what_fails(tmp_path, monkeypatch, command, said):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = invoke(*command.split(), cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(said or "inkling: ")
    assert "expected a download, but no mirror gave it" in result.stderr
    assert "ProxyError" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [("recipes",), ("--help",), ("read", "a7.png", "--json")])
def test_a_full_standard_output_is_one_line(pictures, arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = subprocess.run(
            [sys.executable, "-m", "inkling", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=pictures,
        )
    assert result.returncode == 1
    assert result.stderr.startswith("inkling: standard output: expected room to write to")
    assert result.stderr.count("\n") == 1


def test_a_closed_pipe_is_no_error(pictures):
    process = subprocess.Popen(
        [sys.executable, "-m", "inkling", "read", *[str(pictures)] * 300],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    process.stdout.read(10)
    process.stdout.close()
    time.sleep(0.1)
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) == 1


def test_several_data_sets_are_measured_in_one_table(tmp_path):
    for label in "38":
        (tmp_path / label).mkdir()
        for number in range(3):
            image = Image.fromarray(np.full((40, 40), 255, np.uint8))
            ImageDraw.Draw(image).text((14, 12), label, fill=0)
            image.save(tmp_path / label / f"{number}.png")
    command = ("test", "--dataset", "optdigits", "--dataset", str(tmp_path))
    out = invoke(*command).stdout
    assert "optdigits" in out
    assert max(map(len, out.splitlines())) <= 80
    report = json.loads(invoke(*command, "--json").stdout)
    assert [source["n"] for source in report["sources"]] == [300, 6]
    assert report["n"] == 306
    assert sum(map(sum, report["confusion"])) == 306
    bad = invoke("test", "--dataset", "unipen:nonsense")
    assert bad.returncode == 1
    assert "dev, dev-cleaned, train" in bad.stderr
