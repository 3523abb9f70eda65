"""Arrays become PNG pictures: a sheet of images or weights, a confusion matrix."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ZOOM = (
    3  # screen pixels for each pixel of an image of 28x28; smaller images are zoomed to that size
)
CAPTION = 16  # pixels high
GAP = 8  # pixels between neighbours
CELL = 52  # pixels a side, of a cell of a confusion matrix
PAPER, TEXT = "white", "black"
INK = 0.4  # how dark ink is that speaks neither for the reading nor against it; 1 is black


def as_picture(image: NDArray[np.float32]) -> Image.Image:
    """An image `(1, H, W)` in [0, 1] as grey levels, or `(3, H, W)` as red, green and blue."""
    pixels = np.rint(image * 255).astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))


def contact_sheet(
    images: NDArray[np.float32], captions: Sequence[str], columns: int = 10
) -> Image.Image:
    """The images in rows, with a caption under each.

    Images are `(N, 1, H, W)` in [0, 1], shown as light ink on black, or `(N, 3, H, W)`, which are
    red, green and blue. Raises ValueError if there are no images or not as many captions.
    """
    if len(images) != len(captions) or not len(images):
        raise ValueError(f"{len(images)} images and {len(captions)} captions")
    font = ImageFont.load_default(size=12)
    side = images.shape[-1] * max(ZOOM, 28 * ZOOM // images.shape[-1])
    columns = min(columns, len(images))
    width = max(side, *(int(font.getlength(caption)) + 1 for caption in captions)) + GAP
    height = side + CAPTION + GAP
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    pencil = ImageDraw.Draw(sheet)
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = GAP + index % columns * width, GAP + index // columns * height
        tile = as_picture(image)
        sheet.paste(tile.resize((side, side), Image.Resampling.NEAREST), (x, y))
        pencil.text((x, y + side + 1), caption, TEXT, font)
    return sheet


def tiles(images: NDArray[np.float32], columns: int) -> Image.Image:
    """Colours `(N, 3, H, W)` in [0, 1] as tiles in rows, unscaled, a white pixel between two."""
    wide = np.pad(images, ((0, -len(images) % columns), (0, 0), (0, 1), (0, 1)), constant_values=1)
    rows = wide.reshape(-1, columns, *wide.shape[1:]).transpose(0, 3, 1, 4, 2)
    height, width = wide.shape[2:]
    pixels = rows.reshape(-1, columns * width, 3)[: len(rows) * height - 1, :-1]
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    """The picture as the bytes of a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def tint(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights `(N, 1, H, W)` as colours `(N, 3, H, W)`: red above 0, blue below 0, white at 0.

    The largest weight of each unit has the full colour. Weights `(N, 3, H, W)` of colours have
    that colour, on grey at 0.
    """
    share = at_full_strength(weights)
    if weights.shape[1] == 3:
        return np.asarray((1 + share) / 2, np.float32)
    red, blue = np.minimum(1 + share, 1), np.minimum(1 - share, 1)
    return np.concatenate([red, np.minimum(red, blue), blue], 1)


def explained(
    images: NDArray[np.float32], explanations: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Images `(N, 1, H, W)` as ink on paper `(N, 3, H, W)`, coloured by their explanations.

    Explanations `(N, 1, H, W)` are above 0 where ink speaks for the reading, below 0 where it
    speaks against it. The colours are red and blue; other ink is grey.
    """
    return np.asarray(tint(explanations) * (1 - INK * images), np.float32)


def at_full_strength(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights `(N, C, H, W)` in [-1, 1]: those of each unit divided by its largest."""
    largest = np.abs(weights).max((1, 2, 3), keepdims=True)
    share: NDArray[np.float32] = weights / np.maximum(largest, np.finfo(np.float32).tiny)
    return share


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str]) -> Image.Image:
    """The counts `(K, K)` as a table: rows are true, columns predicted, mistakes red."""
    font = ImageFont.load_default(size=13)
    left = max(int(font.getlength(name)) for name in names) + 2 * GAP
    top = CAPTION + 2 * GAP
    size = len(names) * CELL
    picture = Image.new("RGB", (left + size + GAP, left + top + size + GAP), PAPER)
    pencil = ImageDraw.Draw(picture)
    pencil.text((left, GAP), "rows: true, columns: predicted", TEXT, font)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    across = Image.new("L", (size, left), PAPER)  # names of the columns, turned by 90 degrees
    for index, name in enumerate(names):
        upright = Image.new("L", (left, CELL), PAPER)
        ImageDraw.Draw(upright).text((GAP, CELL // 2), name, TEXT, font, anchor="lm")
        across.paste(upright.rotate(90, expand=True), (index * CELL, 0))
    picture.paste(across, (left, top))
    for row, name in enumerate(names):
        y = left + top + row * CELL
        pencil.text((GAP, y + CELL // 2), name, TEXT, font, anchor="lm")
        for column, count in enumerate(counts[row]):
            x = left + column * CELL
            fade = int(
                255 * (1 - shares[row, column] ** 0.5)
            )  # the root makes rare mistakes visible
            shade = (fade, fade, 255) if row == column else (255, fade, fade)
            pencil.rectangle((x, y, x + CELL - 1, y + CELL - 1), shade, "#dddddd")
            ink = PAPER if row == column and fade < 128 else TEXT
            text = str(count) if count else "·"
            pencil.text((x + CELL // 2, y + CELL // 2), text, ink, font, anchor="mm")
    return picture
