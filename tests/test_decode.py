"""Every kind of picture that a phone, a scanner or a browser gives, and what is no picture."""

import base64
import io
import itertools
import os
import subprocess
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import peak
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from inkling import Reader, to_image
from inkling.errors import InkError, NothingDrawn, TooLarge
from inkling.ink import decode, formats, from_base64, from_data_url, image_box, lines, pages, pdf

HEIC = base64.b64decode(  # a dark 7 on light green, 64 x 64, as pillow-heif 1.8 writes it
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAAKAAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmubgIaDAgAAAMAyAAA"
    "AwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAABBwaXhpAAAAAAMI"
    "CAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAKhtZGF0AAAAnCgBrwQY2q2pQtgEqynPemha3WrCtFlBqThf/A6gHq9x"
    "jR7TEhd3AyTZAjd76lC0pi0RLtr7JFG9IoS4BG3Mkp10AClE0SYIDpyAmlmho5NjW5z0/R7GBjeOUmINpGKTVoavluep"
    "DwcpztnVRdkhwZu0GRSM+P7VGqxBykCAVeJuBfxmrTFPnTQ3cyCmy5LXeqesu01iRGfgtKEHcA=="
)


def seven(ink=0, paper=255, mode="L", size=100):
    image = Image.new(mode, (size, size), paper)
    corners = [(0.3 * size, 0.2 * size), (0.7 * size, 0.2 * size), (0.45 * size, 0.8 * size)]
    ImageDraw.Draw(image).line(corners, fill=ink, width=size * 8 // 100)
    return image


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # Pillow leaves its settings on what it saves
    return file.getvalue()


def several(images, kind, **options):
    others = [image.copy() for image in images[1:]]
    return encoded(images[0], kind, save_all=True, append_images=others, **options)


def mask():
    return np.asarray(seven()) < 128


def png_of_16_bits(array):
    """A PNG of an array `(H, W, 3)`, which Pillow itself cannot write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = b"".join(side.to_bytes(4, "big") for side in array.shape[1::-1]) + b"\x10\2\0\0\0"
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )


def as_pdf(*objects, trailer=b""):
    """A PDF of these objects, of which the first is its catalog."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
        + b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (size, trailer, len(out))
    )


def pdf_page(side=b"200 200", body=b"", resources=b"", *more, trailer=b""):
    return as_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %b]/Contents 4 0 R/Resources<<%b>>>>"
        % (side, resources),
        b"<</Length %d>>stream\n%b\nendstream" % (len(body), body),
        *more,
        trailer=trailer,
    )


def pdf_of_forms(depth):
    """A PDF of a form that draws ten others, each of which draws ten others."""
    form = b"<</Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>/Length 60>>stream\n"
    forms = [form % (number + 6) + b"/X Do " * 10 + b"\nendstream" for number in range(depth)]
    last = b"<</Subtype/Form/BBox[0 0 9 9]/Length 15>>stream\n0 0 m 10 10 l S\nendstream"
    return pdf_page(b"200 200", b"/X Do", b"/XObject<</X 5 0 R>>", *forms, last)


SEVEN_IN_PDF = b"16 w 60 160 m 140 160 l 90 40 l S"


# Colour


def test_colour_is_kept_only_where_there_is_some():
    grey = np.asarray(seven())
    for source in (seven(), seven().convert("RGB"), np.stack([grey] * 3, 2), seven().convert("P")):
        found = decode.decoded(source)
        pixels, lossy = found.pixels, found.lossy
        np.testing.assert_array_equal(pixels, grey)
        assert pixels.dtype == np.uint8
        assert not lossy
    for ink, paper in (("red", "green"), ("red", "blue"), ("#777777", "#7a7777")):
        image = seven(ink, paper, "RGB")
        array = np.asarray(image)
        alpha = np.dstack([array, np.full(array.shape[:2], 255, np.uint8)])
        for source in (image, array, array[None], array / 255, alpha, encoded(image, "PNG")):
            np.testing.assert_allclose(decode.decoded(source).pixels, array, atol=1)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"]
)
def test_a_picture_of_every_mode_is_read(mode):
    between = {"PA": "P", "La": "LA", "RGBa": "RGBA"}.get(mode, mode)
    image = seven().convert("RGB").convert(between).convert(mode)
    assert image.mode == mode
    np.testing.assert_array_equal(to_image(image), to_image(seven()))


