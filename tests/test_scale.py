"""On a Ray cluster of this machine: the same results as without it, also where a node is lost."""

import io
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import yaml
from conftest import ROOT, answering
from safetensors.numpy import load_file

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'inkling-reader[scale]'")

from ray import serve
from ray._common.utils import import_attr
from ray.cluster_utils import Cluster
from ray.serve.schema import ServeDeploySchema

from inkling import system
from inkling.bulk import Job, Options, parts_of, places, processes
from inkling.errors import InklingError, RecipeError, RunError, ServeError
from inkling.experiments import events, recipes, runs
from inkling.reading.registry import Registry
from inkling.scale import cluster, reading, serving, training, tuning
from inkling.training import create, take_record
from inkling.training import train as train_alone
from inkling.web import Settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Ray's own
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

SMALL = replace(
    recipes.get("mlp"), name="small", dataset="optdigits", epochs=2, split="standard", batch=50
)
DEPLOY = ROOT / "deploy"
STORE = {"object_store_memory": 100_000_000}  # bytes: soon full
DIGIT = {"strokes": [[[110, 80], [270, 80], [180, 310]]]}


def test_a_cluster_that_is_not_there_is_a_line(monkeypatch):
    monkeypatch.setenv(cluster.ADDRESS, "127.0.0.1:1")
    there = pytest.raises(InklingError, match=r"Expected a Ray cluster at 127.0.0.1:1")
    with there, cluster.connected(1):
        pass


LISTENERS = """
import os
import psutil
from inkling.scale import cluster
assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) > 30
with cluster.connected(1):
    mine = psutil.Process()
    for process in [mine, *mine.children(recursive=True)]:
        for each in process.net_connections():
            if each.status == psutil.CONN_LISTEN:
                print(each.laddr.ip.removeprefix("::ffff:"))
"""


def test_a_cluster_of_this_machine_is_reached_from_nowhere_else():
    found = subprocess.run([sys.executable, "-c", LISTENERS], capture_output=True, text=True)
    assert set(found.stdout.split()) == {"127.0.0.1"}, found.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The user's own folder, of every process of the cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(system.HOME, str(tmp_path_factory.mktemp("home")))
        yield system.home()


