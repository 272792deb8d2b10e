"""Synced.fm's four smoothing rules, on its own example and one by one."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from classifier.listening.smoothing import UNKNOWN, Node, jaccard, neighbours, noisy_label, sandwich, smooth

#: The demonstration's 21 observations.
EXAMPLE = (
    "A .96  A .97  A .97  X .31  A .96  A .99  A .92  A .99  Y .28  Z .09  B .91  "
    "B .98  B .94  B .95  B .98  B .99  V .28  B .99  B .96  B .97  W .42"
)


def observed(text: str) -> list[Node]:
    words = text.split()
    return [Node(words[i], float(words[i + 1]), i // 2, i // 2 + 1) for i in range(0, len(words), 2)]


def node(label: str, confidence: float = 0.95, count: int = 1) -> Node:
    return Node(label, confidence, 0.0, 1.0, count)


def test_the_demonstration_ends_as_two_tracks():
    a, b = smooth(observed(EXAMPLE))
    assert (a.label, a.count, a.confidence) == ("A", 7, 0.99)
    assert (b.label, b.count, b.confidence) == ("B", 9, 0.99)
    # Five observations are gone from the counts; the times still cover all of them.
    assert (a.start_s, a.end_s, b.start_s, b.end_s) == (0, 8, 8, 21)


def test_a_noisy_label_becomes_unknown():
    assert noisy_label([node("X", 0.49, 3)]) == Node(UNKNOWN, 0.0, 0.0, 1.0, 1)
    assert noisy_label([node("X", 0.5)]) is None
    assert noisy_label([node(UNKNOWN, 0.0)]) is None


@pytest.mark.parametrize(
    ("a", "b", "joined"),
    [
        (node("A", 0.91, 2), node("A", 0.95, 3), ("A", 0.95, 5)),
        (node("A", 0.90), node("A", 0.95), None),
        (node("A"), node("B"), None),
        (node(UNKNOWN, 0.0), node(UNKNOWN, 0.0, 4), (UNKNOWN, 0.0, 5)),
    ],
)
def test_neighbours(a, b, joined):
    result = neighbours([a, b])
    assert (result and (result.label, result.confidence, result.count)) == joined


@pytest.mark.parametrize(
    ("a", "x", "b", "joined"),
    [
        (node("A", 0.92, 2), node("X", 0.98), node("A", 0.97, 3), ("A", 0.97, 5)),
        (node("A", 0.92, 2), node("X", 0.99), node("A", 0.97, 3), None),
        (node("A", 0.92, 2), node("X", 0.3, 2), node("A", 0.97, 3), None),
        (node("A", 0.92, 1), node("X", 0.3), node("A", 0.97, 3), None),
        (node("A", 0.92, 2), node("X", 0.3), node("B", 0.97, 3), None),
    ],
)
def test_sandwich(a, x, b, joined):
    result = sandwich([a, x, b])
    assert (result and (result.label, result.confidence, result.count)) == joined


def test_jaccard():
    # {X 9, A 1} and {X 9, B 1} share 9 of 11.
    assert jaccard([node("A", 0.99), node("X", 0.5, 9), node("B")]) == Node("X", 0.99, 0.0, 1.0, 9)
    # {X 8, A 1} and {X 8, B 1} share 8 of 10, which is not more than .8.
    assert jaccard([node("A"), node("X", 0.5, 8), node("B")]) is None


labels = st.tuples(st.sampled_from(["A", "B", UNKNOWN]), st.floats(0, 1))


@given(st.lists(labels, max_size=30))
def test_times_are_kept_whole_and_smoothing_ends(row):
    nodes = [Node(label, confidence, i, i + 1) for i, (label, confidence) in enumerate(row)]
    smoothed = smooth(nodes)
    edges = [(n.start_s, n.end_s) for n in smoothed]
    assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert (not nodes and not smoothed) or (edges[0][0], edges[-1][1]) == (0, len(nodes))
