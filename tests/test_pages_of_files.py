"""`inkling read` of files with several pages."""

import csv
import io
import json

import pytest
from conftest import invoke, run_inkling
from PIL import Image, ImageDraw

from inkling import Reader


def seven():
    image = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(image).line([(30, 20), (70, 20), (45, 80)], fill=0, width=8)
    return image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One, and three pages: of the three, the one in the middle is blank."""
    path = tmp_path_factory.mktemp("pages")
    for kind in ("pdf", "tif"):
        seven().save(path / f"one.{kind}")
        blank = Image.new("L", (100, 100), 255)
        seven().save(path / f"three.{kind}", save_all=True, append_images=[blank, seven()])
    return path


def names(text):
    return [line.rpartition(": ")[0] for line in text.splitlines()]


def test_every_page_of_every_file_in_a_folder_is_read(folder):
    result = invoke("read", str(folder))
    expected = []
    for kind in ("pdf", "tif"):
        expected.append(str(folder / f"one.{kind}"))
        expected += [str(folder / f"three.{kind} page {number}") for number in (1, 3)]
    assert sorted(names(result.stdout)) == sorted(expected)
    assert all(": 7 (" in line for line in result.stdout.splitlines())
    assert result.returncode == 1
    complaints = result.stderr.splitlines()
    assert len(complaints) == 2
    for line, kind in zip(complaints, ("pdf", "tif"), strict=True):
        assert line.startswith(f"inkling: {folder / f'three.{kind}'} page 2: Expected ink")


def test_a_reader_of_many_names_the_pages(folder):
    found = Reader.load().read_many(folder)
    ends = (*(f"one.{kind}" for kind in ("pdf", "tif")), *(
        f"three.{kind} page {page}" for kind in ("pdf", "tif") for page in (1, 3)
    ))  # fmt: skip
    assert found.sources == [str(folder / end) for end in ends]
    assert list(found.errors) == [str(folder / f"three.{kind} page 2") for kind in ("pdf", "tif")]


def test_json_and_csv_name_the_page(folder):
    path = str(folder / "three.tif")
    lines = map(json.loads, invoke("read", "--json", path).stdout.splitlines())
    assert [line["file"] for line in lines] == [f"{path} page 1", f"{path} page 3"]
    rows = csv.DictReader(io.StringIO(invoke("read", "--csv", "--number", path).stdout))
    assert [(row["file"], row["number"]) for row in rows] == [
        (f"{path} page 1", "7"),
        (f"{path} page 3", "7"),
    ]


def test_the_pages_of_standard_input_are_read(folder):
    content = (folder / "three.tif").read_bytes()
    result = run_inkling("read", "-", input=content, text=False)
    assert names(result.stdout.decode()) == ["- page 1", "- page 3"]
    assert result.stderr.startswith(b"inkling: standard input page 2: Expected ink")


def test_one_bad_file_or_page_does_not_hide_the_others(folder, tmp_path):
    damaged = tmp_path / "damaged.tif"
    content = bytearray((folder / "three.tif").read_bytes())
    with Image.open(folder / "three.tif") as image:
        image.seek(1)
        where = image.tag_v2._offset  # of its tags, of which the first two are its sides
    content[where + 2 + 8 : where + 2 + 12] = b"\0\0\0\0"
    damaged.write_bytes(content)
    (tmp_path / "none.pdf").write_bytes(b"%PDF-1.7 nonsense")
    files = [str(tmp_path / "none.pdf"), str(damaged), str(tmp_path / "missing.pdf")]
    result = invoke("read", *files, str(folder / "one.pdf"))
    assert names(result.stdout) == [
        f"{damaged} page 1",
        f"{damaged} page 3",
        str(folder / "one.pdf"),
    ]
    starts = (f"{files[0]}: Expected a pic", f"{damaged} page 2: Expected", f"{files[2]}: Expected")
    for line, start in zip(result.stderr.splitlines(), starts, strict=True):
        assert line.startswith(f"inkling: {start}")
