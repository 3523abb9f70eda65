"""Synthetic photographs of digits: paper and light must not change what is read."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from inkling import Drawing, Reader, ink, to_image
from inkling.errors import InkError, NothingDrawn
from inkling.ink import colour, desk, image_box, paper, parts, printed

THREE = [[(30, 25), (60, 18), (70, 40), (45, 52), (72, 66), (62, 92), (28, 86)]]
TWO = [[(28, 34), (50, 18), (70, 32), (60, 55), (28, 92), (76, 92)]]
SEVEN = [[(25, 20), (78, 20), (45, 92)]]
HEIGHT, WIDTH = 300, 400
SIDES = ("left", "top", "right", "bottom")
CORNERS = ((170, 110), (760, 160), (720, 590), (130, 560))  # of a sheet, in 900 x 700 pixels


def ink_of(pen=14, place=(120, 90), size=2.0, strokes=THREE):
    """The ink `(300, 400)` in [0, 1] of a 3, or of other strokes."""
    image = Image.new("L", (WIDTH, HEIGHT))
    pencil = ImageDraw.Draw(image)
    for stroke in strokes:
        path = [(place[0] + size * x, place[1] + size * y) for x, y in stroke]
        pencil.line(path, fill=255, width=pen, joint="curve")
        for x, y in path:
            pencil.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
    return ndimage.gaussian_filter(np.asarray(image) / 255, 1)


def photographed(ink, paper=200.0, light=1.0, noise=3.0, strength=0.7):
    """The brightness of paper under a light, of which ink absorbs a share."""
    grain = np.random.default_rng(0).normal(0, noise, ink.shape)
    return (paper * light * (1 - strength * ink) + grain).clip(0, 255).astype(np.uint8)


def across(share):
    """A light that decreases by `share` from left to right."""
    return np.broadcast_to(np.linspace(1, 1 - share, WIDTH), (HEIGHT, WIDTH))


def ruled(gap=45, strength=0.5, start=12):
    lines = np.zeros((HEIGHT, WIDTH))
    lines[start::gap] = lines[start + 1 :: gap] = strength
    return lines


def ruled_down(gap=45, strength=0.5, start=20):
    lines = np.zeros((HEIGHT, WIDTH))
    lines[:, start::gap] = lines[:, start + 1 :: gap] = strength
    return lines


def millimetre():
    """Lines every 16 pixels, every fifth stronger."""
    fine = np.maximum(ruled(16, 0.3, 12), ruled_down(16, 0.3))
    return np.maximum(fine, np.maximum(ruled(80, 0.6), ruled_down(80, 0.6)))


def seyes():
    """French school paper: squares with three fainter lines inside, and a margin."""
    lines = np.maximum(ruled(64, 0.5), ruled_down(64, 0.5))
    lines[:, 60:64] = 0.4
    return np.maximum(lines, ruled(16, 0.25))


def drawn(*shapes):
    """Lines, outlines and words `(300, 400)` in [0, 1]: each (method of ImageDraw, arguments)."""
    image = Image.new("L", (WIDTH, HEIGHT))
    for method, *arguments, options in shapes:
        getattr(ImageDraw.Draw(image), method)(*arguments, fill=255, **options)
    return ndimage.gaussian_filter(np.asarray(image) / 255, 0.7)


def in_colours(ink, paper, pen, noise=3.0):
    """A pen of one colour (red, green, blue) on paper of another."""
    grain = np.random.default_rng(0).normal(0, noise, (*ink.shape, 3))
    mixed = ink[..., None] * pen + (1 - ink[..., None]) * paper
    return (mixed + grain).clip(0, 255).astype(np.uint8)


def on_a_desk(desk, sheet=CORNERS):
    """A sheet of paper with a 3, seen obliquely on a desk of this grey."""
    image = Image.fromarray(photographed(ink_of(), noise=0)).resize((4 * WIDTH, 4 * HEIGHT))
    corners = np.array([(0, 0), (4 * WIDTH, 0), (4 * WIDTH, 4 * HEIGHT), (0, 4 * HEIGHT)], float)
    rows = [
        row
        for (x, y), (u, v) in zip(sheet, corners, strict=True)
        for row in ((x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y))
    ]
    terms = np.linalg.solve(np.array(rows, float), corners.ravel())
    seen = image.transform(
        (900, 700), Image.Transform.PERSPECTIVE, terms, Image.Resampling.BILINEAR, fillcolor=desk
    )
    grain = np.random.default_rng(0).normal(0, 3, (700, 900))
    return (np.asarray(seen) + grain).clip(0, 255).astype(np.uint8)


def edge_of_a_table():
    table = np.zeros((HEIGHT, WIDTH))
    table[:, :35] = 1
    return table


def specks():
    dots = np.zeros((HEIGHT, WIDTH))
    dots[np.random.default_rng(1).integers(0, HEIGHT, 30), 5:-5:13] = 1
    return dots


def far_from(picture, clean):
    """The difference of two pictures' images, as a share of the ink."""
    image, expected = to_image(picture), to_image(clean)
    return float(np.abs(image - expected).sum() / expected.sum())


