"""What Python code may give to be read: files, arrays, tensors, lists; strokes of any kind."""

import io
import itertools
import mmap
import os
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import invoke
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from inkling import Drawing, Reader, to_image
from inkling.errors import InkError, NothingDrawn, TooLarge
from inkling.ink import formats

HOOK = [[(0, 0), (100, 0), (60, 150)], [(10, 70), (90, 70)]]


def seven():
    image = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(image).line([(30, 20), (70, 20), (45, 80)], fill=0, width=8)
    return image


def png(image=None, **options):
    file = io.BytesIO()
    (image or seven()).save(file, "PNG", **options)
    return file.getvalue()


DIGIT = np.rint(to_image(seven())[0] * 255).astype(np.uint8)


def with_chunk(content, place, kind, body):
    """A PNG with one more chunk, at a place in its bytes."""
    chunk = len(body).to_bytes(4, "big") + kind + body
    return content[:place] + chunk + zlib.crc32(kind + body).to_bytes(4, "big") + content[place:]


def of_size(side):
    """A PNG whose header promises a square of that side."""
    content, header = png(), bytearray(png()[12:29])
    header[4:12] = side.to_bytes(4, "big") * 2
    return content[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content[33:]


PICTURES_THAT_WARN = [  # and whether they are read all the same
    (with_chunk(png(), 33, b"acTL", bytes(8)), True),  # an animation of no frames
    (png(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09"), True),
    (of_size(10_000), False),  # Pillow warns of a bomb, and Inkling does not take as much
]


def opened(content, is_read):
    with Image.open(io.BytesIO(content)) as image:
        if is_read:
            image.getexif()


@pytest.mark.parametrize(("content", "is_read"), PICTURES_THAT_WARN)
def test_pillow_itself_warns_of_these_pictures(content, is_read):
    formats._mute()  # which is for threads that decode, and for no other code
    with pytest.warns(Warning):  # noqa: PT030
        opened(content, is_read)


def test_threads_decode_without_a_warning_and_leave_the_filters_as_they_are():
    others = [one for one in warnings.filters if one != formats.MUTED]

    def read(numbered):
        content, is_read = PICTURES_THAT_WARN[numbered % len(PICTURES_THAT_WARN)]
        try:
            return np.array_equal(to_image(content), to_image(png())) and is_read
        except TooLarge:
            return not is_read

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(read, range(300)))
    finally:
        sys.setswitchinterval(interval)
    assert [one for one in warnings.filters if one != formats.MUTED] == others
    with pytest.raises(RuntimeWarning):  # as pytest is set up: what others warn of stays an error
        warnings.warn("other", RuntimeWarning, stacklevel=1)


@pytest.mark.parametrize("action", ["error", "always"])
def test_no_warning_escapes_however_python_is_started(action, tmp_path):
    contents = [content for content, _ in PICTURES_THAT_WARN]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.png").write_bytes(content)
    code = (
        "import pathlib, sys, warnings\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from inkling import ink, errors\n"
        "import scipy.ndimage  # which the first picture imports, and which sets filters\n"
        "before = list(warnings.filters)\n"
        "assert ink.formats.MUTED not in before, 'nothing is to be done at import'\n"
        "def read(path):\n"
        "    try:\n"
        "        return ink.to_image(path).shape == (1, 28, 28)\n"
        "    except errors.TooLarge:\n"
        "        return False\n"
        "with ThreadPoolExecutor(16) as threads:\n"
        "    found = list(threads.map(read, sorted(pathlib.Path(sys.argv[1]).iterdir()) * 20))\n"
        "assert found == [True, True, False] * 20, found\n"
        "assert warnings.filters[1:] == before\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"PYTHONWARNINGS": action},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_a_filter_that_comes_later_does_not_break_decoding():
    content, _ = PICTURES_THAT_WARN[0]
    to_image(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_image(content).max() == 1


def test_open_files_and_bytes_of_every_kind_are_read(tmp_path):
    content = png()
    path = tmp_path / "seven.png"
    path.write_bytes(content)
    at_its_end = io.BytesIO()
    at_its_end.write(content)
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    with (
        path.open("rb") as file,
        path.open("rb", buffering=0) as raw,
        os.fdopen(read, "rb", buffering=0) as pipe,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        sources = [bytearray(content), memoryview(content), at_its_end, file, raw, pipe, mapped]
        for source in sources:
            np.testing.assert_array_equal(to_image(source), to_image(content))
        assert not file.closed
    lossy = io.BytesIO()
    seven().save(lossy, "JPEG")
    np.testing.assert_array_equal(to_image(lossy), to_image(lossy.getvalue()))


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (1, 28, 28), (1, 28, 28, 1), (1, 1, 28, 28), (784,), (1, 784)]
)
def test_one_picture_is_read_in_every_usual_shape(shape):
    expected = to_image(DIGIT)
    for same in (DIGIT, DIGIT / 255, (DIGIT / 255).astype(np.float32)):
        array = same.reshape(shape)
        for source in (array, array.tolist(), tuple(array.tolist())):
            np.testing.assert_allclose(to_image(source), expected, atol=1e-6)


def test_a_memoryview_of_an_array_is_read():
    for array in (DIGIT, DIGIT / 255):
        np.testing.assert_allclose(to_image(memoryview(array)), to_image(DIGIT), atol=1e-6)


def test_lists_of_whole_numbers_and_of_bits_are_read():
    bits = DIGIT > 127
    expected = to_image(bits)
    for same in (bits.tolist(), bits.astype(int).tolist(), (bits * 255).tolist()):
        np.testing.assert_array_equal(to_image(same), expected)
    assert Reader.load().read((bits * 255).tolist()).label == Reader.load().read(bits).label


def test_tensors_on_the_cpu_are_read():
    torch = pytest.importorskip("torch")
    expected = to_image(DIGIT)
    for tensor in (torch.tensor(DIGIT), torch.tensor(DIGIT / 255), torch.tensor(DIGIT)[None, None]):
        np.testing.assert_allclose(to_image(tensor), expected, atol=1e-6)

    class Array:
        def __array__(self, dtype=None, copy=None):
            return DIGIT

    class Tensor:
        def numpy(self):
            return DIGIT

    for source in (Array(), Tensor()):
        np.testing.assert_array_equal(to_image(source), expected)


def test_a_tensor_that_numpy_cannot_have_is_an_error_with_the_way_out():
    torch = pytest.importorskip("torch")
    image = torch.zeros(28, 28)
    bad = [
        image.clone().requires_grad_(),
        [image.clone().requires_grad_()],
        image.bfloat16(),
        torch.zeros(28, 28, device="meta"),  # as one on a GPU: NumPy cannot reach its memory
    ]
    for tensor in bad:
        with pytest.raises(InkError) as caught:
            to_image(tensor)
        assert "tensor.detach().cpu().numpy()" in caught.value.hint
        assert "\n" not in str(caught.value)


def closed():
    file = io.BytesIO(png())
    file.close()
    return file


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (None, "got NoneType"),
        (7, "got int"),
        ({"strokes": HOOK}, "got dict"),
        ((row for row in DIGIT), "got generator"),
        (io.StringIO("7"), "rb"),
        (closed(), "closed"),
        (io.BytesIO(b"no picture"), "got text"),
        (bytearray(), "got an empty file"),
        ([], "got (0,)"),
        (["a.png", "b.png", "c.png"], "read_many"),
        ([1, 2, 3], "got (3,)"),
        ([[1, 2, 3, 4], [1]], "equally many"),
        ([[300] * 28] * 28, "int64, 300 to 300"),
        ([[-1] * 28] * 28, "-1 to -1"),
        ([[None] * 28] * 28, "got object"),
        (HOOK, "Drawing(strokes)"),
        ([HOOK[0]], "Drawing(strokes)"),
        (HOOK[0], "Drawing(strokes)"),
        ([[(1, 2, 0.5), (3, 4, 0.5)]], "Drawing(strokes)"),
        (np.zeros((2, 1, 28, 28), np.uint8), "read_many"),
        (np.zeros(783, np.uint8), "got (783,)"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_what_to_give(bad, what):
    with pytest.raises(InkError) as caught:
        to_image(bad)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_error_of_a_file_names_it(tmp_path):
    files = {"blank.png": png(Image.new("L", (50, 50))), "text.png": b"no picture"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in (*files, "none.png", "."):
        for path in (tmp_path / name, str(tmp_path / name)):
            with pytest.raises(InkError) as caught:
                to_image(path)
            assert str(caught.value).startswith(f"{path}: Expected")


def test_an_error_of_the_disk_is_not_called_a_damaged_file():
    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError(5, "Input/output error")

    with pytest.raises(InkError, match="Input/output error"):
        to_image(Broken(png()))


def of_any_kind(children):
    """Python objects that hold others."""
    return (
        st.lists(children, max_size=4)
        | st.lists(children, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3), children, max_size=2)
        | children.map(lambda one: iter([one]))
        | children.map(lambda one: [one] * 28)
    )


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(max_size=5)
    | st.binary(max_size=20)
    | st.binary(max_size=20).map(bytearray)
    | st.binary(max_size=20).map(memoryview)
    | st.binary(max_size=20).map(io.BytesIO)
    | st.text(max_size=5).map(io.StringIO)
    | st.sampled_from(
        [object(), object, np.ndarray, Path(), 10**400, Ellipsis, len, DIGIT, seven()]
    )
    | hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=4, max_side=4))
)
ANYTHING = st.recursive(PLAIN, of_any_kind, max_leaves=6)


@settings(max_examples=500)
@given(ANYTHING)
def test_any_object_gives_an_image_or_an_ink_error(source):
    try:
        image = to_image(source)
    except InkError as error:
        assert error.hint
    else:
        assert image.shape == (1, 28, 28)
        assert image.max() == 1


@settings(max_examples=500)
@given(ANYTHING | st.lists(st.lists(st.lists(PLAIN, max_size=4), max_size=4), max_size=3), PLAIN)
def test_any_strokes_and_pen_give_a_drawing_or_an_ink_error(strokes, pen):
    for arguments in ((strokes,), (HOOK, pen)):
        try:
            drawing = Drawing(*arguments)
            image = to_image(drawing)
        except NothingDrawn:
            assert not any(drawing.strokes)
        except InkError as error:
            assert "\n" not in str(error)
        else:
            assert image.max() == 1


def test_strokes_of_every_kind_give_the_same_drawing():
    expected = Drawing(HOOK)
    for same in (
        (stroke for stroke in HOOK),
        (((float(n) for n in point) for point in stroke) for stroke in HOOK),
        [np.array(stroke) for stroke in HOOK],
        [np.array(stroke, np.float32) for stroke in HOOK],
        [[(str(x), str(y)) for x, y in stroke] for stroke in HOOK],
        tuple(tuple(map(tuple, stroke)) for stroke in HOOK),
    ):
        drawing = Drawing(same)
        assert drawing == expected
        for _ in range(2):  # it is kept, though a generator can be asked once
            np.testing.assert_array_equal(to_image(drawing), to_image(expected))
    assert Drawing(np.array(HOOK[:1])) == Drawing(HOOK[:1])
    assert hash(Drawing(HOOK, "30")) == hash(expected)


def test_a_drawing_does_not_change_with_the_list_it_was_made_of():
    strokes = [list(stroke) for stroke in HOOK]
    drawing = Drawing(strokes)
    strokes[0].append((float("nan"), 0))
    assert drawing == Drawing(HOOK)


@pytest.mark.parametrize(
    "strokes",
    [
        None,
        7,
        [None],
        [[None]],
        [[(None, 1)]],
        [[("x", "y")]],
        [["12", "34"]],
        [[b"12"]],
        HOOK[0],
        [HOOK],
        [[{"x": 1, "y": 2}]],
        [[(1j, 1)]],
        [[(10**400, 1)]],
        [[(1, 2, 0.5, 4)]],
        [itertools.repeat((1, 2))],
        [[itertools.repeat(1)]],
        [np.zeros((2, 2, 1))],
        Drawing(HOOK),
    ],
)
def test_strokes_that_are_none_are_an_error_that_says_what_to_give(strokes):
    with pytest.raises(InkError) as caught:
        Drawing(strokes)
    assert "point" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pen", [None, "wide", [30], np.zeros(2), 1j])
def test_a_pen_that_is_no_number_is_an_error(pen):
    with pytest.raises(InkError, match="Expected the width of a pen"):
        Drawing(HOOK, pen)


def test_folders_are_read_without_what_macos_leaves_there(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "7.png").write_bytes(png())
    (tmp_path / "._7.png").write_bytes(b"\0\5\26\7")
    result = invoke("read", str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(str(tmp_path / "7.png"))
    assert result.stdout.count("\n") == 1
    result = invoke("read", str(tmp_path / "empty"), str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith(f"inkling: {tmp_path / 'empty'}: Expected a folder with pict")
    assert result.stdout.count("\n") == 1


def test_serve_names_the_options_where_the_store_cannot_be_opened(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("INKLING_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("INKLING_DRAWINGS", raising=False)
    result = invoke("serve", "--port", "0")
    assert result.returncode == 1
    assert "--drawings URL" in result.stderr
    assert "INKLING_HOME" in result.stderr
    assert "space" not in result.stderr
    result = invoke("serve", "--drawings", "nonsense")
    assert "For example: sqlite:///" in result.stderr
