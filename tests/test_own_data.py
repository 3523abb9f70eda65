"""A user's own pictures and pen strokes as a data set."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from inkling import data
from inkling.data import Item, strokes
from inkling.errors import DataError


def picture(seed):
    """The bytes of a PNG with a dark line on it."""
    rng = np.random.default_rng(seed)
    pixels = np.full((60, 60), 255, np.uint8)
    column = int(rng.integers(20, 40))
    pixels[10:50, column : column + 4] = 0
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_pictures_in_folders_of_their_labels_are_a_data_set(tmp_path):
    for label in "0123456789":
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"{number}.png").write_bytes(picture(number))
    entry = data.get(str(tmp_path))
    assert entry.classes == tuple("0123456789")
    whole = data.part(str(tmp_path))
    assert whole.pixels.shape == (30, 1, 28, 28)
    assert sorted(whole.labels.tolist()) == sorted(list(range(10)) * 3)
    parts = data.splits(str(tmp_path))
    assert len(parts.train) + len(parts.validation) + len(parts.test) == 30
    assert len(parts.test) == 5
    assert set(data.digests(str(tmp_path))) == {str(tmp_path)}


def test_labels_may_stand_before_an_underscore_and_be_words(tmp_path):
    for label in ("cat", "dog"):
        for number in range(6):
            (tmp_path / f"{label}_{number}.png").write_bytes(picture(number))
    assert data.get(str(tmp_path)).classes == ("cat", "dog")
    assert data.part(str(tmp_path)).labels.tolist() == [0] * 6 + [1] * 6


def test_lines_of_strokes_and_of_pictures_are_a_data_set(tmp_path):
    file = tmp_path / "drawings.jsonl"
    rows = [
        {"label": 1, "session": "a", "strokes": [[[5, 0], [5, 90]]], "picture": None},
        {"label": 1, "session": "b", "picture": base64.b64encode(picture(1)).decode()},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = data.part(str(file))
    assert whole.labels.tolist() == [1, 1]
    assert whole.writers.tolist() == ["a", "b"]
    packed = tmp_path / "more.jsonl.gz"
    packed.write_bytes(strokes.to_json_lines([Item("4", "w", (np.array([[0.0, 0], [9, 9]]),))]))
    assert data.part(str(packed)).labels.tolist() == [4]


def test_pen_strokes_of_other_formats_are_a_data_set(tmp_path):
    inkml = tmp_path / "one.inkml"
    inkml.write_text(
        '<ink xmlns="http://www.w3.org/2003/InkML"><annotation type="truth">7</annotation>'
        "<trace>0 0, 50 0, 20 90</trace></ink>"
    )
    assert data.part(str(inkml)).labels.tolist() == [7]
    assert data.part(str(tmp_path)).labels.tolist() == [7]
    unipen = tmp_path / "one.dat"
    unipen.write_text(
        '.VERSION 1.0\n.COORD X Y\n.SEGMENT DIGIT 0 OK "7"\n.PEN_DOWN\n0 90\n50 90\n20 0\n.PEN_UP\n'
    )
    assert data.part(str(unipen)).labels.tolist() == [7]
    np.testing.assert_array_equal(data.part(str(inkml)).pixels, data.part(str(unipen)).pixels)


def test_writers_are_kept_together(tmp_path):
    file = tmp_path / "all.jsonl.gz"
    line = np.array([[0.0, 0], [0, 9]])
    items = [Item(str(n % 10), f"w{n % 12}", (line,)) for n in range(120)]
    file.write_bytes(strokes.to_json_lines(items))
    train, test = data.load(data.get(str(file)))
    assert len(set(test.writers)) == 2
    assert not set(train.writers) & set(test.writers)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("nowhere/at/all", None, "No such file"),
        ("empty.jsonl", b"", "found none"),
        ("table.csv", b"1,2", "InkML"),
        ("bad.jsonl", b"{", "line 1"),
        ("bad.inkml", b"<ink>", "bad.inkml"),
        ("bad.dat", b"hello", "UNIPEN"),
    ],
)
def test_what_is_no_data_set_is_named(tmp_path, name, content, what):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=what) as caught:
        data.part(str(path))
    assert "\n" not in str(caught.value)


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        data.part(str(tmp_path))
