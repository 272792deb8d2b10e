"""Which snippets a benchmark sends: planned deterministically, rendered on demand.

Conventions
-----------
``offset_s`` is the place in the track of the snippet's first sample (track time = offset_s + speed * snippet time).
Excerpt ``i`` of a plan, its track, its place and its seed depend on the plan's seed, the tracks, the length and ``i``
only: asking for more queries a cell keeps the first ones, and every condition of one length hears the same excerpts,
so that conditions can be compared pair by pair. Tracks are visited in rounds, each once a round in shuffled order.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench import conditions as degradations
from bench import corpus, phones
from bench.conditions import CONDITIONS, MAX_SPEED, Condition
from bench.corpus import SAMPLE_RATE, Reference
from bench.material import PREROLL_S, Material, rms

QUIET_DB = -50.0
MAX_DRAWS = 50

Samples = Callable[[Reference], np.ndarray]


@dataclass(frozen=True)
class Query:
    """One snippet to be sent.

    Parameters
    ----------
    id : str
        Unique: number, length and condition to read, eight hexadecimal digits of everything that defines it.
    reference_id : str or None
        The track it is cut from; None for music-free conditions.
    offset_s : float
        Place in the track of the snippet's first sample; 0 if there is no track.
    length_s : float
        Length of the snippet.
    condition : str
        A name in :data:`bench.conditions.CONDITIONS`.
    seed : int
        Of the degradation.
    known : bool
        Whether the track is in the catalogue; False if there is none, so that any answer would be false.
    """

    id: str
    reference_id: str | None
    offset_s: float
    length_s: float
    condition: str
    seed: int
    known: bool

    @property
    def speed(self) -> float:
        """Playback speed of the condition."""
        return CONDITIONS[self.condition].speed


def plan(
    references: Sequence[Reference],
    conditions: Iterable[str],
    lengths: Iterable[float],
    per_cell: int,
    seed: int,
    *,
    samples: Samples = corpus.samples,
) -> list[Query]:
    """Return the queries of every cell, condition by condition and length by length.

    Parameters
    ----------
    references : sequence of Reference
        Tracks to cut from: the known ones for recall, the unknown ones for false answers. May be empty if all
        conditions are music-free.
    conditions : iterable of str
        Names in :data:`bench.conditions.CONDITIONS`.
    lengths : iterable of float
        Snippet lengths in seconds.
    per_cell : int
        Queries for each pair of condition and length.
    seed : int >= 0
        Another seed gives other excerpts, rooms and noise.
    samples : callable
        Gives a track's samples, to see whether a passage is quiet.

    Returns
    -------
    list of Query

    Raises
    ------
    ValueError
        For an unknown condition, for no references, or for a track shorter than a snippet needs.

    Notes
    -----
    Offsets are uniform over the track as far as the snippet fits at the highest speed of any condition. An excerpt
    whose rms is below -50 dBFS is drawn again; a track that is quiet in 50 draws gives its loudest.
    """
    ordered = sorted(references, key=lambda item: item.id)
    queries = []
    names = list(conditions)
    for name in names:
        if name not in CONDITIONS:
            raise ValueError(f"condition {name!r} is unknown: choose among {', '.join(CONDITIONS)}")
        if not CONDITIONS[name].music_free and not ordered:
            raise ValueError(f"condition {name!r} needs references to cut from")
    excerpts: dict[float, list[tuple[Reference, float]]] = {}
    for name in names:
        for length_s in lengths:
            if not CONDITIONS[name].music_free and length_s not in excerpts:
                excerpts[length_s] = [_excerpt(ordered, length_s, i, seed, samples) for i in range(per_cell)]
            for i in range(per_cell):
                if CONDITIONS[name].music_free:
                    queries.append(_query(i, None, 0.0, length_s, name, seed))
                else:
                    reference, offset_s = excerpts[length_s][i]
                    queries.append(_query(i, reference, offset_s, length_s, name, seed))
    return queries


def first(planned: Sequence[Query], per_cell: int) -> list[Query]:
    """Return the first queries of every cell (condition, length, known or not): what a smaller plan would hold."""
    seen: Counter[tuple[str, float, bool]] = Counter()
    kept = []
    for query in planned:
        cell = query.condition, query.length_s, query.known
        seen[cell] += 1
        if seen[cell] <= per_cell:
            kept.append(query)
    return kept


def _query(i: int, reference: Reference | None, offset_s: float, length_s: float, condition: str, seed: int) -> Query:
    name = None if reference is None else reference.id
    known = reference is not None and reference.known
    own_seed = int(np.random.SeedSequence([seed, i]).generate_state(1)[0])
    facts = (degradations.VERSION, i, name, f"{offset_s:.6f}", f"{length_s:g}", condition, own_seed, known)
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:8]
    return Query(f"{i:04d}-{length_s:g}s-{condition}-{digest}", name, offset_s, length_s, condition, own_seed, known)


def _excerpt(
    references: Sequence[Reference], length_s: float, i: int, seed: int, samples: Samples
) -> tuple[Reference, float]:
    turn, place = divmod(i, len(references))
    order = np.random.default_rng([seed, 0, turn]).permutation(len(references))
    reference = references[order[place]]
    span_s = length_s * MAX_SPEED + 1 / SAMPLE_RATE
    if reference.duration_s < span_s:
        raise ValueError(f"{reference.id} lasts {reference.duration_s:.1f} s; {span_s:.1f} s are needed")
    audio = samples(reference)
    rng = np.random.default_rng([seed, 1, i])
    best, loudest = 0.0, -1.0
    for _ in range(MAX_DRAWS):
        offset_s = float(rng.uniform(0.0, reference.duration_s - span_s))
        start = round(offset_s * SAMPLE_RATE)
        level = rms(audio[start : start + round(length_s * SAMPLE_RATE)])
        if level > loudest:
            # The snippet begins on a sample, so that its stated offset is exact.
            best, loudest = start / SAMPLE_RATE, level
        if level >= 10 ** (QUIET_DB / 20):
            break
    return reference, best


def render(
    query: Query,
    *,
    samples: Samples = corpus.samples,
    material: Material | None = None,
    reference: Reference | None = None,
) -> np.ndarray:
    """Return a query's snippet.

    Parameters
    ----------
    query : Query
        What :func:`plan` returned.
    samples : callable
        Gives a track's samples.
    material : Material or None
        Rooms and speech; the evaluation set's by default (``bench.material.load_material("development")`` for tuning).
    reference : Reference or None
        The track, if it is not one that :func:`bench.corpus.find` knows.

    Returns
    -------
    np.ndarray, shape (length_s * 16000,), float32
    """
    return _rendered(query, CONDITIONS[query.condition], samples, material, reference)


def render_file(
    query: Query,
    *,
    samples: Samples = corpus.samples,
    material: Material | None = None,
    reference: Reference | None = None,
) -> tuple[bytes, str]:
    """Return a query as the file a phone would send, and its suffix: compressed for codec conditions, else WAV."""
    condition = CONDITIONS[query.condition]
    if condition.codec is None:
        return corpus.wav_bytes(_rendered(query, condition, samples, material, reference)), ".wav"
    plain = degradations.without_codec(condition)
    snippet = _rendered(query, plain, samples, material, reference)
    return phones.encode(snippet, condition.codec), phones.CODECS[condition.codec].suffix


def _rendered(
    query: Query, condition: Condition, samples: Samples, material: Material | None, reference: Reference | None
) -> np.ndarray:
    length = round(query.length_s * SAMPLE_RATE)
    if query.reference_id is None:
        empty = np.zeros(0, dtype=np.float32)
        return degradations.degrade(empty, condition, query.seed, length=length, material=material)
    audio = samples(reference or corpus.find(query.reference_id))
    start = round(query.offset_s * SAMPLE_RATE)
    stop = start + degradations.source_length(condition, length)
    preroll = round(PREROLL_S * condition.speed * SAMPLE_RATE)
    excerpt = np.concatenate(
        (_silence(preroll - start), audio[max(0, start - preroll) : stop], _silence(stop - len(audio)))
    )
    return degradations.degrade(excerpt, condition, query.seed, length=length, preroll=preroll, material=material)


@lru_cache(maxsize=8)
def _silence(length: int) -> np.ndarray:
    return np.zeros(max(0, length), dtype=np.float32)
