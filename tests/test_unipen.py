import hashlib
import io
import json
import tarfile
import zipfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_data import serving, silent

from inkling.data import strokes, unipen
from inkling.errors import DataError

ONE = ".PEN_DOWN\n10 90\n11 50\n10 10\n.PEN_UP\n"
FOUR = ".PEN_DOWN\n20 90\n10 40\n60 40\n.PEN_UP\n.PEN_DOWN\n50 60\n50 0\n.PEN_UP\n"


def only(text, **kwargs):
    (segment,) = unipen.parse(text, "ink.dat", **kwargs)
    return segment


def points(segment):
    return [stroke.tolist() for stroke in segment.strokes]


def test_a_segment_has_its_components_y_down():
    text = f'.VERSION 1.0\n.COORD X Y\n{ONE}{FOUR}.SEGMENT CHARACTER 1-2 OK "4"\n'
    segment = only(text)
    assert (segment.kind, segment.label, segment.quality) == ("CHARACTER", "4", "OK")
    assert points(segment) == [[[20, -90], [10, -40], [60, -40]], [[50, -60], [50, 0]]]


def test_a_pen_up_counts_if_it_has_points_and_is_no_ink():
    text = (
        '.SEGMENT CHARACTER 0-2 ? "="\n.PEN_DOWN\n0 9\n9 9\n.PEN_UP\n8 8\n1 1\n.DT 160\n.PEN_UP\n'
        '.PEN_DOWN\n0 0\n9 0\n.PEN_UP\n7 7\n.SEGMENT CHARACTER 3 ? "-"\n'
    )
    equals, hover = unipen.parse(text, "ink.dat")
    assert points(equals) == [[[0, -9], [9, -9]], [[0, 0], [9, 0]]]
    assert (hover.strokes, hover.fault) == ((), "no ink")


@pytest.mark.parametrize(
    ("coord", "ink"),
    [
        ("X Y", "1 2\n3 4"),
        ("X Y T", "1 2 0\n3 4 10"),
        ("T P X Z Y", "0 9 1 5 2\n10 9 3 5 4"),
        ("X Y", "1 2 3 4"),  # several points on a line
        ("Y X", "\t2\t 1\n\n  4 3 "),
        ("X Y BUTTON RHO", "+1. 2.0 0 0\n3e0 4 0 0"),
    ],
)
def test_columns_stand_as_coord_says(coord, ink):
    text = f'.SEGMENT CHAR 0 ? "7"\n.PEN_DOWN {ink}\n.PEN_UP\n.COORD {coord}\n'
    assert points(only(text)) == [[[1, -2], [3, -4]]]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("0:1-0:2", [[2, 3]]),
        ("0:2-2", [[3, 4], [7, 8, 9]]),
        ("0-2:1", [[1, 2, 3, 4], [7, 8]]),
        ("0:3-2:0", [[4], [7]]),
        ("0:0-0:0,2:1-2:1", [[1], [8]]),
        ("2,0", [[7, 8, 9], [1, 2, 3, 4]]),
        ("0, 2", [[1, 2, 3, 4], [7, 8, 9]]),
        ("2-2", [[7, 8, 9]]),
        ("2:1-2:99", [[8, 9]]),  # an end beyond the component, as the authors' library takes it
    ],
)
def test_a_delineation_counts_points_from_0_and_has_both_ends(where, expected):
    text = (
        f'.SEGMENT CHARACTER {where} OK "x"\n'
        ".PEN_DOWN\n1 0\n2 0\n3 0\n4 0\n.PEN_UP\n5 0\n6 0\n.PEN_DOWN\n7 0\n8 0\n9 0\n"
    )
    assert [[x for x, _ in stroke] for stroke in points(only(text))] == expected


def test_an_unknown_delineation_reaches_to_the_next_of_its_level():
    text = (
        '.HIERARCHY WORD CHARACTER\n.SEGMENT WORD ? ? "14"\n.SEGMENT CHARACTER ? ? "1"\n'
        f'{ONE}.SEGMENT CHARACTER ? ? "4"\n{FOUR}.SEGMENT WORD ? ? "1"\n{ONE}'
    )
    found = {segment.label: len(segment.strokes) for segment in unipen.parse(text, "ink.dat")}
    assert found == {"14": 3, "1": 1, "4": 2}


