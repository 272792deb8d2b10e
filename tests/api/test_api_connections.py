"""Clients that are slow, idle, many or rude: whoever behaves is answered all the same, and nobody waits for ever."""

from __future__ import annotations

import contextlib
import resource
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_client import Client, Running, multipart, piece, running, until, wav

from classifier.api.lobby import Lobby
from classifier.api.page import ROOT
from classifier.api.places import Places
from classifier.demo.songs import Song
from classifier.errors import Busy
from classifier.records import keys
from classifier.store import open_store

N_THREADS = 82
"""Threads of a process with default settings: 32 uploads, 16 streams, 18 snippets, 16 others."""
N_CONNECTIONS = 1000
"""Connections that a process holds at a time."""
STRANGER, OTHER = "127.0.0.2", "127.0.0.3"
"""Addresses of this machine that the service takes for those of other callers."""
PROMPT_S = 8.0
"""Longest wait of a well-behaved client on a busy machine; the clocks of the service are longer, or add up to more."""
SLOW = b"POST /api/v1/tags HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\nContent-Length: 500000\r\n\r\nRIFF"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]) -> Iterator[Running]:
    """Run a service with one song, for clients that misbehave."""
    with running(tmp_path_factory.mktemp("own")) as service:
        service.client.enroll(files[0])
        yield service


@pytest.fixture(scope="module", autouse=True)
def enough_files() -> None:
    """Let this process open as many connections as the service takes, and more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))


@contextlib.contextmanager
def connections(client: Client, n: int, data: bytes, address: str = STRANGER) -> Iterator[list[socket.socket]]:
    """Open connections from an address, and send the same on each."""
    opened: list[socket.socket] = []
    try:
        for _ in range(n):
            opened.append(socket.create_connection((client.host, client.port), PROMPT_S, (address, 0)))
            with contextlib.suppress(ConnectionError):
                opened[-1].sendall(data)
        yield opened
    finally:
        for connection in opened:
            connection.close()


def everything(connection: socket.socket) -> bytes:
    """Read to the end."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            found += data
    return found


def snippet(songs: list[Song]) -> bytes:
    return wav(piece(songs[0], 3.0, 5.0), songs[0].sample_rate)


def serves(client: Client, songs: list[Song]) -> None:
    """Probes, page, API and snippets are all answered promptly."""
    for path in ("/healthz", "/readyz", "/", "/api/v1/tracks"):
        assert client.ask("GET", path, timeout=PROMPT_S).status == 200
    body, kind = multipart([("snippet", "s.wav", snippet(songs))])
    answer = client.ask("POST", "/api/v1/tags", body, {"Content-Type": kind}, timeout=PROMPT_S)
    assert (answer.status, answer.json["verdict"]) == (200, "identified"), answer


# --- what a client may make the service wait for ------------------------------------------------------------------


def test_headers_that_do_not_come(own: Running, songs: list[Song]) -> None:
    with connections(own.client, N_THREADS + 20, b"POST /api"):
        serves(own.client, songs)