@pytest.mark.parametrize("mode", ["HSV", "LAB"])
def test_a_picture_of_other_colours_is_read(mode):
    image = seven("navy", "wheat", "RGB")
    converted = decode.decoded(image.convert(mode)).pixels
    gap = converted.astype(int) - decode.decoded(image).pixels
    assert np.abs(gap).max() < 20  # both round what they keep


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("mode", ["LA", "La", "RGBA", "RGBa", "PA", "P"])
def test_a_transparent_picture_is_put_on_what_its_ink_contrasts_with(mode, light):
    ink = np.uint8(255 * light)
    image = Image.merge(
        "LA", [Image.new("L", (100, 100), int(ink)), Image.fromarray(np.uint8(255) * mask())]
    )
    if mode == "P":
        image = image.getchannel("A").point(lambda alpha: alpha > 0).convert("P")
        image.putpalette([0, 255, 0, ink, ink, ink])
        image.info["transparency"] = 0
    elif mode == "La":
        image = image.convert(mode)
    elif mode != "LA":
        image = image.convert("RGBA").convert(mode)
    pixels = decode.decoded(image).pixels
    np.testing.assert_array_equal(pixels, np.where(mask(), ink, 255 - ink))


def test_half_transparent_ink_is_as_light_as_it_looks():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    white = np.full_like(levels, 255)
    np.testing.assert_array_equal(decode.decoded(np.dstack([white] * 3 + [levels])).pixels, levels)
    black = np.zeros_like(levels)
    on_white = decode.decoded(np.dstack([black] * 3 + [levels])).pixels
    np.testing.assert_array_equal(on_white, 255 - levels.astype(int))


# Depth


@pytest.mark.parametrize("bits", [1, 8, 10, 12, 14, 16])
def test_a_scan_of_every_depth_is_as_one_of_8_bits(bits):
    top = 2**bits - 1
    array = np.where(mask(), 0.1 if bits > 1 else 0.0, 0.9 if bits > 1 else 1.0)
    deep = Image.fromarray(np.rint(array * top).astype(np.uint16))
    expected = np.asarray(array * 255, np.float32)
    sources = [
        encoded(deep, "PNG"),
        encoded(deep, "TIFF"),
        encoded(deep, "PPM"),
        encoded(deep.convert("I"), "TIFF"),
        encoded(deep.convert("F"), "TIFF"),
        deep.convert("I"),
        deep.convert("F"),
        Image.frombytes("I;16B", deep.size, np.asarray(deep).astype(">u2").tobytes()),
    ]
    for source in sources:
        np.testing.assert_allclose(decode.decoded(source).pixels, expected, atol=0.6)
        np.testing.assert_allclose(to_image(source), to_image(array), atol=0.01)


def test_a_picture_that_uses_all_16_bits_keeps_its_greys():
    for dark, light in ((0, 20_000), (30_000, 65_535), (0, 65_535)):
        array = np.where(mask(), dark, light).astype(np.uint16)
        pixels = decode.decoded(Image.fromarray(array)).pixels
        top = 32_767 if light < 16_384 else 65_535
        np.testing.assert_allclose(pixels, array * (255 / top), atol=1e-3)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_colours_of_every_depth_are_read(bits):
    array = np.where(mask(), 0, 2**bits - 1).astype(np.uint16)
    picture = png_of_16_bits(np.stack([array] * 3, 2))
    assert np.unique(decode.decoded(picture).pixels).tolist() == [0, 255]
    np.testing.assert_allclose(to_image(picture), to_image(seven()), atol=0.01)


def test_signed_numbers_and_floats_are_read():
    for low, high in ((-1000, 3000), (-0.02, 1.01), (0, 1), (0, 1e6), (0, 1e12)):
        image = Image.fromarray(np.where(mask(), low, high).astype(np.float32))
        np.testing.assert_allclose(to_image(image), to_image(seven()), atol=0.01)
    image = Image.fromarray(np.where(mask(), -1000, 3000).astype(np.int32))
    np.testing.assert_allclose(to_image(image), to_image(seven()), atol=0.01)
    for number in (np.nan, np.inf):
        with pytest.raises(InkError, match="finite"):
            to_image(Image.fromarray(np.where(mask(), number, 0).astype(np.float32)))
    with pytest.raises(NothingDrawn):
        to_image(Image.new("F", (100, 100), -5))


