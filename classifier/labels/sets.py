"""Sets of labels that are asked for by name, each a selection of another's labels.

A model of ten genres answers for six of them by restriction: the probabilities of the six, over their sum.
"""

from __future__ import annotations

import numpy as np

from classifier.bounds import did_you_mean
from classifier.errors import InvalidParameter

SETS: dict[str, tuple[str, ...]] = {
    "gtzan-10": ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock"),
    "mgc-6": ("classical", "hiphop", "jazz", "metal", "pop", "rock"),
}
"""The ten genres of GTZAN, and the six that an earlier service offered."""


def restricted(
    p: np.ndarray, labels: tuple[str, ...], wanted: str | tuple[str, ...]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the probabilities given that one of some labels is right, and these labels.

    Parameters
    ----------
    p : np.ndarray, shape (n, k)
        Probabilities of exclusive labels.
    labels : tuple of str, length k
        Their names.
    wanted : str or tuple of str
        Name of a set, or labels.

    Raises
    ------
    InvalidParameter
        If there is no such set, or the model does not know one of its labels.
    """
    if isinstance(wanted, str):
        if wanted not in SETS:
            raise InvalidParameter(
                f"no set of labels {wanted!r}{did_you_mean(wanted, SETS)}; there are {', '.join(SETS)}"
            )
        wanted = SETS[wanted]
    unknown = [label for label in wanted if label not in labels]
    if unknown:
        raise InvalidParameter(f"the model does not know {unknown[0]!r}: its labels are {', '.join(labels)}")
    part = p[:, [labels.index(label) for label in wanted]]
    total = part.sum(axis=1, keepdims=True)
    even = np.full_like(part, 1 / len(wanted))
    return np.where(total > 0, part / np.where(total > 0, total, 1), even), wanted
