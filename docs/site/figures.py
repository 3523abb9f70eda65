"""What pages take from elsewhere: figures of records, and files of the repository.

    {{sprint.mean:.2f}}                         a value of results/sprint.json, formatted
    {{engines.rows * | {name} | {lines} |}}     a line for each row of a list
    {{card.test.accuracy:.1%}}                  a value of the card of the bundle that ships

A record's figure that changes changes on the page.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
CARD = ROOT / "inkling" / "reading" / "pretrained" / "card.json"
PLACE = re.compile(r"\{\{\s*([\w-]+)((?:\.[\w -]+?)+)\s*(?::([^}\s]+)|\* (.*?))?\}\}(?!\})")
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}


def filled(text: str) -> str:
    """The text with its figures. Raises KeyError for a figure that is not in the record."""
    return PLACE.sub(_value, text)


def _value(found: re.Match[str]) -> str:
    name, keys, spec, template = found.groups()
    value: Any = _record(name)
    for key in keys[1:].split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
    if template:
        rows = ({key: "" if one is None else one for key, one in row.items()} for row in value)
        return "\n".join(map(template.format_map, rows))
    return format(value, spec or "").replace("%", " %")


@cache
def _record(name: str) -> Any:
    return json.loads((CARD if name == "card" else ROOT / "results" / f"{name}.json").read_text())


def add_sources(pages: Path) -> None:
    """Give each file of the repository that a page links to a page of its own."""
    todo = sorted(pages.rglob("*.md"))
    while todo:
        page = todo.pop()
        up = "../" * len(page.parent.relative_to(pages).parts)

        def to_source(found: re.Match[str], page: Path = page, up: str = up) -> str:
            link, anchor = found.groups()
            target = (page.parent / link).resolve()
            if target == pages / "lessons":  # their sources; here are their pages
                return f"]({up}learn/index.md)"
            if ":" in link or target.is_relative_to(pages):
                return found[0]
            added = _source(ROOT / target.relative_to(pages.parent), pages, todo)
            return f"]({up}{added.relative_to(pages).as_posix()}{anchor or ''})"

        page.write_text(LINK.sub(to_source, page.read_text()))


def _source(source: Path, pages: Path, todo: list[Path]) -> Path:
    """The page of a file of the repository; of a folder, its list. A new one is to be done."""
    name = source.relative_to(ROOT)
    page = pages / "source" / (name.name if source.suffix == ".md" else f"{name}.md")
    if page.exists():
        return page
    page.parent.mkdir(parents=True, exist_ok=True)
    todo.append(page)
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.is_file())
        up = "../" * (1 + len(page.relative_to(pages).parent.parts))  # out of the pages
        rows = [f"- [{path.name}]({up}{path.relative_to(ROOT)})" for path in files]
        page.write_text(f"# {name}\n\n" + "\n".join(rows) + "\n")
    elif source.suffix == ".md":  # its links begin at the repository
        text = LINK.sub(lambda found: _from_source(found, source), source.read_text())
        page.write_text(text)
    else:
        text = source.read_text()
        fence = "`" * 4
        language = LANGUAGES.get(source.suffix, "text")
        page.write_text(f"# {name}\n\n{fence}{language}\n{text}\n{fence}\n")
    return page


def _from_source(found: re.Match[str], source: Path) -> str:
    """A link of a page of the repository, from where the page lies on the site."""
    link, anchor = found.groups()
    if ":" in link:
        return found[0]
    path = (source.parent / link).resolve().relative_to(ROOT).as_posix()
    inside = f"../{path[5:]}" if path.startswith("docs/") else f"../../{path}"
    return f"]({inside}{anchor or ''})"
