"""A network that was written in a notebook, or elsewhere in Python, as a file that stands alone.

A run keeps this file, so that other processes and machines go on with it without the notebook. It
holds the class or function, and what that uses: imports, constants, other classes and functions.
"""

import ast
import inspect
import linecache
import pprint
import symtable
import sys
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from torch import nn

from inkling.errors import RecipeError
from inkling.experiments.recipe import Recipe

Network = Callable[[int], nn.Module]  # the number of classes -> images (N, C, H, W) to logits
GROUPS = ("Augmentation", "Evaluation", "Optimizer", "Recipe", "Schedule", "Scratch")
WAY_OUT = "Put recipe and network into a file of their own: docs/own-recipe.md"


def as_file(model: Network, recipe: Recipe) -> str:
    """The content of a recipe's file whose network is `model`, a class or a function.

    Raises RecipeError where it uses what cannot be written down.
    """
    parts: dict[str, str] = {}
    _write(model, parts)
    found = [part for part in parts.values() if part]
    imports = [part for part in found if part.startswith(("import ", "from "))]
    name = getattr(model, "__name__", "")
    return "\n\n".join(
        [
            f"from inkling.experiments.recipe import {', '.join(GROUPS)}",
            f"recipe = {pprint.pformat(recipe)}",
            "\n".join(imports),
            *(part for part in found if part not in imports),
            f"model = {name}\n",
        ]
    )


def _write(thing: Any, parts: dict[str, str]) -> None:
    """Put the source of a class or function into `parts`, by its name, after all that it uses."""
    source, inside = _source(thing)
    parts.setdefault(thing.__name__, "")  # it may use itself
    for name in _globals(symtable.symtable(source, thing.__name__, "exec")):
        if name in inside and name not in parts:  # others are built in, or a mistake of the user's
            parts[name] = ""
            _put(name, inside, thing, parts)
    del parts[thing.__name__]  # below what it uses
    parts[thing.__name__] = source


def _put(name: str, inside: dict[str, Any], user: Any, parts: dict[str, str]) -> None:
    """Put what `name` stands for beside its user into `parts`."""
    value = inside[name]
    home, own_name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if isinstance(value, ModuleType):
        parts[name] = f"import {value.__name__} as {name}"
    elif isinstance(value, type | FunctionType) and own_name == name and home == user.__module__:
        _write(value, parts)
    elif own_name and home and getattr(sys.modules.get(home), own_name, None) is value:
        parts[name] = f"from {home} import {own_name} as {name}"
    elif _is_constant(value):
        parts[name] = f"{name} = {value!r}"
    else:
        raise RecipeError(
            f"{user.__name__}: expected a network that stands alone, but it uses {name}, "
            f"a {type(value).__name__} from outside",
            f"Make it inside. {WAY_OUT}",
        )


def _is_constant(value: object) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError):
        return False


def _source(thing: Any) -> tuple[str, dict[str, Any]]:
    """The source of a class or function, and what is beside it, by name. Raises RecipeError."""
    try:
        if isinstance(thing, FunctionType) and thing.__name__.isidentifier():
            return textwrap.dedent(inspect.getsource(thing)), thing.__globals__
        if isinstance(thing, type):
            return _of_class(thing), vars(sys.modules[thing.__module__])
    except (OSError, TypeError, KeyError, SyntaxError) as cause:
        raise RecipeError(
            f"{thing.__name__}: expected a class or function whose source is known, but "
            f"{str(cause).splitlines()[0]}",
            f"Write it into a cell or a file. {WAY_OUT}",
        ) from cause
    raise RecipeError(
        f"Expected a class or a named function, as model(classes), got {thing!r}", WAY_OUT
    )


def _of_class(kind: type) -> str:
    """The source of a class. Of one that is written in a notebook's cell, `inspect` finds none."""
    methods = [value for value in vars(kind).values() if isinstance(value, FunctionType)]
    for method in methods:
        code = inspect.unwrap(method).__code__
        lines = linecache.getlines(code.co_filename)
        for node in ast.walk(ast.parse("".join(lines))):
            if (
                isinstance(node, ast.ClassDef)
                and node.name == kind.__name__
                and node.lineno <= code.co_firstlineno <= (node.end_lineno or 0)
            ):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                return textwrap.dedent("".join(lines[first - 1 : node.end_lineno]))
    return textwrap.dedent(inspect.getsource(kind))


def _globals(table: symtable.SymbolTable) -> list[str]:
    """The names that code takes from its module, in the order of their scopes."""
    is_outermost = table.get_type() == "module"
    found = [
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_referenced()
        and (not symbol.is_assigned() if is_outermost else symbol.is_global())
    ]
    return [*found, *(name for child in table.get_children() for name in _globals(child))]
