"""Lines: the images that a line network reads, of strokes and of pictures."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy import ndimage

from inkling import Drawing
from inkling.errors import InkError, NothingDrawn
from inkling.ink import lines, marks, rows
from inkling.ink.lines import HEIGHT, MARGIN, MAX_WIDTH, SIDE_MARGIN

FORMS = {  # strokes in a box 40 wide and 70 high
    "0": [[(20, 0), (4, 12), (0, 35), (6, 60), (20, 70), (34, 60), (40, 35), (36, 12), (20, 0)]],
    "1": [[(6, 16), (24, 0), (24, 70)]],
    "2": [[(2, 14), (20, 0), (38, 14), (30, 40), (0, 70), (40, 70)]],
    "3": [[(2, 6), (30, 0), (38, 16), (16, 32), (40, 50), (28, 70), (0, 62)]],
    "4": [[(10, 0), (0, 45), (40, 45)], [(28, 18), (28, 70)]],
    "5": [[(6, 2), (4, 32), (28, 30), (40, 48), (28, 70), (0, 64)], [(6, 0), (38, 0)]],
    "7": [[(0, 0), (40, 0), (15, 70)], [(8, 34), (34, 34)]],
    "8": [[(20, 0), (6, 8), (6, 22), (20, 33), (34, 22), (34, 8), (20, 0)],
          [(20, 33), (2, 45), (4, 62), (20, 70), (36, 62), (38, 45), (20, 33)]],
    ".": [[(4, 68), (5, 69)]],
    ",": [[(8, 64), (2, 80)]],
    "-": [[(2, 38), (36, 38)]],
    "=": [[(2, 28), (36, 27)], [(3, 46), (37, 46)]],
    ":": [[(4, 22), (5, 23)], [(4, 60), (5, 61)]],
    "/": [[(34, -8), (0, 78)]],
    "o": [[(10, 4), (0, 16), (10, 28), (20, 16), (10, 4)]],  # a small raised 0
}  # fmt: skip
STEP = 58  # from one character to the next
ROW = 105  # from one row to the next
NUMBERS = st.text("01234578", min_size=1, max_size=7)
AMOUNTS = ["12.50", "1234,-", "45=", "10:35", "3/4", "-7", "7oo.-", "2-2", "8", "=", "-", "80:08"]


def written(text, x=0.0, y=0.0, size=1.0, slope=0.0):
    """The strokes of a text, its first character at (x, y), rising or falling by a slope."""
    return [
        [
            (x + size * (px + STEP * place), y + size * (py + slope * (px + STEP * place)))
            for px, py in stroke
        ]
        for place, character in enumerate(text)
        for stroke in FORMS[character]
    ]


def pictured(strokes, shape, pen=7.0):
    """The ink `(H, W)` in [0, 1] of strokes, in pixels."""
    canvas = Image.new("L", (2 * shape[1], 2 * shape[0]))
    pencil = ImageDraw.Draw(canvas)
    for stroke in strokes:
        path = [(2 * x, 2 * y) for x, y in stroke]
        pencil.line(path, fill=255, width=round(2 * pen), joint="curve")
        for x, y in path:
            pencil.ellipse([x - pen, y - pen, x + pen, y + pen], fill=255)
    return np.asarray(canvas.reduce(2), np.float32) / 255


def photographed(ink, paper=200.0, strength=0.7, noise=3.0, seed=0):
    """The brightness `(H, W)` of paper, which may vary, of which ink absorbs a share."""
    grain = np.random.default_rng(seed).normal(0, noise, ink.shape)
    return (paper * (1 - strength * ink) + grain).clip(0, 255).astype(np.uint8)


def only(found):
    (line,) = found
    return line


def values_at(line, strokes):
    """The image's values along strokes in the source, the largest within a pixel of each point."""
    near = ndimage.maximum_filter(line.image[0], 3)
    points = np.concatenate([dense(np.array(stroke, float)) for stroke in strokes])
    columns, below = ((points - line.corner) * line.scale).astype(int).T
    return near[below, columns]