# Formats


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {"compression": "group4"}),
        ("AVIF", {}),
        ("JPEG2000", {}),
        ("PPM", {}),
        ("WEBP", {}),
        ("JPEG", {}),
        ("MPO", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("PDF", {}),
    ],
)
def test_every_format_is_read(kind, options, tmp_path):
    image = seven()
    if options.get("compression") == "group4":
        image = image.convert("1")
    content = several([image, image], kind) if kind == "MPO" else encoded(image, kind, **options)
    path = tmp_path / "seven"  # its bytes tell what it is, not its name
    path.write_bytes(content)
    for source in (content, path, io.BytesIO(content)):
        assert np.abs(to_image(source) - to_image(seven())).mean() < 0.02
    lossy = decode.decoded(content).lossy
    assert lossy == (kind in formats.LOSSY or options == {"compression": "jpeg"})
    assert Reader.load().read(content).label == 7


def test_a_phones_heic_is_read():
    found = decode.decoded(HEIC)
    pixels, lossy = found.pixels, found.lossy
    assert pixels.shape == (64, 64, 3)
    assert lossy
    assert Reader.load().read(HEIC).label == 7


def test_a_pipe_that_gives_a_part_at_a_time_is_read():
    read, write = os.pipe()
    content = encoded(seven(size=400), "BMP")  # more than a pipe holds

    def send():
        with os.fdopen(write, "wb") as file:
            file.write(content)

    with ThreadPoolExecutor() as threads, os.fdopen(read, "rb", buffering=0) as pipe:
        threads.submit(send)
        np.testing.assert_array_equal(to_image(pipe), to_image(content))


def test_plain_pnm_is_read():
    rows = "\n".join(" ".join(map(str, row)) for row in mask().astype(int))
    np.testing.assert_array_equal(to_image(f"P1 100 100\n{rows}\n".encode()), to_image(mask()))
    rows = "\n".join(" ".join("0" if dark else "255" for dark in row) for row in mask())
    np.testing.assert_array_equal(to_image(f"P2 100 100 255\n{rows}\n".encode()), to_image(seven()))


def test_the_turn_of_a_picture_is_undone_in_every_format():
    turned = seven().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        image = to_image(encoded(turned, kind, exif=exif))
        assert np.abs(image - to_image(seven())).mean() < 0.02


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_the_first_frame_with_ink_is_read(kind):
    blank = Image.new("L", (100, 100), 255)
    options = {} if kind == "AVIF" else {"duration": 100}
    content = several([blank, blank, seven(), seven(200)], kind, **options)
    with Image.open(io.BytesIO(content)) as image:
        assert image.is_animated
    assert np.abs(to_image(content) - to_image(seven())).mean() < 0.02
    assert len(pages(content)) == 1
    content = several([seven(), blank, seven(200)], kind, **options)
    assert np.abs(to_image(content) - to_image(seven())).mean() < 0.02


def test_not_every_frame_of_a_long_blank_animation_is_decoded(monkeypatch):
    blank = [Image.new("L", (100, 100), shade) for shade in range(30)]
    content = several([*blank, seven()], "GIF", duration=100)
    np.testing.assert_array_equal(to_image(content), to_image(seven()))
    monkeypatch.setattr(formats, "MAX_FRAMES_PIXELS", 30 * 100 * 100)
    with pytest.raises(NothingDrawn):
        to_image(content)


def test_python_loads_no_library_for_a_format_that_is_not_read(tmp_path):
    (tmp_path / "seven.png").write_bytes(encoded(seven(), "PNG"))
    (tmp_path / "seven.pdf").write_bytes(encoded(seven(), "PDF"))
    (tmp_path / "seven.heic").write_bytes(HEIC)
    code = (
        "import sys, inkling\n"
        "for name in ('png', 'pdf'):\n"
        "    inkling.to_image(f'seven.{name}')\n"
        "    assert not {'pypdfium2', 'pi_heif'} & set(sys.modules)\n"
        "inkling.to_image('seven.heic')\n"
        "from PIL import Image\n"
        "assert 'HEIF' not in Image.OPEN, 'Pillow itself is left as it was'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@settings(max_examples=150)
@given(st.data(), st.sampled_from(["TIFF", "AVIF", "PPM", "JPEG2000", "HEIC", "APNG"]))
def test_damaged_files_are_read_or_an_error_of_one_line(data, kind):
    frames = [seven(), seven(100)]
    content = bytearray(
        HEIC
        if kind == "HEIC"
        else several(frames, "PNG" if kind == "APNG" else kind)
        if kind in ("TIFF", "APNG")
        else encoded(seven(), kind)
    )
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        for page in pages(content):
            assert to_image(page).max() == 1
    except InkError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "JPEG2000", "HEIC", "PDF", "PPM", "PNG", "GIF"])