CLEAN = photographed(ink_of(), noise=0)
FONT = ImageFont.load_default(26)
BOX = [(90, 80), (310, 84), (306, 290), (94, 288), (90, 80)]
TOUCHED = [(150, 84), (310, 84), (306, 290), (164, 288), (150, 84)]
PAPERS = {
    "noise": photographed(ink_of(), noise=8),
    "light from the left": photographed(ink_of(), light=across(0.7)),
    "a shadow": photographed(ink_of(), light=np.where(across(1) > 0.8, 1.0, 0.6)),
    "ruled": photographed(np.maximum(ink_of(), ruled())),
    "ruled, light from the left": photographed(np.maximum(ink_of(), ruled()), light=across(0.6)),
    "squared": photographed(np.maximum(ink_of(), np.maximum(ruled(), ruled_down()))),
    "specks": photographed(np.maximum(ink_of(), specks())),
    "the edge of a table": photographed(np.maximum(ink_of(), edge_of_a_table())),
    "chalk on a board": 255 - photographed(ink_of(), light=across(0.2)),
    "millimetre paper": photographed(np.maximum(ink_of(), millimetre())),
    "Seyès ruling": photographed(np.maximum(ink_of(), seyes()), light=across(0.3)),
    "a box": photographed(np.maximum(ink_of(), drawn(("line", BOX, {"width": 4})))),
    "a box of another colour, touched": in_colours(
        ink_of(),
        230 - drawn(("line", TOUCHED, {"width": 4}))[..., None] * (20, 100, 120),
        (30, 30, 90),
    ),
    "a printed word": photographed(
        np.maximum(ink_of(), drawn(("text", (150, 24), "Answer 7", {"font": FONT})))
    ),
    "an underline": photographed(
        np.maximum(ink_of(place=(120, 50)), drawn(("line", [(110, 280), (290, 284)], {"width": 7})))
    ),
    "red on green as light": in_colours(ink_of(), (60, 140, 60), (220, 60, 50)),
    "red on blue as light": in_colours(ink_of(), (90, 100, 230), (230, 50, 60)),
    "blue lines under a red pen": in_colours(
        ink_of(), 235 - np.maximum(ruled(), ruled_down())[..., None] * (150, 90, 15), (200, 30, 40)
    ),
}


@pytest.mark.parametrize("name", PAPERS)
def test_paper_and_light_do_not_change_the_ink(name):
    assert Reader.load().read(PAPERS[name]).label == 3
    assert far_from(PAPERS[name], CLEAN) < 0.25


@settings(max_examples=50)
@given(st.integers(3, 60), st.integers(3, 60), *[st.tuples(*[st.integers(0, 255)] * 3)] * 2)
def test_a_colour_is_as_bright_wherever_it_stands(high, wide, paper, pen):
    pixels = np.full((high, wide, 3), paper, np.uint8)
    pixels[high // 3 : high // 2 + 1, wide // 3 : wide // 2 + 1] = pen
    for grey in (colour.brightness(pixels), colour.luma(pixels)):
        assert len(np.unique(grey)) <= 2


@pytest.mark.parametrize("cut", [0, 6, 13])
@pytest.mark.parametrize(
    ("label", "strokes", "side"),
    [(2, TWO, "bottom"), (7, SEVEN, "top"), *((3, THREE, side) for side in SIDES)],
)
def test_a_digit_that_the_edge_cuts_is_read(label, strokes, side, cut):
    """The bar of a 2 or 7 that lies along the edge is no paper."""
    ink = ink_of(pen=20, size=1.8, strokes=strokes)
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis)) for axis in (1, 0))
    box = [columns[0] - 30, rows[0] - 30, columns[-1] + 30, rows[-1] + 30]
    at = SIDES.index(side)
    box[at] += (30 + cut) * (1 if at < 2 else -1)
    left, top, right, bottom = box
    reading = Reader.load().read(photographed(ink)[top:bottom, left:right])
    assert reading.label == label or (cut > 6 and not reading.accepted)  # half of the bar is gone


@pytest.mark.parametrize("desk", [20, 60, 90])
def test_a_sheet_on_a_dark_desk_is_found_and_straightened(desk):
    assert Reader.load().read(on_a_desk(desk)).label == 3
    assert far_from(on_a_desk(desk), CLEAN) < 0.35


