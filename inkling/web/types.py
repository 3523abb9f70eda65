"""The page's types: JSDoc of the answers of the API, made from their schemas.

`make types` writes types.js; a test holds both together.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from inkling.reading.answers import Answer, LinesAnswer, NumberAnswer, PartAnswer, TextAnswer
from inkling.web.schemas import LiveStrokes, PictureText, Problem, Strokes
from inkling.web.training import RunState

FILE = Path(__file__).with_suffix(".js")
MODELS: tuple[type[BaseModel], ...] = (
    Answer,
    TextAnswer,
    PartAnswer,
    NumberAnswer,
    LinesAnswer,
    Problem,
    Strokes,
    PictureText,
    LiveStrokes,
    RunState,
)
_NAMES = {"integer": "number", "null": "null"}


def jsdoc() -> str:
    """The text of types.js: a typedef a model."""
    parts = ["// What the API takes and answers. Made by `make types`: do not edit.\n"]
    parts += [_typedef(model) for model in MODELS]
    return "\n".join([*parts, "export {};\n"])


def _typedef(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    lines = [" ".join(schema.get("description", "").split("\n\n")[0].split())]
    lines.append(f"@typedef {{object}} {schema['title']}")
    for name, value in schema["properties"].items():
        shown = name if name in schema.get("required", ()) else f"[{name}]"
        said = f" - {value['description']}" if "description" in value else ""
        lines.append(f"@property {{{_type(value)}}} {shown}{said}")
    return "/**\n" + "".join(f" * {line}\n" for line in lines) + " */\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "prefixItems" in schema:
        return f"[{', '.join(_type(part) for part in schema['prefixItems'])}]"
    if schema["type"] == "array":
        inner = _type(schema["items"])
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    return _NAMES.get(schema["type"], str(schema["type"]))


if __name__ == "__main__":
    FILE.write_text(jsdoc())