def test_what_is_cut_off_is_called_damaged(kind):
    content = HEIC if kind == "HEIC" else encoded(seven(), kind)
    with pytest.raises(InkError, match=r"cannot be decoded\. Check that the file is whole"):
        to_image(content[: len(content) // 3])


def test_an_array_may_hold_as_many_pixels_as_a_file(monkeypatch):
    monkeypatch.setattr(decode, "MAX_PIXELS", 100)
    assert decode.decoded(np.zeros((20, 20), np.uint8)).pixels.shape == (20, 20)
    with pytest.raises(TooLarge):
        decode.decoded(np.zeros((20, 21), np.uint8))


def test_a_large_page_is_rendered_with_2500_pixels_at_its_longer_side():
    picture = decode.decoded(pdf_page(b"1800 900", SEVEN_IN_PDF)).pixels
    assert picture.shape[:2] == (1250, 2500)


@pytest.mark.parametrize(("size", "mode"), [((8000, 6000), "RGB"), ((12000, 9000), "L")])
def test_a_large_photograph_is_read_in_little_memory(size, mode, tmp_path):
    file = tmp_path / "7.jpg"
    picture = Image.new(mode, size, "white")
    width, height = size
    points = [
        (0.4 * width, 0.3 * height),
        (0.6 * width, 0.3 * height),
        (0.45 * width, 0.7 * height),
    ]
    ImageDraw.Draw(picture).line(points, "black", width // 60, joint="curve")
    picture.save(file, quality=75)
    picture.resize((280, 210)).save(tmp_path / "small.png")
    (done, large), (_, small) = (
        peak("read", str(tmp_path / name)) for name in ("7.jpg", "small.png")
    )
    assert ": 7 (" in done.stdout, done.stderr
    assert large - small < 50  # decoded whole, it takes 100 and more
    left, top, right, bottom = image_box(str(file))
    assert left < points[0][0] < points[1][0] < right  # in pixels of the file
    assert top < points[0][1] < points[2][1] < bottom


def test_a_large_jpeg_alone_is_scaled_down(monkeypatch):
    """It is read as it is, and where it is read is told in its own pixels."""
    whole = seven().resize((640, 640))
    content = {kind: encoded(whole, kind) for kind in ("JPEG", "PNG")}
    monkeypatch.setattr(formats, "ORDINARY", 600 * 600)
    monkeypatch.setattr(formats, "SCALED", 200 * 200)
    jpeg, png = (decode.decoded(content[kind]) for kind in ("JPEG", "PNG"))
    assert (jpeg.times, jpeg.pixels.shape[:2]) == (4, (160, 160))
    assert (png.times, png.pixels.shape[:2]) == (1, (640, 640))
    np.testing.assert_allclose(image_box(jpeg), image_box(png), atol=24)  # 6 of its pixels
    (small,), (large,) = lines.of(jpeg), lines.of(png)
    assert small.scale == pytest.approx(large.scale, rel=0.05)
    assert small.corner == pytest.approx(large.corner, abs=24)


def test_a_jpeg_whose_coefficients_are_all_kept_is_no_larger_than_other_pictures(monkeypatch):
    monkeypatch.setattr(formats, "ORDINARY", 60 * 60)
    monkeypatch.setattr(formats, "MAX_PIXELS", 63 * 63)
    assert to_image(encoded(seven(), "JPEG")).any()
    with pytest.raises(TooLarge, match="Expected at most 3,969 pixels"):
        to_image(encoded(seven(), "JPEG", progressive=True))
    alone = encoded(seven().convert("RGB"), "JPEG").replace(
        b"\xff\xda\x00\x0c\x03", b"\xff\xda\x00\x08\x01"
    )
    with pytest.raises(TooLarge, match="Expected at most 3,969 pixels"):  # of its first colour
        to_image(alone)


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "JPEG2000", "HEIC", "PPM"])
def test_the_size_of_a_picture_is_checked_before_it_is_decoded(kind, monkeypatch):
    content = HEIC if kind == "HEIC" else encoded(seven(), kind)
    monkeypatch.setattr(formats, "MAX_PIXELS", 63 * 63)
    decoded = []
    for one in (Image.Image, formats.TiffImagePlugin.TiffImageFile):
        monkeypatch.setattr(one, "load", lambda self: decoded.append(self))
    with pytest.raises(TooLarge, match="Expected at most 3,969 pixels"):
        to_image(content)
    assert not decoded


# What is no picture


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"\n \n", "an empty file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- 7 -->\n<svg/>", "an SVG drawing"),
        (b"<!DOCTYPE svg PUBLIC 'x'>\n<svg/>", "an SVG drawing"),
        (b"\n<!doctype html><title>7</title><svg/>", "an HTML page"),
        (b"<HTML>", "an HTML page"),
        (zipped("[Content_Types].xml", "word/document.xml"), "an office document"),
        (zipped("mimetype", "content.xml"), "an office document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
        (zipped("seven.png"), "a ZIP archive"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "a video"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0", "a video"),
        (b"\x1a\x45\xdf\xa3\1\0", "a video"),
        (b"RIFF\1\2\3\4AVI LIST\0", "a video"),
        (b"\xff\x0a\1\0", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"8BPS\0\1", "a Photoshop picture"),
        (b"%!PS-Adobe-3.0\n", "a PostScript file"),
        (b'{"label": 7}', "text"),
        ("Größe: 7\n".encode(), "text"),
        ("sieben".encode("utf-16"), "text"),
    ],
)
def test_what_is_no_picture_is_named(content, what):
    with pytest.raises(InkError) as caught:
        to_image(content)
    assert caught.value.error.startswith("Expected a picture (PNG, JPEG,")
    assert caught.value.error.endswith(f", got {what}")


