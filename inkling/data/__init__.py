"""Data sets: the catalog, fetching, verifying, splitting."""

from inkling.data.catalog import CATALOG, DataSet, File, get
from inkling.data.datasets import (
    Report,
    Scheme,
    Split,
    Splits,
    cache_folder,
    digests,
    fetch,
    folders,
    is_here,
    items,
    load,
    part,
    split,
    splits,
    to_train_on,
    without_wrong,
)
from inkling.data.strokes import Item

__all__ = [
    "CATALOG",
    "DataSet",
    "File",
    "Item",
    "Report",
    "Scheme",
    "Split",
    "Splits",
    "cache_folder",
    "digests",
    "fetch",
    "folders",
    "get",
    "is_here",
    "items",
    "load",
    "part",
    "split",
    "splits",
    "to_train_on",
    "without_wrong",
]
