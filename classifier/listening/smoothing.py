"""Synced.fm's four smoothing rules: a row of uncertain labels becomes a tracklist.

Each window of a recording was labelled on its own, with a confidence. Four rules turn the row of labels into stretches;
each runs from left to right, on nodes that do not overlap, and again until it changes nothing, in this order:

======================  ==========================================  ================================================
rule                    condition                                   result
======================  ==========================================  ================================================
:func:`noisy_label`     a known label of confidence below .5        unknown, confidence 0, count 1
:func:`neighbours`      two of one label, both above .90 or both    the label, the higher confidence, counts added
                        unknown
:func:`sandwich`        A x A: x below .99 and single, both A       A, the higher confidence of both A, their counts
                        clusters (count above 1)
:func:`jaccard`         of three nodes, the multiset Jaccard        the commonest label, the highest confidence, that
                        coefficient of the first two and the last   label's count
                        two above .8
======================  ==========================================  ================================================

After Synced.fm (dkislyuk/synced.fm, 1847e0a), which kept counts only; some observations vanish from them (the x of a
sandwich), so every node here also carries the time it spans. They are kept for comparison: the engine does not use
them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: The label of what is not known.
UNKNOWN = "Unknown Track"
#: Confidence below which a label is noise, and that two neighbours of one label must exceed.
NOISY, SURE = 0.5, 0.90
#: Confidence below which a single label may be outvoted by both its neighbours.
OUTVOTED = 0.99
#: Jaccard coefficient that three nodes must exceed.
OVERLAP = 0.8


@dataclass(frozen=True, slots=True)
class Node:
    """A stretch of a recording under one label.

    Parameters
    ----------
    label : str
        A track, or :data:`UNKNOWN`.
    confidence : float in [0, 1]
        Of the best observation in it.
    start_s, end_s : float
        Time it spans.
    count : int
        Observations that are counted for it.
    """

    label: str
    confidence: float
    start_s: float = 0.0
    end_s: float = 0.0
    count: int = 1


def noisy_label(nodes: Sequence[Node]) -> Node | None:
    """Turn a known label of low confidence into unknown."""
    (x,) = nodes
    if x.label == UNKNOWN or x.confidence >= NOISY:
        return None
    return _over(nodes, UNKNOWN, 0.0, 1)


def neighbours(nodes: Sequence[Node]) -> Node | None:
    """Join two neighbours of one label that are both sure, or both unknown."""
    a, b = nodes
    if a.label != b.label or (a.label != UNKNOWN and min(a.confidence, b.confidence) <= SURE):
        return None
    return _over(nodes, a.label, max(a.confidence, b.confidence), a.count + b.count)


def sandwich(nodes: Sequence[Node]) -> Node | None:
    """Let two clusters of one label outvote a single observation between them: A x A becomes A."""
    a, x, b = nodes
    if (
        a.label != b.label
        or x.label == a.label
        or x.confidence >= OUTVOTED
        or x.count != 1
        or min(a.count, b.count) < 2
    ):
        return None
    return _over(nodes, a.label, max(a.confidence, b.confidence), a.count + b.count)


def jaccard(nodes: Sequence[Node]) -> Node | None:
    """Join three nodes whose first two and last two hold nearly the same labels, counted as multisets."""
    a, x, b = nodes
    first, last = Counter({a.label: a.count}), Counter({b.label: b.count})
    first[x.label] += x.count
    last[x.label] += x.count
    if (first & last).total() <= OVERLAP * (first | last).total():
        return None
    all_of_them = Counter({a.label: a.count})
    all_of_them[x.label] += x.count
    all_of_them[b.label] += b.count
    label, count = all_of_them.most_common(1)[0]
    return _over(nodes, label, max(node.confidence for node in nodes), count)


#: The rules in their order, with the number of nodes that each looks at.
RULES: tuple[tuple[Callable[[Sequence[Node]], Node | None], int], ...] = (
    (noisy_label, 1),
    (neighbours, 2),
    (sandwich, 3),
    (jaccard, 3),
)


def smooth(observations: Sequence[Node]) -> list[Node]:
    """Apply the four rules.

    Parameters
    ----------
    observations : sequence of Node
        By time; each of count 1.

    Returns
    -------
    list of Node
        By time, the unknown ones among them.
    """
    nodes = list(observations)
    for rule, width in RULES:
        while (smoothed := _once(nodes, rule, width)) != nodes:
            nodes = smoothed
    return nodes


def _once(nodes: Sequence[Node], rule: Callable[[Sequence[Node]], Node | None], width: int) -> list[Node]:
    """Apply one rule from left to right, on nodes that do not overlap."""
    out: list[Node] = []
    at = 0
    while at < len(nodes):
        some = nodes[at : at + width]
        result = rule(some) if len(some) == width else None
        out.append(nodes[at] if result is None else result)
        at += 1 if result is None else width
    return out


def _over(nodes: Sequence[Node], label: str, confidence: float, count: int) -> Node:
    return Node(label, confidence, nodes[0].start_s, nodes[-1].end_s, count)
