"""Ink: a drawing or a picture -> an image, exactly as MNIST was made."""

from inkling.ink.image import DEFAULT_PEN, SIDE, Drawing, Frame, Layout, Sheet, Source, fit, to_image, to_sheet
