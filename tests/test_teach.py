"""Teaching: what is learnt, what is kept aside, what is served afterwards."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from conftest import run_inkling
from hypothesis import given
from hypothesis import strategies as st

from inkling import system
from inkling.reading import bundle
from inkling.training import export, finetune
from inkling.drawings.store import Labelled, Store
from inkling.errors import RunError
from inkling.reading.reader import Network, Reader
from inkling.reading.registry import SHIPPED, Shelf


def labelled(label, number, strokes=None):
    strokes = strokes or [[[100.0, 60.0], [100.0 + number, 300.0]]]
    return Labelled(label, label, 0.9, 5.0, True, "ab" * 32, strokes=strokes, pen=30.0, id=number)


@given(st.lists(st.integers(0, 9), min_size=30, max_size=120), st.integers(1, 25))
def test_more_drawings_move_none_across(labels, fewer):
    every = [labelled(label, number) for number, label in enumerate(labels)]
    learn, aside = finetune.apart(every)
    assert sorted(d.id for d in learn + aside) == list(range(len(labels)))
    for label in set(labels):
        count = labels.count(label)
        assert sum(d.label == label for d in aside) == (count + 2) // 5
    try:
        before, kept = finetune.apart(every[:-fewer])
    except RunError:  # too few to keep one aside
        return
    assert {d.id for d in before} <= {d.id for d in learn}
    assert {d.id for d in kept} <= {d.id for d in aside}


def test_too_few_drawings_are_told():
    with pytest.raises(RunError, match="at least 3 drawings of one digit to teach with, got 4"):
        finetune.apart([labelled(label, 2 * label + n) for label in (1, 7) for n in (0, 1)])


FIGURES = finetune.Figures(10, 8, 0.5, 2, 0.9946, 0.9956, 0.014)


@pytest.mark.parametrize(
    ("after", "better", "why"),
    [
        ({"right": 9, "validation": 0.9941}, True, "1 more of 10"),  # 0.05 % less of MNIST
        ({"right": 10, "validation": 0.9939}, False, "0.07% less of MNIST"),
        ({"loss": 0.4}, True, "as many"),
        ({}, False, "no better"),
        ({"right": 7, "loss": 0.1}, False, "no better"),
    ],
)
def test_what_is_taught_is_served_only_if_it_is_better(after, better, why):
    served, said = finetune.judge(FIGURES, replace(FIGURES, **after), FIGURES)
    assert served == better
    assert why in said


def test_the_network_that_is_taught_is_that_of_the_bundle(digits):
    card, content = bundle.read(bundle.PRETRAINED)
    network, tensors = finetune.unpack(card, onnx.load_model_from_string(content).graph)
    images = digits[:50, None].astype(np.float32) / 255
    graph = Network(content, 10).run("logits", images)
    logits = export.compute_logits(network, images) / card.temperature
    np.testing.assert_allclose(logits, graph, atol=1e-4)
    learning = {name for name, value in network.named_parameters() if value.requires_grad}
    assert learning <= set(tensors)  # nothing that is learnt is left behind


def test_a_bundle_of_another_kind_is_refused():
    card, content = bundle.read(bundle.PRETRAINED)
    graph = onnx.load_model_from_string(content).graph
    for other in ({"dataset": "fashion-mnist"}, {"recipe": card.recipe | {"model": "scratch"}}):
        with pytest.raises(RunError, match="a bundle trained on mnist"):
            finetune.unpack(card.model_copy(update=other), graph)
    with pytest.raises(RunError, match="the weights of digits"):
        finetune.unpack(card.model_copy(update={"recipe": card.recipe | {"model": "digits"}}), graph)


@pytest.fixture
def kept(tmp_path):
    """A home with three drawings of each of two digits: its environment."""
    url = f"sqlite:///{tmp_path}/drawings.sqlite"
    store = Store(url)
    store.add_all(labelled(label, n) for n, label in enumerate([1, 7] * 3))
    store.close()
    return {system.HOME: str(tmp_path), "INKLING_DRAWINGS": url}


def test_the_command_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv(system.HOME, str(tmp_path))
    monkeypatch.setenv("INKLING_DRAWINGS", f"sqlite:///{tmp_path}/none.sqlite")
    result = run_inkling("teach")
    assert result.returncode == 1
    assert result.stderr.startswith("inkling: Expected at least 3 drawings of one digit")
    assert len(result.stderr.splitlines()) == 1
    assert "The bundle that ships" in run_inkling("teach", "--back").stdout
    assert "without a path" in run_inkling("teach", "--name", "../x").stderr


def test_a_bundle_that_cannot_say_when_to_believe_it_refuses_nothing(mnist):
    card, model = bundle.read(bundle.PRETRAINED)
    plain = card.model_copy(update={"acceptance": None, "validation": None})
    few = replace(mnist.test, pixels=mnist.test.pixels[:9], labels=mnist.test.labels[:9])
    figures = finetune.measure(Reader(plain, Network(model, 10)), [labelled(1, 0)], few)
    assert (figures.refused, figures.test_refused, figures.right) == (0, 0, 1)


@pytest.mark.usefixtures("mnist")
def test_a_teaching_that_is_stopped_changes_nothing(kept, tmp_path, monkeypatch):
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "inkling", "teach", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "progress":
                process.send_signal(signal.SIGINT)
                break
        events = [json.loads(line) for line in process.stdout]
    assert process.returncode == 130
    assert events[-1]["event"] == "stopped"
    shelf = Shelf(tmp_path, tmp_path / "runs")
    assert shelf.chosen() == SHIPPED
    assert list(shelf.bundles()) == [SHIPPED]