def dense(stroke):
    """Points a unit apart along a stroke."""
    along = np.concatenate([[0], np.hypot(*np.diff(stroke, axis=0).T).cumsum()])
    places = np.arange(0, along[-1] + 1)
    return np.stack([np.interp(places, along, axis) for axis in stroke.T], 1)


# Strokes


@st.composite
def some_strokes(draw):
    coordinates = st.floats(-500, 500, width=32)
    points = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=8)
    return draw(st.lists(points, min_size=1, max_size=4))


@given(some_strokes())
def test_any_strokes_become_an_image_with_free_margins(strokes):
    line = lines.of_strokes(Drawing(strokes))
    assert line.image.shape[:2] == (1, HEIGHT)
    assert 2 * SIDE_MARGIN < line.image.shape[2] <= MAX_WIDTH
    assert line.image.dtype == np.float32
    assert 0 <= line.image.min() < line.image.max() <= 1
    free = line.image[0].copy()
    free[MARGIN - 1 : HEIGHT - MARGIN + 1, SIDE_MARGIN - 1 : -SIDE_MARGIN + 1] = 0
    assert not free.any()


@given(NUMBERS, st.floats(0.02, 200), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_size_and_place_do_not_matter(text, size, x, y):
    usual = lines.of_strokes(Drawing(written(text)))
    line = lines.of_strokes(Drawing(written(text, x, y, size)))
    assert abs(line.image.shape[2] - usual.image.shape[2]) <= 1
    wide = min(line.image.shape[2], usual.image.shape[2])
    assert np.abs(line.image[..., :wide] - usual.image[..., :wide]).mean() < 0.02


@given(NUMBERS)
def test_ink_fills_the_height_and_lies_where_scale_and_corner_say(text):
    strokes = written(text, 30, -20)
    line = lines.of_strokes(Drawing(strokes))
    inked = np.flatnonzero(line.image[0].max(1) > 0.5)
    assert inked[0] <= MARGIN + 1
    assert inked[-1] >= HEIGHT - MARGIN - 2
    assert values_at(line, strokes).min() > 0.6


@pytest.mark.parametrize("strokes", [written("-"), written("---"), [[(0, 0), (400, 3)]]])
def test_a_dash_stays_flat(strokes):
    line = lines.of_strokes(Drawing(strokes))
    inked = np.flatnonzero(line.image[0].max(1) > 0.3)
    assert len(inked) <= 6
    assert inked.mean() == pytest.approx((HEIGHT - 1) / 2, abs=1)


@pytest.mark.parametrize(("text", "pen", "rows"), [("-", 3, 16), ("---", 7, 8)])
def test_so_does_one_in_a_picture(text, pen, rows):
    (line,) = lines.find(photographed(pictured(written(text, 60, 60), (200, 300), pen)))
    inked = np.flatnonzero(line.image[0].max(1) > 0.5)
    assert len(inked) <= rows
    assert inked.mean() == pytest.approx((HEIGHT - 1) / 2, abs=1)


def test_digits_of_two_strokes_above_each_other_are_one_row():
    halves = [[(x, y), (x + 3, y + 50)] for x in (0, 60) for y in (0, 50)]
    assert len(lines.of(Drawing(halves))) == 1
    apart = [[(x, y), (x + 3, y + 50)] for x in (0, 60) for y in (0, 90)]
    assert len(lines.of(Drawing(apart))) == 2


@pytest.mark.parametrize(("side", "is_kept"), [(4, False), (6, True)])
def test_a_speck_is_far_smaller_than_a_dot_of_the_pen(side, is_kept):
    seen = np.zeros((200, 320), np.float32)
    seen[60:140, 150:160] = seen[130:140, 150:250] = 120
    seen[40 : 40 + side, 60 : 60 + side] = 120
    assert len(marks.find(seen).boxes) == (2 if is_kept else 1)


def test_a_part_to_the_left_is_a_neighbour_though_a_nearer_one_stands_higher():
    assert grouped((0, 0, 40, 100), (50, -40, 70, 20), (80, 70, 120, 170)) == [[0, 1, 2]]


def test_a_point_is_as_wide_as_the_pen():
    line = lines.of_strokes(Drawing([[(100, 100)]]))
    assert line.image.sum() == pytest.approx(np.pi / 4 * lines.PEN**2, rel=0.4)


def test_a_very_long_line_is_made_smaller():
    line = lines.of_strokes(Drawing(written("1234" * 30)))
    assert MAX_WIDTH - 2 <= line.image.shape[2] <= MAX_WIDTH


def test_pressure_widens_the_line():
    hard, soft = [[(0, 0, 0.9), (0, 70, 0.9)]], [[(40, 0, 0.3), (40, 70, 0.3)]]
    line = lines.of_strokes(Drawing(hard + soft))
    left, right = np.split(line.image[0], [line.image.shape[2] // 2], 1)
    assert left.sum() > 1.8 * right.sum()
    even = lines.of_strokes(Drawing([[(0, 0, 0.9), (0, 70, 0.9)], [(40, 0, 0.9), (40, 70, 0.9)]]))
    plain = lines.of_strokes(Drawing([[(0, 0), (0, 70)], [(40, 0), (40, 70)]]))
    assert np.abs(even.image - plain.image).max() < 0.35


@pytest.mark.parametrize("width", [1.0, 2.0, 4.0, 6.0])
def test_a_pen_draws_as_wide_as_it_is(width):
    image, scale, _ = lines.draw([np.array([(0.0, 0.0), (30.0, 70.0), (60.0, 0.0)])], width)
    length = 2 * np.hypot(30, 70) * scale
    assert image.sum() == pytest.approx(length * width, rel=0.2)


def test_a_drawing_without_points_is_an_error():
    with pytest.raises(NothingDrawn):
        lines.of(Drawing([]))
    with pytest.raises(NothingDrawn):
        lines.of_strokes(Drawing([[], []]))


# Rows of strokes


@settings(max_examples=30)
@given(
    st.lists(NUMBERS, min_size=2, max_size=5),
    st.floats(-0.07, 0.07),
    st.randoms(use_true_random=False),
)
def test_rows_of_strokes_are_found_top_to_bottom(texts, slope, order):
    strokes = [
        stroke
        for index, text in enumerate(texts)
        for stroke in written(text, 25 * (index % 2), ROW * index, slope=slope)
    ]
    order.shuffle(strokes)
    found = lines.of(Drawing(strokes))
    assert len(found) == len(texts)
    tops = [line.corner[1] for line in found]
    assert tops == sorted(tops)
    for line, text in zip(found, texts, strict=True):
        own = lines.of_strokes(Drawing(written(text, slope=slope)))
        assert line.image.sum() == pytest.approx(own.image.sum(), rel=0.02)


@pytest.mark.parametrize("text", AMOUNTS)
@pytest.mark.parametrize("slope", [-0.08, 0.0, 0.08])
def test_signs_stay_in_their_row(text, slope):
    assert len(lines.of(Drawing(written(text, slope=slope)))) == 1
    below = written("1234", 0, ROW + 20, slope=slope)
    if set(text) - set("-="):
        assert len(lines.of(Drawing(written(text, slope=slope) + below))) == 2


@given(
    st.lists(
        st.tuples(*[st.integers(-300, 300)] * 2, *[st.integers(0, 120)] * 2),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 9),
    st.booleans(),
)
def test_every_part_is_in_one_row(parts, pen, torn):
    boxes = np.array([(x, y, x + w + 1, y + h + 1) for x, y, w, h in parts], float)
    found = rows.group(boxes, pen, torn=torn)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(boxes)))
    moved = rows.group(3 * boxes + 7, 3 * pen, torn=torn)
    assert [row.tolist() for row in moved] == [row.tolist() for row in found]


# Pictures


@settings(max_examples=25)
@given(NUMBERS, st.floats(0.6, 3), st.sampled_from([1.0, -1.0]))
def test_a_picture_gives_the_line_of_its_strokes(text, size, polarity):
    strokes = written(text, 60, 40, size)
    shape = (int(80 + 70 * size), int(120 + STEP * size * len(text)))
    pen = 70 * size * lines.PEN / (HEIGHT - 2 * MARGIN - lines.PEN)
    picture = (127 - polarity * 100 * (pictured(strokes, shape, pen) - 0.5)).astype(np.uint8)
    seen, drawn = only(lines.find(picture)), only(lines.of(Drawing(strokes)))
    assert abs(seen.image.shape[2] - drawn.image.shape[2]) <= 6
    assert seen.scale == pytest.approx(drawn.scale, rel=0.08)
    assert values_at(seen, strokes).min() > 0.5
    assert seen.image.sum() == pytest.approx(drawn.image.sum(), rel=0.25)


@settings(max_examples=15)
@given(st.floats(0, 0.6), st.floats(0, 6.28), st.integers(0, 99))
def test_light_from_one_side_does_not_matter(share, angle, seed):
    strokes = written("21504", 50, 45)
    ink = pictured(strokes, (160, 390))
    down, right = np.indices(ink.shape) / np.array(ink.shape)[:, None, None]
    light = 1 - share * (1 + right * np.cos(angle) + down * np.sin(angle)) / 2.5
    line = only(lines.find(photographed(ink, 230 * light, seed=seed)))
    assert values_at(line, strokes).min() > 0.6
    assert np.median(line.image) < 0.1


def guilloche(shape):
    down, right = np.indices(shape)
    waves = down + 7 * np.sin(right / 23) + 3 * np.sin(right / 9)
    return (np.abs(waves % 9 - 4.5) < 1.2).astype(np.float32)


def ruled(shape):
    lines_ = np.zeros(shape, np.float32)
    lines_[28::44] = lines_[29::44] = 1
    return lines_


def boxed(shape):
    """A cell for each character."""
    cells = np.zeros(shape, np.float32)
    cells[35:38, 20:-20] = cells[125:128, 20:-20] = 1
    cells[35:128, 38 : shape[1] - 20 : STEP] = cells[35:128, 39 : shape[1] - 20 : STEP] = 1
    return cells


def squared(shape):
    return np.maximum(ruled(shape), ruled(shape[::-1]).T)


PAPERS = {"guilloche": guilloche, "ruled": ruled, "squares": squared, "boxes": boxed}


@pytest.mark.parametrize("text", ["22000", "5577", "1234.50", "7=", "5444-"])
@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("strength", [0.25, 0.6])
def test_no_stroke_is_taken_for_print(text, paper, strength):
    strokes = written(text, 50, 45)
    shape = (160, 80 + STEP * len(text))
    ink = pictured(strokes, shape)
    printed = strength * PAPERS[paper](shape)
    line = only(lines.find(photographed(1 - (1 - ink) * (1 - printed))))
    assert values_at(line, strokes).min() > 0.6  # the level ones, too
    top, bottom = (np.array([45, 45 + 70]) - line.corner[1]) * line.scale
    assert bottom - top > 0.55 * HEIGHT  # what is printed did not enlarge the line


def test_specks_and_a_caption_do_not_enlarge_the_line():
    strokes = written("7120", 150, 60)
    ink = pictured(strokes, (400, 600))
    rng = np.random.default_rng(3)
    ink[rng.integers(0, 400, 150), rng.integers(0, 600, 150)] = 0.8
    caption = pictured(written("41057203", 150, 300, 0.25), ink.shape, 2)
    line = only(lines.find(photographed(np.maximum(ink, caption))))
    assert line.scale == pytest.approx((HEIGHT - 2 * MARGIN) / 77, rel=0.1)
    assert line.image.shape[2] < 1.3 * HEIGHT * 4


@settings(max_examples=20)
@given(st.lists(NUMBERS, min_size=2, max_size=5), st.floats(-0.07, 0.07), st.integers(0, 99))
def test_rows_of_a_picture_are_found_top_to_bottom(texts, slope, seed):
    written_rows = [
        written(text, 60, 80 + ROW * index, slope=slope) for index, text in enumerate(texts)
    ]
    shape = (ROW * len(texts) + 120, 120 + STEP * 7)
    ink = pictured([stroke for row in written_rows for stroke in row], shape)
    found = lines.find(photographed(ink, seed=seed))
    assert len(found) == len(texts)
    for line, strokes in zip(found, written_rows, strict=True):
        assert values_at(line, strokes).min() > 0.5


def test_the_tail_of_another_row_is_masked():
    tail = [[(85, 40), (85, 146)]]  # reaches between the characters of the row below
    ink = pictured(written("4 4".replace(" ", "1"), 20, 30) + written("22", 20, 130), (240, 240))
    with_tail = np.maximum(ink, pictured(tail, ink.shape))
    _, plain = lines.find(photographed(ink))
    _, line = lines.find(photographed(with_tail))
    assert line.image[0, :8].sum() < plain.image[0, :8].sum() + 8


@pytest.mark.parametrize("height", [60, 150])
def test_a_small_number_in_a_large_photograph(height):
    strokes = written("27105", 2200, 1300, height / 70)
    ink = np.zeros((2400, 3600), np.float32)
    part = np.s_[1250 : 1350 + 2 * height, 2150 : 2300 + 6 * height]
    shifted = [[(x - 2150, y - 1250) for x, y in stroke] for stroke in strokes]
    ink[part] = pictured(shifted, ink[part].shape, height / 10)
    line = only(lines.find(photographed(ink, np.linspace(220, 150, 3600))))
    assert values_at(line, strokes).min() > 0.6
    assert line.scale == pytest.approx((HEIGHT - 2 * MARGIN) / (1.1 * height), rel=0.1)


def test_a_sheet_on_a_dark_desk_is_straightened():
    ink = pictured(written("3154", 40, 50), (170, 320))
    sheet = Image.fromarray(photographed(ink, 225.0)).resize((640, 340))
    desk = Image.new("L", (1000, 700), 45)
    desk.paste(sheet.rotate(8, expand=True, fillcolor=45), (150, 150))
    line = only(lines.find(desk))
    level = lines.of_strokes(Drawing(written("3154")))
    assert line.image.shape[2] == pytest.approx(level.image.shape[2], abs=8)


@pytest.mark.parametrize("noise", [0.0, 2.0, 8.0])
@pytest.mark.parametrize("shape", [(120, 1000), (300, 300), (1500, 2000)])
def test_an_empty_picture_is_an_error(noise, shape):
    slope = np.linspace(230, 180, shape[1])
    with pytest.raises(NothingDrawn):
        lines.find(photographed(np.zeros(shape, np.float32), slope, noise=noise))


def test_every_kind_of_source_is_taken(tmp_path):
    picture = photographed(pictured(written("15", 30, 30), (130, 180)))
    image = Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, "PNG")
    path = tmp_path / "number.png"
    path.write_bytes(file.getvalue())
    wanted = only(lines.of(picture)).image
    for source in (image, file.getvalue(), path, str(path), np.repeat(picture[..., None], 3, 2)):
        np.testing.assert_array_equal(only(lines.of(source)).image, wanted)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    with pytest.raises(InkError, match=r"broken\.png"):
        lines.of(path)


