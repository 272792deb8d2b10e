"""Other identifiers on the same snippets: audfprint, Chromaprint, Olaf, Panako and seek-tune.

All are run as programs, never imported, and get the same mono 16-bit WAV files as Earmark. Each is asked if it is here:

- **audfprint** (Ellis 2014, landmark pairs): a checkout, named by ``--audfprint`` or ``$AUDFPRINT``, and an interpreter
  with its dependencies, named by ``$AUDFPRINT_PYTHON`` if not this one. It is run at its defaults (density 20, fan-out
  3) and at a denser setting (70, 8). Score: landmarks in common, higher is better.
- **Chromaprint**: ``fpcalc`` (Debian: libchromaprint-tools). It only makes fingerprints; we compare every alignment
  with every reference exhaustively. Score: bit error rate, lower is better (chance is near 0.5). It always names a
  track: ``accepted`` is true whenever the snippet gave a fingerprint at all.
- **Olaf** (Six 2020, triples of peaks): the program that it builds, named by ``$OLAF``. Score: hashes in common.
- **Panako** (Six 2021, triples of peaks): its class path, named by ``$PANAKO``, and ``java``. Score: hashes in common.
- **seek-tune** (pairs of peaks): a checkout, named by ``$SEEKTUNE``, and ``go``. It always names a track, and no place.

Answers are appended to JSON lines in the cache folder as they come; a run that was stopped resumes where it was. Old
answers are never mixed in: the file's name fixes peer, setting, references and material, a query's id the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from rich.console import Console
from rich.progress import track as progress

from bench import corpus, queries
from bench.corpus import Reference
from bench.identical import place_error
from bench.material import load_material
from bench.peers.audfprint import Audfprint
from bench.peers.chromaprint import Chromaprint
from bench.peers.olaf import Olaf
from bench.peers.panako import Panako
from bench.peers.peer import Match, Matcher, Peer, PeerError, digest, folder
from bench.peers.seektune import SeekTune
from bench.queries import Query


@dataclass(frozen=True)
class PeerAnswer(Match):
    """What a peer said about one query, by the query's id."""

    query_id: str


def available(audfprint: Path | str | None = None) -> list[Peer]:
    """Return the peers that can be run here.

    Parameters
    ----------
    audfprint : Path or str or None
        An audfprint checkout; ``$AUDFPRINT`` if None.

    Raises
    ------
    PeerError
        If what is named is not there.
    """
    found: list[Peer] = []
    checkout = _named("AUDFPRINT", audfprint)
    if checkout:
        found += Audfprint.found(checkout)
    if shutil.which("fpcalc"):
        found.append(Chromaprint())
    program = _named("OLAF")
    if program:
        found.append(Olaf(program))
    if os.environ.get("PANAKO"):
        found.append(Panako(os.environ["PANAKO"]))
    checkout = _named("SEEKTUNE")
    if checkout:
        found.append(SeekTune(checkout))
    return found


def _named(variable: str, given: Path | str | None = None) -> Path | None:
    named = given or os.environ.get(variable)
    path = Path(named).expanduser().resolve() if named else None
    if path is not None and not path.exists():
        raise PeerError(f"${variable}: there is no {path}")
    return path


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
    path = folder() / f"{peer.name}-{material}-{digest(references)}.jsonl"
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
        return PeerAnswer(query_id=query.id, **asdict(match(snippet)))
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
