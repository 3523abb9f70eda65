"""A user's own pictures or pen strokes as a data set, from a folder or a file.

Pictures lie in a folder, as LABEL/NAME.png or LABEL_NAME.png. Pen strokes are JSON lines (.jsonl,
.jsonl.gz) as `inkling drawings export` makes them, InkML (.inkml, or a folder of such files), or in
UNIPEN's format (.dat, .unipen, .tra, .tes). Arrays are kept as NumPy's .npz: `from_arrays`.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkling import ink, system
from inkling.data import inkml, strokes, unipen
from inkling.data.catalog import DataSet
from inkling.data.strokes import Item
from inkling.errors import DataError, InkError
from inkling.files import atomically
from inkling.ink import Frame

ARRAYS = ".npz"
MAX_CLASSES = 256  # labels are bytes
DIGITS = tuple("0123456789")
TESTED = 6  # every sixth image of a label, or every sixth writer, tests

Labelled = tuple[str, str, ink.Source]  # label, writer or "", and what was drawn


def is_own(name: str) -> bool:
    """Whether a name is a path: it has a separator, or a file or folder of that name is here."""
    return os.sep in name or "/" in name or Path(name).exists()


def dataset(name: str) -> DataSet:
    """What is known of a user's own data set at a path. Raises DataError."""
    path = Path(name)
    if path.suffix == ARRAYS:
        *_, classes, frame = _arrays(path)
        return DataSet(name, f"{path.name}, your own", "your own", classes, frame, path=path)
    labels = {label for label, _, _ in labelled(path)}
    if not labels:
        raise DataError(
            f"{path}: expected pictures LABEL/NAME.png or LABEL_NAME.png, or labelled pen strokes, "
            "found none",
            "See: inkling test --help",
        )
    classes = DIGITS if labels <= set(DIGITS) else tuple(sorted(labels))
    return DataSet(name, f"{path.name}, your own", "your own", classes, "digit", path=path)


