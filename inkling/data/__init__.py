"""Data sets: the catalog, fetching, verifying, splitting."""

from inkling.data.catalog import CATALOG, DataSet, File
from inkling.data.datasets import (
    Scheme,
    digests,
    fetch,
    folders,
    forget,
    from_arrays,
    get,
    is_here,
    items,
    load,
    load_data,
    looked_at,
    part,
    split,
    splits,
    to_train_on,
    without_wrong,
)
from inkling.data.download import Report, cache_folder
from inkling.data.own import is_own
from inkling.data.parts import Example, Split, Splits
from inkling.data.strokes import Item, says

__all__ = [
    "CATALOG",
    "DataSet",
    "Example",
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
    "forget",
    "from_arrays",
    "get",
    "is_here",
    "is_own",
    "items",
    "load",
    "load_data",
    "looked_at",
    "part",
    "says",
    "split",
    "splits",
    "to_train_on",
    "without_wrong",
]
