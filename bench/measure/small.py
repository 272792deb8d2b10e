"""What a machine of one core and 1 GB of memory can do, such as a Raspberry Pi: enrolling, identifying, serving.

    sudo python -m bench.measure.small                   # a control group holds everything to one core and 1 GB
    sudo python -m bench.measure.small --memory-mb 512

Everything that is measured runs in a control group of its own, which Linux keeps below the given memory (what does not
fit is killed), and on one core. Memory is the most that the group has had, page cache included, since a small machine
has no other. Times are of this machine's core: processor time, and from start to end in brackets, which other work on
the machine prolongs.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.measure.against import cpu_s
from bench.measure.load import load, service
from classifier.demo.phone import record, write_wav
from classifier.demo.songs import catalogue_seeds, compose, write

GROUPS = Path("/sys/fs/cgroup")
SNIPPET_S, N_SNIPPETS = 5.0, 12


@dataclass(frozen=True, slots=True)
class Group:
    """A control group with a limit of memory, of version 1 or 2."""

    folder: Path
    limit: str
    peak: str

    @classmethod
    def make(cls, memory_mb: int) -> Group:
        """Make it and set its limit."""
        old = (GROUPS / "memory").is_dir()
        names = ("memory.limit_in_bytes", "memory.max_usage_in_bytes") if old else ("memory.max", "memory.peak")
        group = cls((GROUPS / "memory" if old else GROUPS) / f"earmark-{os.getpid()}", *names)
        group.folder.mkdir()
        (group.folder / group.limit).write_text(str(memory_mb * 2**20))
        return group

    def enter(self) -> None:
        """Put the calling process into it, and onto one core."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def peak_mb(self) -> float:
        """Most memory so far, MB."""
        return int((self.folder / self.peak).read_text()) / 1e6

    def killed(self) -> int:
        """How often something was killed for want of memory."""
        events = "memory.oom_control" if "limit" in self.limit else "memory.events"
        return sum(int(line.split()[1]) for line in (self.folder / events).read_text().splitlines() if "kill " in line)


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Return processor seconds, children's included, and seconds of a call."""
    used, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    what()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime, time.monotonic() - started


def measured(group: Group, folder: Path, n_songs: int, seconds: float) -> list[tuple[str, str]]:
    """Measure; return rows of what and how much."""
    songs = [compose(seed) for seed in catalogue_seeds(n_songs)]
    files = [write(song, folder / "music") for song in songs]
    snippets = []
    for number in range(N_SNIPPETS):
        song = songs[number % n_songs]
        heard = record(song.samples, song.sample_rate, 5.0 + 3.1 * number, SNIPPET_S, snr_db=8.0, seed=number)
        write_wav(folder / "snippet.wav", heard, song.sample_rate)
        snippets.append(((folder / "snippet.wav").read_bytes(), song.title))
    minutes = sum(len(song.samples) / song.sample_rate for song in songs) / 60
    os.environ["EARMARK_DATA_DIR"] = str(folder / "data")

    def earmark(*words: object) -> None:
        command = [sys.executable, "-m", "classifier", *map(str, words), "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, preexec_fn=group.enter)

    rows = []
    earmark("identify", "--help")  # compiled files of Python, once
    cpu, took = timed(lambda: earmark("enroll", folder / "music", "--jobs", 1))
    rows.append(("enroll, a minute of music", f"{cpu / minutes:.2f} s ({took / minutes:.2f} s)"))
    cpu, took = timed(lambda: earmark("identify", folder / "snippet.wav"))
    rows.append(("identify 5 s, a command of its own", f"{cpu:.1f} s ({took:.1f} s)"))
    cpu, took = timed(lambda: earmark("tracklist", files[0]))
    heard_min = len(songs[0].samples) / songs[0].sample_rate / 60
    rows.append(("tracklist, a minute of sound, with its start", f"{cpu / heard_min:.1f} s ({took / heard_min:.1f} s)"))
    rows.append(("most memory of all that", f"{group.peak_mb():.0f} MB"))
    with service(folder / "data", workers=1, processes=1, queue=8, before=group.enter) as (host, port, process):
        load(host, port, snippets, 1, 3.0)
        before = cpu_s(process)
        tally = load(host, port, snippets, 2, seconds)
        cpu = cpu_s(process) - before
        n = len(tally.seconds)
    rows.append(("serve, processor time of an answer", f"{1000 * cpu / n:.0f} ms"))
    rows.append((f"serve, answers a second, right of {n}", f"{n / seconds:.1f}, {tally.right}"))
    half, most = 1000 * np.percentile(tally.seconds, (50, 99))
    rows.append(("serve, median and 99 % of waiting, two clients", f"{half:.0f} and {most:.0f} ms"))
    rows.append(("most memory, the service included", f"{group.peak_mb():.0f} MB"))
    rows.append(("killed for want of memory", str(group.killed())))
    return rows


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.measure.small", description=__doc__.splitlines()[0])
    parser.add_argument("--memory-mb", type=int, default=1024, help="limit, MiB (default: %(default)s)")
    parser.add_argument("--songs", type=int, default=8, help="in the library (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of load on the service (default: %(default)s)")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    group = Group.make(options.memory_mb)
    try:
        with tempfile.TemporaryDirectory() as name:
            rows = measured(group, Path(name), options.songs, options.seconds)
    finally:
        group.folder.rmdir()
    print(f"| one core, {options.memory_mb} MiB, {options.songs} songs | |\n| --- | ---: |")
    print("\n".join(f"| {what} | {value} |" for what, value in rows))


if __name__ == "__main__":
    main()
