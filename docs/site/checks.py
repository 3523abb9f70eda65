"""Whether the built site holds together, offline: links, anchors, pictures and foreign hosts."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {  # what a browser fetches by itself
    ("img", "src"), ("script", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")
}  # fmt: skip
FOLLOWED = {("a", "href")}


class Page(HTMLParser):
    """The links of a page, the ids that one may link to, and pictures that say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []  # and whether the browser fetches it by itself
        self.ids: set[str] = set()
        self.mute: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to."""
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values.get("id", ""), values.get("name", "")}
        if tag == "img" and "alt" not in values:
            self.mute.append(values.get("src", ""))
        if tag == "link" and values.get("rel") == "canonical":
            return
        for name, value in values.items():
            if (tag, name) in LOADS | FOLLOWED:
                self.links.append((value, (tag, name) in LOADS))


def problems(site: Path) -> Iterator[str]:
    """What is wrong with a site, a line each."""
    pages = {path.resolve(): _page(path) for path in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for picture in page.mute:
            yield f"{name}: expected an alt text of the picture {picture}"
        for link, is_loaded in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if is_loaded and parts.scheme != "data":
                    yield f"{name}: expected nothing from other hosts, got {link}"
                continue
            target = _target(site, path, unquote(parts.path))
            if not target.exists():
                yield f"{name}: nothing is at {link}"
            elif target in pages and unquote(parts.fragment) not in {"", *pages[target].ids}:
                yield f"{name}: no heading at {link}"


def _page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text())
    return page


def _target(site: Path, page: Path, link: str) -> Path:
    """The file that a link leads to."""
    base = site if link.startswith("/") else page.parent
    target = (base / link.lstrip("/")).resolve() if link else page
    return target / "index.html" if target.is_dir() else target
