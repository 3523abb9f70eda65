"""Plots: images, weights and confusion matrices as PNG. `charts` needs matplotlib."""

from inkling.plots.images import (
    at_full_strength,
    confusion_matrix,
    contact_sheet,
    explained,
    png,
    tiles,
    tint,
)

__all__ = [
    "at_full_strength",
    "confusion_matrix",
    "contact_sheet",
    "explained",
    "png",
    "tiles",
    "tint",
]