@pytest.mark.parametrize("high", [40, 100, 400])
def test_a_digit_in_a_large_photograph_is_read_from_a_distance(high):
    tall = Image.fromarray(ink_of(pen=20)[85:290, 150:290].astype(np.float32))
    small = np.asarray(tall.resize((high * 140 // 205, high), Image.Resampling.BOX))
    ink = np.zeros((3000, 4000), np.float32)
    ink[1200 : 1200 + high, 1700 : 1700 + small.shape[1]] = small
    light = np.linspace(1, 0.7, 4000, dtype=np.float32)
    grain = np.random.default_rng(0).integers(-6, 7, (100, 100), np.int8)
    picture = (210 * light * (1 - 0.7 * ink) + np.tile(grain, (30, 40))).astype(np.uint8)
    assert Reader.load().read(picture).label == 3
    left, top, right, bottom = image_box(picture)
    assert 1700 - high < left < 1700 < 1700 + small.shape[1] < right < 1700 + 2 * high
    assert 1200 - high < top < 1200 + 5 < 1195 + high < bottom < 1200 + 2 * high


def test_several_digits_are_not_taken_for_one():
    two = np.maximum(ink_of(size=1.4, place=(60, 90)), ink_of(size=1.4, place=(230, 90)))
    assert not Reader.load().read(photographed(two)).accepted


@settings(max_examples=20)
@given(st.integers(5, 40), st.floats(1.2, 2.4), st.integers(120, 240), st.floats(0.3, 0.8))
def test_a_digit_is_read_with_any_pen_size_paper_and_ink(pen, size, paper, strength):
    place = 200 - 50 * size, 150 - 55 * size
    picture = photographed(ink_of(pen, place, size), paper, across(0.3), strength=strength)
    assert Reader.load().read(picture).label == 3


def test_a_large_photograph_gives_the_same_image():
    large = photographed(ink_of()).repeat(10, 0).repeat(10, 1)  # 12 million pixels
    assert far_from(large, CLEAN) < 0.3


def test_strokes_get_a_width_that_occurs_in_mnist():
    drawn = to_image(Drawing(THREE))
    gaps = [
        float(np.abs(to_image(photographed(ink_of(pen), noise=0)) - drawn).sum() / drawn.sum())
        for pen in (3, 14, 22)
    ]
    assert max(gaps) < 0.6
    thin = to_image(photographed(ink_of(3), noise=0))
    assert thin.sum() > 0.5 * drawn.sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "paper",
    [
        lambda rng: 200 + rng.normal(0, 6, (HEIGHT, WIDTH)),
        lambda rng: 200 * across(0.6) + rng.normal(0, 6, (HEIGHT, WIDTH)),
        lambda rng: 200 * (1 - ruled()) + rng.normal(0, 2, (HEIGHT, WIDTH)),
        lambda rng: rng.integers(0, 256, (100, 100)),
    ],
)
def test_a_page_without_ink_is_an_error(paper, seed):
    page = paper(np.random.default_rng(seed)).clip(0, 255).astype(np.uint8)
    with pytest.raises(NothingDrawn):
        to_image(page)


@pytest.mark.parametrize("shape", [(1, 20_000), (3, 2_000), (40, 30_000), (20_000, 2)])
def test_a_narrow_strip_is_rejected_before_any_work(shape):
    strip = np.full(shape, 255, np.uint8)
    strip[: shape[0] // 2 or 1, shape[1] // 4 : shape[1] // 2] = 0
    with pytest.raises(InkError, match="a strip of"):
        ink.to_sheet(strip)


@pytest.mark.parametrize("turned", [False, True])
def test_blank_paper_with_light_from_one_side_is_blank(turned):
    light = np.broadcast_to(np.linspace(235, 170, 800), (600, 800))
    paper = (light.T if turned else light) + np.random.default_rng(0).normal(
        0, 1, (800, 600) if turned else (600, 800)
    )
    file = io.BytesIO()
    Image.fromarray(paper.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
    with pytest.raises(NothingDrawn):
        ink.to_image(file.getvalue())


def test_boxes_of_parts_lie_where_the_digits_are():
    picture = Image.new("L", (4000, 2000), 255)
    for left in (600, 1800, 3000):
        ImageDraw.Draw(picture).line([(left, 500), (left + 400, 500), (left + 150, 1500)], 0, 12)
    number = Reader.load().read_number(picture)
    assert number.text == "777"
    for part, left in zip(number.parts, (600, 1800, 3000), strict=True):
        assert part.box == pytest.approx((left, 500, left + 400, 1500), abs=50)


def test_light_strokes_side_by_side_are_no_sheet():
    three = np.maximum.reduce([ink_of(pen=26, size=1.1, place=(x, 110)) for x in (40, 130, 220)])
    picture = (240 * three).astype(np.float32)[60:260, 20:340]
    assert desk.sheet(picture) is None


def line_on(height=200, width=320, thickness=2, contrast=60.0, at=lambda x: 60 + 0 * x, gap=0):
    """The contrast of paper with one line whose upper row is `at` a column, but for a gap."""
    sheet = np.zeros((height, width), np.float32)
    columns = np.setdiff1d(np.arange(width), 100 + np.arange(gap))
    for row in range(thickness):
        sheet[np.rint(at(columns)).astype(int) + row, columns] = contrast
    return sheet


@pytest.mark.parametrize("thickness", range(1, 9))
def test_a_ruled_line_is_found_where_it_is(thickness):
    line = printed.lines(line_on(thickness=thickness), 10)[0]
    inside = line.rows + np.flatnonzero(line.profile)[:, None] - len(line.profile) // 2
    assert line.thickness == thickness
    assert line.profile.max() == 60
    assert (inside == 60 + np.arange(thickness)[:, None]).all()


@pytest.mark.parametrize(
    ("line", "is_ruled"),
    [
        (line_on(thickness=9), False),  # at most 8 pixels, or a 32nd of the height
        (line_on(thickness=10, height=352), True),
        (line_on(thickness=11, height=352), False),
        (line_on(contrast=11), True),
        (line_on(contrast=9), False),  # fainter than the faintest
        (line_on(at=lambda x: 60 + 0.08 * x), True),
        (line_on(at=lambda x: 86 - 0.08 * x), True),
        (line_on(at=lambda x: 60 + 0.12 * x), False),  # leans too much
        (line_on(gap=60), True),  # is seen in 13 of 16 strips
        (line_on(gap=80), False),  # in 12
        (line_on(at=lambda x: 60 + 1.2 * np.sin(x / 12)), True),
        (line_on(at=lambda x: 60 + 2.0 * np.sin(x / 12)), False),  # wavers too much
        (line_on(at=lambda x: 60 + (x - 160) ** 2 / 4000), True),  # paper that is bent
        (line_on(width=32), True),
        (line_on(width=31), False),  # no two pixels for each strip
        (line_on(height=9, at=lambda x: 4 + 0 * x), True),
        (line_on(height=8, at=lambda x: 4 + 0 * x), False),
    ],
)
def test_a_ruled_line_is_thin_straight_and_goes_from_edge_to_edge(line, is_ruled):
    assert bool(printed.lines(line, 10)) == is_ruled


def test_two_ruled_lines_a_row_apart_are_two():
    sheet = line_on(thickness=1) + line_on(thickness=1, at=lambda x: 62 + 0 * x)
    assert sorted(line.rows[0] for line in printed.lines(sheet, 10)) == [60, 62]


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("sign", [-1, 1])
def test_ink_is_what_differs_from_the_border_by_16_grey_levels(sign, lossy):
    grey = np.full((40, 40), 120, np.float32)
    grey[10:30, 18:22] += 15 * sign
    with pytest.raises(NothingDrawn):
        paper.off_the_border(grey, lossy)
    grey[10:30, 18:22] += 1 * sign
    seen = paper.off_the_border(grey, lossy)
    assert np.array_equal(seen, np.abs(grey - 120))


def test_artefacts_of_a_lossy_picture_are_a_tenth_of_its_ink():
    grey = np.full((40, 40), 220, np.float32)
    grey[10:30, 18:22], grey[5, 5], grey[6, 5] = 120, 209, 211
    assert paper.off_the_border(grey, lossy=False)[[5, 6], 5].tolist() == [11, 9]
    assert paper.off_the_border(grey, lossy=True)[[5, 6], 5].tolist() == [11, 0]


@pytest.mark.parametrize(("noise", "floor"), [(4, 12), (12, 30)])  # three of it; half of the ink
def test_differences_within_the_noise_of_the_border_are_paper(noise, floor):
    grey = (200 + noise * (np.indices((41, 41)).sum(0) % 3 - 1)).astype(np.float32)
    grey[10:30, 18:22], grey[7, 8], grey[9, 8] = 140, 200 - floor + 1, 200 - floor - 1
    seen = paper.off_the_border(grey, lossy=False)
    assert seen[[7, 9, 15], [8, 8, 20]].tolist() == [0, floor + 1, 60]


@pytest.mark.parametrize("side", range(4))
def test_paper_surrounds_ink_if_it_is_three_fifths_of_each_side(side):
    grey = np.full((100, 100), 200, np.float32)
    turned = np.rot90(grey, side)
    turned[0, 20:59] = 200 - 17
    assert paper.is_around(grey)
    turned[0, 20:61] = 200 - 15
    assert paper.is_around(grey)  # paper of nearly the same grey
    turned[0, 20:61] = 200 - 17
    assert not paper.is_around(grey)


@pytest.mark.parametrize("step", [15, 17])
def test_paper_is_plain_if_its_sides_are_of_one_grey_and_most_pixels_like_the_next(step):
    grey = np.full((50, 50), 200, np.float32)
    grey[20:30, 20:30] = 20
    assert paper.is_plain(grey)
    assert not paper.is_plain(grey + np.random.default_rng(0).normal(0, 1, grey.shape))
    grey[:, 25:] -= step
    assert paper.is_plain(grey) == (step < 16)


@given(st.integers(0, 2**32), st.integers(1, 80), st.integers(1, 80))
def test_the_threshold_is_otsus(seed, ink, ground):
    rng = np.random.default_rng(seed)
    contrast = np.concatenate([rng.normal(30, 15, ground), rng.normal(170, 40, ink)])
    contrast = contrast.clip(0, 255).astype(np.float32)
    levels = np.floor(contrast) + 0.5

    def between(limit):
        low, high = levels[levels < limit], levels[levels >= limit]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2 if len(low) * len(high) else 0

    assert between(paper.otsu(contrast)) == pytest.approx(max(map(between, range(1, 257))))


@pytest.mark.parametrize("wide", [3, 6, 12])
def test_the_width_of_a_stroke_is_measured(wide):
    mask = np.zeros((200, 300), bool)
    mask[50 : 50 + wide, 20:280] = True
    assert parts.width(mask) == pytest.approx(wide, rel=0.1, abs=0.5)


@pytest.mark.parametrize("side", range(4))
def test_a_table_along_any_side_is_no_part_of_a_digit(side):
    mask = np.zeros((200, 200), bool)
    mask[55:145, 55:145] = np.eye(90, dtype=bool) | np.eye(90, k=1, dtype=bool)
    with_table = mask.copy()
    np.rot90(with_table, side)[:50] = True  # so near that only its side tells it from a digit
    assert np.array_equal(parts.of_digit(with_table), mask)


def test_ink_without_paper_is_none():
    with pytest.raises(NothingDrawn):
        paper._reject_noise(np.full(5, 100, np.float32), np.zeros(0, np.float32))


@pytest.mark.parametrize(("top", "rows"), [(0, [0, 1]), (638, [638, 639])])
def test_a_ruled_line_along_the_edge_of_a_narrow_picture_is_found_where_it_is(top, rows):
    line = printed.lines(line_on(640, 32, at=lambda x: top + 0 * x), 10)[0]
    inside = line.rows + np.flatnonzero(line.profile)[:, None] - len(line.profile) // 2
    assert inside[:, 0].tolist() == rows


@pytest.mark.parametrize("lean", [-0.075, 0.075])
@pytest.mark.parametrize("leaves", [0.7, 0.72])
def test_a_line_may_leave_the_picture_at_the_side(lean, leaves):
    """It goes from edge to edge of a larger one, of which this is a part."""
    row = 197 if lean > 0 else 0
    line = line_on(300, 320, 3, at=lambda x: 50 + row + lean * (x - leaves * 320))[50:250]
    found = printed.lines(line, 10)
    assert len(found) == 1
    assert abs(found[0].rows[0] - (row - lean * leaves * 320)) < 2


def stroke(wide=10, top=60, bottom=140, at=150):
    """The contrast of paper with one upright stroke."""
    sheet = np.zeros((200, 320), np.float32)
    sheet[top:bottom, at : at + wide] = 120
    return sheet


@pytest.mark.parametrize("thickness", [1, 2, 4, 8])
@pytest.mark.parametrize("contrast", [60, 90, 110])
def test_a_ruled_line_goes_and_a_stroke_across_it_stays(thickness, contrast):
    line = line_on(thickness=thickness, contrast=contrast, at=lambda x: 100 + 0 * x)
    for across, turned in ((stroke(), np.asarray), (stroke()[:, ::-1], np.transpose)):
        rest = printed.without_lines(turned(np.maximum(across, line)), 40)
        assert np.array_equal(rest, turned(across))


@pytest.mark.parametrize("contrast", [90, 110])
@pytest.mark.parametrize("thickness", [2, 4])
def test_a_line_is_kept_only_where_a_stroke_crosses_it(thickness, contrast):
    """Ink that ends near the line on one side alone, or far from it on both, does not cross it."""
    line = line_on(thickness=thickness, contrast=contrast, at=lambda x: 100 + 0 * x)
    near = stroke(top=95, bottom=100 + thickness + 5)
    apart = np.maximum(stroke(top=60, bottom=90, at=50), stroke(top=115, at=50))
    above = stroke(top=60, bottom=98, at=240)
    ink = np.maximum.reduce([near, apart, above])
    for turned in (np.asarray, np.flipud, np.fliplr, np.transpose):
        rest = printed.without_lines(turned(np.maximum(ink, line)), 40)
        assert np.array_equal(rest, turned(ink))


def test_what_is_as_dark_as_usual_ink_on_a_line_is_ink():
    """Halfway between the line and half of the ink; one dark blot does not count."""
    line, ink = line_on(thickness=3, at=lambda x: 100 + 0 * x), stroke(top=20, bottom=80) * 0.75
    ink[22:26, 150:154] = 250
    line[101, 60:70] = 76
    rest = printed.without_lines(np.maximum(ink, line).astype(np.float32), 40)
    assert (rest[101, 60:70] == 76).all()
    assert np.count_nonzero(rest) == np.count_nonzero(ink) + 10


@pytest.mark.parametrize(("count", "goes"), [(5, True), (7, False)])
def test_ruled_paper_goes_if_most_of_its_lines_leave_the_picture_alone(count, goes):
    sheet = np.zeros((200, 320), np.float32)
    for place in range(count):
        sheet[20 + 22 * place : 22 + 22 * place] = 60
    met = count - 3
    sheet[10 : 24 + 22 * (met - 1), :20] = 120  # ink at the ends of all but three
    rest = printed.without_lines(sheet, 40)
    assert (rest[:, 100] > 0).sum() == (0 if goes else 2 * met)


@pytest.mark.parametrize("row", [0, 1, 2, 3, 4, 194, 195, 196, 197, 198])
@pytest.mark.parametrize("lean", [0, 0.015, -0.015])
@pytest.mark.parametrize("darkness", [120, 62])
def test_a_line_along_the_edge_or_out_of_the_picture_goes(row, lean, darkness):
    upright = stroke(top=120, bottom=200) if row > 100 else stroke(top=0, bottom=80)
    ink = np.pad(upright * np.float32(darkness / 120), 40)
    line = line_on(280, 400, at=lambda x: 40 + row + lean * (x - 200))
    cut = np.s_[40:-40, 40:-40]
    sheet = np.maximum(ink, line)[cut]
    for turned in (np.asarray, np.flipud, np.fliplr, np.transpose):  # each undoes itself
        rest = turned(printed.without_lines(turned(sheet), 40))
        gone = (sheet > 0) & (rest == 0)
        if darkness > 62 or (not lean and 2 <= row <= 196):  # else the ink ends where the line does
            assert (rest[ink[cut] > 0] > 0).all()
        assert gone.sum() > 0.9 * ((sheet > 0) & (ink[cut] == 0)).sum()


@pytest.mark.parametrize(
    ("ink", "thickness", "contrast", "stays"),
    [
        (stroke(wide=5, bottom=200), 4, 110, True),  # as dark and as wide as the ink at the edge
        (stroke(wide=5, bottom=200), 4, 80, False),  # fainter
        (stroke(wide=5, bottom=200), 2, 110, False),  # thinner
        (stroke(wide=5), 4, 110, False),  # no ink at the edge: no digit is cut out so
        (stroke(at=0, top=100), 2, 60, True),  # the bar of a 7
        (stroke(at=0, top=100)[::-1, ::-1], 2, 60, True),
        (stroke(at=0, top=105), 2, 60, True),
        (stroke(at=0, top=112), 2, 60, False),  # another stroke
        (stroke(at=20, top=100), 2, 60, False),
        (stroke(wide=140, top=20, bottom=25, at=180), 4, 110, True),  # ink at another edge
    ],
)
def test_a_line_is_printed_unless_it_may_be_a_stroke(ink, thickness, contrast, stays):
    line = line_on(thickness=thickness, contrast=contrast, at=lambda x: 100 + 0 * x)
    sheet = np.maximum(ink, line)
    for turned in (np.asarray, np.flipud, np.fliplr, np.transpose, np.rot90):
        rest = printed.without_lines(turned(sheet), 40)
        assert np.array_equal(rest, turned(sheet if stays else ink))


@pytest.mark.parametrize(("gap", "goes"), [(0, True), (20, True), (40, False)])
def test_an_unbroken_line_goes_whatever_it_meets(gap, goes):
    bar = stroke(at=0, top=100)
    sheet = np.maximum(bar, line_on(contrast=60, at=lambda x: 100 + 0 * x, gap=gap))
    assert np.array_equal(printed.without_lines(sheet, 40, 0.9), bar if goes else sheet)


@pytest.mark.parametrize("row", [0, 199])
def test_so_does_one_in_the_last_row_of_a_picture(row):
    bar = stroke(top=40, bottom=160)
    sheet = np.maximum(bar, line_on(thickness=1, at=lambda x: row + 0 * x))
    for turned in (np.asarray, np.transpose):
        assert np.array_equal(printed.without_lines(turned(sheet), 40, 0.9), turned(bar))


def box(sides="ltrb", top=30, left=60, bottom=170, right=220, thickness=3, contrast=80.0):
    """The contrast of paper with a box, or with some of its sides."""
    sheet = np.zeros((200, 320), np.float32)
    across, down = slice(left, right), slice(top, bottom)
    where = {
        "l": (down, slice(left, left + thickness)),
        "t": (slice(top, top + thickness), across),
        "r": (down, slice(right - thickness, right)),
        "b": (slice(bottom - thickness, bottom), across),
    }
    for side in sides:
        sheet[where[side]] = contrast
    return sheet


INSIDE, TORN, SHORT = stroke(at=130), box(), box()
TORN[30:33, 100:130] = SHORT[30:33, 100:114] = 0


def test_a_box_goes_by_the_threshold_that_is_given():
    ink = INSIDE.copy()
    ink[20:190, 250:275] = 250  # so dark that by itself it would be the only ink
    seen = np.maximum(ink, box(contrast=55))
    assert paper.otsu(seen) > 2 * 55
    mask, _ = paper._written(seen, 40, alone=False)
    assert np.array_equal(mask, ink > 40)


@pytest.mark.parametrize(
    ("frame", "ink", "goes"),
    [
        (box(), INSIDE, True),
        (box(), np.maximum(INSIDE, stroke(at=250)), True),  # ink beside it does not matter
        (box(), 0 * INSIDE, False),  # a box alone may be a 0
        (box("ltr"), INSIDE, False),
        (box("trb"), INSIDE, False),
        (box("lr"), INSIDE, False),
        (box("lrb", top=0), INSIDE, True),  # the edge of the picture is the fourth side
        (box("ltr", bottom=200), INSIDE, True),
        (box("trb", left=0), INSIDE, True),
        (box("ltb", right=320), INSIDE, True),
        (box("rb", left=0, top=0), INSIDE, False),
        (SHORT, INSIDE, True),  # over nine tenths of each side
        (TORN, INSIDE, False),
        (box(contrast=21), INSIDE, True),
        (box(contrast=19), INSIDE, False),  # fainter than half of what is taken for ink
        (box(thickness=16), INSIDE, True),
        (box(thickness=20), INSIDE, False),  # more than two fifths of it is ink
        (box(), stroke(at=130, top=80, bottom=123), True),
        (box(), stroke(at=130, top=80, bottom=122), True),
        (box(), stroke(at=130, top=80, bottom=121), False),  # a mark
        (box(bottom=46, right=76, thickness=1), stroke(2, 33, 43, 68), True),
        (box(bottom=44, right=74, thickness=1), stroke(2, 33, 41, 68), False),  # too small
    ],
)
def test_a_box_around_ink_goes(frame, ink, goes):
    sheet = np.maximum(frame, ink)
    assert np.array_equal(printed.without_boxes(sheet, 40), ink if goes else sheet)


def sheet_on(desk=40.0, left=30, top=40, right=100, bottom=110, light=200.0, ink=0, blur=0.0):
    """A sheet `(128, 128)` on a desk, with dark strokes that are two pixels wide."""
    picture = np.full((128, 128), desk, np.float32)
    picture[max(top, 0) : bottom, max(left, 0) : right] = light
    for place in range(ink):
        picture[top + 5 : bottom - 5, left + 3 + 5 * place : left + 5 + 5 * place] = desk
    return ndimage.gaussian_filter(picture, blur)


def cut(wide):
    """A sheet with a dark band from top to bottom."""
    picture = sheet_on()
    picture[:, 60 : 60 + wide] = 40
    return picture


def rounded(power):
    """A light shape between a circle, 2, and a square."""
    y, x = np.abs(np.indices((128, 128)) - 64) / 40
    return np.where(x**power + y**power < 1, 200, 40).astype(np.float32)


@pytest.mark.parametrize(
    ("picture", "is_sheet"),
    [
        (sheet_on(desk=100), True),
        (sheet_on(desk=105), False),  # a shadow on paper
        (sheet_on(light=24, desk=2), True),
        (sheet_on(light=14, desk=1), False),  # near black, a few grey levels do not count
        (sheet_on(40, 20, 20, 57, 57), True),
        (sheet_on(40, 20, 20, 56, 56), False),  # less than 8 % of the picture
        (sheet_on(40, 20, 10, 41, 120), True),
        (sheet_on(40, 20, 10, 39, 120), False),  # as narrow as a 1 in chalk
        (sheet_on(40, -5, 5, 80, 120), True),
        (sheet_on(40, -5, 5, 80, 121), False),  # nearly a whole side of the picture
        (sheet_on(40, 5, -5, 121, 80), False),
        (sheet_on(40, 5, 60, 121, 140), False),
        (sheet_on(40, 60, 5, 140, 121), False),
        (rounded(10), True),
        (rounded(6), False),
        (rounded(2), False),
        (sheet_on(blur=2), True),
        (sheet_on(blur=3), False),  # the edge of a shadow
        (sheet_on(ink=8), True),
        (sheet_on(ink=11), False),  # strokes, and no paper
        (np.full((128, 128), 40, np.float32), False),
    ],
)
def test_a_sheet_is_light_has_four_sides_and_is_mostly_bare(picture, is_sheet):
    assert (desk.sheet(picture) is not None) == is_sheet
    large = picture.repeat(3, 0).repeat(3, 1)
    assert (desk.sheet(large) is not None) == is_sheet


@pytest.mark.parametrize("times", [1, 4])
def test_the_corners_of_a_sheet_lie_just_inside_it(times):
    """Also where a stroke, or a light reflected by wood, would cut it."""
    wood = np.stack([np.where(sheet_on() > 100, 200, level) for level in (200, 180, 40)], -1)
    expected = times * np.array([(30, 40), (100, 40), (100, 110), (30, 110)])
    for picture in (sheet_on(), cut(10), wood.astype(np.float32)):
        corners = desk.sheet(picture.repeat(times, 0).repeat(times, 1))
        assert corners.mean(0) == pytest.approx(times * np.array([65, 75]), abs=0.1)
        inside = (corners - expected) * ((1, 1), (-1, 1), (-1, -1), (1, -1))
        assert (inside > 0).all()
        assert (inside < 4 * times).all()
    halves = desk.sheet(cut(12).repeat(times, 0).repeat(times, 1))
    assert halves[:, 0].max() < 60 * times


def test_a_turned_sheet_has_its_corners_clockwise_from_the_upper_left():
    y, x = np.indices((100, 128)) - np.array([50, 64])[:, None, None]
    light = (np.abs(0.95 * x + 0.31 * y) < 40) & (np.abs(0.95 * y - 0.31 * x) < 30)
    corners = desk.sheet(np.where(light, 200, 40).astype(np.float32))
    along, down = np.array([0.95, 0.31]), np.array([-0.31, 0.95])
    for corner, (right, below) in zip(corners, ((-1, -1), (1, -1), (1, 1), (-1, 1)), strict=True):
        expected = np.array([64, 50]) + 38 * right * along + 28 * below * down
        assert corner == pytest.approx(expected, abs=3)


def test_a_straightened_sheet_is_as_large_as_its_sides_on_average():
    grey = np.arange(60 * 80, dtype=np.uint8).reshape(60, 80)
    level = np.array([(10, 5), (50, 5), (50, 35), (10, 35)], float)
    assert np.array_equal(desk.straightened(grey, level), grey[5:35, 10:50])
    colours = np.stack([grey] * 3, -1)
    assert np.array_equal(desk.straightened(colours, level), colours[5:35, 10:50])
    askew = desk.straightened(grey, level + np.array([(0, 0), (6, 0), (0, 0), (0, 4)]))
    assert askew.shape == (32, 43)


def marked(*boxes):
    """A mask `(240, 240)` of a digit 100 pixels high, a ring, with boxes of ink beside it."""
    mask = np.zeros((240, 240), bool)
    for left, top, right, bottom in (
        (80, 60, 140, 70), (80, 150, 140, 160), (80, 60, 90, 160), (130, 60, 140, 160), *boxes,
    ):  # fmt: skip
        mask[top:bottom, left:right] = True
    return mask


def letters(count, gap):
    return [(80 + 22 * place, 160 + gap, 90 + 22 * place, 170 + gap) for place in range(count)]


@pytest.mark.parametrize(
    ("others", "stay"),
    [
        ([(176, 100, 196, 120)], True),
        ([(180, 100, 200, 120)], False),  # small, and two fifths of the digit's size away
        ([(188, 90, 198, 126)], True),  # as large as a part of a digit
        (letters(2, 8), True),
        (letters(3, 8), False),  # a word
        (letters(3, 4), True),  # that is no tenth of the digit's size away
        ([(70, 164, 150, 172)], True),
        ([(70, 168, 150, 176)], False),  # an underline
        ([(70, 168, 150, 196)], True),  # not three times as wide as high
        ([(70, 44, 150, 52)], True),  # above the digit
        ([(186, 100, 240, 190)], False),  # from the edge
        ([(200, 90, 210, 240)], True),  # so much taller than the digit, it is another one's
        ([(200, 100, 210, 240)], False),
        ([(230, 0, 240, 214)], True),
        ([(230, 0, 240, 218)], False),  # along the whole side
        ([(0, 0, 218, 5)], False),
        ([(0, 235, 218, 240)], False),
    ],
)
def test_what_lies_beside_a_digit_goes(others, stay):
    rest = parts.of_digit(marked(*others))
    assert np.array_equal(rest, marked(*others) if stay else marked())


@pytest.mark.parametrize(("thickness", "stays"), [(8, True), (60, False)])
def test_a_blob_that_enters_from_the_edge_is_no_stroke(thickness, stays):
    blob = [(240 - thickness, 30, 240, 190)]
    assert parts.of_digit(marked(*blob))[100, 235] == stays


@pytest.mark.parametrize(
    ("background", "pen"), [((60, 140, 60), (220, 60, 50)), ((230, 220, 210), (20, 30, 90))]
)
def test_brightness_is_measured_along_the_difference_of_ink_and_paper(background, pen):
    """From the middle grey on, so that greys stay; as an eye sees it, green counts most."""
    pixels = np.full((40, 40, 3), background, np.uint8)
    pixels[10:30, 10:30] = pen
    axis = np.subtract(background, pen) / np.linalg.norm(np.subtract(background, pen))
    axis *= np.sign(axis.sum()) / np.sqrt(3)
    found = colour.brightness(pixels)
    for place, shade in (((0, 0), background), ((20, 20), pen)):
        assert found[place] == pytest.approx(128 + (np.array(shade) - 128) @ axis, abs=0.01)
        red, green, blue = shade
        seen = 0.299 * red + 0.587 * green + 0.114 * blue
        assert colour.luma(pixels)[place] == pytest.approx(seen, abs=0.01)
    greys = pixels[..., :1].repeat(3, 2)
    np.testing.assert_allclose(colour.brightness(greys), greys[..., 0], atol=0.01)
    assert np.array_equal(colour.brightness(greys[..., 0]), greys[..., 0])


def test_the_contrast_of_ink_does_not_depend_on_the_light():
    bars = np.zeros((HEIGHT, WIDTH))
    bars[100:200, 25:400:50] = bars[100:200, 26:400:50] = bars[100:200, 27:400:50] = 1
    light = np.broadcast_to(np.linspace(1, 0.5, WIDTH), (HEIGHT, WIDTH))
    seen = paper.evened((200 * light * (1 - 0.6 * bars)).astype(np.float32))
    at = seen[150, 26:400:50]
    assert at.std() < 0.03 * at.mean()
    assert at.mean() == pytest.approx(0.6 * 200 * 0.75, rel=0.05)  # in the light at the middle
    assert seen[bars == 0].max() < 3
    chalk = paper.evened((200 * light * bars + 30).astype(np.float32))
    assert chalk[150, 26] == pytest.approx(200 * light[0, 26], rel=0.03)
    assert chalk[bars == 0].max() < 3


def test_a_reduced_picture_has_the_means_of_squares():
    pixels = np.arange(7 * 9 * 3, dtype=np.uint8).reshape(7, 9, 3)
    assert np.array_equal(paper.reduced(pixels, 1), pixels)
    means = pixels[:6].astype(float).reshape(2, 3, 3, 3, 3).mean((1, 3))
    np.testing.assert_allclose(paper.reduced(pixels, 3), means)
    grey = pixels[..., 0]
    np.testing.assert_allclose(
        paper.reduced(grey, 2), grey[:6, :8].astype(float).reshape(3, 2, 4, 2).mean((1, 3))
    )
    with pytest.raises(InkError, match="a strip of 9 x 7 pixels"):
        paper.reduced(pixels, 8)


@pytest.mark.parametrize(("side", "is_seen"), [(4, True), (3, False)])
def test_specks_are_smaller_than_half_a_square_of_the_pen(side, is_seen):
    """Of a stroke that is measured as five pixels wide."""
    mask = np.zeros((100, 100), bool)
    mask[20:80, 40:45] = True
    stroke_alone = mask.copy()
    mask[10 : 10 + side, 10 : 10 + side] = True
    assert np.array_equal(paper._without_specks(mask), mask if is_seen else stroke_alone)


@pytest.mark.parametrize(("count", "is_ink"), [(64, True), (65, False)])
def test_ink_in_more_than_64_parts_is_noise(count, is_ink):
    mask = np.zeros((100, 300), bool)
    for place in range(count):
        mask[10 * (place // 25) :, 10 * (place % 25) :][:4, :4] = True
    if is_ink:
        assert np.array_equal(paper._without_specks(mask), mask)
    else:
        with pytest.raises(NothingDrawn):
            paper._without_specks(mask)


def test_a_sheet_may_take_nine_tenths_of_a_side_but_no_more():
    picture = np.full((100, 100), 40, np.float32)
    picture[:91, :80] = 200
    assert desk.sheet(picture) is None
    picture[90] = 40
    assert desk.sheet(picture[:, 10:]) is not None


def test_a_line_that_leans_is_found_in_its_own_rows():
    for slope in (-0.06, 0.03, 0.06):
        line = printed.lines(line_on(at=lambda x, slope=slope: 80 + slope * x, thickness=3), 10)[0]
        middle = (np.flatnonzero(line.profile) - len(line.profile) // 2).mean()
        expected = 81 + slope * np.arange(320)
        assert (line.rows + middle - expected).mean() == pytest.approx(0, abs=0.1)


def test_a_line_along_the_edge_of_the_picture_is_found():
    for row in (0, 199):
        (line,) = printed.lines(line_on(thickness=1, at=lambda x, row=row: row + 0 * x), 10)
        assert (line.rows == row).all()
        assert line.thickness == 1


@pytest.mark.parametrize(("aside", "share"), [(0, 1.0), (1, 1.0), (-1, 1.0), (2, 0.75), (-2, 0.75)])
def test_a_line_is_seen_within_a_row_of_where_it_should_be(aside, share):
    profile = np.array([0, 60, 0], np.float32)
    sheet = np.zeros((50, 80), np.float32)
    sheet[20, :60] = sheet[20 + aside, 60:] = 30  # half as strong as its profile
    assert printed._seen(printed.Line(np.full(80, 20), profile), sheet) == share


@pytest.mark.parametrize("turned", [np.asarray, np.flipud, np.transpose, np.rot90])
def test_a_stroke_is_no_side_of_a_box(turned):
    """As in an A: three sides, and a bar that is no fourth."""
    bar = np.zeros((200, 320), np.float32)
    bar[100:103, 60:220] = 80
    sheet = np.maximum.reduce([box("ltr"), bar, stroke(at=130, top=40, bottom=90)])
    assert np.array_equal(printed.without_boxes(turned(sheet), 40), turned(sheet))


def test_thin_strokes_become_as_wide_for_their_size_as_those_of_mnist():
    """From 1.3 of 20 pixels on."""
    mask = np.zeros((300, 300), bool)
    mask[50:250, 100:108] = True
    soft, padding = paper._stroked(mask, mask.astype(np.float32))
    high, across = (np.ptp(np.flatnonzero((soft > 127).any(axis))) + 1 for axis in (1, 0))
    assert 20 * across / high == pytest.approx(1.3, abs=0.1)
    rows = np.flatnonzero((soft > 127).any(1)) - padding
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(149.5, abs=1)
