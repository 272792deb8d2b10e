"""What the network's fifty tags say: in groups, against how common each is, and how lively the music is.

Tags are words that listeners gave to songs on last.fm until 2011. Each has a probability of its own; they do not add
up. Some are twenty times as common as others, so a tag is read by its lift: probability over the mean of the 733 clips
of ten genres that it is compared with (``classifier/data/tags-1.json``, fitted by ``bench.fit.tags``).

Arousal, from calm to energetic, is a composite that was never trained: the log-odds of "party" less those of five calm
tags, each in deviations from its mean. It ranks human judgements of 204 piano phrases with an AUC of 0.9. It is
experimental; and nothing of the kind was found for valence, which is therefore not given.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from classifier import data
from classifier.labels.musicnn.extract import TAGS

#: Which tags belong together, in the order in which people ask.
GROUPS: dict[str, tuple[str, ...]] = {
    "style": (
        *("rock", "pop", "alternative", "indie", "electronic", "dance", "alternative rock", "jazz", "metal"),
        *("classic rock", "soul", "indie rock", "electronica", "folk", "punk", "blues", "hard rock", "ambient"),
        *("experimental", "Hip-Hop", "country", "funk", "electro", "heavy metal", "Progressive rock", "rnb"),
        *("indie pop", "House"),
    ),
    "mood and use": (
        *("beautiful", "chillout", "Mellow", "chill", "party", "easy listening", "sexy", "catchy", "sad", "happy"),
    ),
    "voice and instrument": (
        *("female vocalists", "male vocalists", "female vocalist", "instrumental", "acoustic", "guitar"),
    ),
    "decade": ("60s", "70s", "80s", "90s", "00s", "oldies"),
}
_GROUP_OF = {tag: group for group, tags in GROUPS.items() for tag in tags}

#: Decimals of the fitted statistics.
ROUNDING = 6
#: A tag below this probability is not shown to people, whatever its lift.
SHOWN = 0.05
_LIVELY, _CALM = ("party",), ("Mellow", "chill", "sad", "chillout", "beautiful")
#: Probabilities nearer to 0 or 1 count as this near: beyond it, float32 knows no difference.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class TagScore:
    """One tag of a recording.

    Parameters
    ----------
    tag : str
        As last.fm's listeners spell it.
    group : str
        One of :data:`GROUPS`.
    probability : float
        In [0, 1].
    lift : float
        Probability over the tag's mean in music of ten genres, >= 0; 1 is as in any music.
    """

    tag: str
    group: str
    probability: float
    lift: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Arousal:
    """How lively music is; experimental.

    Parameters
    ----------
    score : float
        0 is the mean of music of ten genres; its deviation is near 1.
    percentile : float
        Per cent of that music that is calmer, in [0, 100].
    """

    score: float
    percentile: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def score_tags(probabilities: np.ndarray) -> list[TagScore]:
    """Return all fifty tags with their lift, group by group, by falling lift in each.

    Parameters
    ----------
    probabilities : np.ndarray, shape (50,), float
        In the order of :data:`~classifier.labels.musicnn.extract.TAGS`.
    """
    lift = probabilities / _statistics()["base"]
    rows = zip(TAGS, map(float, probabilities), map(float, lift), strict=True)
    scores = [TagScore(tag, _GROUP_OF[tag], probability, times) for tag, probability, times in rows]
    order = list(GROUPS)
    return sorted(scores, key=lambda score: (order.index(score.group), -score.lift, score.tag))


def most_telling(scores: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """Return the ``n`` tags of greatest lift, as JSON, among those that are probable enough to show."""
    shown = [score for score in scores if score["probability"] >= SHOWN]
    return sorted(shown, key=lambda score: -score["lift"])[:n]


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return ln(p / (1 - p)), float64, finite."""
    p = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    return np.log(p / (1 - p))


def arousal(probabilities: np.ndarray) -> Arousal:
    """Return how lively music with these tags is: shape (50,), in the order of the network's tags."""
    known = _statistics()
    score = float(arousal_score(probabilities, known["log_odds_mean"], known["log_odds_deviation"]))
    quantiles = known["arousal_quantiles"]
    return Arousal(score, float(np.interp(score, quantiles, np.linspace(0, 100, len(quantiles)))))


def arousal_score(probabilities: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the composite: standardised log-odds of "party" less the mean of those of five calm tags.

    Parameters
    ----------
    probabilities : np.ndarray, shape (..., 50)
        Tags.
    mean, deviation : np.ndarray, shape (50,)
        Of the log-odds of each tag.

    Returns
    -------
    np.ndarray, shape (...,), float64
    """
    z = (log_odds(probabilities) - mean) / deviation
    lively, calm = ([TAGS.index(tag) for tag in tags] for tags in (_LIVELY, _CALM))
    return z[..., lively].mean(axis=-1) - z[..., calm].mean(axis=-1)


@lru_cache(maxsize=1)
def _statistics() -> dict[str, np.ndarray]:
    read = json.loads((data.FOLDER / "tags-1.json").read_text())
    return {name: np.array(values) for name, values in read.items() if isinstance(values, list)}
