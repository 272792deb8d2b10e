"""What sounds where no track does: unknown music, speech or noise, silence."""

from __future__ import annotations

import numpy as np

from classifier.listening import path
from classifier.listening.grid import STEP
from classifier.listening.segments import Segment
from classifier.listening.spectra import Spectra


class Backdrop:
    def __init__(self) -> None:
        self._kinds = bytearray()

    def hear(self, spectra: Spectra) -> None:
        pass

    def kinds(self, first: int, steps: int) -> np.ndarray:
        out = np.zeros((3, steps))
        out[1:] = -5
        return out

    def settle(self, kinds: np.ndarray, n: int) -> None:
        pass

    def fill(self, tracks: list[Segment], end_s: float) -> list[Segment]:
        return tracks
