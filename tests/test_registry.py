"""Which bundle is served, and how another takes its place."""

import hashlib
import shutil
import threading

import httpx
import pytest
from conftest import serving

from inkling import Drawing, system
from inkling.errors import BundleError
from inkling.experiments import runs
from inkling.reading import bundle
from inkling.reading.registry import PRETRAINED, Registry, Served

STROKES = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}


@pytest.fixture
def registry(tmp_path):
    """The bundle that ships, a fine-tuned one with another digest, and a broken one."""
    registry = Registry(tmp_path / "home", tmp_path / "runs")
    card, model = bundle.read(bundle.PRETRAINED)
    another = model + b"\x12\x01x"  # producer_name, of onnx.proto
    digest = hashlib.sha256(another).hexdigest()
    new = card.model_copy(update={"model_sha256": digest})
    bundle.write(registry.taught / "mine" / runs.BUNDLE, new, another)
    broken = registry.runs / "broken" / runs.BUNDLE
    shutil.copytree(bundle.PRETRAINED, broken)
    (broken / bundle.MODEL).write_bytes(b"no model")
    return registry


def test_a_choice_is_stored_and_followed(registry):
    assert set(registry.bundles()) == {PRETRAINED, "taught/mine", "runs/broken"}
    served = Served(registry)
    assert served.name == PRETRAINED
    Registry(registry.home, registry.runs).choose("taught/mine")
    assert served.name == "taught/mine"
    assert (
        served.reader.card.model_sha256 == bundle.read(registry.find("taught/mine"))[0].model_sha256
    )
    assert Served(registry).name == "taught/mine"
    assert Served(registry, bundle.PRETRAINED).name == str(bundle.PRETRAINED)  # as given
    registry.choose(PRETRAINED)
    assert served.name == PRETRAINED


@pytest.mark.parametrize("name", ["runs/broken", "runs/none", "../../etc", "taught/../taught/mine"])
def test_a_bundle_that_cannot_be_served_is_not_chosen(registry, name):
    with pytest.raises(BundleError):
        registry.choose(name)
    assert registry.chosen() == PRETRAINED


def test_the_page_opens_though_the_chosen_bundle_is_broken_or_gone(registry):
    registry.choose("taught/mine")
    served = Served(registry)
    (registry.find("taught/mine") / bundle.MODEL).write_bytes(b"")
    assert served.reader.read(Drawing(STROKES["strokes"])).label == 7  # it is in memory
    assert Served(registry).name == PRETRAINED
    shutil.rmtree(registry.taught)
    assert Served(registry).name == PRETRAINED


def test_no_request_is_dropped_while_the_served_bundle_changes(registry):
    options = ["--runs", str(registry.runs)]
    seen, failures = set(), []
    with serving(*options, **{system.HOME: str(registry.home)}) as (address, _):
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
        for name in ("taught/mine", PRETRAINED) * 10:
            chosen = httpx.put(f"{address}/api/models/served", params={"name": name})
            assert chosen.json() == {"served": name}
            ready = httpx.get(f"{address}/readyz").json()["model_sha256"]
            assert ready == bundle.read(registry.find(name))[0].model_sha256
        done.set()
        for asker in askers:
            asker.join()
        rejected = httpx.put(f"{address}/api/models/served", params={"name": "runs/broken"})
        listed = httpx.get(f"{address}/api/models").json()
    assert failures == []
    assert len(seen) == 2
    assert rejected.status_code == 422
    assert "SHA-256" in rejected.json()["error"]
    assert listed["served"] == PRETRAINED
    assert {model["name"]: "error" in model for model in listed["models"]} == {
        PRETRAINED: False,
        "taught/mine": False,
        "runs/broken": True,
    }
