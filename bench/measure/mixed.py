"""Everything at once, for as long as you like: whether a service at its limit stays as quick and as small as it was::

    python -m bench.measure.mixed                                # an hour
    python -m bench.measure.mixed --minutes 20 --json mixed.json # and every figure in a file

Clients post snippets and signatures, listen piece by piece, have sound labelled, read lists, break off in the middle
of an upload, and stall: they open a connection, send part of a request and wait. They ask for more than the service
can do, so that some are told to come back (503); these wait as long as ``Retry-After`` says. Labels need the weights of
the tagging network (``earmark models get musicnn-msd``); without them that kind is left out. Each client has an address
of its own; those that stall share three.

Memory is what each worker process has of its own (``RssAnon``), the least and the most at any look in a row's minutes:
what is kept shows in the least, what a moment takes in the most. That of one's decoders stands beside it. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.measure.load import make_library, service
from classifier.catalogue import Catalogue
from classifier.settings import Settings

#: Clients of each kind, of those that ask.
CLIENTS = {"tag": 8, "signature": 2, "listen": 4, "label": 1, "list": 2, "break off": 2}
LISTS = ("/api/v1/tags?limit=50", "/api/v1/tracks?limit=50", "/api/v1/tags/devices", "/api/v1/me", "/metrics")
#: Answers that an honest service gives to these clients.
EXPECTED = {"200", "201", "204", "503"}
#: Seconds of sound in a piece, and between two snapshots of memory.
PIECE_S, LOOK_S = 1.0, 5.0
#: Refusals after which a phone gives up.
MOST_REFUSED = 20


@dataclass
class Tally:
    """What clients saw in some minutes: seconds and statuses by kind, and how many names were right."""

    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    named: int = 0
    right: int = 0


def address(number: int) -> tuple[str, int]:
    """Return the address that a client comes from, one of loopback's: the service shares places among addresses."""
    return f"127.1.{number // 250}.{1 + number % 250}", 0


@dataclass
class Site:
    """A service under load, and what its clients send and note."""

    host: str
    port: int
    snippets: Sequence[tuple[bytes, str]]
    signatures: Sequence[tuple[bytes, str]]
    end: float
    tally: Tally = field(default_factory=Tally)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self, who: int, kind: str, method: str, path: str, body: bytes | None = None, media: str = "audio/wav"
    ) -> Any:
        """Ask once, note it, and wait if told to; return the answer's JSON, None if it is none or not a success."""
        began, wait, found = time.perf_counter(), 0.0, None
        try:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=120, source_address=address(who))
            with contextlib.closing(connection):
                connection.request(method, path, body, {"Content-Type": media} if body else {})
                answer = connection.getresponse()
                content, status = answer.read(), str(answer.status)
                wait = float(answer.headers.get("Retry-After", 0))
                if answer.status < 300 and "json" in answer.headers.get("Content-Type", ""):
                    found = json.loads(content)
        except OSError:
            status = "0"
        with self.lock:
            self.tally.statuses[kind][status] += 1
            if status < "300" and status != "0":
                self.tally.seconds[kind].append(time.perf_counter() - began)
        time.sleep(max(0.0, min(wait, self.end - time.monotonic())))
        return found

    def check(self, tag: dict[str, Any] | None, title: str) -> None:
        """Note whether a tag has the right name."""
        if tag is not None:
            with self.lock:
                self.tally.named += 1
                self.tally.right += bool(tag["matches"]) and tag["matches"][0]["title"] == title

    def taken(self) -> Tally:
        """Return what was noted since the last time."""
        with self.lock:
            tally, self.tally = self.tally, Tally()
        return tally


def _tag(site: Site, who: int, turn: int) -> None:
    content, title = site.snippets[turn % len(site.snippets)]
    site.check(site.ask(who, "tag", "POST", f"/api/v1/tags?device=phone{turn % 7}", content), title)


def _signature(site: Site, who: int, turn: int) -> None:
    content, title = site.signatures[turn % len(site.signatures)]
    media = "application/vnd.earmark.signature"
    site.check(site.ask(who, "signature", "POST", "/api/v1/tags", content, media), title)


