"""Ink: a drawing or a picture becomes an image, exactly as MNIST was made."""

from inkling.ink.decode import FORMATS, MAX_PIXELS, SIDE, Picture
from inkling.ink.drawing import DEFAULT_PEN, Drawing, Frame, Layout, Sheet
from inkling.ink.image import Source, fit, to_image, to_sheet

__all__ = [
    "DEFAULT_PEN",
    "FORMATS",
    "MAX_PIXELS",
    "SIDE",
    "Drawing",
    "Frame",
    "Layout",
    "Picture",
    "Sheet",
    "Source",
    "fit",
    "to_image",
    "to_sheet",
]
