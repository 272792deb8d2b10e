"""Lines: a track at a speed, as it lies over a recording; and how well the recording agrees along one.

A line says that the recording's second ``at_s`` is the track's second ``track_s``, and that the track runs on at
``speed``. Agreement is read at the track's own sub-fingerprints: for reference frame i, the recording's frames that lie
nearest to where the line says that it sounds.

Evidence is in the matched filter's terms. Each bit has a reliability c in [0, 1], the agreement that a true place would
show (``fingerprint/reliability.py``), and agrees (x = 1) or not (x = -1). Along a line, r = sum c x and n = sum c^2:
at a place where the track sounds alone r / n is about 1, by chance about 0, and the share lies between where others
sound with it. The variance of r by chance is ``DESIGN`` n, for neighbouring bits and frames go together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from classifier.fingerprint import bits, reading, reliability
from classifier.fingerprint.bits import HOP_S, LAG, QUERY_HOP_S, SAMPLE_RATE, SPAN_S, VALID, Fingerprint
from classifier.listening.grid import STEP_S
from classifier.listening.spectra import ZONES_HZ, Spectra

#: Variance of r by chance over n: 4 along wrong lines of unrelated tracks, half as much again for those that are alike.
DESIGN = 6.0
#: Speeds are read with bands rounded to this; a band of the finest resolution is ten times as wide.
_BAND_STEP = 0.005
_LAG_S = LAG / SAMPLE_RATE
#: Frames between those that tell what sounds as a whole, how many of them, and how many are one lag.
_CONTEXT_STEP, _CONTEXT_FRAMES, _CONTEXT_LAG = 8, 48, LAG // bits.QUERY_HOP // 8


@dataclass(frozen=True, slots=True)
class Line:
    """A track over a recording: its second ``track_s`` sounds at the recording's ``at_s``, and on at ``speed``."""

    number: int
    track_s: float
    at_s: float
    speed: float

    def track_at(self, at_s: float) -> float:
        """Place in the track at a moment of the recording, seconds."""
        return self.track_s + (at_s - self.at_s) * self.speed

    def moment(self, track_s: float) -> float:
        """Moment of the recording at which a place of the track sounds, seconds."""
        return self.at_s + (track_s - self.track_s) / self.speed

    def moved(self, at_s: float) -> Line:
        """Return the same line, named by another moment."""
        return replace(self, track_s=self.track_at(at_s), at_s=at_s)

    def shifted(self, by_s: float) -> Line:
        """Return the line on which everything sounds later by some seconds."""
        return replace(self, at_s=self.at_s + by_s)


@dataclass(frozen=True, slots=True)
class Reading:
    """Agreement along a line, frame by frame of the track.

    Parameters
    ----------
    frames : np.ndarray, shape (m,), int
        Reference frames.
    step : np.ndarray, shape (m,), int
        Step of the recording in which the middle of each sounds.
    r : np.ndarray, shape (n_shifts, m)
        Sum of c x, where everything sounds later by each of the shifts.
    n : np.ndarray, shape (m,)
        Sum of c^2.
    unheard : np.ndarray, shape (m,), bool
        The track has something to compare here, and the recording has not.
    zones : np.ndarray, shape (2, len(ZONES_HZ), m)
        r, without a shift, and n of each zone of frequency.
    """

    frames: np.ndarray
    step: np.ndarray
    r: np.ndarray
    n: np.ndarray
    unheard: np.ndarray
    zones: np.ndarray


def banded(speed: float) -> float:
    """Speed whose bands are read instead."""
    return round(round(speed / _BAND_STEP) * _BAND_STEP, 4)


def frames_between(line: Line, first_step: int, stop_step: int, n_words: int, every: int = 1) -> np.ndarray:
    """Reference frames whose middles sound within some steps of the recording, within the track."""
    first, stop = (
        int(np.ceil((line.track_at(step * STEP_S) - SPAN_S / 2) / HOP_S - 1e-9)) for step in (first_step, stop_step)
    )
    first, stop = max(first, 0), min(stop, n_words)
    return np.arange(first + (-first) % every, stop, every)


def context(spectra: Spectra, stop_frame: int, speed: float) -> reliability.Context:
    """What the six seconds before a frame tell about the recording's bits."""
    frames = stop_frame - 1 - _CONTEXT_STEP * np.arange(_CONTEXT_FRAMES)
    energy, loud = spectra.energies(frames[frames >= spectra.start][::-1], banded(speed))
    return reading.context(energy, loud, _CONTEXT_LAG, bits.BANDS)


