"""Labelled drawings."""

from inkling.drawings.store import ENVIRONMENT, MOST_AT_ONCE, Filter, Labelled, Order, Store, default_url
