"""Answers put together from parts are those of one machine, to the last digit: with one process as the oracle.

The parts answer as workers do, from what a message holds; only the network is left out (``test_processes.py`` has it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgpack
import numpy as np
import pytest

from classifier.cluster import asks
from classifier.cluster.codec import Values
from classifier.cluster.remote import Inventory, Remote, Reply
from classifier.errors import ClusterUnavailable
from classifier.index import lists
from classifier.index.follower import Part
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.query import Recording
from classifier.results import METHODS, Tag
from classifier.search import alike, by_fingerprints, pipeline, state
from classifier.search.candidates import list_lengths
from classifier.search.options import Options
from tests.library import RATE, lively_noise
from tests.search.shelf import CONFIG, Shelf, cut, played, recording

#: Below any number of windows, and above.
ALWAYS, NEVER = 0, 10**9
SHARDS = 3

Make = Callable[[list[np.ndarray], np.ndarray], np.ndarray]

SNIPPETS: dict[str, Make] = {
    "clean": lambda sounds, strange: cut(sounds[2], 7.77, 5),
    "copies": lambda sounds, strange: cut(sounds[0], 11, 5),
    "parts": lambda sounds, strange: cut(sounds[1], 5, 9.5),
    "short": lambda sounds, strange: cut(sounds[6], 3, 1.1),
    "stranger": lambda sounds, strange: cut(strange, 4, 5),
    "fast": lambda sounds, strange: played(sounds[4], 9, 6, 1.03),
    "nothing": lambda sounds, strange: 0.2 * np.sin(np.arange(3 * RATE) / 9),
}


@pytest.fixture(scope="module")
def shelf(songs: Shelf, sounds: list[np.ndarray]) -> Shelf:
    """Songs, a copy, part of another, silence, and tracks that are too short."""
    return songs.with_copies(
        copy=0.9 * cut(sounds[0], 0, 30),
        part=np.concatenate([lively_noise(6.0, seed=5), cut(sounds[1], 8, 6), lively_noise(4.0, seed=6)]),
        silence=np.zeros(12 * RATE),
        short=cut(sounds[6], 3, 1.2),
        tiny=cut(sounds[6], 3, 0.4),
    )


@pytest.fixture(autouse=True)
def _indexed_is_large(monkeypatch):
    """What is searched through lists has its nearest tracks found by reduced rows, too."""
    monkeypatch.setattr(alike, "MOST_WINDOWS", 0)


class Parts:
    """Shards of a shelf that answer in this process; what crosses goes through bytes and back."""

    def __init__(self, shelf: Shelf, n: int, *, listed: bool = False) -> None:
        tracks = {s.entries[0].track_id: s for s in shelf.segments}
        divided = [[tracks[i] for i in tracks if Part(number, n).holds(i)] for number in range(n)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lists, "LISTED", 1 if listed else lists.LISTED)
            self.segments = [Segment.join(own) for own in divided if own]
        self.shards = [Snapshot((s,), frozenset(e.key for e in s.entries)) for s in self.segments]
        self.rounds = 0

    @property
    def whole(self) -> Snapshot:
        """All shards as one machine would hold them."""
        return Snapshot(tuple(self.segments), frozenset(e.key for s in self.segments for e in s.entries))

    def ask(self, wanted: Sequence[Values]) -> list[Reply]:
        """Answer as workers would."""
        self.rounds += 1
        lengths = np.sum([list_lengths(shard) for shard in self.shards], axis=0)
        replies = []
        for shard in self.shards:
            answers = [asks.answer(shard, CONFIG, lengths, crossed(one)) for one in wanted]
            inventory = Inventory([entry.key for _, entry in shard], list_lengths(shard))
            replies.append(Reply(inventory, [crossed(one) for one in answers]))
        return replies


def crossed(values: Values) -> Values:
    """Return what arrives at the other side of a connection."""
    return msgpack.unpackb(msgpack.packb(values, use_bin_type=True), use_list=False, strict_map_key=False)


def ask(
    shelf: Shelf, snapshot: Snapshot, heard: Recording, remote: Remote | None, *, sound: bool = True, **options: object
) -> Tag:
    """Return an answer, but for how long it took."""
    tag = pipeline.identify(
        heard.query(),
        snapshot,
        shelf.tracks.__getitem__,
        CONFIG,
        Options(**options),
        heard if sound else None,
        remote,
    )
    return replace(tag, seconds={})


@pytest.mark.parametrize("name", SNIPPETS)
@pytest.mark.parametrize("windows", [NEVER, ALWAYS], ids=["every track", "through lists"])
def test_the_answer_is_that_of_one_machine(shelf, sounds, strange_sounds, name, windows):
    """Matches, z, E-values, divergences, charts, all of it."""
    parts = Parts(shelf, SHARDS, listed=windows == ALWAYS)
    heard = recording(SNIPPETS[name](sounds, strange_sounds[0]))
    for method in METHODS:
        options = {"method": method, "indexed_windows": windows, "top": 20}
        wanted = ask(shelf, parts.whole, heard, None, **options)
        assert ask(shelf, parts.whole, heard, Remote(parts.whole, CONFIG, parts.ask, 0), **options) == wanted
    assert wanted.searched.share == 1.0


def test_a_known_snippet_takes_one_round_or_two(shelf, sounds):
    heard = recording(SNIPPETS["clean"](sounds, sounds[0]))
    for windows, most in ((NEVER, 1), (ALWAYS, 2)):
        parts = Parts(shelf, SHARDS, listed=True)
        tag = ask(shelf, parts.whole, heard, Remote(parts.whole, CONFIG, parts.ask, 0), indexed_windows=windows)
        assert tag.verdict == "identified"
        assert parts.rounds == most


def test_a_certain_match_ends_the_search_at_the_same_track(shelf, sounds, monkeypatch):
    """In a catalogue too large to align with all of it, tracks are aligned batch by batch."""
    monkeypatch.setattr(state, "_EXHAUSTIVE", 0.0)
    monkeypatch.setattr(by_fingerprints, "_AFTER_CERTAIN", 2)
    monkeypatch.setattr("classifier.search.alignments.BATCH", 2)
    monkeypatch.setattr("classifier.cluster.remote._FIRST", 3)
    parts = Parts(shelf, SHARDS)
    for name in ("clean", "copies", "stranger"):
        heard = recording(SNIPPETS[name](sounds, lively_noise(20.0, seed=3)))
        wanted = ask(shelf, parts.whole, heard, None)
        assert ask(shelf, parts.whole, heard, Remote(parts.whole, CONFIG, parts.ask, 0)) == wanted
    assert ask(shelf, parts.whole, recording(SNIPPETS["clean"](sounds, sounds[0])), None).searched.aligned_tracks == 4


@pytest.mark.parametrize("windows", [NEVER, ALWAYS], ids=["every track", "through lists"])
def test_what_no_shard_answers_for_is_searched_here_while_it_is_little(shelf, sounds, strange_sounds, windows):
    """A lost shard, and a track of which the shards hold another version."""
    parts = Parts(shelf, SHARDS)
    whole = parts.whole
    lost = next(i for i, shard in enumerate(parts.shards) if ("song 2", 1) in shard.live)
    del parts.shards[lost]
    for name in ("clean", "copies", "stranger", "fast"):
        heard = recording(SNIPPETS[name](sounds, strange_sounds[0]))
        wanted = ask(shelf, whole, heard, None, indexed_windows=windows)
        assert ask(shelf, whole, heard, Remote(whole, CONFIG, parts.ask, NEVER), indexed_windows=windows) == wanted


def test_what_nobody_searched_is_said(shelf, sounds):
    parts = Parts(shelf, SHARDS)
    whole = parts.whole
    lost = next(i for i, shard in enumerate(parts.shards) if ("song 2", 1) in shard.live)
    n_lost = parts.shards.pop(lost).n_windows
    for name, verdict in (("clean", "no_match"), ("copies", None)):
        heard = recording(SNIPPETS[name](sounds, sounds[0]))
        tag = ask(shelf, whole, heard, Remote(whole, CONFIG, parts.ask, n_lost - 1))
        assert verdict in (None, tag.verdict)
        assert tag.searched.share == pytest.approx(1 - n_lost / whole.n_windows)
        assert not tag.searched.complete
        found = {m.track_id for m in tag.matches} | {n.track_id for n in tag.nearest}
        assert found <= {entry.track_id for shard in parts.shards for _, entry in shard}
        assert tag.searched.aligned_tracks == sum(map(len, parts.shards))


def test_what_is_found_counts_among_all_places(shelf, sounds):
    """An incomplete search has the same E-values: what could not be searched counts as trials, too."""
    parts = Parts(shelf, SHARDS)
    whole, heard = parts.whole, recording(cut(sounds[2], 7.77, 5))
    wanted = ask(shelf, whole, heard, None).matches[0]
    holder = next(i for i, shard in enumerate(parts.shards) if ("song 2", 1) in shard.live)
    parts.shards = [parts.shards[holder]]
    found = ask(shelf, whole, heard, Remote(whole, CONFIG, parts.ask, 0)).matches[0]
    assert (found.track_id, found.z, found.log10_e_value) == (wanted.track_id, wanted.z, wanted.log10_e_value)


def test_without_any_shard_nothing_is_claimed(shelf, sounds):
    heard = recording(SNIPPETS["clean"](sounds, sounds[0]))
    with pytest.raises(ClusterUnavailable):
        ask(shelf, shelf.snapshot, heard, Remote(shelf.snapshot, CONFIG, lambda wanted: [], 1))


def test_a_signature_is_searched_at_its_own_speed_alone(shelf, sounds, strange_sounds):
    parts = Parts(shelf, SHARDS)
    heard = recording(SNIPPETS["stranger"](sounds, strange_sounds[0]))
    wanted = ask(shelf, parts.whole, heard, None, sound=False)
    assert ask(shelf, parts.whole, heard, Remote(parts.whole, CONFIG, parts.ask, 0), sound=False) == wanted
    assert not wanted.searched.other_speeds
