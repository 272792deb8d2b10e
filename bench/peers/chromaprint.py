"""Chromaprint: words of chroma features, compared exhaustively; it has no threshold of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import corpus
from bench.corpus import Reference
from bench.peers.peer import Match, Matcher, folder

FRAME_S = 1365 / 11025


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
            return Match(references[track].id, frame * FRAME_S, error, True, seconds)

        yield match

    @staticmethod
    def _reference(reference: Reference) -> np.ndarray:
        path = folder() / f"chromaprint-{reference.id}-{round(reference.duration_s * 1000)}.npy"
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
