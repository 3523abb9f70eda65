"""Fine-tuning: what is learnt from, what is held out, what is served afterwards."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from conftest import invoke, peak

from inkling import system, to_image
from inkling.data import Split
from inkling.drawings import Labelled, Store
from inkling.errors import RunError
from inkling.experiments import recipes
from inkling.experiments.events import Figures, FineTuneEnd
from inkling.reading import bundle
from inkling.reading.reader import Reader
from inkling.reading.registry import PRETRAINED, Registry
from inkling.reading.session import Session
from inkling.training import engines, finetune


def labelled(label, number, strokes=None):
    strokes = strokes or [[[100.0, 60.0], [100.0 + number, 300.0]]]
    return Labelled(label, label, 0.9, -5.0, True, "ab" * 32, strokes=strokes, pen=30.0, id=number)


def test_held_out_drawings_are_those_of_the_store():
    every = [replace(labelled(n, n), held_out=n % 4 == 1) for n in range(8)]
    images = np.arange(8)[:, None, None, None] / np.full((1, 28, 28), 255, np.float32)
    learn, held_out = finetune.split_drawings(zip(every, images, strict=True))
    assert [d.id for d in held_out] == [1, 5]
    assert learn.labels.tolist() == [0, 2, 3, 4, 6, 7]
    assert learn.pixels[:, 0, 14, 14].tolist() == [0, 2, 3, 4, 6, 7]


def test_only_readable_drawings_of_the_bundles_own_labels_are_used():
    card, _ = bundle.read(bundle.PRETRAINED)
    digit = replace(labelled(7, 1), name="7")
    shoe = replace(labelled(7, 2), dataset="fashion-mnist", name="Sneaker")
    broken = replace(labelled(7, 3), name="7", strokes=None, picture=b"no picture")
    skipped = []
    unnamed = labelled(3, 4)  # its name is the label's number
    every = [digit, shoe, broken, unnamed]
    found = list(finetune.usable(every, card, skipped.append))
    assert [drawing for drawing, _ in found] == [digit, unnamed]
    np.testing.assert_array_equal(found[0][1], to_image(digit.source))
    assert [str(error).partition(":")[0] for error in skipped] == ["Drawing 3"]


def test_too_few_drawings_are_reported():
    with pytest.raises(RunError, match=r"at least 3 drawings of one digit .* got 4"):
        finetune.split_drawings(
            (labelled(label, 2 * label + n), np.zeros((1, 28, 28), np.float32))
            for label in (1, 7)
            for n in (0, 1)
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
    logits = engines.compute_logits(base.network, images) / base.card.temperature
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
def drawn(tmp_path):
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


def test_a_name_is_taken_once(drawn, tmp_path, monkeypatch):
    for name, value in drawn.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "taught" / "mine").mkdir(parents=True)
    (tmp_path / "taught" / "mine" / "run.json").write_text("{}")
    result = invoke("teach", "--name", "mine")
    assert result.returncode == 1
    assert "Give another name" in result.stderr
    assert "sample" not in result.stdout
    monkeypatch.setattr(finetune, "MAX_LEARN", 1)
    monkeypatch.setattr(finetune, "MAX_HELD_OUT", 1)
    assert re.match(r"Taking a sample of \d+ drawings", invoke("teach", "--name", "mine").stdout)


def test_better_is_reported_once_the_choice_is_written(tmp_path, monkeypatch):
    """If it cannot be written, nothing is said to be served."""
    better = FineTuneEnd(bundle="b", before=FIGURES, after=FIGURES, better=True, why="It is")
    monkeypatch.setattr(finetune.loop, "fit", lambda *_: True)
    monkeypatch.setattr(finetune, "average", lambda *_: None)
    monkeypatch.setattr(finetune, "measure", lambda *_: FIGURES)
    monkeypatch.setattr(finetune, "compare", lambda *_: better)
    drawings = [replace(labelled(1, n), name="1", held_out=n == 2) for n in range(3)]
    order = []

    def full():
        order.append("serve")
        raise RunError("no room", "free some")

    with pytest.raises(RunError, match="no room"):
        finetune.fine_tune(drawings, tmp_path / "a", order.append, serve=full)
    assert [getattr(one, "event", one) for one in order] == ["fine-tune-start", "serve"]
    order.clear()
    finetune.fine_tune(drawings, tmp_path / "b", order.append, serve=lambda: order.append("serve"))
    assert [getattr(one, "event", one) for one in order] == [
        "fine-tune-start",
        "serve",
        "fine-tune-end",
    ]


@pytest.mark.usefixtures("mnist")
def test_a_fine_tuning_that_is_stopped_changes_nothing(drawn, tmp_path, monkeypatch):
    for name, value in drawn.items():
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


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
@pytest.mark.parametrize(
    ("arguments", "limit"), [(["teach", "--json"], 700), (["train", "sprint", "--json"], 900)]
)
def test_a_machine_of_1_gb_trains_and_teaches(arguments, limit, drawn, tmp_path):
    done, megabytes = peak(*arguments, cwd=tmp_path, env=os.environ | drawn)
    assert done.returncode == 0, done.stderr
    assert megabytes < limit
