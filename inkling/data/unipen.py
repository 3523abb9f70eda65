"""UNIPEN: pen strokes as many institutes wrote them down, their labels beside them.

A file is text: keywords, each with a dot in the first column of its line, and their values, up to
the next keyword. Certain, by the definition (Guyon 1994, unipen.def 1.0; Guyon, Schomaker,
Plamondon, Liberman & Janet 1994, ICPR, doi 10.1109/ICPR.1994.576870), by its authors' library
(uptools3: uplib.c, upsiglib.c) and by files of the distribution train_r01_v07 (doi
10.5281/zenodo.1195803):

- .PEN_DOWN and .PEN_UP each begin a component: points of as many numbers as .COORD names columns.
  A component without points does not count, so that a bare .PEN_UP only ends a stroke. .DT, a
  lapse of time, is no component.
- .SEGMENT KIND WHERE QUALITY "LABEL". WHERE counts components and points from 0, and its ends
  belong to it: "0-2,5", "3:10-4:20" (component:point). "?" reaches to the next segment of its
  level of .HIERARCHY or of a higher one.
- In a label, a backslash stands before a quote or a backslash; \\n and \\t are spaces.
- .INCLUDE reads another file there; in a distribution, one below include/.

Inferred from the files:

- Y grows upward.
- A component of the one point 0 0 is ink that was withheld, for tests to come.
- "\\@", "\\/" and "\\ " stand for the sign after the backslash.
- .WRITER_ID holds for what comes after it; without one, a file is of one writer.
- The columns are X Y where no .COORD names them, as in UCI's pendigits-orig, whose ".COMMENT 8 3
  17" after a segment is its digit, its writer, and a number.
"""

import hashlib
import io
import itertools
import json
import os
import posixpath
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import requests

from inkling import files
from inkling.data import download
from inkling.data.download import CHUNK_BYTES, Report
from inkling.data.strokes import Item, Points, scaled, to_json_lines
from inkling.errors import DataError

API = "https://zenodo.org/api/records/1195803"
SPLIT_SEED = 1994  # choosing another makes old and new figures incomparable
KINDS = ("digits", "letters", "symbols", "numbers")
CHARACTERS = ("CHARACTER", "CHAR", "DIGIT")
WORDS = ("WORD", "TEXT")
BAD = ("BAD", "LBR")  # LBR: a bad label, in the files of one contributor; see uplib.h
MAX_INCLUDES = 100  # of one file; the distribution's have four
MAX_FILE_BYTES = 1 << 26  # the distribution's largest has a few million
MAX_BYTES = 1 << 31  # of all files together; the distribution's have half a billion
MAX_RECORD_BYTES = 1 << 20
MAX_COORDINATE = 1e9

KEYWORD = re.compile(r"^\.(?=[A-Z])", re.MULTILINE)
FORMAT = ("VERSION", "INCLUDE", "SEGMENT", "PEN_DOWN")  # a file has at least one
PIECE = re.compile(r"(\d{1,9})(?:(?::(\d{1,9}))?-(\d{1,9})(?::(\d{1,9}))?)?", re.ASCII)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
PENDIGITS = re.compile(r"(\d)\s+(\d+)\s+\d+\s*", re.ASCII)
NUMBER = re.compile(r"(?=.*[0-9])[0-9.,\-/:()+%$]{2,}")
ARCHIVE = re.compile(r"[\w.-]+\.(zip|tar|tgz|tar\.gz)", re.ASCII)
Contents = dict[str, Callable[[], bytes]]
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, OSError)


@dataclass(frozen=True, eq=False)
class Segment:
    """What a person wrote, as a file delineates it."""

    kind: str  # as "CHARACTER", "DIGIT", "WORD" or "TEXT"
    label: str  # what it shows
    quality: str  # "OK", "GOOD", "BAD" or, unknown, "?"
    writer: str  # an opaque id; names of people stand in the files
    strokes: tuple[Points, ...]  # each (n, 2): x to the right, y down, in points of the tablet
    fault: str = ""  # why it is damaged and has no strokes


