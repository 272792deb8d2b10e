"""An answer does not depend on how the index happens to be cut: to the last digit, for all methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from classifier.index.segment import Segment, write
from classifier.index.snapshot import Snapshot
from classifier.models.query import Recording
from classifier.results import METHODS, Tag
from classifier.search.ranking import rank
from tests.library import RATE, lively_noise
from tests.search.shelf import CONFIG, Shelf, cut, played, recording


@pytest.fixture(scope="module")
def shelf(songs, sounds) -> Shelf:
    """Songs, a copy, part of another, silence, short tracks, and tracks that are dead."""
    return songs.with_copies(
        copy=0.9 * cut(sounds[0], 0, 30),
        part=np.concatenate([lively_noise(6.0, seed=5), cut(sounds[1], 8, 6), lively_noise(4.0, seed=6)]),
        silence=np.zeros(12 * RATE),
        short=cut(sounds[6], 3, 1.2),
        tiny=cut(sounds[6], 3, 0.4),
        **{f"dead {i}": lively_noise(7.0, seed=80 + i) for i in range(3)},
    )


Make = Callable[[list[np.ndarray], np.ndarray], np.ndarray]

#: Snippets of each kind of answer, made of the songs and of a strange one.
SNIPPETS: dict[str, Make] = {
    "clean": lambda sounds, strange: cut(sounds[2], 7.77, 10),
    "noisy": lambda sounds, strange: cut(sounds[3], 3, 12) + 0.05 * lively_noise(12.0, seed=1),
    "copies": lambda sounds, strange: cut(sounds[0], 11, 5),
    "parts": lambda sounds, strange: cut(sounds[1], 5, 9.5),
    "short": lambda sounds, strange: cut(sounds[6], 3, 1.1),
    "stranger": lambda sounds, strange: cut(strange, 4, 9.6),
    "fast": lambda sounds, strange: played(sounds[4], 9, 9, 1.03),
}


def cuts(shelf: Shelf) -> dict[str, tuple[Segment, ...]]:
    """Ways to cut the catalogue: at once, track by track, by chance; in any order, the dead between the living."""
    parts, found = shelf.segments, {}
    found["one segment"] = (Segment.join(parts),)
    found["backwards"] = (Segment.join(parts[::-1]),)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(parts))
        stops = np.sort(rng.choice(np.arange(1, len(parts)), seed + 1, replace=False))
        found[f"by chance {seed}"] = tuple(Segment.join([parts[i] for i in group]) for group in np.split(order, stops))
    found["held twice"] = (Segment.join(parts[:6]), Segment.join(parts[3:]), parts[0])
    return found


def answer(tag: Tag) -> Tag:
    """All that an answer says, but for how long it took."""
    return replace(tag, seconds={})


@pytest.mark.parametrize("name", SNIPPETS)
def test_no_cut_changes_an_answer(shelf, sounds, strange_sounds, name):
    heard = recording(SNIPPETS[name](sounds, strange_sounds[0]))
    query = heard.query()
    live = frozenset(e.key for s in shelf.segments for e in s.entries if not e.track_id.startswith("dead"))

    def ask(segments: tuple[Segment, ...], method: str, sound: Recording | None) -> Tag:
        return answer(shelf.search(query, Snapshot(segments, live), sound, method=method, top=20))

    plain = tuple(shelf.segments)
    wanted = {method: ask(plain, method, heard) for method in METHODS}
    ranking = rank(query, Snapshot(plain, live), CONFIG)
    for way, segments in cuts(shelf).items():
        for method, tag in wanted.items():
            assert ask(segments, method, heard) == tag, (way, method)
        other = rank(query, Snapshot(segments, live), CONFIG)
        for part in ("divergence", "z", "place"):
            np.testing.assert_array_equal(getattr(other, part), getattr(ranking, part), err_msg=f"{way} {part}")
        assert other.n_places == ranking.n_places


def test_a_mapped_index_answers_like_one_in_memory(shelf, sounds, tmp_path):
    write(tmp_path / "segment", shelf.segments)
    mapped = Segment.load(tmp_path / "segment")
    heard = recording(cut(sounds[2], 7.77, 6))
    live = frozenset(e.key for e in mapped.entries)
    for method in METHODS:
        found, wanted = (
            answer(shelf.search(heard.query(), Snapshot(segments, live), heard, method=method))
            for segments in ((mapped,), tuple(shelf.segments))
        )
        assert found == wanted