def test_bytes_of_no_known_kind_are_called_damaged():
    for content in (bytes(100), b"\0\1\2\3", encoded(seven(), "PNG")[1:]):
        with pytest.raises(InkError, match="cannot be decoded"):
            to_image(content)


# Data URLs


def as_url(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def test_data_urls_are_read():
    content = encoded(seven(), "PNG")
    text = base64.b64encode(content).decode()
    percent = "".join(f"%{byte:02x}" for byte in content)
    urls = [
        as_url(content),
        as_url(content, ""),
        as_url(content, "IMAGE/PNG").replace("data:", "DATA:").replace("base64", "BASE64"),
        as_url(content, "image/png;name=7.png"),
        as_url(content).rstrip("="),
        as_url(content).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")[5:],
        f"data:image/png;base64,{text[:76]}\n{text[76:]}",
        f"data:image/png,{percent}",
        as_url(encoded(seven(), "PDF"), "application/pdf"),
    ]
    urls[5] = "data:" + urls[5].replace("image%2Fpng", "image/png")
    for url in urls:
        assert np.abs(to_image(url) - to_image(seven())).mean() < 0.02
    assert from_data_url(urls[0]) == from_base64(text) == content
    assert Reader.load().read(urls[0]).label == 7
    assert len(pages(urls[0])) == 1


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("data:", "another form"),
        ("data:image/png;base64", "another form"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png\n,AAAA", "another form"),
        ("data:image/png,", "an empty file"),
        ("data:image/png;base64,#!", "base64"),
        ("data:image/png;base64,äöü", "base64"),
        ("data:image/png;base64,\ud800", "base64"),
        ("data:image/png,\ud800", "got text"),
        ("data:image/png;base64,AAAAA", "base64"),
        ("data:text/plain;base64,AAAA", "got one of text/plain"),
        ("data:video/mp4,AAAA", "got one of video/mp4"),
        ("data:image/png;base64,AAAA", "cannot be decoded"),
        ("data:image/svg+xml,<svg/>", "an SVG drawing"),
    ],
)
def test_a_bad_data_url_is_an_error(url, what):
    with pytest.raises(InkError) as caught:
        decode.decoded(url)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_as_base64_gives_bytes_or_an_ink_error(text):
    for decoded, given_text in ((from_base64, text), (from_data_url, f"data:image/png{text}")):
        try:
            assert isinstance(decoded(given_text), bytes)
        except InkError as error:
            assert "\n" not in str(error)


@given(st.binary(min_size=1))
def test_base64_gives_the_bytes_it_was_made_of(content):
    assert from_base64(base64.b64encode(content).decode()) == content
    assert from_data_url(as_url(content)) == content


# Pages