def parse(
    text: str, name: str, include: Callable[[str], str | None] = lambda _: None
) -> Iterator[Segment]:
    """The segments of a UNIPEN file, in its order, the damaged ones as well.

    `include` gives the text of another file, or None where it is missing: its components and
    keywords are missing then. `name` stands in the message of the DataError raised if the text is
    not in the format.
    """
    document = _Document(name, include)
    document.read(text, name)
    return (document.segment(number) for number in range(len(document.drafts)))


def items(content: bytes, name: str) -> list[Item]:
    """The undamaged segments of one UNIPEN file. Raises DataError."""
    segments = parse(content.decode("latin-1"), name)
    return [Item(one.label, one.writer, one.strokes) for one in segments if one.strokes]


def read_distribution(path: Path, left_out: Counter[str] | None = None) -> dict[str, list[Item]]:
    """The digits, letters, symbols and numbers of a distribution, each once. Raises DataError.

    `path` is its zip or tar archive, packed or not, or its unpacked folder; nothing is written.
    Strokes are scaled. `left_out` counts by reason what is damaged and left out: segments, and
    files of the folder data/ that are not in the format.
    """
    left_out = Counter() if left_out is None else left_out
    found: dict[str, list[Item]] = {kind: [] for kind in KINDS}
    seen = set()
    with _opened(path) as contents:
        root = _root(contents, path)

        @lru_cache(8)  # the categories of a contributor share their files of ink
        def include(name: str) -> str | None:
            read = contents.get(f"{root}include{posixpath.normpath('/' + name).casefold()}")
            return read().decode("latin-1") if read else None

        data = [name for name in contents if name.startswith(f"{root}data/")]
        for name in sorted(data, key=lambda name: name[len(root) :].split("/")[2:]):
            document = _Document(name, include)
            try:
                document.read(contents[name]().decode("latin-1"), name)
            except DataError:
                left_out["file not in the format"] += 1
                continue
            for number, draft in enumerate(document.drafts):
                if kind := _kind(draft.kind, draft.label):
                    segment = document.segment(number)
                    if segment.fault:
                        left_out[segment.fault] += 1
                    elif (digest := _digest(segment)) not in seen:
                        seen.add(digest)
                        item = Item(segment.label, segment.writer, scaled(segment.strokes))
                        found[kind].append(item)
    if not any(found.values()):
        raise DataError(
            f"{path}: expected digits, letters or signs in the files of data/, got none of "
            f"{len(data):,} files ({', '.join(left_out) or 'no segments'})",
            "Check that it is the distribution train_r01_v07",
        )
    return found


