"""Files become pictures: what a phone, a scanner or a browser gives. Others are an error."""

import errno
import io
import re
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any, TypeVar

import numpy as np
from PIL import Image, ImageSequence, TiffImagePlugin, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from inkling.errors import InkError, TooLarge
from inkling.ink import pdf

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM", "JPEG2000")  # of Pillow
KINDS = "PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, HEIC, JPEG 2000, PPM or PDF"
ENDINGS = (  # of their files' names
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
    *(".heic", ".heif", ".jp2", ".pbm", ".pgm", ".ppm", ".pdf"),
)
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000", "PDF")  # a phone's JPEG may be an MPO
ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
MAX_PIXELS = 50_000_000  # that are decoded; rejects a decompression bomb
ORDINARY = 17_000_000  # pixels of a photograph; a JPEG of more is scaled while it is decoded
SCALED = 4_200_000  # pixels of such a one, at most: of 48 megapixels, 2,000 x 1,500
SCALES = (2, 4, 8)  # by which libjpeg scales; the last is enough for all that Pillow opens
TIMES = "scaled down"  # in the `info` of a picture: how many times each side was longer
MAX_FRAMES_PIXELS = MAX_PIXELS  # of an animation together, until a frame has ink
MAX_BYTES = 500_000_000  # of a file with pages, and of one that cannot be read twice
MAX_PAGES = 200
DEPTHS = (3, 15, 63, 255)  # the high byte of colours of 10, 12, 14 and 16 bits, at most
REDUCED = 1  # flag of a TIFF's tag 254: a smaller copy of another picture in the file

HEAD = 4096  # bytes at the beginning of a file, which tell what it is
PDF = re.compile(rb".{0,1019}%PDF-", re.DOTALL)  # readers take it within the first 1,024 bytes
HEIF = re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
FOREIGN = [  # the first bytes of other files, what these are, and the way out
    (rb"$", "an empty file", "Check how it was saved or sent"),
    (rb"(<\?xml.*)?<(!doctype html|html|head|body)", "an HTML page", "Save the picture on it"),
    (rb"(<\?xml.*|<!.*)?<svg", "an SVG drawing", "Export it as PNG"),
    (rb"PK\x03\x04.{26}(\[content|_rels|mimetype)", "an office document", "Export it as PDF"),
    (rb"\xd0\xcf\x11\xe0", "an office document", "Export it as PDF"),
    (rb"PK\x03\x04", "a ZIP archive", "Unpack it"),
    (rb".{4}ftyp(iso|mp4|m4v|qt|3g|avc)", "a video", "Save one picture of it as PNG"),
    (rb"\x1a\x45\xdf\xa3|riff.{4}avi ", "a video", "Save one picture of it as PNG"),
    (rb"\xff\x0a|.{4}jxl ", "a JPEG XL picture", "Save it as PNG"),
    (rb"8bps", "a Photoshop picture", "Export it as PNG"),
    (rb"%!ps", "a PostScript file", "Export it as PDF"),
    (rb"\xff\xfe|\xfe\xff|[\t\n\r -~\x80-\xff]+$", "text", "Give the file of a picture"),
]

Decoded = TypeVar("Decoded")


class Pages:
    """The pages of a file, each decoded when it is asked for. That may raise InkError, TooLarge."""

    def __init__(self, kind: str, count: int, decode: Callable[[int], Image.Image]) -> None:
        if count > MAX_PAGES:
            raise TooLarge(f"Expected at most {MAX_PAGES} pages, got more", "Split the file")
        self._kind = kind
        self._count = count
        self._decode = decode

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Image.Image:
        number = range(self._count)[index]
        return decoding(lambda: self._decode(number))

    def __iter__(self) -> Iterator[Image.Image]:
        return (self[number] for number in range(self._count))

    def only(self) -> Image.Image:
        """The one page. Raises InkError if there are several."""
        if self._count > 1:
            raise InkError(
                f"Expected one picture, got a {self._kind} of {self._count} pages",
                "Read each: reader.read_many(ink.pages(path))",
            )
        return self[0]


def pages(file: IO[bytes]) -> Pages:
    """The pages of an open file, which is read from its beginning and left open.

    All but a TIFF and a PDF have one. Raises InkError, TooLarge.
    """
    return decoding(lambda: _pages(_at_its_beginning(file)))


def is_lossy(image: Image.Image) -> bool:
    """Whether a picture was compressed with loss, as far as it says so."""
    return image.format in LOSSY or "jpeg" in str(image.info.get("compression"))


def times(image: Image.Image) -> int:
    """How many pixels of its file, along each side, became one of a picture."""
    found = image.info.get(TIMES, 1)
    return found if isinstance(found, int) else 1  # a PNG's may be text of its author's


def _at_its_beginning(file: Any) -> IO[bytes]:
    """The file, or its content if it can be read only once. Raises InkError, TooLarge."""
    if getattr(file, "closed", False):
        raise InkError("Expected an open file, got a closed one", "Read it before it is closed")
    if isinstance(file.read(0), str):
        raise InkError("Expected a file of bytes, got one of text", 'Open it with open(path, "rb")')
    seekable = file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek")
    if not seekable:
        return io.BytesIO(_content(file))
    file.seek(0)
    return file  # type: ignore[no-any-return]