THREE = [seven(), Image.new("L", (60, 80), 255), seven(size=200)]


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_every_page_is_read_and_never_one_of_several(kind, tmp_path):
    content = several(THREE, kind)
    path = tmp_path / "three"
    path.write_bytes(content)
    found = pages(path)
    assert len(found) == len(list(found)) == 3
    for page, expected in zip((found[0], found[-1]), (THREE[0], THREE[2]), strict=True):
        assert np.abs(to_image(page) - to_image(expected)).mean() < 0.02
    with pytest.raises(NothingDrawn):
        to_image(found[1])
    with pytest.raises(IndexError):
        found[3]
    for source in (str(path), content, io.BytesIO(content)):
        with pytest.raises(InkError) as caught:
            Reader.load().read(source)
        assert f"Expected one picture, got a {kind} of 3 pages" in str(caught.value)
        assert "reader.read_many(ink.pages(path))" in caught.value.hint
    content = several([THREE[0], THREE[2]], kind)
    assert [reading.label for reading in Reader.load().read_many(pages(content))] == [7, 7]


def test_a_small_copy_in_a_tiff_is_no_page():
    for sides in ([100, 50], [50, 100], [100, 50, 200, 50]):
        first, *others = (seven(size=side) for side in sides)
        for image in others:
            image.encoderinfo = {"tiffinfo": {254: int(image.width == 50)}}
        file = io.BytesIO()
        reduced = {254: int(first.width == 50)}
        first.save(file, "TIFF", save_all=True, append_images=others, tiffinfo=reduced)
        found = pages(file)
        assert [page.width for page in found] == [side for side in sides if side > 50]
        np.testing.assert_array_equal(to_image(found[0]), to_image(seven()))
    assert pages(encoded(seven(), "TIFF", tiffinfo={254: 1}))[0].width == 100  # there is no other


def test_pages_are_limited(monkeypatch):
    monkeypatch.setattr(formats, "MAX_PAGES", 2)
    for kind in ("TIFF", "PDF"):
        assert len(pages(several(THREE[:2], kind))) == 2
        with pytest.raises(TooLarge, match="at most 2 pages"):
            pages(several(THREE, kind))
    monkeypatch.setattr(formats, "MAX_BYTES", 1000)
    with pytest.raises(TooLarge, match="at most 1,000 bytes"):
        pages(several(THREE, "TIFF"))


def test_the_size_of_each_page_is_checked(monkeypatch):
    monkeypatch.setattr(formats, "MAX_PIXELS", 100 * 100)
    found = pages(several(THREE, "TIFF"))
    assert found[0].size == (100, 100)
    with pytest.raises(TooLarge):
        found[2]


def test_what_has_no_pages_is_an_error_that_names_it(tmp_path):
    with pytest.raises(InkError) as caught:
        pages(tmp_path / "none.pdf")
    assert str(caught.value).startswith(f"{tmp_path / 'none.pdf'}: Expected")
    for bad in (np.zeros((28, 28), np.uint8), None, [b"7"]):
        with pytest.raises(InkError, match="Expected a file, got"):
            pages(bad)
    with pytest.raises(InkError) as caught:
        pages("data:image/png;base64," + "A" * 1000)
    assert "AAAA" not in str(caught.value)


def test_threads_share_pages():
    for kind, times in (("TIFF", 100), ("PDF", 2)):
        found = pages(several([seven(size=side) for side in (50, 100, 150, 200)], kind))
        expected = [page.size for page in found]
        with ThreadPoolExecutor(8) as threads:
            read = list(threads.map(found.__getitem__, list(range(4)) * times))
        assert [page.size for page in read] == expected * times


# PDF


def test_a_drawn_page_is_read():
    content = pdf_page(body=SEVEN_IN_PDF)
    for same in (content, b"junk\n" + content):
        assert Reader.load().read(same).label == 7


@pytest.mark.parametrize(
    ("side", "size"),
    [
        (b"595.28 841.89", (1654, 2339)),  # A4 at 200 dots an inch
        (b"2384 3370", (1769, 2500)),  # A0
        (b"14400 14400", (2500, 2500)),
        (b"99999999 1", (2500, 1)),
    ],
)
def test_a_page_is_rendered_at_the_resolution_of_a_scan_or_less(side, size):
    (page,) = pages(pdf_page(side))
    assert np.abs(np.subtract(page.size, size)).max() <= 1


@pytest.mark.parametrize("side", [b"0 0", b"1e30 1e30", b"-5 -5", b"1e-9 1", b""])
def test_a_page_of_no_size_is_rendered_or_an_error(side):
    try:
        (page,) = pages(pdf_page(side))
        assert max(page.size) <= pdf.MAX_SIDE
    except InkError as error:
        assert "\n" not in str(error)


