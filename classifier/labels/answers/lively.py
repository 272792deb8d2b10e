"""The mood of a recording where no model was trained: between calm and energetic, by tags, and experimental.

The two labels' probabilities are the share of the music of ten genres that is livelier, and that is calmer: a place in
an order, not a calibrated probability.
"""

from __future__ import annotations

import numpy as np

from classifier.errors import SnippetSilent, SnippetTooShort
from classifier.labels.answers.answer import Answer, Reason, distribution_of, ranked, refused
from classifier.labels.answers.asking import NO_VALENCE
from classifier.labels.hearing import Ears, Source, stretches
from classifier.labels.tags import Arousal, arousal

MODEL, LABELS = "arousal-of-tags", ("calm", "energetic")
#: Between these percentiles a recording is called neither.
_NEITHER = (40.0, 60.0)


def lively(ears: Ears, source: Source, every_s: float | None = None) -> Answer:
    """Return how lively a recording is.

    Parameters
    ----------
    ears : Ears
        Hears the recording.
    source : bytes, Path, Remembered or Stretch
        The recording.
    every_s : float or None
        Seconds of a stretch of the series; None for no series.

    Raises
    ------
    EarmarkError
        If the recording cannot be read, or the weights are missing.
    """
    try:
        heard = ears.hear(source)
    except (SnippetSilent, SnippetTooShort) as error:
        return refused("mood", MODEL, "exclusive", error)
    columns = heard.extracted.columns(["tag"])
    found = arousal(heard.extracted.vector[columns])
    quality = heard.sound.quality
    reasons = []
    if quality is not None and (quality.steady or quality.speech):
        reasons.append(Reason("speech" if quality.speech else "noisy", "it does not sound like music"))
    series = []
    if every_s is not None:
        long = ears.series(source)
        for start_s, end_s, patch in stretches(long.extracted, every_s):
            part = _ranked(arousal(patch[columns]))
            place = {"start_s": start_s, "end_s": min(end_s, long.sound.duration_s)}
            series.append({**place, "labels": [part[0][0]], "distribution": distribution_of(part)})
    sure = not _NEITHER[0] < found.percentile < _NEITHER[1]
    return Answer(
        task="mood",
        model=MODEL,
        kind="exclusive",
        decision="uncertain" if reasons else "experimental",
        labels=[_ranked(found)[0][0]] if sure else [],
        distribution=_ranked(found),
        reasons=reasons,
        series=series,
        remarks=[*heard.sound.remarks, NO_VALENCE],
    )


def _ranked(found: Arousal) -> list[tuple[str, float]]:
    livelier = found.percentile / 100
    return ranked(np.array([1 - livelier, livelier]), LABELS)
