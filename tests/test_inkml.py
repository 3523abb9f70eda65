import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling.data import inkml
from inkling.errors import DataError

CROHME = """<?xml version="1.0" encoding="UTF-8"?>
<ink xmlns="http://www.w3.org/2003/InkML">
<traceFormat><channel name="X" type="decimal"/><channel name="Y" type="decimal"/></traceFormat>
<annotation type="UI">2013_1</annotation>
<annotation type="writer">w123</annotation>
<annotation type="truth">$1+4$</annotation>
<annotationXML type="truth" encoding="Content-MathML">
<math xmlns="http://www.w3.org/1998/Math/MathML"><mn xml:id="0">1</mn></math></annotationXML>
<trace id="0">985 3317, 985 3350,
  986 3400</trace>
<trace id="1">1000 3360, 1040 3360</trace>
<trace id="2">1020 3340, 1020 3380</trace>
<trace id="3">1100 3317, 1090 3350, 1130 3351</trace>
<trace id="4">1120 3330, 1119 3400</trace>
<traceGroup xml:id="5"><annotation type="truth">Segmentation</annotation>
  <traceGroup xml:id="6"><annotation type="truth">1</annotation>
    <traceView traceDataRef="0"/><annotationXML href="mn_0"/></traceGroup>
  <traceGroup xml:id="7"><annotation type="truth"> $+$ </annotation>
    <traceView traceDataRef="1"/><traceView traceDataRef="2"/></traceGroup>
  <traceGroup xml:id="8"><annotation type="truth">4</annotation>
    <traceView traceDataRef="3"/><traceView traceDataRef="#4"/></traceGroup>
</traceGroup></ink>"""


def parse(text):
    return inkml.parse(text.encode(), "x.inkml")


def points(item):
    return [stroke.tolist() for stroke in item.strokes]


def whole(trace, form="", head=""):
    """A file of one trace, labelled as a whole."""
    (item,) = parse(f'<ink>{form}<annotation type="truth">7</annotation>{head}{trace}</ink>')
    return points(item)


def refused(text, message):
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(DataError, match=message) as raised:
        inkml.parse(content, "x.inkml")
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("x.inkml: expected ")


def test_crohmes_symbols_are_its_innermost_groups():
    items = parse(CROHME)
    assert [(item.label, item.writer, len(item.strokes)) for item in items] == [
        ("1", "w123", 1),
        ("+", "w123", 2),
        ("4", "w123", 2),
    ]
    assert points(items[0]) == [[[985, 3317], [985, 3350], [986, 3400]]]
    assert points(items[1])[1] == [[1020, 3340], [1020, 3380]]


def test_without_labelled_groups_the_file_is_one_item():
    text = CROHME.replace("Segmentation", "").replace(
        '<annotation type="truth">1</annotation>\n    <traceView', "<traceView"
    )
    text = text.replace('<annotation type="truth"> $+$ </annotation>', "")
    text = text.replace('<annotation type="truth">4</annotation>', "")
    (item,) = parse(text)
    assert (item.label, item.writer) == ("1+4", "w123")
    assert len(item.strokes) == 5  # each once, though groups refer to them again


