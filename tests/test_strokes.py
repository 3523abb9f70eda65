"""Pen strokes: their files, how they are varied, and how they are mixed into batches."""

import gzip
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inkling import data
from inkling.augmentation import strokes as varied
from inkling.data import Item, strokes
from inkling.errors import DataError
from inkling.experiments import recipes
from inkling.training import learner

COORDINATES = st.integers(-500, 2000).map(float)
STROKES = st.lists(
    st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=8).map(np.array),
    min_size=1,
    max_size=4,
)


def written(label="7", writer="w", shift=0.0):
    """A 7 of two strokes."""
    seven = np.array([[0.0, 0], [700, 10], [300 + shift, 1000]])
    return Item(label, writer, (seven, np.array([[100.0, 500], [600, 480]])))


def unipen(folder, writers=8):
    """A small data set of strokes in a folder of data sets."""
    own = folder / "unipen"
    own.mkdir(parents=True)
    kinds = {"digits": "0123456789", "letters": "AXO", "symbols": "+/", "numbers": ["12"]}
    for kind, labels in kinds.items():
        for part, offset in (("train", 0), ("dev", 100)):
            items = [
                written(label, f"w{offset + n}", 7.0 * n)
                for n in range(writers)
                for label in labels
            ]
            (own / f"{kind}-{part}.jsonl.gz").write_bytes(strokes.to_json_lines(items))


@given(STROKES, st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=5))
def test_items_come_back_from_json_lines(drawn, label, writer):
    content = strokes.to_json_lines([Item(label, writer, tuple(drawn))])
    (back,) = strokes.from_json_lines(content, "here")
    assert (back.label, back.writer) == (label, writer)
    for before, after in zip(drawn, back.strokes, strict=True):
        np.testing.assert_array_equal(before, after)
    assert content == strokes.to_json_lines([back])


@given(STROKES)
def test_scaled_strokes_fill_their_box_and_never_stand_still(drawn):
    scaled = strokes.scaled(drawn)
    points = np.concatenate(scaled)
    assert points.min() >= 0
    if np.ptp(np.concatenate(drawn), 0).max() > 0:
        assert points.max() == strokes.SIDE
    for stroke in scaled:
        assert (np.diff(stroke, axis=0) != 0).any(1).all()


def test_lines_of_an_export_are_read_with_their_session():
    line = {"label": 3, "name": "3", "session": "s", "strokes": [[[0, 0, 0.5], [9, 9, 0.7]]]}
    (item,) = strokes.from_json_lines(json.dumps(line).encode(), "here")
    assert (item.label, item.writer) == ("3", "s")
    assert item.strokes[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff\xfe", "UTF-8"),
        (gzip.compress(b'{"label":1}', mtime=0)[:9], "whole text"),
        (b"[1]", "line 1"),
        (b'{"label": "1"}', "strokes"),
        (b'{"label": "1", "strokes": [[]]}', "no points"),
        (b'{"label": "1", "strokes": [[[1]]]}', "points"),
        (b'{"label": "1", "strokes": [[[1, 2]]]}\nnonsense', "line 2"),
    ],
)
def test_what_is_no_item_is_named(content, what):
    with pytest.raises(DataError, match=what) as caught:
        strokes.from_json_lines(content, "there.jsonl")
    assert "there.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(STROKES, st.integers(0, 10_000))
def test_varied_strokes_can_be_rendered(drawn, seed):
    rng = np.random.default_rng(seed)
    found = varied.vary(drawn, rng)
    assert np.isfinite(np.concatenate(found)).all()
    image = varied.render(found, varied.pen_width(rng))
    assert image.shape == (1, 28, 28)
    assert image.max() == 255


