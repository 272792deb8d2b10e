"""Other identifiers on the same snippets: audfprint and Chromaprint.

Both are run as programs, never imported, and get the same mono 16-bit WAV files as Earmark.

- **audfprint** (Ellis 2014, landmark pairs) needs a checkout, named by ``--audfprint`` or ``$AUDFPRINT``, and an
  interpreter with its dependencies, named by ``$AUDFPRINT_PYTHON`` if not this one. It is run at its defaults
  (density 20, fan-out 3) and at a denser setting (70, 8). Score: landmarks in common, higher is better.
- **Chromaprint** needs ``fpcalc`` (Debian: libchromaprint-tools). It only makes fingerprints; we compare every
  alignment with every reference exhaustively. Score: bit error rate, lower is better (chance is near 0.5). It always
  names a track: ``accepted`` is true whenever the snippet gave a fingerprint at all.

Answers are appended to JSON lines in the cache folder as they come; a run that was stopped resumes where it was. Old
answers are never mixed in: the file's name fixes peer, setting, references and material, a query's id the rest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

import numpy as np
from rich.console import Console
from rich.progress import track as progress

from bench import corpus, queries
from bench.corpus import Reference
from bench.identical import place_error
from bench.material import load_material
from bench.queries import Query

AUDFPRINT_SETTINGS = ((20, 3), (70, 8))
AUDFPRINT_FRAME_S = 256 / 11025
CHROMAPRINT_FRAME_S = 1365 / 11025


class PeerError(RuntimeError):
    """A peer cannot be run, or stopped."""


@dataclass(frozen=True)
class PeerAnswer:
    """What a peer said about one query.

    Parameters
    ----------
    query_id : str
        The query's id.
    reference_id : str or None
        The track it names first; None if it has no candidate at all.
    offset_s : float or None
        Place in that track of the snippet's first sample.
    score : float or None
        The peer's own figure, in the peer's own sense.
    accepted : bool
        Whether it passed the peer's own gate; if not, the candidate is only the best below it.
    seconds : float
        Time for fingerprint and search, reading the file included.
    """

    query_id: str
    reference_id: str | None
    offset_s: float | None
    score: float | None
    accepted: bool
    seconds: float


@dataclass(frozen=True)
class Match:
    """A peer's answer to one file: see :class:`PeerAnswer`."""

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


def available(audfprint: Path | str | None = None) -> list[Peer]:
    """Return the peers that can be run here.

    Parameters
    ----------
    audfprint : Path or str or None
        An audfprint checkout; ``$AUDFPRINT`` if None.

    Raises
    ------
    PeerError
        If a checkout was named and is not one.
    """
    found: list[Peer] = []
    named = audfprint or os.environ.get("AUDFPRINT")
    if named:
        checkout = Path(named).expanduser().resolve()
        if not (checkout / "audfprint.py").is_file():
            raise PeerError(f"{checkout} is not an audfprint checkout: it has no audfprint.py")
        found += [Audfprint(checkout, density, fanout) for density, fanout in AUDFPRINT_SETTINGS]
    if shutil.which("fpcalc"):
        found.append(Chromaprint())
    return found


def run(
    peer: Peer,
    references: Sequence[Reference],
    plan: Sequence[Query],
    *,
    material: str = "evaluation",
    render: Callable[[Query], np.ndarray] | None = None,
    jobs: int = 1,
) -> dict[str, PeerAnswer]:
    """Return a peer's answer to every query, by query id; answers in the cache are not asked for again.

    Parameters
    ----------
    peer : Peer
        One of :func:`available`.
    references : sequence of Reference
        The catalogue: leave out the unknown tracks.
    plan : sequence of Query
        From :func:`bench.queries.plan`.
    material : {"evaluation", "development"}
        Rooms and speech the queries are rendered with.
    render : callable or None
        Gives a query's samples, if not :func:`bench.queries.render` with that material.
    jobs : int
        Matchers at work at once, each a process of its own that keeps its table.

    Raises
    ------
    PeerError
        If the peer cannot be run or stops on the way; what it has answered is kept.
    """
    path = _folder() / f"{peer.name}-{material}-{_digest(references)}.jsonl"
    answers = _read(path)
    missing = [query for query in plan if query.id not in answers]
    if missing:
        if render is None:
            render = partial(queries.render, material=load_material(material))
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            path.write_text(path.read_text() + "\n")  # half a line, from a run that was killed
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            # One after the other: the first enrolls the references, the others find them enrolled.
            matchers = [stack.enter_context(peer.opened(references)) for _ in range(min(jobs, len(missing)))]
            free: SimpleQueue[tuple[Matcher, Path]] = SimpleQueue()
            for i, match in enumerate(matchers):
                free.put((match, scratch / f"snippet{i}.wav"))
            ask = partial(_ask, free=free, render=render)
            log = stack.enter_context(path.open("a"))
            # Threads will do: they wait for the peers' processes. They end before the matchers are closed.
            pool = stack.enter_context(ThreadPoolExecutor(len(matchers)))
            stack.callback(pool.shutdown, cancel_futures=True)
            bar = partial(progress, console=Console(stderr=True), disable=not sys.stderr.isatty())
            for answer in bar(pool.map(ask, missing), peer.name, total=len(missing)):
                answers[answer.query_id] = answer
                log.write(json.dumps(asdict(answer)) + "\n")
                log.flush()
    return {query.id: answers[query.id] for query in plan}


