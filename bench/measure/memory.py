"""How much memory enrolling and identifying take, by the length of the file::

    python -m bench.measure.memory                          # 0.5, 2 and 12 hours; six minutes on two cores
    python -m bench.measure.memory --json memory.json       # the same, and every figure in a file
    python -m bench.measure.memory --listed                 # of listing these files instead, against the songs in them
    python -m bench.measure.memory --labelled               # of naming their genre instead

Each figure is the most that one process held at a time (``VmHWM``), program and libraries included: that of the
command, and that of its decoder. ``identify`` gets the same files, which are longer than a snippet may be, and refuses
them. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from classifier.audio.resample import at_rate
from classifier.demo.songs import compose, write
from classifier.settings import Settings

RATE = 16000
SONG_S = 60.0
SONGS = range(1, 5)
WHO = ("command", "decoder")
#: Seconds between looks at what is held.
_LOOK_S = 0.02


def write_long(path: Path, hours: float) -> None:
    """Write a mono WAV file of four songs that take turns, with noise that never repeats."""
    songs = [compose(seed, duration_s=SONG_S) for seed in SONGS]
    parts = [np.round(at_rate(song.samples, song.sample_rate, RATE) * 20000) for song in songs]
    random = np.random.default_rng(1)
    left, number = round(hours * 3600 * RATE), 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        while left > 0:
            part = parts[number % len(parts)][:left]
            file.writeframes((part + random.integers(-20, 21, len(part))).astype("<i2").tobytes())
            left, number = left - len(part), number + 1


def peaks(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run a command of Earmark with its data in ``folder``; return what it and its decoder held at most.

    Returns
    -------
    dict
        ``command_mb``, ``decoder_mb``, ``seconds``, ``status``.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")}
    environment |= {"EARMARK_DATA_DIR": str(folder), "EARMARK_TRACK_SECONDS": "86400"}
    environment["EARMARK_WEIGHTS_DIR"] = Settings().weights_dir
    begun = time.monotonic()
    most: dict[tuple[str, int], float] = {}
    process = subprocess.Popen(
        [sys.executable, "-m", "classifier", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        for who, pid in (("command", process.pid), *(("decoder", pid) for pid in _children(process.pid))):
            # The last figure counts, for a new process shows its parent's until it has become another program.
            most[who, pid] = _held_mb(pid) or most.get((who, pid), 0.0)
        time.sleep(_LOOK_S)
    return {
        **{f"{who}_mb": max((mb for (w, _), mb in most.items() if w == who), default=0.0) for who in WHO},
        "seconds": time.monotonic() - begun,
        "status": process.returncode,
    }


def _children(pid: int) -> list[int]:
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(map(int, path.read_text().split()))
    return sorted(found)


def _held_mb(pid: int) -> float:
    """Return the most that a process has held, in MB; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), 0.0)


def run(hours: Sequence[float]) -> list[dict[str, Any]]:
    """Enroll and identify files of these lengths, each in a library of its own; return a row of figures for each."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for length in hours:
            folder, path = Path(name) / "data", Path(name) / f"{length:g} hours.wav"
            write_long(path, length)
            row = {"hours": length}
            for command in ("enroll", "identify"):
                row[command] = peaks((command, str(path)), folder)  # type: ignore[assignment]
            path.unlink()
            rows.append(row)
    return rows


def run_listed(hours: Sequence[float]) -> list[dict[str, Any]]:
    """List files of these lengths in a library that has the four songs of which they are made; as :func:`run`."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, music = Path(name) / "data", Path(name) / "music"
        for seed in SONGS:
            write(compose(seed, duration_s=SONG_S), music)
        peaks(("enroll", str(music)), folder)
        for length in hours:
            path = Path(name) / f"{length:g} hours.wav"
            write_long(path, length)
            rows.append({"hours": length, "tracklist": peaks(("tracklist", str(path)), folder)})
            path.unlink()
    return rows


def run_labelled(hours: Sequence[float]) -> list[dict[str, Any]]:
    """Name the genre of files of these lengths; as :func:`run`."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for length in hours:
            path = Path(name) / f"{length:g} hours.wav"
            write_long(path, length)
            rows.append({"hours": length, "genre": peaks(("genre", str(path)), Path(name) / "data")})
            path.unlink()
    return rows


def show_one(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table of :func:`run_listed` or :func:`run_labelled`."""
    (command,) = rows[0].keys() - {"hours"}
    table = Table(box=MARKDOWN)
    for column in ("hours", f"{command}, MB", "its decoder, MB", "seconds"):
        table.add_column(column, justify="right")
    for row in rows:
        of = row[command]
        table.add_row(f"{row['hours']:g}", *(f"{of[name]:.0f}" for name in ("command_mb", "decoder_mb", "seconds")))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    table = Table(box=MARKDOWN)
    for column in ("hours", "enroll, MB", "its decoder, MB", "seconds", "identify, MB", "its decoder, MB"):
        table.add_column(column, justify="right")
    for row in rows:
        enrolled, identified = row["enroll"], row["identify"]
        figures = [enrolled[name] for name in ("command_mb", "decoder_mb", "seconds")]
        figures += [identified[name] for name in ("command_mb", "decoder_mb")]
        table.add_row(f"{row['hours']:g}", *(f"{figure:.0f}" for figure in figures))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[0.5, 2.0, 12.0], help="lengths of the files")
    parser.add_argument("--json", type=Path, help="also write every figure into this file")
    parser.add_argument("--listed", action="store_true", help="list the files, instead of enrolling them")
    parser.add_argument("--labelled", action="store_true", help="name their genre, instead of enrolling them")
    options = parser.parse_args(arguments)
    if options.listed or options.labelled:
        rows = (run_listed if options.listed else run_labelled)(options.hours)
        show_one(rows)
    else:
        rows = run(options.hours)
        show(rows)
    if options.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
