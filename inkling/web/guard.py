"""What every request passes: who may send it, how large it may be, what a page may load."""

import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi.responses import JSONResponse, RedirectResponse
from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling.errors import TooLarge
from inkling.web.settings import Settings

MAX_BODY_BYTES = 10_000_000
POLICY = 1008  # close code of RFC 6455, section 7.4.1
PAGES = {
    "/": "index.html",
    "/drawings": "drawings.html",
    "/training": "training.html",
    "/models": "models.html",
    "/learn": "learn.html",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
PUBLIC = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/redoc")
FILES = ("/static/", "/static-offline-docs/", "/docs", "/sw.js")  # of the pages
SHARED = ("/api/read", "/v2")  # what pages of other sites may ask, where --allow-origin names them
STORE = "/api/drawings"  # POST here stores one drawing, which a reader may
ADMINISTERED = (STORE, "/api/runs", "/api/teach", "/api/models/served")
COOKIE, QUERY = "inkling_token", "token"
PORTS = {"http": 80, "https": 443}
BURST = 2.0  # seconds' worth of requests that a client may send at once
MAX_CLIENTS = 10_000  # whose requests are counted

READS = ("GET", "HEAD")

Right = Literal["nobody's", "to read", "to administer"]


class Guard:
    """Refuses who may not ask, and bodies over the limit as they stream.

    A browser names the page's site in Origin; other clients send none. A site may point its own
    name at this machine (DNS rebinding), so the Host header must be one of the server's names. A
    token comes as `Authorization: Bearer`, or as a cookie, which `?token=` at a page's address
    sets. HEAD is answered as GET, without the body.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._rates = Rates(settings.rate) if settings.rate else None
        self._shared = CORSMiddleware(
            app,
            allow_origins=settings.allow_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Inference-Header-Content-Length"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it; the interface of ASGI."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        if root := self._settings.root_path:
            scope["root_path"] = root
            if not _is_under(scope["path"], (root,)):  # a proxy took it away; ASGI has it in both
                scope["path"] = root + scope["path"]
        if scope["type"] == "http":
            receive, send = _patient(receive, send)
        headers, path = Headers(scope=scope), get_route_path(scope)
        if len(headers.getlist("host")) > 1:
            hint = "Send one"
            return await _refuse(scope, receive, send, 400, "Expected one Host, got several", hint)
        app = self._app
        origin = headers.get("origin")
        if origin in self._settings.allow_origins and _is_under(path, SHARED):
            app = self._shared
        elif origin is not None and not self._is_own(origin, headers.get("host", "")):
            return await _refuse(scope, receive, send, 403, *_strange(origin))
        if not self._knows(headers.get("host", "")):
            return await _refuse(scope, receive, send, 403, *_strange(headers.get("host", "")))
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and app is self._shared:
            return await app(scope, receive, send)
        if path in PAGES and scope["type"] == "http":
            if given := dict(parse_qsl(scope["query_string"].decode("latin1"))).get(QUERY):
                return await self._sign_in(scope, receive, send, given)
        elif refusal := self._refusal(scope, path, headers):
            return await _refuse(scope, receive, send, *refusal)
        if self._rates and not self._rates.admit((scope.get("client") or ("",))[0]):
            return await _refuse(scope, receive, send, 429, *self._rates.problem)

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
                if path in PAGES or path.startswith("/static/"):
                    policy = (b"content-security-policy", PAGE_POLICY.encode())
                    message["headers"] = [*message["headers"], policy]
            await send(message)

        if scope.get("method") == "HEAD":  # the server sends no body: it sees the method it got
            scope = {**scope, "method": "GET"}
        return await app(scope, limited, hardened)

    def _knows(self, host: str) -> bool:
        names = self._settings.names
        return names is None or _split(host)[0] in names

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether an origin is this server, by the name it was asked by or one it is given."""
        scheme, _, site = origin.lower().partition("://")
        if scheme not in PORTS or not site:
            return False
        (name, port), (asked, asked_port) = _split(site), _split(host)
        usual = PORTS[scheme]
        if name == asked:  # a proxy may have ended TLS: without a port, either usual one is meant
            return (port or usual) == (asked_port or usual)
        return name in (known.lower() for known in self._settings.allow_hosts)

    def _refusal(self, scope: Scope, path: str, headers: Headers) -> tuple[int, str, str] | None:
        """Why a request must not be answered: its status, error and hint."""
        settings, method = self._settings, scope.get("method", "GET")
        right, given = needed(method, path), _given(headers)
        stores = path == STORE and method == "POST"
        changes = stores or (right == "to administer" and method not in READS)
        tokens = settings.token or settings.read_token
        may_read = settings.open or _same(given, settings.read_token)
        refusal = None
        if right == "nobody's":
            pass
        elif settings.read_only and changes:
            error = "Expected a server that may change, got one that only reads"
            refusal = 403, error, "Ask whoever runs it to start it without --read-only"
        elif not (tokens or settings.is_exposed) or _same(given, settings.token):
            pass
        elif right == "to administer" and not settings.token:
            error = "Expected a server that may be administered, got one without a token"
            refusal = 403, error, "Start it with --token"
        elif right == "to administer" or not may_read:
            got = "none" if not given else "that of a reader" if may_read else "another"
            hint = "Send Authorization: Bearer TOKEN, or open the page once with ?token=TOKEN"
            refusal = 401, f"Expected a token {right}, got {got}", hint
        return refusal

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send, given: str) -> None:
        """Keep a token in the browser, and take it out of the address."""
        if not (_same(given, self._settings.token) or _same(given, self._settings.read_token)):
            hint = "Open the address that the server printed"
            problem = 401, "Expected this server's token, got another", hint
            await _refuse(scope, receive, send, *problem)
            return
        query = parse_qsl(scope["query_string"].decode("latin1"))
        left = urlencode([pair for pair in query if pair[0] != QUERY])
        place = scope.get("root_path", "") + get_route_path(scope)
        answer = RedirectResponse(f"{place}?{left}" if left else place, 303)
        answer.set_cookie(
            COOKIE, given, httponly=True, samesite="strict", secure=scope["scheme"] == "https"
        )
        MutableHeaders(raw=answer.raw_headers)["referrer-policy"] = "no-referrer"
        await answer(scope, receive, send)


