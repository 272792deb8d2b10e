"""Grids of frames: the usual one, and those of stretched sound."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.frames import frame_starts


@pytest.mark.parametrize(("n", "frames"), [(0, 0), (99, 0), (100, 1), (139, 1), (140, 2), (1000, 23)])
def test_unstretched_frames_begin_every_hop_and_end_within_the_sound(n, frames):
    assert frame_starts(n, 100, 40).tolist() == [40 * i for i in range(frames)]


@pytest.mark.parametrize("stretch", [0.8, 0.97, 1.03, 1.25])
def test_centres_of_stretched_frames_lie_where_those_of_the_other_sound_are_played(stretch):
    starts = frame_starts(round(50_000 * stretch), 2048, 256, stretch)
    centres = (starts + 1024) / stretch
    there = 1024 + 256 * np.arange(len(starts))
    inside = (there - 1024 / stretch) >= 0  # the first frames of faster sound would begin before it
    np.testing.assert_allclose(centres[inside], there[inside], atol=0.51 / stretch)
    assert starts.min() == 0 or stretch > 1
    assert starts[-1] + 2048 <= 50_000 * stretch
    # No frame that fits is left out.
    assert (there[-1] + 256) * stretch + 1024 > round(50_000 * stretch)


def test_too_short_a_sound_has_no_frames():
    assert len(frame_starts(2047, 2048, 256, 1.2)) == 0
