"""Plots: images, weights and confusion matrices as PNG. `charts` needs matplotlib."""

from inkling.plots.images import (
    as_picture,
    at_full_strength,
    confusion_matrix,
    contact_sheet,
    explained,
    png,
    tiles,
    tint,
)

__all__ = [
    "as_picture",
    "at_full_strength",
    "confusion_matrix",
    "contact_sheet",
    "explained",
    "png",
    "tiles",
    "tint",
]
