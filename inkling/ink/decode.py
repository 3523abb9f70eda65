"""Files, pictures and arrays become arrays of brightness. What cannot be read is an error."""

import errno
import io
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps

from inkling.errors import InkError, TooLarge

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")  # Pillow opens a phone's MPO as a JPEG
LOSSY = ("JPEG", "MPO", "WEBP")
MAX_PIXELS = 50_000_000  # admits a photograph of 48 megapixels, rejects a decompression bomb
SIDE = 28  # pixels a side, of every image

# ArrayLike: arrays, tensors, nested lists of numbers, and bytes, bytearray or memoryview
Picture = str | os.PathLike[str] | IO[bytes] | Image.Image | ArrayLike
Grey = tuple[NDArray[np.float32], bool]
Decoded = TypeVar("Decoded")


def grey(picture: Picture) -> Grey:
    """The brightness `(H, W)` in 0..255 of a picture, and whether it was compressed with loss.

    `picture` is anything but a Drawing that `image.to_image` takes. Raises InkError or TooLarge.
    """
    if isinstance(picture, np.ndarray):
        return _grey_array(picture), False
    if isinstance(picture, Image.Image) and picture.mode == "F":
        return _grey_array(_decoding(lambda: np.asarray(picture))), False
    if isinstance(picture, Image.Image):
        return _decoding(lambda: _grey(ImageOps.exif_transpose(picture))), picture.format in LOSSY
    if isinstance(picture, str | os.PathLike):
        return _grey_of_path(picture)
    if isinstance(picture, bytes | bytearray | memoryview) and _is_of_file(picture):
        return grey(_decoding(lambda: _open(io.BytesIO(bytes(picture)))))
    if hasattr(picture, "read"):
        return grey(_decoding(lambda: _open_stream(picture)))
    return _grey_array(_numbers(picture)), False


def _grey_of_path(path: str | os.PathLike[str]) -> Grey:
    """What `grey` gives, of the file at a path."""
    try:
        with Path(os.fsdecode(path)).open("rb") as file:
            return grey(_decoding(lambda: _open(file)))
    except (OSError, TypeError, ValueError) as cause:  # ValueError: a path with a zero byte
        why = getattr(cause, "strerror", None) or cause
        raise InkError(f"Expected a picture, but {why}", "Check the path") from cause


def _is_of_file(content: bytes | bytearray | memoryview) -> bool:
    """Whether it holds a file's bytes; a memoryview may hold an array instead."""
    if not isinstance(content, memoryview):
        return True
    try:
        return content.ndim == 1 and content.format in ("B", "b", "c")
    except ValueError:  # it was released
        return False


def _open_stream(file: Any) -> Image.Image:
    """The picture in an open file, which is read from its beginning and left open."""
    if getattr(file, "closed", False):
        raise InkError("Expected an open file, got a closed one", "Read it before it is closed")
    if isinstance(file.read(0), str):
        raise InkError("Expected a file of bytes, got one of text", 'Open it with open(path, "rb")')
    seekable = file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek")
    if not seekable:
        file = io.BytesIO(file.read())
    return _open(file)


def reason(cause: Exception) -> str:
    """The first line of an error, without its full stop."""
    return (str(cause).splitlines() or [type(cause).__name__])[0].rstrip(".")


def _numbers(picture: Any) -> NDArray[Any]:
    """The array in a tensor or in nested sequences of numbers. Raises InkError.

    Plain whole numbers have no type that says how large they can be: within 0..1 they are taken
    as floats are, and within 0..255 as uint8.
    """
    try:
        array = np.asarray(picture)
        if not array.ndim and hasattr(picture, "numpy"):
            array = np.asarray(picture.numpy())
    except Exception as cause:  # each kind of tensor raises its own
        why = reason(cause)
        raise InkError(
            f"Expected the numbers of a picture, but {why}",
            "Give tensor.detach().cpu().numpy(); make a bfloat16 tensor .float() first"
            if hasattr(picture, "detach") or "Tensor" in why
            else "Give rows of equally many numbers; strokes go into Drawing(strokes)",
        ) from cause
    if not array.ndim:
        raise InkError(
            "Expected a path, an open file, its bytes, a PIL image, an array or a Drawing, "
            f"got {type(picture).__name__}",
            "Give one of these; strokes go into Drawing(strokes)",
        )
    if hasattr(picture, "dtype"):
        return array
    *_, height, width = 1, *array.shape
    if array.ndim > 1 and (width == 2 or (width == 3 and array.size == 3 * height)):
        raise InkError(
            f"Expected rows of pixels, got rows of {width} numbers",
            "If they are points, give their strokes as Drawing(strokes)",
        )
    if array.size and array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return array.astype(bool if array.max() <= 1 else np.uint8)
    return array


