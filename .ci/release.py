"""The notes of a release: the newest entry of CHANGELOG.md.

    python3 .ci/release.py v1.2.3

Fails unless the tag, the version of the package and that entry agree. Standard library only.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
(tag,) = sys.argv[1:]
package = (ROOT / "inkling" / "__init__.py").read_text()
found = re.search(r'^__version__ = "(.+)"$', package, re.MULTILINE)
version = found[1] if found else "none"
changelog = (ROOT / "CHANGELOG.md").read_text()
_, newest, *_ = re.split(r"^## ", changelog, maxsplit=2, flags=re.MULTILINE)
title, _, notes = newest.partition("\n")
entry = re.fullmatch(r"(\S+) \(\d{4}-\d{2}-\d{2}\)", title)
if tag != f"v{version}" or entry is None or entry[1] != version or not notes.strip():
    sys.exit(
        f"Expected a tag, a version and a newest entry of CHANGELOG.md that agree, as v1.2.3, "
        f'1.2.3 and "1.2.3 (2026-01-31)" with notes; got {tag}, {version} and "{title}"'
    )
sys.stdout.write(notes.strip() + "\n")
