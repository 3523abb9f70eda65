"""Files, pictures and arrays become arrays of pixels. What cannot be read is an error."""

import base64
import binascii
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeGuard
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ExifTags, Image, ImageOps

from inkling.errors import InkError, TooLarge
from inkling.ink import formats
from inkling.ink.formats import MAX_PIXELS, Pages

SIDE = 28  # pixels a side, of every image
SIGNED = (  # where floats lie that were shifted: to -1..1, and as PyTorch's example of MNIST does
    (-1.0, 1.0),
    (-0.1307 / 0.3081, (1 - 0.1307) / 0.3081),
)
CLOSE = 1e-3  # to these, of float16 and of other rounding
STRIP = 256  # rows of a picture
GREY = ("1", "L")  # Pillow's modes without colour
BITS = (1, 8, 10, 12, 14, 16)  # of the brightness that a scanner gives
DATA_URL = re.compile(  # RFC 2397
    r"data:([\w.+-]{1,80}/[\w.+-]{1,80}|)(;[^,]*|),(.*)", re.ASCII | re.DOTALL | re.IGNORECASE
)

File = str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview
# ArrayLike: arrays, tensors, nested lists of numbers, and bytes, bytearray or memoryview
Pixels = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture whose pixels are known, so that it can be looked at twice."""

    pixels: Pixels  # in 0..255: (H, W), or (H, W, 3) for red, green, blue
    lossy: bool  # whether it was compressed with loss
    times: int = 1  # pixels of its file, along each side, for each of these


Picture = str | os.PathLike[str] | IO[bytes] | Image.Image | ArrayLike | Decoded


def decoded(picture: Picture) -> Decoded:
    """The pixels of a picture.

    They are `(H, W)` where the picture has no colour, else `(H, W, 3)`: red, green, blue. They are
    uint8, or float32 if they were given with more than 8 bits. What is transparent is put on black
    if its ink is light, on white otherwise. `picture` is anything but a Drawing that
    `image.to_image` takes. Raises InkError or TooLarge.
    """
    if isinstance(picture, Decoded):
        return picture
    given: Any = picture
    if isinstance(given, dict) and "composite" in given:  # of Gradio's Sketchpad
        return decoded(given["composite"])
    if isinstance(picture, np.ndarray):
        return Decoded(_of_array(picture), lossy=False)
    if isinstance(picture, Image.Image):
        found = formats.decoding(lambda: _pixels(_upright(picture)))
        return Decoded(found, formats.is_lossy(picture), formats.times(picture))
    if (held := _pages(picture)) is not None:
        return decoded(held.only())
    return Decoded(_of_array(_numbers(picture)), lossy=False)


def pages(source: File) -> Pages:
    """The pages of a TIFF or PDF, each a picture, decoded when it is asked for; of others, one.

    `source` is a path, a data URL, an open file or its bytes. `len` gives the number of pages.
    Raises InkError, TooLarge, as each page does.
    """
    with naming(source):
        found = _pages(source)
    if found is None:
        raise InkError(f"Expected a file, got {type(source).__name__}", "Give a path or its bytes")
    return found


def pictures_in(folder: str | os.PathLike[str]) -> list[str]:
    """The pictures in a folder, by the order of their names. Raises InkError if there are none.

    What they are is told by their names; macOS puts a ._X beside each, which is none.
    """
    found = sorted(
        str(path)
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in formats.ENDINGS and not path.name.startswith("._")
    )
    if not found:
        raise InkError(
            f"{os.fspath(folder)}: Expected a folder with pictures, but there are none in it",
            f"Name files, or a folder with any of: {' '.join(formats.ENDINGS)}",
        )
    return found


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Within this, an error of a file that is given by its path names that path."""
    try:
        yield
    except InkError as error:
        if is_path(source):
            raise type(error)(f"{os.fspath(source)!s}: {error.error}", error.hint) from error
        raise


