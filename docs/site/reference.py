"""The reference pages, made of the code itself: commands, Python, HTTP, recipes, cards."""

import inspect
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.core import TyperArgument
from typer.main import get_command

import inkling
from inkling import cli
from inkling.acceptance import Acceptance
from inkling.experiments import recipe, recipes
from inkling.metrics import Measures, Report
from inkling.reading import bundle
from inkling.web import app
from inkling.web.settings import Settings

GROUPS = {  # of the public names
    "Data": ("load_data", "from_arrays"),
    "Training": ("train", "open_run", "Run", "recipe", "Recipe", "fine_tune", "FineTuned"),
    "Reading": ("Reader", "Reading", "Number", "Constraints", "Drawing", "to_image", "Pad"),
    "Elsewhere": ("export",),
    "Errors": ("InklingError", "NothingDrawn"),
}
FIELD = re.compile(r"^    (\w+): (.+?)(?: = (.+?))?(?:  # (.+))?$", re.MULTILINE)


def pages() -> dict[str, str]:
    """Each reference page by its name."""
    return {
        "commands": _commands(),
        "python": _python(),
        "http": _http(),
        "recipes": _recipes(),
        "bundles": _bundles(),
    }


def _commands() -> str:
    """Every command, with its arguments and options."""
    parts = ["# Commands", "`inkling COMMAND --help` says the same in a terminal."]
    for name, command in _walked("inkling", get_command(cli.app)):
        usage = command.collect_usage_pieces(command.context_class(command))
        parts += [f"## {name}", inspect.cleandoc(command.help or "")]
        parts.append(f"```text\n{name} {' '.join(usage)}\n```")
        rows = [
            (_flags(parameter), getattr(parameter, "help", "") or "", _default(parameter))
            for parameter in command.params
        ]
        parts.append(_table(["option", "what it does", "default"], rows))
    return "\n\n".join(part for part in parts if part) + "\n"


def _walked(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command that does something, or those below it, each with its name."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for child, below in command.commands.items():
        if not below.hidden:
            yield from _walked(f"{name} {child}", below)


def _flags(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{flag}`" for flag in (*parameter.opts, *parameter.secondary_opts))


def _default(parameter: Any) -> str:
    if parameter.default in (None, False, ()) or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


def _python() -> str:
    """The public names, which mkdocstrings fills in."""
    missing = set(inkling.__all__) - {name for names in GROUPS.values() for name in names}
    if missing:
        raise ValueError(f"Expected a group of the reference for {', '.join(sorted(missing))}")
    parts = [
        "# Python",
        "What `import inkling` gives. [From Python](../python.md) shows it in use.",
    ]
    for group, names in GROUPS.items():
        parts += [f"## {group}", *(f"::: inkling.{name}" for name in names)]
    return "\n\n".join(parts) + "\n"


def _http() -> str:
    """Every route of the API, as FastAPI describes it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database=f"sqlite:///{folder}/drawings.sqlite", runs=Path(folder))
        schema = app.opened(settings).openapi()
    parts = [
        "# HTTP",
        "A running server shows the same at /docs, and can be asked there.",
        'An error is `{"error", "hint"}`: what was expected and what came, and the way out.',
    ]
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            parts += [f"## {method.upper()} {path}", route.get("description", "")]
            rows = [
                (f"`{one['name']}`", one["in"], one.get("description", ""))
                for one in route.get("parameters", [])
            ]
            parts.append(_table(["parameter", "where", "what it is"], rows))
            kinds = route.get("requestBody", {}).get("content", {})
            if kinds:
                parts.append("It takes " + ", ".join(f"`{kind}`" for kind in kinds) + ".")
    return "\n\n".join(part for part in parts if part) + "\n"


def _recipes() -> str:
    """The named recipes, and what each value of a recipe is."""
    rows = [
        (f"`{one.name}`", one.about, one.dataset, f"{one.epochs:g}")
        for one in recipes.RECIPES.values()
    ]
    parts = [
        "# Recipes",
        "A recipe is every number of a training. `inkling recipes RECIPE` shows all of one.",
        "[Your own recipe](../own-recipe.md) says how to write one.",
        _table(["recipe", "what for", "data set", "epochs"], rows),
        "## The values",
        _fields(recipe.Recipe),
    ]
    for group in (
        recipe.Optimizer,
        recipe.Schedule,
        recipe.Augmentation,
        recipe.Evaluation,
        recipe.Scratch,
    ):
        parts += [f"## {group.__name__}", inspect.getdoc(group) or "", _fields(group)]
    return "\n\n".join(parts) + "\n"


def _bundles() -> str:
    """The format of a bundle."""
    about = (bundle.__doc__ or "").split("\n\n")
    card = json.loads((bundle.PRETRAINED / bundle.CARD).read_text())
    parts = [
        "# Bundles and cards",
        about[0],
        "```text\n" + inspect.cleandoc(about[1]) + "\n```",
        about[2],
        "## The card",
        _fields(bundle.Card),
    ]
    for model in (Measures, Report, Acceptance, bundle.Attribution):
        parts += [f"### {model.__name__}", inspect.getdoc(model) or "", _fields(model)]
    short = {key: value for key, value in card.items() if len(json.dumps(value)) < 800}
    example = json.dumps(short, indent=2)
    parts += ["## The card of the network that ships", "Without its long parts."]
    parts.append(f"```json\n{example}\n```")
    return "\n\n".join(parts) + "\n"


def _fields(kind: type) -> str:
    """The fields of a class, with the comment that stands beside each in its source."""
    found = FIELD.findall(inspect.getsource(kind))
    rows = [
        (f"`{name}`", f"`{type_}`", _code(default), about) for name, type_, default, about in found
    ]
    return _table(["field", "type", "default", "what it is"], rows)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Rows below a head, without columns that are empty; nothing without rows."""
    if not rows:
        return ""
    kept = [column for column in range(len(head)) if any(row[column] for row in rows)]
    lines = [[head[column] for column in kept], ["---"] * len(kept)]
    lines += [[_cell(row[column]) for column in kept] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