def test_groups_may_hold_their_traces_their_writers_and_a_prefix():
    text = """<i:ink xmlns:i="http://www.w3.org/2003/InkML">
      <i:traceGroup><i:annotation type="truth">12.5</i:annotation>
        <i:annotation type="writer">ann</i:annotation>
        <i:trace>0 0, 0 9</i:trace><i:traceGroup><i:trace>3 1,5 9</i:trace></i:traceGroup>
        <i:trace type="penUp">5 9, 7 7</i:trace></i:traceGroup>
      <i:trace xml:id="t">1 1 5, 2 2 5</i:trace>
      <i:traceView><i:annotation type="truth">\u00fc</i:annotation><i:traceView traceDataRef="#t"/>
      </i:traceView></i:ink>"""
    number, letter = parse(text)
    assert (number.label, number.writer, len(number.strokes)) == ("12.5", "ann", 2)
    assert (letter.label, letter.writer, points(letter)) == ("\u00fc", "", [[[1, 1], [2, 2]]])


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("10 0, 9 14, 8 28", [[10, 0], [9, 14], [8, 28]]),
        (" \n10,20 \n", None),
        ("1.5 -2,.5 +3.,1e1 -1E-1,", [[1.5, -2], [0.5, 3], [10, -0.1]]),
        ("10-5,3+4,-1-1", [[10, -5], [3, 4], [-1, -1]]),
        ("- 3 4", [[-3, 4]]),
        ("#FF #-1", None),
        ("#FF -#a", [[255, -10]]),
        ("1 2, * 3, 4 *", [[1, 2], [1, 3], [4, 3]]),
        # the W3C's own example of differences, and of differences of these
        (
            "1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8",
            [
                [1125, 18432],
                [1148, 18475],
                [1178, 18510],
                [1211, 18540],
                [1251, 18567],
                [1297, 18596],
                [1349, 18633],
            ],
        ),
        ("5 5,'1'1,!9 2,1 '0", [[5, 5], [6, 6], [9, 8], [1, 8]]),
        ("5 5,' 1 !7, 2 8", [[5, 5], [6, 7], [8, 8]]),
        ('0 0,5 0,"1 0,"1 0', [[0, 0], [5, 0], [11, 0], [18, 0]]),
    ],
)
def test_values_and_differences_are_read(trace, expected):
    text = trace.replace('"', "&quot;")
    if expected is None:
        refused(
            f'<ink><annotation type="truth">7</annotation><trace>{text}</trace></ink>', "points"
        )
    else:
        assert np.allclose(whole(f"<trace>{text}</trace>"), [expected], atol=1e-9)


def test_channels_stand_as_the_trace_format_says():
    form = (
        '<traceFormat><channel name="T"/><channel name="Y" orientation="-ve"/>'
        '<channel name="F" type="integer"/><channel name="X"/>'
        '<intermittentChannels><channel name="B" type="boolean"/></intermittentChannels>'
        "</traceFormat>"
    )
    assert whole("<trace>0 10 ? 1 T, 8 20 5 2, * '5 5 '3 F</trace>", form) == [
        [[1, -10], [2, -20], [5, -25]]
    ]


def test_a_context_names_its_own_format():
    head = """<definitions>
      <inkSource xml:id="pad"><traceFormat><channel name="Y"/><channel name="X"/></traceFormat>
      </inkSource>
      <traceFormat xml:id="timed"><channel name="T"/><channel name="X"/><channel name="Y"/>
      </traceFormat>
      <context xml:id="a" inkSourceRef="#pad"/><context xml:id="b" traceFormatRef="#timed"/>
      <context xml:id="c"><traceFormat><channel name="X"/><channel name="Y"/></traceFormat>
      </context></definitions>"""
    traces = (
        '<trace contextRef="#a">2 1</trace><traceGroup contextRef="#b"><trace>9 1 2</trace>'
        '<trace contextRef="#c">1 2</trace></traceGroup><trace>2 1</trace>'
    )
    assert whole(traces, head=head) == [[[1, 2]]] * 4


def test_bytes_of_other_encodings_are_read():
    text = '<?xml version="1.0" encoding="{}"?><ink><annotation type="truth">é</annotation>'
    text += "<trace>1 2</trace></ink>"
    for encoding in ("utf-16", "iso-8859-1", "utf-8"):
        (item,) = inkml.parse(text.format(encoding).encode(encoding), "x.inkml")
        assert item.label == "é"


