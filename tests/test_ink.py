import io
import itertools
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy import ndimage

from inkling import Drawing, ink, to_image
from inkling.errors import InkError, NothingDrawn, TooLarge
from inkling.ink import image as image_module
from inkling.ink import parts


def even_slack(digit):
    """Whether a digit comes back exactly: its box is 20 pixels, and centred on whole pixels."""
    height, width = (np.ptp(np.flatnonzero(digit.any(axis))) + 1 for axis in (1, 0))
    return max(height, width) == 20 and min(height, width) % 2 == 0


def is_left_as_it_is(digit):
    """Whether paper.py leaves a digit as it is: it is in one piece, with strokes of usual width."""
    stroke = parts.width(digit.repeat(8, 0).repeat(8, 1) > 127) / 8
    return ndimage.label(digit, np.ones((3, 3)))[1] == 1 and 1.6 < stroke < 4


def levels_apart(image, digit):
    return np.abs(image[0] * 255 - digit).max()


def seven(size=384, ink=255, paper=0):
    image = Image.new("L", (size, size), paper)
    corners = [(size * x, size * y) for x, y in ((0.3, 0.2), (0.7, 0.2), (0.45, 0.8))]
    pencil, pen = ImageDraw.Draw(image), 30 * size / 384
    pencil.line(corners, fill=ink, width=round(pen))
    for x, y in corners:
        pencil.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=ink)
    return image


def encoded(image, kind):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("length", [2, 4, 5, 9])
def test_pixels_that_are_enlarged_are_means_of_those_around(length):
    weights = image_module._averaging(length, 0, length, 20)
    assert weights.min() >= 0
    assert weights.sum(1)[20 // length : -20 // length] == pytest.approx(1)


@settings(max_examples=300)
@given(
    index=st.integers(0, 9999), scale=st.integers(1, 13), place=st.tuples(*[st.floats(0, 1)] * 2)
)
@example(index=610, scale=9, place=(0.0, 0.0))  # whose 4 was taken for a sheet on a desk
def test_a_pasted_digit_comes_back(digits, index, scale, place):
    digit = digits[index]
    canvas = np.zeros((384, 384), np.uint8)
    top, left = (round(share * (384 - 28 * scale)) for share in place)
    canvas[top : top + 28 * scale, left : left + 28 * scale] = digit.repeat(scale, 0).repeat(
        scale, 1
    )
    image = to_image(canvas)
    assert image.shape == (1, 28, 28)
    assert image.dtype == np.float32
    if even_slack(digit) and is_left_as_it_is(digit):
        assert levels_apart(image, digit) <= 5


def test_every_digit_of_20_pixels_comes_back(digits):
    far = [i for i, d in enumerate(digits) if even_slack(d) and levels_apart(to_image(d), d) > 5]
    assert far == []


def test_a_centre_on_a_whole_pixel_goes_where_mnist_put_it(digits):
    digit = digits[8688].astype(int)  # its vertical centre of mass is 14.0 exactly
    assert (digit.sum(1) * (2 * np.arange(28) + 1)).sum() == 28 * digit.sum()
    assert levels_apart(to_image(digits[8688]), digit) <= 5


@given(st.integers(0, 255), st.integers(0, 255), st.integers(100, 500))
def test_any_two_greys_give_the_same_image(ink, paper, size):
    if abs(ink - paper) < 16:
        with pytest.raises(NothingDrawn):
            to_image(seven(size, ink, paper))
    else:
        np.testing.assert_allclose(
            to_image(seven(size, ink, paper)), to_image(seven(size)), atol=0.005
        )


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG", "WEBP"])
def test_every_format_gives_the_same_image(kind, tmp_path):
    path = tmp_path / f"seven.{kind.lower()}"
    path.write_bytes(encoded(seven(), kind))
    expected = to_image(seven())
    with Image.open(path) as image:
        for source in (path, str(path), path.read_bytes(), image):
            limit = 0.2 if kind in ("JPEG", "WEBP") else 1e-6
            assert np.abs(to_image(source) - expected).max() < limit


def test_arrays_of_every_kind_give_the_same_image():
    array = np.asarray(seven())
    expected = to_image(array)
    rgb = np.stack([array] * 3, -1)
    opaque = np.concatenate([rgb, np.full_like(rgb[..., :1], 255)], -1)
    for same in (
        array[None],
        array / 255,
        (array / 255).astype(np.float16),
        rgb,
        opaque,
        array > 0,
    ):
        np.testing.assert_allclose(to_image(same), expected, atol=0.01)


@pytest.mark.parametrize("ink", [0, 255])
def test_a_transparent_background_contrasts_with_the_ink(ink):
    mask = seven()
    image = Image.new("LA", mask.size, (ink, 0))
    image.putalpha(mask)
    np.testing.assert_array_equal(to_image(encoded(image, "PNG")), to_image(mask))


def test_a_palette_with_transparency_and_16_bits_are_read():
    expected = to_image(seven())
    image = seven().convert("P")
    image.info["transparency"] = 0
    np.testing.assert_allclose(to_image(encoded(image, "PNG")), expected, atol=0.01)
    deep = Image.fromarray(np.asarray(seven()).astype(np.uint16) * 257)
    np.testing.assert_allclose(to_image(encoded(deep, "PNG")), expected, atol=0.01)


def test_the_orientation_in_exif_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    file = io.BytesIO()
    seven().rotate(90, expand=True).save(file, "JPEG", exif=exif, quality=95)
    assert np.abs(to_image(file.getvalue()) - to_image(seven())).max() < 0.1


def test_noise_of_the_paper_is_not_ink():
    noisy = np.asarray(seven(paper=40), np.int16)
    noisy = noisy + np.random.default_rng(0).integers(-6, 7, noisy.shape)
    image = to_image(noisy.clip(0, 255).astype(np.uint8))
    assert np.abs(image - to_image(seven())).max() < 0.15


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("exif", [b"garbage", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"])
def test_a_damaged_exif_is_ignored_or_an_error_of_one_line(kind, exif):
    file = io.BytesIO()
    seven().save(file, kind, exif=exif)
    try:
        assert to_image(file.getvalue()).max() == 1
    except InkError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "blank",
    [
        np.zeros((28, 28), np.uint8),
        np.full((384, 384), 255, np.uint8),
        np.full((10, 10), 0.5),
        np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8),
        Image.new("RGBA", (50, 50)),
        Drawing([]),
        Drawing([[], []]),
    ],
)
def test_nothing_drawn_has_its_own_error(blank):
    with pytest.raises(NothingDrawn):
        to_image(blank)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((28, 28, 2), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((0, 28), np.uint8),
        np.zeros((28, 28), np.int64),
        np.full((28, 28), 1.5),
        np.full((28, 28), np.nan),
        np.full((28, 28), "7"),
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"<svg/>",
        Image.new("L", (0, 0)),
        encoded(Image.new("RGB", (9, 9)), "JPEG")[:-20],
        "there/is/no/such.png",
        ".",
    ],
)
def test_a_source_that_is_no_picture_is_an_error_of_one_line(bad):
    with pytest.raises(InkError) as caught:
        to_image(bad)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@settings(max_examples=200)
