"""Files, pictures and arrays become arrays of brightness. What cannot be read is an error."""

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inkling.errors import InkError, TooLarge

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")  # Pillow opens a phone's MPO as a JPEG
LOSSY = ("JPEG", "MPO", "WEBP")
MAX_PIXELS = 50_000_000  # admits a photograph of 48 megapixels, rejects a decompression bomb

Picture = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
Grey = tuple[NDArray[np.float32], bool]
Decoded = TypeVar("Decoded")


def grey(picture: Picture) -> Grey:
    """The brightness `(H, W)` in 0..255 of a picture, and whether it was compressed with loss.

    `picture` is a path, the bytes of a file, a PIL image or an array, as in `image.to_image`.
    Raises InkError or TooLarge.
    """
    if isinstance(picture, np.ndarray):
        return _grey_array(picture), False
    if isinstance(picture, Image.Image) and picture.mode == "F":
        return _grey_array(np.asarray(picture)), False
    if isinstance(picture, Image.Image):
        return _decoding(lambda: _grey(ImageOps.exif_transpose(picture))), picture.format in LOSSY
    if isinstance(picture, bytes):
        return grey(_decoding(lambda: _open(io.BytesIO(picture))))
    path = Path(picture)
    try:
        with path.open("rb") as file:
            return grey(_decoding(lambda: _open(file)))
    except InkError as error:
        raise type(error)(f"{path}: {error.error}", error.hint) from error
    except (OSError, ValueError) as cause:  # ValueError: a path with a zero byte
        why = getattr(cause, "strerror", None) or cause
        raise InkError(f"{path}: Expected a picture, but {why}", "Check the path") from cause


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


def _decoding(decode: Callable[[], Decoded]) -> Decoded:
    """The result of `decode`. Any error of Pillow, which raises many kinds, becomes an InkError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode()
    except InkError:
        raise
    except Image.DecompressionBombError as cause:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got far more", "Scale the picture down"
        ) from cause
    except Exception as cause:
        raise InkError(
            "Expected a picture (PNG, JPEG, WebP, BMP or GIF), but it cannot be decoded",
            "Check that the file is whole, or save it again as PNG",
        ) from cause


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
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if not array.size or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,), (4,)):
        raise InkError(
            f"Expected an array of shape (H, W), (1, H, W), (H, W, 3) or (H, W, 4), "
            f"got {array.shape}",
            "Give one picture at a time; read_many takes a list of them",
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
