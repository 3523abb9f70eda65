"""InkML: the W3C's markup of ink, as CROHME and others write it.

Read are traces, groups and views of them; the channels X and Y, wherever the trace format has them;
values and differences, as "10 0, 9 14" and "1125 18432,'23'43,"7"-8,3-5"; and annotations of the
types truth and writer. What is about the look of ink (brushes, canvases, mappings, timestamps) is
passed over, and so are continued traces and contexts that a later one inherits from.

Source: Ink Markup Language, W3C Recommendation of 20 September 2011, https://www.w3.org/TR/InkML/.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from inkling.data.strokes import Item, Points
from inkling.errors import DataError

MAX_DEPTH = 200  # of elements within each other; the formulas of CROHME have a few dozen
MAX_STEPS = 1_000_000  # to follow views, which may multiply as entities do
MAX_COORDINATE = 1e9
UP = ("penUp", "hover")  # types of traces that are no ink
HOLDERS = ("traceGroup", "traceView")
VALUE = re.compile(
    r"\s*([!'\"]?)\s*([TF*?]|[+-]?\s*(?:#[0-9A-F]+|(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?))",
    re.ASCII | re.IGNORECASE,
)
WAY_OUT = "Give a file of InkML, with traces and what they show"


def parse(content: bytes, name: str) -> list[Item]:
    """The labelled ink of an InkML file, in its own units. Raises DataError.

    An item is a group of traces with an annotation of type truth and no such group within it, or,
    if there is none, the whole file by its own annotation. Around a label, dollar signs of LaTeX
    are removed. `name` stands in the message of the error.
    """
    ink = _Ink(_tree(content, name), name)
    groups = [holder for holder in ink.root.iter() if holder.tag in HOLDERS and _label(holder)]
    innermost = [
        group for group in groups if not any(_label(within) for within in group.iterfind(".//*"))
    ]
    if not innermost and not _label(ink.root):
        raise DataError(
            f'{name}: expected an <annotation type="truth"> of a group or the file, got none',
            WAY_OUT,
        )
    return [ink.item(element) for element in innermost or [ink.root]]


class _Ink:
    """The tree of a file, and its elements by their ids."""

    def __init__(self, root: Element, name: str) -> None:
        self.root = root
        self.name = name
        traces_last = (*root.iter(), *root.iter("trace"))  # formulas have ids as well, CROHME's do
        self.by_id = {element.attrib["id"]: element for element in traces_last if element.get("id")}
        self.formats: dict[str, list[Element]] = {}  # the channels of each context
        self.steps = 0

    def item(self, element: Element) -> Item:
        """A group, or the whole file, with its label, its writer and its strokes."""
        traces = {id(trace): (trace, context) for trace, context in self._traces(element, "", 0)}
        strokes = tuple(self._stroke(trace, context) for trace, context in traces.values())
        if not strokes:
            raise DataError(f"{self.name}: expected traces of each label, got none", WAY_OUT)
        writer = _annotation(element, "writer") or _annotation(self.root, "writer")
        return Item(_label(element), writer, strokes)

    def _traces(self, element: Element, context: str, depth: int) -> Iterator[tuple[Element, str]]:
        """The traces of ink in an element, and in what it refers to, each with its context."""
        self.steps += 1
        if depth > MAX_DEPTH or self.steps > MAX_STEPS:
            raise DataError(
                f"{self.name}: expected traceViews of traces, got circles or too many", WAY_OUT
            )
        context = element.get("contextRef", context)
        if element.tag == "trace":
            if element.get("type") not in UP:
                yield element, context
            return
        if reference := element.get("traceDataRef"):
            if element.get("from") or element.get("to"):
                raise DataError(
                    f"{self.name}: expected traceViews of whole traces, got a part of one",
                    "Split the trace into the parts that are meant",
                )
            yield from self._traces(self._referred(reference), context, depth + 1)
        for inner in element:
            if inner.tag in (*HOLDERS, "trace"):
                yield from self._traces(inner, context, depth + 1)

    def _referred(self, reference: str) -> Element:
        """The element of an id, as "#t1", or "t1" as CROHME writes it."""
        found = self.by_id.get(reference.removeprefix("#"))
        if found is None:
            raise DataError(f"{self.name}: expected an id {reference[:40]!r}, got none", WAY_OUT)
        return found

    def _channels(self, context: str) -> list[Element]:
        """The channels of the trace format of a context; without one, of the file's first."""
        if context not in self.formats:
            element = self._referred(context) if context.strip("#") in self.by_id else self.root
            reference = element.get("traceFormatRef") or element.get("inkSourceRef")
            if reference:
                element = self._referred(reference)
            form = next(element.iter("traceFormat"), None)
            self.formats[context] = [] if form is None else list(form.iter("channel"))
        return self.formats[context]

    def _stroke(self, trace: Element, context: str) -> Points:
        """The points `(n, 2)` of a trace: x to the right, y down."""
        channels = self._channels(context)
        names = [channel.get("name") for channel in channels] or ["X", "Y"]
        if missing := {"X", "Y"}.difference(names):
            raise self._unreadable(trace, names, f"there is no {' or '.join(sorted(missing))}")
        columns = names.index("X"), names.index("Y")
        try:
            rows = list(_points(trace.text or ""))
            if len(rows) == 1 and len(rows[0]) > len(names):  # as in drafts of 2004
                raise ValueError("there are no commas between them")
            points = np.array([[row[column] for column in columns] for row in rows], np.float64)
            if not (np.abs(points) < MAX_COORDINATE).all():
                raise ValueError("some are missing or beyond reason")
        except IndexError as cause:
            raise self._unreadable(trace, names, "some have fewer") from cause
        except (ValueError, OverflowError) as cause:
            raise self._unreadable(trace, names, str(cause)) from cause
        for axis, column in enumerate(columns):
            if channels and channels[column].get("orientation") == "-ve":
                points[:, axis] *= -1
        return points

    def _unreadable(self, trace: Element, names: list[str | None], reason: str) -> DataError:
        return DataError(
            f"{self.name}: expected points of {' '.join(map(str, names))} in the trace "
            f"{trace.get('id', '?')[:40]!r}, but {reason}",
            WAY_OUT,
        )