def is_path(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is the path of a file; a text may be a data URL instead."""
    if isinstance(source, str):
        return source[:5].lower() != "data:"
    return isinstance(source, os.PathLike)


def from_data_url(text: str) -> bytes:
    """The file in a data URL of a picture: `data:image/png;base64,...`. Raises InkError."""
    found = DATA_URL.fullmatch(text)
    if not found:
        raise InkError(
            "Expected a data URL, got a text of another form",
            "For example: data:image/png;base64,...",
        )
    kind, parameters, data = found.groups()
    if not re.fullmatch("image/.+|application/(pdf|octet-stream)|", kind, re.IGNORECASE):
        raise InkError(f"Expected a data URL of a picture, got one of {kind}", "Give an image/png")
    content = unquote_to_bytes(data.encode("ascii", "replace"))
    if parameters.lower().endswith(";base64"):
        return from_base64(content.decode("latin-1"))
    return content


def from_base64(text: str) -> bytes:
    """The file that a text holds as base64; white space and missing padding do not matter.

    Raises InkError.
    """
    text = "".join(text.split()).rstrip("=")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error) as cause:
        raise InkError(
            f"Expected a picture as base64, but {reason(cause)}", "Send the file's bytes as base64"
        ) from cause
    if not content:
        raise InkError("Expected a picture as base64, got an empty text", "Check how it was sent")
    return content


def _pages(source: Any) -> Pages | None:
    """The pages of a file; None of what is no file. Raises InkError, TooLarge."""
    if is_path(source):
        if isinstance(source, str) and source[:8].lower().startswith(("http://", "https://")):
            raise InkError(
                "Expected the path of a file, got a web address, which is not fetched",
                "Download it first, and give the file or its bytes",
            )
        return _pages_of_path(source)
    if isinstance(source, str):
        return formats.pages(io.BytesIO(from_data_url(source)))
    if isinstance(source, bytes | bytearray | memoryview) and _is_of_file(source):
        return formats.pages(io.BytesIO(bytes(source)))
    return formats.pages(source) if hasattr(source, "read") else None


def _pages_of_path(path: str | os.PathLike[str]) -> Pages:
    try:
        with Path(os.fsdecode(path)).open("rb") as file:
            return formats.pages(file)
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
    return array


def _upright(image: Image.Image) -> Image.Image:
    """A picture, turned as its camera says; the same one if it needs no turn."""
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
    return ImageOps.exif_transpose(image) if turned else image


def _pixels(image: Image.Image) -> Pixels:
    """The pixels of a picture, as `decoded` gives them. Raises ValueError if it has none."""
    if not image.width * image.height:
        raise ValueError("no pixels")
    if image.mode[0] in "IF":
        return _scaled(np.asarray(image))
    if image.mode == "La":  # which Pillow converts to nothing else
        image = image.convert("LA")
    if image.has_transparency_data:
        image = _on_paper(image.convert("RGBA"))
    mode = "L" if image.mode in GREY else "RGB"
    return _without_colour(_array(image if image.mode == mode else image.convert(mode)))


def _array(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a picture, copied a strip at a time, since Pillow would take them twice."""
    shape = (image.height, image.width) + ((3,) if image.mode == "RGB" else ())
    array = np.empty(shape, np.uint8)
    for top in range(0, image.height, STRIP):
        bottom = min(top + STRIP, image.height)
        array[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return array


def _on_paper(image: Image.Image) -> Image.Image:
    """A transparent picture (RGBA) on black if its ink is light, on white otherwise."""
    on_black = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    light = np.asarray(on_black.convert("L")).sum()  # of the ink, as far as it covers the paper
    if 255 * light > 127 * np.asarray(image.getchannel("A")).sum():
        return on_black
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _scaled(numbers: NDArray[Any]) -> Pixels:
    """Numbers of more than 8 bits, or floats, as 0..255. Raises InkError.

    A scanner of 12 bits uses a sixteenth of 16: the range is the smallest usual one that holds
    all numbers. Larger and negative numbers have no usual range, and are taken for all of theirs.
    """
    low, high = float(numbers.min()), float(numbers.max())
    if not np.isfinite(high - low):
        raise InkError("Expected finite numbers, got NaN or infinity", "Replace them")
    fits = (2**bits - 1 for bits in BITS if high <= 2**bits - 1)
    top = (high - low or 1) if low < 0 else next(fits, high)
    numbers = numbers.astype(np.float32)
    return np.asarray((numbers - min(low, 0)) * 255 / top, np.float32)


def _without_colour(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(H, W)` if the channels of an array `(H, W)` or `(H, W, 3)` are all equal."""
    if array.ndim == 3 and all((array[..., 0] == array[..., k]).all() for k in (1, 2)):
        return array[..., 0]
    return array


def _of_array(array: NDArray[Any]) -> Pixels:
    """The pixels of an array, as `decoded` gives them. Raises InkError, TooLarge."""
    given = array.shape
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] in (3, 4) and array.shape[2] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)  # the colours came first, as PyTorch has them
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.shape in ((SIDE * SIDE,), (1, SIDE * SIDE)):
        array = array.reshape(SIDE, SIDE)
    if not array.size or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,), (4,)):
        raise InkError(
            "Expected an array of shape (H, W), (H, W, 1), (H, W, 3), (H, W, 4), any of these "
            f"with 1 before it, or ({SIDE * SIDE},), got {given}",
            "Give one picture at a time; read_many takes a list of them",
        )
    if array.size > 4 * MAX_PIXELS:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got {array.shape}", "Scale the picture down"
        )
    if array.dtype != np.uint8:
        array = _as_bytes(array)
    if array.ndim == 3:
        return _pixels(Image.fromarray(array.astype(np.uint8)))
    return array if array.dtype == np.uint8 else array.astype(np.float32)


def _as_bytes(array: NDArray[Any]) -> NDArray[Any]:
    """Numbers of another type as 0..255, where their range leaves no doubt. Raises InkError."""
    kind = array.dtype.kind
    low, high = (array.min(), array.max()) if kind in "iuf" else (0, 0)
    if kind == "b" or (kind in "iu" and low >= 0 and high <= 1):  # a mask
        return array.astype(bool) * np.uint8(255)
    if kind in "iu" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    if array.dtype == np.uint16:
        return _scaled(array)
    if kind == "f" and low >= 0 and high <= 1:
        return array * 255
    if kind == "f" and low >= 0 and 2 <= high <= 255:  # below 2, it may be light beyond 1
        return array
    for first, last in SIGNED if kind == "f" else ():
        if abs(low - first) < CLOSE and high < last + CLOSE:
            return (array.clip(first, last) - first) * (255 / (last - first))
    extremes = f", {low} to {high}" if kind in "iuf" else ""
    raise InkError(
        f"Expected numbers from 0 to 255, bool, or floats in [0, 1], got {array.dtype}{extremes}",
        "Divide by the largest possible value, or convert to uint8",
    )