def test_pendigits_are_read_with_their_writers():
    text = (
        '\n.INCLUDE dene.doc\n.LEXICON "0" "1" "4"\n.HIERARCHY DIGIT\n'
        f'.SEGMENT DIGIT 0 ? "1"\n.COMMENT 1 12 224\n{ONE}.DT 100\n'
        f'.SEGMENT DIGIT ? ? "4"\n.COMMENT  4 12 225\n{FOUR}.DT 100\n'
        f'.SEGMENT DIGIT 3 ? "1"\n.COMMENT 1 13 1\n{ONE}.DT 100\n'
    )
    found = list(unipen.parse(text, "pendigits-orig.tra"))
    assert [(item.label, len(item.strokes)) for item in found] == [("1", 1), ("4", 2), ("1", 1)]
    assert found[0].writer == found[1].writer != found[2].writer
    elsewhere = next(unipen.parse(text, "pendigits-orig.tes"))  # its writers are others
    assert elsewhere.writer not in {item.writer for item in found}


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ('"7"', "7"),
        (r'"\""', '"'),
        ('"""', '"'),
        (r'"\\"', "\\"),
        (r'"\"', "\\"),  # not escaped, as some did
        (r'"\@"', "@"),
        (r'"\/"', "/"),
        (r'"a\tb\n c"', "a b c"),
        ('"12\n34"', "12 34"),
        ('"$1,000.50"', "$1,000.50"),
        ('"?"', "?"),
    ],
)
def test_labels_are_unescaped(written, label):
    assert only(f".SEGMENT TEXT 0 OK {written}\n{ONE}").label == label


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_odd_files_are_read(end):
    text = (
        "\ufeff  \n.VERSION 1.0\n\n.COMMENT #####\n         .PEN_DOWN\n 5 5 is no ink\n"
        '.DATA_CONTACT Name:\tJos\xe9 Magaña\n.ALPHABET\n.ALPHABET "0" "\\""\n'
        '.COORD\tX\tY\n.SEGMENT\tCHARACTER\t0-0\tOK  "1" \n.PEN_DOWN   \n\n\t10\t90\n  11 50 \n\n'
        "10 10\n\n.PEN_UP\n\n.NO_SEGMENT\n.NEW_KEYWORD 9\n"
    )
    segment = only(text.replace("\n", end))
    assert points(segment) == [[[10, -90], [11, -50], [10, -10]]]


def test_a_tablet_with_different_steps_is_straightened():
    text = f'.X_POINTS_PER_INCH 200\n.Y_POINTS_PER_INCH 100\n{ONE}.SEGMENT CHARACTER 0 OK "1"\n'
    assert points(only(text)) == [[[10, -180], [11, -100], [10, -20]]]
    assert points(only(text.replace(" 100", " ?"))) == [[[10, -90], [11, -50], [10, -10]]]


@pytest.mark.parametrize(
    ("segment", "fault"),
    [
        ('CHARACTER 9 OK "1"', "delineation beyond the components"),
        ('CHARACTER 0-9 OK "1"', "delineation beyond the components"),
        ('CHARACTER 1-0 OK "1"', "delineation beyond the components"),
        ('CHARACTER 0:9-1 OK "1"', "delineation beyond the points"),
        ('CHARACTER 0:2-0:1 OK "1"', "delineation beyond the points"),
        ('CHARACTER a-b OK "1"', "delineation not in the format"),
        ('CHARACTER 99999999999 OK "1"', "delineation not in the format"),
        ('CHARACTER "1"', "delineation not in the format"),
        ('CHARACTER 0 BAD "1"', "bad quality"),
        ('CHARACTER 0 LBR "1"', "bad quality"),
        ('CHARACTER 0 BAD(0.3) "1"', "bad quality"),
        ('CHARACTER 0 OK ""', "no label"),
        ("CHARACTER 0 OK", "no label"),
        ("", "no label"),
        ('CHARACTER 1 OK "1"', "ink withheld"),
        ('CHARACTER 2 OK "1"', "points not in the format"),
        ('CHARACTER 3 OK "1"', "points not in the format"),
        ('CHARACTER 4 OK "1"', "points not in the format"),
    ],
)
def test_what_is_damaged_says_why_and_has_no_ink(segment, fault):
    others = ".PEN_DOWN\n0 0\n.PEN_DOWN 1 2 3\n.PEN_DOWN 1 a\n.PEN_DOWN 1 1e999\n"
    found = only(f".SEGMENT {segment}\n{ONE}{others}")
    assert (found.fault, found.strokes, found.writer) == (fault, (), "")


