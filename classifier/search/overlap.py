"""A library aligned with itself: which tracks share sound, and which stretch of which.

Conventions
-----------
- Frames are those of sub-fingerprints, one each 32 ms; agreement of two frames is 1 - 2 * bit error rate.
- A pair's offset is the place in ``a`` of ``b``'s first frame: ``a = offset + b``.
- First candidates, then proof. Frames whose 36 coarse bits are the same in two tracks vote for an offset (Haitsma &
  Kalker 2002 look for equal sub-fingerprints in the same way); offsets with votes are aligned frame by frame, and count
  where the mean agreement over three seconds reaches :data:`AGREES`.
- Tracks at another speed share nothing in this sense, nor do other performances of a piece: those *sound alike*.

Of the same place read 16 ms apart, the worst case, 4 % of the frames have equal coarse bits at 128 kbit/s, 2 % at
32 kbit/s, one a second or more; unrelated music agrees by 0.14 at most over three seconds, copies at 32 kbit/s by 0.69
(composed songs; tests/search/test_overlap.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.fingerprint.bits import BANDS, HOP_S, N_BITS, SPAN_S, VALID
from classifier.index.snapshot import Snapshot

#: Least seconds of a stretch, and mean agreement over so long that two tracks share it.
LEAST_S, AGREES = 3.0, 0.3
#: Share of a track that has to be shared for all of it to be; the rest is silence and what codecs do at the ends.
WHOLE = 0.9
#: Share of both tracks from which they are edits of one recording.
EDIT = 0.5
#: How two tracks may be related, closest first.
RELATIONS = ("copy", "excerpt", "edit", "part")

_COARSE = np.uint64((1 << (BANDS[0] + BANDS[1] - 2)) - 1)
_SCATTER = np.uint64(0x9E3779B97F4A7C15)
#: Frames that vote at a time: more do so in several passes, each over a share of the patterns of bits.
_MOST_VOTERS = 12_000_000
#: Places of one track that vote for one pattern of bits, and places of all tracks: more say nothing.
_MOST_REPEATS, _MOST_PLACES = 4, 64
#: Votes that an offset needs to be looked at, offsets of one pair that are, and of all pairs.
_LEAST_VOTES, _MOST_OFFSETS, _MOST_CANDIDATES = 2, 40, 400_000
_WINDOW = round(LEAST_S / HOP_S)
#: Seconds that a stretch may be interrupted.
_GAP = round(2.0 / HOP_S)
_ZERO = 1 << 25


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound that two tracks share.

    Parameters
    ----------
    a_start_s, b_start_s : float
        Where it begins in each, seconds.
    length_s : float
        How long it is.
    agreement : float in [-1, 1]
        Mean agreement of its frames.
    """

    a_start_s: float
    b_start_s: float
    length_s: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two tracks that share sound.

    Parameters
    ----------
    a, b : str
        Their ids; ``a`` is the longer one.
    relation : {"copy", "excerpt", "edit", "part"}
        ``copy``: both are shared as a whole. ``excerpt``: ``b`` is, as one piece of ``a``. ``edit``: ``b`` is, in
        several pieces, or half of both and more. ``part``: less, such as a medley, a loop or a jingle.
    share_a, share_b : float in [0, 1]
        Of each track's frames.
    stretches : list of Stretch
        By place in ``a``.
    """

    a: str
    b: str
    relation: str
    share_a: float
    share_b: float
    stretches: list[Stretch]

    @property
    def shared_s(self) -> float:
        """Seconds shared."""
        return sum(stretch.length_s for stretch in self.stretches)

    @property
    def agreement(self) -> float:
        """Mean agreement of what is shared."""
        return sum(s.agreement * s.length_s for s in self.stretches) / max(self.shared_s, 1e-9)


def overlaps(
    snapshot: Snapshot,
    *,
    only: set[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Overlap]:
    """Find all pairs of tracks that share sound, closest first.

    Parameters
    ----------
    snapshot : Snapshot
        The tracks.
    only : set of str, optional
        Ids; only pairs with one of them are aligned.
    progress : callable, optional
        Called with (done, total): every track is read, then every candidate aligned.
    stop : callable
        Asked now and then; once true, what has been found so far is returned.
    """
    items = snapshot.items
    numbers = None if only is None else {i for i, (_, entry) in enumerate(items) if entry.track_id in only}

    def read(share: float) -> None:
        if progress:
            progress(int(share * len(items)), 2 * len(items))

    votes = _votes(snapshot, numbers, read, stop)
    found: dict[tuple[int, int], list[int]] = {}
    for a, b, offset in _candidates(votes):
        found.setdefault((a, b), []).append(offset)
    out = []
    for done, ((a, b), offsets) in enumerate(found.items()):
        if stop():
            break
        (segment_a, entry_a), (segment_b, entry_b) = items[a], items[b]
        words = np.asarray(segment_a.words(entry_a)), np.asarray(segment_b.words(entry_b))
        overlap = compare(entry_a.track_id, words[0], entry_b.track_id, words[1], offsets)
        if overlap is not None:
            out.append(overlap)
        if progress and done % 64 == 0:
            progress(len(items) + len(items) * done // len(found), 2 * len(items))
    if progress:
        progress(2 * len(items), 2 * len(items))
    return sorted(out, key=lambda o: (RELATIONS.index(o.relation), -o.share_b, -o.shared_s, o.a, o.b))


# -------------------------------------------------------------------- candidates


def _votes(
    snapshot: Snapshot, only: set[int] | None, progress: Callable[[float], None], stop: Callable[[], bool]
) -> np.ndarray:
    """Return a vote for each two frames of equal coarse bits: ``first track, second track, offset``, shape (n, 3)."""
    bits = max(0, -(-snapshot.n_frames // _MOST_VOTERS) - 1).bit_length()
    found = [np.zeros((0, 3), np.int64)]
    for part in range(1 << bits):

        def read(share: float, done: int = part) -> None:
            progress((done + share) / 2**bits)

        found += _votes_of(snapshot, only, part, bits, read, stop)
    return np.concatenate(found)


def _votes_of(
    snapshot: Snapshot,
    only: set[int] | None,
    part: int,
    bits: int,
    progress: Callable[[float], None],
    stop: Callable[[], bool],
) -> list[np.ndarray]:
    """Return the votes of one of ``2**bits`` shares of all patterns of bits."""
    kept: list[tuple[np.ndarray, np.ndarray, int]] = []
    for number, (segment, entry) in enumerate(snapshot.items):
        if stop():
            break
        words = np.asarray(segment.words(entry))
        key = words[:, 0] & _COARSE
        chosen = (words[:, 1] & VALID) != 0
        chosen[1:] &= key[1:] != key[:-1]  # one frame of a steady sound
        if bits:
            chosen &= (key * _SCATTER) >> np.uint64(64 - bits) == part
        (frames,) = np.nonzero(chosen)
        kept.append((key[frames], frames.astype(np.int32), number))
        progress((number + 1) / len(snapshot.items))
    if not kept:
        return []
    key = np.concatenate([keys for keys, _, _ in kept])
    frame = np.concatenate([frames for _, frames, _ in kept])
    track = np.repeat(np.array([n for _, _, n in kept], np.int32), [len(frames) for _, frames, _ in kept])
    order = np.argsort(key, kind="stable")  # which leaves tracks and frames in order within a key
    key, frame, track = key[order], frame[order], track[order]
    few = _rank(key.astype(np.int64), track) < _MOST_REPEATS
    key, frame, track = key[few], frame[few], track[few]
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    size = np.diff(np.r_[start, len(key)])
    useful = np.repeat((size > 1) & (size <= _MOST_PLACES), size)
    key, frame, track = key[useful], frame[useful], track[useful]
    found = []
    for step in range(1, min(_MOST_PLACES, len(key))):
        (first,) = np.nonzero((key[step:] == key[:-step]) & (track[step:] != track[:-step]))
        if only is not None:
            wanted = np.isin(track[first], list(only)) | np.isin(track[first + step], list(only))
            first = first[wanted]
        if len(first):
            second = first + step
            offset = frame[first].astype(np.int64) - frame[second]
            found.append(np.stack([track[first].astype(np.int64), track[second].astype(np.int64), offset], axis=1))
    return found


def _rank(key: np.ndarray, track: np.ndarray) -> np.ndarray:
    """Return how many entries of the same key and track stand before each, of entries in order of both."""
    new = np.r_[True, (key[1:] != key[:-1]) | (track[1:] != track[:-1])][: len(key)]
    starts = np.flatnonzero(new)
    return np.arange(len(key)) - np.repeat(starts, np.diff(np.r_[starts, len(key)]))


def _candidates(votes: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield track, track and offset where votes agree to a frame, by pair, most votes first."""
    if not len(votes):
        return
    a, b, offset = votes.T
    n = int(max(a.max(), b.max())) + 1
    line = np.sort(((a * n + b) << 26) | (offset + _ZERO))
    count = np.searchsorted(line, line + 2, "left") - np.arange(len(line))
    (strong,) = np.nonzero(count >= _LEAST_VOTES)
    if len(strong) > _MOST_CANDIDATES:
        strong = np.sort(strong[np.argsort(-count[strong], kind="stable")[:_MOST_CANDIDATES]])
    pair, place = line[strong] >> 26, (line[strong] & ((1 << 26) - 1)) - _ZERO
    last = -1
    taken: list[int] = []
    for i in np.lexsort((-count[strong], pair)):
        if pair[i] != last:
            last, taken = int(pair[i]), []
        at = int(place[i])
        if len(taken) < _MOST_OFFSETS and all(abs(at - other) > 1 for other in taken):
            taken.append(at)
            yield last // n, last % n, at


