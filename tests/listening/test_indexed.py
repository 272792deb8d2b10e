"""Listening through lists of patches, with the listener that reads everything as the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.fingerprint.bits import SAMPLE_RATE
from classifier.index import lists
from classifier.index.follower import View
from classifier.index.segment import Segment as Packed
from classifier.index.snapshot import Snapshot
from classifier.listening.engine import Listener
from classifier.listening.indexed import IndexedScanner, Lists
from classifier.listening.scan import Scanner
from classifier.listening.segments import Segment
from classifier.search import indexed
from tests.library import lively_noise
from tests.listening.conftest import Mix, excerpt
from tests.listening.test_lines import spectra_of
from tests.search.shelf import BACKGROUND, CONFIG, Shelf

#: Below any number of windows, and above.
ALWAYS, NEVER = 0, 10**9


@pytest.fixture(scope="module")
def large(songs: dict[str, np.ndarray]) -> View:
    """The songs and strangers in one segment with lists."""
    shelf = Shelf()
    for name, sound in songs.items():
        shelf.put(name, sound)
    for i in range(12):
        shelf.put(f"stranger {i}", lively_noise(8.0, seed=900 + i))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "LISTED", 20)
        joined = Packed.join(shelf.segments)
    assert joined.lists is not None
    return View(Snapshot((joined,), frozenset(entry.key for entry in joined.entries)), shelf.tracks)


def told(view: View, samples: np.ndarray, least_windows: int) -> list[Segment]:
    listener = Listener(view, SAMPLE_RATE, None, Lists(CONFIG, BACKGROUND, least_windows))
    listener.hear(samples)
    listener.finish()
    return [segment for segment in listener.segments() if segment.kind == "track"]


def test_it_names_what_a_listener_names_that_reads_everything(large: View, mix: Mix, monkeypatch):
    """Though it compares no more than the three places of least divergence."""
    monkeypatch.setattr(indexed, "_NEAR", 3)
    wanted, found = told(large, mix.samples, NEVER), told(large, mix.samples, ALWAYS)
    assert [s.track_id for s in found] == [p.name for p in mix.played] == [s.track_id for s in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert abs(one.start_s - other.start_s) < 2
        assert abs(one.end_s - other.end_s) < 2
        assert one.speed == pytest.approx(other.speed, abs=0.003)
        assert one.confidence == pytest.approx(other.confidence, abs=0.05)


@pytest.mark.parametrize("speed", [1.0, 1.04, 0.94])
def test_the_place_is_that_of_the_whole_scan(large: View, songs, speed: float):
    samples = excerpt(songs["song 1"], 6, 20, speed)
    spectra = spectra_of(samples)
    end_s = spectra.stop * 0.016
    through = IndexedScanner(
        large.snapshot, Lists(CONFIG, BACKGROUND, 0), lambda: (samples[: round(end_s * 16000)], end_s)
    )
    found = through.scan(spectra, spectra.stop, (speed,), 5.5, 7000.0)[0]
    wanted = Scanner(large.snapshot).scan(spectra, spectra.stop, (speed,), 5.5, 7000.0)[0]
    assert found.line.number == wanted.line.number
    assert found.line.track_at(end_s) == pytest.approx(wanted.line.track_at(end_s), abs=0.07)
    assert found.z > 5.5


def test_a_small_catalogue_is_read_whole(large: View, view: View):
    known = Lists(CONFIG, BACKGROUND, large.snapshot.n_windows)
    assert isinstance(Listener(large, lists=known)._search.scanner, Scanner)
    more = Lists(CONFIG, BACKGROUND, large.snapshot.n_windows - 1)
    assert isinstance(Listener(large, lists=more)._search.scanner, IndexedScanner)
    assert isinstance(Listener(view, lists=Lists(CONFIG, BACKGROUND, 0))._search.scanner, Scanner)  # it has no lists


def test_it_goes_on_from_what_was_saved(large: View, mix: Mix):
    known = Lists(CONFIG, BACKGROUND, ALWAYS)
    listener = Listener(large, lists=known)
    listener.hear(mix.samples[: 20 * SAMPLE_RATE])
    again = Listener.restore(large, listener.save(), SAMPLE_RATE, known)
    for one in (listener, again):
        one.hear(mix.samples[20 * SAMPLE_RATE : 40 * SAMPLE_RATE])
    assert listener.segments() == again.segments()