@pytest.mark.parametrize(
    "text",
    ["", "\0\0\x08\x03", "<ink/>", "2 3\n4 5", ".TH LS 1\n", "text\n.VERSION 1.0\n", "..\n."],
)
def test_another_file_is_refused_in_one_line(text):
    with pytest.raises(DataError, match=r"ink\.dat: expected UNIPEN text.* got ") as raised:
        unipen.parse(text, "ink.dat")
    assert "\n" not in str(raised.value)


def test_what_a_file_includes_is_read_there():
    texts = {
        "imp/ink.dat": f".INCLUDE imp/imp.doc\n.WRITER_ID morris\n{ONE}.PEN_DOWN\n",
        "imp/imp.doc": ".COMMENT no version\n.COORD X T Y\n.DATA_SOURCE imp\n",
        "imp/words.lex": '.LEXICON "1"\n',
    }
    text = (
        ".VERSION 1.0\n.INCLUDE imp/ink.dat\n.INCLUDE lost.doc\n.INCLUDE imp/words.lex\n"
        '.SEGMENT CHARACTER 0 ? "1"\n'
    )
    texts["imp/ink.dat"] = texts["imp/ink.dat"].replace("90\n", "0 90\n")
    texts["imp/ink.dat"] = (
        texts["imp/ink.dat"].replace("50\n", "1 50\n").replace(" 10\n", " 2 10\n")
    )
    assert points(only(text, include=texts.get)) == [[[10, -90], [11, -50], [10, -10]]]


@pytest.mark.parametrize(
    "include",
    [
        {"a": ".INCLUDE a\n"}.get,
        {"a": ".INCLUDE b\n", "b": ".INCLUDE a\n"}.get,
        {"a": ".INCLUDE b\n" * 50, "b": ".INCLUDE c\n" * 50}.get,
    ],
)
def test_files_that_include_too_much_are_refused(include):
    with pytest.raises(DataError, match="at most 100 files"):
        unipen.parse(".INCLUDE a\n" * 3, "ink.dat", include)


def test_writers_are_opaque_and_tell_people_apart():
    def writer(head, name="ink.dat"):
        return next(unipen.parse(f'{head}\n{ONE}.SEGMENT WORD 0 ? "1"\n', name)).writer

    ann = writer(".DATA_SOURCE apple\n.WRITER_ID Ann_Lee")
    assert "ann" not in ann.lower()
    assert ann == writer(".WRITER_ID  ann_lee\n.DATA_SOURCE  Apple", "other.dat")
    assert ann != writer(".DATA_SOURCE apple\n.WRITER_ID Bob")
    assert ann != writer(".DATA_SOURCE ibm\n.WRITER_ID Ann_Lee")
    nobody = writer(".WRITER_ID ?")
    assert nobody == writer(".COMMENT nobody said") != writer(".WRITER_ID ?", "other.dat")


def test_a_file_may_have_several_writers():
    text = '.SEGMENT CHARACTER 0 ? "1"\n.SEGMENT CHARACTER 1 ? "1"\n'
    first, second = unipen.parse(f"{text}.WRITER_ID a\n{ONE}.WRITER_ID b\n{ONE}", "ink.dat")
    assert first.writer != second.writer


