"""How a search decides, as its caller asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Options:
    """How to decide.

    Parameters
    ----------
    method : str
        One of :data:`classifier.results.METHODS`.
    top : int >= 1
        Candidates listed.
    max_false_alarms : float > 0
        E-value below which a match is identified.
    known_prior : float in (0, 1)
        Share of queries assumed known, for ``confidence``.
    sweep_seconds : float >= 0
        Seconds of alignment after which the search stops early.
    indexed_windows : int >= 0
        Windows above which a catalogue is searched through its index of patches.
    speeds : {"narrow", "wide"}
        One of :data:`classifier.results.SPEEDS`.
    """

    method: str = "auto"
    top: int = 5
    max_false_alarms: float = 1e-5
    known_prior: float = 0.5
    sweep_seconds: float = 20.0
    indexed_windows: int = 50_000
    speeds: str = "narrow"

    @property
    def limit(self) -> float:
        """Log10 of ``max_false_alarms``."""
        return float(np.log10(self.max_false_alarms))
