"""Which bundle is served, and how another takes its place."""

import hashlib
import shutil
import threading

import httpx
import pytest
from conftest import serving

from inkling import Drawing, system
from inkling.reading import bundle
from inkling.errors import BundleError
from inkling.reading.registry import SHIPPED, Served, Shelf

STROKES = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}


@pytest.fixture
def shelf(tmp_path):
    """A shelf with the bundle that ships, a taught one with another digest, and a broken one."""
    shelf = Shelf(tmp_path / "home", tmp_path / "runs")
    card, model = bundle.read(bundle.PRETRAINED)
    another = model + b"\x12\x01x"  # producer_name, of onnx.proto
    digest = hashlib.sha256(another).hexdigest()
    new = card.model_copy(update={"model_sha256": digest})
    bundle.write(shelf.taught / "mine" / bundle.IN_A_RUN, new, another)
    broken = shelf.runs / "broken" / bundle.IN_A_RUN
    shutil.copytree(bundle.PRETRAINED, broken)
    (broken / bundle.MODEL).write_bytes(b"no model")
    return shelf


def test_what_is_chosen_is_remembered_and_followed(shelf):
    assert set(shelf.bundles()) == {SHIPPED, "taught/mine", "runs/broken"}
    served = Served(shelf)
    assert served.name == SHIPPED
    Shelf(shelf.home, shelf.runs).choose("taught/mine")
    assert served.name == "taught/mine"
    assert served.reader.card.model_sha256 == bundle.read(shelf.find("taught/mine"))[0].model_sha256
    assert Served(shelf).name == "taught/mine"
    assert Served(shelf, bundle.PRETRAINED).name == str(bundle.PRETRAINED)  # as the user asked
    shelf.choose(SHIPPED)
    assert served.name == SHIPPED


@pytest.mark.parametrize("name", ["runs/broken", "runs/none", "../../etc", "taught/../taught/mine"])
def test_what_cannot_be_served_is_not_chosen(shelf, name):
    with pytest.raises(BundleError):
        shelf.choose(name)
    assert shelf.chosen() == SHIPPED


def test_what_is_gone_or_broken_keeps_no_page_from_opening(shelf):
    shelf.choose("taught/mine")
    served = Served(shelf)
    (shelf.find("taught/mine") / bundle.MODEL).write_bytes(b"")
    assert served.reader.read(Drawing(STROKES["strokes"])).label == 7  # what is loaded goes on
    assert Served(shelf).name == SHIPPED
    shutil.rmtree(shelf.taught)
    assert Served(shelf).name == SHIPPED


def test_no_request_is_dropped_while_another_takes_its_place(shelf):
    options = ["--runs", str(shelf.runs)]
    seen, failures = set(), []
    with serving(*options, **{system.HOME: str(shelf.home)}) as (address, _):
        done = threading.Event()

        def ask():
            with httpx.Client(timeout=30) as client:
                while not done.is_set():
                    answer = client.post(f"{address}/api/read", json=STROKES)
                    if answer.status_code != 200 or answer.json()["label"] != 7:
                        failures.append(answer.text)
                    seen.add(answer.json().get("model"))

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        for name in ("taught/mine", SHIPPED) * 10:
            chosen = httpx.put(f"{address}/api/models/served", params={"name": name})
            assert chosen.json() == {"served": name}
            ready = httpx.get(f"{address}/readyz").json()["model_sha256"]
            assert ready == bundle.read(shelf.find(name))[0].model_sha256
        done.set()
        for asker in askers:
            asker.join()
        refused = httpx.put(f"{address}/api/models/served", params={"name": "runs/broken"})
        listed = httpx.get(f"{address}/api/models").json()
    assert failures == []
    assert len(seen) == 2
    assert refused.status_code == 422
    assert "SHA-256" in refused.json()["error"]
    assert listed["served"] == SHIPPED
    assert {model["name"]: "error" in model for model in listed["models"]} == {
        SHIPPED: False,
        "taught/mine": False,
        "runs/broken": True,
    }