def test_a_row_of_mnists_digits_is_one_line(mnist):
    for start in range(0, 60, 5):
        digits = [digit[0] for digit in mnist.test.pixels[start : start + 5]]
        row = np.pad(np.concatenate(digits, 1), 8)
        line = only(lines.find(255 - row if start % 2 else row))
        assert line.image.shape[2] > 2 * HEIGHT
        assert 0.05 < line.image.mean() < 0.5


def grouped(*boxes, pen=4.0, **options):
    """The rows of boxes (left, top, right, bottom), as sorted lists."""
    return [sorted(row.tolist()) for row in rows.group(np.array(boxes, float), pen, **options)]


def test_the_usual_height_counts_each_part_by_its_height():
    boxes = np.array([(0, 0, 1, high) for high in (4, 1, 2, 1)], float)
    assert [rows.height(boxes, share) for share in (0.1, 0.3, 0.5, 0.6, 1)] == [1, 2, 2, 4, 4]
    assert rows.around(boxes + np.array([0, 3, 5, 3])).tolist() == [0, 3, 6, 7]


@pytest.mark.parametrize(("down", "count"), [(-79, 2), (-77, 1), (0, 1), (77, 1), (79, 2)])
@pytest.mark.parametrize("first", [60, 100])
def test_neighbours_that_share_a_fifth_of_their_heights_stand_in_one_row(down, count, first):
    """In fact 22 % of the lower one's, whichever that is."""
    down = down * first / 100 if down < 0 else down * first / 100 + 100 - first
    assert len(grouped((0, 0, 40, 100), (60, down, 100, down + first))) == count


