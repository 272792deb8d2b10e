"""Candidates in a large catalogue: the places of least divergence, found through lists of patches.

Each patch of the snippet (``mixtures/patches.py``) asks the lists of the cells nearest to it. Pairs of patch and cell
are taken over the whole snippet, the greatest cosine first, until a given share of the index has been read. Every place
that is hit is then compared with the whole snippet, exactly, by the slots themselves. Segments without lists are
compared whole. A track that the lists miss is not found, whatever its divergence: what is found says nothing about
chance, and must not weigh in significance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from classifier.index.lists import Lists, read, runs
from classifier.index.snapshot import Shelf, Snapshot
from classifier.mixtures import slots
from classifier.mixtures.patches import Heard, codebook, hear
from classifier.search.alignments import pool

#: Patches of a snippet of 5 s: a longer one may read as many times more.
_USUAL_PATCHES = 56
#: Pieces that a segment is divided into, for the threads.
_PIECES = 2
#: Share of the patches read that count as hits, and their least number in a whole catalogue, and in a piece: among few
#: patches, those of the right track are a larger share.
_HIT_SHARE, _LEAST_HITS, _LEAST_IN_PIECE = 0.005, 30_000, 1000
#: Most places of a piece that are compared exactly.
_COMPARED = 200_000
#: Stored patches that tell how many will count as hits, and most pairs that they are taken from.
_SAMPLED, _SAMPLED_PAIRS = 8000, 1000
#: Room for hits, in units of those expected.
_SPARE = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """How much of the lists is read.

    Parameters
    ----------
    share : float > 0
        Until where, summed over the patches of 5 s, in units of all that the lists hold.
    most : int
        Tracks that it may give.
    before : float
        Share that was read before and is left out, segments without lists included.
    """

    share: float
    most: int
    before: float = 0.0


@dataclass(frozen=True, slots=True)
class Places:
    """The most similar place of each track that was found, the most similar track first.

    Parameters
    ----------
    number : np.ndarray, shape (n,), int64
        Track, in the snapshot.
    similarity : np.ndarray, shape (n,), float64
        Of the whole snippet, in [-1, 1].
    phase, lag : np.ndarray, shape (n,), int64
        Phase and lag, in slots.
    """

    number: np.ndarray
    similarity: np.ndarray
    phase: np.ndarray
    lag: np.ndarray

    def __len__(self) -> int:
        return len(self.number)

    def first(self, n: int) -> Places:
        """Return the first n."""
        return Places(self.number[:n], self.similarity[:n], self.phase[:n], self.lag[:n])

    @classmethod
    def best_first(
        cls, number: np.ndarray, similarity: np.ndarray, phase: np.ndarray, lag: np.ndarray
    ) -> tuple[Places, np.ndarray]:
        """Sort the places of different tracks; return them, and the order in which they were given."""
        order = np.lexsort((number, -similarity))
        columns = (number[order], phase[order], lag[order])
        by_track, phases, lags = (column.astype(np.int64) for column in columns)
        return cls(by_track, similarity[order], phases, lags), order


def list_lengths(snapshot: Snapshot) -> np.ndarray:
    """Patches in each cell of all lists of a snapshot, shape (n_cells,), int64; no cells if there are no lists."""
    lengths = [np.diff(s.segment.lists.start) for s in snapshot.shelves if s.segment.lists is not None]
    return np.sum(lengths, axis=0) if lengths else np.zeros(0, np.int64)


def find(snippet: np.ndarray, snapshot: Snapshot, reading: Reading, lengths: np.ndarray | None = None) -> Places:
    """Find the tracks with the least divergence from a snippet.

    Parameters
    ----------
    snippet : np.ndarray, shape (PHASES, M, d), int8
        Its slots.
    snapshot : Snapshot
        What is searched.
    reading : Reading
        How much of the lists is read.
    lengths : np.ndarray, shape (n_cells,), int64, optional
        Patches in each cell of the whole catalogue, if the snapshot is a part of it; default :func:`list_lengths`.
    """
    listed = [(shelf, shelf.segment.lists) for shelf in snapshot.shelves if shelf.segment.lists is not None]
    unlisted = [] if reading.before else [shelf for shelf in snapshot.shelves if shelf.segment.lists is None]
    tasks = [partial(_whole, snippet, shelf) for shelf in unlisted]
    if listed:
        heard = hear(snippet, codebook())
        lengths = list_lengths(snapshot) if lengths is None else lengths
        patch, cell = _pairs(heard, lengths, reading)
        # Of all segments together, so that it costs no more to search many of them.
        share = min(1.0, max(_HIT_SHARE, _LEAST_HITS / max(1, int(lengths[cell].sum()))))
        tasks += [
            partial(_through_lists, snippet, heard, patch, cell, share, shelf, lists, piece)
            for shelf, lists in listed
            for piece in _pieces(shelf)
        ]
    nothing = (np.zeros(0),) * 4
    parts = pool().map(lambda task: _first(task(), reading.most), tasks)
    number, similarity, phase, lag = map(np.concatenate, zip(nothing, *parts, strict=True))
    return Places.best_first(number, similarity, phase, lag)[0].first(reading.most)


#: Tracks of a part of the catalogue, by their numbers in the snapshot: similarity, phase and lag of the best place.
_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _first(part: _Part, most: int) -> _Part:
    """Leave out tracks that cannot be among the most similar ones."""
    number, similarity, phase, lag = part
    if len(number) <= most:
        return part
    kept = similarity >= np.partition(similarity, -most)[-most]
    return number[kept], similarity[kept], phase[kept], lag[kept]


def _whole(snippet: np.ndarray, shelf: Shelf) -> _Part:
    """Compare every place of a segment without lists."""
    similarity, place, _ = slots.best_places(snippet, shelf.segment.arrays["slots"], shelf.bounds["slots"])
    found = np.isfinite(similarity)
    return shelf.numbers[found], similarity[found], place[found, 0], place[found, 1]


def _pieces(shelf: Shelf) -> list[slice]:
    """Divide a segment into stretches of about as many slots; tracks as places in ``by_slot``."""
    ends = np.linspace(0, shelf.segment.n_rows("slots"), _PIECES + 1)[1:-1]
    cuts = [0, *np.searchsorted(shelf.slots[:, 0], ends).tolist(), len(shelf.slots)]
    return [slice(first, stop) for first, stop in pairwise(cuts) if first < stop]


def _pairs(heard: Heard, length: np.ndarray, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """Choose patches of the snippet and cells to read for them, the most similar first."""
    centres = codebook().cells
    if not len(heard.slot):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    cosine = heard.vectors @ centres.T
    whole = length.sum() * max(1.0, len(heard.slot) / _USUAL_PATCHES)
    # Cells are about equally long, so that twice the share of the pairs is more than enough.
    n = min(cosine.size, int(2 * reading.share * whole / max(1.0, length.mean())) + 1)
    flat = np.argpartition(-cosine.reshape(-1), n - 1)[:n]
    flat = flat[np.argsort(-cosine.reshape(-1)[flat], kind="stable")]
    patch, cell = np.divmod(flat, len(centres))
    until = np.cumsum(length[cell])
    first, last = (int(np.searchsorted(until, share * whole)) + 1 for share in (reading.before, reading.share))
    new = slice(first if reading.before else 0, last)
    return patch[new], cell[new]


def _through_lists(
    snippet: np.ndarray,
    heard: Heard,
    patch: np.ndarray,
    cell: np.ndarray,
    share: float,
    shelf: Shelf,
    lists: Lists,
    piece: slice,
) -> _Part:
    """Read the lists of a piece of a segment, and compare every place that is hit."""
    tracks = shelf.slots[piece]
    patch, start, stop = runs(lists, patch, cell, int(tracks[0, 0]), int(tracks[:, 1].max()))
    if not len(patch):
        return (np.zeros(0),) * 4
    n_read = int((stop - start).sum())
    n_hits = min(n_read, max(_LEAST_IN_PIECE, int(share * n_read)))
    least = _cosine_of(n_hits / n_read, heard, patch, start, stop, lists)
    limit = np.floor((heard.weight - least * heard.norm) / 2).astype(np.int64)
    slot, of, wrong = read(lists, heard, patch, start, stop, limit, _SPARE * n_hits)
    at = np.maximum(np.searchsorted(tracks[:, 0], slot, side="right") - 1, 0)
    # A place may lie partly before its track, so that its lag alone does not tell the track.
    lag = slot - heard.slot[of] - tracks[at, 0] + snippet.shape[1]
    n_lags = shelf.segment.n_rows("slots") + 2 * snippet.shape[1]
    place = ((at * n_lags) + lag) * slots.PHASES + heard.phase[of]
    alive = slot < tracks[at, 1]
    place = _likeliest(place[alive], ((heard.weight[of] - 2 * wrong) / heard.norm[of])[alive])
    place, phase = np.divmod(place, slots.PHASES)
    at, lag = np.divmod(place, n_lags)
    return _compared(snippet, shelf, piece.start + at, phase, lag - snippet.shape[1])


def _likeliest(place: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Return different places, ascending: those of the greatest sum of cosines, if they are too many."""
    ordered = np.sort(place)
    different = ordered[_starts(ordered)]
    if len(different) <= _COMPARED:
        return different
    sums = np.bincount(np.searchsorted(different, place), cosine)
    return np.sort(different[np.argpartition(-sums, _COMPARED)[:_COMPARED]])


