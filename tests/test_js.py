"""inkling-js reads as the Reader does: by node, against Python."""

import json
import random
import shutil
import subprocess

import numpy as np
import pytest
import regex
from conftest import ROOT, missing
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import FITS, FITS_NOT, OWN
from test_numbers import number

import inkling
from inkling import data, ink
from inkling.errors import InklingError
from inkling.ink.lines import of_strokes
from inkling.reading import numbers
from inkling.reading.formats import CHARACTERS, NAMED, Constraints, Format

JS = ROOT / "inkling" / "web" / "static" / "inkling-js"
START = """
import { readFileSync } from "node:fs";
import { Format, Reader } from "PATH/index.js";
import { candidates } from "PATH/decoding.js";
import { NAMED } from "PATH/formats.js";
const given = JSON.parse(readFileSync(0));
const answer = (found) => process.stdout.write(JSON.stringify(found));
const load = (model) => {
  const [about, weights] = ["json", "bin"].map((end) => readFileSync(`${model}/model.${end}`));
  return new Reader(JSON.parse(about), new Uint8Array(weights).buffer);
};
"""
PROGRAM = """
const { model, strokes, images } = given;
const reader = load(model);
const plain = (reading) => reading && {
  ...reading,
  probabilities: [...reading.probabilities],
  image: [...reading.image].map((value) => Math.round(value * 255)),
};
answer([
  ...strokes.map(([drawing, pen]) => plain(reader.read(drawing, pen))),
  ...images.map((image) => plain(reader.readImage(Float32Array.from(image, (ink) => ink / 255)))),
]);
"""


@pytest.fixture(scope="module")
def reader():
    return inkling.Reader.load()


@pytest.fixture(scope="module")
def model(reader, tmp_path_factory):
    """The folder of the bundle that ships, for inkling-js."""
    return inkling.export(reader, "js", tmp_path_factory.mktemp("js") / "model")


def by_node(program, given):
    """What a program of JavaScript answers."""
    if shutil.which("node") is None:
        missing("node is not here")
    code = (START + program).replace("PATH", JS.as_uri())
    result = subprocess.run(
        ["node", "--input-type=module", "-e", code],
        input=json.dumps(given), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def read_by_node(model, drawings=(), images=()):
    """The readings of drawings (strokes, pen) and of images of bytes."""
    pixels = [image.ravel().tolist() for image in images]
    return by_node(PROGRAM, {"model": str(model), "strokes": drawings, "images": pixels})


def drawn(rng, pressed):
    """Strokes of one to sixty points, somewhere."""
    strokes = []
    for _ in range(rng.randint(1, 3)):
        many, x, y = rng.choice([1, 2, 5, 20, 60]), rng.uniform(0, 300), rng.uniform(0, 300)
        strokes.append([])
        for _ in range(many):
            strokes[-1].append([x, y, rng.uniform(0.05, 1)] if pressed else [x, y])
            x, y = x + rng.gauss(0, 300 / many), y + rng.gauss(0, 300 / many)
    return strokes, rng.choice([1.0, 10.0, 30.0, 500.0])


@pytest.mark.parametrize("pressed", [False, True])
def test_a_drawing_becomes_the_same_image_pixel_for_pixel(model, pressed):
    rng = random.Random(0)
    drawings = [drawn(rng, pressed) for _ in range(150)]
    for (strokes, pen), found in zip(drawings, read_by_node(model, drawings), strict=True):
        drawing = inkling.Drawing(strokes, pen)
        assert np.array_equal(np.rint(inkling.to_image(drawing).ravel() * 255), found["image"])
        assert found["imageBox"] == pytest.approx(ink.image_box(drawing), abs=1e-3)


points = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6)


@settings(max_examples=20)
@given(st.lists(st.lists(points, min_size=1, max_size=3), min_size=20, max_size=20))
def test_so_does_one_of_whole_numbers(model, drawings):
    given = [([[list(point) for point in stroke] for stroke in one], 3.0) for one in drawings]
    for (strokes, pen), found in zip(given, read_by_node(model, given), strict=True):
        image = inkling.to_image(inkling.Drawing(strokes, pen))
        assert np.array_equal(np.rint(image.ravel() * 255), found["image"])


@pytest.mark.parametrize(
    ("kind", "gap", "score_gap", "accepted"), [("js", 1e-3, 2e-3, 1), ("js-int8", 0.05, 0.2, 0.97)]
)
def test_it_reads_as_python_does(reader, digits, tmp_path, kind, gap, score_gap, accepted):
    model = inkling.export(reader, kind, tmp_path / "model")
    images = digits[:200].reshape(-1, 1, 28, 28).astype(np.float32) / 255
    found = read_by_node(model, images=digits[:200])
    same = []
    for mine, theirs in zip(reader.read_images(images), found, strict=True):
        assert (mine.label, mine.name) == (theirs["label"], theirs["name"])
        assert np.abs(mine.probabilities - theirs["probabilities"]).max() < gap
        assert abs(mine.ood_score - theirs["oodScore"]) < score_gap
        assert theirs["labels"][0] == mine.label
        assert theirs["confidence"] == max(theirs["probabilities"])
        same.append((mine.accepted, [*mine.labels]) == (theirs["accepted"], theirs["labels"]))
    assert np.mean(same) >= accepted


