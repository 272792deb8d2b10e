"""Where in a large catalogue the last seconds may come from, without reading all of it: through lists of patches.

As for snippets (``search/candidates.py``), the places of least divergence are found through the lists; what is worth
aligning among them is told as in a small catalogue, by the rough fingerprint, at these places alone. How far a place
stands out is measured against unrelated sound that ships with Earmark. E-values count all places of the catalogue, read
or not, so that what confirms a segment is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.fingerprint.bits import F_HIGH, HOP_S, SAMPLE_RATE
from classifier.index.snapshot import Snapshot
from classifier.listening.lines import Line, rough
from classifier.listening.scan import EVERY, FRAMES, RECENT, SCAN_S, STEP, Hint, distinct
from classifier.listening.spectra import Spectra
from classifier.mixtures.slots import PHASES
from classifier.models.background import Background
from classifier.models.query import Recording
from classifier.search import candidates
from classifier.search.align import cohort
from classifier.search.indexed import at_once

#: Words (64 ms) about a place, found by slots of 120 ms, within which it may lie.
_ABOUT = 6
#: Lags of unrelated sound of which one tells what chance is.
_SOME = 4


@dataclass(frozen=True, slots=True)
class Lists:
    """What listening through lists needs to know of a catalogue.

    Parameters
    ----------
    config : FeatureConfig
        The catalogue's.
    background : Background
        The catalogue's.
    least_windows : int
        Windows above which a catalogue is read through its lists.
    """

    config: FeatureConfig
    background: Background
    least_windows: int


class IndexedScanner:
    """Looks for places through the lists of a snapshot; see :class:`classifier.listening.scan.Scanner`.

    Parameters
    ----------
    snapshot : Snapshot
        The catalogue.
    lists : Lists
        How its tracks are modelled.
    heard : callable
        Gives the last samples of the recording at 16 kHz, some seconds, and the moment at which they end, seconds.
    """

    def __init__(self, snapshot: Snapshot, lists: Lists, heard: Callable[[], tuple[np.ndarray, float]]) -> None:
        self._snapshot, self._lists, self._heard = snapshot, lists, heard
        self._foreign = cohort()[::EVERY]

    def scan(
        self, spectra: Spectra, stop_frame: int, speeds: Sequence[float], least_z: float, bandwidth_hz: float
    ) -> list[Hint]:
        """Compare the seconds before a frame with the places of least divergence; as ``Scanner.scan``."""
        samples, end_s = self._heard()
        samples = samples[-round(SCAN_S * SAMPLE_RATE) :]
        recording = Recording(
            at_catalogue_rate(samples, self._lists.config), F_HIGH, self._lists.config, self._lists.background
        )
        begin_s = end_s - len(samples) / SAMPLE_RATE
        hints: list[Hint] = []
        for speed in speeds:
            prints, start_s = rough(spectra, stop_frame, FRAMES, speed, bandwidth_hz)
            if not prints[..., 1].any():
                continue
            chance = _differing(self._foreign, prints, _SOME)
            mean, spread = chance.mean(axis=1), np.maximum(chance.std(axis=1), 1e-6)
            places = candidates.find(recording.slots(speed), self._snapshot, at_once(self._lists.config))
            slot_s = self._lists.config.slot_s
            for number, lag, phase in zip(places.number, places.lag, places.phase, strict=True):
                # The place of the snippet's first sample, moved to where the rough fingerprint begins.
                track_s = (lag - phase / PHASES) * slot_s + (start_s - begin_s) * speed
                first = round(track_s / HOP_S / EVERY) - _ABOUT
                counts = _differing(self._about(prints, int(number), first), prints)
                z = (mean - counts.min(axis=1)) / spread
                if z.max() >= least_z:
                    at = first + int(counts[z.argmax()].argmin())
                    hints.append(Hint(float(z.max()), Line(int(number), at * EVERY * HOP_S, start_s, speed)))
        return distinct(hints)

    def _about(self, prints: np.ndarray, number: int, first: int) -> np.ndarray:
        """Words for the lags about one; what lies beyond the track agrees by chance."""
        segment, entry = self._snapshot.items[number]
        wanted = np.arange(first, first + STEP * (len(prints) - 1) + 1 + 2 * _ABOUT)
        words = segment.words(entry)
        inside = (wanted >= 0) & (wanted * EVERY < len(words))
        there = np.zeros((len(wanted), 2), np.uint64)
        there[inside] = words[wanted[inside] * EVERY]
        return there


def _differing(words: np.ndarray, prints: np.ndarray, every: int = 1) -> np.ndarray:
    """Trusted bits that differ at some lags, in all frames and in the last, as of ``rough_peaks``, shape (2, n)."""
    windows = np.lib.stride_tricks.sliding_window_view(words, STEP * (len(prints) - 1) + 1, axis=0)[::every, :, ::STEP]
    counts = np.bitwise_count((windows ^ prints[..., 0].T) & prints[..., 1].T)
    recent = counts[:, :, -RECENT:].sum(axis=(1, 2), dtype=np.int64)
    return np.stack([recent + counts[:, 1, :-RECENT].sum(axis=1, dtype=np.int64), recent])


def at_catalogue_rate(samples: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Samples at 16 kHz at the rate that a catalogue's models are made from."""
    return at_rate(samples, SAMPLE_RATE, config.sample_rate)