class Rates:
    """How often each client asks: a bucket of BURST seconds, filled at a rate."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # requests, and when

    @property
    def problem(self) -> tuple[str, str]:
        """The error and hint for who asks too often."""
        return f"Expected at most {self._rate:g} requests a second, got more", "Wait a second"

    def admit(self, client: str) -> bool:
        """Whether a client may ask once more now."""
        now, most = time.monotonic(), max(1.0, self._rate * BURST)
        left, since = self._buckets.pop(client, (most, now))
        left = min(most, left + (now - since) * self._rate)
        self._buckets[client] = (left - 1 if left >= 1 else left), now
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return left >= 1


def needed(method: str, path: str) -> Right:
    """The right that a request needs."""
    if path in PUBLIC or path in PAGES or path.startswith(FILES):
        return "nobody's"
    stores = path == STORE and method == "POST"
    return "to administer" if _is_under(path, ADMINISTERED) and not stores else "to read"


def _is_under(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _given(headers: Mapping[str, str]) -> str:
    """The token that a request brings, or nothing."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _same(given: str, token: str) -> bool:
    """Whether a token is that one, in a time that tells nothing of it."""
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


def _split(host: str) -> tuple[str, int | None]:
    """The name and port of a Host header, as "localhost:8000" or "[::1]:8000"."""
    try:
        parts = urlsplit(f"//{host.lower()}")
        return parts.hostname or "", parts.port
    except ValueError:
        return "", None


def _strange(origin: str) -> tuple[str, str]:
    error = f"Expected a request from this server's own page, got one from {origin}"
    return error, "Open the page of this server, or see --allow-host and --allow-origin"


def _patient(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The two ends of a request, whose refusal ends only when its body has come.

    To close a connection that still sends would reset it: a proxy then loses the refusal, and
    answers 502. The body is thrown away; the protocol ends it where it takes too long.
    """
    is_whole = is_refused = False

    async def received() -> Message:
        nonlocal is_whole
        message = await receive()
        is_whole = not message.get("more_body", False)
        return message

    async def sent(message: Message) -> None:
        nonlocal is_refused
        if message["type"] == "http.response.start":
            is_refused = message["status"] >= 400
        elif is_refused and not is_whole and not message.get("more_body", False):
            await send({**message, "more_body": True})
            while not is_whole:
                await received()
            message = {"type": "http.response.body"}
        await send(message)

    return received, sent


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, error: str, hint: str
) -> None:
    if scope["type"] == "websocket":
        await receive()
        return await send({"type": "websocket.close", "code": POLICY, "reason": error})
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(status)
    return await JSONResponse({"error": error, "hint": hint}, status, headers)(scope, receive, send)
