"""Data sets: the catalog, fetching, verifying, splitting."""

from inkling.data.catalog import CATALOG, DataSet, File, get
from inkling.data.datasets import (
    Report,
    Scheme,
    Split,
    Splits,
    cache_folder,
    fetch,
    folders,
    is_here,
    load,
    split,
    splits,
)

__all__ = [
    "CATALOG",
    "DataSet",
    "File",
    "Report",
    "Scheme",
    "Split",
    "Splits",
    "cache_folder",
    "fetch",
    "folders",
    "get",
    "is_here",
    "load",
    "split",
    "splits",
]
