"""Calls to addresses that people give: where they may lead, and that each has an end."""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from classifier.errors import InvalidParameter
from classifier.work.calling import MAX_REDIRECTS, check_address, is_public, post

Answering = Callable[[BaseHTTPRequestHandler], None]


class Receiver(ThreadingHTTPServer):
    """A server at 127.0.0.1 and all other addresses of this machine; remembers what it got."""

    def __init__(self, answering: Answering) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answering(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("0.0.0.0", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """A caller that hangs up is part of the test."""


@contextlib.contextmanager
def receiving(answering: Answering, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    with Receiver(answering) as receiver:
        if tls is not None:
            receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
        thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


def answer(status: int, **headers: str) -> Answering:
    def answering(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answering


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True), ("127.0.0.1", False),
     ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False),
     ("100.64.0.1", False), ("0.0.0.0", False), ("255.255.255.255", False), ("224.0.0.1", False), ("::", False),
     ("::1", False), ("fe80::1", False), ("fd00::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False),
     ("::ffff:8.8.8.8", True), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("2002:a00:1::1", False)],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "ftp://example.org", "https://", "https:///x", "example.org", "https://a:b@example.org",
     "https://a@example.org", "https://example.org:0", "https://example.org:99999", "https://exa mple.org",
     "https://example.org/\r\nX: y", "https://[::1", "https://127.0.0.1/", "https://[::1]:8000/", "https://10.0.0.1",
     "https://[fe80::1%25eth0]/", "https://exämple.org", "https://example.org/" + "x" * 2000],
)  # fmt: skip
def test_addresses_that_are_not_called(url: str) -> None:
    with pytest.raises(InvalidParameter):
        check_address(url, private=False)
    assert post(url, b"{}", {}, private=False).status is None


def test_a_name_that_leads_to_this_machine_is_not_called() -> None:
    with receiving(answer(204)) as receiver:
        check_address("https://localhost", private=False)  # nothing is wrong with the name
        outcome = post(f"https://localhost:{receiver.server_port}/", b"{}", {}, private=False)
    assert outcome.status is None
    assert "not a public address" in outcome.answer
    assert receiver.got == []


def test_what_is_sent() -> None:
    with receiving(answer(202)) as receiver:
        outcome = post(f"http://127.0.0.1:{receiver.server_port}/a/b?c=d", b'{"a":1}', {"x-y": "z"}, private=True)
    assert (outcome.ok, outcome.status, outcome.answer) == (True, 202, "202 Accepted")
    [(path, headers, body)] = receiver.got
    assert (path, body) == ("/a/b?c=d", b'{"a":1}')
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{receiver.server_port}"
    assert headers["x-y"] == "z"


def test_redirects_keep_the_request_and_end() -> None:
    with receiving(lambda handler: answer(307 if handler.path == "/" else 200, Location="/next")(handler)) as receiver:
        assert post(f"http://127.0.0.1:{receiver.server_port}/", b"{}", {}, private=True).ok
    assert [(path, body) for path, _, body in receiver.got] == [("/", b"{}"), ("/next", b"{}")]
    with receiving(answer(308, Location="/again")) as receiver:
        outcome = post(f"http://127.0.0.1:{receiver.server_port}/", b"{}", {}, private=True)
    assert len(receiver.got) == MAX_REDIRECTS + 1
    assert "redirects more than" in outcome.answer
    with receiving(answer(302, Location="/other")) as receiver:  # would become a GET
        assert post(f"http://127.0.0.1:{receiver.server_port}/", b"{}", {}, private=True).status == 302
    assert len(receiver.got) == 1


def test_each_redirect_is_checked() -> None:
    """The whole of 127.0.0.0/8 is this machine: one address of it is allowed, the one redirected to is not."""
    allowed = ipaddress.ip_address("127.0.0.1")
    there = {"Location": ""}
    with receiving(lambda handler: answer(307, **there)(handler)) as receiver:
        for place, why in (
            (f"http://127.0.0.2:{receiver.server_port}/", "127.0.0.2 is not a public address"),
            ("file:///etc/passwd", "is not an https:// address"),
            ("http://user:word@127.0.0.1/", "holds no name or password"),
        ):
            there["Location"] = place
            receiver.got.clear()
            outcome = post(f"http://127.0.0.1:{receiver.server_port}/", b"{}", {}, private=True, permits=allowed.__eq__)
            assert outcome.status is None
            assert why in outcome.answer
            assert len(receiver.got) == 1


def test_answers_that_do_not_end() -> None:
    stop = threading.Event()

    def dribble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stop.wait(0.05):
            handler.wfile.write(b"X: y\r\n"[:1])

    with receiving(dribble) as receiver:
        outcome = post(f"http://127.0.0.1:{receiver.server_port}/", b"{}", {}, private=True, deadline_s=0.5)
        stop.set()
    assert (outcome.status, outcome.answer) == (None, "it did not answer in time")


def test_what_is_no_http_and_who_is_not_there() -> None:
    with receiving(lambda handler: handler.wfile.write(b"SSH-2.0\r\n")) as receiver:
        outcome = post(f"http://127.0.0.1:{receiver.server_port}/", b"{}", {}, private=True)
        assert outcome.answer == "what it answers is not HTTP"
        port = receiver.server_port
    assert "cannot be reached" in post(f"http://127.0.0.1:{port}/", b"{}", {}, private=True).answer
    outcome = post("https://no-such-name.invalid/", b"{}", {}, private=False)
    assert "cannot be resolved" in outcome.answer


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not on this machine")
    key, made = tmp_path / "key.pem", tmp_path / "cert.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run([program, "req", *options, *names], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)
    with receiving(answer(200), tls) as receiver:
        url = f"https://localhost:{receiver.server_port}/"
        assert "certificate is not valid" in post(url, b"{}", {}, private=True).answer
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        assert post(url, b"{}", {}, private=True).ok
        by_number = post(url.replace("localhost", "127.0.0.1"), b"{}", {}, private=True)
        assert "certificate is not valid" in by_number.answer
    assert len(receiver.got) == 1