# -------------------------------------------------------------------- proof


def compare(a: str, words_a: np.ndarray, b: str, words_b: np.ndarray, offsets: list[int]) -> Overlap | None:
    """Align two tracks at some offsets; None if they share nothing there.

    Parameters
    ----------
    a, b : str
        Their ids.
    words_a, words_b : np.ndarray, shape (n, 2), uint64
        Their sub-fingerprints.
    offsets : list of int
        Places in ``a`` of ``b``'s first frame, likeliest first; each is tried one frame to either side as well.
    """
    if (len(words_b), b) > (len(words_a), a):
        a, b, words_a, words_b, offsets = b, a, words_b, words_a, [-offset for offset in offsets]
    covered_a, covered_b = np.zeros(len(words_a), bool), np.zeros(len(words_b), bool)
    stretches = []
    for offset in offsets:
        for start, stop, at, agreement in _stretches(words_a, words_b, offset):
            there, here = slice(start, stop), slice(start - at, stop - at)
            new = min(np.count_nonzero(~covered_a[there]), np.count_nonzero(~covered_b[here]))
            if new < _WINDOW and new < stop - start:
                continue  # a bar that is repeated, say
            covered_a[there] = covered_b[here] = True
            length_s = (stop - start - 1) * HOP_S + SPAN_S
            stretches.append(Stretch(start * HOP_S, (start - at) * HOP_S, length_s, agreement))
    if not stretches:
        return None
    share_a, share_b = _share(covered_a, words_a), _share(covered_b, words_b)
    stretches.sort(key=lambda stretch: stretch.a_start_s)
    return Overlap(a, b, _relation(share_a, share_b, len(stretches)), share_a, share_b, stretches)


