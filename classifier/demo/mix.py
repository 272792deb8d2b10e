"""From score to sound: draws the song's instruments, plays every note, mixes and masters.

Conventions: mono float32 at ``SAMPLE_RATE``; times in seconds; the result stays below full scale.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.signal import lfilter, oaconvolve

from classifier.demo.instruments import DRUMS, VOICES
from classifier.demo.score import Note, Score, Stroke
from classifier.demo.synth import SAMPLE_RATE, midi_hz

PEAK = 0.9
_RMS = 0.2
_N_TAKES = 4  # recordings of each drum; short notes have two, long ones one
_LEVELS = {"drums": 1.0, "bass": 0.75, "chords": 0.6, "extra": 0.4, "lead": 0.75}
_SENDS = {"drums": 0.12, "bass": 0.03, "chords": 0.3, "extra": 0.4, "lead": 0.35}


def _add(track: np.ndarray, start_s: float, sound: np.ndarray, gain: float) -> None:
    start = round(start_s * SAMPLE_RATE)
    stretch = track[start : start + len(sound)]
    stretch += np.float32(gain) * sound[: len(stretch)]


def _play_notes(n: int, notes: Iterable[Note], voice: str, rng: np.random.Generator) -> np.ndarray:
    """Play a part: each distinct note is rendered once (short ones twice) and placed wherever it occurs."""
    tone = VOICES[voice].draw(rng)
    track = np.zeros(n, dtype=np.float32)
    rendered: dict[tuple[int, float, int], np.ndarray] = {}
    for index, note in enumerate(notes):
        held_s = min(note.held_s, 6.0)
        key = (note.midi, round(held_s, 3), index % 2 if held_s < 0.6 else 0)
        if key not in rendered:
            rendered[key] = tone(midi_hz(note.midi), held_s, rng)
        _add(track, note.start_s, rendered[key], note.velocity**1.5)
    return track


def _play_drums(n: int, strokes: list[Stroke], rng: np.random.Generator) -> np.ndarray:
    track = np.zeros(n, dtype=np.float32)
    takes: dict[str, list[np.ndarray]] = {}
    gains: dict[str, float] = {}
    for drum in dict.fromkeys(stroke.drum for stroke in strokes):
        hit = DRUMS[drum].draw(rng)
        takes[drum] = [hit(rng) for _ in range(_N_TAKES)]
        loud = {"kick": 1.0, "snare": 0.7, "clap": 0.6, "tom": 0.7}.get(drum, 0.4)
        gains[drum] = loud * float(rng.uniform(0.75, 1.2))
    for stroke in strokes:
        sound = takes[stroke.drum][int(rng.integers(_N_TAKES))]
        _add(track, stroke.start_s, sound, gains[stroke.drum] * stroke.velocity**1.5)
    return track


def _levelled(track: np.ndarray, level: float) -> np.ndarray:
    """Bring a part to a loudness that does not depend on how often it plays: rms over its louder half-seconds."""
    block = min(len(track), SAMPLE_RATE // 2)
    power = np.mean(np.square(track[: len(track) // block * block]).reshape(-1, block), axis=1)
    loud = power[power > 0.1 * power.max()]
    if not loud.size:  # cut before its first note
        return track
    return np.asarray(track * np.float32(level / np.sqrt(loud.mean())), dtype=np.float32)


def _one_pole(track: np.ndarray, hz: float) -> np.ndarray:
    """Low-pass filter, 6 dB an octave."""
    pole = float(np.exp(-2 * np.pi * hz / SAMPLE_RATE))
    return np.asarray(lfilter(np.array([1 - pole], np.float32), np.array([1, -pole], np.float32), track))


def _drift(track: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the tone wander between bright and mellow over seconds, as fingers, bows and hands on knobs do."""
    n_knots = max(2, len(track) // (3 * SAMPLE_RATE) + 2)
    mellow = np.interp(np.arange(len(track)), np.linspace(0, len(track), n_knots), rng.uniform(0.0, 0.85, n_knots))
    dull = _one_pole(track, 900.0)
    return np.asarray(track + mellow.astype(np.float32) * (dull - track), dtype=np.float32)


def _ducked(track: np.ndarray, strokes: list[Stroke], depth: float) -> np.ndarray:
    """Make room for each kick, as a compressor keyed by it would."""
    dip = (1.0 - depth * np.exp(-np.arange(SAMPLE_RATE // 2) / (0.12 * SAMPLE_RATE))).astype(np.float32)
    for stroke in strokes:
        if stroke.drum == "kick":
            start = round(stroke.start_s * SAMPLE_RATE)
            track[start : start + len(dip)] *= dip[: max(0, len(track) - start)]
    return track


def _reverberated(sent: np.ndarray, room_s: float, rng: np.random.Generator) -> np.ndarray:
    """Return the room's answer: 12 ms of silence, then noise that decays by 60 dB in ``room_s``, darker as it goes."""
    time = np.arange(round(1.1 * room_s * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    bright, dark = rng.standard_normal((2, len(time))).astype(np.float32)
    dark = lfilter(np.array([0.2], np.float32), np.array([1, -0.8], np.float32), dark)
    tail = bright * 10.0 ** (-3.0 * time / (0.5 * room_s)) + 2.0 * dark * 10.0 ** (-3.0 * time / room_s)
    tail[: round(0.012 * SAMPLE_RATE)] = 0.0
    tail /= np.sqrt(np.sum(np.square(tail)))
    wet = oaconvolve(sent, tail)
    return np.asarray(wet[: len(sent)], dtype=np.float32)


def _mastered(track: np.ndarray) -> np.ndarray:
    """Remove inaudible lows, lift the treble a little, set the loudness, and round off the peaks."""
    track = track - _one_pole(track, 25.0)
    track = 1.6 * track - 0.6 * _one_pole(track, 1500.0)
    rms = float(np.sqrt(np.mean(np.square(track)))) + 1e-9
    return np.asarray(PEAK * np.tanh(track * np.float32(_RMS / rms / PEAK)), dtype=np.float32)


def render(score: Score, rng: np.random.Generator) -> np.ndarray:
    """Play a score.

    Parameters
    ----------
    score : Score
    rng : numpy.random.Generator
        Draws the instruments' parameters and all noise.

    Returns
    -------
    np.ndarray, shape (n,), float32
        ``n = round(score.duration_s * SAMPLE_RATE)`` samples, magnitude below ``PEAK``.
    """
    n = round(score.duration_s * SAMPLE_RATE)
    style = score.style
    total = np.zeros(n, dtype=np.float32)
    sent = np.zeros(n, dtype=np.float32)

    def send(part: str, track: np.ndarray) -> None:
        nonlocal total, sent
        track = _levelled(track, _LEVELS[part] * float(rng.uniform(0.8, 1.2)))
        total += track
        sent += np.float32(_SENDS[part]) * track

    for part, notes in score.parts.items():
        voice = str(rng.choice(getattr(style, part)))
        if not notes:
            continue
        track = _drift(_play_notes(n, notes, voice, rng), rng)
        if part in ("chords", "extra") and style.pump:
            track = _ducked(track, score.strokes, style.pump)
        if part == "lead":
            delay = round(60.0 / score.tempo_bpm * 0.75 * SAMPLE_RATE)
            track[delay:] += np.float32(0.25) * track[: max(0, n - delay)]
        send(part, track)
    if score.strokes:
        send("drums", _play_drums(n, score.strokes, rng))
    total += _reverberated(sent, style.room_s * float(rng.uniform(0.8, 1.2)), rng)
    fade = min(n, round((0.05 if score.is_cut else 1.5) * SAMPLE_RATE))
    total[n - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return _mastered(total)