def split_writers(items: Iterable[Item], seed: int = SPLIT_SEED) -> tuple[list[Item], list[Item]]:
    """The items of most writers, to train on, and of about a fifth of them, to develop with.

    A writer's id and the seed alone decide, so that nobody is in two parts, whatever the kind.
    """
    parts: tuple[list[Item], list[Item]] = ([], [])
    for item in items:
        digest = hashlib.sha256(f"{seed}/{item.writer}".encode()).digest()
        parts[digest[0] * 256 + digest[1] < 65536 // 5].append(item)
    return parts


def fetch(folder: Path, report: Report, api: str = API) -> list[Path]:
    """Download the distribution and write its eight files of JSON lines. Raises DataError.

    `report(name, done, total)` gets the bytes as they come. The archive is verified, read and
    deleted; a file appears in `folder` whole or not at all.
    """
    archive = _archive(api)
    with download.room(folder / archive.name) as temporary:
        try:
            download.stream(archive.url, temporary, archive.size_bytes, report)
        except requests.RequestException as cause:
            raise _unreachable(archive.url, cause) from cause
        _verify(temporary, archive)
        found = read_distribution(temporary)
        paths = []
        for kind, chosen in found.items():
            for part, one in zip(("train", "dev"), split_writers(chosen), strict=True):
                paths.append(folder / f"{kind}-{part}.jsonl.gz")
                files.write_atomically(paths[-1], to_json_lines(one))
    return paths


class _Component(NamedTuple):
    """What the pen did until it was lifted or set down."""

    down: bool
    numbers: str  # not yet parsed: most components are of no segment that is asked for
    writer: str  # as in the file; "" where it does not say
    file: str


@dataclass
class _Draft:
    """A segment whose components may still come."""

    kind: str
    where: str
    quality: str
    label: str
    first: int  # the component that comes next
    writer: str = ""


@dataclass
class _Document:
    """A file and what it includes, read once, and its segments, made when they are asked for."""

    name: str
    include: Callable[[str], str | None]
    components: list[_Component] = field(default_factory=list)
    drafts: list[_Draft] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)  # of each keyword, the last one
    included: int = 0

    def read(self, text: str, *files: str) -> None:
        """Take in the text of the last of these files, each of which included the next."""
        text = text.lstrip("\ufeff\xef\xbb\xbf \t\r\n").replace("\r\n", "\n").replace("\r", "\n")
        entries = _entries(text)
        foreign = not text.startswith(".") or not any(entry[0] in FORMAT for entry in entries)
        if foreign and files == (self.name,):  # what it includes may be a documentation
            raise DataError(
                f"{self.name}: expected UNIPEN text, with .VERSION, .INCLUDE, .SEGMENT or "
                f".PEN_DOWN, got {text[:20]!r}",
                "Give a file of a UNIPEN distribution",
            )
        before = ""
        for keyword, value in entries:
            if keyword in ("PEN_DOWN", "PEN_UP"):
                if value[:1] in tuple("+-.0123456789"):
                    writer = self.values.get("WRITER_ID", "")
                    self.components.append(
                        _Component(keyword == "PEN_DOWN", value, writer, files[-1])
                    )
            elif keyword == "SEGMENT":
                self.drafts.append(_draft(value, len(self.components)))
            elif keyword == "INCLUDE" and value:
                self._include(value.split()[0], files)
            elif keyword == "COMMENT" and before == "SEGMENT":
                match = PENDIGITS.fullmatch(value)
                if match and match[1] == self.drafts[-1].label:
                    self.drafts[-1].writer = f"{posixpath.basename(files[-1])}\n{match[2]}"
            else:
                self.values[keyword] = " ".join(value.split())
            before = keyword

    def _include(self, path: str, files: tuple[str, ...]) -> None:
        self.included += 1
        if path in files or self.included > MAX_INCLUDES:
            raise DataError(
                f"{self.name}: expected at most {MAX_INCLUDES} files, none within itself, "
                f"got .INCLUDE {path}",
                "Correct its .INCLUDE lines",
            )
        text = self.include(path)
        if text is not None:
            self.read(text, *files, path)

    def segment(self, number: int) -> Segment:
        """A segment, with its strokes if it is not damaged."""
        draft = self.drafts[number]
        strokes: tuple[Points, ...] = ()
        fault = writer = ""
        try:
            if draft.quality.partition("(")[0] in BAD:
                raise _Fault("bad quality")
            if not draft.label:
                raise _Fault("no label")
            pieces = self._pieces(number)
            strokes = tuple(stroke for piece in pieces for stroke in self._strokes(*piece))
            if not strokes:
                raise _Fault("no ink")
            writer = draft.writer or self._writer(self.components[pieces[0][0]])
        except _Fault as cause:
            strokes, fault = (), str(cause)
        opaque = "u" + hashlib.sha256(writer.encode()).hexdigest()[:12] if writer else ""
        return Segment(draft.kind, draft.label, draft.quality, opaque, strokes, fault)

    def _writer(self, component: _Component) -> str:
        """Who wrote a component, in words of the files. Ids are unique within a contributor."""
        writer = component.writer or self.values.get("WRITER_ID", "")
        if writer.strip("? "):
            return f"{self.values.get('DATA_SOURCE', '')}\n{writer}".casefold()
        return component.file

    def _pieces(self, number: int) -> list[tuple[int, int, int, int | None]]:
        """First component, its first point, last component, its last point: of each piece."""
        draft = self.drafts[number]
        if draft.where == "?":
            last = self._end(number) - 1
            pieces: list[tuple[int, int, int, int | None]] = [(draft.first, 0, last, None)]
        else:
            matches = [PIECE.fullmatch(piece) for piece in draft.where.replace(",", " ").split()]
            pieces = [
                (int(m[1]), int(m[2] or 0), int(m[3] or m[1]), int(m[4]) if m[4] else None)
                for m in matches
                if m
            ]
            if not pieces or len(pieces) < len(matches):
                raise _Fault("delineation not in the format")
        if not all(first <= last < len(self.components) for first, _, last, _ in pieces):
            raise _Fault("delineation beyond the components")
        return pieces

    def _end(self, number: int) -> int:
        """Where the segment that follows on the same level, or on a higher one, begins."""
        levels = self.values.get("HIERARCHY", "").split()
        level = {kind: n for n, kind in enumerate(levels)}
        own = level.get(self.drafts[number].kind, len(levels))
        for draft in itertools.islice(self.drafts, number + 1, None):
            if level.get(draft.kind, len(levels)) <= own:
                return draft.first
        return len(self.components)

    def _strokes(self, first: int, start: int, last: int, stop: int | None) -> Iterator[Points]:
        """The ink of one piece of a segment."""
        for number in range(first, last + 1):
            if self.components[number].down:
                points = self._points(self.components[number].numbers)
                after = stop + 1 if stop is not None and number == last else None
                points = points[start if number == first else 0 : after]
                if not len(points):
                    raise _Fault("delineation beyond the points")
                yield points

    def _points(self, numbers: str) -> Points:
        """The points `(n, 2)` of a component: x to the right, y down, in units of x."""
        columns = self.values.get("COORD", "X Y").split()
        try:
            values = np.array([float(number) for number in numbers.split()])
            points = values.reshape(-1, len(columns))
            points = points[:, [columns.index("X"), columns.index("Y")]]
        except ValueError as cause:  # no number, a number too few, or no such column
            raise _Fault("points not in the format") from cause
        if not (np.abs(points) < MAX_COORDINATE).all():
            raise _Fault("points not in the format")
        if points.shape == (1, 2) and not points.any():
            raise _Fault("ink withheld")
        points[:, 1] *= -self._aspect()  # Y grows upward there
        return points

    def _aspect(self) -> float:
        """The length of a step along y, in steps along x."""
        for unit in ("MM", "INCH"):
            with suppress(KeyError, ValueError):
                x, y = (float(self.values[f"{axis}_POINTS_PER_{unit}"]) for axis in "XY")
                if 0 < x < MAX_COORDINATE and 0 < y < MAX_COORDINATE:
                    return x / y
        return 1.0