def test_a_page_that_takes_too_much_is_given_up(monkeypatch):
    assert pages(pdf_of_forms(2))[0].size == (556, 556)
    monkeypatch.setattr(pdf, "MAX_SECONDS", 1)
    with pytest.raises(TooLarge, match="renders in 1 seconds"):
        to_image(pdf_of_forms(10))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_a_page_that_takes_too_much_memory_is_given_up(monkeypatch):
    assert pages(pdf_of_forms(3))[0].size == (556, 556)
    monkeypatch.setattr(pdf, "MAX_MEMORY", 2**27)
    with pytest.raises(TooLarge, match=r"0\.125 GB"):
        to_image(pdf_of_forms(10))


def test_a_pdf_with_a_password_says_so():
    owner = b"<%b>" % (b"00" * 32)
    locked = b"<</Filter/Standard/V 1/R 2/P -4/O%b/U%b>>" % (owner, owner)
    content = pdf_page(trailer=b"/Encrypt %b/ID[<00><00>]" % locked)
    with pytest.raises(InkError, match="got one with a password"):
        to_image(content)


def test_a_script_in_a_pdf_does_not_run():
    script = b"/OpenAction<</S/JavaScript/JS(while (true) {})>>"
    content = pdf_page(body=SEVEN_IN_PDF).replace(b"/Catalog", b"/Catalog" + script, 1)
    assert to_image(content).max() == 1


@settings(max_examples=10)
@given(st.data())
def test_a_damaged_pdf_is_read_or_an_error_of_one_line(data):
    content = bytearray(several(THREE, "PDF"))
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        for page in itertools.islice(pages(bytes(content)), 2):
            assert page.mode == "RGB"
    except InkError as error:
        assert "\n" not in str(error)


def test_no_process_is_left_and_nothing_is_written(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    to_image(encoded(seven(), "PDF"))
    with pytest.raises(InkError):
        to_image(b"%PDF-1.7 nonsense")
    assert not os.listdir(tmp_path)  # noqa: PTH208
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("alpha", [64, 160, 255])
@pytest.mark.parametrize(("grey", "paper"), [(115, 255), (140, 0)])
def test_transparent_ink_lies_on_the_paper_that_differs_from_it(grey, paper, alpha):
    picture = np.zeros((20, 20, 4), np.uint8)
    picture[5:15, 5:15] = grey, grey, grey, alpha
    pixels = decode.decoded(picture).pixels
    assert pixels[0, 0] == paper
    mixed = (grey * alpha + paper * (255 - alpha)) / 255
    assert pixels[10, 10] == pytest.approx(mixed, abs=1)


def ends(low, high, kind):
    """A picture with these as its darkest and its lightest pixel."""
    return np.array([[low, high], [low, low], [high, low]], kind)


@pytest.mark.parametrize(
    ("low", "high", "kind", "expected"),
    [
        (0, 1, np.uint8, (0, 1)),
        (0, 1, np.int64, (0, 255)),  # a mask
        (0, 2, np.int64, (0, 2)),
        (0, 255, np.int32, (0, 255)),
        (0, 255, np.uint16, (0, 255)),
        (0, 256, np.uint16, (0, 255 * 256 / 1023)),  # a scanner of 10 bits
        (1, 1023, np.uint16, (255 / 1023, 255)),
        (0, 1024, np.uint16, (0, 255 * 1024 / 4095)),
        (0, 4096, np.uint16, (0, 255 * 4096 / 16383)),
        (0, 16384, np.uint16, (0, 255 * 16384 / 65535)),
        (0, 1, np.float32, (0, 255)),
        (0.25, 0.5, np.float64, (63.75, 127.5)),
        (0, 2, np.float32, (0, 2)),
        (0, 255, np.float32, (0, 255)),
        (-1, 1, np.float32, (0, 255)),
        (-1, 0.5, np.float32, (0, 191.25)),
        (-1.0005, 1.0005, np.float32, (0, 255)),  # rounded
        (-0.1307 / 0.3081, 0.8693 / 0.3081, np.float64, (0, 255)),
        (0, 256, np.int32, None),
        (-1, 255, np.int32, None),
        (0, 1.5, np.float32, None),
        (0, 1.99, np.float32, None),
        (0, 255.5, np.float32, None),
        (-1.002, 1, np.float32, None),
        (-1, 1.002, np.float32, None),
        (-0.9, 1, np.float32, None),
        (0, np.inf, np.float32, None),
    ],
)
def test_the_range_of_numbers_says_what_they_mean(low, high, kind, expected):
    if expected is None:
        with pytest.raises(InkError, match="from 0 to 255"):
            decode.decoded(ends(low, high, kind))
    else:
        held = decode.decoded(ends(low, high, kind))
        found, lossy = held.pixels, held.lossy
        np.testing.assert_allclose(found, ends(*expected, float), atol=1e-3)
        assert not lossy


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 255, (0, 255)), (0, 1, (0, 255)), (0, 70_000, (0, 255)), (-10, 30, (0, 255)),
     (100, 1023, (255 * 100 / 1023, 255)), (5, 5, (5, 5))],
)  # fmt: skip
def test_a_picture_of_numbers_fills_the_smallest_usual_range(low, high, expected):
    for kind in (np.int32, np.float32):
        found = decode.decoded(Image.fromarray(ends(low, high, kind))).pixels
        np.testing.assert_allclose(found, ends(*expected, float), atol=1e-3)


