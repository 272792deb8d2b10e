"""Two releases of the service on the same snippets, in turn: answers a second and processor time, as ratios.

A machine that is busy with other work gives other figures every minute; what the same minute does to both cancels out::

    git worktree add ../before v0.1.0                         # with an environment in ../before/.venv
    python -m bench.measure.against ../before                 # 14 rounds of 4 s, 4 clients; some three minutes

Each service runs from its own checkout and environment, on the same demo songs, which it enrolled itself. Processor
time is that of the service with all its child processes, whatever they do meanwhile, divided by the answers. Intervals
are at 95 %, of medians over rounds, by bootstrap.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.measure.load import READY_S, ask, load, make_library

HERE = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Running:
    """A service at work."""

    host: str
    port: int
    process: int


@dataclass(frozen=True, slots=True)
class Round:
    """What a service did in some seconds."""

    per_second: float
    cpu_s: float
    right: int
    answered: int


def _python(tree: Path) -> str:
    return str(tree.resolve() / ".venv" / "bin" / "python")


def _environment(data: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    return {**own, "EARMARK_DATA_DIR": str(data), "EARMARK_LOG_LEVEL": "WARNING"}


@contextlib.contextmanager
def running(tree: Path, data: Path) -> Iterator[Running]:
    """Run the service of a checkout with its own environment."""
    command = [_python(tree), "-u", "-m", "classifier", "serve", "--port", "0", "--workers", "2", "--processes", "1"]
    process = subprocess.Popen(command, cwd=tree, env=_environment(data), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://([\d.]+):(\d+)/", process.stdout.readline())
        if found is None:
            raise SystemExit(f"the service of {tree} did not start: see above")
        own = Running(found[1], int(found[2]), process.pid)
        deadline = time.monotonic() + READY_S
        while ask(own.host, own.port, "GET", "/readyz")[0] != 200:
            if time.monotonic() > deadline:
                raise SystemExit(f"the service of {tree} was not ready within {READY_S:g} s")
            time.sleep(0.2)
        yield own
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


def cpu_s(process: int) -> float:
    """Return processor seconds of a process and all below it, children that have ended included."""
    used: dict[int, float] = {}
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # a process that has just ended
            values = file.read_text().rpartition(")")[2].split()
            used[int(file.parent.name)] = sum(map(int, values[11:15])) / _TICKS
            children.setdefault(int(values[1]), []).append(int(file.parent.name))
    total, waiting = 0.0, [process]
    while waiting:
        one = waiting.pop()
        total += used.get(one, 0.0)
        waiting += children.get(one, [])
    return total


def measured(own: Running, snippets: list[tuple[bytes, str]], clients: int, seconds: float) -> Round:
    """Load a service for some seconds."""
    cpu, started = cpu_s(own.process), time.monotonic()
    tally = load(own.host, own.port, snippets, clients, seconds)
    answered = len(tally.seconds)
    took = time.monotonic() - started
    return Round(answered / took, (cpu_s(own.process) - cpu) / max(1, answered), tally.right, answered)


def interval(ratios: np.ndarray) -> str:
    """Return the median of some ratios with its interval, in words."""
    draws = np.random.default_rng(1).choice(ratios, (4000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return f"{np.median(ratios):.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Compare this checkout with another one."""
    parser = argparse.ArgumentParser(prog="python -m bench.measure.against", description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="checkout of the other release, with .venv")
    parser.add_argument("--rounds", type=int, default=14, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=4, help="at the same time (default: %(default)s)")
    parser.add_argument("--songs", type=int, default=16, help="in the library (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "music").mkdir()
        *snippets, _ = make_library(folder / "music", options.songs)
        trees = {"before": options.before, "after": HERE}
        for side, tree in trees.items():
            command = [_python(tree), "-m", "classifier", "enroll", str(folder / "music"), "--quiet"]
            subprocess.run(command, cwd=tree, env=_environment(folder / side), check=True)
        both = [stack.enter_context(running(tree, folder / side)) for side, tree in trees.items()]
        for own in both:
            load(own.host, own.port, snippets, 2, 2.0)  # the first ones find cold caches
        rounds: tuple[list[Round], list[Round]] = ([], [])
        for number in range(options.rounds):
            for turn in (0, 1) if number % 2 else (1, 0):
                rounds[turn].append(measured(both[turn], snippets, options.clients, options.seconds))
    for side, found in zip(("before", "after"), rounds, strict=True):
        rate, cpu = (np.median([getattr(one, field) for one in found]) for field in ("per_second", "cpu_s"))
        right, answered = sum(one.right for one in found), sum(one.answered for one in found)
        print(f"{side}: {rate:.1f} answers a second, {1000 * cpu:.0f} ms each, {right} of {answered} right")
    pairs = list(zip(*rounds, strict=True))
    print("answers a second, after / before:", interval(np.array([b.per_second / a.per_second for a, b in pairs])))
    print("processor time, before / after:", interval(np.array([a.cpu_s / b.cpu_s for a, b in pairs])))


if __name__ == "__main__":
    main()