def _cosine_of(
    share: float, heard: Heard, patch: np.ndarray, start: np.ndarray, stop: np.ndarray, lists: Lists
) -> float:
    """Cosine that this share of the patches to be read reaches, from a sample of them."""
    if share >= 1:
        return -1.0
    some = np.linspace(0, len(patch) - 1, min(len(patch), _SAMPLED_PAIRS)).astype(np.int64)
    along = np.linspace(0, 1, -(-_SAMPLED // len(some)), endpoint=False)
    row = start[some, None] + along * (stop - start)[some, None]
    row, of = row.astype(np.int64), patch[some]
    wrong = np.zeros(row.shape, np.int64)
    for word, signs in enumerate(lists.signs):
        differing = signs[row] ^ heard.signs[of, word][:, None]
        for plane in range(2):
            wrong += (plane + 1) * np.bitwise_count(differing & heard.planes[of, plane, word][:, None]).astype(np.int64)
    cosine = (heard.weight[of][:, None] - 2 * wrong) / heard.norm[of][:, None]
    return float(np.quantile(cosine, 1 - share))


def _compared(snippet: np.ndarray, shelf: Shelf, at: np.ndarray, phase: np.ndarray, lag: np.ndarray) -> _Part:
    """Best of the given places in each live track of a segment; ``at``, places in ``by_slot``, ascends."""
    if not len(at):
        return (np.zeros(0),) * 4
    query, n_slots = np.ascontiguousarray(snippet, np.int16), snippet.shape[1]
    least = slots.least_slots(n_slots)
    similarity = slots.at_places(query, shelf.segment.arrays["slots"], shelf.slots[at], phase, lag, least)
    first = _starts(at)
    highest = np.maximum.reduceat(similarity, first)
    # Of equal places, the one of the least phase, then lag.
    span = shelf.segment.n_rows("slots") + 2 * n_slots
    key = np.where(
        similarity == np.repeat(highest, np.diff(first, append=len(at))),
        phase * span + lag + n_slots,
        np.iinfo(np.int64).max,
    )
    best_phase, best_lag = np.divmod(np.minimum.reduceat(key, first), span)
    found = np.isfinite(highest)
    tracks = shelf.numbers[shelf.by_slot[at[first]]]
    return tracks[found], highest[found], best_phase[found], best_lag[found] - n_slots


def _starts(ordered: np.ndarray) -> np.ndarray:
    """Places of the first of equal values."""
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
