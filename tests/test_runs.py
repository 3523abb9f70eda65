"""The folder of a run, as others look at it while it is trained."""

import json
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

from inkling import data
from inkling.experiments import events, runs
from inkling.networks import architectures
from inkling.training import snapshots
from inkling.errors import RunError

HOLDING = """
import sys, time; from pathlib import Path; from inkling import runs
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


def test_events_are_taken_up_where_one_left_off(tmp_path):
    assert events.since(tmp_path, 0) == ([], 0)
    events.append(tmp_path, {"event": "start"})
    assert events.since(tmp_path, 0) == ([{"event": "start"}], 1)
    with (tmp_path / events.EVENTS).open("a") as file:
        file.write('{"event": "progress", "st')
    assert events.since(tmp_path, 1) == ([], 1)  # still being written
    with (tmp_path / events.EVENTS).open("a") as file:
        file.write('ep": 3}\nbroken\n{"event": "end"}\n')
    assert events.since(tmp_path, 1) == ([{"event": "progress", "step": 3}, {"event": "end"}], 4)


def test_a_network_is_looked_at(tmp_path, mnist):
    import torch

    network = architectures.build("shipped", 10, torch.Generator().manual_seed(0))
    split = data.Split(mnist.train.pixels[:40], mnist.train.labels[:40])
    looking = snapshots.Looks(tmp_path, split)
    looking.look(network, 7)
    seen = json.loads((tmp_path / runs.LOOK).read_text())
    assert (seen["step"], seen["labels"]) == (7, split.labels[:25].tolist())
    with torch.no_grad():
        parts = network.eval()(torch.from_numpy(split.images()[:25])).softmax(1).numpy()
    assert seen["readings"] == parts.argmax(1).tolist()
    assert seen["confidences"] == pytest.approx(parts.max(1), abs=1e-4)
    with Image.open(tmp_path / runs.SHEET) as sheet:
        tiles = np.asarray(sheet).reshape(5, 28, 5, 28).transpose(0, 2, 1, 3).reshape(25, 28, 28)
    assert np.array_equal(tiles, split.pixels[:25, 0])
    with Image.open(tmp_path / runs.FILTERS) as filters:
        assert filters.size == (8 * 4 - 1, 2 * 4 - 1)  # 16 of 3x3, eight in a row
    looking.look(network, 8)
    assert json.loads((tmp_path / runs.LOOK).read_text())["step"] == 7  # it was just done
    looking.look(network, 9, at_once=True)
    assert json.loads((tmp_path / runs.LOOK).read_text())["step"] == 9


def until(address, name, wanted):
    """The run, once it is in the wanted state."""
    for _ in range(600):
        run = httpx.get(f"{address}/api/runs/{name}").json()
        if wanted(run):
            return run
        time.sleep(0.1)
    raise AssertionError(run)


def test_a_training_of_a_terminal_is_watched_and_stopped(tmp_path):
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
            refused = httpx.post(f"{address}/api/runs/mine/resume")
            until(address, "mine", lambda run: run["said"])  # the process that wanted to take it
            assert httpx.post(f"{address}/api/runs/mine/stop").status_code == 200
            assert process.wait(timeout=30) == 128 + signal.SIGINT
        finally:
            process.kill()
        assert refused.status_code == 200
        run = until(address, "mine", lambda run: run["state"] == "stopped")
        assert run["events"][-1]["event"] == "stopped"
        for bad, said in (("none", "a run that is here"), ("..", "Not Found")):
            answer = httpx.get(f"{address}/api/runs/{bad}/look")
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


def test_looking_does_not_make_it_seem_held(tmp_path):
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
    assert events.since(tmp_path / name, 0)[0][-1]["event"] == "stopped"
    assert not runs.is_held(tmp_path / name)
