"""Ranking by divergence that keeps time: against loops in plain NumPy, and what silence, ends and the dead do to it."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.slots import PHASES, least_slots
from classifier.models.query import Query
from classifier.models.track import model_track
from classifier.search.ranking import rank
from tests.library import RATE, lively_noise
from tests.search.shelf import BACKGROUND, CONFIG, Shelf, cut, query_of, recording, tone

#: Sums of some thousand similarities in another order.
ROUNDING = 1e-9
#: Phases lie 60 ms apart, and no place is further than half of that from one.
OFFSET_S = 0.031


def by_hand(query: Query, slots: np.ndarray) -> dict[tuple[int, int], float]:
    """Similarity at every phase and lag of one track: each slot divided by the deviation of the stretch compared."""
    m, found = query.slots.shape[1], {}
    least = least_slots(m)
    for phase in range(PHASES):
        for lag in range(least - m, len(slots) - least + 1):
            first, last = max(0, -lag), min(m, len(slots) - lag)
            q = query.slots[phase, first:last].astype(float)
            r = slots[lag + first : lag + last].astype(float)
            deviation = np.sqrt(np.mean(q**2)), np.sqrt(np.mean(r**2))
            apart = np.mean((q / deviation[0] - r / deviation[1]) ** 2)  # 2 (1 - s) of the stretch
            found[phase, lag] = (1 - apart / 2) * (last - first) / m
    return found


@pytest.mark.parametrize(("start_s", "length_s"), [(11.0, 5.0), (3.33, 10.0), (-1.0, 4.0), (27.5, 5.0)])
def test_ranking_equals_a_loop_over_all_places(songs, sounds, start_s, length_s):
    around = np.concatenate([lively_noise(2.0, 1), cut(sounds[3], 0, 30), lively_noise(3.0, 2)])
    query, snapshot = query_of(cut(around, 2 + start_s, length_s)), songs.snapshot
    ranking = rank(query, snapshot, CONFIG)
    places = [by_hand(query, segment.of(entry, "slots")) for segment, entry in snapshot]
    everywhere = np.concatenate([list(found.values()) for found in places])
    assert ranking.n_places == len(everywhere)
    assert ranking.n_slots == query.slots.shape[1]
    for number, found in enumerate(places):
        best = max(found.values())
        assert ranking.divergence[number] == pytest.approx(2 * 24 / query.slot_variance * (1 - best), rel=ROUNDING)
        z = (best - everywhere.mean()) / everywhere.std()
        assert ranking.z[number] == pytest.approx(z, rel=ROUNDING)
        assert found[tuple(ranking.place[number])] == pytest.approx(best, abs=ROUNDING)
    nearest = int(ranking.order()[0])
    assert snapshot.items[nearest][1].track_id == "song 3"
    assert ranking.offset_s(nearest, CONFIG) == pytest.approx(start_s, abs=OFFSET_S)


def test_the_order_is_by_divergence_and_ends_with_what_cannot_be_compared(songs, sounds):
    shelf = songs.with_copies(silence=np.zeros(10 * RATE), short=cut(sounds[0], 0, 1.2))
    ranking = rank(query_of(cut(sounds[2], 5, 10)), shelf.snapshot, CONFIG)
    names = [entry.track_id for _, entry in shelf.snapshot]
    ordered = [names[number] for number in ranking.order()]
    assert ordered[0] == "song 2"
    assert ordered[-2:] == ["short", "silence"]  # in the snapshot's order
    values = ranking.divergence[ranking.order()]
    assert (np.diff(values[:-2]) >= 0).all()
    assert np.isinf(values[-2:]).all()
    assert np.isneginf(ranking.z[ranking.order()[-2:]]).all()


@pytest.mark.parametrize("silence", [np.zeros(60 * RATE), tone(60.0)], ids=["silence", "tone"])
def test_silence_makes_nobody_stand_out_more(songs, sounds, silence):
    """Where nothing happens there is nothing to compare: it counts neither as a trial nor as likeness."""
    query = query_of(cut(sounds[1], 5, 6))
    plain, padded = (rank(query, shelf.snapshot, CONFIG) for shelf in (songs, songs.with_copies(zzz=silence)))
    np.testing.assert_allclose(padded.z[:-1], plain.z, rtol=ROUNDING)
    np.testing.assert_array_equal(padded.divergence[:-1], plain.divergence)
    assert padded.n_places == plain.n_places
    assert np.isinf(padded.divergence[-1])


def test_a_snippet_in_which_nothing_happens_is_near_nobody(songs):
    for samples in (np.zeros(5 * RATE), tone(5.0), np.zeros(0), lively_noise(0.2, 1)):
        ranking = rank(query_of(samples), songs.snapshot, CONFIG)
        assert ranking.n_places == 0
        assert np.isinf(ranking.divergence).all()
        assert np.isneginf(ranking.z).all()
        assert ranking.order().tolist() == list(range(8))


def test_an_empty_catalogue_has_an_empty_order(sounds):
    ranking = rank(query_of(cut(sounds[0], 1, 5)), Snapshot((), frozenset()), CONFIG)
    assert (len(ranking.order()), ranking.n_places) == (0, 0)


def test_dead_tracks_do_not_count(songs, sounds):
    """Neither in the order nor among the places that z is judged by."""
    joined = Segment.join(songs.segments)
    live = frozenset(e.key for e in joined.entries if e.track_id != "song 3")
    query = query_of(cut(sounds[3], 11, 5))
    dead = rank(query, Snapshot((joined,), live), CONFIG)
    gone = rank(query, songs.without("song 3").snapshot, CONFIG)
    for name in ("divergence", "z", "place"):
        np.testing.assert_array_equal(getattr(dead, name), getattr(gone, name))
    assert dead.n_places == gone.n_places


def test_a_snippet_longer_than_the_track_is_ranked(sounds):
    """As long as a third of it lies within."""
    made = Shelf()
    made.put("other", cut(sounds[1], 0, 20))
    made.put("part", cut(sounds[0], 4, 7))
    ranking = rank(query_of(cut(sounds[0], 0, 18)), made.snapshot, CONFIG)
    assert ranking.order().tolist() == [1, 0]
    assert ranking.offset_s(1, CONFIG) == pytest.approx(-4, abs=OFFSET_S)
    again = rank(query_of(cut(sounds[0], 0, 25)), made.snapshot, CONFIG)
    assert np.isinf(again.divergence[1])


@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_shifting_the_snippet_by_half_a_slot_shifts_its_place(songs, sounds, steps):
    frames = steps * CONFIG.slot_frames // 2
    start_s = 6.0 + frames * CONFIG.frame_step / RATE
    snapshot = songs.snapshot
    offsets = []
    for at_s in (6.0, start_s):
        ranking = rank(query_of(cut(sounds[4], at_s, 8)), snapshot, CONFIG)
        offsets.append(ranking.offset_s(snapshot.numbers["song 4", 1], CONFIG))
    assert offsets[1] - offsets[0] == pytest.approx(steps * CONFIG.slot_s / 2)


def test_slots_at_another_speed_take_the_place_of_its_own(songs, sounds):
    heard = recording(cut(sounds[2], 9, 8))
    ranking = rank(heard.query(), songs.snapshot, CONFIG, heard.slots(1.04), 1.04)
    assert ranking.speed == 1.04
    assert ranking.n_slots == heard.slots(1.04).shape[1] > heard.slots().shape[1]
    own = rank(heard.query(), songs.snapshot, CONFIG)
    assert ranking.divergence.min() > own.divergence.min()


def test_a_single_place_stands_out_from_nothing(sounds):
    """Spread is nought: z is nought, not infinite."""
    made = Shelf()
    model = model_track(cut(sounds[0], 0, 1.2).astype(np.float32), CONFIG, BACKGROUND)
    made.segments.append(Segment.build([("one", 1, model)]))
    silent_phase = query_of(cut(sounds[0], 0, 1.2))
    silent_phase.slots[1] = 0
    ranking = rank(silent_phase, made.snapshot, CONFIG)
    assert ranking.n_places == 1
    assert ranking.z.tolist() == [0.0]
    assert ranking.divergence[0] == pytest.approx(0, abs=1e-9)
