"""The data sets of the catalog: found, fetched, verified and split.

A data set is looked for in the folder that INKLING_DATA names, or in each of several, separated as
in PATH, then in the user's cache. The SHA-256 of the unpacked content is checked, so that a
recompressed mirror serves as well. Files may be packed or unpacked, and lie in a folder of the data
set's name, in torchvision's, or in the folder that INKLING_DATA names itself.
"""

import hashlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import requests
from numpy.typing import ArrayLike, NDArray

from inkling import ink
from inkling.data import catalog, cifar, download, idx, own, strokes, unipen
from inkling.data.catalog import DataSet, File
from inkling.data.download import Report, cache_folder
from inkling.data.parts import Split, Splits
from inkling.data.strokes import Item
from inkling.errors import DataError, MissingExtra, suggest

SPLIT_SEED = 1998  # the year of MNIST; choosing another makes old and new figures incomparable
SHAPES = ((ink.SIDE, ink.SIDE), ink.SHAPES["picture"])  # of an image in a published file
MIN_WRITERS = 12  # from which on writers, not images, are held out to validate
Scheme = Literal["standard", "tutorial", "all"]


def folders() -> list[Path]:
    """Where data sets are looked for, first to last."""
    named = os.environ.get("INKLING_DATA")
    names = named.split(os.pathsep) if named else []
    own = [Path(os.path.expanduser(name)) for name in names if name]  # noqa: PTH111  # Path's may raise
    return [*own, cache_folder()]


def get(name: str) -> DataSet:
    """The data set of the catalog, or a user's own at a path. Raises DataError."""
    if name not in catalog.CATALOG and own.is_own(name):
        return own.dataset(name)
    return catalog.get(name)


def locate(dataset: DataSet, file: File) -> Path | None:
    """The file, packed or unpacked, in the first folder that has it, or None.

    In a folder of the data set's own name, one file is taken as it is; its content is checked as it
    is loaded. Among several files, and where another data set's may lie, the content decides.
    """
    for folder in folders():
        own = _files_in([folder / dataset.name, *_torchvision(folder, dataset)], file)
        if len(own) == 1:
            return own[0]
        for path in own + _files_in([folder, folder / "raw"], file):
            state = path.stat()
            if _looks_published(path, file, (state.st_mtime_ns, state.st_size)):
                return path
        if own:
            return own[0]
    return None


def _torchvision(folder: Path, dataset: DataSet) -> list[Path]:
    """Where torchvision puts the data set's files, in the folder that is its root."""
    name = dataset.torchvision
    return [folder / name / "raw", folder / name] if name else []


