"""OpenTelemetry spans, one a request, where OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

A span has the method, the route and the status of its request: no query and no drawing.
"""

import os
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling import __version__
from inkling.errors import MissingExtra

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"  # in the environment; the library reads it as well


class Traced:
    """Passes requests on, each in a span that continues its client's. Raises MissingExtra."""

    def __init__(self, app: ASGIApp, route: Callable[[Scope], str]) -> None:
        try:
            from opentelemetry import propagate, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import SERVICE_NAME, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as cause:
            raise MissingExtra("Tracing", str(cause.name), "tracing") from cause
        provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "inkling"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        tracer = provider.get_tracer("inkling", __version__)

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            headers = {k.decode("latin1"): v.decode("latin1") for k, v in scope["headers"]}
            with tracer.start_as_current_span(
                scope["method"], propagate.extract(headers), trace.SpanKind.SERVER
            ) as span:

                async def noted(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        span.set_attribute("http.response.status_code", message["status"])
                    await send(message)

                span.set_attribute("http.request.method", scope["method"])
                try:
                    await app(scope, receive, noted)
                finally:
                    span.set_attribute("http.route", route(scope))
                    span.update_name(f"{scope['method']} {route(scope)}")

        self._app = app
        self._traced: Callable[[Scope, Receive, Send], Awaitable[None]] = traced
        self._provider = provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the interface of ASGI."""
        await (self._traced if scope["type"] == "http" else self._app)(scope, receive, send)


def is_wanted() -> bool:
    """Whether a collector is named."""
    return bool(os.environ.get(ENDPOINT))