@given(st.data(), st.sampled_from(["PNG", "BMP", "GIF", "JPEG", "WEBP"]))
def test_damaged_files_are_read_or_an_error_of_one_line(data, kind):
    content = bytearray(encoded(seven(64), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        assert to_image(content).max() == 1
    except InkError as error:
        assert "\n" not in str(error)


def test_a_decompression_bomb_is_rejected_before_it_is_decoded():
    header = encoded(Image.new("L", (1, 1)), "PNG")
    for side in (8_000, 50_000):
        bomb = header[:16] + side.to_bytes(4, "big") * 2 + header[24:]
        ihdr = bomb[12:29]
        bomb = bomb[:29] + zlib.crc32(ihdr).to_bytes(4, "big") + bomb[33:]
        with pytest.raises(TooLarge):
            to_image(bomb)


def test_strokes_give_the_image_of_their_picture():
    drawing = Drawing([[(115.2, 76.8), (268.8, 76.8), (172.8, 307.2)]], pen=30)
    picture = to_image(seven(1536))
    places = itertools.product((-1, 0, 1), repeat=2)  # the middle may lie in the next pixel
    moved = [np.roll(to_image(drawing), place, (1, 2)) for place in places]
    assert min(np.abs(image - picture).mean() for image in moved) < 0.02


@given(st.floats(0.01, 50), st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_size_and_place_of_a_drawing_do_not_matter(scale, right, down):
    points = [(115.0, 77.0), (269.0, 77.0), (173.0, 307.0)]
    moved = [(x * scale + right, y * scale + down) for x, y in points]
    image = to_image(Drawing([moved], pen=30 * scale))
    assert np.abs(image - to_image(Drawing([points]))).max() < 0.1


def test_a_single_point_is_a_dot():
    image = to_image(Drawing([[(5, 5)]]))
    assert 250 < image.sum() < 400  # a disc of 20 pixels has 314
    assert image[0, 14, 14] == 1


@given(
    st.lists(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), max_size=20), max_size=5),
    st.floats(1e-3, 1e6),
)
def test_any_drawing_becomes_an_image_or_nothing_is_drawn(strokes, pen):
    try:
        image = to_image(Drawing(strokes, pen))
    except NothingDrawn:
        assert not any(strokes)
    else:
        assert image.min() >= 0
        assert image.max() == 1


@pytest.mark.parametrize(
    ("strokes", "pen"),
    [
        ([[(float("nan"), 0)]], 30),
        ([[(float("inf"), 0)]], 30),
        ([[(0, 0)]], 0),
        ([[(0, 0)]], -1),
        ([[(0, 0)]], float("nan")),
        ([[(0, 0)]], 1e-20),
        ([[(0, 0, 0)]], 30),
        ([[(0,)]], 30),
        ([[(0, 0)] * 10_001], 30),
    ],
)
def test_an_impossible_drawing_is_an_error(strokes, pen):
    with pytest.raises(InkError):
        Drawing(strokes, pen)


def test_the_pen_matters_for_garments_but_not_for_digits():
    hook = [[(0, 0), (100, 0), (60, 150)]]
    thin, wide = (Drawing(hook, pen) for pen in (4, 40))
    np.testing.assert_array_equal(to_image(thin), to_image(wide))
    assert to_image(wide, "garment").sum() > 2 * to_image(thin, "garment").sum()


def test_a_garment_fills_its_own_frame():
    coat = np.zeros((100, 100), np.uint8)
    coat[10:90, 30:70] = 200
    image = to_image(coat, "garment")[0]
    assert image[:, 7:21].all()
    assert not image[:, :7].any()
    assert not image[:, 21:].any()


def test_the_image_of_a_picture_lies_around_its_ink():
    """Its ink has a box of 20 of 28 pixels, and its centre of mass in the middle."""
    picture = np.zeros((60, 60), np.uint8)
    picture[10:50, 20:40] = 255
    assert ink.image_box(picture) == (2, 2, 58, 58)
    assert ink.image_box(picture.T) == (2, 2, 58, 58)
    assert ink.image_box(picture, "garment") == (10, 10, 50, 50)
    picture[12:50, 20:36] = 0  # an angle: a bar of two rows, a bar of four columns
    mass = picture[10:50, 20:40] / 255
    across, down = (
        (mass.sum(k) @ (np.arange(n) + 0.5)) / mass.sum() for k, n in ((0, 20), (1, 40))
    )
    left, top, right, bottom = ink.image_box(picture)
    assert (right - left, bottom - top) == (56, 56)
    for start, centre in ((left, 20 + across), (top, 10 + down)):
        assert 14 <= (centre - start) / 2 < 15


def test_the_image_of_a_drawing_lies_around_its_strokes():
    left, top, right, bottom = ink.image_box(Drawing([[(100, 50), (100, 210)]]))
    assert bottom - top == pytest.approx(28 / 20 * 160 * 20 / 17.5, rel=0.01)  # 2.5 is the stroke
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((100, 130), abs=10)
    assert ink.image_box(np.tile(np.arange(28, dtype=np.uint8), (28, 1)) * 9) == (0, 0, 28, 28)


def test_the_largest_drawing_and_the_finest_pen_are_taken():
    far = Drawing([[(1e6, -1e6)], [(-1e6, 1e6)]], 1e6)
    assert Drawing([[[1e6, -1e6]], [[-1e6, 1e6]]], 1e6) == far
    assert len(Drawing([[(0, 0)] * 9_999, [(1, 1)]], 1e-3).strokes[0]) == 9_999
    for strokes in ([[(1e6 + 1, 0)]], [[(0, -1e6 - 1)]], [[[1e6 + 1, 0.0]]], [[[0.0, -1e6 - 1]]]):
        with pytest.raises(InkError, match="within 1,000,000"):
            Drawing(strokes)
    with pytest.raises(TooLarge):
        Drawing([[(0, 0)] * 9_999, [(1, 1)] * 2])


def test_a_drawing_shows_itself_dark_on_white_with_a_margin():
    picture = np.asarray(Drawing([[(0, 0), (0, 100)]]).picture())
    assert (picture[:16] == 255).all()
    assert (picture[:, :16] == 255).all()
    assert (picture[-16:] == 255).all()
    assert picture[16:-16, 16:-16].min() == 0
    assert picture.shape[0] == pytest.approx(160 + 2 * 16, abs=1)
    assert repr(Drawing([[(0, 0)]])) == "Drawing(1 stroke, 1 points, pen 30)"
    assert repr(Drawing([[(0, 0)], [(1, 1)]], 2.5)) == "Drawing(2 strokes, 2 points, pen 2.5)"


@pytest.mark.parametrize("side", [20, 24, 30, 40, 70])
def test_ink_is_reduced_by_the_exact_mean_of_areas(side):
    ink_ = np.random.default_rng(side).integers(1, 256, (side, side)).astype(np.float32)
    fine = ink_.repeat(20, 0).repeat(20, 1).reshape(20, side, 20, side).mean((1, 3))
    image = image_module.fit(ink_)[0] * 255
    rows = np.flatnonzero(image.any(1))
    placed = image[rows[0] : rows[0] + 20, np.flatnonzero(image.any(0))[0] :][:, :20]
    np.testing.assert_allclose(placed, fine * 255 / fine.max(), atol=0.51)
