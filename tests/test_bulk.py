"""Reading in bulk: the rows, what is left of a stopped job, processes that die."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow
import pytest
from conftest import invoke
from PIL import Image
from pyarrow import parquet

from inkling import Drawing
from inkling.bulk import Job, Options, parts_of, places, processes
from inkling.bulk.processes import DIED
from inkling.data import idx
from inkling.errors import InklingError
from inkling.reading.reader import Reader

SEVEN = [[[110, 80], [270, 80], [180, 310]]]


@pytest.fixture(scope="module")
def scans(tmp_path_factory, digits):
    """A folder of 150 pictures, one of them broken, and files of many images."""
    folder = tmp_path_factory.mktemp("scans")
    (folder / "deep").mkdir()
    for index in range(150):
        large = 255 - digits[index].repeat(3, 0).repeat(3, 1)
        Image.fromarray(large).save(folder / ("deep" if index % 2 else ".") / f"{index:03}.png")
    (folder / "050.png").write_bytes(b"no picture")
    (folder / "._051.png").write_bytes(b"what macOS writes")
    (folder / "notes.txt").write_text("not read")
    np.save(folder / "zmany.npy", digits[:300])
    (folder / "z-ubyte").write_bytes(idx.serialize(digits[:40]))
    return folder


def rows_of(file):
    return parquet.read_table(file).to_pylist()


def test_a_row_stands_for_everything_read_and_for_what_cannot_be(scans, digits, tmp_path):
    out = tmp_path / "readings.parquet"
    said = invoke("read", str(scans), "--out", str(out))
    assert (said.returncode, said.stdout) == (0, f"490 rows in {out}\n")
    rows = rows_of(out)
    reader = Reader.load()
    by_source = {}
    for row in rows:
        by_source.setdefault(Path(row["source"]).name, []).append(row)
        assert row["model"] == reader.card.model_sha256
    assert list(by_source) == sorted(by_source, key=list(by_source).index)
    (broken,) = by_source["050.png"]
    assert broken["text"] is None
    assert "Expected a picture" in broken["error"]
    (read,) = by_source["003.png"]
    alone = reader.read(scans / "deep" / "003.png")
    assert (read["text"], read["label"], read["accepted"]) == (
        alone.name,
        alone.label,
        alone.accepted,
    )
    assert read["confidence"] == pytest.approx(alone.confidence, abs=1e-6)
    labels = reader.probabilities(digits[:300, None].astype(np.float32) / 255).argmax(1)
    assert [row["label"] for row in by_source["zmany.npy"]] == labels.tolist()
    assert [row["item"] for row in by_source["zmany.npy"]] == list(range(300))
    assert [row["label"] for row in by_source["z-ubyte"]] == labels[:40].tolist()
    again = invoke("read", str(scans), "--out", str(out))
    assert again.returncode == 1
    assert "it is there. Name another" in again.stderr


def test_tables_of_strokes_and_pictures_are_read(tmp_path, digits):
    strokes = {"strokes": [SEVEN, [], None], "pen": [30.0, None, 1.0]}
    parquet.write_table(pyarrow.table(strokes), tmp_path / "strokes.parquet")
    hugging = pyarrow.table({"image": [{"bytes": digits[0].tobytes()}, {"bytes": b"?"}]})
    parquet.write_table(hugging, tmp_path / "images.parquet", row_group_size=1)
    other = pyarrow.table({"a": [1, 2]})
    parquet.write_table(other, tmp_path / "other.parquet", row_group_size=1)
    files = [tmp_path / f"{name}.parquet" for name in ("strokes", "images", "other")]
    job = Job.begin(str(tmp_path / "out"), parts_of(map(str, files)), None, Options())
    assert [part.count for part in job.parts] == [3, 1, 1, 1, 1]
    assert dict(processes.run(job, 1)) == {0: 3, 1: 1, 2: 1, 3: 1, 4: 1}
    assert job.join() == 7
    rows = rows_of(tmp_path / "out")
    assert [row["text"] for row in rows] == ["7", None, None, "7", None, None, None]
    assert [row["item"] for row in rows] == [0, 1, 2, 0, 1, 0, 1]
    assert [bool(row["error"]) for row in rows] == [False, True, True, False, True, True, True]


def test_numbers_and_lines_are_read(tmp_path):
    table = pyarrow.table({"strokes": [[[[0, 0], [0, 90]], [[60, 0], [60, 90]]]]})
    parquet.write_table(table, tmp_path / "t.parquet")
    for option, line in (("--number", None), ("--lines", 0)):
        out = tmp_path / f"{option}.parquet"
        said = invoke("read", str(tmp_path / "t.parquet"), option, "--out", str(out))
        assert said.returncode == 0, said.stderr
        (row,) = rows_of(out)
        assert (row["text"], row["label"], row["line"]) == ("11", None, line)
    assert Reader.load().read_number(Drawing([[(0, 0), (0, 90)], [(60, 0), (60, 90)]])).text == "11"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nothing"], "found nothing there"),
        (["empty"], "found none"),
        (["gone://x"], "expected a path or an address"),
        (["bad.npy"], "expected images as .npy or IDX"),
        (["bad.parquet"], "expected a Parquet table"),
        (["bad.parquet", "--json"], "--out excludes --json"),
        (["good.npy", "--min-accuracy", "0.99999"], "can promise"),
    ],
)
def test_what_cannot_be_read_is_a_line(tmp_path, digits, given, said):
    (tmp_path / "empty").mkdir()
    for name in ("bad.npy", "bad.parquet"):
        (tmp_path / name).write_bytes(b"bad")
    np.save(tmp_path / "good.npy", digits[:2])
    answer = invoke("read", *given, "--out", "out.parquet", cwd=tmp_path)
    assert answer.returncode in (1, 2)
    assert said in " ".join(answer.stderr.replace("│", " ").split())
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out.parquet").exists()


def test_what_is_done_is_not_done_again_and_the_file_is_the_same(scans, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "IMAGES", 50)
    parts = parts_of([str(scans)])
    whole = Job.begin(str(tmp_path / "whole"), parts, None, Options())
    assert len(list(processes.run(whole, 2))) == len(parts)
    whole.join()
    stopped = Job.begin(str(tmp_path / "stopped"), parts, None, Options())
    going = processes.run(stopped, 1)
    done = [next(going)[0] for _ in range(3)]
    going.close()
    left = stopped.todo()
    assert set(done) <= set(range(len(parts))) - set(left)
    assert left
    again = Job.begin(str(tmp_path / "stopped"), parts, None, Options())
    assert sorted(number for number, _ in processes.run(again, 2)) == left
    again.join()
    assert (tmp_path / "stopped").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not list(tmp_path.glob("*.parts"))
    other = Job.begin(str(tmp_path / "third"), parts, None, Options())
    with pytest.raises(InklingError, match="the job that was begun there"):
        Job.begin(str(tmp_path / "third"), parts[1:], None, Options())
    with pytest.raises(InklingError, match="other options"):
        Job.begin(str(tmp_path / "third"), parts, None, Options("number"))
    assert other.todo() == list(range(len(parts)))


def test_a_worker_that_is_killed_takes_nothing_with_it(scans, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "PICTURES", 10)
    monkeypatch.setattr(places, "IMAGES", 20)
    parts = parts_of([str(scans)])
    job = Job.begin(str(tmp_path / "out"), parts, None, Options())
    killed = []

    def kill():
        children = psutil.Process().children(recursive=True)
        workers = [p for p in children if "spawn_main" in " ".join(p.cmdline())]
        for worker in workers[:1]:
            worker.kill()
            killed.append(worker.pid)

    done = []
    for number, _ in processes.run(job, 2):
        done.append(number)
        if len(done) in (2, 9):
            kill()
    assert killed
    assert sorted(done) == list(range(len(parts)))
    assert job.join() == 490
    assert not any(row["error"] == DIED for row in rows_of(tmp_path / "out"))


KILLER = """
import os
from pathlib import Path
import inkling.bulk.rows as rows
read = rows.opened
def kills(place):
    if place.endswith("deadly.png"):
        os.kill(os.getpid(), 9)
    return read(place)