def _relation(share_a: float, share_b: float, n_stretches: int) -> str:
    if min(share_a, share_b) >= WHOLE:
        return "copy"
    if share_b >= WHOLE:
        return "excerpt" if n_stretches == 1 else "edit"
    return "edit" if min(share_a, share_b) >= EDIT else "part"


def _share(covered: np.ndarray, words: np.ndarray) -> float:
    """Share of a track's valid frames that are covered."""
    valid = (words[:, 1] & VALID) != 0
    return int(np.count_nonzero(covered & valid)) / max(1, int(np.count_nonzero(valid)))


def _stretches(words_a: np.ndarray, words_b: np.ndarray, offset: int) -> list[tuple[int, int, int, float]]:
    """Return stretches along one offset or its neighbours: first frame in a, the one behind its last, offset, mean."""
    frames = _diagonal(words_a, words_b, offset)
    peak = float(np.max(_smoothed(frames), initial=-1.0))
    if peak < AGREES / 2:
        return []
    around = {offset: frames, **{o: _diagonal(words_a, words_b, o) for o in (offset - 1, offset + 1)}}
    best = max(around, key=lambda o: float(np.max(_smoothed(around[o]), initial=-1.0)))
    frames, start = around[best], max(0, best)
    found = []
    for first, last in _runs(_smoothed(frames) >= AGREES):
        low, high = max(0, first - _WINDOW // 2), min(len(frames), last + _WINDOW + _WINDOW // 2)
        begin, end = _densest(frames[low:high])
        if end - begin >= min(_WINDOW, len(frames)):
            piece = frames[low + begin : low + end]
            found.append((start + low + begin, start + low + end, best, float(np.nanmean(piece))))
    return found


def _diagonal(words_a: np.ndarray, words_b: np.ndarray, offset: int) -> np.ndarray:
    """Agreement of each frame that both tracks have at an offset, nan where either is invalid."""
    start, stop = max(0, offset), min(len(words_a), len(words_b) + offset)
    if stop <= start:
        return np.zeros(0)
    one, two = words_a[start:stop], words_b[start - offset : stop - offset]
    # Both flags are set where the frames count, so that they never differ there.
    wrong: Any = np.bitwise_count(one ^ two).sum(axis=1, dtype=np.int64)
    valid = (one[:, 1] & two[:, 1] & VALID) != 0
    return np.where(valid, 1 - 2 * wrong / N_BITS, np.nan)


def _smoothed(frames: np.ndarray) -> np.ndarray:
    """Mean over three seconds from each frame on, or over all frames if they are fewer; -1 where half are invalid."""
    width = min(_WINDOW, len(frames))
    if width == 0:
        return np.zeros(0)
    valid = np.isfinite(frames)
    sums: Any = np.cumsum(np.r_[0.0, np.where(valid, frames, 0.0)])
    counts: Any = np.cumsum(np.r_[0, valid])
    count = counts[width:] - counts[:-width]
    return np.where(2 * count >= width, (sums[width:] - sums[:-width]) / np.maximum(count, 1), -1.0)


def _runs(high: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last index of each run of True; runs less than two seconds apart are one."""
    (places,) = np.nonzero(high)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > _GAP + _WINDOW)
    firsts, lasts = np.r_[places[0], places[breaks + 1]], np.r_[places[breaks], places[-1]]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _densest(frames: np.ndarray) -> tuple[int, int]:
    """Return the range whose agreement most exceeds half of :data:`AGREES`; invalid frames count neither way."""
    score: Any = np.cumsum(np.r_[0.0, np.where(np.isfinite(frames), frames - AGREES / 2, 0.0)])
    low = np.minimum.accumulate(score)
    end = int(np.argmax(score - low))
    begin = int(np.flatnonzero(score[: end + 1] == low[end])[-1])
    return begin, end