@pytest.mark.parametrize(("gap", "count"), [(-1, 1), (7, 1), (9, 2), (100, 2)])
def test_a_ring_two_pens_above_another_is_an_8(gap, count):
    assert len(grouped((0, 0, 40, 50), (2, 50 + gap, 42, 100 + gap))) == count


@pytest.mark.parametrize(("aside", "count"), [(25, 1), (35, 2)])
def test_rings_stand_above_each_other_by_a_quarter(aside, count):
    assert len(grouped((0, 0, 40, 50), (aside, 52, aside + 40, 102))) == count


@pytest.mark.parametrize(("gap", "torn", "count"), [(1, True, 1), (3, True, 2), (1, False, 2)])
def test_halves_of_torn_digits_are_one_row(gap, torn, count):
    upper = [(60 * place, 0, 60 * place + 40, 50) for place in range(3)]
    lower = [(60 * place, 50 + gap, 60 * place + 40, 100 + gap) for place in range(3)]
    assert len(grouped(*upper, *lower, torn=torn)) == count


@pytest.mark.parametrize(("middle", "row"), [(110, 0), (155, 0), (163, 1), (190, 1), (250, 1)])
def test_a_point_belongs_to_the_row_above_it_rather_than_to_the_one_below(middle, row):
    found = grouped((0, 0, 40, 100), (0, 200, 40, 300), (20, middle - 5, 30, middle + 5))
    assert found == [[0, 2], [1]] if row == 0 else [[0], [1, 2]]


