"""A folder that any web host serves: a page that reads digits and numbers by itself."""

import hashlib
import json
import shutil
from pathlib import Path

from inkling.exports import js
from inkling.files import claimed
from inkling.reading.reader import Reader

HERE = Path(__file__).parent
NOT_KEPT = {".html", ".md", ".ts"}  # pages are kept by their addresses, and no page loads the rest
FILL_IN = "[/* version, files */]"  # in sw.js


def write(reader: Reader, path: Path) -> Path:
    """Write the folder: the page, inkling-js, the network, and a service worker that keeps them.

    Raises InklingError where the network is more than layers one after the other, or where
    something else is in the folder.
    """
    with claimed(path, "sw.js", f"model/{js.MODEL}"):
        js.write_model(reader, path / "model", int8=True)
        modules = shutil.ignore_patterns("*.json", "*.md", "types")
        shutil.copytree(js.PACKAGE, path / "inkling-js", dirs_exist_ok=True, ignore=modules)
        shutil.copy(HERE / "site.js", path)
        shutil.copy(js.STATIC / "icon.svg", path)
        page = (HERE / "site.html").read_text()
        if reader.card.frame != "digit":  # no network reads its numbers
            page = "".join(line for line in page.splitlines(True) if 'id="number"' not in line)
        (path / "index.html").write_text(page)
        manifest = json.loads((js.STATIC / "manifest.webmanifest").read_text())
        manifest |= {"start_url": "./", "scope": "./"}
        (path / "manifest.webmanifest").write_text(json.dumps(manifest, indent=2))
        (path / "sw.js").write_text(service_worker(path, ["./"]))
    return path


def service_worker(folder: Path, pages: list[str], prefix: str = "") -> str:
    """The service worker that keeps pages and the files of a folder, by their names below `prefix`.

    Its version is a digest of them: a browser takes a new one whole, or stays with the old one.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "sw.js")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    kept = (path.relative_to(folder).as_posix() for path in files if path.suffix not in NOT_KEPT)
    filled = json.dumps([digest, [*pages, *(prefix + name for name in kept)]])
    return (js.STATIC / "sw.js").read_text().replace(FILL_IN, filled)
