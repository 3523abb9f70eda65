"""benchmarks/sprint.py: peers are trained, finished runs are saved, and rows sum up their runs."""

import argparse
import copy
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from inkling.errors import RunError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PYTHON = Path(sys.executable)  # the peers on PyTorch need nothing else


@pytest.fixture
def sprint(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import sprint

    yield sprint
    for name in ("sprint", "peers", "peers.driver"):
        sys.modules.pop(name)


@pytest.fixture
def few(mnist, tmp_path):
    """A folder with 512 images to train on and 200 to test on."""
    np.savez(
        tmp_path / "mnist.npz",
        train_images=mnist.train.pixels[:512, 0],
        train_labels=mnist.train.labels[:512],
        test_images=mnist.test.pixels[:200, 0],
        test_labels=mnist.test.labels[:200],
    )
    return tmp_path


def options(runs, limit=math.inf):
    return argparse.Namespace(recipes=[], peers=["tuomaso"], runs=runs, limit=limit, whole=False)


def test_an_interrupted_benchmark_continues_with_the_next_run(sprint, few):
    runs, kept = {}, []

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sprint.measure(runs, options(2), PYTHON, few, stop)
    first = copy.deepcopy(runs)
    assert len(first["tuomaso"]) == 1
    sprint.measure(runs, options(2), PYTHON, few, lambda: kept.append(len(runs["tuomaso"])))
    assert kept == [2]
    assert runs["tuomaso"][0] == first["tuomaso"][0] != runs["tuomaso"][1]
    sprint.measure(runs, options(2), PYTHON, few, stop)
    sprint.measure(runs, options(3, limit=0), PYTHON, few, stop)
    (point,) = runs["tuomaso"][0]["curve"]
    assert point["epoch"] == 1
    assert point["seconds"] > 0
    assert runs["tuomaso"][0]["parameters"] == 215_194


def test_a_peer_is_stopped_at_its_target(sprint, few):
    assert len(sprint.run_peer(PYTHON, "fastai", few, 0, 1, until=0)["curve"]) == 1


def test_a_peer_that_fails_is_an_error_of_one_line(sprint, tmp_path):
    with pytest.raises(
        RunError, match=r"Expected tuomaso to train, but: FileNotFoundError"
    ) as caught:
        sprint.run_peer(PYTHON, "tuomaso", tmp_path, 0, 1)
    assert "\n" not in str(caught.value)


def run(*points):
    curve = [{"epoch": n, "seconds": s, "accuracy": a} for n, (s, a) in enumerate(points, 1)]
    return {"curve": curve, "operations": 10e9}


def test_a_row_sums_up_its_runs(sprint):
    runs = {
        "keras": [run((5, 98.5), (10, 99.1)), run((6, 98.0), (12, 98.9)), run((20, 99.0))],
        "sprint": [run((1, 99.2)), run((3, 99.0)), run((2, 99.1))],
        "tuomaso": [run((7, 98.9))],
    }
    ours, keras, tuomaso = sprint.rows(runs, {"bfloat16": 1.0, "float32": 10.0})
    assert (ours["name"], ours["n"], ours["reached"]) == ("sprint", 3, 3)
    assert ours["seconds_to_target"] == 2
    assert ours["seconds"] == {"mean": 2, "min": 1, "max": 3}
    assert ours["share_of_matrix_product_rate"] == 0.5
    assert (keras["n"], keras["reached"]) == (3, 2)
    assert keras["seconds_to_target"] == 20  # the one that never got there is the longest
    assert keras["seconds"] == {"mean": 15, "min": 10, "max": 20}
    assert keras["accuracy"]["mean"] == pytest.approx(99.0)
    assert keras["times_the_first"] == 10
    assert tuomaso["seconds_to_target"] is None
    assert "times_the_first" not in tuomaso
    rates = {"bfloat16": 1.0, "float32": 10.0}
    table = {"threads": 2, "matrix_product_gflops": rates, "rows": [ours, keras, tuomaso]}
    line = sprint.show(table).splitlines()[3]
    assert " ".join(line.split()) == (
        "keras 2 of 3 20.00 15.00, 10.00 to 20.00 10.0 99.00, 98.90 to 99.10 % 7%"
    )


def test_a_record_continues_only_with_the_same_plan(sprint, tmp_path):
    path, plan = tmp_path / "r.json", {"threads": 2, "whole": False}
    assert sprint.recorded(path, plan) == {}
    path.write_text(json.dumps(plan | {"rows": []}))
    assert sprint.recorded(path, plan) == plan | {"rows": []}
    with pytest.raises(RunError, match="but threads differs"):
        sprint.recorded(path, plan | {"threads": 1})
    for wrong in ("{", "[]"):
        path.write_text(wrong)
        with pytest.raises(RunError, match="expected a record"):
            sprint.recorded(path, plan)


def test_a_number_of_runs_below_1_is_an_error(sprint, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sprint.py", "--runs", "0"])
    with pytest.raises(SystemExit):
        sprint.arguments()
    assert "--runs to be at least 1, got 0" in capsys.readouterr().err