def _open(file: IO[bytes]) -> Image.Image:
    """The picture in a file. Its size is checked before its pixels are decoded."""
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got {image.width:,} x {image.height:,}",
            "Scale the picture down",
        )
    image.load()
    return image


_this_thread = threading.local()  # its `decodes` is true while the thread decodes a picture
_muting = threading.Lock()


class _WhileDecoding(type):
    """The kind of a category of warnings that has all of them, in a thread that decodes."""

    def __subclasscheck__(cls, category: type) -> bool:
        return getattr(_this_thread, "decodes", False)


class _AnyWarning(Warning, metaclass=_WhileDecoding):
    """Every warning while this thread decodes a picture; none otherwise, and in no other thread."""


MUTED = ("ignore", None, _AnyWarning, None, 0)  # as warnings.simplefilter keeps it


def _mute() -> None:
    """Have Python ignore what Pillow warns of, in threads that decode and only while they do.

    `warnings.catch_warnings` is not for threads: it puts back a list of filters that all share.
    This filter is never taken away. It is put first again where other code has added its own.
    """
    with _muting:
        if tuple(warnings.filters[:1]) != (MUTED,):
            warnings.simplefilter("ignore", _AnyWarning)


def _decoding(decode: Callable[[], Decoded]) -> Decoded:
    """The result of `decode`. Any error of Pillow, which raises many kinds, becomes an InkError."""
    _mute()
    _this_thread.decodes = True
    try:
        return decode()
    except InkError:
        raise
    except Image.DecompressionBombError as cause:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got far more", "Scale the picture down"
        ) from cause
    except Exception as cause:
        number = getattr(cause, "errno", None)  # Pillow gives none; EINVAL: it sought too far back
        if isinstance(cause, OSError) and number not in (None, errno.EINVAL):
            why = cause.strerror or cause
            raise InkError(f"Expected a picture, but {why}", "Check that it can be read") from cause
        raise InkError(
            "Expected a picture (PNG, JPEG, WebP, BMP or GIF), but it cannot be decoded",
            "Check that the file is whole, or save it again as PNG",
        ) from cause
    finally:
        _this_thread.decodes = False


def _grey(image: Image.Image) -> NDArray[np.float32]:
    """The brightness `(H, W)` in 0..255 of a picture. Raises ValueError if it has no pixels.

    A transparent picture is put on black if its ink is light, on white otherwise.
    """
    if not image.width * image.height:
        raise ValueError("no pixels")
    if image.mode.startswith("I;16"):
        return np.asarray(image, np.float32) / np.float32(257)
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"), np.float32)
    light, alpha = (np.asarray(band, np.float32) for band in image.convert("LA").split())
    light_ink = (light * alpha).sum() > 127 * alpha.sum()
    behind = 0.0 if light_ink else 255.0
    return np.asarray(behind + (light - behind) * (alpha / 255), np.float32)


def _grey_array(array: NDArray[Any]) -> NDArray[np.float32]:
    """The brightness `(H, W)` in 0..255 of an array. Raises InkError, TooLarge."""
    given = array.shape
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.shape in ((SIDE * SIDE,), (1, SIDE * SIDE)):
        array = array.reshape(SIDE, SIDE)
    if not array.size or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,), (4,)):
        raise InkError(
            "Expected an array of shape (H, W), (H, W, 1), (H, W, 3), (H, W, 4), any of these "
            f"with 1 before it, or ({SIDE * SIDE},), got {given}",
            "Move the colours last: array.transpose(1, 2, 0)"
            if array.ndim == 3 and array.shape[0] in (3, 4)
            else "Give one picture at a time; read_many takes a list of them",
        )
    if array.size > 4 * MAX_PIXELS:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got {array.shape}", "Scale the picture down"
        )
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        array = array * 255
    elif array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype != np.uint8:
        extremes = f", {array.min()} to {array.max()}" if array.dtype.kind in "iuf" else ""
        raise InkError(
            f"Expected uint8, bool, or floats in [0, 1], got {array.dtype}{extremes}",
            "Divide by the largest possible value, or convert to uint8",
        )
    if array.ndim == 3:
        return _grey(Image.fromarray(array.astype(np.uint8)))
    return array.astype(np.float32)
