"""Traces: where the time of a request went, told to an OpenTelemetry collector if one is set.

A span for every request, named by method and route, and one within it for each stage of an identification. A request
that belongs to a trace already says so in ``traceparent`` (W3C Trace Context). Spans name routes, statuses, verdicts
and the request's id: no address, no caller, no parameter, nothing of a recording. Names of attributes are those of
OpenTelemetry's conventions for HTTP. Needs the extra ``traces``; without the setting nothing is imported.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import flask
from flask import g, request

from classifier import __version__
from classifier.errors import InvalidConfig
from classifier.extras import needing
from classifier.results import Tag
from classifier.settings import Settings, mask_url

_STAGES_S = "total"
"""Name of the time that all stages took together, which is no stage."""


def _tracer(address: str) -> tuple[Any, Any]:
    """Return what makes spans and hands them to the collector in the background, and what has to be closed."""
    try:
        parts = urlsplit(address)
        is_fit = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_fit = False
    if not is_fit:
        raise InvalidConfig(
            f"EARMARK_TRACES is {mask_url(address)!r}: name a collector that takes OTLP over HTTP, such as "
            "http://localhost:4318/v1/traces"
        )
    with needing("traces", "EARMARK_TRACES"):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    resource = Resource({"service.name": "earmark", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=True)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address), schedule_delay_millis=1000))
    return provider.get_tracer("earmark"), provider


def _begin() -> None:
    from opentelemetry.propagators.textmap import DefaultGetter
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {name.lower(): value for name, value in request.headers if name.lower() in ("traceparent", "tracestate")}
    parent = TraceContextTextMapPropagator().extract(carrier, getter=DefaultGetter())
    route = request.url_rule.rule if request.url_rule else None
    attributes = {"http.request.method": request.method, **({"http.route": route} if route else {})}
    name = f"{request.method} {route}" if route else request.method
    tracer = flask.current_app.extensions["earmark_tracer"]
    g.span = tracer.start_span(name, parent, kind=SpanKind.SERVER, attributes=attributes)


def _end(response: flask.Response) -> flask.Response:
    from opentelemetry.trace import Status, StatusCode

    span = g.pop("span", None)
    if span is not None:
        span.set_attribute("http.response.status_code", response.status_code)
        span.set_attribute("earmark.request_id", g.get("request_id", ""))
        if "problem" in g:
            span.set_attribute("error.type", g.problem)
        if response.status_code >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
    return response


def identified(tag: Tag) -> None:
    """Add the stages of an identification that has just ended to the current request's span, if there is one."""
    if "span" not in g:
        return
    from opentelemetry.trace import set_span_in_context

    g.span.set_attribute("earmark.verdict", tag.verdict)
    stages = {stage: seconds for stage, seconds in tag.seconds.items() if stage != _STAGES_S}
    tracer, context = flask.current_app.extensions["earmark_tracer"], set_span_in_context(g.span)
    at = time.time_ns() - round(1e9 * sum(stages.values()))
    for stage, seconds in stages.items():  # in their order, one after the other
        span = tracer.start_span(stage, context, start_time=at)
        at += round(1e9 * seconds)
        span.end(at)


def init_app(app: flask.Flask, settings: Settings) -> None:
    """Trace all requests, if the settings name a collector.

    Raises
    ------
    InvalidConfig
        If they name none that can be, or the extra is not installed.
    """
    if settings.traces:
        app.extensions["earmark_tracer"], app.extensions["earmark_traces"] = _tracer(settings.traces)
        app.before_request(_begin)
        app.after_request(_end)