def read(
    spectra: Spectra,
    line: Line,
    words: np.ndarray,
    frames: np.ndarray,
    around: reliability.Context,
    *,
    bandwidth_hz: float,
    shifts: tuple[int, ...] = (0,),
) -> Reading:
    """Read the agreement along a line.

    Parameters
    ----------
    spectra : Spectra
        The recording.
    line : Line
        The line.
    words : np.ndarray, shape (n_words, 2), uint64
        The track's sub-fingerprints.
    frames : np.ndarray, shape (m,), int
        Reference frames to read.
    around : reliability.Context
        As :func:`context` gives it.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    shifts : tuple of int
        Recording's frames (16 ms) by which to read later; 0 among them.
    """
    speed = banded(line.speed)
    start_s = line.at_s + (frames * HOP_S - line.track_s) / line.speed
    lag = _LAG_S / line.speed
    early = np.rint(start_s / QUERY_HOP_S).astype(int)
    late = np.rint((start_s + lag) / QUERY_HOP_S).astype(int)
    step = np.floor((start_s + SPAN_S / 2 / line.speed) / STEP_S + 1e-9).astype(int)
    if not len(frames):
        return Reading(
            frames, step, np.zeros((len(shifts), 0)), np.zeros(0), np.zeros(0, bool), np.zeros((2, len(ZONES_HZ), 0))
        )
    first, last = early[0] + min(shifts), late[-1] + max(shifts)
    wanted = np.unique(np.concatenate([at + shift for at in (early, late) for shift in shifts]))
    place = np.zeros(last - first + 1, int)
    place[wanted - first] = np.arange(len(wanted))
    energy, loud = spectra.energies(wanted, speed)
    there = words[frames]
    live = (there[:, 1] & VALID) != 0
    by = np.array(shifts)[:, None] - first
    a, b = place[early - first], place[late - first]
    full = bits.full_frames(energy)
    d, signs = reading.differences(energy, a, b, bits.BANDS), bits.signs(there)
    steady = np.abs(d).mean(axis=1) <= bits.STEADY
    valid = loud[a] & loud[b] & full[a] & full[b] & ~steady
    counts = (valid & live)[:, None] & (bits.bit_top_hz() * speed <= max(bandwidth_hz, 4 * bits.F_LOW))
    trust = np.where(counts, np.tanh(np.maximum(reading.odds(energy, a, b, around, bits.BANDS), 0) / 2), np.float32(0))
    r = reading.agreement(energy, place[early + by], place[late + by], signs, trust, bits.BANDS)
    agree, square = np.where((d > 0) == signs, trust, -trust), np.square(trust)
    zones = np.stack([_zones() @ agree.T, _zones() @ square.T])
    return Reading(frames, step, r, square.sum(axis=1), live & ~valid, zones)


@lru_cache(maxsize=1)
def _zones() -> np.ndarray:
    """Which bits belong to which zone of frequency, shape (len(ZONES_HZ), 124), float32."""
    zone = np.searchsorted(ZONES_HZ, bits.bit_top_hz())
    return (np.arange(len(ZONES_HZ))[:, None] == zone).astype(np.float32)


def fingerprint(spectra: Spectra, first_s: float, stop_s: float, speed: float, bandwidth_hz: float) -> Fingerprint:
    """Sub-fingerprints of a stretch of the recording at an assumed speed, as a snippet's.

    Parameters
    ----------
    spectra : Spectra
        The recording.
    first_s, stop_s : float
        Its stretch, seconds.
    speed : float
        Playback speed.
    bandwidth_hz : float
        Highest frequency that the recording can hold.
    """
    n = int(((stop_s - first_s) * speed - bits.FRAME / SAMPLE_RATE) / QUERY_HOP_S)
    frames = np.rint(first_s / QUERY_HOP_S + np.arange(max(n, 0)) / speed).astype(int)
    return bits.fingerprint_of(*spectra.energies(frames, banded(speed)), bandwidth_hz / speed)


def rough(spectra: Spectra, stop_frame: int, n: int, speed: float, bandwidth_hz: float) -> tuple[np.ndarray, float]:
    """Rough fingerprint of the last seconds at an assumed speed, one frame every 128 ms of track, and where it begins.

    Parameters
    ----------
    spectra : Spectra
        The recording.
    stop_frame : int
        The recording's frame behind the last one that is read.
    n : int
        Frames of the fingerprint.
    speed : float
        Playback speed.
    bandwidth_hz : float
        Highest frequency that the recording can hold.

    Returns
    -------
    words : np.ndarray, shape (n, 2, 2), uint64
        Of each frame, its two words and the mask of each.
    start_s : float
        Moment of the recording at which the first frame begins.
    """
    hop_s = LAG / 2 / SAMPLE_RATE
    last_s = (stop_frame - 1) * QUERY_HOP_S
    start_s = last_s - (n + 1) * hop_s / speed
    frames = np.rint((start_s + np.arange(n + 2) * hop_s / speed) / QUERY_HOP_S).astype(int)
    energy, loud = spectra.energies(frames, banded(speed))
    early = np.arange(n)
    late, full = early + 2, bits.full_frames(energy)
    d = reading.differences(energy, early, late, bits.BANDS)
    valid = loud[early] & loud[late] & full[early] & full[late] & (np.abs(d).mean(axis=1) > bits.STEADY)
    counts = valid[:, None] & (bits.bit_top_hz() <= max(bandwidth_hz / speed, 4 * bits.F_LOW))
    sure = reading.trusted(energy, early, late, reading.context(energy, loud, 2, bits.BANDS), bits.BANDS, counts)
    return np.stack([bits.pack(d, valid), bits.pack_signs(sure, np.zeros(n, bool))], axis=2), start_s