def _ask(query: Query, free: SimpleQueue[tuple[Matcher, Path]], render: Callable[[Query], np.ndarray]) -> PeerAnswer:
    match, snippet = free.get()
    try:
        corpus.write_wav(snippet, render(query))
        return PeerAnswer(query.id, **asdict(match(snippet)))
    finally:
        free.put((match, snippet))


def _read(path: Path) -> dict[str, PeerAnswer]:
    answers = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            answer = PeerAnswer(**json.loads(line))
        except (json.JSONDecodeError, TypeError):  # the last line of a run that was killed while writing
            continue
        answers[answer.query_id] = answer
    return answers


def _folder() -> Path:
    folder = corpus.cache_folder() / "peers"
    folder.mkdir(exist_ok=True)
    return folder


def _digest(references: Sequence[Reference]) -> str:
    facts = sorted((item.id, round(item.duration_s, 3)) for item in references)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


# --- audfprint ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Audfprint:
    """audfprint at one setting.

    Parameters
    ----------
    checkout : Path
        Folder that holds audfprint.py.
    density, fanout : int
        Its ``--density`` and ``--fanout``, the same for references and queries.
    """

    checkout: Path
    density: int
    fanout: int

    @property
    def name(self) -> str:
        """Name with the setting."""
        return f"audfprint-{self.density}-{self.fanout}"

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Build or reuse the database, start the driver and yield its matcher."""
        python = os.environ.get("AUDFPRINT_PYTHON", sys.executable)
        database = _folder() / f"{self.name}-{_digest(references)}.pklz"
        if not database.exists():
            self._build(python, database, references)
        driver = Path(__file__).with_name("audfprint_driver.py")
        command = [python, str(driver), str(self.checkout), str(database), str(self.density), str(self.fanout)]
        with tempfile.TemporaryFile("w+") as complaints:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, bufsize=1
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
                    raise PeerError(f"{self.name} stopped: {' '.join(complaints.read().splitlines()[-1:])}")
                said = json.loads(line)
                name = None if said["name"] is None else Path(said["name"]).name.removesuffix(".wav")
                return Match(name, said["offset_s"], said["score"], said["accepted"], said["seconds"])

            try:
                yield match
            finally:
                asked.close()
                process.wait()
                answered.close()

    def _build(self, python: str, database: Path, references: Sequence[Reference]) -> None:
        """Enroll into a new database, with time bits for the longest track: by default times wrap at 380 s."""
        longest = max(item.duration_s for item in references)
        bits = max(14, int(np.ceil(np.log2(longest / AUDFPRINT_FRAME_S + 1))))
        draft = database.with_name(f".{os.getpid()}-{database.name}")
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
            listing.write("\n".join(str(corpus.wav(item)) for item in references) + "\n")
            listing.flush()
            command = [python, str(self.checkout / "audfprint.py"), "new", "-d", str(draft), "-l", listing.name]
            command += ["-n", str(self.density), "-F", str(self.fanout), "-u", str(bits)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not draft.exists():
            draft.unlink(missing_ok=True)
            last = " ".join((done.stderr or done.stdout).splitlines()[-1:])
            raise PeerError(f"{self.name} could not enroll the references: {last}")
        draft.replace(database)


# --- Chromaprint ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chromaprint:
    """Chromaprint's raw fingerprints, compared by exhaustive Hamming search."""

    @property
    def name(self) -> str:
        """Name of the peer."""
        return "chromaprint"

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Fingerprint the references (cached) and yield the search."""
        words = [self._reference(item) for item in corpus.tracked(references, "Chromaprint")]

        def match(path: Path) -> Match:
            started = time.perf_counter()
            found = hamming_search(fingerprint(path), words)
            seconds = time.perf_counter() - started
            if found is None:
                return Match(None, None, None, False, seconds)
            track, frame, error = found
            return Match(references[track].id, frame * CHROMAPRINT_FRAME_S, error, True, seconds)

        yield match

    @staticmethod
    def _reference(reference: Reference) -> np.ndarray:
        path = _folder() / f"chromaprint-{reference.id}-{round(reference.duration_s * 1000)}.npy"
        if not path.exists():
            with corpus.replacing(path) as draft, draft.open("wb") as handle:
                np.save(handle, fingerprint(corpus.wav(reference)), allow_pickle=False)
        words: np.ndarray = np.load(path, allow_pickle=False)
        return words


def fingerprint(path: Path) -> np.ndarray:
    """Return a file's raw Chromaprint words.

    Returns
    -------
    np.ndarray, shape (n,), uint32
        One word each 124 ms; empty if the file is too short.
    """
    # Some versions exit with status 3 at the end of a good file: what counts is whether they printed a result.
    done = subprocess.run(
        ["fpcalc", "-raw", "-length", "0", "-json", str(path)], capture_output=True, text=True, check=False
    )
    try:
        words = json.loads(done.stdout)["fingerprint"]
    except (json.JSONDecodeError, KeyError):
        words = []
    return (np.array(words, dtype=np.int64) & 0xFFFFFFFF).astype(np.uint32)


def hamming_search(query: np.ndarray, references: Sequence[np.ndarray]) -> tuple[int, int, float] | None:
    """Return the alignment of least bit error over all references, the query lying wholly inside.

    Parameters
    ----------
    query : np.ndarray, shape (m,), uint32
        The snippet's words.
    references : sequence of np.ndarray, shape (n_i,), uint32
        The tracks' words.

    Returns
    -------
    (int, int, float) or None
        Track, its word under the query's first, fraction of differing bits; None without an alignment.
    """
    best: tuple[int, int, float] | None = None
    for track, words in enumerate(references):
        places = len(words) - len(query) + 1
        if len(query) == 0 or places < 1:
            continue
        errors = np.zeros(places, dtype=np.uint32)
        for i, word in enumerate(query):
            errors += np.bitwise_count(words[i : i + places] ^ word)
        frame = int(np.argmin(errors))
        rate = float(errors[frame]) / (32 * len(query))
        if best is None or rate < best[2]:
            best = track, frame, rate
    return best


# --- command --------------------------------------------------------------------------------------------------


def main() -> None:
    """Ask every available peer and print a line per cell: ``python -m bench.measure.peers --audfprint DIR``."""
    parser = argparse.ArgumentParser(prog="python -m bench.measure.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--audfprint", help="an audfprint checkout (default: $AUDFPRINT)")
    parser.add_argument("--music", help="a folder of your own music instead of the standard evaluation set")
    parser.add_argument("--conditions", default="clean,room,room+babble5,room+pink5", help="names, comma-separated")
    parser.add_argument("--lengths", default="5", help="seconds, comma-separated")
    parser.add_argument("--per-cell", type=int, default=20, help="queries for each condition and length")
    parser.add_argument("--seed", type=int, default=1, help="of the plan")
    options = parser.parse_args()
    tracks = corpus.corpus_from_folder(options.music) if options.music else corpus.evaluation()
    known = [item for item in tracks if item.known]
    names = options.conditions.split(",")
    lengths = [float(value) for value in options.lengths.split(",")]
    plan = queries.plan(known, names, lengths, options.per_cell, options.seed)
    for peer in available(options.audfprint):
        answers = run(peer, known, plan)
        for name in names:
            for length_s in lengths:
                cell = [q for q in plan if q.condition == name and q.length_s == length_s]
                said = [(q, answers[q.id], _place_error(q, answers[q.id])) for q in cell]
                named = [
                    a
                    for q, a, error in said
                    if a.reference_id and (a.reference_id == q.reference_id or error is not None)
                ]
                errors = [error for _, _, error in said if error is not None]
                passed = sum(a.accepted for a in named)
                wrong = sum(a.accepted for _, a, _ in said) - passed
                middle = f"{np.median(errors) * 1e3:.0f} ms" if errors else "-"
                print(
                    f"{peer.name:16} {name:22} {length_s:4g} s  right name {len(named) / len(cell):.2f}, and place "
                    f"{len(errors) / len(cell):.2f}  accepted and right {passed / len(cell):.2f}, and wrong "
                    f"{wrong / len(cell):.2f}  median error of place {middle}"
                )


def _place_error(query: Query, answer: PeerAnswer) -> float | None:
    if answer.reference_id is None or answer.offset_s is None:
        return None
    return place_error(query, corpus.find(answer.reference_id), answer.offset_s)


if __name__ == "__main__":
    try:
        main()
    except (PeerError, corpus.CorpusError, ValueError) as error:
        sys.exit(f"error: {error}")
