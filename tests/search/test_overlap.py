"""A library aligned with itself: copies, excerpts, edits and medleys, to the frame; and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.demo.songs import Song
from classifier.fingerprint.bits import HOP_S, VALID, reference_words
from classifier.search import overlap
from classifier.search.overlap import AGREES, Overlap, compare, overlaps
from classifier.settings import Settings
from tests.data_audio import encode
from tests.library import RATE, decoded
from tests.search.shelf import Shelf

#: A stretch begins and ends within a few frames of the cut: a frame of bits spans 384 ms.
NEAR_S = 0.6


@pytest.fixture(scope="module")
def sounds(enrolled_songs: list[Song]) -> list[np.ndarray]:
    return [decoded(song) for song in enrolled_songs]


@pytest.fixture(scope="module")
def shelf(sounds: list[np.ndarray]) -> Shelf:
    """The songs, and beside them what people make of songs."""
    own = Shelf()
    for number, samples in enumerate(sounds):
        own.put(f"song {number}", samples)
    first, second, third = sounds[2][: 10 * RATE], sounds[3][20 * RATE : 32 * RATE], sounds[4][5 * RATE : 17 * RATE]
    return own.with_copies(
        **{
            "copy": np.r_[np.zeros(3000), 0.5 * sounds[5]],
            "excerpt": sounds[0][10 * RATE + 100 : 22 * RATE],
            "edit": np.r_[sounds[1][: 15 * RATE], sounds[1][24 * RATE :]],
            "medley": np.r_[first, second, third],
            "silence": np.zeros(20 * RATE),
            "more silence": np.zeros(25 * RATE),
        }
    )


@pytest.fixture(scope="module")
def found(shelf: Shelf) -> list[Overlap]:
    return overlaps(shelf.snapshot)


def near(overlap: Overlap, *stretches: tuple[float, float, float]) -> bool:
    """Whether stretches begin in a and in b, and last, as they should."""
    own = [(s.a_start_s, s.b_start_s, s.length_s) for s in overlap.stretches]
    return len(own) == len(stretches) and bool(np.all(np.abs(np.array(own) - np.array(stretches)) < NEAR_S))


def test_each_relation_is_found_and_nothing_else(found: list[Overlap]) -> None:
    pairs = {(o.a, o.b): o for o in found}
    assert [(o.a, o.b, o.relation) for o in found[:3]] == [
        ("copy", "song 5", "copy"),
        ("song 0", "excerpt", "excerpt"),
        ("song 1", "edit", "edit"),
    ]
    assert {(o.a, o.b) for o in found[3:]} == {("song 2", "medley"), ("song 3", "medley"), ("song 4", "medley")}
    assert {o.relation for o in found[3:]} == {"part"}
    assert near(pairs["copy", "song 5"], (0.19, 0.0, 40.0))
    assert near(pairs["song 0", "excerpt"], (10.0, 0.0, 12.0))
    assert near(pairs["song 1", "edit"], (0.0, 0.0, 15.0), (24.0, 15.0, 16.0))
    assert near(pairs["song 2", "medley"], (0.0, 0.0, 10.0))
    assert near(pairs["song 3", "medley"], (20.0, 10.0, 12.0))
    assert near(pairs["song 4", "medley"], (5.0, 22.0, 12.0))
    for o in found:
        assert 0 < o.share_a <= o.share_b <= 1
        assert AGREES < o.agreement <= 1
        assert o.shared_s == pytest.approx(sum(s.length_s for s in o.stretches))


def test_reencodings_are_copies(sounds: list[np.ndarray]) -> None:
    config = Settings()
    shelf = Shelf()
    with Decoder(config) as decoder:
        for number, samples in enumerate(sounds[:3]):
            shelf.put(f"song {number}", samples)
            late = np.r_[np.zeros(256), samples][:, None]  # half of a frame later, the worst place to be read at
            data = encode(np.round(np.clip(late, -1, 1) * 32767).astype(np.int16), "mp3", rate=RATE, bit_rate=32000)
            shelf.put(f"mp3 {number}", decoder.decode(data, Limits.for_track(config), RATE).samples)
    found = overlaps(shelf.snapshot)
    assert {(frozenset((o.a, o.b)), o.relation) for o in found} == {
        (frozenset((f"song {number}", f"mp3 {number}")), "copy") for number in range(3)
    }
    # Codecs delay by up to 100 ms or so.
    assert all(abs(o.stretches[0].a_start_s - o.stretches[0].b_start_s) < 0.15 for o in found)


def test_several_passes_find_the_same(shelf: Shelf, found: list[Overlap], monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a library so large that not all frames vote at a time."""
    monkeypatch.setattr(overlap, "_MOST_VOTERS", shelf.snapshot.n_frames // 5)
    told: list[int] = []
    assert overlaps(shelf.snapshot, progress=lambda done, _: told.append(done)) == found
    assert told == sorted(told)


def test_some_tracks_alone_progress_and_stopping(shelf: Shelf, found: list[Overlap]) -> None:
    told: list[tuple[int, int]] = []
    some = overlaps(shelf.snapshot, only={"medley", "edit"}, progress=lambda *n: told.append(n))
    assert some == [o for o in found if {"medley", "edit"} & {o.a, o.b}]
    assert told == sorted(told)
    assert told[-1] == (2 * len(shelf.snapshot),) * 2
    assert overlaps(shelf.snapshot, stop=lambda: True) == []
    assert overlaps(Shelf().snapshot) == []


def test_a_bar_that_is_repeated_is_told_once(sounds: list[np.ndarray]) -> None:
    bar = sounds[7][8 * RATE : 12 * RATE]
    shelf = Shelf()
    shelf.put("loop", np.tile(bar, 6))
    shelf.put("longer loop", np.tile(bar, 8))
    (o,) = overlaps(shelf.snapshot)
    assert o.shared_s <= 8 * 4.0 + NEAR_S
    assert o.relation in ("copy", "excerpt", "edit")


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 600), length=st.integers(130, 500), before=st.integers(0, 300), seed=st.integers(0, 2**32))
def test_a_stretch_of_random_bits_is_found_to_a_few_frames(start: int, length: int, before: int, seed: int) -> None:
    """Against an oracle that made it: words of one track in another, a tenth of their bits wrong."""
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 2**63, (n, 2), np.uint64) & ~(np.uint64(7) << np.uint64(60)) for n in (1200, before + 700))
    noise = rng.random((length, 2, 64)) < 0.1
    wrong = np.packbits(noise, axis=2, bitorder="little").view("<u8")[..., 0] & ~(np.uint64(15) << np.uint64(60))
    b[before : before + length] = a[start : start + length] ^ wrong
    a[:, 1] |= VALID
    b[:, 1] |= VALID
    o = compare("a", a, "b", b, [start - before])
    assert o is not None
    (s,) = o.stretches
    assert (o.a, o.b) == ("a", "b")
    # Now and then the frames beside a border agree a little by chance.
    assert s.a_start_s / HOP_S == pytest.approx(start, abs=4)
    assert s.b_start_s / HOP_S == pytest.approx(before, abs=4)
    assert o.share_b * len(b) == pytest.approx(length, abs=8)
    assert s.agreement == pytest.approx(0.8, abs=0.05)
    turned = compare("b", b, "a", a, [before - start])
    assert turned == o
    assert compare("a", a, "b", b, [start - before + 40]) is None


def test_unrelated_songs_agree_by_far_less(sounds: list[np.ndarray]) -> None:
    """What ``AGREES`` rests on: the best three seconds of any two songs, at any offset, are below half of it."""
    words = [reference_words(samples[: 20 * RATE]) for samples in sounds[:5]]
    best = -1.0
    for i, one in enumerate(words):
        for two in words[:i]:
            for offset in range(94 - len(two), len(one) - 94):
                best = max(best, float(overlap._smoothed(overlap._diagonal(one, two, offset)).max()))
    assert best < AGREES / 2 + 0.02
