"""Labelled drawings: the store that holds them, and the files that they are exported to."""

from inkling.errors import MissingExtra

try:
    from inkling.drawings.store import (
        ENVIRONMENT,
        MAX_PAGE,
        NUMBER,
        Filter,
        Labelled,
        Order,
        Place,
        Store,
        default_url,
    )
except ModuleNotFoundError as cause:
    raise MissingExtra("The store of drawings", str(cause.name), "serve") from cause

__all__ = [
    "ENVIRONMENT",
    "MAX_PAGE",
    "NUMBER",
    "Filter",
    "Labelled",
    "Order",
    "Place",
    "Store",
    "default_url",
]