def _listen(site: Site, who: int, turn: int) -> None:
    """Send a snippet second by second, as bare PCM; some stop without a word."""
    content, title = site.snippets[turn % len(site.snippets)]
    rate, channels = int.from_bytes(content[24:28], "little"), int.from_bytes(content[22:24], "little")
    sound, size = content[44:], round(PIECE_S * rate) * channels * 2
    listen = site.ask(who, "listen", "POST", f"/api/v1/listens?rate={rate}&channels={channels}")
    if listen is None:
        return
    number = refused = 0
    while not listen["ended"] and number * size < len(sound) and refused < MOST_REFUSED:
        if turn % 11 == 0 and number == 2:
            return
        piece, last = sound[number * size : (number + 1) * size], (number + 1) * size >= len(sound)
        path = f"/api/v1/listens/{listen['id']}/pieces/{number}" + ("?last=true" if last else "")
        said = site.ask(who, "listen", "POST", path, piece, "audio/pcm")
        if said is None:  # it is sent again, since a lost piece would lose the rest
            refused += 1
        else:
            listen, number = said, number + 1
    if listen["ended"]:
        site.check(listen["tag"], title)


def _label(site: Site, who: int, turn: int) -> None:
    site.ask(who, "label", "POST", "/api/v1/labels/tags", site.snippets[turn % len(site.snippets)][0])
    time.sleep(1.0)


def _list(site: Site, who: int, turn: int) -> None:
    site.ask(who, "list", "GET", LISTS[turn % len(LISTS)])
    time.sleep(0.05)


