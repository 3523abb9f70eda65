"""The Open Inference Protocol, version 2, which clients of Triton and KServe speak.

Two models: `digits` reads images with the served bundle, under that bundle's own name too;
`numbers` reads lines. The version of each is how the SHA-256 of its bundle begins. Tensors come
and go as JSON or as bytes. Source: https://github.com/kserve/open-inference-protocol, and Triton's
extensions "binary tensor data" and "classification".
"""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from inkling import __version__, ink
from inkling.errors import BundleError, InkError, InklingError
from inkling.ink import lines
from inkling.reading import many
from inkling.reading.bundle import Card
from inkling.reading.decoding import Candidate
from inkling.reading.numbers import LineReader, candidates, is_number
from inkling.reading.reader import Reader
from inkling.reading.registry import Served
from inkling.reading.session import EngineName
from inkling.web import monitoring, tensors
from inkling.web.reading import readyz
from inkling.web.schemas import problem_of
from inkling.web.state import Current
from inkling.web.tensors import HEADER, MAX_SHOWN, Floats, Tensor, Values, Wanted

DIGITS, NUMBERS = "digits", "numbers"
NOTHING = Candidate("", 0.0)


class NoSuchModel(BundleError):
    """The server serves no model of that name and version."""


class Route(APIRoute):
    """A route whose errors have the protocol's form, and status 400 where others have 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except InklingError as error:
                answer = problem_of(error)
                if answer.status_code == 422:
                    answer.status_code = 404 if isinstance(error, NoSuchModel) else 400
                answer.body = answer.render({"error": str(error)})
                answer.headers["content-length"] = str(len(answer.body))
                return answer

        return handled


class Metadata(BaseModel):
    """What the protocol says of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Tensor]
    outputs: list[Tensor]


@dataclass(frozen=True)
class Model:
    """What is served: its card, its tensors, and what reads."""

    name: str
    card: Card
    engine: EngineName
    takes: Tensor
    gives: list[Tensor]
    run: Callable[[Floats], dict[str, Values]]

    @property
    def version(self) -> str:
        """How the SHA-256 of the bundle begins."""
        return self.card.model_sha256[:12]


router = APIRouter(prefix="/v2", route_class=Route)


@router.get("", summary="The server, for clients of the Open Inference Protocol")
async def server() -> dict[str, Any]:
    """Its name, version and extensions of the protocol."""
    extensions = ["binary_tensor_data", "classification"]
    return {"name": "inkling", "version": __version__, "extensions": extensions}


@router.get("/health/live", summary="Whether the process runs")
async def live() -> dict[str, bool]:
    """Says so."""
    return {"live": True}


@router.get("/health/ready", summary="Whether every model can be asked")
async def ready(state: Current) -> dict[str, bool]:
    """Says so, once both have read."""
    await readyz(state)
    return {"ready": True}


@router.post("/repository/index", summary="The models")
async def index(state: Current) -> list[dict[str, str]]:
    """Their names, versions and states."""
    found = [await state.readings.run(_metadata, name) for name in (DIGITS, NUMBERS)]
    return [
        {"name": each.name, "version": each.versions[0], "state": "READY", "reason": ""}
        for each in found
    ]


# Of two paths, the lower is the first to be tried: a name may have slashes.
@router.get("/models/{name:path}/ready", summary="Whether it can be asked")
@router.get("/models/{name:path}/versions/{version}/ready", summary="Whether it can be asked")
async def model_ready(name: str, state: Current, version: str = "") -> dict[str, Any]:
    """Says so."""
    await state.readings.run(_metadata, name, version)
    return {"name": name, "ready": True}


@router.post("/models/{name:path}/infer", summary="Read tensors")
@router.post("/models/{name:path}/versions/{version}/infer", summary="Read tensors")
async def infer(name: str, request: Request, state: Current, version: str = "") -> Response:
    """Takes images, or lines; answers the outputs that are asked for, or all."""
    body, header = await request.body(), request.headers.get(HEADER)
    return await state.readings.run(_answer, name, version, body, header)


@router.get("/models/{name:path}", summary="A model")
@router.get("/models/{name:path}/versions/{version}", summary="A model")
async def metadata(name: str, state: Current, version: str = "") -> Metadata:
    """What it takes and gives."""
    return await state.readings.run(_metadata, name, version)


@router.api_route("/{path:path}", methods=["GET", "POST"], include_in_schema=False)
async def nothing(path: str) -> None:
    """Say so in the protocol's form."""
    raise NoSuchModel(f"Expected a path of the protocol, got /v2/{path:.{MAX_SHOWN}}", "See /docs")


def _metadata(served: Served, name: str, version: str = "") -> Metadata:
    """Of the model of that name and version. Raises NoSuchModel."""
    model = _model(served, name, version)
    versions = [model.version]
    platform = f"{model.engine}_onnx"
    return Metadata(
        name=name, versions=versions, platform=platform, inputs=[model.takes], outputs=model.gives
    )


