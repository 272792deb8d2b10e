"""A long recording asked in windows, and joined."""

from __future__ import annotations

import numpy as np
import pytest

from bench.corpus import SAMPLE_RATE, decode
from bench.peers import windows
from bench.peers.peer import Match
from bench.tracklists import Said

NOTHING = Match(None, None, None, False, 0.0)


def named(name: str, offset_s: float | None, accepted: bool = True) -> Match:
    return Match(name, offset_s, 9.0, accepted, 0.0)


def test_windows_that_advance_in_one_track_are_one_segment():
    answers = [named("a", 30.0), named("a", 35.1), NOTHING, named("a", 45.2), named("b", 3.0), named("b", 8.0)]
    first, second = windows.joined(answers, 35.0)
    assert first == Said("a", 0.0, 22.5, 30.0, pytest.approx(15.2 / 15), 10.0)
    assert second == Said("b", 22.5, 35.0, 5.5, 1.0, 30.0)


def test_jumps_long_silence_and_what_is_not_accepted_end_a_segment():
    jump = windows.joined([named("a", 30.0), named("a", 90.0)], 15.0)
    assert [(s.start_s, s.end_s) for s in jump] == [(0.0, 7.5), (7.5, 15.0)]
    silence = windows.joined([named("a", 30.0), NOTHING, NOTHING, named("a", 45.0), NOTHING], 30.0)
    assert [(s.start_s, s.end_s) for s in silence] == [(0.0, 7.5), (17.5, 22.5)]
    assert windows.joined([named("a", 30.0, accepted=False), NOTHING], 15.0) == []
    without_places = windows.joined([named("a", None), named("a", None)], 15.0)
    assert without_places == [Said("a", 0.0, 15.0, None, None, 10.0)]


def test_windows_hold_what_was_played_then():
    samples = np.repeat(np.arange(25, dtype=np.float32) / 100, SAMPLE_RATE)
    heard = []

    def match(path):
        sound = decode(path)
        heard.append((len(sound) / SAMPLE_RATE, round(float(sound[0]) * 100)))
        return NOTHING

    assert windows.said(match, samples) == []
    assert heard == [(10.0, 0), (10.0, 5), (10.0, 10), (10.0, 15)]
    heard.clear()
    windows.said(match, samples[: 4 * SAMPLE_RATE])
    assert heard == [(4.0, 0)]