@pytest.mark.parametrize(
    ("small", "is_in"),
    [
        ((10, -34, 20, -24), True),  # a point, its middle 29 above digits 100 high
        ((10, -36, 20, -26), False),
        ((10, 137, 20, 147), True),  # 42 below them, where commas hang
        ((10, 139, 20, 149), False),
        ((189, 50, 199, 60), True),  # 149 beside them
        ((191, 50, 201, 60), False),
        ((-160, 50, -150, 60), True),
        ((-162, 50, -152, 60), False),
        ((296, 50, 326, 58), True),  # a dash, 256 beside them
        ((298, 50, 328, 58), False),
    ],
)
def test_a_small_part_is_in_no_row_that_is_far_from_it(small, is_in):
    assert grouped((0, 0, 40, 100), small, far=0.9) == ([[0, 1]] if is_in else [[0]])


@pytest.mark.parametrize(("down", "count"), [(20, 1), (31, 1), (32, 2), (60, 2)])
def test_two_bars_are_one_sign_if_they_are_closer_than_they_are_long(down, count):
    assert len(grouped((0, 0, 40, 5), (0, down, 40, down + 5))) == count


@pytest.mark.parametrize(("high", "wide", "count"), [(9, 40, 1), (11, 40, 2), (9, 12, 2)])
def test_a_bar_is_lower_than_two_and_a_half_pens_and_wide(high, wide, count):
    """The usual height is that of what is no bar, and what is lower than half of it has no row."""
    bars = [(60 * place, 200, 60 * place + wide, 200 + high) for place in range(3)]
    found = rows.group(np.array([(0, 0, 10, 15), *bars], float), 4.0)
    assert len(found) == count


