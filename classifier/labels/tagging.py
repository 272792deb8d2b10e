"""The answer to "what does it sound like?": tags of a recording, and of each stretch of it, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from classifier.labels.hearing import Heard, stretches
from classifier.labels.tags import arousal, score_tags


def tagged(heard: Heard) -> dict[str, Any]:
    """Return tags, arousal and what else is known of a recording.

    Parameters
    ----------
    heard : Heard
        Of the extractor ``musicnn-msd``.

    Returns
    -------
    dict
        ``duration_s``; ``patches``, how many stretches of three seconds were heard; ``tags`` and ``arousal``, see
        :mod:`classifier.labels.tags`; ``remarks`` of the file.
    """
    extracted = heard.extracted
    return {
        "duration_s": heard.sound.duration_s,
        "patches": len(extracted.patches),
        **_said(extracted.vector[extracted.columns(["tag"])]),
        "remarks": heard.sound.remarks,
    }


def tagged_series(heard: Heard, every_s: float) -> Iterator[dict[str, Any]]:
    """Yield ``start_s``, ``end_s``, ``tags`` and ``arousal`` of each stretch of a recording.

    Parameters
    ----------
    heard : Heard
        From :meth:`~classifier.labels.hearing.Ears.series`.
    every_s : float >= 3
        Length of a stretch, seconds.

    Raises
    ------
    InvalidParameter
        If a stretch is shorter than a patch.
    """
    columns = heard.extracted.columns(["tag"])
    for start_s, end_s, patch in stretches(heard.extracted, every_s):
        yield {"start_s": start_s, "end_s": min(end_s, heard.sound.duration_s), **_said(patch[columns])}


def _said(probabilities: np.ndarray) -> dict[str, Any]:
    tags = [score.to_dict() for score in score_tags(probabilities)]
    return {"tags": tags, "arousal": {**arousal(probabilities).to_dict(), "experimental": True}}