def test_a_blank_sheet_has_no_reading(model):
    assert read_by_node(model, [([], 3.0), ([[]], 3.0)]) == [None, None]


@pytest.mark.parametrize("level", [0.9, 0.99, 0.999, 0.9995])
def test_label_sets_are_those_of_python(reader, model, digits, level):
    pixels = digits[:100]
    expected = reader.read_images(pixels[:, None].astype(np.float32) / 255)
    program = """
    const reader = load(given.model);
    const readings = given.probabilities.map((row) => ({ probabilities: Float32Array.from(row) }));
    answer(readings.map((reading) => reader.labelSet(reading, given.level)));
    """
    rows = [reading.probabilities.tolist() for reading in expected]
    found = by_node(program, {"model": str(model), "probabilities": rows, "level": level})
    assert found == [list(reader.label_set(reading, level)) for reading in expected]


def test_a_level_that_cannot_be_promised_is_an_error(model):
    program = "try { load(given).labelSet({}, 0.99999); } catch (error) { answer(error.message); }"
    assert "at most 0.9995, got 0.99999" in by_node(program, str(model))


MATCH = """
answer(given.map(([expression, texts]) => {
  let format;
  try { format = new Format(expression); } catch (error) { return error.message; }
  return texts.map((text) => [format.mayBegin(text), format.accepts(text)]);
}));
"""


def matched(expression, texts):
    """What regex says: whether a text may begin one that fits, and whether it fits."""
    pattern = regex.compile(NAMED.get(expression, expression))
    return [
        [set(text) <= set(CHARACTERS) and pattern.fullmatch(text, partial=True) is not None,
         bool(text) and set(text) <= set(CHARACTERS) and pattern.fullmatch(text) is not None]
        for text in texts
    ]  # fmt: skip


def test_named_formats_are_those_of_python():
    assert by_node("answer(NAMED);", None) == NAMED
    items = [(name, [*FITS[name].split(), *FITS_NOT[name].split()]) for name in NAMED]
    assert by_node(MATCH, items) == [matched(*item) for item in items]


singles = st.sampled_from(
    [
        "1",
        "2",
        ",",
        ".",
        "-",
        r"\d",
        r"\.",
        r"\$",
        "[12]",
        "[^1,]",
        r"[^\d]",
        "[0-2€]",
        "[+-]",
        r"[\d,-]",
    ]
)
counts = st.sampled_from(
    ["?", "*", "+", "{2}", "{1,2}", "{,2}", "{2,}", "{0}", "{,}", "??", "*?", "{1,2}?"]
)


def larger(inner):
    """Regular expressions made of these."""
    grouped = st.builds("({}{})".format, st.sampled_from(["", "?:"]), inner)
    return (
        st.lists(inner, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda found: f"({'|'.join(found)})")
        | st.builds("{}{}".format, singles | grouped, counts)
    )


expressions = st.recursive(singles, larger, max_leaves=8) | st.sampled_from([*NAMED, *OWN])


@st.composite
def expressions_and_texts(draw):
    """A regular expression, texts of its characters, and beginnings of texts that fit it."""
    expression = draw(expressions)
    fitting = st.from_regex(NAMED.get(expression, expression), fullmatch=True, alphabet=CHARACTERS)
    beginnings = st.tuples(fitting, st.integers(0, 8)).map(lambda pair: pair[0][: pair[1]])
    texts = st.text("12,.-$?", max_size=6) | beginnings | fitting.map(lambda text: text[:12])
    return expression, draw(st.lists(texts, min_size=4, max_size=8))


@settings(max_examples=20)
@given(st.lists(expressions_and_texts(), min_size=10, max_size=30))
def test_formats_match_as_regex_does(items):
    for (expression, texts), found in zip(items, by_node(MATCH, items), strict=True):
        expected = matched(expression, texts)
        if isinstance(found, str):
            assert "that some number has" in found, expression
            assert not any(begins for begins, _ in matched(expression, CHARACTERS))
        else:
            assert found == expected, (expression, texts)


@pytest.mark.parametrize(
    "expression", [r"[\d-/]+", "[+--]", "[.-\\d]", "[%-+]", "(1|)(,|2{0})*", "(|(1*)*2)?"]
)
def test_so_do_rare_ones(expression):
    texts = ["", *CHARACTERS, "12", "-/", "1,2", "112", "^"]
    assert by_node(MATCH, [(expression, texts)]) == [matched(expression, texts)]


def refused(expression):
    """Whether Python takes no such format, for another reason than the time it would take."""
    try:
        Format.of(expression)
    except InklingError as error:
        return "quick" not in error.error and "product" not in error.error
    return False


@settings(max_examples=20)
@given(st.lists(st.text([*CHARACTERS, *"\\{}[]^*?|d"], max_size=8), min_size=50, max_size=50))
def test_what_python_refuses_is_refused_in_one_line(texts):
    for text, found in zip(texts, by_node(MATCH, [(text, []) for text in texts]), strict=True):
        assert isinstance(found, str) == refused(text), text
        if isinstance(found, str):
            assert found.startswith("Expected ")
            assert "\n" not in found


