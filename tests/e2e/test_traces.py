"""A real server, and a collector of OpenTelemetry's that it sends its turns to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import websockets
from e2e.server import Server
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.e2e


class Collector(HTTPServer):
    """Takes OTLP over HTTP; `names` are those of the spans, by service."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.names: dict[str, set[str]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {a.key: a.value.string_value for a in resource.resource.attributes}
            names = self.server.names.setdefault(about["service.name"], set())
            names.update(span.name for scope in resource.scope_spans for span in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.shutdown()
    collector.server_close()


async def answered(server: Server) -> None:
    async with websockets.connect(f"{server.url}/v1/realtime".replace("http", "ws")) as socket:
        part = {"type": "input_text", "text": "What time is it?"}
        item = {"type": "message", "role": "user", "content": [part]}
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        await socket.send(json.dumps({"type": "response.create"}))
        status = ""
        while status != "completed":
            event = json.loads(await socket.recv())
            status = event["response"]["status"] if event["type"] == "response.done" else ""


async def test_what_was_not_sent_yet_reaches_the_collector_as_the_server_ends(
    collector: Collector, tmp_path: Path
) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    server = Server(tmp_path, environment=environment)
    await answered(server)
    server.stop()
    assert {"turn", "llm", "tts", "play"} <= collector.names["talkover"]


async def test_a_collector_that_is_not_there_costs_no_call(tmp_path: Path) -> None:
    # Nobody listens at the discard port.
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }  # fmt: skip
    server = Server(tmp_path, environment=environment)
    await answered(server)
    server.stop()