whole = st.integers(-5000, 5000)
ink = st.lists(
    st.lists(st.tuples(whole, whole), min_size=2, max_size=6).map(np.array), min_size=1, max_size=4
)


@given(ink, st.sampled_from(["X Y", "X Y T", "P Y X"]), st.booleans(), st.sampled_from("7aB-"))
def test_strokes_come_back_as_they_were_written(drawn, coord, hovering, label):
    def written(stroke):
        named = [dict(zip("XYTP", (x, -y, n, 1), strict=True)) for n, (x, y) in enumerate(stroke)]
        return "".join(" ".join(str(row[c]) for c in coord.split()) + "\n" for row in named)

    drawn = [stroke.astype(np.float64) for stroke in drawn]
    up = written(np.array([[1, 1], [2, 2]])) if hovering else ""
    body = "".join(
        f".PEN_DOWN\n{written(stroke.astype(int))}.PEN_UP\n{up}.DT 9\n" for stroke in drawn
    )
    last = (2 if hovering else 1) * len(drawn) - 1
    text = f'.VERSION 1.0\n.COORD {coord}\n{body}.SEGMENT CHARACTER 0-{last} OK "{label}"\n'
    segment = only(text)
    assert (segment.label, len(segment.strokes)) == (label, len(drawn))
    for found, expected in zip(strokes.scaled(segment.strokes), strokes.scaled(drawn), strict=True):
        assert np.array_equal(found, expected)


token = st.sampled_from(
    [".PEN_DOWN", ".PEN_UP", ".SEGMENT", ".COORD", ".HIERARCHY", ".INCLUDE", ".X_POINTS_PER_MM",
     ".Y_POINTS_PER_MM", ".WRITER_ID", ".COMMENT", "CHARACTER", "X", "Y", "0", "1", "0-1",
     "0:1-1:0", "?", "OK", '"1"', '"', "\\", "-", ":", ",", "1e308", "nan", "\n", "\n.", "\r",
     "0 0", "a"]
)  # fmt: skip


@given(st.lists(token, max_size=40), st.lists(token, max_size=20))
def test_no_text_raises_anything_but_a_data_error(tokens, included):
    text = ".VERSION 1.0\n" + " ".join(tokens).replace("\n ", "\n")
    try:
        found = list(unipen.parse(text, "ink.dat", lambda _: " ".join(included)))
    except DataError:
        return
    assert all(bool(segment.strokes) != bool(segment.fault) for segment in found)


def dat(*lines, version=".VERSION 1.0"):
    return "\n".join([version, *lines, ""])


def distribution():
    """The files of a small distribution: two contributors, three writers, and some damage."""
    data = "CDROM/train_r01_v07/data"
    include = "CDROM/train_r01_v07/include"
    digits = dat(
        ".INCLUDE apa/app.doc", ".INCLUDE apa/data/a1.dat",
        '.SEGMENT CHARACTER 0 ? "1"', '.SEGMENT CHARACTER 1-2 ? "4"', '.SEGMENT CHARACTER 9 ? "5"',
        '.SEGMENT CHARACTER 0 BAD "7"', '.SEGMENT CHARACTER 4 OK "8"',
    )  # fmt: skip
    return {
        "CDROM/CDROM-README": "not in the format",
        f"{data}/1a/apa/a1.dat": digits,
        f"{data}/1b/apa/a1.dat": dat(
            ".INCLUDE apa/app.doc", ".INCLUDE apa/data/a1.dat", '.SEGMENT CHARACTER 3 ? "L"'
        ),
        f"{data}/1d/kai/k.dat": dat(
            ".INCLUDE kai/data/k.dat", r'.SEGMENT CHARACTER 0:0-0:2 OK "\@"',
            '.SEGMENT CHARACTER 0 OK "ab"', '.SEGMENT CHARACTER 0 OK "\xe9"',
        ),
        f"{data}/2/apa/a1.dat": digits,
        f"{data}/7/kai/k.dat": dat(
            ".INCLUDE KAI/data/K.dat", '.SEGMENT WORD 0-2 OK "(914)"', '.SEGMENT WORD 0 OK "1"',
            '.SEGMENT WORD 0-2 OK "12 Elm"', '.SEGMENT WORD 0-1 OK "--"',
            '.SEGMENT TEXT 0-2 OK "1.5%"',
        ),
        f"{data}/8/kai/broken.dat": "no keywords",
        f"{data}/8/kai/odd.dat": dat(
            ".INCLUDE ../../../../etc/passwd", ".INCLUDE lost.dat", '.SEGMENT TEXT 0 OK "10"'
        ),
        f"{include}/apa/app.doc": dat(".DATA_SOURCE Apple", ".COORD X Y", ".DATA_CONTACT J\xf6rg"),
        f"{include}/apa/data/a1.dat": f".WRITER_ID ann\n{ONE}{FOUR}.WRITER_ID bob\n{ONE}"
        ".PEN_DOWN\n0 0\n.PEN_UP\n",
        f"{include}/kai/data/k.dat": f".COORD X Y\n{FOUR}{ONE}",
    }  # fmt: skip