@pytest.mark.parametrize(("bottom", "first"), [(330, [0, 1]), (215, [0, 1]), (205, [0, 1, 4])])
def test_what_goes_through_two_rows_and_is_far_higher_joins_none_of_them(bottom, first):
    """As a digit that touches a line down the paper: from 2.2 times the usual height on."""
    digits = [(0, 0, 40, 100), (120, 0, 160, 100), (0, 180, 40, 280), (120, 180, 160, 280)]
    assert grouped(*digits, (60, -10, 100, bottom)) == [first, [2, 3]]


DIGITS = [(100 * place, 0, 100 * place + 60, 100) for place in range(6)]


@pytest.mark.parametrize(
    ("other", "box"),
    [
        ((600, 10, 660, 90), (0, 0, 660, 100)),
        ((600, -170, 660, 15), (0, -10, 660, 100)),  # 185 high: a line down the paper, a tenth
        ((600, -60, 660, 115), (0, -50, 660, 115)),  # 175 high: a slash, by half a digit
        ((600, 90, 660, 200), (0, 0, 660, 150)),
        ((600, 0, 660, 300), (0, 0, 660, 110)),
        ((600, 45, 620, 55), (0, 0, 620, 100)),
    ],
)
def test_the_box_of_a_line_is_that_of_digits_however_far_a_part_reaches(other, box):
    boxes = np.array([*DIGITS, other], float)
    assert lines._box(boxes, torn=False) == pytest.approx(box)
    shift = 0.1 * boxes[:, ::2].mean(1)
    _, top, _, bottom = lines._box(boxes + shift[:, None] * (0, 1, 0, 1), torn=False)
    assert top == pytest.approx((np.maximum(boxes[:, 1], box[1]) + shift).min())
    assert bottom == pytest.approx((np.minimum(boxes[:, 3], box[3]) + shift).max())