@pytest.mark.parametrize(
    "shape", [(20, 30), (20, 30, 1), (1, 20, 30), (1, 1, 20, 30), (1, 20, 30, 1)]
)
def test_axes_of_one_do_not_matter(shape):
    grey = np.arange(600).reshape(20, 30) % 256
    assert np.array_equal(decode.decoded(grey.astype(np.uint8).reshape(shape)).pixels, grey)


def test_colours_may_come_first_or_last():
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    assert np.array_equal(decode.decoded(colours).pixels, colours)
    assert np.array_equal(decode.decoded(colours.transpose(2, 0, 1)).pixels, colours)
    assert np.array_equal(decode.decoded(colours.transpose(2, 0, 1)[None]).pixels, colours)
    opaque = np.concatenate([colours, np.full((20, 30, 1), 255, np.uint8)], 2)
    assert np.array_equal(decode.decoded(opaque).pixels, colours)
    assert np.array_equal(decode.decoded(opaque.transpose(2, 0, 1)).pixels, colours)
    grey = colours[..., :1].repeat(3, 2)
    assert np.array_equal(decode.decoded(grey).pixels, grey[..., 0])
    grey[3, 4, 2] ^= 1
    assert decode.decoded(grey).pixels.shape == (20, 30, 3)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([[0, 1, 1, 0], [1, 0, 0, 1]], [[0, 255, 255, 0], [255, 0, 0, 255]]),
        ([[0, 2, 1, 0], [1, 0, 0, 255]], [[0, 2, 1, 0], [1, 0, 0, 255]]),
        ([[0.0, 0.5, 1, 0], [1, 0, 0, 1]], [[0, 127.5, 255, 0], [255, 0, 0, 255]]),
    ],
)
def test_nested_lists_of_numbers_are_a_picture(numbers, expected):
    np.testing.assert_allclose(decode.decoded(numbers).pixels, expected, atol=1e-3)


@pytest.mark.parametrize("points", [[[1, 2], [3, 4], [5, 6]], [[1, 2, 0], [3, 4, 1]]])
def test_points_are_not_taken_for_pixels(points):
    with pytest.raises(InkError, match="rows of pixels, got rows of"):
        decode.decoded(points)


def test_a_page_of_a_pdf_has_200_pixels_an_inch_and_at_most_2500_a_side():
    sides = {b"72 36": (200, 100), b"900 450": (2500, 1250), b"1800 900": (2500, 1250)}
    for side, size in sides.items():
        assert pages(pdf_page(side, b"0 0 m 9 9 l S"))[0].size == size


def test_a_pipe_is_read_to_its_limit(monkeypatch):
    monkeypatch.setattr(formats, "MAX_BYTES", 40)
    for length, error in ((40, "cannot be decoded"), (41, "at most 40 bytes")):
        pipe = io.BytesIO(b"\x00" * length)
        pipe.seekable = lambda: False
        with pytest.raises(InkError, match=error):
            pages(pipe)


def test_colours_of_16_bits_are_read_as_those_of_8():
    """As a PNG, which Pillow does not write so."""
    colours = np.array([[(0, 128, 255), (64, 32, 200)], [(9, 99, 199), (255, 254, 1)]], ">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in colours)
    parts = (
        (b"IHDR", b"\0\0\0\2\0\0\0\2\20\2\0\0\0"),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in parts
    )
    assert np.array_equal(decode.decoded(content).pixels, colours // 257)
