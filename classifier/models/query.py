"""A snippet for the search: its models and, if available, the recording they were made from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.fingerprint import bits
from classifier.fingerprint.bits import Fingerprint
from classifier.mixtures import features
from classifier.mixtures.gmm import Mixtures
from classifier.mixtures.slots import snippet_slots
from classifier.models import windows
from classifier.models.background import Background

#: Seconds between the starts of a snippet's windows.
WINDOW_STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class Query:
    """A snippet's models: windows, slots and fingerprint, without its sound, so that they can be stored and sent.

    Parameters
    ----------
    start_s : np.ndarray, shape (n_windows,)
        Start of each audible window, seconds.
    mixtures : Mixtures
        One mixture for each of these windows.
    slots : np.ndarray, shape (2, M, slot_mfcc), int8
        Slots in two phases (``mixtures/slots.py``).
    slot_variance : float > 0
        Variance of frames within a slot, from the background.
    fingerprint : Fingerprint
        Sub-fingerprints in two phases.
    duration_s : float
        Length of the snippet.
    """

    start_s: np.ndarray
    mixtures: Mixtures
    slots: np.ndarray
    slot_variance: float
    fingerprint: Fingerprint
    duration_s: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A snippet's sound, which can be modelled at speeds other than its own.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at ``config.sample_rate``.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    config : FeatureConfig
        The catalogue's.
    background : Background
        The catalogue's.
    """

    samples: np.ndarray
    bandwidth_hz: float
    config: FeatureConfig
    background: Background

    def at_speed(self, speed: float) -> np.ndarray:
        """Samples at the fingerprint's rate, converted from ``speed`` to the track's own speed."""
        return _slowed(at_rate(self.samples, self.config.sample_rate, bits.SAMPLE_RATE), speed)

    def middle(self, seconds: float) -> Recording:
        """At most that many seconds from the middle."""
        spare = max(0, len(self.samples) - round(seconds * self.config.sample_rate)) // 2
        return replace(self, samples=self.samples[spare : len(self.samples) - spare])

    def fingerprint(self, speed: float = 1.0, frequency_ratio: float | None = None) -> Fingerprint:
        """Fingerprint of the snippet at an assumed speed.

        Parameters
        ----------
        speed : float > 0
            Tempo, snippet against track.
        frequency_ratio : float > 0, optional
            Frequencies, snippet against track; default ``speed``, as a turntable would have it.
        """
        ratio = speed if frequency_ratio is None else frequency_ratio
        return bits.fingerprint(self.at_speed(ratio), self.bandwidth_hz / ratio, ratio / speed)

    def rough_fingerprint(self, speed: float, frequency_ratio: float | None = None) -> np.ndarray:
        """Rough fingerprint, shape (n_frames, 2), uint64, at an assumed speed; as for :meth:`fingerprint`."""
        ratio = speed if frequency_ratio is None else frequency_ratio
        return bits.rough_fingerprint(self.at_speed(ratio), self.bandwidth_hz / ratio, ratio / speed)

    def slots(self, speed: float = 1.0, frequency_ratio: float | None = None) -> np.ndarray:
        """Slots of the snippet, shape (2, M, slot_mfcc), int8, at an assumed speed; as for :meth:`fingerprint`."""
        ratio = speed if frequency_ratio is None else frequency_ratio
        samples = _slowed(self.samples, ratio)
        mel = features.mel_power(features.spectrum(samples, self.config, ratio / speed), self.config)
        return snippet_slots(mel, self.config, self.background.slot_scale)

    def query(self) -> Query:
        """Model the snippet at its own speed."""
        config, background = self.config, self.background
        mel = features.mel_power(features.spectrum(self.samples, config), config)
        starts = features.window_starts(len(mel), config, WINDOW_STEP_S)
        if len(starts):
            n = min(config.window_frames, len(mel))
            x, audible = windows.standardised(mel, starts, n, config, background)
            starts, mixtures = starts[audible], windows.fit(x[audible], config, background)
        else:
            mixtures = windows.concatenate([], config)
        return Query(
            start_s=starts * config.frame_step / config.sample_rate,
            mixtures=mixtures,
            slots=snippet_slots(mel, config, background.slot_scale),
            slot_variance=background.slot_variance,
            fingerprint=self.fingerprint(),
            duration_s=len(self.samples) / config.sample_rate,
        )


def model_query(
    samples: np.ndarray, config: FeatureConfig, background: Background, *, bandwidth_hz: float = bits.F_HIGH
) -> Query:
    """Model a snippet.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at ``config.sample_rate``.
    config : FeatureConfig
        The catalogue's.
    background : Background
        The catalogue's.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    """
    return Recording(samples, bandwidth_hz, config, background).query()


def _slowed(samples: np.ndarray, speed: float) -> np.ndarray:
    return samples if speed == 1.0 else at_rate(samples, 1000, round(1000 * speed))