def _content(file: IO[bytes]) -> bytes:
    """The rest of a file. Raises TooLarge."""
    content = bytearray()
    while part := file.read(MAX_BYTES + 1 - len(content)):  # of a pipe, what is there
        content += part
        if len(content) > MAX_BYTES:
            raise TooLarge(f"Expected at most {MAX_BYTES:,} bytes, got more", "Split the file")
    return bytes(content)


def _pages(file: IO[bytes]) -> Pages:
    """What `pages` gives, of a file at its beginning. Pillow may raise anything."""
    try:
        image: Image.Image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        head = file.read(HEAD)
        file.seek(0)
        if PDF.match(head):
            return _pages_of_pdf(_content(file))
        if not HEIF.match(head):
            raise _foreign(head) from None
        from pi_heif import HeifImageFile

        image = HeifImageFile(file)
    if image.format == "TIFF":
        file.seek(0)
        return _pages_of_tiff(_content(file))
    picture = _first_with_ink(image) if image.format in ANIMATED else _loaded(image)
    return Pages(str(image.format), 1, lambda _: picture)


def _pages_of_pdf(content: bytes) -> Pages:
    count, first = pdf.page(content, 0)

    def decode(number: int) -> Image.Image:
        image = pdf.page(content, number)[1] if number else first
        image.format = "PDF"
        return image

    return Pages("PDF", count, decode)


def _pages_of_tiff(content: bytes) -> Pages:
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(content))
    frames = [
        number
        for number, _ in enumerate(islice(ImageSequence.Iterator(image), MAX_PAGES + 1))
        if not image.tag_v2.get(254, 0) & REDUCED
    ] or [0]

    def decode(number: int) -> Image.Image:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(content))  # its own, for each thread
        image.seek(frames[number])
        return _loaded(image)

    return Pages("TIFF", len(frames), decode)


def _loaded(image: Image.Image) -> Image.Image:
    """The picture, decoded. Its size is checked before. Raises TooLarge."""
    if isinstance(image, JpegImageFile):
        _scale(image)
    if image.width * image.height > MAX_PIXELS:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got {image.width:,} x {image.height:,}",
            "Scale the picture down",
        )
    deep = "RGB;16" in str(getattr(image, "tile", ""))  # Pillow keeps the high byte of each colour
    image.load()
    if not deep:
        return image
    depth = next(depth for depth in DEPTHS if depth >= np.asarray(image).max())
    return image.point(lambda value: min(value * 255 // depth, 255))


def _scale(image: JpegImageFile) -> None:
    """Have a photograph that is larger than usual scaled down while it is decoded.

    Of one with several scans, as a progressive one, libjpeg keeps all coefficients, whatever the
    scale: up to 6 bytes a pixel. So its own pixels count against MAX_PIXELS.
    """
    pixels = image.width * image.height
    if pixels <= ORDINARY or (pixels > MAX_PIXELS and not _has_one_scan(image)):
        return
    scale = next(scale for scale in SCALES if pixels <= SCALED * scale**2 or scale == SCALES[-1])
    width = image.width
    image.draft(None, (max(image.width // scale, 1), max(image.height // scale, 1)))
    image.info[TIMES] = -(-width // image.width)


def _has_one_scan(image: JpegImageFile) -> bool:
    """Whether the first scan of a JPEG holds all of it. Pillow has just read that scan's header."""
    assert image.fp  # it is open until it is loaded
    header = 8 + 2 * image.layers  # bytes, where it names all colours
    image.fp.seek(-header, io.SEEK_CUR)
    found = image.fp.read(header)
    return found[:5] == struct.pack(">2sHB", b"\xff\xda", header - 2, image.layers) and not (
        image.info.get("progressive")
    )


def _first_with_ink(image: Image.Image) -> Image.Image:
    """The first frame of several colours if it is an animation, else the picture, decoded."""
    image = _loaded(image)
    if getattr(image, "is_animated", False):
        limit = min(MAX_PAGES, MAX_FRAMES_PIXELS // (image.width * image.height))
        for frame in islice(ImageSequence.Iterator(image), limit):
            if frame.convert("RGBA").getcolors(1) is None:
                break
    return image


def _foreign(head: bytes) -> InkError:
    """The error for a file that is no picture, of its first bytes."""
    head = head.lstrip(b"\xef\xbb\xbf\t\n\r ")  # the mark of UTF-8, white space
    for start, what, hint in FOREIGN:
        if re.match(start, head, re.DOTALL | re.IGNORECASE):
            return InkError(f"Expected a picture ({KINDS}), got {what}", hint)
    return _damaged()


def _damaged() -> InkError:
    return InkError(
        f"Expected a picture ({KINDS}), but it cannot be decoded",
        "Check that the file is whole, or save it again as PNG",
    )


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


def decoding(decode: Callable[[], Decoded]) -> Decoded:
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
        raise _damaged() from cause
    finally:
        _this_thread.decodes = False
