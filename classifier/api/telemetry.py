"""``/metrics``: what Prometheus reads of a running service.

Counts and histograms are those of all processes together: each process writes its own to a shared folder, which the
server names in the environment (``server.py``) before this module is imported. What the store and the index hold is
looked up when it is asked for. Labels are routes as rules, stages, verdicts and names of errors: few, and nobody's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import flask
from apiflask import APIBlueprint
from flask import Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from classifier import __version__
from classifier.api import tracing
from classifier.api.guard import needs
from classifier.api.server import METRICS_FOLDER
from classifier.api.service import Service, service
from classifier.records.catalogues import list_catalogues
from classifier.records.tracks import count_tracks
from classifier.results import Tag
from classifier.work.jobs import STATUSES

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LOG10_E = (-100.0, -50.0, -30.0, -20.0, -15.0, -10.0, -7.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0)

REQUESTS = Counter("earmark_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_S = Histogram("earmark_request_seconds", "Seconds to answer a request.", ["route"], buckets=_SECONDS)
PROBLEMS = Counter("earmark_problems", "Requests answered with a problem document, by its name.", ["name"])
STAGE_S = Histogram("earmark_stage_seconds", "Seconds in each stage of an identification.", ["stage"], buckets=_SECONDS)
VERDICTS = Counter("earmark_verdicts", "Identifications, by verdict and method.", ["verdict", "method"])
LOG10_E = Histogram("earmark_log10_e_value", "Log10 of the E-value of the first match.", buckets=_LOG10_E)
WAITING = Gauge(
    "earmark_snippets_in_work", "Snippets being worked on or waiting for a place.", multiprocess_mode="livesum"
)
LABELLING = Gauge(
    "earmark_recordings_in_work", "Recordings being labelled or waiting for it.", multiprocess_mode="livesum"
)

bp = APIBlueprint("telemetry", __name__, tag="Operation")


def identified(tag: Tag) -> None:
    """Count an identification with what each stage took."""
    tracing.identified(tag)
    VERDICTS.labels(tag.verdict, tag.method).inc()
    for stage, seconds in tag.seconds.items():
        STAGE_S.labels(stage).observe(seconds)
    if tag.matches and tag.matches[0].log10_e_value is not None:
        LOG10_E.observe(tag.matches[0].log10_e_value)


class _State(Collector):
    """What store and index hold at this moment."""

    def __init__(self, own: Service) -> None:
        self._own = own

    def collect(self) -> Iterator[Metric]:
        """Look it up."""
        version = GaugeMetricFamily("earmark_build_info", "1, with the version as label.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        tracks = GaugeMetricFamily("earmark_tracks", "Tracks enrolled, by catalogue.", labels=["catalogue"])
        for record in list_catalogues(self._own.store):
            tracks.add_metric([record.name], count_tracks(self._own.store, record.name))
        yield tracks
        yield GaugeMetricFamily(
            "earmark_tracks_missing",
            "Tracks of the catalogues in use that snippets are not compared with yet.",
            value=self._own.tracks_missing(),
        )
        jobs = GaugeMetricFamily("earmark_jobs", "Jobs, by status.", labels=["status"])
        for status in STATUSES:
            jobs.add_metric([status], self._own.store.count("jobs", {"status": status}))
        yield jobs


def _count(response: flask.Response) -> flask.Response:
    """Count an answer."""
    rule = request.url_rule.rule if request.url_rule else "none"
    REQUESTS.labels(request.method, rule, str(response.status_code)).inc()
    if "started" in g:
        REQUEST_S.labels(rule).observe(time.perf_counter() - g.started)
    if "problem" in g:
        PROBLEMS.labels(g.problem).inc()
    return response


def init_app(app: flask.Flask, own: Service) -> None:
    """Count every answer, and what is in work."""
    app.after_request(_count)
    own.gate.watch = WAITING.set
    own.watch_labels = LABELLING.set


@bp.get("/metrics")
@needs("admin")
@bp.doc(hide=True)
def metrics() -> Response:
    """Return all figures in Prometheus' text format."""
    registry = CollectorRegistry()
    if METRICS_FOLDER in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(_State(service()))
    text = generate_latest(registry) + (b"" if METRICS_FOLDER in os.environ else generate_latest(REGISTRY))
    return Response(text, content_type=CONTENT_TYPE_LATEST)