@lru_cache(2)
def images(path: Path, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels `(N, C, H, W)` in 0..255, labels `(N,)` and writers `(N,)`. Raises DataError."""
    if path.suffix == ARRAYS:
        return _arrays(path)[:3]
    pixels, labels, writers = [], [], []
    for label, writer, source in labelled(path):
        try:
            pixels.append(np.rint(ink.to_image(source) * 255).astype(np.uint8))
        except InkError as error:
            raise DataError(f"{path}: {error.error}", "Mend it or take it out") from error
        labels.append(classes.index(label))
        writers.append(writer)
    return np.stack(pixels), np.array(labels, np.uint8), np.array(writers, np.str_)


def from_arrays(
    images: Iterable[ink.Source],
    labels: ArrayLike,
    names: Sequence[str] | None = None,
    writers: Sequence[str] | None = None,
    frame: Frame = "digit",
) -> Path:
    """Keep images with their labels in a file, which is a data set: the same ones, the same file.

    See data.from_arrays. Raises DataError.
    """
    numbers = np.asarray(labels)
    pixels = _pixels(images, frame)
    if numbers.shape != (len(pixels),):
        raise DataError(
            f"Expected a label for each of {len(pixels):,} images, got labels {numbers.shape}",
            "Give whole numbers (N,); of rows with a 1 in them, labels.argmax(1)",
        )
    if numbers.dtype.kind not in "iu" or not numbers.size or numbers.min() < 0:
        raise DataError(
            "Expected labels as whole numbers from 0 on, got "
            + str(numbers.min() if numbers.size and numbers.dtype.kind in "iu" else numbers[:3]),
            "Number the classes, and give their names: names=['cat', 'dog']",
        )
    classes = _classes(names, int(numbers.max()))
    who = [""] * len(pixels) if writers is None else [*map(str, writers)]
    if len(who) != len(pixels):
        raise DataError(
            f"Expected a writer for each of {len(pixels):,} images, got {len(who):,}",
            "Give as many, or leave them out",
        )
    arrays = {
        "pixels": pixels,
        "labels": numbers.astype(np.uint8),
        "writers": np.array(who, np.str_),
        "classes": np.array(classes, np.str_),
        "frame": np.array(frame),
    }
    content = hashlib.sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
    path = system.home() / "data" / (content[:16] + ARRAYS)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomically(path) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # of the keyword
    except OSError as cause:
        raise DataError(
            f"{path}: expected room to keep the images, but {cause.strerror}",
            f"Free some space, or name another folder with {system.HOME}",
        ) from cause
    return path


def _pixels(images: Iterable[ink.Source], frame: Frame) -> NDArray[np.uint8]:
    """Images in 0..255, as `ink.to_image` gives them, each as a reader sees it."""
    found: list[NDArray[np.uint8]] = []
    try:
        found.extend(np.rint(ink.to_image(one, frame) * 255).astype(np.uint8) for one in images)
    except InkError as error:
        raise DataError(f"Image {len(found)}: {error.error}", error.hint) from error
    except TypeError as cause:
        raise DataError(
            f"Expected images (N, 28, 28), or a list of pictures, got {type(images).__name__}",
            "Put them into one array or list",
        ) from cause
    return np.stack(found) if found else np.empty((0, *ink.SHAPES[frame]), np.uint8)


def _classes(names: Sequence[str] | None, largest: int) -> tuple[str, ...]:
    """The names of the classes: as given, or the digits, or the labels themselves."""
    if largest >= MAX_CLASSES:
        raise DataError(
            f"Expected labels below {MAX_CLASSES}, got {largest}", "Number the classes from 0 on"
        )
    if names is None:
        return DIGITS if largest < len(DIGITS) else tuple(map(str, range(largest + 1)))
    found = tuple(map(str, names))
    if not largest < len(found) <= MAX_CLASSES or len({*found}) < max(len(found), 2):
        raise DataError(
            f"Expected {max(largest + 1, 2)} to {MAX_CLASSES} different names for labels from 0 to "
            f"{largest}, got {len(found)}, {len({*found})} of them different",
            "Give the name of each class, in the order of their labels",
        )
    return found


@lru_cache(2)
def _arrays(path: Path) -> tuple[Any, Any, Any, tuple[str, ...], Frame]:
    """What `from_arrays` kept: pixels, labels, writers, the names of the classes, and the frame."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[name] for name in ("pixels", "labels", "writers")]
            classes, frame = tuple(file["classes"].tolist()), file["frame"].item()
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as cause:
        raise DataError(
            f"{path}: expected images as inkling.from_arrays keeps them, got other content",
            "Make it again with: inkling.from_arrays(images, labels)",
        ) from cause
    return arrays[0], arrays[1], arrays[2], classes, frame


def tests(labels: np.ndarray, writers: np.ndarray) -> np.ndarray:
    """Which images `(N,)` test: every sixth writer's, or where few are known, every sixth image."""
    known = np.unique(writers)
    if len(known) >= TESTED:
        return np.isin(writers, known[::TESTED])
    chosen = np.zeros(len(labels), bool)
    chosen[np.argsort(labels, kind="stable")[::TESTED]] = True
    return chosen


def digest(pixels: np.ndarray, labels: np.ndarray) -> str:
    """The SHA-256 of what a training learns from."""
    return hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()


def labelled(path: Path) -> Iterator[Labelled]:
    """Each label, writer and picture or drawing of a folder or a file. Raises DataError."""
    try:
        if path.is_dir():
            yield from _of_folder(path)
        else:
            yield from _of_file(path)
    except OSError as cause:
        raise DataError(
            f"{path}: expected a folder or a file of labelled digits, but "
            f"{cause.strerror or cause}",
            "Check the path; names of published data sets: inkling data list",
        ) from cause


def _of_folder(folder: Path) -> Iterator[Labelled]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".inkml":
            yield from _of_file(path)
        elif path.suffix.lower() in ink.ENDINGS and path.is_file():
            inside = path.parent != folder
            yield (path.parent.name if inside else path.stem.partition("_")[0]), "", path


def _of_file(path: Path) -> Iterator[Labelled]:
    content, name = path.read_bytes(), str(path)
    endings = path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]
    match endings[0].lower() if endings else "":
        case ".jsonl":
            yield from _of_lines(content, name)
        case ".inkml":
            yield from _of_items(inkml.parse(content, name))
        case ".dat" | ".unipen" | ".tra" | ".tes":
            yield from _of_items(unipen.items(content, name))
        case _:
            raise DataError(
                f"{path}: expected JSON lines (.jsonl), InkML (.inkml) or UNIPEN (.dat)",
                "Rename it, or put pictures into a folder as LABEL/NAME.png",
            )


def _of_lines(content: bytes, name: str) -> Iterator[Labelled]:
    """What JSON lines hold: strokes, or pictures in base64, as a store exports them."""
    for number, line in enumerate(strokes.text_of(content, name).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name} line {number}"
        try:
            values = json.loads(line)
            picture = values.get("picture")
        except (ValueError, AttributeError, RecursionError):
            values, picture = {}, None  # `item` says what is wrong
        if picture and not values.get("strokes"):
            label = values.get("name") or str(values.get("label"))
            yield label, str(values.get("session") or ""), base64.b64decode(picture)
        else:
            yield from _of_items([strokes.item(line, where)])


def _of_items(items: list[Item]) -> Iterator[Labelled]:
    return ((item.label, item.writer, ink.Drawing(item.strokes)) for item in items)
