"""What every peer is: something with a name that enrolls references and then matches WAV files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench import corpus
from bench.corpus import Reference

DRIVERS = Path(__file__).with_name("drivers")


class PeerError(RuntimeError):
    """A peer cannot be run, or stopped."""


@dataclass(frozen=True)
class Match:
    """A peer's answer to one file.

    Parameters
    ----------
    reference_id : str or None
        The track it names first; None if it has no candidate at all.
    offset_s : float or None
        Place in that track of the snippet's first sample; None if the peer does not say.
    score : float or None
        The peer's own figure, in the peer's own sense.
    accepted : bool
        Whether it passed the peer's own gate; if not, the candidate is only the best below it.
    seconds : float
        Time for fingerprint and search, reading the file included.
    """

    reference_id: str | None
    offset_s: float | None
    score: float | None
    accepted: bool
    seconds: float


Matcher = Callable[[Path], Match]


class Peer(Protocol):
    """An identifier that can be asked about WAV files."""

    @property
    def name(self) -> str:
        """Return a name with the setting, such as ``audfprint-20-3``; safe in a file name."""

    def opened(self, references: Sequence[Reference]) -> AbstractContextManager[Matcher]:
        """Enroll the references (or reuse the cache) and yield a function that matches one WAV file."""


def folder() -> Path:
    """Return the folder of the cache that holds what peers store."""
    found = corpus.cache_folder() / "peers"
    found.mkdir(exist_ok=True)
    return found


def digest(references: Sequence[Reference]) -> str:
    """Return what tells one set of references from another."""
    facts = sorted((item.id, round(item.duration_s, 3)) for item in references)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def reference_of(path: str | None) -> str | None:
    """Return the id of the reference whose WAV file a peer names."""
    return None if path is None else Path(path).name.removesuffix(".wav")


def done(
    name: str, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run one of a peer's programs to its end; return what it printed.

    Raises
    ------
    PeerError
        If it fails; with the last line of its complaint.
    """
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=cwd)
    if run.returncode:
        raise PeerError(f"{name}: {' '.join((run.stderr or run.stdout).splitlines()[-1:])}")
    return run.stdout


@contextmanager
def driven(name: str, command: Sequence[str | Path], cwd: Path | None = None) -> Iterator[Matcher]:
    """Start a driver, which reads the path of a WAV file a line and prints a JSON object a line; yield its matcher.

    The object holds ``name`` (the reference's file, or null), ``offset_s``, ``score``, ``accepted`` and ``seconds``.

    Raises
    ------
    PeerError
        If it stops on the way.
    """
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, bufsize=1, cwd=cwd
        )
        asked, answered = process.stdin, process.stdout
        assert asked is not None
        assert answered is not None

        def match(path: Path) -> Match:
            asked.write(f"{path}\n")
            asked.flush()
            line = answered.readline()
            if not line:
                complaints.seek(0)
                raise PeerError(f"{name} stopped: {' '.join(complaints.read().splitlines()[-1:])}")
            said = json.loads(line)
            return Match(reference_of(said["name"]), said["offset_s"], said["score"], said["accepted"], said["seconds"])

        try:
            yield match
        finally:
            asked.close()
            process.wait()
            answered.close()
