"""Logs on standard error: one JSON object a line, or plain lines on a terminal.

Every answer is logged once, with method, route, status, milliseconds and request id. Routes are logged as rules
(``/api/v1/tags/<tag_id>``), never as addresses; bodies and headers are never logged, so no secret gets in. A terminal
shows Earmark's own messages; it shows answers and gunicorn's messages only from warnings up, or at level ``DEBUG``.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import uuid
from typing import Any

import flask
from flask import g, has_request_context, request

from classifier.text import json_line, shown

access = logging.getLogger("earmark.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a record: time, level, logger, message, request id, extra fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context() and "request_id" in g:
            entry["request_id"] = g.request_id
        entry.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json_line(entry)


class PlainFormatter(logging.Formatter):
    """One line a record for people: time of day, level from warnings up, message; then the traceback, if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        parts = [time.strftime("%H:%M:%S", time.localtime(record.created)) + " "]
        if record.levelno >= logging.WARNING:
            parts.append(f"{record.levelname.lower()}:")
        parts.append(record.getMessage())
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.name == access.name:
            parts += [str(extra.get("route") or ""), f"{extra.get('ms', 0)} ms", extra.get("problem", "")]
        lines = [" ".join(part for part in parts if part)]
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        return "\n".join(map(shown, lines))


def configure(level: str) -> None:
    """Send Earmark's and gunicorn's logs to standard error, from ``level`` up: JSON, or plain lines to a terminal."""
    people = sys.stderr.isatty()
    least: int = logging.getLevelName(level)
    quiet = max(least, logging.WARNING) if people and least > logging.DEBUG else least
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter() if people else JsonFormatter())
    for name in ("earmark", "gunicorn.error", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(least)
    access.setLevel(quiet)
    logging.getLogger("gunicorn.error").setLevel(max(quiet, logging.INFO))
    logging.captureWarnings(True)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
    g.started = time.perf_counter()


def _end(response: flask.Response) -> flask.Response:
    if "started" not in g:  # refused before it began
        return response
    response.headers["X-Request-ID"] = g.request_id
    facts: dict[str, Any] = {
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "ms": round(1000 * (time.perf_counter() - g.started), 1),
    }
    if "problem" in g:
        facts["problem"] = g.problem
    quiet = request.endpoint in ("health.healthz", "health.readyz") and response.status_code < 400
    access.log(logging.DEBUG if quiet else logging.INFO, "%s %s", facts["method"], facts["status"], extra=facts)
    return response


def init_app(app: flask.Flask) -> None:
    """Give every request an id and log every answer."""
    app.before_request(_begin)
    app.after_request(_end)
