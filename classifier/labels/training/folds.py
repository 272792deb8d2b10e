"""Folds of clips that keep groups together: all clips of an artist, an album or a series lie on one side of a split.

Groups are put into folds at random, from a seed, each into the fold that lacks its labels most. With one group a clip
these are ordinary stratified folds. Randomness matters: scikit-learn's ``StratifiedGroupKFold`` makes one and the same
partition for every seed where groups are few and large.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: A split: indices of the clips trained on, and of those tested.
Split = tuple[np.ndarray, np.ndarray]


def grouped_folds(targets: np.ndarray, groups: Sequence[str], n_folds: int, seed: int) -> list[Split]:
    """Return splits into training and test clips, in which no group is on both sides.

    Parameters
    ----------
    targets : np.ndarray, shape (n, k), bool
        Labels of each clip.
    groups : sequence of str, length n
        Group of each clip.
    n_folds : int >= 2
        Test sets; every clip is in one of them. Fewer if there are fewer groups.
    seed : int
        Of the assignment.

    Returns
    -------
    list of (np.ndarray, np.ndarray)
        Sorted indices; none is empty.
    """
    names, group = np.unique(np.asarray(groups, str), return_inverse=True)
    counts = np.zeros((len(names), targets.shape[1] + 1))
    np.add.at(counts, group, np.hstack([targets, np.ones((len(targets), 1))]))
    n_folds = min(n_folds, len(names))
    wanted = counts.sum(axis=0) / n_folds
    weight = 1 / np.maximum(wanted, 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order, -1], kind="stable")]  # large ones first: small ones even out
    held = np.zeros((n_folds, counts.shape[1]))
    place = np.zeros(len(names), int)
    for number in order:
        # Squared distance from an even share; an empty fold wins a tie.
        cost = np.square((held + counts[number] - wanted) * weight).sum(axis=1)
        cost -= np.square((held - wanted) * weight).sum(axis=1)
        place[number] = np.argmin(cost)
        held[place[number]] += counts[number]
    fold = place[group]
    splits = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_folds)]
    return [(train, test) for train, test in splits if len(train) and len(test)]


def groups_of_each(targets: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Return in how many groups each label occurs, shape (k,)."""
    names = np.asarray(groups, str)
    return np.array([len(np.unique(names[targets[:, label]])) for label in range(targets.shape[1])])
