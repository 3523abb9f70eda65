"""The page to learn on: images to train with, in the page itself."""

import gzip
from functools import lru_cache

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response

from inkling import data

LEARNING, HELD_OUT = 5_000, 1_000  # images of MNIST's training and validation parts

router = APIRouter(tags=["learning"])


@router.get("/api/learn/sample", response_class=Response)
def sample(request: Request) -> Response:
    """6,000 images of MNIST, a byte for the label and 784 for the pixels of each.

    The last 1,000 are to be held out.
    """
    headers = {"Cache-Control": "private, max-age=86400", "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(_packed()), 200, headers, "application/octet-stream")
    headers["Content-Encoding"] = "gzip"
    return Response(_packed(), 200, headers, "application/octet-stream")


@lru_cache(1)
def _packed() -> bytes:
    return gzip.compress(rows())


def rows() -> bytes:
    """The label and the pixels of each image, in bytes. Raises DataError without MNIST."""
    splits = data.splits("mnist")
    assert splits.validation  # of the standard split
    parts = splits.train[:LEARNING], splits.validation[:HELD_OUT]
    return b"".join(
        np.concatenate([part.labels[:, None], part.pixels.reshape(len(part), -1)], 1).tobytes()
        for part in parts
    )
