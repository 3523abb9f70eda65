"""Data sets: the catalog, fetching, verifying, splitting."""

from inkling.data.catalog import CATALOG, DataSet, File
from inkling.data.datasets import (
    Scheme,
    Split,
    Splits,
    digests,
    fetch,
    folders,
    get,
    is_here,
    items,
    load,
    part,
    split,
    splits,
    to_train_on,
    without_wrong,
)
from inkling.data.download import Report, cache_folder
from inkling.data.own import is_own
from inkling.data.strokes import Item, says

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
    "is_own",
    "items",
    "load",
    "part",
    "says",
    "split",
    "splits",
    "to_train_on",
    "without_wrong",
]
