"""The pages of a PDF, each rendered by a process of its own.

A PDF of 2 kB can ask for hours of work and hundreds of gigabytes, as its forms may draw one
another. So PDFium works in a process that has little memory and is killed when its time is up.
It runs no scripts. PDFium is not safe for threads either; processes share nothing.

This file is also the program of that process: its arguments are the number of a page and the
bytes of memory, its standard input a PDF, its standard output the number of pages and the page as
PPM.
"""

import contextlib
import io
import subprocess
import sys

from PIL import Image

from inkling.errors import InkError, TooLarge

DPI = 200  # pixels an inch, of 72 units
MAX_SIDE = 2500  # pixels of the longer side of a page
MAX_SECONDS = 20  # for a page
MAX_MEMORY = 2**30  # bytes
NEEDS_PASSWORD = 4  # FPDF_ERR_PASSWORD of PDFium's fpdfview.h


def page(content: bytes, number: int) -> tuple[int, Image.Image]:
    """How many pages a PDF has, and one of them as a picture; `number` counts from 0.

    Raises TooLarge if it takes too much time or memory, InkError if it needs a password, and
    ValueError if it cannot be read.
    """
    program = [sys.executable, "-P", "-W", "ignore", __file__, str(number), str(MAX_MEMORY)]
    try:
        done = subprocess.run(program, input=content, capture_output=True, timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired as cause:
        raise _takes_too_much() from cause
    if done.returncode < 0 or b"MemoryError" in done.stderr:
        raise _takes_too_much()
    if done.returncode == NEEDS_PASSWORD:
        raise InkError("Expected an open PDF, got one with a password", "Save it without one")
    if done.returncode:
        raise ValueError(done.stderr.decode(errors="replace"))
    count, _, picture = done.stdout.partition(b"\n")
    image = Image.open(io.BytesIO(picture), formats=["PPM"])
    image.load()
    return int(count), image


def _takes_too_much() -> TooLarge:
    return TooLarge(
        f"Expected a page that renders in {MAX_SECONDS} seconds and {MAX_MEMORY / 2**30:g} GB, "
        "got a larger one",
        "Export the page as PNG",
    )


def _render(content: bytes, number: int) -> tuple[int, Image.Image]:
    """What `page` gives. Raises pypdfium2.PdfiumError if it cannot be read."""
    import pypdfium2

    with pypdfium2.PdfDocument(content) as document:
        page = document[number]
        scale = min(DPI / 72, MAX_SIDE / max(page.get_size()))
        bitmap = page.render(scale=scale, rev_byteorder=True)
        return len(document), bitmap.to_pil().convert("RGB")


def _main() -> int:
    """Render a page of the PDF on standard input; the exit code is the number of an error."""
    import pypdfium2

    number, memory = map(int, sys.argv[1:])
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows, or a lower limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        count, image = _render(sys.stdin.buffer.read(), number)
    except pypdfium2.PdfiumError as error:
        sys.stderr.write(str(error))
        return error.err_code or 1
    sys.stdout.buffer.write(b"%d\n" % count)
    image.save(sys.stdout.buffer, "PPM")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
