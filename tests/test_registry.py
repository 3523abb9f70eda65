"""Which bundle is served, and how another takes its place."""

import contextlib
import hashlib
import json
import os
import shutil
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import invoke, serving
from PIL import Image

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
    assert (Served(registry).name, Served(registry).path) == (PRETRAINED, bundle.PRETRAINED)
    shutil.rmtree(registry.taught)
    assert Served(registry).name == PRETRAINED


def test_a_choice_means_the_same_bundle_in_every_working_folder(tmp_path, monkeypatch):
    home, mine = tmp_path / "home", Path("runs", "mine", runs.BUNDLE)
    for folder in ("here", "there"):
        shutil.copytree(bundle.PRETRAINED, tmp_path / folder / mine)
    here, there = (Registry(home, tmp_path / folder / "runs") for folder in ("here", "there"))
    monkeypatch.chdir(tmp_path / "here")
    Registry(home, Path("runs")).choose("runs/mine")
    chosen = tmp_path / "here" / mine
    assert (here.chosen(), here.path_of_choice()) == ("runs/mine", chosen)
    assert (there.chosen(), there.path_of_choice()) == (str(chosen), chosen)
    assert list(there.bundles()) == [PRETRAINED, "runs/mine", str(chosen)]
    assert Served(there).path == chosen
    there.choose(str(chosen))
    assert here.chosen() == "runs/mine"
    shutil.rmtree(tmp_path / "here")
    assert (there.chosen(), there.path_of_choice()) == (PRETRAINED, bundle.PRETRAINED)
    there.choice.write_text("runs/mine\n")  # as before 0.7.0
    monkeypatch.chdir(bundle.PRETRAINED)  # where "" is the path of a bundle, too
    assert there.path_of_choice() == tmp_path / "there" / mine


def test_a_card_is_checked_again_only_if_its_bundle_changes(registry, monkeypatch):
    read, folders = bundle.read, []
    monkeypatch.setattr(bundle, "read", lambda folder: folders.append(folder) or read(folder))

    def look():
        for folder in registry.bundles().values():
            with contextlib.suppress(BundleError):
                registry.card(folder)

    look()
    assert len(folders) == 3
    look()
    assert len(folders) == 3
    changed = registry.find("taught/mine")
    for name in (bundle.CARD, bundle.MODEL):
        path = changed / name
        content = path.read_bytes()
        path.write_bytes(content + b" ")  # the card may end in a space, the model may not
        look()
        assert folders[3:] == [changed]
        folders.pop()
        if name == bundle.CARD:
            assert registry.card(changed).model_sha256 != registry.card(bundle.PRETRAINED)
        else:
            with pytest.raises(BundleError, match="SHA-256"):
                registry.card(changed)


def test_what_vanishes_while_it_is_listed_is_left_out(registry, monkeypatch):
    glob = Path.glob
    name = os.fsdecode(b"\xff")  # no UTF-8, so that no answer can hold it
    shutil.copytree(bundle.PRETRAINED, registry.runs / name / runs.BUNDLE)

    def vanishing(path, pattern):
        found = list(glob(path, pattern))
        shutil.rmtree(registry.runs / "broken", ignore_errors=True)
        return found

    monkeypatch.setattr(Path, "glob", vanishing)
    assert list(registry.bundles()) == [PRETRAINED, "taught/mine"]


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


def test_the_command_line_reads_with_the_served_bundle_where_it_is_told_to(
    registry, monkeypatch, tmp_path
):
    monkeypatch.setenv(system.HOME, str(registry.home))
    seven = np.zeros((60, 60), np.uint8)
    seven[10:14, 15:45] = seven[10:50, 40:45] = 255
    Image.fromarray(seven).save(tmp_path / "7.png")
    registry.choose("taught/mine")
    command = ("read", str(tmp_path / "7.png"), "--json")
    models = [
        json.loads(invoke(*command, *more).stdout)["model"] for more in ((), ("--bundle", "served"))
    ]
    folders = bundle.PRETRAINED, registry.find("taught/mine")
    assert models == [bundle.read(folder)[0].model_sha256[:12] for folder in folders]