def _tree(content: bytes, name: str) -> Element:
    """The elements of a file, their names without prefixes. Raises DataError.

    Entities are refused, since a few lines of them may stand for gigabytes of text.
    """
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_DEPTH} elements within each other")
        builder.start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(tag))

    def entity(*_: object) -> None:
        raise ValueError("it declares entities, which are not taken")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(content, True)
        root = builder.close()
        if root.tag != "ink":
            raise ValueError(f"its first element is {root.tag[:40]!r}")
    except (expat.ExpatError, ValueError, LookupError) as cause:  # LookupError: its encoding
        raise DataError(f"{name}: expected InkML, but {cause}", WAY_OUT) from cause
    return root


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _annotation(element: Element, kind: str) -> str:
    """The text of the first annotation of a type, directly in an element; "" if there is none."""
    found = (inner for inner in element.iterfind("annotation") if inner.get("type") == kind)
    return next(((inner.text or "").strip() for inner in found), "")


def _label(element: Element) -> str:
    return _annotation(element, "truth").strip("$").strip()


def _points(text: str) -> Iterator[list[float]]:
    """The values of each point of a trace. Raises ValueError.

    A prefix holds for its channel until another comes: ! for values themselves, ' for differences
    from the point before, " for differences of these differences.
    """
    if not text.strip():
        raise ValueError("it has none")
    orders: dict[int, str] = {}
    values: dict[int, float] = {}
    speeds: dict[int, float] = {}
    for point in text.strip().rstrip(",").split(","):
        row = []
        for channel, (prefix, number) in enumerate(_values(point)):
            order = orders[channel] = prefix or orders.get(channel, "!")
            before = values.get(channel, 0.0)
            given = before if number == "*" else _number(number)
            if order == "!" or number == "*":
                values[channel], speeds[channel] = given, given - before
            else:
                speeds[channel] = given + (speeds.get(channel, 0.0) if order == '"' else 0.0)
                values[channel] = before + speeds[channel]
            row.append(values[channel])
        yield row


def _values(point: str) -> Iterator[tuple[str, str]]:
    """The prefix, which may be empty, and the number of each value of a point."""
    position, point = 0, point.rstrip()
    while position < len(point):
        match = VALUE.match(point, position)
        if match is None:
            raise ValueError(f"{point[:40].strip()!r} is none")
        yield match[1], "".join(match[2].split())
        position = match.end()


def _number(text: str) -> float:
    sign, hexadecimal, digits = text.partition("#")
    if hexadecimal:
        return float(int(sign + digits, 16))
    named = {"T": 1.0, "F": 0.0, "?": float("nan")}
    return named[text.upper()] if text.upper() in named else float(text)