def _model(served: Served, name: str, version: str) -> Model:
    """The model of that name and version. Raises NoSuchModel."""
    reader, bundle = served.reader, served.name
    if name not in (DIGITS, NUMBERS, bundle):
        raise NoSuchModel(
            f"Expected a model that is served ({DIGITS}, {NUMBERS}, {bundle}), "
            f"got {name!r:.{MAX_SHOWN}}",
            "Choose another bundle at /models",
        )
    model = _numbers(reader.lines) if name == NUMBERS else _digits(reader, name)
    if version not in ("", model.version):
        raise NoSuchModel(
            f"Expected version {model.version} of {name}, got {version!r:.{MAX_SHOWN}}",
            "Leave it out",
        )
    return model


def _digits(reader: Reader, name: str) -> Model:
    """The model that reads images of one digit each."""

    def run(images: Floats) -> dict[str, Values]:
        found = many.read(reader, images)
        return {
            "probabilities": found.probabilities,
            "label": found.labels,
            "ood_score": found.ood_scores,
            "accepted": np.array(found.accepted),
        }

    takes = Tensor(name="images", datatype="FP32", shape=[-1, 1, ink.SIDE, ink.SIDE])
    gives = [
        Tensor(name="probabilities", datatype="FP32", shape=[-1, len(reader.card.classes)]),
        Tensor(name="label", datatype="INT64", shape=[-1]),
        Tensor(name="ood_score", datatype="FP32", shape=[-1]),
    ]
    if reader.card.acceptance:  # else the bundle cannot say
        gives.append(Tensor(name="accepted", datatype="BOOL", shape=[-1]))
    return Model(name, reader.card, reader.engine, takes, gives, run)


def _numbers(reader: LineReader) -> Model:
    """The model that reads lines, each a number; all of one request have one width."""

    def run(images: Floats) -> dict[str, Values]:
        threshold = reader.threshold()
        scores = [reader.session.log_probabilities(image) for image in images]
        found = [next(iter(candidates(each, reader.characters)), NOTHING) for each in scores]
        sure = [threshold is not None and each.probability >= threshold for each in found]
        return {
            "text": np.array([each.text for each in found], object),
            "confidence": np.array([each.probability for each in found], np.float32),
            "accepted": np.array([is_number(each.text) for each in found]) & sure,
            "log_probabilities": np.stack(scores),
        }

    takes = Tensor(name="lines", datatype="FP32", shape=[-1, 1, lines.HEIGHT, -1])
    classes = len(reader.card.classes) + 1  # with the blank
    gives = [
        Tensor(name="text", datatype="BYTES", shape=[-1]),
        Tensor(name="confidence", datatype="FP32", shape=[-1]),
        Tensor(name="accepted", datatype="BOOL", shape=[-1]),
        Tensor(name="log_probabilities", datatype="FP32", shape=[-1, -1, classes]),
    ]
    return Model(NUMBERS, reader.card, reader.session.engine, takes, gives, run)


def _answer(served: Served, name: str, version: str, body: bytes, header: str | None) -> Response:
    """The answer to a request for a model. Raises InkError, NoSuchModel."""
    model = _model(served, name, version)
    asked, following = tensors.parse(body, header)
    gives = {tensor.name: tensor for tensor in model.gives}
    wanted = asked.outputs or [Wanted(name=name) for name in gives]
    names = [each.name for each in wanted]
    if not set(names) <= set(gives) or len(names) > len(gives):
        raise InkError(
            f"Expected outputs of {model.name} ({', '.join(gives)}), got {names!s:.{MAX_SHOWN}}",
            "Leave them out to get all",
        )
    found = model.run(tensors.images(asked, model.takes, following))
    kind = "number" if model.name == NUMBERS else "digit"
    monitoring.count_many(kind, found["accepted"].tolist(), model.version)
    told, parts = [], []
    for each in wanted:
        values, datatype = found[each.name], gives[each.name].datatype
        if (count := each.parameters.get("classification")) is not None:
            values, datatype = tensors.ranked(values, model.card.classes, count), "BYTES"
        tensor = Tensor(name=each.name, datatype=datatype, shape=list(values.shape)).model_dump()
        if each.parameters.get("binary_data", asked.parameters.get("binary_data_output")):
            parts.append(tensors.to_bytes(values, datatype))
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            tensor["data"] = values.ravel().tolist()
        told.append(tensor)
    answer = {"model_name": model.name, "model_version": model.version, "outputs": told}
    if asked.id is not None:
        answer["id"] = asked.id
    start = json.dumps(answer).encode()
    if not parts:
        return Response(start, media_type="application/json")
    headers = {HEADER: str(len(start))}
    return Response(b"".join([start, *parts]), 200, headers, "application/octet-stream")
