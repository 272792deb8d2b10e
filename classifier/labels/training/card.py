"""The card of a model: what a reader should know before believing it.

It holds no date and no path, so that the same clips give the same model, bit for bit.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence, Sized
from types import MappingProxyType
from typing import Any

import numpy as np

from classifier import __version__
from classifier.errors import EarmarkError
from classifier.labels.training.dataset import NO_GROUP, Dataset
from classifier.labels.training.folds import groups_of_each
from classifier.labels.training.selection import FEWEST_GROUPS, Choice

NO_GROUP_WARNING = (
    "No groups were given: clips of one artist, album or series lay on both sides of the splits: the figures flatter."
)
#: Clips named in a warning.
_SHOWN = 5


def data_of(dataset: Dataset) -> dict[str, Any]:
    """Return what is said of the clips."""
    counts = Counter(label for clip in dataset.clips for label in clip.labels)
    return {
        "clips": len(dataset.clips),
        "by_label": dict(sorted(counts.items())),
        "grouping": dataset.grouping,
        "groups": len(set(dataset.groups)),
    }


def warnings_of(
    dataset: Dataset, failed: Mapping[str, EarmarkError] = MappingProxyType({}), twins: Sequence[Sequence[int]] = ()
) -> list[str]:
    """Return what makes the figures doubtful.

    Parameters
    ----------
    dataset : Dataset
        The clips.
    failed : mapping of str to EarmarkError
        Clips that were left out, and why.
    twins : sequence of sequences of int
        Clips that are the same sound.
    """
    found = [NO_GROUP_WARNING] if dataset.grouping == NO_GROUP else []
    groups = groups_of_each(dataset.targets, dataset.groups)
    few = [f"{label} ({n})" for label, n in zip(dataset.labels, groups.tolist(), strict=True) if n < FEWEST_GROUPS]
    if few:
        found.append(f"Too little to estimate: fewer than {FEWEST_GROUPS} groups have the label {', '.join(few)}.")
    if failed:
        some = "; ".join(f"{name} ({error})" for name, error in list(failed.items())[:_SHOWN])
        found.append(f"{len(failed)} clips could not be heard and were left out: {some}{_more(failed)}.")
    if twins:
        some = "; ".join(_named(dataset, places) for places in twins[:_SHOWN])
        found.append(
            f"The same sound is there more than once, and was kept on one side of every split: {some}{_more(twins)}."
        )
    return found


def _named(dataset: Dataset, places: Sequence[int]) -> str:
    """Return copies of one sound by name, with their labels if these differ."""
    clips = [dataset.clips[i] for i in places]
    differ = len({frozenset(clip.labels) for clip in clips}) > 1
    return " = ".join(f"{clip.name} ({', '.join(clip.labels)})" if differ else clip.name for clip in clips)


def _more(found: Sized) -> str:
    return f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""


def choice_of(chosen: Choice, shown: int = 10) -> dict[str, Any]:
    """Return what was chosen, and the best of what was tried."""
    return {
        "features": chosen.view,
        "family": chosen.candidate.family,
        "parameters": chosen.candidate.values,
        "log_loss": round(chosen.loss, 6),
        "tried": len(chosen.tried),
        "best": [
            {"features": view, "candidate": name, "log_loss": round(loss, 6)}
            for view, name, loss in chosen.tried[:shown]
        ],
    }


def versions() -> dict[str, str]:
    """Return versions of what a fit depends on."""
    import sklearn

    return {
        "earmark": __version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "python": platform.python_version(),
    }
