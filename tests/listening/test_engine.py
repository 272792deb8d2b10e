"""The listener: what it says of a mix, in whatever pieces it hears it, and however often it is interrupted."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from classifier.audio.resample import at_rate
from classifier.errors import InvalidParameter
from classifier.fingerprint.bits import SAMPLE_RATE
from classifier.index.follower import View
from classifier.listening.engine import Listener
from classifier.listening.options import RECORDED, ListenOptions
from classifier.listening.scan import SPEEDS, Scanner
from classifier.listening.segments import EVENTS, STATES, Event, Segment
from tests.library import lively_noise
from tests.listening.conftest import Mix, view_of

#: Seconds by which a hard border, and one within a fade, may be missed.
BORDER_S, FADE_S = 0.6, 2.0
#: Seconds by which a place in a track may be missed: a frame of 32 ms and a bit.
PLACE_S = 0.06


def heard(listener: Listener, samples: np.ndarray, sizes: list[int]) -> list[Event]:
    """Hand over samples in pieces of some sizes, again and again."""
    events, at, i = [], 0, 0
    while at < len(samples):
        n = sizes[i % len(sizes)]
        events += listener.hear(samples[at : at + n])
        at, i = at + n, i + 1
    return events


@pytest.fixture(scope="module", params=[ListenOptions(), RECORDED], ids=["live", "recorded"])
def options(request: pytest.FixtureRequest) -> ListenOptions:
    """How it is listened to: while it plays, and as a file."""
    found: ListenOptions = request.param
    return found


@pytest.fixture(scope="module")
def told(view: View, mix: Mix, options: ListenOptions) -> tuple[list[Event], list[Segment]]:
    """Events and segments of the mix."""
    listener = Listener(view, options=options)
    events = [*heard(listener, mix.samples, [SAMPLE_RATE]), *listener.finish()]
    return events, listener.segments()


def tracks(segments: list[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.kind == "track"]


def test_tracks_are_named_in_order_with_borders_places_and_speeds(told, mix):
    found = tracks(told[1])
    assert [s.track_id for s in found] == [p.name for p in mix.played]
    for said, true in zip(found, mix.played, strict=True):
        fading = FADE_S if true.name in ("song 0", "song 1") else BORDER_S
        assert abs(said.start_s - true.start_s) < fading
        assert abs(said.end_s - true.end_s) < fading
        assert abs(said.speed - true.speed) < 0.003
        place_s = true.offset_s + true.speed * (said.start_s - true.start_s)
        assert abs(said.offset_s - place_s) < PLACE_S
        assert said.confidence > 0.9
        assert said.state == "closed"
        assert 0 < said.start_uncertainty_s < 5
        assert not said.by_hand


def test_nothing_ends_after_the_recording(view, songs):
    listener = Listener(view)
    events = listener.hear(songs["song 0"][: 15 * SAMPLE_RATE]) + listener.finish()
    assert [event.kind for event in events][-1] == "closed"
    assert all(event.segment.end_s <= 15 for event in events)
    assert listener.segments()[-1].end_s == events[-1].segment.end_s == pytest.approx(15, abs=BORDER_S)


def test_segments_of_a_cross_fade_overlap(told):
    first, second, *_ = tracks(told[1])
    assert second.start_s < first.end_s


def test_what_is_not_enrolled_is_told_by_its_kind(told):
    segments = told[1]
    kinds = {at: next(s.kind for s in segments if s.start_s <= at < s.end_s) for at in (66.0, 80.0)}
    assert kinds == {66.0: "unknown", 80.0: "silence"}


def test_the_recording_is_covered_without_gaps(told, mix):
    segments = told[1]
    assert segments[0].start_s == 0
    reached = 0.0
    for segment in segments:
        assert segment.start_s <= reached + 2.0
        assert segment.end_s > segment.start_s
        reached = max(reached, segment.end_s)
    assert abs(reached - len(mix.samples) / SAMPLE_RATE) < 2.0


def test_events_tell_the_life_of_each_segment(told):
    events, segments = told
    assert {event.kind for event in events} <= set(EVENTS)
    assert all(event.segment.state in STATES for event in events)
    assert [e.at_s for e in events] == sorted(e.at_s for e in events)
    for segment in tracks(segments):
        life = [event.kind for event in events if event.segment.id == segment.id]
        assert life[0] == "opened"
        assert life.count("confirmed") == 1
        assert "closed" in life
        assert "withdrawn" not in life
    for gone in (e.segment.id for e in events if e.kind == "withdrawn"):
        assert gone not in {segment.id for segment in segments}


def test_a_track_is_named_within_six_seconds(told, mix):
    events, segments = told
    for said, true in zip(tracks(segments), mix.played, strict=True):
        named_s = next(e.at_s for e in events if e.kind == "confirmed" and e.segment.id == said.id)
        assert named_s - true.start_s < 8


def test_pieces_do_not_matter(view, mix):
    samples = mix.samples[15 * SAMPLE_RATE : 40 * SAMPLE_RATE]
    alike = []
    for pieces in ([1, 777, 40_000], [len(samples)], [SAMPLE_RATE]):
        listener = Listener(view)
        events = [*heard(listener, samples, pieces), *listener.finish()]
        alike.append(([(e.kind, e.segment.id) for e in events], listener.segments()))
    assert alike[0] == alike[1] == alike[2]


@pytest.mark.parametrize("at_s", [13.37, 101.5])
def test_a_listener_that_is_saved_and_restored_goes_on_as_if_nothing_had_happened(view, mix, options, told, at_s):
    cut = round(at_s * SAMPLE_RATE)
    before = Listener(view, options=options)
    events = heard(before, mix.samples[:cut], [SAMPLE_RATE])
    after = Listener.restore(view, before.save())
    assert after.n_samples == cut
    events += [*heard(after, mix.samples[cut:], [SAMPLE_RATE]), *after.finish()]
    assert after.segments() == told[1]
    assert [(e.kind, e.segment) for e in events] == [(e.kind, e.segment) for e in told[0]]


def test_a_state_of_another_rate_or_no_state_at_all_is_refused(view):
    state = Listener(view).save()
    with pytest.raises(InvalidParameter, match="16000 samples a second, not 8000"):
        Listener.restore(view, state, 8000)
    for damaged in (b"", b"PK", state[: len(state) // 2], b"\x80\x04N."):
        with pytest.raises(InvalidParameter, match="begin anew"):
            Listener.restore(view, damaged)


def test_a_track_that_is_gone_is_no_longer_followed(view, mix, songs):
    listener = Listener(view)
    listener.hear(mix.samples[: 20 * SAMPLE_RATE])
    without = view_of({name: sound for name, sound in songs.items() if name != "song 0"})
    after = Listener.restore(without, listener.save())
    after.hear(mix.samples[20 * SAMPLE_RATE : 26 * SAMPLE_RATE])  # the next song begins
    after.finish()
    (left,) = tracks(after.segments())
    assert left.track_id == "song 0"
    assert left.end_s < 21


def searches(listener: Listener, view: View) -> list[list[float]]:
    """Return a list that grows by the speeds of each search of a listener."""
    asked: list[list[float]] = []

    class Asked(Scanner):
        def scan(self, spectra, stop_frame, speeds, least_z, bandwidth_hz):
            asked.append(list(speeds))
            return super().scan(spectra, stop_frame, speeds, least_z, bandwidth_hz)

    listener._search.scanner = Asked(view.snapshot)
    return asked


def test_all_speeds_have_their_turn_while_a_track_is_clearly_heard(view, songs):
    listener = Listener(view)
    asked = searches(listener, view)
    listener.hear(songs["song 0"][: 12 * SAMPLE_RATE])
    asked.clear()
    listener.hear(songs["song 0"][12 * SAMPLE_RATE : 24 * SAMPLE_RATE])
    assert len(asked) <= 6  # every other look
    assert set().union(*asked) == set(SPEEDS)


def test_a_recording_is_searched_a_third_as_often_and_short_pieces_are_found(view, songs):
    listener = Listener(view, options=RECORDED)
    asked = searches(listener, view)
    noise, pieces = lively_noise(20, 4), []
    for number, apart_s in enumerate((2, 7, 4.7, 9, 3.1, 6)):
        song = songs["song 0"][6 * SAMPLE_RATE * number :]
        pieces += [noise[: round(apart_s * SAMPLE_RATE)], song[: 6 * SAMPLE_RATE]]
    listener.hear(np.concatenate([*pieces, noise[: 4 * SAMPLE_RATE]]))
    listener.finish()
    assert len(asked) <= 3 + listener.heard_s / 3
    assert all(SPEEDS[0] in speeds for speeds in asked)
    assert set().union(*asked) == set(SPEEDS)
    assert len(tracks(listener.segments())) == 6


def test_a_recording_of_a_few_seconds_is_searched_at_every_speed(view, songs):
    listener = Listener(view, options=RECORDED)
    asked = searches(listener, view)
    listener.hear(songs["song 0"][10 * SAMPLE_RATE : 15 * SAMPLE_RATE])
    listener.finish()
    assert set().union(*asked) == set(SPEEDS)
    assert [found.track_id for found in tracks(listener.segments())] == ["song 0"]


def test_strangers_are_not_named(view, strange):
    listener = Listener(view)
    listener.hear(np.concatenate([strange, lively_noise(20, 1)]))
    listener.finish()
    assert tracks(listener.segments()) == []


def test_memory_does_not_grow_with_the_recording(view):
    piece = lively_noise(8, 2)
    tracemalloc.start()
    try:
        listener = Listener(view)
        for _ in range(8):  # the horizon is full
            listener.hear(piece)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(4):
            listener.hear(piece)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # What is left of a quarter of a second is two bytes; half a minute of samples would be 2 MB.
    assert grown < 200_000


def test_another_rate_is_resampled(songs):
    view = view_of({"song 0": songs["song 0"]})
    listener = Listener(view, 8000, ListenOptions(bandwidth_hz=3400))

    listener.hear(at_rate(songs["song 0"][: 20 * SAMPLE_RATE], SAMPLE_RATE, 8000))
    assert listener.heard_s == 20
    listener.finish()
    assert [s.track_id for s in tracks(listener.segments())] == ["song 0"]


def test_bad_input_is_refused(view):
    listener = Listener(view)
    with pytest.raises(InvalidParameter, match=r"shape \(2, 10\)"):
        listener.hear(np.zeros((2, 10), np.float32))
    listener.finish()
    assert listener.finish() == []
    with pytest.raises(InvalidParameter, match="finished"):
        listener.hear(np.zeros(10, np.float32))
    with pytest.raises(InvalidParameter, match="false_segments_per_day is 0"):
        ListenOptions(false_segments_per_day=0)
    with pytest.raises(InvalidParameter, match="known_prior is 1"):
        ListenOptions(known_prior=1)
    with pytest.raises(InvalidParameter, match="bandwidth_hz is -1"):
        ListenOptions(bandwidth_hz=-1)
    with pytest.raises(InvalidParameter, match="search_every is 0"):
        ListenOptions(search_every=0)


def test_nothing_at_all_is_no_segment(view):
    listener = Listener(view)
    assert listener.finish() == []
    assert listener.segments() == []


def test_a_beginning_too_short_for_a_block_holds_no_segment_yet(view):
    listener = Listener(view)
    for n in (0, 100, 8000):
        assert listener.hear(np.zeros(n, np.float32)) == []
        assert listener.segments() == []


def test_the_border_of_a_faint_beginning_stays_when_the_horizon_has_passed_it(songs, strange, options):
    long = np.concatenate([songs["song 0"], songs["song 1"]])
    faint = 14 * SAMPLE_RATE
    mixed = long.copy()
    mixed[:faint] = 10 ** (-17 / 20) * long[:faint] + strange[:faint]
    listener = Listener(view_of({"long": long}), options=options)
    heard(listener, np.concatenate([strange[-10 * SAMPLE_RATE :], mixed]), [SAMPLE_RATE])
    listener.finish()
    (found,) = tracks(listener.segments())
    assert abs(found.start_s - 24.0) < FADE_S  # bits agree from 10 s on
