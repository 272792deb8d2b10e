"""Labels that are named like a tag of the network: what the names say before a clip is heard.

A genre called "jazz" is likelier where the tag "jazz" is strong. Logistic regression can start from there: its
coefficients are pulled towards 1 for the tag of the label's name and 0 for all others, instead of towards 0. The
fewer clips there are, the more that is worth (``docs/experiments.md``). Names are compared by letters and digits alone,
so that "hiphop" is "Hip-Hop".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_PREFIX = "tag."


def kin(columns: Sequence[str], labels: Sequence[str]) -> np.ndarray | None:
    """Return where the coefficients of labels are pulled to.

    Parameters
    ----------
    columns : sequence of str, length d
        Of the features; those of tags begin with ``tag.``.
    labels : sequence of str, length k
        Names.

    Returns
    -------
    np.ndarray, shape (d, k), float64, or None
        1 where tag and label have one name, else 0; None if no label has a tag's.
    """
    tags = {_plain(name.removeprefix(_PREFIX)): i for i, name in enumerate(columns) if name.startswith(_PREFIX)}
    found = np.zeros((len(columns), len(labels)))
    for label, name in enumerate(labels):
        if (place := tags.get(_plain(name))) is not None:
            found[place, label] = 1.0
    return found if found.any() else None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
