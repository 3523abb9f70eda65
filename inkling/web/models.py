"""Bundles over HTTP: which are here, how good they are, which is served."""

import io
import zipfile
from dataclasses import asdict
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray

from inkling import data, metrics, plots
from inkling.data import catalog
from inkling.errors import BundleError, DataError, InklingError
from inkling.exports import js
from inkling.reading import bundle
from inkling.reading.reader import Reader
from inkling.web.state import Current, State

CACHED_REPORTS = 8
MAX_CELL_IMAGES = 60
BATCH = 1000  # images read at a time

router = APIRouter()
Class = Annotated[int, Query(ge=0)]


def _card(state: State, name: str) -> bundle.Card:
    return state.registry.card(state.registry.find(name))


@router.get("/api/models", summary="The bundles here, with their cards")
async def list_models(state: Current) -> dict[str, Any]:
    """A broken one has an error instead of a card. The card's reports are asked for by themselves:
    `sources` names them, beside that of the test images."""

    def work() -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for name, folder in state.registry.bundles().items():
            try:
                card = state.registry.card(folder)
                shown = card.model_dump(mode="json", exclude={"report", "reports"})
                found.append({"name": name, "card": shown, "sources": list(card.reports)})
            except InklingError as error:
                if folder.exists():  # it may vanish meanwhile
                    found.append({"name": name, "error": str(error)})
        return {"served": state.served.name, "models": found}

    return await state.run(work)


@router.put("/api/models/served", summary="Serve another bundle, from now on")
async def choose(name: str, state: Current) -> dict[str, str]:
    """The name of the served bundle."""
    await state.run(state.registry.choose, name)
    return {"served": state.served.name}


@router.get("/api/models/report", summary="How a bundle reads images of one source")
async def report(name: str, state: Current, source: str = "") -> dict[str, Any]:
    """Its confusion matrix, reliability bins and risk-coverage curve, on the test images of its
    data set or on another source that its card names."""

    card = await state.run(_card, state, name)
    if source:
        if source not in card.reports:
            raise BundleError(
                f"Expected a source of {name} ({', '.join(card.reports) or 'it has none'}), "
                f"got {source!r}",
                "Leave it out for the test images",
            )
        return asdict(card.reports[source])
    if card.report:
        return asdict(card.report)
    return await state.report(lambda: asdict(metrics.report(*_read(state, name))))


@router.get("/api/models/bundle.zip", response_class=Response, summary="A bundle to keep")
async def download(name: str, state: Current) -> Response:
    """A ZIP file of model.onnx and card.json."""

    def work() -> bytes:
        folder = state.registry.find(name)
        card, model = bundle.read(folder)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(bundle.MODEL, model)
            file.writestr(bundle.CARD, card.model_dump_json(indent=2) + "\n")
        return packed.getvalue()

    return _file(await state.run(work), name, "zip", "application/zip")


@router.get("/api/models/model.onnx", response_class=Response, summary="The network of a bundle")
async def export(state: Current, name: str = "") -> Response:
    """model.onnx alone, for ONNX Runtime and others. Without a name: of what is served."""

    def work() -> bytes:
        return bundle.read(state.registry.find(name) if name else state.served.path)[1]

    content = await state.run(work)
    return _file(content, name or state.served.name, "onnx", "application/octet-stream")


@router.get("/api/models/js/model.json", summary="The served bundle, for inkling-js")
async def described(state: Current) -> dict[str, Any]:
    """Its layers, classes and thresholds; the weights are model.bin beside it."""
    return (await state.run(_packed, state.served.reader))[0]


@router.get("/api/models/js/model.bin", response_class=Response, summary="Its weights")
async def weights(state: Current) -> Response:
    """As model.json beside it describes them."""
    content = (await state.run(_packed, state.served.reader))[1]
    return Response(content, media_type="application/octet-stream")


@lru_cache(1)
def _packed(reader: Reader) -> tuple[dict[str, Any], bytes]:
    return js.packed(reader, int8=True)


@router.get("/api/models/cell", summary="Test images of one label that were read as another")
async def cell(name: str, label: Class, reading: Class, state: Current) -> dict[str, Any]:
    """Of mistakes, the most confident first; of correct readings, the least confident."""

    def work() -> dict[str, Any]:
        probabilities, labels = _read(state, name)
        there = np.flatnonzero((labels == label) & (probabilities.argmax(1) == reading))
        confidence = probabilities[there].max(1)
        order = np.argsort(-confidence if label != reading else confidence, kind="stable")
        return {
            "dataset": _card(state, name).dataset,
            "n": len(there),
            "images": [
                {"index": int(there[i]), "confidence": round(float(confidence[i]), 4)}
                for i in order[:MAX_CELL_IMAGES]
            ],
        }

    return await state.report(work)


@router.get("/api/data", summary="The data sets that are here")
async def list_data() -> list[str]:
    """Their names."""
    return [dataset.name for dataset in catalog.CATALOG.values() if data.is_here(dataset)]


@router.get("/api/data/{dataset}/{index}.png", response_class=Response, summary="A test image")
async def image(dataset: str, index: int, state: Current) -> Response:
    """As large as the network sees it."""

    def work() -> bytes:
        test = data.load(catalog.get(dataset))[1]
        if not 0 <= index < len(test):
            raise DataError(
                f"Expected the number of one of {len(test):,} images, got {index}",
                "Count from 0",
            )
        return plots.png(plots.as_picture(test[index].image))

    return Response(await state.run(work), media_type="image/png")


def _file(content: bytes, name: str, kind: str, media_type: str) -> Response:
    """A file to keep, named after the bundle: "runs/mine" is mine.zip. Source: RFC 6266."""
    filename = quote(f"{name.rstrip('/').rpartition('/')[2]}.{kind}", safe="")
    disposition = f"attachment; filename*=UTF-8''{filename}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


def _read(state: State, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The probabilities `(N, K)` of a bundle for the test images of its data set, their labels."""
    folder = state.registry.find(name)
    return _read_once(str(folder), state.registry.card(folder).model_sha256)


@lru_cache(CACHED_REPORTS)
def _read_once(path: str, _sha256: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    reader = Reader.load(path)
    split = data.load(catalog.get(reader.card.dataset))[1]
    images = split.images()
    rows = [reader.probabilities(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
    return np.concatenate(rows), split.labels
