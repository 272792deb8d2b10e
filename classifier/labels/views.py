"""Views: named sets of features that a model is fitted on, each some extractors' columns, transformed.

Conventions
-----------
- A row is the vector of one recording, float64. Columns keep the extractors' names.
- ``table`` is the view of a table whose columns are no extractor's: models of it answer tables, and no recordings.

Logits and log-variances make skewed features more nearly normal, which linear models and distances assume.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.bounds import did_you_mean
from classifier.errors import InvalidModel, InvalidParameter
from classifier.labels.extractors import extractor
from classifier.labels.features import Extracted, columns_of
from classifier.labels.tags import log_odds

TABLE = "table"
_TINY = 1e-12


def _as_it_is(values: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return values


def _logits(values: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return log_odds(values)


def _log_variances(values: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return values with every column whose name ends in ``_var`` as its logarithm."""
    variances = [i for i, name in enumerate(names) if name.endswith("_var")]
    values = values.copy()
    values[:, variances] = np.log(np.maximum(values[:, variances], _TINY))
    return values


_TRANSFORMS: dict[str, Callable[[np.ndarray, tuple[str, ...]], np.ndarray]] = {
    "none": _as_it_is,
    "logits": _logits,
    "log-variances": _log_variances,
}


@dataclass(frozen=True, slots=True)
class Part:
    """Columns of one extractor: those of some blocks, all if none is named, and how they are transformed."""

    extractor: str
    blocks: tuple[str, ...] = ()
    transform: str = "none"

    def indices(self, names: tuple[str, ...]) -> np.ndarray:
        """Return which columns of the extractor these are."""
        return columns_of(names, self.blocks) if self.blocks else np.arange(len(names))


@dataclass(frozen=True, slots=True)
class View:
    """A named set of features.

    Parameters
    ----------
    name : str
        Such as ``tag-logits``.
    help : str
        What it is, for a person.
    parts : tuple of Part
        Side by side.
    """

    name: str
    help: str
    parts: tuple[Part, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the extractors, each once."""
        return tuple(dict.fromkeys(part.extractor for part in self.parts))

    @property
    def extractors(self) -> tuple[str, ...]:
        """Name and version of each extractor, as this Earmark has them."""
        return tuple(extractor(name).id for name in self.needs)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features."""
        found: list[str] = []
        for part in self.parts:
            names = extractor(part.extractor).names
            found += [names[i] for i in part.indices(names)]
        return tuple(found)

    def rows(self, vectors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the features of n recordings, shape (n, d), float64.

        Parameters
        ----------
        vectors : mapping of str to np.ndarray, shape (n, all columns of the extractor)
            By the extractor's name.
        """
        found = []
        for part in self.parts:
            names = extractor(part.extractor).names
            indices = part.indices(names)
            values = np.asarray(vectors[part.extractor], np.float64)[:, indices]
            found.append(_TRANSFORMS[part.transform](values, tuple(names[i] for i in indices)))
        return np.hstack(found)

    def of_columns(self, values: np.ndarray) -> np.ndarray:
        """Return the features from untransformed columns that lie side by side, in the order of :attr:`columns`."""
        at, found = 0, []
        for part in self.parts:
            names = extractor(part.extractor).names
            indices = part.indices(names)
            chosen = tuple(names[i] for i in indices)
            found.append(_TRANSFORMS[part.transform](np.asarray(values[:, at : at + len(indices)], float), chosen))
            at += len(indices)
        return np.hstack(found)

    def row(self, extracted: Mapping[str, Extracted]) -> np.ndarray:
        """Return the features of one recording, shape (1, d), float64."""
        return self.rows({name: extracted[name].vector[None] for name in self.needs})


_MUSICNN, _MFCC_STATS, _MFCC_LOG, _TIMBRE = "musicnn-msd", "mfcc-stats-104", "mfcc-stats-104-log", "timbre-57"
_KEY_MODE = "key-mode-33"

VIEWS = {
    view.name: view
    for view in (
        View("tags", "probabilities of 50 tags", (Part(_MUSICNN, ("tag",)),)),
        View("tag-logits", "logits of 50 tags", (Part(_MUSICNN, ("tag",), "logits"),)),
        View("penultimate", "the network's 200 units before its tags", (Part(_MUSICNN, ("penultimate",)),)),
        View("mfcc-104", "means and covariances of MFCC, as published", (Part(_MFCC_STATS),)),
        View(
            "mfcc-104-log",
            "means, log-variances and correlations of MFCC",
            (Part(_MFCC_LOG),),
        ),
        View("timbre-26", "means of timbre over the first three seconds", (Part("timbre-26"),)),
        View("timbre-57", "means and log-variances of timbre", (Part(_TIMBRE, (), "log-variances"),)),
        View(
            "classic-161",
            "mfcc-104-log beside timbre-57",
            (Part(_MFCC_LOG), Part(_TIMBRE, (), "log-variances")),
        ),
        View("hpss-212", "harmonic and percussive MFCC and spectral contrast", (Part("hpss-contrast-212"),)),
        View("key-mode", "major or minor, rhythm and register", (Part(_KEY_MODE),)),
        View("tags-key-mode", "tag-logits beside key-mode", (Part(_MUSICNN, ("tag",), "logits"), Part(_KEY_MODE))),
    )
}
"""Every view by its name."""


def view(name: str) -> View:
    """Return a view by its name.

    Raises
    ------
    InvalidParameter
        If there is none, naming those that there are.

    Examples
    --------
    >>> view("tag-logits").needs
    ('musicnn-msd',)
    """
    if name not in VIEWS:
        raise InvalidParameter(f"no features {name!r}{did_you_mean(name, VIEWS)}; there are {', '.join(VIEWS)}")
    return VIEWS[name]


def check_served(name: str, extractors: Sequence[str], columns: Sequence[str]) -> View:
    """Return the view of a model if recordings can be answered with it here.

    Raises
    ------
    InvalidModel
        If the model was fitted on a table, on features that this Earmark does not know, or on other versions of them.

    Examples
    --------
    >>> served = view("tag-logits")
    >>> check_served("tag-logits", served.extractors, served.columns) == served
    True
    """
    if name == TABLE:
        raise InvalidModel(
            "the model was trained on a table whose columns are no extractor's: it cannot hear recordings"
        )
    if name not in VIEWS:
        raise InvalidModel(f"the model hears the features {name!r}, which this Earmark does not know: train it again")
    found = VIEWS[name]
    if tuple(extractors) != found.extractors or tuple(columns) != found.columns:
        raise InvalidModel(
            f"the model was fitted on {', '.join(extractors)}, and this Earmark has "
            f"{', '.join(found.extractors)}: train it again"
        )
    return found