LAUGHS = '<!DOCTYPE ink [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected InkML, but no element"),
        ("strokes", "expected InkML, but syntax error"),
        ("<ink><trace>1 2</ink>", "expected InkML, but mismatched tag"),
        (CROHME[:400], "expected InkML, but no element|unclosed"),
        (b"\0\0\x08\x03\xff", "expected InkML"),
        (b"\xff\xfe<ink/>", "expected InkML"),
        ('<?xml version="1.0" encoding="klingon"?><ink/>', "expected InkML, but unknown encoding"),
        ("<html/>", "its first element is 'html'"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "its first element is 'svg'"),
        (LAUGHS + "]><ink>&i;</ink>", "declares entities"),
        ('<!DOCTYPE ink [<!ENTITY x SYSTEM "file:///etc/passwd">]><ink>&x;</ink>', "entities"),
        ("<!DOCTYPE ink [<!ENTITY % p \"<!ENTITY q 'q'>\"> %p;]><ink/>", "declares entities"),
        ("<ink>&unknown;</ink>", "undefined entity"),
        ("<ink>" * 100_000, "elements within each other"),
        ("<ink/>", "expected an <annotation"),
        ("<ink><trace>1 2</trace></ink>", "expected an <annotation"),
        ('<ink><annotation type="truth">$$</annotation><trace>1 2</trace></ink>', "an <annotation"),
    ],
)
def test_what_is_no_labelled_inkml_is_refused_in_one_line(text, message):
    refused(text, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "expected traces of each label"),
        ('<trace type="hover">1 2</trace>', "expected traces of each label"),
        ("<trace/>", "but it has none"),
        ('<trace id="t9">1 2, 3</trace>', "of X Y in the trace 't9', but some have fewer"),
        ("<trace>1 2, 3 four</trace>", "'3 four' is none"),
        ("<trace>1 2,,3 4</trace>", "some have fewer"),
        ("<trace>10 0 9 14 8 28</trace>", "no commas"),
        ("<trace>1 ?</trace>", "missing or beyond reason"),
        ("<trace>1 1e999</trace>", "missing or beyond reason"),
        (f"<trace>1 #{'F' * 400}</trace>", "too large"),
        ('<traceFormat><channel name="X"/></traceFormat><trace>1</trace>', "but there is no Y"),
        (
            '<traceGroup><traceView traceDataRef="#t"/></traceGroup>',
            "expected an id '#t', got none",
        ),
        ('<traceView traceDataRef="a" id="a"/>', "circles"),
        ('<trace id="t">1 2,3 4</trace><traceView traceDataRef="t" from="2"/>', "a part of one"),
        (
            """<traceGroup id="a"><traceView traceDataRef="b"/></traceGroup>
            <traceGroup id="b"><traceView traceDataRef="a"/></traceGroup>""",
            "circles",
        ),
    ],
)
def test_what_lacks_ink_is_refused_in_one_line(body, message):
    refused(f'<ink><annotation type="truth">7</annotation>{body}</ink>', message)


def test_views_that_multiply_are_refused(monkeypatch):
    monkeypatch.setattr(inkml, "MAX_STEPS", 10_000)
    groups = '<trace id="g0">1 2</trace>' + "".join(
        f'<traceGroup id="g{n + 1}">' + f'<traceView traceDataRef="g{n}"/>' * 10 + "</traceGroup>"
        for n in range(9)
    )
    refused(f'<ink><annotation type="truth">7</annotation>{groups}</ink>', "too many")


whole_numbers = st.lists(
    st.tuples(st.integers(-9999, 9999), st.integers(-9999, 9999)), min_size=1, max_size=9
)


@given(whole_numbers, st.sampled_from("!'\""))
def test_points_come_back_as_they_were_written(drawn, order):
    values = np.array(drawn)
    orders = {"!": 0, "'": 1, '"': 2}
    rows = [values]
    for _ in range(orders[order]):  # differences from 0, as the first point has none before it
        rows.append(np.diff(rows[-1], axis=0, prepend=0))
    written = rows[-1].tolist()
    first = ",".join(f"{order}{x} {order}{y}" for x, y in written[:1])
    others = "".join(f",{x} {y}" for x, y in written[1:])
    trace = f"<trace>{(first + others).replace(chr(34), '&quot;')}</trace>"
    assert whole(trace) == [[list(point) for point in drawn]]


@given(st.text(alphabet="0123456789 ,'\"!*?TF#-+.eE\n<>&/ab", max_size=60))
def test_no_trace_raises_anything_but_a_data_error(text):
    trace = text.replace("&", "&amp;").replace("<", "&lt;")
    try:
        (stroke,) = whole(f"<trace>{trace}</trace>")
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(stroke).all()