def test_no_format_is_slow():
    slow = r"((47|4|7)+)+,"
    assert by_node(MATCH, [(slow, ["47" * 32, "47" * 32 + "="])]) == [
        [[True, False], [False, False]]
    ]


WRITTEN = ["142", "7.5", "-12", "75/2", "10:45", "2.50", "4-17", "0.4", "5.12.2024", "555-1200"]
KNOWN = [None, "integer", "decimal", "date", "time", "amount", "phone", r"\d+", r"\d+([.,]\d+)?"]


@pytest.fixture(scope="module", params=["made", "unipen", "crohme"])
def written(request):
    """Numbers as strokes, of dev writers where these are here; each on one line."""
    if request.param == "made":
        return [number(text) for text in WRITTEN]
    if not data.is_here(data.get(request.param)):
        pytest.skip(f"{request.param} is not here")
    drawings = [
        inkling.Drawing(i.strokes) for i in data.items(data.get(request.param), "numbers-dev")
    ]
    return drawings[::8][:60]


@pytest.mark.parametrize("form", KNOWN)
def test_columns_are_decoded_as_in_python(reader, written, form):
    known = Constraints.of(form)
    scores = [reader.lines.session.log_probabilities(of_strokes(one).image) for one in written]
    program = """
    const [characters, form, lines] = given;
    const format = form === null ? undefined : new Format(form);
    const own = (columns) => columns.map((column) => Float64Array.from(column));
    answer(lines.map((columns) => candidates(own(columns), characters, format)));
    """
    lines = [columns.tolist() for columns in scores]
    found = by_node(program, [list(reader.lines.characters), form, lines])
    for columns, theirs in zip(scores, found, strict=True):
        mine = numbers.candidates(columns, reader.lines.characters, known)
        assert [one.text for one in mine] == [one["text"] for one in theirs]
        assert [one.probability for one in mine] == pytest.approx(
            [one["probability"] for one in theirs], abs=1e-6
        )


@pytest.mark.parametrize("form", [None, "decimal", "date"])
def test_numbers_are_read_as_in_python(reader, model, written, form):
    drawings = [one.strokes for one in written]
    program = """
    const reader = load(given.model);
    const format = given.form ?? undefined;
    answer(given.drawings.map((strokes) => reader.readNumber(strokes, { format })));
    """
    given = {"model": str(model), "drawings": drawings, "form": form}
    for drawing, theirs in zip(written, by_node(program, given), strict=True):
        mine = reader.read_number(drawing, constraints=Constraints.of(form))
        assert (mine.text, mine.accepted) == (theirs["text"], theirs["accepted"])
        assert mine.confidence == pytest.approx(theirs["confidence"], abs=2e-4)
        assert mine.box == pytest.approx(theirs["box"], abs=1e-3)
        assert [text for text, _ in mine.alternatives] == [
            text for text, _ in theirs["alternatives"]
        ]
        for part, other in zip(mine.parts, theirs["parts"], strict=True):
            assert part.confidence == pytest.approx(other["confidence"], abs=2e-3)
            assert part.box == pytest.approx(other["box"], abs=1e-3)


def test_of_several_rows_the_largest_is_read_and_not_accepted(reader, model):
    strokes = [
        *number("142").strokes,
        *([(x / 2, 200 + y / 2) for x, y in s] for s in number("75").strokes),
    ]
    program = "const reader = load(given[0]); answer(reader.readNumber(given[1]));"
    found = by_node(program, [str(model), strokes])
    assert (found["text"], found["accepted"]) == ("142", False)
    mine = reader.read_number(inkling.Drawing(strokes))
    assert (mine.text, mine.accepted) == ("142", False)


def test_a_threshold_replaces_that_of_the_bundle(model):
    program = """
    const reader = load(given[0]);
    const [low, high] = [{ threshold: 0 }, { threshold: 0.9999999 }];
    answer([
      reader.read(given[1], 6, low), reader.readNumber(given[1], low),
      reader.read(given[1], 6, high), reader.readNumber(given[1], high),
    ].map(({ accepted }) => accepted));
    """
    assert by_node(program, [str(model), number("7").strokes]) == [True, True, False, False]
    scribble = [
        [(x * 37 % 101, x * 53 % 97) for x in range(60)]
    ]  # no digit, however low the threshold
    assert by_node(program, [str(model), scribble])[0] is False


def test_a_server_that_renders_pages_may_import_the_pad():
    program = 'const pad = await import("PATH/pad.js"); answer(Object.keys(pad));'
    assert by_node(program, None) == ["InklingPad"]


def test_the_package_has_what_it_names(model):
    package = json.loads((model / "package.json").read_text())
    named = [package["types"], package["customElements"], *package["sideEffects"]]
    for target in package["exports"].values():
        named += [target] if isinstance(target, str) else target.values()
    assert [name for name in named if not (model / name).is_file()] == []
