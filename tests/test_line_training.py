"""A line network in training: its loss, its batches, its runs, and the bundle they end in."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from inkling.augmentation import texts
from inkling.augmentation.lines import Made
from inkling.errors import DataError, RecipeError, RunError
from inkling.experiments import events, recipes
from inkling.networks import architectures
from inkling.reading import decoding
from inkling.reading.numbers import LineReader
from inkling.reading.session import COLUMN
from inkling.training import checkpoint, line_export, lines, loop

SMALL = dataclasses.replace(
    recipes.get("numbers"),
    epochs=2,
    batch=16,
    lines=48,
    augmentation=dataclasses.replace(
        recipes.get("numbers").augmentation, on_paper=0.2, stroke_datasets=""
    ),
)


def run(folder, recipe=SMALL, should_stop=lambda: False, finish=None):
    """Train, and give the events."""
    found = []
    if not (folder / "run.json").exists():
        loop.create(folder, recipe, 0)
    ends = finish or (lambda *_: events.Stopped(run=str(folder)))
    loop.train(folder, found.append, should_stop, ends)
    return found


def test_the_loss_is_the_likelihood_of_the_decoder():
    logits = torch.randn(2, 12, len(texts.CHARACTERS) + 1, generator=torch.manual_seed(0))
    wanted = ["12.5", "7"]
    losses = lines.ctc_loss(logits, wanted, "none")
    for row, text, loss in zip(logits.log_softmax(2).numpy(), wanted, losses, strict=True):
        likelihood = decoding.probability(row, text, texts.CHARACTERS)
        assert float(loss) == pytest.approx(-likelihood, rel=1e-4)


def test_the_best_path_joins_repeats_and_leaves_blanks_out():
    path = [0, 2, 2, 0, 2, 3, 3, 0]
    logits = np.eye(len(texts.CHARACTERS) + 1, dtype=np.float32)[path][None]
    expected = texts.CHARACTERS[1] * 2 + texts.CHARACTERS[2]
    assert lines.best_paths(logits) == [expected]


def test_a_batch_holds_lines_of_about_one_width():
    rng = np.random.default_rng(0)
    made = [Made(np.zeros((32, int(w)), np.uint8), str(w)) for w in rng.integers(20, 400, 640)]
    batches = lines.in_batches(made, 16, rng)
    assert [len(batch) for batch in batches] == [16] * 40
    assert len({line.text for batch in batches for line in batch}) == len({m.text for m in made})
    assert np.mean([np.ptp([m.pixels.shape[1] for m in batch]) for batch in batches]) < 60


def test_lines_of_several_widths_are_blank_to_the_right():
    images = lines.as_images([np.full((32, width), 255, np.uint8) for width in (8, 21)])
    assert images.shape == (2, 1, 32, 24)
    assert images.sum((1, 2, 3)).tolist() == [8 * 32, 21 * 32]


def test_a_line_has_a_column_for_four_pixels():
    network = architectures.build("numbers", 5, torch.Generator().manual_seed(0)).eval()
    assert network(torch.zeros(2, 1, 32, 64)).shape == (2, 64 // COLUMN, 5)
    assert architectures.count_parameters(network) < 400_000


def test_what_comes_to_the_right_does_not_change_a_line():
    """Padding is blank, and far from what is written: the columns of a line stay as they were."""
    network = architectures.build("numbers", 5, torch.Generator().manual_seed(0)).eval()
    line = torch.rand(1, 1, 32, 64, generator=torch.manual_seed(1))
    line[..., 24:] = 0
    wide = torch.nn.functional.pad(line, (0, 64))
    alone, padded = network(line)[:, :6], network(wide)[:, :6]
    assert torch.allclose(alone, padded, atol=1e-5)


@pytest.mark.slow
def test_a_stopped_run_ends_as_an_unbroken_one(tmp_path):
    run(tmp_path / "whole")
    count = itertools.count()
    run(tmp_path / "parts", should_stop=lambda: next(count) == 1)
    run(tmp_path / "parts")
    whole, parts = (checkpoint.read_tensors(tmp_path / name) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
def test_a_run_ends_in_a_bundle_that_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(line_export, "TEST", 12)
    monkeypatch.setattr(lines, "VALIDATION", 12)
    *_, last, end = run(tmp_path / "run", finish=loop.write_bundle)
    assert isinstance(last, events.Epoch)
    assert last.validation_loss is not None
    reader = LineReader.load(tmp_path / "run" / "bundle")
    assert reader.card.reads == "lines"
    assert reader.card.classes == tuple(texts.CHARACTERS)
    assert end.test.n == 12
    tensors = checkpoint.read_tensors(tmp_path / "run")
    network = architectures.build("numbers", len(texts.CHARACTERS) + 1, torch.Generator())
    prefix = "averaged.module."
    network.load_state_dict(
        {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    )
    image = np.random.default_rng(0).random((1, 32, 80)).astype(np.float32)
    with torch.no_grad():
        calibrated = line_export.Calibrated(network.eval(), reader.card.temperature)
        expected = calibrated(torch.from_numpy(image)[None])[0].numpy()
    gap = reader.session.log_probabilities(image) - expected
    assert np.abs(gap).max() < line_export.MAX_GAP


def test_a_recipe_of_lines_names_a_line_network(tmp_path):
    for changes in ({"lines": 0}, {"model": "compact"}):
        with pytest.raises(RecipeError, match="Expected lines"):
            loop.create(tmp_path / "run", dataclasses.replace(SMALL, **changes), 0)
    with pytest.raises(RunError, match="at most 48"):
        loop.create(tmp_path / "run", dataclasses.replace(SMALL, batch=64), 0)


def test_where_lines_cannot_be_made_the_run_says_why():
    augmentation = dataclasses.replace(SMALL.augmentation, stroke_datasets="crohme")
    recipe = dataclasses.replace(SMALL, augmentation=augmentation)
    learner = lines.LineLearner(recipe, 0, None, [])
    with pytest.raises(DataError, match="crohme"):
        learner._next_lines()
