"""Fine-tuning: what is learnt from, what is held out, what is served afterwards."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from conftest import invoke
from hypothesis import given
from hypothesis import strategies as st

from inkling import system
from inkling.data import Split
from inkling.drawings import Labelled, Store
from inkling.errors import RunError
from inkling.experiments import recipes
from inkling.experiments.events import Figures
from inkling.reading import bundle
from inkling.reading.reader import Reader
from inkling.reading.registry import PRETRAINED, Registry
from inkling.reading.session import Session
from inkling.training import export, finetune


def labelled(label, number, strokes=None):
    strokes = strokes or [[[100.0, 60.0], [100.0 + number, 300.0]]]
    return Labelled(label, label, 0.9, -5.0, True, "ab" * 32, strokes=strokes, pen=30.0, id=number)


@given(st.lists(st.integers(0, 9), min_size=30, max_size=120), st.integers(1, 25))
def test_more_drawings_move_none_across(labels, fewer):
    every = [labelled(label, number) for number, label in enumerate(labels)]
    learn, held_out = finetune.split_drawings(every)
    assert sorted(d.id for d in learn + held_out) == list(range(len(labels)))
    for label in set(labels):
        count = labels.count(label)
        assert sum(d.label == label for d in held_out) == (count + 2) // 5
    try:
        before, held_before = finetune.split_drawings(every[:-fewer])
    except RunError:  # too few to hold one out
        return
    assert {d.id for d in before} <= {d.id for d in learn}
    assert {d.id for d in held_before} <= {d.id for d in held_out}


def test_too_few_drawings_are_reported():
    with pytest.raises(RunError, match=r"at least 3 drawings of one digit .* got 4"):
        finetune.split_drawings(
            [labelled(label, 2 * label + n) for label in (1, 7) for n in (0, 1)]
        )


FIGURES = Figures(10, 8, 0.5, 2, 0.9946, 0.9956, 0.014)


@pytest.mark.parametrize(
    ("after", "better", "why"),
    [
        ({"right": 9, "validation": 0.9941}, True, "1 more of 10"),  # 0.05 % less of MNIST
        ({"right": 10, "validation": 0.9939}, False, "0.07 points"),
        ({"loss": 0.4}, True, "as many"),
        ({}, False, "no better"),
        ({"right": 7, "loss": 0.1}, False, "no better"),
    ],
)
def test_a_fine_tuned_bundle_is_served_only_if_it_is_better(after, better, why):
    served, said = finetune.judge(FIGURES, replace(FIGURES, **after), FIGURES.validation)
    assert served == better
    assert why in said


def test_the_network_that_is_fine_tuned_is_that_of_the_bundle(digits):
    base = finetune.load(bundle.PRETRAINED)
    images = digits[:50, None].astype(np.float32) / 255
    graph = Reader.load().session.logits(images)
    logits = export.compute_logits(base.network, images) / base.card.temperature
    np.testing.assert_allclose(logits, graph, atol=1e-4)
    trained = {name for name, value in base.network.named_parameters() if value.requires_grad}
    assert trained <= set(base.tensors)  # all that is trained is written back


def test_a_bundle_of_another_kind_cannot_be_fine_tuned():
    card, content = bundle.read(bundle.PRETRAINED)
    graph, recipe = onnx.load_model_from_string(content).graph, recipes.get("digits")
    fashion = card.model_copy(update={"dataset": "fashion-mnist"})
    for other, of in ((fashion, recipe), (card, recipes.get("scratch"))):
        with pytest.raises(RunError, match="a bundle trained on mnist"):
            finetune.unpack(other, of, graph)
    with pytest.raises(RunError, match="the weights of compact"):
        finetune.unpack(card, replace(recipe, model="compact"), graph)


@pytest.fixture
def kept(tmp_path):
    """The environment of a home with three drawings of each of two digits."""
    url = f"sqlite:///{tmp_path}/drawings.sqlite"
    store = Store(url)
    store.add_all(labelled(label, n) for n, label in enumerate([1, 7] * 3))
    store.close()
    return {system.HOME: str(tmp_path), "INKLING_DRAWINGS": url}


def test_the_command_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv(system.HOME, str(tmp_path))
    monkeypatch.setenv("INKLING_DRAWINGS", f"sqlite:///{tmp_path}/none.sqlite")
    result = invoke("teach")
    assert result.returncode == 1
    assert result.stderr.startswith("inkling: Expected at least 3 drawings of one digit")
    assert len(result.stderr.splitlines()) == 1
    assert "The bundle that ships" in invoke("teach", "--back").stdout
    assert "without a path" in invoke("teach", "--name", "../x").stderr


def test_a_bundle_without_acceptance_rejects_nothing(mnist):
    card, model = bundle.read(bundle.PRETRAINED)
    plain = card.model_copy(update={"acceptance": None, "validation": None})
    few = Split(mnist.test.pixels[:9], mnist.test.labels[:9])
    session = Session(model, 10, temperature=card.temperature)
    figures = finetune.measure(Reader(plain, session), [labelled(1, 0)], few)
    assert (figures.rejected, figures.test_rejected, figures.right) == (0, 0, 1)


@pytest.mark.usefixtures("mnist")
def test_a_fine_tuning_that_is_stopped_changes_nothing(kept, tmp_path, monkeypatch):
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
    registry = Registry(tmp_path, tmp_path / "runs")
    assert registry.chosen() == PRETRAINED
    assert list(registry.bundles()) == [PRETRAINED]
