"""From the path to stretches of tracks: which gaps are bridged."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.listening.lines import Line
from classifier.listening.runs import spans
from classifier.listening.traces import Trace

ONE, OTHER = (Trace(i, Line(i, 0.0, 0.0, 1.0), np.zeros((0, 2), np.uint64), 7000.0) for i in range(2))
MUSIC, FIRST, SECOND = range(3)
STATES = [(-1,), (0,), (1,)]


@pytest.mark.parametrize(("between", "n_gap", "n_spans"), [(MUSIC, 40, 1), (MUSIC, 41, 2), (SECOND, 1, 2)])
def test_a_gap_is_bridged_if_it_is_short_and_nothing_else_sounds_in_it(between, n_gap, n_spans):
    steps = np.repeat([FIRST, between, FIRST, MUSIC], [50, n_gap, 30, 5])
    found = [span for span in spans([ONE, OTHER], STATES, steps) if span.trace is ONE]
    assert len(found) == n_spans
    assert (found[0].start, found[-1].stop) == (0, 80 + n_gap)
