"""All drawings in one file, for another day or another database.

The file is JSON lines, compressed by gzip, whose checksum tells a damaged file: first what it is
and how many drawings follow, then each as `archive` exports it. It is written and read a page at a
time.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

from inkling.drawings.archive import Watch, from_line, reason, to_line, unwatched
from inkling.drawings.store import Labelled, Store
from inkling.errors import StoreError
from inkling.files import atomically

FORMAT = "inkling drawings 1"


def write(store: Store, file: Path, watch: Watch = unwatched) -> int:
    """Write the drawings of one moment to a file, whole or not at all; how many.

    Others may write to the store meanwhile; `watch` sees each drawing pass. Raises StoreError.
    """
    with store.snapshot() as (count, drawings):
        try:
            with atomically(file) as whole, gzip.open(whole, "wt", encoding="ascii") as lines:
                print(json.dumps({"format": FORMAT, "drawings": count}), file=lines)
                for drawing in watch(drawings, count):
                    print(to_line(drawing), file=lines)
        except OSError as cause:
            raise StoreError(
                f"{file}: expected a file to write to, but {cause.strerror}", "Name another"
            ) from cause
    return count


def restore(store: Store, file: Path, replacing: bool = False, watch: Watch = unwatched) -> int:
    """Store the drawings of a backup, all or none, as they were; how many.

    Into an empty store, unless `replacing` says that its drawings are to be deleted. Raises
    StoreError.
    """
    return store.restore(_drawings(file, watch), replacing)


def _drawings(file: Path, watch: Watch) -> Iterator[Labelled]:
    """The drawings of a backup. Raises StoreError, at the latest at its end."""
    found = 0
    try:
        with gzip.open(file, "rt", encoding="ascii") as lines:
            head = json.loads(next(lines, "null"))
            if not isinstance(head, dict) or head.get("format") != FORMAT:
                raise ValueError(f"it does not begin as one of {FORMAT!r}")
            for found, line in enumerate(watch(lines, head.get("drawings")), 1):
                drawing = from_line(line)
                if drawing.id < 1:
                    raise ValueError(f"drawing {found} has no number")
                yield drawing
        if found != head.get("drawings"):
            raise ValueError(f"it holds {found} of {head.get('drawings')} drawings")
    except (OSError, EOFError, zlib.error, ValueError) as cause:
        raise StoreError(
            f"{file}: expected a whole backup of drawings, but {reason(cause)}",
            "Nothing was changed; take another copy",
        ) from cause