def test_more_idle_connections_than_there_may_be(own: Running, songs: list[Song]) -> None:
    with connections(own.client, N_CONNECTIONS + 100, b"") as idle:
        serves(own.client, songs)
        assert idle[0].recv(1) == b""  # the oldest had to go …
        idle[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle[-1].recv(12) == b"HTTP/1.1 200"  # … the newest stay


def test_answers_that_are_not_read(own: Running, songs: list[Song]) -> None:
    largest = max(ROOT.iterdir(), key=lambda path: path.stat().st_size)
    with contextlib.ExitStack() as stack:
        readers = []
        for _ in range(N_THREADS + 20):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect((own.client.host, own.client.port))
            reader.sendall(f"GET /{largest.name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            readers.append(reader)
        serves(own.client, songs)
        for reader in readers[:3]:  # who reads late gets all of it
            reader.settimeout(PROMPT_S)
            assert everything(reader).partition(b"\r\n\r\n")[2] == largest.read_bytes()


def test_connections_that_are_not_closed(own: Running, songs: list[Song]) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connections(own.client, N_THREADS, request):
        serves(own.client, songs)


@pytest.mark.parametrize("path", ["/api/v1/tags", "/nothing"])
def test_refused_bodies_that_do_not_come(own: Running, songs: list[Song], path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 900000\r\n\r\nabc"
    with connections(own.client, N_THREADS + 20, head.encode()) as refused:
        serves(own.client, songs)
        for connection in refused:  # each has its answer, though it has not sent its body
            assert connection.recv(12) == b"HTTP/1.1 421"


def test_strangers_do_not_hold_up_who_has_a_key(
    tmp_path: Path, songs: list[Song], files: list[tuple[str, bytes]]
) -> None:
    # So many refusals in so short a time would be refused themselves.
    with running(tmp_path, open_tagging="no", address_requests_per_minute=0) as keyed:
        client = keyed.client
        client.enroll(files[0])
        store = open_store(f"sqlite:///{tmp_path}/earmark.sqlite")
        bearer = {"Authorization": f"Bearer {keys.create(store, 'me', 'tag')[1]}"}
        store.close()
        until(lambda: client.get("/api/v1/tracks").status == 401)
        with connections(client, N_THREADS + 20, SLOW) as refused:
            assert client.tag(snippet(songs), **bearer).json["verdict"] == "identified"
            assert {connection.recv(12) for connection in refused} == {b"HTTP/1.1 401"}


# --- uploads: a fair share for each caller ------------------------------------------------------------------------


def test_slow_uploads_hold_up_no_other_caller(own: Running, songs: list[Song]) -> None:
    with connections(own.client, 40, SLOW) as slow, connections(own.client, 40, SLOW, OTHER):
        serves(own.client, songs)
        # The places are shared by two: each got a third of them at least, and half at most. The others are told so.
        answered = until(lambda: len(found := select.select(slow, [], [], 0)[0]) >= 40 - 16 and found)
        assert len(answered) <= 40 - 10
        assert {connection.recv(12) for connection in answered} == {b"HTTP/1.1 503"}
    until(lambda: own.client.tag_raw(b"x", "audio/wav").json["name"] == "audio_unreadable")


@pytest.mark.parametrize("n_bytes", [1_000_000, 9_000_000])
def test_busy_is_read_by_a_client_that_is_still_sending(own: Running, n_bytes: int) -> None:
    with connections(own.client, 40, SLOW, "127.0.0.1"):
        until(lambda: own.client.tag_raw(b"x", "audio/wav").json["name"] == "busy")
        for _ in range(4):
            answer = own.client.tag_raw(bytes(n_bytes), "audio/wav")
            answer.problem(503, "busy")
            assert answer.headers["connection"] == "close"
            assert "retry-after" in answer.headers


def test_half_of_what_is_free_is_the_most_one_caller_gets() -> None:
    places = Places(32)
    first = [places.take("a") for _ in range(16)]
    with pytest.raises(Busy, match="16 of your uploads"):
        places.take("a")
    second = [places.take("b") for _ in range(8)]
    with pytest.raises(Busy):
        places.take("b")
    crowd = [places.take(f"c{n}") for n in range(8)]  # whoever has none gets one, while there are any
    with pytest.raises(Busy, match="as many uploads as the service takes"):
        places.take("d")
    for give_back in (*first, *second, *crowd):
        give_back()
    assert len([places.take("a") for _ in range(16)]) == 16


def test_one_caller_of_thirty_two_never_takes_the_last_place() -> None:
    """However greedy 31 callers are, and in whatever order they come, the next one finds a place."""
    places = Places(32)
    for _ in range(40):
        for n in range(31):
            with contextlib.suppress(Busy):
                places.take(str(n))
    places.take("new")


# --- the lobby ------------------------------------------------------------------------------------------------------


def test_who_has_most_waiting_loses_the_oldest() -> None:
    lobby: Lobby[str] = Lobby()
    assert lobby.dispensable() is None
    for caller, guest in (("a", "a1"), ("b", "b1"), ("b", "b2"), ("c", "c1"), ("b", "b3")):
        lobby.enter(guest, caller, 10.0)
    gone = []
    while (guest := lobby.dispensable()) is not None:
        gone.append(guest)
        lobby.leave(guest, guest[0])
    assert (gone[:2], sorted(gone[2:]), len(lobby)) == (["b1", "b2"], ["a1", "b3", "c1"], 0)


def test_deadlines_of_the_lobby() -> None:
    lobby: Lobby[str] = Lobby()
    lobby.enter("early", "a", 1.0)
    lobby.enter("late", "a", 9.0)
    assert lobby.overdue(0.9) == []
    assert lobby.overdue(1.0) == ["early"]
    lobby.extend("early", 7.0)
    assert lobby.overdue(6.0) == []
    lobby.hurry(5.0)
    assert lobby.overdue(5.0) == ["early", "late"]
    assert "early" in lobby
    lobby.leave("early", "a")
    assert "early" not in lobby


# --- clocks: each connection comes to an end, with the clocks lowered ----------------------------------------------


HASTY = """
from classifier.api import connections
connections.HEADER_SECONDS = connections.DRAIN_SECONDS = connections.CLOSE_SECONDS = connections.SEND_SECONDS = 0.5
connections.DRAIN_BYTES = 1_000_000
from classifier.cli import main
main(["serve", "--port", "0"])
"""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Run a service with little patience."""
    with running(tmp_path_factory.mktemp("hasty"), ready=False, command=[sys.executable, "-c", HASTY]) as service:
        until(lambda: service.client.get("/healthz").status == 200)
        yield service.client


REFUSED = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\nabc"
ENDINGS = {
    "nothing": (b"", b""),
    "empty lines": (b"\r\n\r\n\r\n", b""),
    "half a header": (b"GET / HTTP/1.1\r\nHost: loc", b""),
    "a rest that does not come": (REFUSED, b"HTTP/1.1 404"),
    "a connection that is not closed": (b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", b"HTTP/1.0 200"),
}
"""What is sent, and how the answer begins before the connection is closed."""


@pytest.mark.parametrize("how", ENDINGS)
def test_every_wait_has_an_end(hasty: Client, how: str) -> None:
    data, begin = ENDINGS[how]
    with connections(hasty, 1, data) as (connection,):
        assert everything(connection).startswith(begin)
        until(lambda: _is_gone(connection))


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed both ways: what is sent now is answered by a reset."""
    try:
        connection.send(b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def test_headers_letter_by_letter_have_one_clock(hasty: Client) -> None:
    with connections(hasty, 1, b"G") as (connection,):
        until(lambda: _is_gone(connection))


def test_a_refused_body_without_end_is_cut(hasty: Client) -> None:
    with connections(hasty, 1, REFUSED.replace(b"900000", b"90000000")) as (connection,):
        with pytest.raises(ConnectionError):
            connection.sendall(bytes(30_000_000))


# --- requests that come in odd pieces -------------------------------------------------------------------------------


def test_requests_in_odd_pieces(own: Running) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with connections(own.client, 1, b"\r\n" + request + request + request[:9]) as (connection,):
        for letter in request[9:]:
            connection.sendall(bytes([letter]))
        connection.sendall(last)
        assert everything(connection).count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize(("n_bytes", "kept"), [(10, b"keep-alive"), (5_000_000, b"close")])
def test_a_refused_body_that_is_there_already_keeps_the_connection(own: Running, n_bytes: int, kept: bytes) -> None:
    head = "POST /api/v1/tags HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n"
    with connections(own.client, 1, head.format(n_bytes).encode() + bytes(10)) as (connection,):
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 415")
        assert b"\r\nConnection: " + kept in answer


def test_headers_that_are_too_large(own: Running) -> None:
    fields = "".join(f"X-{n}: {'x' * 8000}\r\n" for n in range(20))
    for end in ("", "\r\n"):
        with connections(own.client, 1, f"GET / HTTP/1.1\r\nHost: localhost\r\n{fields}{end}".encode()) as (client,):
            assert everything(client).startswith(b"HTTP/1.1 431")
