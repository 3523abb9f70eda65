"""On a Ray cluster of this machine: the same results as without it, also where a node is lost."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'inkling[scale]'")

from ray.cluster_utils import Cluster  # noqa: E402

from inkling import system  # noqa: E402
from inkling.bulk import Job, Options, parts_of, places, processes  # noqa: E402
from inkling.errors import InklingError, RecipeError, RunError  # noqa: E402
from inkling.experiments import events, recipes  # noqa: E402
from inkling.scale import cluster, reading, training, tuning  # noqa: E402
from inkling.training import take_record  # noqa: E402

SMALL = replace(
    recipes.get("digits"),
    name="small",
    dataset="optdigits",
    epochs=1,
    real_digits=0,
    real_outliers=0,
)


def test_a_cluster_that_is_not_there_is_a_line(monkeypatch):
    monkeypatch.setenv(cluster.ADDRESS, "127.0.0.1:1")
    there = pytest.raises(InklingError, match=r"Expected a Ray cluster at 127.0.0.1:1")
    with there, cluster.connected(1):
        pass


@pytest.fixture(scope="module")
def nodes():
    """A cluster of two nodes with a processor each, beside the head."""
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        found.add_node(num_cpus=1)
    ray.init(found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture
def job(digits, tmp_path, monkeypatch):
    """Begins jobs of 30 parts, one of which cannot be read."""
    monkeypatch.setattr(places, "IMAGES", 100)
    np.save(tmp_path / "many.npy", digits[:2900])
    (tmp_path / "broken.png").write_bytes(b"no picture")

    def begin(name):
        return Job.begin(str(tmp_path / name), parts_of([str(tmp_path)]), None, Options())

    return begin


def test_a_cluster_reads_the_same_rows_as_processes(nodes, job, tmp_path):
    here, there = job("here"), job("there")
    assert nodes
    for one, run in ((here, processes.run), (there, reading.run)):
        assert sorted(number for number, _ in run(one, 2)) == list(range(30))
        assert one.join() == 2901
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


def test_a_node_that_is_lost_takes_nothing_with_it(nodes, job):
    extra = nodes.add_node(num_cpus=1)
    one = job("lost")
    removal = threading.Timer(2.0, lambda: nodes.remove_node(extra, allow_graceful=False))
    removal.start()
    assert sorted(number for number, _ in reading.run(one, 3)) == list(range(30))
    removal.join()
    assert one.join() == 2901


def test_a_job_that_was_begun_here_ends_on_a_cluster(nodes, job):
    one = job("moved")
    assert nodes
    going = processes.run(one, 1)
    for _ in range(3):
        next(going)
    going.close()
    left = one.todo()
    assert left
    assert sorted(number for number, _ in reading.run(one, 2)) == left


def test_seeds_trained_on_a_cluster_are_those_trained_in_turn(nodes, tmp_path, monkeypatch):
    monkeypatch.setattr(system, "commit", lambda: "0123456789ab")
    assert nodes
    found = []
    for name, spread in (("turn", None), ("cluster", training.spread)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        made = take_record(SMALL, 2, tmp_path / f"{name}.json", lambda _: None, spread=spread)
        found.append([(one.seed, one.test, one.temperature) for one in made.seeds])
    assert found[0] == found[1]


def test_where_time_counts_no_seeds_are_trained_side_by_side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="seconds do not count"):
        take_record(
            recipes.get("sprint"),
            2,
            tmp_path / "r.json",
            print,
            spread=training.spread,
            allow_dirty=True,
        )


def test_a_search_keeps_every_trial_and_never_looks_at_the_test_images(nodes, tmp_path):
    assert nodes
    recipe = replace(recipes.get("mlp"), name="small", dataset="optdigits", epochs=4)
    space = tuning.space_of(["learning_rate=log:1e-5..0.3", "batch=32|64"])
    found = tuning.search(recipe, None, space, 4, tmp_path / "search", seed=0)
    assert [trial.error for trial in found] == [""] * 4
    assert [trial.accuracy for trial in found] == sorted((t.accuracy for t in found), reverse=True)
    assert all(1 <= trial.epochs <= 4 for trial in found)  # the worse may be stopped before
    for trial in found:
        assert trial.settings.keys() == {"learning_rate", "batch"}
        reported, _ = events.since(Path(trial.run), 0)
        assert not any(isinstance(event, events.End) for event in reported)
    lines = (tmp_path / "search" / tuning.TRIALS).read_text().splitlines()
    assert [json.loads(line)["accuracy"] for line in lines] == [trial.accuracy for trial in found]


@pytest.mark.parametrize("wrong", ["batch", "batch=64", "rate=2..1", "rate=log:0..1", "=1|2"])
def test_a_space_that_is_none_is_a_line(wrong):
    with pytest.raises(RecipeError, match=r"LOW\.\.HIGH"):
        tuning.space_of([wrong])