def zipped(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            archive.writestr(name, text.encode("latin-1"))
    return path


def tarred(path, contents, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode("latin-1"))
            archive.addfile(member, io.BytesIO(text.encode("latin-1")))
    return path


def unpacked(path, contents):
    for name, text in contents.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("latin-1"))
    return path


PACKED = {
    "u.zip": zipped,
    "u.tgz": tarred,
    "u.tar": lambda path, contents: tarred(path, contents, "w"),
    "u.tar.xz": lambda path, contents: tarred(path, contents, "w:xz"),
    "folder": unpacked,
    "inside": lambda path, contents: unpacked(path, contents) / "CDROM" / "train_r01_v07",
}


@pytest.mark.parametrize("name", PACKED)
def test_a_distribution_has_each_item_once(tmp_path, name):
    path = PACKED[name](tmp_path / name, distribution())
    before = sorted(tmp_path.rglob("*"))
    left_out = Counter()
    found = unipen.read_distribution(path, left_out)
    labels = {kind: sorted(item.label for item in items) for kind, items in found.items()}
    assert labels == {
        "digits": ["1", "4"],
        "letters": ["L"],
        "symbols": ["@"],
        "numbers": ["(914)", "1.5%"],
    }
    assert left_out == {
        "delineation beyond the components": 3,  # one of them in two categories
        "bad quality": 2,
        "ink withheld": 2,
        "file not in the format": 1,
    }
    writer = {item.label: item.writer for items in found.values() for item in items}
    assert writer["1"] == writer["4"] != writer["L"]
    assert len({writer[label] for label in ("1", "L", "@")}) == 3
    (one,) = (item for item in found["digits"] if item.label == "1")
    assert one.strokes[0].tolist() == [[0, 0], [12, 500], [0, 1000]]
    assert sorted(tmp_path.rglob("*")) == before