def test_the_box_of_torn_pieces_is_as_high_as_most_of_them_reach():
    halves = [(x, y, x + 60, y + 50) for x in range(0, 600, 100) for y in (0, 60)]
    pieces = np.array([*halves, (600, -200, 660, 110)], float)
    assert lines._box(pieces, torn=True).tolist() == [0, 25 - 0.6 * 110, 660, 110]
    lower = pieces + np.array([0, 1000, 0, 1000])
    assert lines._box(lower, torn=True).tolist() == [0, 1025 - 0.6 * 110, 660, 1110]


@pytest.mark.parametrize(("text", "kept"), [("8", True), (".", False)])
def test_a_row_of_little_or_low_ink_is_none(text, kept):
    """A caption, or specks: a row lower than 45 % of the highest, or with 4 % of its ink."""
    ink = np.maximum(
        pictured(written("70120", 60, 60), (330, 400)),
        pictured(written(text, 60, 200, 0.6), (330, 400), 6),
    )
    assert len(lines.find(photographed(ink))) == (2 if kept else 1)


def dots(count, stroke_pixels):
    """So many dots of ink, and one stroke."""
    mask = np.zeros((200, 400), bool)
    for place in range(count):
        mask[6 * (place // 60) :, 6 * (place % 60) :][:3, :3] = True
    mask[150:152, : stroke_pixels // 2] = True
    return mask


@pytest.mark.parametrize(
    ("count", "pixels", "is_noise"), [(255, 20, False), (256, 118, True), (256, 122, False)]
)
def test_more_than_256_parts_without_a_stroke_are_noise(count, pixels, is_noise):
    """A stroke has 30 times the square of the pen's width."""
    assert marks._is_noise(dots(count, pixels), 2.0) == is_noise


def test_a_picture_of_dots_is_no_line():
    ink = dots(600, 0).repeat(2, 0).repeat(2, 1).astype(np.float32)
    with pytest.raises(NothingDrawn):
        lines.find(photographed(ink, noise=0))