rows.opened = kills
"""


def test_what_kills_every_worker_is_named_and_the_rest_is_read(tmp_path, digits):
    for name in ("a", "deadly", "z"):
        Image.fromarray(255 - digits[0].repeat(3, 0).repeat(3, 1)).save(tmp_path / f"{name}.png")
    np.save(tmp_path / "many.npy", digits[:9])
    (tmp_path / "sitecustomize.py").write_text(KILLER)  # in every process, the workers too
    program = [sys.executable, "-m", "inkling", "read", "a.png", "deadly.png", "many.npy", "z.png"]
    said = subprocess.run(
        [*program, "--out", "out.parquet"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parent.parent}", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    rows = rows_of(tmp_path / "out.parquet")
    assert [row["error"] == DIED for row in rows] == [True, True, *[False] * 10]
    assert [row["text"] for row in rows[2:]][::9] == ["7", "7"]


def test_ctrl_c_keeps_what_is_read_and_says_how_to_go_on(tmp_path, digits):
    for index in range(1200):
        Image.fromarray(255 - digits[index].repeat(9, 0).repeat(9, 1)).save(
            tmp_path / f"{index}.png"
        )
    command = [sys.executable, "-m", "inkling", "read", str(tmp_path)]
    command += ["--out", str(tmp_path / "out.parquet"), "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    parts = tmp_path / "out.parquet.parts"
    deadline = time.monotonic() + 60
    while not list(parts.glob("0*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    timer = threading.Timer(0, lambda: psutil.Process(process.pid).send_signal(signal.SIGINT))
    timer.start()
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, "the same command goes on" in said) == (130, True), said
    assert "Traceback" not in said
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("0*.parquet")}
    assert kept
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Going on" in again.stderr
    assert again.stdout.startswith("1,200 rows")
