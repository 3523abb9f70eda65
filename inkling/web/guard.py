"""What every request passes: who may send it, how large it may be, what a page may load."""

from collections.abc import Sequence

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling.errors import TooLarge

MAX_BODY_BYTES = 10_000_000
POLICY = 1008  # close code of RFC 6455, section 7.4.1
PAGES = {
    "/": "index.html",
    "/drawings": "drawings.html",
    "/training": "training.html",
    "/models": "models.html",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Guard:
    """Refuses requests of other sites' pages, and bodies over the limit as they stream.

    A browser names the page's site in Origin; other clients send none. A site may point its own
    name at this machine (DNS rebinding), so the Host header must name one of `hosts`.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it; the interface of ASGI."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        host = headers.get("host", "")
        if origin is not None and origin.partition("://")[2] != host:
            return await self._refuse(scope, receive, send, origin)
        if self._hosts is not None and _name(host) not in self._hosts:
            return await self._refuse(scope, receive, send, host)

        declared = int(headers.get("content-length", 0))
        received = 0

        async def limited() -> Message:
            nonlocal received
            if declared <= MAX_BODY_BYTES:
                message = await receive()
                received += len(message.get("body", b""))
                if received <= MAX_BODY_BYTES:
                    return message
            raise TooLarge(
                f"Expected a body of at most {MAX_BODY_BYTES:,} bytes, got more",
                "Send less; scale a picture down",
            )

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
                if scope["path"] in PAGES or scope["path"].startswith("/static/"):
                    policy = (b"content-security-policy", PAGE_POLICY.encode())
                    message["headers"] = [*message["headers"], policy]
            await send(message)

        return await self._app(scope, limited, hardened)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, origin: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": POLICY})
        problem = {
            "error": f"Expected a request from this server's own page, got one from {origin}",
            "hint": "Call the API from a program, or open the page of this server",
        }
        return await JSONResponse(problem, 403)(scope, receive, send)


def _name(host: str) -> str:
    """The name in a Host header, without its port: "localhost:8000", "[::1]:8000"."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).strip("[]").lower()
