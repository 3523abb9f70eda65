"""Bundles over HTTP: which are here, how good they are, which is served."""

from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, Query, Response
from numpy.typing import NDArray
from PIL import Image

from inkling import data, metrics, plots
from inkling.data import catalog
from inkling.reading import bundle
from inkling.errors import DataError, InklingError
from inkling.reading.reader import Reader
from inkling.reading.registry import Served
from inkling.web.threads import run

REPORTS = 8  # that are kept at hand
MOST_OF_A_CELL = 60


def add_models(app: FastAPI, served: Served) -> None:
    """The bundles of a shelf."""
    shelf = served.shelf

    def card_of(name: str) -> bundle.Card:
        return bundle.read(shelf.find(name))[0]

    @app.get("/api/models", summary="The bundles here, with their cards")
    async def list_models() -> dict[str, Any]:
        def work() -> dict[str, Any]:
            found = []
            for name in shelf.bundles():
                try:
                    found.append({"name": name, "card": card_of(name).model_dump(mode="json")})
                except InklingError as error:  # a broken one is shown as such
                    found.append({"name": name, "error": str(error)})
            return {"served": served.name, "models": found}

        return await run(app, work)

    @app.put("/api/models/served", summary="Have another bundle served, from now on")
    async def choose(name: str) -> dict[str, str]:
        await run(app, shelf.choose, name)
        return {"served": served.name}

    @app.get("/api/models/report", summary="How a bundle reads the test images of its data set")
    async def report(name: str) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            card = card_of(name)
            probabilities, labels = _read(str(shelf.find(name)), card.model_sha256)
            counts = metrics.confusion(labels, probabilities.argmax(1), len(card.classes))
            return {
                "n": len(labels),
                "confusion": counts.tolist(),
                "reliability": [vars(some) for some in metrics.reliability(probabilities, labels)],
                "risk_coverage": [
                    vars(point) for point in metrics.risk_coverage(probabilities, labels)
                ],
            }

        return await run(app, work)

    @app.get("/api/models/cell", summary="Test images of one label that were read as another")
    async def cell(
        name: str, label: Annotated[int, Query(ge=0)], reading: Annotated[int, Query(ge=0)]
    ) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            card = card_of(name)
            probabilities, labels = _read(str(shelf.find(name)), card.model_sha256)
            there = np.flatnonzero((labels == label) & (probabilities.argmax(1) == reading))
            sure = probabilities[there].max(1)
            order = np.argsort(-sure if label != reading else sure, kind="stable")
            chosen = order[:MOST_OF_A_CELL]
            return {
                "dataset": card.dataset,
                "n": len(there),
                "images": [
                    {"index": int(there[i]), "confidence": round(float(sure[i]), 4)} for i in chosen
                ],
            }

        return await run(app, work)

    @app.get("/api/data/{dataset}/{index}.png", response_class=Response, summary="A test image")
    async def image(dataset: str, index: int) -> Response:
        def work() -> bytes:
            pixels = _test(catalog.get(dataset).name).pixels
            if not 0 <= index < len(pixels):
                raise DataError(
                    f"Expected the number of one of {len(pixels):,} images, got {index}",
                    "Count from 0",
                )
            return plots.png(Image.fromarray(pixels[index, 0]))

        return Response(await run(app, work), media_type="image/png")


@lru_cache(2)
def _test(dataset: str) -> data.Split:
    return data.load(catalog.get(dataset))[1]


@lru_cache(REPORTS)
def _read(path: str, _sha256: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The probabilities `(N, K)` of a bundle for the test images of its data set, their labels."""
    reader = Reader.load(path)
    split = _test(reader.card.dataset)
    images = split.images()
    rows = [reader.probabilities(images[at : at + 1000]) for at in range(0, len(images), 1000)]
    return np.concatenate(rows), split.labels