def test_variations_differ_and_a_seed_decides_them():
    items = [written(), written("1", "v")]
    first, again, other = (
        varied.make(items, 30, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
    assert len({image.tobytes() for image in first[0]}) > 25


def test_few_writers_do_not_write_most():
    items = [written("7", "much")] * 900 + [written("7", "little")] * 9
    _, chosen = varied.make(items, 2000, np.random.default_rng(0))
    assert (chosen >= 900).mean() == pytest.approx(1 / 11, abs=0.03)  # as the roots of 9 and 900


@pytest.mark.parametrize("effect", ["bent", "turned", "moved", "ended", "sampled", "shaken"])
def test_an_effect_keeps_what_it_is_given(effect):
    before = varied.boxed(written().strokes)
    copies = [stroke.copy() for stroke in before]
    after = getattr(varied, effect)(before, np.random.default_rng(4))
    assert len(after) == len(before)
    for stroke, copy in zip(before, copies, strict=True):
        np.testing.assert_array_equal(stroke, copy)


def test_a_stroke_is_resampled_along_its_length():
    stroke = np.array([[0.0, 0], [1, 0], [1, 2]])
    fine = varied.resampled(stroke, 0.5)
    steps = np.hypot(*np.diff(fine, axis=0).T)
    np.testing.assert_allclose(steps, 0.5)
    np.testing.assert_array_equal(fine[[0, -1]], stroke[[0, -1]])


def test_a_part_of_a_data_set_of_strokes_has_its_own_writers(tmp_path, monkeypatch):
    unipen(tmp_path / "strokes")
    monkeypatch.setenv("INKLING_DATA", f"{tmp_path / 'none'}:{tmp_path / 'strokes'}")
    assert data.is_here(data.get("unipen"))
    train, dev = data.part("unipen:train"), data.part("unipen")
    assert len(train) == len(dev) == 80
    assert not set(train.writers) & set(dev.writers)
    assert len(data.part("unipen:dev-cleaned")) == 80
    parts = data.splits("unipen")
    assert parts.test is not None
    with pytest.raises(DataError, match="dev, dev-cleaned, train"):
        data.part("unipen:test")
    with pytest.raises(DataError, match="with digits"):
        data.part("omniglot")


def test_writers_are_not_in_two_parts(tmp_path, monkeypatch):
    unipen(tmp_path, writers=30)
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    parts = data.splits("unipen")
    writers = [set(part.writers) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, writers)) == len(set().union(*writers)) == 60


def test_what_may_not_train_does_not(tmp_path, monkeypatch):
    own = tmp_path / "crohme"
    own.mkdir()
    for kind in ("digits", "symbols", "numbers"):
        (own / f"{kind}-dev.jsonl.gz").write_bytes(strokes.to_json_lines([written()]))
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    assert len(data.part("crohme:dev")) == 1
    with pytest.raises(DataError, match="NC"):
        data.splits("crohme")
    with pytest.raises(DataError, match="NC"):
        data.to_train_on(data.get("crohme"))


def test_real_strokes_are_mixed_in_with_their_labels(tmp_path, monkeypatch, mnist):
    unipen(tmp_path)
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    recipe = recipes.get("digits")
    augmentation = replace(recipe.augmentation, handwriting=0, outliers=0, stroke_datasets="unipen")
    augmentation = replace(augmentation, real_digits=1, real_outliers=0.25)
    recipe = replace(recipe, batch=20, augmentation=augmentation)
    digits, others = learner.strokes_of(recipe)
    assert {item.label for item in digits} == set("0123456789")
    assert {item.label for item in others} == {"A", "X", "+"}  # O and / could be digits
    train = data.Split(mnist.train.pixels[:50], mnist.train.labels[:50])
    real, strange = learner.mixtures(recipe, 0, train, "cpu", 0.1)
    assert (real.count, strange.count) == (20, 5)
    assert real.pixels.shape[0] == len(real.labels) == math.ceil(0.1 * learner.RENDERINGS * 80)
    assert set(strange.labels.tolist()) == {-1}
    again, _ = learner.mixtures(recipe, 0, train, "cpu", 0.1)
    assert torch.equal(real.pixels, again.pixels)
    assert data.digests("unipen") == data.digests("unipen")
    assert set(data.digests("unipen")) == {
        f"unipen/{kind}-train" for kind in ("digits", "letters", "symbols", "numbers")
    }
    assert (
        set(
            learner.mixed_datasets(
                replace(recipe, augmentation=replace(augmentation, real_digits=0, real_outliers=0))
            )
        )
        == set()
    )


def test_a_training_does_without_strokes_that_are_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("INKLING_DATA", str(tmp_path / "none"))
    recipe = recipes.get("digits")
    bare, missing = learner.without_missing(recipe)
    assert missing == ["unipen", "pendigits", "omniglot"]
    assert learner.mixed_datasets(bare) == []
    unipen(tmp_path)
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    some, missing = learner.without_missing(recipe)
    assert missing == ["pendigits", "omniglot"]
    assert learner.mixed_datasets(some) == ["unipen"]
    assert learner.without_missing(some) == (some, [])


def test_strokes_that_are_not_here_are_named_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="inkling data fetch unipen"):
        data.items(data.get("unipen"), "digits-train")
    with pytest.raises(DataError, match="JSON lines"):
        data.items(data.get("pendigits"), "digits-train")
    with pytest.raises(DataError, match="another form"):
        data.fetch(data.get("crohme"), lambda *_: None)
