"""The pressure of a pen: it decides how wide lines are drawn, and is read, sent and stored."""

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling import Drawing, ink, to_image
from inkling.drawings import Labelled, Store, archive
from inkling.errors import InkError

HOOK = [(0.0, 0.0), (50.0, 0.0), (100.0, 0.0), (80.0, 75.0), (60.0, 150.0)]
PLACES = st.tuples(*[st.integers(0, 100).map(float)] * 2)
PRESSURE = st.floats(0, 1, exclude_min=True)


def area(strokes, pen=20):
    """The area of a drawing's ink, drawn with its own pen, in units of the drawing."""
    sheet = ink.to_sheet(Drawing(strokes, pen), "garment")
    return sheet.ink.sum() / 255 / sheet.scale**2


def pressed(stroke, pressure):
    return [(*point, pressure) for point in stroke]


@given(
    st.lists(st.lists(PLACES, min_size=1, max_size=12), min_size=1, max_size=4),
    st.floats(0.5, 60),
    st.sampled_from(["digit", "garment"]),
)
def test_a_constant_pressure_of_one_half_changes_nothing(strokes, pen, layout):
    plain = ink.to_sheet(Drawing(strokes, pen), layout)
    even = ink.to_sheet(Drawing([pressed(stroke, 0.5) for stroke in strokes], pen), layout)
    np.testing.assert_array_equal(plain.ink, even.ink)
    assert (plain.scale, *plain.corner) == (even.scale, *even.corner)


@given(st.lists(st.tuples(PLACES, PRESSURE, PRESSURE), min_size=1, max_size=12))
def test_more_pressure_never_gives_less_ink(points):
    lighter, heavier = (
        [(*place, choose(pressures)) for place, *pressures in points] for choose in (min, max)
    )
    assert area([heavier]) >= 0.97 * area([lighter])  # a raster rounds


@given(PRESSURE)
def test_a_constant_pressure_does_not_change_the_image(pressure):
    image = to_image(Drawing([pressed(HOOK, pressure)]))
    np.testing.assert_allclose(
        image, to_image(Drawing([HOOK])), atol=0.1
    )  # rounding, in the raster


def test_a_line_is_wider_where_pressure_is_higher():
    image = to_image(Drawing([pressed(HOOK[:3], 0.2) + pressed(HOOK[3:], 0.9)]))[0]
    plain = to_image(Drawing([HOOK]))[0]
    half = image.shape[0] // 2
    assert image[half:].sum() > 1.1 * plain[half:].sum()
    assert image[:half].sum() < 0.9 * plain[:half].sum()
    assert area([pressed(HOOK, 1)]) == pytest.approx(1.7 * area([HOOK]), rel=0.1)
    assert area([pressed(HOOK, 0.01)]) == pytest.approx(0.3 * area([HOOK]), rel=0.1)


@pytest.mark.parametrize("rest", [(0,), (-0.5,), (1.01,), (float("nan"),), (0.5, 0.5)])
def test_an_impossible_pressure_is_an_error(rest):
    with pytest.raises(InkError) as caught:
        Drawing([[(1, 1), (2, 2, *rest)]])
    assert "\n" not in str(caught.value)


def test_pressure_is_read_over_http_and_an_impossible_one_is_an_error(server):
    strokes = [[list(point) for point in pressed(HOOK[:3], 0.3) + HOOK[3:]]]
    url = f"{server}/api/read?image=true"
    answer = httpx.post(url, json={"strokes": strokes}).json()
    image = np.rint(to_image(Drawing(strokes))[0] * 255)
    np.testing.assert_array_equal(answer["image"], image)
    for bad in ([1, 1, 0], [1, 1, 2], [1, 1, 0.5, 0.5], [1]):
        answer = httpx.post(f"{server}/api/read", json={"strokes": [[bad]]})
        assert answer.status_code == 422
        assert answer.json()["hint"]


def test_pressure_is_stored_exported_and_imported(tmp_path):
    strokes = [[[0.0, 0.0, 0.2], [0.0, 90.0, 0.75]], [[5.0, 5.0]]]
    store, other = (Store(f"sqlite:///{tmp_path}/{name}.sqlite") for name in ("one", "two"))
    stored = store.add(Labelled(1, 1, 0.9, 5.0, True, "ab" * 32, strokes=strokes, pen=30.0))
    assert store.get(1).source == Drawing(strokes, 30.0)
    archive.export([stored], tmp_path, "jsonl", pytest.fail)
    archive.take_in(other, tmp_path / archive.LINES)
    assert list(other.each()) == [stored]
    store.close()
    other.close()
