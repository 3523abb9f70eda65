"""The folder of a run, as others look at it while it is trained."""

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
from conftest import serving
from PIL import Image

from inkling import data, metrics, system
from inkling.errors import RunError
from inkling.experiments import events, runs
from inkling.networks import architectures
from inkling.training import snapshots
from inkling.web.jobs import Jobs

HOLDING = """
import sys, time; from pathlib import Path; from inkling.experiments import runs
with runs.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
HOLD = [sys.executable, "-c", HOLDING]


def test_one_process_at_a_time_trains_a_run(tmp_path):
    assert not runs.is_held(tmp_path)
    with runs.held(tmp_path):
        assert runs.is_held(tmp_path)
        other = subprocess.run([*HOLD, tmp_path], capture_output=True, text=True)
        assert "a run that nobody trains, but process" in other.stderr
    assert not runs.is_held(tmp_path)
    with pytest.raises(RunError, match="nobody trains it"):
        runs.stop(tmp_path)


def test_a_process_that_dies_holds_nothing(tmp_path):
    process = subprocess.Popen([*HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert runs.is_held(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()
    assert not runs.is_held(tmp_path)


def test_a_second_stop_while_a_run_saves_is_accepted(tmp_path):
    jobs = Jobs(tmp_path / "jobs")
    with runs.held(tmp_path):
        assert not jobs.is_stopping(tmp_path)
        (tmp_path / runs.HOLDER).unlink()  # as the first one does
        jobs.stop(tmp_path)
        assert jobs.is_stopping(tmp_path)


def test_events_are_read_on_from_where_a_reader_was(tmp_path):
    assert events.since(tmp_path, 0) == ([], 0)
    first, later = (events.Epoch(epoch=n, loss=0.1, accuracy=0.9, seconds=1.0) for n in (1, 2))
    stopped = events.Stopped(run="x", step=3)
    events.append(tmp_path, first)
    assert events.since(tmp_path, 0) == ([first], 1)
    start, rest = (line := events.to_json(later))[:20], line[20:]
    with (tmp_path / runs.EVENTS).open("a") as file:
        file.write(start)
    assert events.since(tmp_path, 1) == ([], 1)  # still being written
    with (tmp_path / runs.EVENTS).open("a") as file:
        file.write(f'{rest}\nbroken\n{{"event": "unknown"}}\n{events.to_json(stopped)}\n')
    assert events.since(tmp_path, 1) == ([later, stopped], 5)


def test_every_event_is_read_as_it_was_written(tmp_path):
    figures = events.Figures(10, 8, 0.5, 2, 0.9946, 0.9956, 0.014)
    measures = metrics.Measures(10, 0.9, (0.8, 0.95), 0.1, 0.01)
    written = [
        events.Start(
            run="r",
            recipe="mlp",
            dataset="mnist",
            seed=0,
            device="cpu",
            threads=1,
            parameters=9,
            epochs=2,
            steps_per_epoch=5,
            step=0,
        ),
        events.Progress(
            epoch=1, step=2, loss=0.1, accuracy=0.9, images_per_second=9.0, seconds_left=1.0
        ),
        events.Epoch(epoch=1, loss=0.1, accuracy=0.9, seconds=1.0, validation_loss=0.2),
        events.Stopped(run="r", step=4),
        events.End(bundle="b", train_seconds=1.0, temperature=0.5, validation=None, test=measures),
        events.SeedEnd(seed=1, accuracy=0.9, train_seconds=1.0, mean=90.0, std=None, n=1),
        events.FineTuneStart(run="r", learn=8, held_out=2, steps=200),
        events.FineTuneEnd(bundle="b", before=figures, after=figures, better=True, why="It is"),
    ]
    for event in written:
        events.append(tmp_path, event)
    assert events.since(tmp_path, 0) == (written, len(written))


def test_a_snapshot_shows_how_a_network_reads(tmp_path, mnist):
    import torch

    network = architectures.build("digits", 10, torch.Generator().manual_seed(0))
    split = data.Split(mnist.train.pixels[:40], mnist.train.labels[:40])
    taker = snapshots.Snapshots(tmp_path, split)
    taker.take(network, 7)
    seen = json.loads((tmp_path / runs.SNAPSHOT).read_text())
    assert (seen["step"], seen["labels"]) == (7, split.labels[:25].tolist())
    with torch.no_grad():
        parts = network.eval()(torch.from_numpy(split.images()[:25])).softmax(1).numpy()
    assert seen["readings"] == parts.argmax(1).tolist()
    assert seen["confidences"] == pytest.approx(parts.max(1), abs=1e-4)
    with Image.open(tmp_path / runs.SHEET) as sheet:
        tiles = np.asarray(sheet).reshape(5, 28, 5, 28).transpose(0, 2, 1, 3).reshape(25, 28, 28)
    assert np.array_equal(tiles, split.pixels[:25, 0])
    with Image.open(tmp_path / runs.FILTERS) as filters:
        assert filters.size == (8 * 4 - 1, 3 * 4 - 1)  # 24 of 3x3, eight in a row
    taker.take(network, 8)
    assert json.loads((tmp_path / runs.SNAPSHOT).read_text())["step"] == 7  # one was just taken
    taker.take(network, 9, at_once=True)
    assert json.loads((tmp_path / runs.SNAPSHOT).read_text())["step"] == 9


def test_a_snapshot_of_few_images_leaves_the_rest_black(tmp_path, mnist):
    split = data.Split(mnist.train.pixels[:5], mnist.train.labels[:5])
    snapshots.Snapshots(tmp_path, split)
    with Image.open(tmp_path / runs.SHEET) as sheet:
        tiles = np.asarray(sheet).reshape(5, 28, 5, 28).transpose(0, 2, 1, 3).reshape(25, 28, 28)
    assert np.array_equal(tiles[:5], split.pixels[:, 0])
    assert not tiles[5:].any()


def until(address, name, wanted):
    """The run, once it is in the wanted state."""
    for _ in range(600):
        run = httpx.get(f"{address}/api/runs/{name}").json()
        if wanted(run):
            return run
        time.sleep(0.1)
    raise AssertionError(run)


def test_a_training_in_a_terminal_is_watched_and_stopped(tmp_path):
    command = [sys.executable, "-m", "inkling", "train", "mlp", "--dataset", "optdigits"]
    command += ["--epochs", "5000", "--quiet", "--out", str(tmp_path / "mine")]
    with serving("--runs", str(tmp_path)) as (address, _):
        process = subprocess.Popen(command)
        try:
            for _ in range(600):
                if runs.is_held(tmp_path / "mine"):
                    break
                time.sleep(0.1)
            run = until(address, "mine", lambda run: len(run["events"]) > 3)
            assert run["state"] == "running"
            rejected = httpx.post(f"{address}/api/runs/mine/resume")
            until(address, "mine", lambda run: run["said"])  # the process that wanted to take it
            assert httpx.post(f"{address}/api/runs/mine/stop").status_code == 200
            assert process.wait(timeout=30) == 128 + signal.SIGINT
        finally:
            process.kill()
        assert rejected.status_code == 200
        run = until(address, "mine", lambda run: run["state"] == "stopped")
        assert run["events"][-1]["event"] == "stopped"
        for bad, said in (("none", "a run that is here"), ("..", "Not Found")):
            answer = httpx.get(f"{address}/api/runs/{bad}/snapshot")
            assert answer.status_code in (404, 422)
            assert said in answer.json()["error"]
        wrong = httpx.post(f"{address}/api/runs", json={"recipe": "digts"})
        assert "Perhaps you meant digits" in wrong.json()["hint"]


def test_a_broken_folder_hides_no_other(tmp_path):
    for name, plan in (("empty", "{}"), ("null", '{"recipe": null, "seed": 0}'), ("text", "x")):
        (tmp_path / name).mkdir()
        (tmp_path / name / runs.PLAN).write_text(plan)
    with serving("--runs", str(tmp_path)) as (address, _):
        listed = httpx.get(f"{address}/api/runs").json()
        assert {run["name"]: "cannot be read" in run["said"] for run in listed} == {
            "empty": True,
            "null": True,
            "text": True,
        }
        long = httpx.get(f"{address}/api/runs/{'x' * 300}")
        assert long.status_code == 422
        assert "a run that is here" in long.json()["error"]


def test_a_folder_without_a_proper_name_hides_no_other(tmp_path):
    name = os.fsdecode(b"\xff")  # no UTF-8
    for folder in (name, "proper"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
        (tmp_path / "runs" / folder / runs.PLAN).write_text("{}")
    (tmp_path / "taught").mkdir()
    options = ["--runs", str(tmp_path / "runs")]
    with serving(*options, **{system.HOME: str(tmp_path)}) as (address, _):
        assert [run["name"] for run in httpx.get(f"{address}/api/runs").json()] == ["proper"]
        long = f"{address}/api/teach/{'x' * 300}"
        for answer in (httpx.get(long), httpx.post(f"{long}/stop")):
            assert answer.status_code == 422
            assert set(answer.json()) == {"error", "hint"}


@pytest.mark.slow
def test_a_run_that_is_stopped_while_it_starts_up_is_saved_and_goes_on(tmp_path):
    with serving("--runs", str(tmp_path)) as (address, _):
        wanted = {"recipe": "mlp", "dataset": "optdigits", "epochs": 5000}
        name = httpx.post(f"{address}/api/runs", json=wanted).json()["name"]
        seen = []
        for _ in range(2):  # it starts up for the first time; then, to go on
            for _ in range(2):  # one signal ends what two would kill
                stopping = httpx.post(f"{address}/api/runs/{name}/stop").json()
                assert (stopping["state"], stopping["stopping"]) == ("running", True)
            run = until(address, name, lambda run: run["state"] != "running")
            assert (run["state"], run["stopping"]) == ("stopped", False)
            seen.append([event["event"] for event in run["events"]])
            httpx.post(f"{address}/api/runs/{name}/resume").raise_for_status()
        until(address, name, lambda run: run["events"][-1]["event"] == "progress")
    assert [events_[0] for events_ in seen] == ["start", "start"]
    assert [events_.count("stopped") for events_ in seen] == [1, 2]


def test_asking_whether_a_run_is_held_does_not_hold_it(tmp_path):
    with runs.held(tmp_path):
        pass
    seen = []
    lookers = [
        threading.Thread(target=lambda: seen.extend(runs.is_held(tmp_path) for _ in range(300)))
        for _ in range(4)
    ]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert len(seen) == 1200
    assert not any(seen)


def test_a_server_that_stops_saves_what_it_has_started(tmp_path):
    with serving("--runs", str(tmp_path)) as (address, process):
        wanted = {"recipe": "mlp", "dataset": "optdigits", "epochs": 5000}
        name = httpx.post(f"{address}/api/runs", json=wanted).json()["name"]
        until(address, name, lambda run: len(run["events"]) > 3)
        second = httpx.post(f"{address}/api/runs", json=wanted)
        assert "one network at a time" in second.json()["error"]
        for _ in range(2):  # a second signal would not let it save
            assert httpx.post(f"{address}/api/runs/{name}/stop").status_code == 200
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    assert events.since(tmp_path / name, 0)[0][-1].event == "stopped"
    assert not runs.is_held(tmp_path / name)


def test_a_folder_that_is_there_is_not_named_again(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "datetime", Noon)
    names = []
    for _ in range(3):
        folder = runs.new_folder(tmp_path / "mlp")
        folder.mkdir()
        names.append(folder.name)
    assert names == [f"mlp-20260102-120000{end}" for end in ("", "-2", "-3")]


class Noon(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 1, 2, 12, 0, 0, tzinfo=tz)