class _Fault(Exception):
    """Why a segment is damaged."""


def _entries(text: str) -> list[tuple[str, str]]:
    """The keywords of a text, without their dots, and the values that follow each."""
    parts = (part.split(None, 1) for part in KEYWORD.split(text)[1:])
    return [(part[0], part[1] if len(part) > 1 else "") for part in parts]


def _draft(value: str, first: int) -> _Draft:
    """The segment that a value of .SEGMENT describes; what it lacks makes it damaged later."""
    head, _, rest = value.partition('"')
    kind, *others = head.split() or [""]
    where, quality = (others[:-1], others[-1]) if len(others) > 1 else (others, "?")
    return _Draft(kind, " ".join(where), quality, _unescaped(rest.rpartition('"')[0]), first)


def _unescaped(label: str) -> str:
    plain = ESCAPED.sub(lambda m: " " if m[1] in "nt" else m[1], label)
    return " ".join(plain.split())


def _kind(kind: str, label: str) -> str | None:
    """Which of the lists a segment belongs to, if any."""
    if kind in WORDS and NUMBER.fullmatch(label):
        return "numbers"
    if kind not in CHARACTERS or len(label) != 1 or not "!" <= label <= "~":
        return None
    return "digits" if label.isdigit() else "letters" if label.isalpha() else "symbols"


def _digest(segment: Segment) -> bytes:
    """What two segments share only if they are the same ink with the same label."""
    digest = hashlib.sha256(segment.label.encode())
    for stroke in segment.strokes:
        digest.update(len(stroke).to_bytes(4, "big") + stroke.tobytes())
    return digest.digest()


@contextmanager
def _opened(path: Path) -> Iterator[Contents]:
    """The files of an archive or a folder: each name, in lower case, with what reads it.

    Names are looked up here alone and never become paths, so that none leads out of it.
    """
    try:
        if path.is_dir():
            yield _of_folder(path)
        elif _starts(path) == b"PK":
            with zipfile.ZipFile(path) as archive:
                yield _of_zip(archive)
        else:
            with tarfile.open(path) as archive:
                yield _of_tar(archive, path)
    except DAMAGE as cause:
        reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        raise DataError(
            f"{path}: expected a whole zip or tar archive, or a folder, but "
            f"{reason.splitlines()[0].rstrip(':.')}",
            "Download it again",
        ) from cause


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2)