def _files_in(places: list[Path], file: File) -> list[Path]:
    """The files of these folders that have the published name, or its old one with a dot."""
    names = (file.name, file.name.replace("-idx", ".idx"))
    paths = (place / (name + end) for place in places for name in names for end in (".gz", ""))
    return [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  # Path's may raise


@lru_cache(64)
def _looks_published(path: Path, file: File, _state: tuple[int, int]) -> bool:
    """Whether its content is as published, once a state: when it was written, and its size."""
    return _is_published(path, file)


def is_here(dataset: DataSet) -> bool:
    """Whether every file is on this machine; their content is checked when they are loaded."""
    if dataset.path:
        return True
    if dataset.strokes:
        return all(_find_strokes(dataset, name) for name in dataset.strokes)
    if not dataset.files:
        return importlib.util.find_spec("sklearn") is not None
    return all(locate(dataset, file) for file in dataset.files)


def looked_at(dataset: DataSet) -> dict[Path, bool]:
    """Those of its files that are here, and whether each has the published size.

    A glance: what is packed says its size at its end. Loading them checks their content.
    """
    strokes = (_find_strokes(dataset, name) for name in dataset.strokes)
    found = {path: path.stat().st_size > 0 for path in strokes if path}
    for file in dataset.files:
        if path := locate(dataset, file):
            with path.open("rb") as opened:
                size = opened.seek(0, os.SEEK_END)
                if path.suffix == ".gz" and size >= 4:  # RFC 1952, section 2.3.1: ISIZE
                    opened.seek(-4, os.SEEK_END)
                    size = int.from_bytes(opened.read(), "little")
            found[path] = size == file.size_bytes
    return found


def fetch(dataset: DataSet, report: Report) -> list[Path]:
    """The files of a data set, each downloaded to the cache unless it is here and whole.

    `report(name, done, total)` gets the bytes as they come. A download goes to a temporary
    name, is verified, and only then takes its place. Raises DataError if no mirror has it.
    """
    if dataset.strokes and not is_here(dataset):
        if dataset.name != "unipen":
            raise DataError(
                f"{dataset.name}: expected a data set that can be fetched, but its publisher "
                "gives it in another form",
                f"Put its strokes as JSON lines into {cache_folder() / dataset.name}; they come "
                f"from {dataset.url}",
            )
        return unipen.fetch(cache_folder() / dataset.name, report)
    if not dataset.files:
        load(dataset)
    paths = []
    for file in dataset.files:
        path = locate(dataset, file)
        if path is None or not _is_published(path, file):
            if path and cache_folder() not in path.parents:
                raise DataError(
                    f"{path}: expected the published content, got other",
                    "Delete it, since INKLING_DATA comes before the cache, and fetch again",
                )
            path = _fetched(dataset, file, report)
        paths.append(path)
    return paths


def _fetched(dataset: DataSet, file: File, report: Report) -> Path:
    """The file, downloaded to the cache, and with it the others of its archive."""
    folder = cache_folder() / dataset.name
    if dataset.archive:
        size = sum(each.size_bytes for each in dataset.files)  # unpacked: more than packed
        take = partial(cifar.unpack, files=dataset.files, folder=folder)
        _download(folder / dataset.archive, size, dataset.mirrors, report, take)
        return folder / file.name
    path = folder / f"{file.name}.gz"

    def into_place(downloaded: Path) -> bool:
        if whole := _is_published(downloaded, file):
            downloaded.replace(path)
        return whole

    _download(path, file.size_bytes, dataset.mirrors, report, into_place)
    return path


def _is_published(path: Path, file: File) -> bool:
    try:
        _verify(idx.read_bytes(path, file.size_bytes), path, file)
    except DataError:
        return False
    return True


def _verify(content: bytes, path: Path, file: File) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise DataError(
            f"{path}: expected content of SHA-256 {file.sha256[:12]}..., got {digest[:12]}...",
            "Delete it and fetch it again with: inkling data fetch",
        )


def _download(
    path: Path,
    size_bytes: int,
    mirrors: tuple[str, ...],
    report: Report,
    take: Callable[[Path], bool],
) -> None:
    """Bring a file of at most so many bytes from the first mirror that serves it whole.

    `take` puts what was downloaded into place, and says whether it is the published content.
    """
    failures, advice = [], dict[str, None]()  # a set that keeps its order
    with download.room(path) as temporary:
        for mirror in mirrors:
            limit = size_bytes + download.CHUNK_BYTES
            try:
                download.stream(mirror + path.name, temporary, limit, report)
            except requests.RequestException as cause:
                failures.append(f"{mirror} ({type(cause).__name__})")
                advice[download.advice(cause)] = None
                continue
            if take(temporary):
                return
            failures.append(f"{mirror} (not the published content)")
    raise DataError(
        f"{path.name}: expected a download, but no mirror gave it: {'; '.join(failures)}",
        f"{'; '.join(advice) or 'Check the network'}, or put what it holds into the folder that "
        f"INKLING_DATA names, under {path.parent.name}/; the data set optdigits needs no network",
    )


def load(dataset: DataSet) -> tuple[Split, Split]:
    """The published training and test parts, verified. Raises DataError.

    They are read and verified once a process, unless their files change.
    """
    if dataset.path:
        whole = _own(dataset)
        assert whole.writers is not None
        testing = own.tests(whole.labels, whole.writers)
        return _part(whole, ~testing), _part(whole, testing)
    if dataset.strokes:
        return _digits(dataset, "train"), _digits(dataset, "dev")
    if not dataset.files:
        return _optdigits()
    paths = tuple(_located(dataset, file) for file in dataset.files)
    changed = tuple(path.stat().st_mtime_ns for path in paths)
    read = _read_batches if dataset.archive else _read
    return read(dataset.files, paths, changed, dataset.classes)


def forget() -> None:
    """Free the data sets that are kept in memory. A part that somebody still holds stays."""
    for kept in (_read, _read_batches, _read_items, of_items, _split):
        kept.cache_clear()


@lru_cache(1)
def _read_batches(
    files: tuple[File, ...],
    paths: tuple[Path, ...],
    _changed: tuple[int, ...],
    classes: tuple[str, ...],
) -> tuple[Split, Split]:
    """The parts that files in CIFAR's form hold, of which the last one tests; see `_read`."""
    parts = []
    for file, path in zip(files, paths, strict=True):
        content = idx.read_bytes(path, file.size_bytes)
        parts.append(split(*cifar.parse(content, str(path)), classes, str(path)))
        _verify(content, path, file)  # last: the checks above give clearer errors
    *training, test = parts
    pixels = np.concatenate([part.pixels for part in training])
    labels = np.concatenate([part.labels for part in training])
    for array in (pixels, labels):
        array.setflags(write=False)
    return Split(pixels, labels, classes=classes), test


@lru_cache(2)
def _read(
    files: tuple[File, ...],
    paths: tuple[Path, ...],
    _changed: tuple[int, ...],
    classes: tuple[str, ...],
) -> tuple[Split, Split]:
    """The parts that these files hold; `_changed` is when each was written."""
    contents = [
        idx.read_bytes(path, file.size_bytes) for path, file in zip(paths, files, strict=True)
    ]
    arrays = [idx.parse(content, str(path)) for content, path in zip(contents, paths, strict=True)]
    parts = tuple(
        split(
            arrays[first],
            arrays[first + 1],
            classes,
            f"{paths[first]} and {paths[first + 1].name}",
        )
        for first in (0, 2)
    )
    for content, path, file in zip(contents, paths, files, strict=True):
        _verify(content, path, file)  # last: the checks above give clearer errors
    return parts[0], parts[1]


def _located(dataset: DataSet, file: File) -> Path:
    path = locate(dataset, file)
    if path is None:
        found = [path for folder in folders() for path in _files_in([folder, folder / "raw"], file)]
        raise DataError(
            f"{dataset.name}: expected {file.name}{'' if dataset.archive else '.gz'} in "
            f"{' or '.join(str(folder / dataset.name) for folder in folders())}, found "
            f"{f'only {found[0]} of other content' if found else 'none'}",
            f"Fetch it with: inkling data fetch {dataset.name}",
        )
    return path


def _own(dataset: DataSet) -> Split:
    """All of a user's own data set."""
    assert dataset.path
    return Split(*own.images(dataset.path, dataset.classes), dataset.classes)


def items(dataset: DataSet, name: str) -> tuple[Item, ...]:
    """The pen strokes of a file of a data set, as "letters-train". Raises DataError.

    They are read once a process, unless the file changes.
    """
    path = _stroke_file(dataset, name)
    return _read_items(path, path.stat().st_mtime_ns)


def _stroke_file(dataset: DataSet, name: str) -> Path:
    """The file of pen strokes, in the first folder that has it. Raises DataError."""
    path = _find_strokes(dataset, name)
    if path is None:
        places = " or ".join(str(folder / dataset.name) for folder in folders())
        raise DataError(
            f"{dataset.name}: expected {name}.jsonl.gz in {places}, found none",
            f"Fetch it with: inkling data fetch {dataset.name}"
            if dataset.name == "unipen"
            else f"Put it there as JSON lines; it comes from {dataset.url}",
        )
    return path


def part(name: str) -> Split:
    """A part of a data set, named as "unipen:dev". Raises DataError.

    Parts are train, validation (of the standard split) and test. Of pen strokes they are train, dev
    and dev-cleaned, which is dev `without_wrong`. Without one, it is test or dev. A user's own data
    set, named by its path, is given whole.
    """
    if name not in catalog.CATALOG and own.is_own(name):
        return _own(own.dataset(name))
    name, _, wanted = name.partition(":")
    dataset = catalog.get(name)
    parts = {item.partition("-")[2] for item in dataset.strokes if item.startswith("digits")}
    if "dev" in parts:
        parts.add("dev-cleaned")
    known = sorted(parts) if dataset.strokes else ["test", "train", "validation"]
    wanted = wanted or (known[0] if known else "")
    if wanted not in known:
        raise DataError(
            f"{name}: expected a part with digits ({', '.join(known) or 'it has none'}), "
            f"got {wanted!r}",
            suggest(wanted, known, "See: inkling data list"),
        )
    if wanted == "dev-cleaned":
        return of_items(without_wrong(items(dataset, "digits-dev")))
    if wanted == "validation":
        validation = splits(name).validation
        assert validation  # of the standard split
        return validation
    return load(dataset)[wanted != "train"]


def digests(*names: str) -> dict[str, str]:
    """The SHA-256 of the content of each file of these data sets, by its name.

    Of pen strokes, those that may be trained on, each after its data set's name.
    """
    found: dict[str, str] = {}
    for dataset in map(get, names):
        if dataset.path:
            found[dataset.name] = own.digest(_own(dataset).pixels, _own(dataset).labels)
        found |= {file.name: file.sha256 for file in dataset.files}
        for name in to_train_on(dataset):
            path = _stroke_file(dataset, name)
            text = strokes.text_of(path.read_bytes(), str(path))
            found[f"{dataset.name}/{name}"] = hashlib.sha256(text.encode()).hexdigest()
    return found


def to_train_on(dataset: DataSet) -> list[str]:
    """The files of pen strokes of a data set that may be trained on. Raises DataError."""
    if not dataset.trains:
        raise DataError(
            f"{dataset.name}: expected a data set to train on, but its licence is "
            f"{dataset.licence}",
            f"Measure with it: inkling test --dataset {dataset.name}",
        )
    return [name for name in dataset.strokes if name.endswith("-train")]


def _find_strokes(dataset: DataSet, name: str) -> Path | None:
    """The file of pen strokes in the first folder that has it."""
    paths = (folder / dataset.name / f"{name}.jsonl.gz" for folder in folders())
    return next((path for path in paths if os.path.isfile(path)), None)  # noqa: PTH113  # as above


@lru_cache(8)
def _read_items(path: Path, _changed: int) -> tuple[Item, ...]:
    return tuple(strokes.from_json_lines(path.read_bytes(), str(path)))


def _digits(dataset: DataSet, part: str) -> Split:
    """The digits of a part of a data set of strokes, as a reader sees them; it may have none."""
    name = f"digits-{part}"
    return of_items(items(dataset, name) if name in dataset.strokes else ())


def without_wrong(found: Iterable[Item]) -> tuple[Item, ...]:
    """Items without those whose label cannot be right; data/wrong.json says why each is one.

    They were cut out wrongly: a 4 without its second stroke, "00" as a 0. What is only hard to read
    stays.
    """
    return tuple(item for item in found if item.digest not in _wrong())


@lru_cache(1)
def _wrong() -> dict[str, str]:
    """The reason for each wrong item, by its digest."""
    table: dict[str, str] = json.loads(Path(__file__).with_name("wrong.json").read_bytes())
    return table


@lru_cache(4)
def of_items(found: tuple[Item, ...]) -> Split:
    """Items whose labels are digits, as a reader sees them."""
    labels = np.array([int(item.label) for item in found], np.uint8)
    return Split(strokes.render(found), labels, np.array([item.writer for item in found], np.str_))


def split(
    pixels: NDArray[np.uint8], labels: NDArray[np.uint8], classes: tuple[str, ...], name: str
) -> Split:
    """A Split of pixels `(N, 28, 28)`, or `(N, 3, 32, 32)`, and `(N,)` labels.

    Raises DataError if they disagree.
    """
    if pixels.shape[1:] not in SHAPES or pixels.shape[:1] != labels.shape:
        raise DataError(
            f"{name}: expected as many 28x28 images as labels, got images {pixels.shape} "
            f"and labels {labels.shape}",
            "Check that images and labels belong together",
        )
    if labels.size and labels.max() >= len(classes):
        raise DataError(
            f"{name}: expected labels from 0 to {len(classes) - 1}, got {labels.max()}",
            "Check that the labels belong to this data set",
        )
    return Split(pixels if pixels.ndim == 4 else pixels[:, None], labels, classes=classes)


def load_data(name: str = "mnist", split: Scheme = "standard") -> Splits:
    """A data set of the catalog, or your own at a path: train, validation and test.

    One that is not here is downloaded. See `splits`; raises DataError.

    >>> mnist = inkling.load_data("mnist")
    >>> mnist
    Splits('mnist': train 55,000, validation 5,000, test 10,000)
    >>> mnist.test[7].label
    9
    >>> mnist.test[mnist.test.labels == 7]
    Split(1,028 images, 10 classes)
    """
    if not is_here(dataset := get(name)):
        fetch(dataset, lambda *_: None)
    return splits(name, split)


def from_arrays(
    images: Iterable[ink.Source],
    labels: ArrayLike,
    names: Sequence[str] | None = None,
    writers: Sequence[str] | None = None,
    frame: ink.Frame = "digit",
) -> Splits:
    """Your own images and their labels as a data set: train, validation and test.

    `images` is an array `(N, 28, 28)`, or any sequence of what `to_image` takes: arrays, paths,
    PIL images, Drawings. `labels` `(N,)` are whole numbers from 0 on, and `names` the name of each
    class; without them, digits. Every sixth image tests; where `writers` says who wrote each, every
    sixth writer. `frame` says how a reader places ink: "digit", or "garment" for pictures that fill
    their image; of a "picture", the colours stay, and it becomes `(3, 32, 32)`. They are kept in a
    file, so that a run can be resumed: `name` is its path, which the command line takes as
    --dataset. Raises DataError.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((60, 28, 28))
    >>> inkling.from_arrays(images, [0, 1] * 30, names=["cat", "dog"]).train
    Split(45 images, 2 classes)
    """
    return splits(str(own.from_arrays(images, labels, names, writers, frame)))


def splits(name: str, scheme: Scheme = "standard") -> Splits:
    """Train, validation and test of a data set. Raises DataError.

    "standard": every twelfth of the shuffled training images of each class validates, so
    MNIST gives 55,000 / 5,000 / 10,000, stratified. "tutorial": as the Elixir tutorial, the
    last fifth validates, unshuffled: 48,000 / 12,000 / 10,000. "all": nothing validates, as for
    a record whose recipe was chosen before: 60,000 / 0 / 10,000. Where writers are known, none is
    in two parts, and "standard" takes every twelfth writer.
    """
    dataset = get(name)
    train, test = load(dataset)
    if not dataset.trains or not len(train.labels) or not len(test.labels):
        raise DataError(
            f"{name}: expected digits to train on and to test on, "
            + (f"but its licence is {dataset.licence}" if not dataset.trains else "found one part"),
            f"Measure with it: inkling test --dataset {name}",
        )
    return _split(name, train, test, scheme)


@lru_cache(2)
def _split(name: str, train: Split, test: Split, scheme: Scheme) -> Splits:
    """See `splits`; once a data set."""
    if scheme == "all":
        return Splits(train, None, test, name)
    count = len(train.labels)
    if scheme == "tutorial":
        validating = np.arange(count) >= count * 4 // 5
    elif train.writers is not None and len(np.unique(train.writers)) >= MIN_WRITERS:
        validating = np.isin(train.writers, np.unique(train.writers)[::12])
    else:
        shuffled = np.random.RandomState(SPLIT_SEED).permutation(count)  # its stream is frozen
        by_class = shuffled[np.argsort(train.labels[shuffled], kind="stable")]
        validating = np.zeros(count, bool)
        validating[by_class[::12]] = True
    return Splits(_part(train, ~validating), _part(train, validating), test, name)


def _part(split: Split, chosen: NDArray[np.bool_]) -> Split:
    part = split[chosen]
    part.pixels.setflags(write=False)
    part.labels.setflags(write=False)
    return part


@lru_cache(1)
def _optdigits() -> tuple[Split, Split]:
    """scikit-learn's 8x8 digits as images; the last sixth, other writers, is the test part."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as cause:
        raise MissingExtra("The data set optdigits", "scikit-learn", "train") from cause
    digits, labels = load_digits(return_X_y=True)
    small = (digits.reshape(-1, 8, 8) / 16).astype(np.float32)
    pixels = np.stack([np.rint(ink.to_image(digit) * 255) for digit in small]).astype(np.uint8)
    labels = labels.astype(np.uint8)
    whole = Split(pixels, labels, classes=own.DIGITS)
    training = np.arange(len(labels)) < len(labels) * 5 // 6
    return _part(whole, training), _part(whole, ~training)
