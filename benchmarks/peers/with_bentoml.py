"""BentoML, with a route that takes the bytes as they are."""

import bentoml
from digits import CORES, read
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def answer(request: Request) -> JSONResponse:
    """Reads the body."""
    return JSONResponse(read(await request.body()))


app = Starlette(routes=[Route("/read", answer, methods=["POST"])])


@bentoml.asgi_app(app)
@bentoml.service(workers=CORES)
class Digits:
    """The service."""