def _of_folder(folder: Path) -> Contents:
    found: Contents = {}
    for parent, _, names in os.walk(folder):  # follows no links to folders
        for path in (Path(parent, name) for name in names):
            if path.is_file() and not path.is_symlink():
                name = path.relative_to(folder).as_posix().casefold()
                found[name] = partial(_limited, partial(io.FileIO, path), name)
    return found


def _of_zip(archive: zipfile.ZipFile) -> Contents:
    return {
        member.filename.casefold(): partial(
            _limited, partial(archive.open, member), member.filename
        )
        for member in archive.infolist()
        if not member.is_dir()
    }


def _of_tar(archive: tarfile.TarFile, path: Path) -> Contents:
    """The files of a tar archive, which can only be read from end to end: held packed."""
    found: Contents = {}
    size = 0
    for member in archive:
        if member.isfile():
            size += member.size
            if size > MAX_BYTES:
                raise _too_large(str(path), MAX_BYTES)
            content = _limited(partial(archive.extractfile, member), member.name)
            found[member.name.casefold()] = partial(zlib.decompress, zlib.compress(content, 1))
    return found


def _limited(open_file: Callable[[], IO[bytes] | None], name: str) -> bytes:
    """The content of a file. Raises DataError if it has more than MAX_FILE_BYTES."""
    file = open_file()
    if file is None:  # of a tar archive, what is no file
        return b""
    with file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise _too_large(name, MAX_FILE_BYTES)
    return content


def _too_large(name: str, limit: int) -> DataError:
    return DataError(
        f"{name}: expected at most {limit:,} bytes, got more",
        "Check that it is the distribution train_r01_v07",
    )


def _root(contents: Contents, path: Path) -> str:
    """What stands before include/ and data/ in the names of a distribution."""
    split = [f"/{name}".partition("/include/") for name in contents]
    found = [before for before, include, _ in split if include]
    if not found:
        raise DataError(
            f"{path}: expected the folders data and include of a UNIPEN distribution, got none",
            "Give the archive of train_r01_v07, or the folder it unpacks to",
        )
    root = min(found, key=len).removeprefix("/")
    return root + "/" if root else ""


class _Archive(NamedTuple):
    """What a record of Zenodo says of its archive."""

    name: str
    size_bytes: int
    md5: str
    url: str


def _archive(api: str) -> _Archive:
    """The largest archive of a record. Raises DataError."""
    try:
        with download.ask(api) as response:
            response.raise_for_status()
            content = b""
            for chunk in response.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_RECORD_BYTES:
                    break
    except requests.RequestException as cause:
        raise _unreachable(api, cause) from cause
    try:
        archives = [
            _Archive(
                file["key"],
                int(file["size"]),
                file["checksum"].removeprefix("md5:").lower(),
                file["links"]["self"],
            )
            for file in json.loads(content)["files"]
            if ARCHIVE.fullmatch(file["key"])
        ]
        return max(archives, key=lambda archive: archive.size_bytes)
    except (
        LookupError,
        ArithmeticError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as cause:
        raise DataError(
            f"{api}: expected a record with the size, checksum and address of an archive, "
            f"got {content[:40]!r}",
            "Try again later, or download it yourself from https://doi.org/10.5281/zenodo.1195803",
        ) from cause


def _unreachable(url: str, cause: requests.RequestException) -> DataError:
    response = cause.response
    reason = type(cause).__name__ if response is None else f"{response.status_code}"
    return DataError(
        f"{url}: expected a download, but the server did not give it ({reason})",
        f"{download.advice(cause)}, or try again later",
    )


def _verify(path: Path, archive: _Archive) -> None:
    """Raise DataError unless a download is what the record says."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
        size = file.tell()
    if (size, digest.hexdigest()) != (archive.size_bytes, archive.md5):
        raise DataError(
            f"{archive.name}: expected {archive.size_bytes:,} bytes of MD5 {archive.md5[:12]}..., "
            f"got {size:,} bytes of MD5 {digest.hexdigest()[:12]}...",
            "Fetch it again; the download was cut off or changed on its way",
        )
