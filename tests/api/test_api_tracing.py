"""Traces, as a collector receives them: where the time went, and nothing of whom or what."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from api_client import piece, running, wav
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from classifier.api.tracing import init_app
from classifier.demo.songs import Song
from classifier.errors import InvalidConfig
from classifier.settings import Settings
from tests.waiting import until

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(HTTPServer):
    """Takes spans over HTTP and keeps them."""

    spans: list[Any]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        told = ExportTraceServiceRequest.FromString(content)
        self.server.spans += [s for r in told.resource_spans for scope in r.scope_spans for s in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector(("127.0.0.1", 0), _Handler) as server:
        server.spans = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_request_with_its_stages(tmp_path: Path, collector: Collector, songs: list[Song]) -> None:
    content = wav(piece(songs[0], 4.0, 5.0), songs[0].sample_rate)
    with running(tmp_path, traces=f"http://127.0.0.1:{collector.server_port}/v1/traces") as own:
        answer = own.client.tag_raw(content, "audio/wav", "?top=7", traceparent=PARENT)
        assert answer.status == 200, answer
        own.client.tag_raw(b"nonsense", "audio/wav").problem(415, "audio_unreadable")

        def told() -> list[Any]:
            return [span for span in collector.spans if span.name == "POST /api/v1/tags"]

        until(lambda: len(told()) == 2, 30)
    request, refused = sorted(told(), key=lambda span: span.start_time_unix_nano)
    assert request.trace_id.hex() == PARENT.split("-")[1]
    assert request.parent_span_id.hex() == PARENT.split("-")[2]
    attributes = {each.key: each.value for each in request.attributes}
    assert attributes["http.route"].string_value == "/api/v1/tags"
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["earmark.verdict"].string_value == "no_match"
    assert attributes["earmark.request_id"].string_value == answer.headers["x-request-id"]
    stages = [span for span in collector.spans if span.parent_span_id == request.span_id]
    assert {"decode", "queue", "align"} <= {span.name for span in stages}
    seconds = {span.name: (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9 for span in stages}
    said = {name: value for name, value in answer.json["seconds"].items() if name != "total"}
    assert seconds == pytest.approx(said, abs=2e-3)
    assert {each.key: each.value.string_value for each in refused.attributes}["error.type"] == "audio_unreadable"
    text = str(collector.spans)
    assert "127.0.0.1" not in text
    assert "top=7" not in text


@pytest.mark.parametrize("address", ["localhost:4318", "ftp://localhost", "http://", "http://["])
def test_what_is_no_collector(address: str) -> None:
    with pytest.raises(InvalidConfig, match="EARMARK_TRACES is"):
        init_app(None, Settings(traces=address))  # type: ignore[arg-type]