@pytest.fixture(scope="module")
def nodes(home):
    """A cluster of two nodes with a processor each, beside the head."""
    assert home
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0} | STORE)
    for _ in range(2):
        found.add_node(num_cpus=1, **STORE)
    ray.init(found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of runs with one that was trained by one process: "alone"."""
    folder = tmp_path_factory.mktemp("runs")
    create(folder / "alone", SMALL, seed=5, device="cpu")
    assert train_alone(folder / "alone", lambda _: None)
    return folder


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


@pytest.mark.faults
def test_a_node_that_is_lost_takes_nothing_with_it(nodes, job):
    extra = nodes.add_node(num_cpus=1)
    one = job("lost")
    found = []
    for number, _ in reading.run(one, 3):
        found.append(number)
        if len(found) == 3:
            nodes.remove_node(extra, allow_graceful=False)
    assert sorted(found) == list(range(30))
    assert one.join() == 2901


@pytest.mark.faults
@pytest.mark.usefixtures("nodes")
def test_a_slow_node_and_a_full_object_store_change_nothing(job):
    full = [ray.put(np.zeros(2_000_000)) for _ in range(20)]  # 320 MB: the rest goes to disk
    one, found, slow = job("slow"), [], []

    def go_on():
        for process in slow:
            process.resume()

    for number, _ in reading.run(one, 2):
        found.append(number)
        if len(found) == 3:
            slow += [
                p for p in psutil.process_iter() if p.cmdline()[:1] and "Map" in p.cmdline()[0]
            ]
            for process in slow[:1]:
                process.suspend()
            threading.Timer(3, go_on).start()
    assert slow
    assert sorted(found) == list(range(30))
    assert one.join() == 2901
    assert full


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
    found = tuning.search(recipe, None, space, 3, tmp_path / "search", seed=0)
    assert [trial.error for trial in found] == [""] * 3
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


def begun(path):
    create(path, SMALL, seed=5, device="cpu", workers=2)
    return path


def weights(run):
    return {k: v for k, v in load_file(run / runs.CHECKPOINT).items() if k.startswith("model.")}


def test_workers_learn_what_one_process_does_also_where_they_are_stopped(nodes, trained, tmp_path):
    assert nodes
    together, seen = begun(tmp_path / "together"), []
    assert not training.train(together, seen.append, lambda: bool(seen))
    assert isinstance(seen[-1], events.Stopped)
    assert training.train(together, seen.append)
    assert isinstance(seen[-1], events.End)
    expected, found = weights(trained / "alone"), weights(together)
    assert expected.keys() == found.keys()
    for name in expected:  # sums in another order
        np.testing.assert_allclose(found[name], expected[name], atol=1e-3)
    assert not (together / "ray").exists()


@pytest.mark.faults
def test_workers_that_were_stopped_and_lost_end_in_the_weights_of_unbroken_ones(nodes, tmp_path):
    unbroken, broken, seen = begun(tmp_path / "unbroken"), begun(tmp_path / "broken"), []
    assert training.train(unbroken, lambda _: None)
    assert not training.train(broken, seen.append, lambda: bool(seen))
    lost = nodes.add_node(num_cpus=2)  # both workers are placed there
    for node in nodes.worker_nodes - {lost}:
        nodes.remove_node(node)
    began = len(seen)

    def lose(event):
        seen.append(event)
        if len(seen) == began + 1:
            nodes.remove_node(lost, allow_graceful=False)
            nodes.add_node(num_cpus=1)
            nodes.add_node(num_cpus=1)

    assert training.train(broken, lose)
    assert [type(event) for event in seen].count(events.Start) == 3
    expected, found = weights(unbroken), weights(broken)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_a_batch_that_cannot_be_divided_is_a_line(tmp_path):
    with pytest.raises(RecipeError, match="multiple of 3"):
        create(tmp_path / "run", SMALL, seed=0, device="cpu", workers=3)
    scratch = replace(recipes.get("scratch"), dataset="optdigits", batch=2)
    with pytest.raises(RecipeError, match="PyTorch"):
        create(tmp_path / "run", scratch, seed=0, device="cpu", workers=2)
    assert not (tmp_path / "run").exists()


def test_a_run_of_several_workers_is_not_carried_on_by_one(tmp_path):
    with pytest.raises(RunError, match="inkling train --resume"):
        train_alone(begun(tmp_path / "run"), print)


@pytest.fixture(scope="module")
def served(nodes, trained, tmp_path_factory):
    """A client of a server on the cluster, whose readers take few requests at once."""
    assert nodes
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'drawings.sqlite3'}"
    settings = Settings(port=0, database=url, runs=trained)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "MAX_AT_ONCE", 2)
        patch.setattr(serving, "MAX_WAITING", 2)
        address = serving.deploy(settings, 1)
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client
    serve.shutdown()


def test_a_cluster_serves_what_one_process_does(served, tmp_path, digits):
    images = io.BytesIO()
    np.save(images, digits[:300].reshape(300, 784))
    drawing = {"json": DIGIT}
    with answering(tmp_path) as client:
        for path, sent in (
            ("/api/read", drawing),
            ("/api/read", {"content": digits[0].astype(np.uint8).tobytes()}),
            ("/api/read?number=auto&image=true&explain=true", drawing),
            ("/api/read?number=true&max_digits=3", drawing),
            ("/api/read", {"json": {"strokes": []}}),
            ("/api/read?min_accuracy=0.9999999", drawing),
            ("/api/read/batch", {"content": images.getvalue()}),
            ("/v2/repository/index", {}),
            ("/v2/models/digits/infer", {"content": b"{}"}),
        ):
            there, here = (one.post(path, **sent) for one in (served, client))
            assert (there.status_code, there.text) == (here.status_code, here.text)
    assert served.get("/readyz").json()["status"] == "ready"
    refused = served.post("/api/runs", json={"recipe": "sprint"})
    assert refused.status_code == 422
    assert "--workers" in refused.json()["hint"]


def test_a_page_of_a_cluster_keeps_drawings(served):
    kept = served.post("/api/drawings", json=DIGIT, params={"label": 7})
    assert kept.status_code == 201, kept.text
    assert served.get("/api/drawings").json()[0]["label"] == 7


def test_readers_of_a_cluster_with_too_much_to_do_turn_requests_away(served):
    with ThreadPoolExecutor(24) as pool:
        picture = {"strokes": [[[x, 80], [x + 40, 80], [x + 10, 310]] for x in range(0, 600, 60)]}
        answers = list(
            pool.map(lambda _: served.post("/api/read?number=true", json=picture), range(200))
        )
    assert {answer.status_code for answer in answers} == {200, 503}
    full = next(answer for answer in answers if answer.status_code == 503)
    assert "wait for the readers" in full.json()["error"]


def test_a_bundle_is_changed_without_a_request_that_fails(served, home, trained):
    registry, seen = Registry(home, trained), []

    def ask():
        for _ in range(60):
            answer = served.post("/api/read", json=DIGIT)
            seen.append((answer.status_code, answer.json()["model"]))

    asking = threading.Thread(target=ask)
    asking.start()
    while len(seen) < 10:
        time.sleep(0.01)
    registry.choose("runs/alone")
    asking.join()
    registry.choose("pretrained")
    before, after = (
        registry.card(registry.find(name)).model_sha256[:12]
        for name in ("pretrained", "runs/alone")
    )
    models = [model for _, model in seen]
    assert {code for code, _ in seen} == {200}
    assert models == [before] * models.count(before) + [after] * models.count(after)
    assert models.count(after) > 10


@pytest.mark.faults
def test_a_lost_node_costs_no_drawing_that_was_acknowledged(served, nodes):
    """Its readers are replaced; a request that the page itself was answering may fail."""
    before = len(served.get("/api/drawings").json())
    kept = []

    def keep(number):
        """Store a drawing, as a client does that asks again."""
        for _ in range(100):
            try:
                key = {"label": number % 10, "idempotency_key": f"lost-{number:05}"}
                answer = served.post("/api/drawings", json=DIGIT, params=key)
                if answer.status_code == 201:
                    kept.append(answer.json()["id"])
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)

    new = nodes.add_node(num_cpus=2)  # where what is lost begins again
    for number in range(40):
        if number == 10:
            for node in nodes.worker_nodes - {new}:
                nodes.remove_node(node, allow_graceful=False)
        keep(number)
    assert len(set(kept)) == 40
    assert len(served.get("/api/drawings", params={"count": 100}).json()) == before + 40


def test_the_manifests_deploy_the_server_with_a_token(nodes, monkeypatch):
    assert nodes
    config = yaml.safe_load((DEPLOY / "ray_serve.yaml").read_text())
    service = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text())["spec"]
    assert yaml.safe_load(service["serveConfigV2"])["applications"] == config["applications"]
    assert service["rayClusterConfig"]["authOptions"] == {"mode": "token"}
    (wanted,) = ServeDeploySchema.model_validate(config).applications
    build = import_attr(wanted.import_path)
    with pytest.raises(ServeError, match="token"):
        build(wanted.args)
    monkeypatch.setenv("INKLING_TOKEN", "secret")
    assert {each.name for each in wanted.deployments} == {"Readers", "Page"}
    assert build(wanted.args)
    with pytest.raises(ServeError, match="port"):
        build(wanted.args | {"port": "many"})


@pytest.mark.faults
def test_a_command_goes_on_once_a_lost_head_is_there_again(tmp_path, mnist, monkeypatch):
    np.save(tmp_path / "images.npy", mnist.train.pixels[:, 0])
    here, there = tmp_path / "here", tmp_path / "there"
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
    command = [sys.executable, "-m", "inkling", "read", str(tmp_path / "images.npy"), "--out"]
    assert subprocess.run([*command, str(here)]).returncode == 0
    for number in range(2):
        other = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
        monkeypatch.setenv(cluster.ADDRESS, other.address)
        process = subprocess.Popen([*command, str(there), "--engine", "ray"])
        while process.poll() is None and number == 0:
            done = len(list(Path(f"{there}.parts").glob("0*.parquet")))
            if done > 2:
                break
            time.sleep(0.1)
        if number == 0:
            assert process.poll() is None
            other.shutdown()
        assert (process.wait(200) == 0) == (number == 1)
    other.shutdown()
    assert there.read_bytes() == here.read_bytes()
