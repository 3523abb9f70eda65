"""Ink: a drawing or a picture becomes an image, exactly as MNIST was made."""

from inkling.ink.decode import SIDE, Picture, from_base64, from_data_url, naming, pages, pictures_in
from inkling.ink.drawing import DEFAULT_PEN, Drawing, Frame, Sheet
from inkling.ink.formats import ENDINGS, FORMATS, MAX_PIXELS, Pages
from inkling.ink.image import SHAPES, Shape, Source, decoded, fit, image_box, to_image, to_sheet

__all__ = [
    "DEFAULT_PEN",
    "ENDINGS",
    "FORMATS",
    "MAX_PIXELS",
    "SHAPES",
    "SIDE",
    "Drawing",
    "Frame",
    "Pages",
    "Picture",
    "Shape",
    "Sheet",
    "Source",
    "decoded",
    "fit",
    "from_base64",
    "from_data_url",
    "image_box",
    "naming",
    "pages",
    "pictures_in",
    "to_image",
    "to_sheet",
]
