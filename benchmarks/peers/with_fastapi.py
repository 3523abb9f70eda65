"""FastAPI and uvicorn, as tutorials have it."""

from digits import read
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/read")
async def answer(request: Request) -> dict[str, object]:
    """Reads the body."""
    return read(await request.body())
