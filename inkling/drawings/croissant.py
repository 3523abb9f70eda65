"""What an export of drawings holds, in the Croissant format of MLCommons, for other programs.

Croissant 1.1 is JSON-LD: here of one file, with a field for each of its columns. It has no type for
bytes; bytes are called text, as mlcroissant reads them. Licence, version, date and citation, which
it recommends, are whose drawings they are to say. Source: docs.mlcommons.org/croissant.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

NAME = "croissant.json"
FORMATS = {".parquet": "application/x-parquet", ".jsonl": "application/jsonlines"}
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
FIELDS = {
    "id": ("sc:Integer", "its number in the store"),
    "created": ("sc:Text", "when it was labelled: UTC, ISO 8601"),
    "session": ("sc:Text", "the random name of its writer's browser"),
    "dataset": ("sc:Text", "the data set whose label it has"),
    "name": ("sc:Text", "the name of its label; if empty, the label as text"),
    "held_out": ("sc:Boolean", "whether fine-tuning compares by it, and does not learn from it"),
    "label": ("sc:Integer", "what it really is, as a person says"),
    "reading": ("sc:Integer", "what it was read as"),
    "confidence": ("sc:Float", "the probability of that reading, calibrated"),
    "ood_score": ("sc:Float", "its out-of-distribution score, in nats"),
    "accepted": ("sc:Boolean", "whether that reading was accepted"),
    "model_sha256": ("sc:Text", "the SHA-256 of the graph that read it"),
    "strokes": ("sc:Float", "pen strokes of points x, y or x, y, pressure"),
    "pen": ("sc:Float", "the width of the pen, in the unit of the points"),
    "picture": ("sc:Text", "the bytes of its file where there are no strokes; in JSON, base64"),
    "idempotency_key": ("sc:Text", "of the request that stored it"),
    "image": ("sc:Text", "what the network saw: 28x28 bytes, row by row, ink high"),
}
LISTS = {"strokes": "-1,-1,-1"}  # their shape: -1 where it differs
IN_LINES = {"label": "sc:Text", "reading": "sc:Text"}  # which have numbers too, as "12.50"


def describe(file: Path, drawings: int) -> bytes:
    """The description of a file of that many drawings, as JSON."""
    name, form = file.name, file.suffix
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    fields = FIELDS if form == ".parquet" else {k: v for k, v in FIELDS.items() if k != "image"}
    found = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "drawings",
        "description": f"{drawings:,} drawings that people have labelled, exported from Inkling.",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "contentSize": f"{file.stat().st_size} B",
                "encodingFormat": FORMATS[form],
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "drawings",
                "name": "drawings",
                "key": {"@id": "drawings/id"},
                "field": [_field(name, column, form) for column in fields],
            }
        ],
    }
    return json.dumps(found, indent=2).encode() + b"\n"


def _field(file: str, column: str, form: str) -> dict[str, Any]:
    kind, about = FIELDS[column]
    if form == ".jsonl":
        kind = IN_LINES.get(column, kind)
    shape = {"isArray": True, "arrayShape": LISTS[column]} if column in LISTS else {}
    return {
        "@type": "cr:Field",
        "@id": f"drawings/{column}",
        "name": column,
        "description": about,
        "dataType": kind,
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
        **shape,
    }