def _break_off(site: Site, who: int, turn: int) -> None:
    content, _ = site.snippets[turn % len(site.snippets)]
    with contextlib.suppress(OSError), _begun(site, who, content, len(content) // 2):
        time.sleep(0.1)
    with site.lock:
        site.tally.statuses["break off"]["-"] += 1


def _stall(site: Site, who: int, turn: int) -> None:
    content, _ = site.snippets[turn % len(site.snippets)]
    with contextlib.suppress(OSError), _begun(site, who % 3, content, 1000) as connection:
        connection.settimeout(max(0.1, min(60.0, site.end - time.monotonic())))
        connection.recv(1)
    time.sleep(1.0)


@contextlib.contextmanager
def _begun(site: Site, who: int, content: bytes, n_bytes: int) -> Iterator[socket.socket]:
    """Yield a connection on which the first bytes of a snippet were sent."""
    with socket.create_connection((site.host, site.port), 30, address(who)) as connection:
        head = f"POST /api/v1/tags HTTP/1.1\r\nHost: {site.host}:{site.port}\r\nContent-Type: audio/wav\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:n_bytes])
        yield connection


ASK: dict[str, Callable[[Site, int, int], None]] = {
    "tag": _tag,
    "signature": _signature,
    "listen": _listen,
    "label": _label,
    "list": _list,
    "break off": _break_off,
}


def _client(site: Site, ask: Callable[[Site, int, int], None], number: int) -> None:
    turn = 7 * number
    while time.monotonic() < site.end:
        ask(site, 10 + number, turn)
        turn += 1


def processes(parent: int) -> dict[int, float]:
    """Private memory of a process's children by their ids, MB."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, KeyError):  # a process that has just ended
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
            if int(facts["PPid"]) == parent:
                found[int(status.parent.name)] = int(facts["RssAnon"].split()[0]) * 1024 / 1e6
    return found


def row(site: Site, minute: float, seconds: float, looks: dict[int, list[float]], decoders: float) -> dict[str, Any]:
    """Return the figures of some seconds."""
    tally = site.taken()
    kinds = {
        kind: {
            "answered": len(tally.seconds[kind]),
            "p50_s": float(np.median(tally.seconds[kind])) if tally.seconds[kind] else None,
            "p99_s": float(np.quantile(tally.seconds[kind], 0.99)) if tally.seconds[kind] else None,
            "statuses": dict(sorted(counts.items())),
        }
        for kind, counts in sorted(tally.statuses.items())
    }
    return {
        "minute": minute,
        "seconds": seconds,
        "workers_mb": {str(pid): [min(mb), max(mb)] for pid, mb in sorted(looks.items())},
        "decoders_mb": decoders,
        "named": tally.named,
        "right": tally.right,
        "kinds": kinds,
    }


def run(options: argparse.Namespace, show: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Measure; ``show`` gets each row when it is there."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "weights").symlink_to(Settings().weights_dir)  # the service has a data folder of its own
        *snippets, _ = make_library(folder, options.songs)
        with Catalogue.open(settings=Settings(data_dir=str(folder))) as catalogue:
            signatures = [(catalogue.signature(content), title) for content, title in snippets]
        running = service(folder, workers=options.workers, processes=options.processes, queue=options.queue)
        with running as (host, port, process):
            site, kinds = Site(host, port, snippets, signatures, 0.0), dict(CLIENTS)
            site.ask(0, "label", "POST", "/api/v1/labels/tags", snippets[0][0])
            if "200" not in site.taken().statuses["label"]:
                del kinds["label"]
            site.end = time.monotonic() + 60 * options.minutes
            asks = [ASK[kind] for kind, n in kinds.items() for _ in range(n)] + [_stall] * options.stalled
            threads = [
                threading.Thread(target=_client, args=(site, ask, number), daemon=True)
                for number, ask in enumerate(asks)
            ]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            since = began
            while since < site.end:
                until = min(site.end, since + 60 * options.every)
                looks: defaultdict[int, list[float]] = defaultdict(list)
                decoders = 0.0
                while time.monotonic() < until:
                    time.sleep(min(LOOK_S, max(0.1, until - time.monotonic())))
                    for pid, mb in processes(process).items():
                        looks[pid].append(mb)
                        decoders = max(decoders, sum(processes(pid).values()))
                now = time.monotonic()
                rows.append(row(site, (now - began) / 60, now - since, looks, decoders))
                show(rows[-1])
                since = now
            for thread in threads:
                thread.join(150)
    return rows


def _memory(found: dict[str, Any]) -> str:
    return ", ".join(f"{least:.0f} to {most:.0f}" for least, most in found["workers_mb"].values())


def line(found: dict[str, Any]) -> str:
    """Return a row as text, for whoever waits."""
    tags = found["kinds"].get("tag", {"answered": 0, "p99_s": None})
    memory = _memory(found)
    p99 = "-" if tags["p99_s"] is None else f"{tags['p99_s']:.1f}"
    minute, answered = found["minute"], tags["answered"]
    return f"minute {minute:.0f}: workers {memory} MB; {answered} snippets answered, 99 % within {p99} s"


def tables(rows: Sequence[dict[str, Any]]) -> list[Table]:
    """Return what to print at the end: memory over time, and answers by kind."""
    memory = Table(box=MARKDOWN)
    for column in ("minute", "workers, MB", "decoders of one, MB", "snippets a second", "99 %, s", "right"):
        memory.add_column(column, justify="right")
    for r in rows:
        tags = r["kinds"].get("tag", {"answered": 0, "p99_s": None})
        memory.add_row(
            f"{r['minute']:.0f}",
            _memory(r),
            f"{r['decoders_mb']:.0f}",
            f"{tags['answered'] / r['seconds']:.1f}",
            "-" if tags["p99_s"] is None else f"{tags['p99_s']:.1f}",
            f"{r['right']} of {r['named']}",
        )
    kinds = Table(box=MARKDOWN)
    for column in ("kind", "answered", "statuses"):
        kinds.add_column(column, justify="right" if column == "answered" else "left")
    for kind in dict.fromkeys(kind for r in rows for kind in r["kinds"]):
        counts: Counter[str] = Counter()
        for r in rows:
            counts.update(r["kinds"].get(kind, {"statuses": {}})["statuses"])
        answered = sum(r["kinds"][kind]["answered"] for r in rows if kind in r["kinds"])
        kinds.add_row(kind, f"{answered:,}", ", ".join(f"{status}: {n:,}" for status, n in sorted(counts.items())))
    return [memory, kinds]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; exit 1 if anything but an honest answer was given."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5.0, help="minutes of a row (default: %(default)s)")
    parser.add_argument("--songs", type=int, default=16, help="songs in the library, 1 to 24 (default: %(default)s)")
    parser.add_argument("--stalled", type=int, default=50, help="clients that stall (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="snippets at work in each (default: %(default)s)")
    parser.add_argument("--queue", type=int, default=4, help="snippets that may wait in each (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write every figure into this file")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    rows = run(options, lambda found: console.print(line(found), highlight=False))
    for table in tables(rows):
        console.print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    seen = {status for r in rows for kind in r["kinds"].values() for status in kind["statuses"]}
    return int(bool(seen - EXPECTED - {"-"}))


if __name__ == "__main__":
    sys.exit(main())
