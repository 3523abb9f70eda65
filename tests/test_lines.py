"""Lines of digits: how they are divided into pieces, and read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling import Drawing, NothingDrawn, Reader
from inkling.ink import lines
from inkling.reading.answers import NumberAnswer

SEVEN = [[(0, 0), (40, 0), (15, 70)]]
ONE = [[(0, 0), (0, 70)]]
FOUR = [[(10, 0), (0, 40), (45, 40)], [(32, 15), (30, 72)]]
FIVE = [[(8, 4), (5, 32), (30, 30), (42, 48), (30, 68), (2, 66)], [(8, 2), (42, 0)]]


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


def drawn(*digits, pen=6, scale=1.0):
    """Digits side by side, 65 units each."""
    strokes = [
        [(scale * (x + 65 * place), scale * y) for x, y in stroke]
        for place, digit in enumerate(digits)
        for stroke in digit
    ]
    return Drawing(strokes, pen)


def beside(digits, gap=6):
    """MNIST images `(28, 28)` as one line, with a gap in pixels."""
    parts = []
    for digit in digits:
        columns = np.flatnonzero(digit.any(0))
        parts += [digit[:, columns[0] : columns[-1] + 1], np.zeros((28, gap), np.uint8)]
    return np.pad(np.concatenate(parts[:-1], 1), 8)


@given(st.data())
def test_the_best_division_is_the_likeliest_of_all(data):
    count = data.draw(st.integers(1, 6))
    runs = [(a, b) for a in range(count) for b in range(a + 1, count + 1)]
    likelihood = data.draw(st.lists(st.floats(0.01, 1), min_size=len(runs), max_size=len(runs)))

    def every(start):
        if start == count:
            yield []
        for index, (first, beyond) in enumerate(runs):
            if first == start:
                yield from ([index, *rest] for rest in every(beyond))

    chosen = lines.best(count, runs, likelihood)
    assert [runs[index][0] for index in chosen] == [0, *(runs[i][1] for i in chosen[:-1])]
    best = max(np.prod([likelihood[index] for index in way]) for way in every(0))
    assert np.prod([likelihood[index] for index in chosen]) == pytest.approx(best)


@given(st.integers(0, 9999))
def test_cutting_loses_no_ink(seed):
    rng = np.random.default_rng(seed)
    ink = (rng.random((30, 60)) < 0.3).astype(np.float32)
    ink[15] = 1
    (piece,) = (p for p in lines.pieces(ink) if p.width == 60)
    parts = lines.cut(piece, 30.0)
    assert np.array_equal(lines.joined(parts).ink > 0, piece.ink > 0)
    assert lines.joined(parts).box == piece.box
    assert [part.cut_off for part in parts] == [False] + [True] * (len(parts) - 1)


@pytest.mark.parametrize("pen", [2, 6, 12])
@pytest.mark.parametrize("scale", [0.5, 4])
def test_strokes_are_read_as_digits(reader, pen, scale):
    number = reader.read_number(drawn(SEVEN, ONE, ONE, FOUR, FIVE, pen=pen, scale=scale))
    assert number.text == "71145"
    lefts = [part.box[0] for part in number.parts]
    assert lefts == pytest.approx([scale * (65 * i) for i in range(5)], abs=scale * 12)
    assert number.confidence == pytest.approx(np.prod([part.confidence for part in number.parts]))


def test_signs_are_read_where_they_stand(reader):
    minus, point = [[(10, 38), (45, 38)]], [[(20, 70), (21, 71)]]
    comma = [[(22, 66), (20, 80)]]
    assert reader.read_number(drawn(minus, SEVEN, point, FOUR)).text == "-7.4"
    assert reader.read_number(drawn(SEVEN, comma, FIVE)).text == "7,5"


def test_a_single_sign_is_not_accepted_as_a_number(reader):
    number = reader.read_number(Drawing([[(0, 50), (60, 50)]], 6))
    assert number.accepted is False


def test_a_row_of_mnists_digits_is_read(reader, mnist):
    right = 0
    for start in range(0, 100, 5):
        line = beside(mnist.test.pixels[start : start + 5, 0])
        number = reader.read_number(255 - line if start % 2 else line)
        right += number.text == "".join(map(str, mnist.test.labels[start : start + 5]))
    assert right >= 18


def test_boxes_are_in_pixels_of_the_picture(reader, digits):
    line = beside(digits[:3], 10).repeat(30, 0).repeat(30, 1)  # reduced before it is read
    number = reader.read_number(line)
    assert number.text == "721"
    for part in number.parts:
        left, top, right, bottom = (round(side) for side in part.box)
        inside = line[top:bottom, left:right]
        assert inside.any()
        assert 15 * 30 < bottom - top < 24 * 30
    assert number.parts[0].box[2] < number.parts[1].box[0] < number.parts[2].box[0]


def test_a_single_digit_is_a_number(reader, digits):
    assert reader.read_number(digits[0]).text == "7"


def test_nothing_drawn_is_an_error(reader):
    with pytest.raises(NothingDrawn):
        reader.read_number(np.zeros((40, 200), np.uint8))


def test_a_number_becomes_json(reader, digits):
    number = reader.read_number(beside(digits[:2]))
    content = NumberAnswer.of(number, reader.card).model_dump(mode="json")
    assert content["text"] == "72"
    assert [part["text"] for part in content["parts"]] == ["7", "2"]
    assert len(content["parts"][0]["box"]) == 4


def test_a_component_inside_a_digit_belongs_to_it():
    ring = np.zeros((60, 50), np.float32)
    ring[5:55, 5:45] = 255
    ring[12:48, 12:38] = 0
    ring[28:32, 20:30] = 255
    (piece,) = lines.pieces(ring)
    np.testing.assert_array_equal(piece.ink, ring[5:55, 5:45])
