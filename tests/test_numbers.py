"""Numbers: what the line reader says of them, and how a Reader decides what is there."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling import Drawing, InklingError, NothingDrawn, Reader
from inkling.errors import BundleError
from inkling.ink.lines import Line, of_strokes
from inkling.reading import bundle, numbers, report
from inkling.reading.answers import LinesAnswer, NumberAnswer, of_reading
from inkling.reading.formats import Constraints
from inkling.reading.numbers import LineReader, Number
from inkling.reading.reader import Reading

STROKES = {
    "0": [[(20, 0), (5, 12), (0, 35), (6, 62), (20, 70), (36, 60), (40, 35), (35, 10), (20, 0)]],
    "1": [[(8, 16), (22, 0), (22, 70)]],
    "2": [[(3, 16), (20, 0), (36, 14), (28, 38), (2, 70), (40, 70)]],
    "4": [[(12, 0), (0, 40), (45, 40)], [(32, 15), (30, 72)]],
    "5": [[(8, 2), (5, 32), (30, 30), (42, 48), (30, 68), (2, 66)], [(8, 2), (42, 0)]],
    "7": [[(0, 0), (42, 0), (16, 70)]],
    ".": [[(4, 68), (6, 70)]],
    "-": [[(4, 38), (30, 37)]],
    ":": [[(4, 24), (5, 26)], [(4, 58), (5, 60)]],
    "/": [[(34, -6), (2, 78)]],
}
WIDTHS = {".": 26, ":": 26, "1": 48}
A = [[(0, 70), (25, 0), (50, 70)], [(10, 45), (40, 45)]]
M = [[(0, 70), (0, 0), (30, 45), (60, 0), (60, 70)]]


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


def written(text, x=0.0, y=0.0):
    """The strokes of a text, and where each character begins."""
    strokes, starts = [], []
    for character in text:
        starts.append(x)
        strokes += [[(x + a, y + b) for a, b in stroke] for stroke in STROKES[character]]
        x += WIDTHS.get(character, 62)
    return strokes, starts


def number(text):
    return Drawing(written(text)[0], 6)


@pytest.mark.parametrize("text", ["142", "7.5", "-12", "75/2", "10:45", "2.50", "4-17", "0.4"])
def test_a_number_is_read_with_its_signs(reader, text):
    read = reader.read_number(number(text))
    assert read.text == text
    assert "".join(part.text for part in read.parts) == text
    assert 0 < read.confidence <= 1


def test_each_character_has_its_box(reader):
    strokes, starts = written("4172")
    read = reader.read_number(Drawing(strokes, 6))
    for part, start in zip(read.parts, starts, strict=True):
        left, top, right, bottom = part.box
        assert start - 8 <= left < right <= start + 62
        assert -8 <= top < bottom <= 80


def test_a_leading_one_has_a_box_within_that_of_the_number(reader):
    for text in ("142", "10", "1.7"):
        read = reader.read_number(number(text))
        left, top, right, bottom = read.box
        for part in read.parts:
            assert left - 1 <= part.box[0] < part.box[2] <= right + 1
            assert top - 1 <= part.box[1] < part.box[3] <= bottom + 1


def test_a_character_says_what_else_it_could_be(reader):
    for part in reader.read_number(number("4172")).parts:
        shares = [share for _, share in part.alternatives]
        assert shares == sorted(shares, reverse=True)
        assert part.confidence + sum(shares) <= 1 + 1e-6
        assert part.text not in [text for text, _ in part.alternatives]


def test_a_few_others_are_named(reader):
    read = reader.read_number(number("4172"))
    assert [len(part.alternatives) for part in read.parts] == [5] * 4
    assert 0 < len(read.alternatives) < 10


def test_other_texts_follow_the_likeliest(reader):
    read = reader.read_number(number("4172"))
    shares = [read.confidence, *(share for _, share in read.alternatives)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-6


def test_what_is_no_number_is_not_accepted(reader):
    word = [[(x + 70 * place, y) for x, y in stroke] for place in (0, 2) for stroke in A]
    word += [[(x + 70, y) for x, y in stroke] for stroke in M]
    read = reader.read_number(Drawing(word, 6))
    assert read.accepted is False
    assert not numbers.is_number("?7")
    assert not numbers.is_number("-.")
    assert numbers.is_number("7.5")


def test_a_format_decides_what_is_read(reader):
    """A leaning 1 between digits is a slash only where one can stand."""
    drawing = number("4/7")
    free = reader.read_number(drawing)
    integer = reader.read_number(drawing, constraints=Constraints.of("integer", None, None, None))
    assert free.text == "4/7"
    assert integer.text.isdigit()
    assert len(integer.text) == 3 or integer.confidence < 0.5


def test_a_range_leaves_out_what_lies_outside(reader):
    within = Constraints.of(None, 100, 200, None)
    assert reader.read_number(number("142"), constraints=within).text == "142"
    beyond = Constraints.of(None, 500, 600, None)
    assert reader.read_number(number("142"), constraints=beyond).accepted is False


def test_where_nothing_fits_there_is_no_text(reader):
    read = reader.read_number(number("4"), constraints=Constraints.of(r"\d{12}", None, None, None))
    assert read == Number("", 0.0, False, (), (), read.box)


def test_rows_are_read_from_top_to_bottom(reader):
    strokes = written("12")[0] + written("47", x=10, y=130)[0] + written("5", x=30, y=270)[0]
    assert [row.text for row in reader.read_lines(Drawing(strokes, 6))] == ["12", "47", "5"]
    assert reader.read_number(Drawing(strokes, 6)).accepted is False


def test_any_is_a_digit_a_number_or_rows(reader):
    assert isinstance(reader.read_any(number("4")), Reading)
    found = reader.read_any(number("417"))
    assert isinstance(found, Number)
    assert found.text == "417"
    rows = reader.read_any(Drawing(written("12")[0] + written("47", y=130)[0], 6))
    assert [row.text for row in rows] == ["12", "47"]


def test_answers_are_plain_values(reader):
    read = reader.read_any(number("417"))
    answer = of_reading(read, reader)
    assert isinstance(answer, NumberAnswer)
    assert answer.text == "417"
    assert [part.text for part in answer.parts] == [*"417"]
    assert answer.model == reader.lines.card.model_sha256[:12]
    rows = of_reading((read, read), reader)
    assert isinstance(rows, LinesAnswer)
    assert [row.text for row in rows.lines] == ["417", "417"]


def test_an_accuracy_that_cannot_be_promised_accepts_nothing(reader):
    assert reader.lines.threshold() < 1
    assert reader.lines.threshold(0.99999) == math.inf
    assert reader.read_number(number("417"), min_accuracy=0.99999).accepted is False


@settings(max_examples=20)
@given(st.floats(0.2, 5), st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_size_and_place_of_strokes_do_not_matter(reader, scale, x, y):
    strokes, _ = written("4172")
    moved = [[(a * scale + x, b * scale + y) for a, b in stroke] for stroke in strokes]
    assert reader.read_number(Drawing(moved, 6 * scale)).text == "4172"


def test_nothing_drawn_is_an_error(reader):
    for read in (reader.read_number, reader.read_lines, reader.read_any):
        with pytest.raises(NothingDrawn):
            read(Drawing([]))


def test_a_bundle_reads_lines_or_images():
    with pytest.raises(BundleError, match="reads lines"):
        Reader.load(bundle.NUMBERS)
    with pytest.raises(BundleError, match="reads images"):
        LineReader.load(bundle.PRETRAINED)


def test_a_line_of_any_width_is_read(reader):
    line = of_strokes(number("47"))
    for spare in range(5):
        wide = np.pad(line.image, ((0, 0), (0, 0), (0, spare)))
        read = reader.lines.read(Line(wide, line.scale, line.corner), None)
        assert read.text == "47"
        assert read.accepted is None


def test_another_data_set_has_no_numbers(reader):
    garments = Reader(reader.card.model_copy(update={"frame": "garment"}), reader.session)
    with pytest.raises(InklingError, match="reads digits"):
        garments.read_number(number("47"))


def test_boxes_are_in_the_units_of_the_source(reader):
    image = np.zeros((1, 32, 24), np.float32)
    image[0, 3:29, 10:13] = 1
    image[0, 3:29, 13], image[0, 3:29, 14] = 0.4, 0.2  # paler than 0.3 is not in the box
    read = reader.lines.read(Line(image, scale=2.0, corner=(100.0, -50.0)), None)
    assert read.text == "1"
    assert read.box == read.parts[0].box == (105, -48.5, 107, -35.5)


def test_boxes_move_and_grow_with_the_strokes(reader):
    strokes, _ = written("4172")
    near = reader.read_number(Drawing(strokes, 6))
    moved = [[(3 * x + 500, 3 * y - 200) for x, y in stroke] for stroke in strokes]
    far = reader.read_number(Drawing(moved, 18))
    for part, other in zip(near.parts, far.parts, strict=True):
        assert other.box == pytest.approx(3 * np.array(part.box) + (500, -200) * 2, abs=1e-6)


def test_of_several_rows_the_largest_is_read_and_not_accepted(reader):
    assert reader.read_number(number("417")).accepted is True
    small = [[(x / 2, y / 2) for x, y in stroke] for stroke in written("12")[0]]
    read = reader.read_number(Drawing(small + written("470", y=130)[0], 6))
    assert (read.text, read.accepted) == ("470", False)


def test_a_line_that_is_no_number_is_read_with_no_confidence(reader):
    word = [[(x + 70 * place, y) for x, y in stroke] for place in (0, 2) for stroke in A]
    word += [[(x + 70, y) for x, y in stroke] for stroke in M]
    images = [of_strokes(drawing).image for drawing in (number("47"), Drawing(word, 6))]
    session, characters = reader.lines.session, reader.lines.characters
    read = [numbers.read_text(session, image, characters) for image in images]
    assert [numbers.is_number(one.text) for one in read] == [True, False]
    texts = report.read_texts(
        session, characters, "made", images, lambda index, text: (index, text) == (0, "47")
    )
    assert texts.confidence.tolist() == [read[0].probability, 0]
    assert texts.right.tolist() == [True, False]


def test_a_number_shows_what_else_it_may_be(reader):
    read = reader.read_number(number("4172"))
    shown = read._repr_html_()
    text, share = read.alternatives[0]
    assert f"or {text} ({share:.1%})" in shown
    assert numbers._listed([("", 0.25), ("7", 0.5)]) == "nothing (25.0%), 7 (50.0%)"
    for part in read.parts:
        assert f"{part.confidence:.1%}" in shown
    alone = dataclasses.replace(read, alternatives=(), parts=())
    assert ">or " not in alone._repr_html_().replace(">or<", "")