def test_names_and_links_lead_nowhere_else(tmp_path):
    (tmp_path / "secret.dat").write_text(f".WRITER_ID x\n{ONE}")
    ink = dat(*(f".INCLUDE {name}" for name in ("../secret.dat", "/secret.dat", "link.dat")))
    contents = {
        "include/known.dat": FOUR,
        "data/1a/x/a.dat": ink + '.SEGMENT CHARACTER 0 ? "1"\n',
        "data/1a/x/b.dat": dat(".INCLUDE x/../known.dat", '.SEGMENT CHARACTER 0-1 ? "4"'),
        "../include/evil.dat": ONE,
    }
    folder = unpacked(tmp_path / "folder", {k: v for k, v in contents.items() if k[0] != "."})
    (folder / "include" / "link.dat").symlink_to(tmp_path / "secret.dat")
    (folder / "include" / "up").symlink_to(tmp_path)
    archive = tarred(tmp_path / "u.tgz", contents)
    with tarfile.open(tmp_path / "links.tar", "w") as links:
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            links.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("include/link.dat")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.dat")
        links.addfile(link)
    for path in (folder, archive, tmp_path / "links.tar"):
        found = unipen.read_distribution(path)
        assert [item.label for item in found["digits"]] == ["4"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: cut(zipped(path, distribution())), "expected a whole zip or tar"),
        (lambda path: cut(tarred(path, distribution())), "expected a whole zip or tar"),
        (lambda path: cut(tarred(path, distribution(), "w:xz")), "expected a whole zip or tar"),
        (lambda path: unpacked(path.parent, {path.name: "text"}) / path.name, "a whole zip or tar"),
        (lambda path: unpacked(path.parent, {path.name: ""}) / path.name, "a whole zip or tar"),
        (lambda path: path, "No such file"),
        (lambda path: zipped(path, {"data/1a/x.dat": ".VERSION 1.0"}), "folders data and include"),
        (lambda path: tarred(path, {"include/x.doc": ".VERSION 1.0"}), "got none of 0 files"),
        (
            lambda path: tarred(path, {"include/x": "", "data/1a/x.dat": dat(".SEGMENT A 0 ?")}),
            "got none of 1 files",
        ),
    ],
)
def test_a_damaged_or_other_archive_is_refused_in_one_line(tmp_path, make, message):
    with pytest.raises(DataError, match=message) as raised:
        unipen.read_distribution(make(tmp_path / "archive"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_BYTES"])
def test_an_archive_that_swells_is_refused(tmp_path, monkeypatch, limit):
    path = tarred(tmp_path / "u.tgz", {"include/x": "0" * 100_000, "data/x": ""})
    monkeypatch.setattr(unipen, limit, 50_000)
    with pytest.raises(DataError, match="expected at most 50,000 bytes"):
        unipen.read_distribution(path)


def test_no_writer_is_in_two_parts():
    stroke = (np.zeros((2, 2)),)
    digits = [strokes.Item("1", f"w{n % 500}", stroke) for n in range(2000)]
    letters = [strokes.Item("a", f"w{n}", stroke) for n in range(500)]
    train, dev = unipen.split_writers(digits, seed=3)
    writers, others = ({item.writer for item in part} for part in (train, dev))
    assert len(train) + len(dev) == 2000
    assert not writers & others
    assert 70 < len(others) < 130
    assert [item.writer for item in unipen.split_writers(digits[::-1], seed=3)[1]] == [
        item.writer for item in dev[::-1]
    ]
    assert {item.writer for item in unipen.split_writers(letters, seed=3)[1]} == others
    assert {item.writer for item in unipen.split_writers(letters, seed=4)[1]} != others


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder that is served, and its address."""
    served = tmp_path_factory.mktemp("site")
    with serving(served) as address:
        yield served, address


@pytest.fixture
def record(site):
    """The site, with an archive of 40 writers, and what a record would say of it."""
    served, address = site
    contents = {}
    for n in range(40):  # ink that is the same in two files would be taken once
        contents[f"t/include/w/{n}.dat"] = f".WRITER_ID w{n}\n{ONE}{FOUR}.PEN_DOWN\n{n} 0\n9 9\n"
        contents[f"t/data/2/w/{n}.dat"] = dat(
            f".INCLUDE w/{n}.dat", '.SEGMENT CHARACTER 3 OK "1"', '.SEGMENT CHARACTER 1-3 OK "y"',
            '.SEGMENT CHARACTER 0,3 OK "/"', '.SEGMENT WORD 0-3 OK "14"',
        )  # fmt: skip
    content = tarred(served / "u.tgz", contents).read_bytes()
    return (
        served,
        address,
        {
            "key": "u.tgz",
            "size": len(content),
            "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
        },
    )


def publish(served, address, **file):
    readme = {"key": "README.txt", "size": 9**9, "checksum": "md5:0", "links": {"self": ""}}
    links = {"self": f"{address}{file.pop('at', 'u.tgz')}"}
    content = {"id": 1195803, "files": [readme, {**file, "links": links}]}
    (served / "record.json").write_text(json.dumps(content))
    return f"{address}record.json"


def test_fetching_writes_eight_verified_files(tmp_path, record):
    served, address, file = record
    folder = tmp_path / "cache" / "unipen"
    seen = []
    paths = unipen.fetch(
        folder, lambda *progress: seen.append(progress), publish(served, address, **file)
    )
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths)
    assert seen[-1] == ("u.tgz", file["size"], file["size"])
    items = {
        path.name.partition(".")[0]: strokes.from_json_lines(path.read_bytes(), path.name)
        for path in paths
    }
    parts = [
        {item.writer for name, found in items.items() if part in name for item in found}
        for part in ("train", "dev")
    ]
    assert len(parts[0]) + len(parts[1]) == 40
    assert not parts[0] & parts[1]
    assert min(len(part) for part in parts) > 0
    for kind, label in zip(unipen.KINDS, ("1", "y", "/", "14"), strict=True):
        found = [*items[f"{kind}-train"], *items[f"{kind}-dev"]]
        assert [item.label for item in found] == [label] * 40
        assert max(point.max() for item in found for point in item.strokes) == strokes.SIDE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checksum": "md5:" + "0" * 32}, "of MD5 000000000000"),
        ({"size": 5}, "expected 5 bytes"),
        ({"size": 10**9}, "expected 1,000,000,000 bytes"),
        ({"at": "lost.tgz"}, "404"),
        ({"at": "lost.tgz", "key": "../../evil.tgz"}, "expected a record"),
        ({"key": "notes.txt"}, "expected a record"),
        ({"checksum": None}, "expected a record"),
    ],
)
def test_a_download_that_is_not_as_recorded_leaves_nothing(tmp_path, record, change, message):
    served, address, file = record
    folder = tmp_path / "cache"
    api = publish(served, address, **{**file, **change})
    with pytest.raises(DataError, match=message) as raised:
        unipen.fetch(folder, silent, api)
    assert "\n" not in str(raised.value)
    assert not folder.exists() or not list(folder.iterdir())


def test_an_archive_cut_off_before_it_was_published_is_refused(tmp_path, record):
    served, address, _ = record
    content = (served / "u.tgz").read_bytes()[:-100]
    (served / "u.tgz").write_bytes(content)
    digest = hashlib.md5(content).hexdigest()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "digits-train.jsonl.gz").write_bytes(b"of before")
    api = publish(served, address, key="u.tgz", size=len(content), checksum=f"md5:{digest}")
    with pytest.raises(DataError, match="a whole zip or tar archive"):
        unipen.fetch(tmp_path / "cache", silent, api)
    assert [path.read_bytes() for path in (tmp_path / "cache").iterdir()] == [b"of before"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "404"),
        (b"<html>", "expected a record .* got b'<html>'"),
        (b"[]", "expected a record"),
        (b"{}", "expected a record"),
        (b'{"files": []}', "expected a record"),
        (b'{"files": [{"key": "a.zip"}]}', "expected a record"),
        (b'{"files": [{"key": 3}]}', "expected a record"),
        (b'{"files": [{"key": "a.zip", "size": 1e999}]}', "expected a record"),
        (b'{"files": {"enabled": true}}', "expected a record"),
        (b"\xff\xfe", "expected a record"),
        (b"[" * 100_000, "expected a record"),
        (b" " * 2_000_000 + b"{}", "expected a record"),
    ],
)
def test_another_answer_than_a_record_is_refused_in_one_line(tmp_path, site, content, message):
    served, address = site
    (served / "record.json").write_bytes(content or b"")
    api = f"{address}record.json" if content else f"{address}lost.json"
    with pytest.raises(DataError, match=message) as raised:
        unipen.fetch(tmp_path / "cache", silent, api)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "cache").exists()


def test_without_a_network_or_room_the_error_says_so(tmp_path, record):
    served, address, file = record
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="expected room for a download"):
        unipen.fetch(tmp_path / "file", silent, publish(served, address, **file))
    with serving(served) as closed:
        pass
    with pytest.raises(DataError, match=r"expected a download.*Check the network"):
        unipen.fetch(tmp_path / "cache", silent, f"{closed}record.json")
