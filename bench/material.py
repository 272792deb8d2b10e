"""What degradations draw from: rooms simulated once, speech, and voices at full bandwidth.

Rooms are shoebox rooms simulated with pyroomacoustics (image sources), kept in the cache. The two sets, evaluation and
development, share neither rooms nor voices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpus
from bench.corpus import SAMPLE_RATE, CorpusError

PREROLL_S = 1.0
N_ROOMS, N_HALLS = 40, 20
RT60_S = (0.25, 0.8)
IMPULSE_SEEDS = {"evaluation": 20240, "development": 20241}
MIN_UTTERANCE_S = 1.0
#: A letter's name is shorter than what counts as an utterance of telephone speech.
MIN_VOICED_S = 0.4
#: Utterances kept of one voice: a telephone exchange has six hundred.
MOST_UTTERANCES = 120


@dataclass(frozen=True)
class RoomKind:
    """Which rooms are simulated: reverberation by Sabine's formula, distances from loudspeaker to phone, and sizes.

    Parameters
    ----------
    rt60_s, distance_m : (float, float)
        Ranges; the reverberation is drawn uniformly.
    smallest_m, largest_m : (float, float, float)
        Width, depth, height.
    """

    rt60_s: tuple[float, float]
    distance_m: tuple[float, float]
    smallest_m: tuple[float, float, float]
    largest_m: tuple[float, float, float]


ROOM = RoomKind(RT60_S, (0.5, 5.0), (3.0, 2.5, 2.3), (10.0, 8.0, 3.5))
#: A hall, the phone far from the loudspeaker.
HALL = RoomKind((0.9, 1.1), (4.0, 9.0), (8.0, 6.0, 2.8), (16.0, 12.0, 5.0))


@dataclass(frozen=True)
class Material:
    """What degradations draw from.

    Parameters
    ----------
    impulses : sequence of np.ndarray, shape (m,), float32
        Room impulse responses, direct sound first.
    utterances : sequence of np.ndarray, shape (n,), float32
        Recorded speech, one utterance each.
    voices : sequence of sequences of np.ndarray, shape (n,), float32
        Speech at full bandwidth: the utterances of each voice.
    far : sequence of np.ndarray, shape (m,), float32
        Responses of halls, as ``impulses``.
    """

    impulses: Sequence[np.ndarray]
    utterances: Sequence[np.ndarray]
    voices: Sequence[Sequence[np.ndarray]] = ()
    far: Sequence[np.ndarray] = ()


def rms(samples: np.ndarray) -> float:
    """Return the root of the mean square (0 for nothing)."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


@lru_cache(maxsize=2)
def load_material(which: str = "evaluation") -> Material:
    """Return the rooms and the speech of a set, built on first use.

    Parameters
    ----------
    which : {"evaluation", "development"}
        The two share neither rooms nor voices.

    Raises
    ------
    CorpusError
        If the set is unknown, speech cannot be had, or rooms must be simulated and pyroomacoustics is missing.
    """
    if which not in IMPULSE_SEEDS:
        raise CorpusError(f"material set {which!r} is unknown: choose one of {', '.join(IMPULSE_SEEDS)}")
    seed = IMPULSE_SEEDS[which]
    near, far = impulse_pool(N_ROOMS, seed), impulse_pool(N_HALLS, seed, HALL)
    return Material(near, _utterances(which), _voices(which), far)


def evaluation_material() -> Material:
    """Return what final figures draw from."""
    return load_material("evaluation")


def impulse_pool(count: int, seed: int, kind: RoomKind = ROOM) -> list[np.ndarray]:
    """Return simulated room impulse responses, from the cache or computed into it.

    Returns
    -------
    list of np.ndarray, shape (m,), float32
        Unit energy; the direct sound is at sample 0; cut where the simulated reverberation ends.
    """
    name = "rooms" if kind is ROOM else "halls"
    path = corpus.cache_folder() / f"{name}-{seed}-{count}.npz"
    if not path.exists():
        _simulate_rooms(path, count, seed, kind)
    with np.load(path, allow_pickle=False) as held:
        return [held[f"impulse{i}"] for i in range(count)]


def _simulate_rooms(path: Path, count: int, seed: int, kind: RoomKind) -> None:
    try:
        import pyroomacoustics
    except ImportError:
        raise CorpusError("rooms are simulated with pyroomacoustics: pip install -r bench/requirements.txt") from None
    arrays: dict[str, Any] = {}
    facts = []
    for i in corpus.tracked(range(count), "Simulating rooms"):
        rng = np.random.default_rng([seed, i])
        while True:
            size = rng.uniform(kind.smallest_m, kind.largest_m)
            rt60 = rng.uniform(*kind.rt60_s)
            try:
                absorption, order = pyroomacoustics.inverse_sabine(rt60, size)
            except ValueError:  # no wall absorbs enough for so short a reverberation in so large a room
                continue
            source, phone = (rng.uniform(0.4, size - 0.4) for _ in range(2))
            distance = float(np.linalg.norm(source - phone))
            if kind.distance_m[0] <= distance <= kind.distance_m[1]:
                break
        room = pyroomacoustics.ShoeBox(
            size, fs=SAMPLE_RATE, materials=pyroomacoustics.Material(absorption), max_order=order
        )
        room.add_source(source)
        room.add_microphone(phone)
        room.compute_rir()
        centre = pyroomacoustics.constants.get("frac_delay_length") // 2
        direct = round(distance / room.c * SAMPLE_RATE) + centre
        arrays[f"impulse{i}"] = _cut(room.rir[0][0], direct, rt60)
        facts.append((*size, rt60, distance))
    arrays["facts"] = np.array(facts)  # width, depth, height in m; RT60 in s; distance in m
    with corpus.replacing(path) as draft, draft.open("wb") as handle:
        np.savez(handle, **arrays)


def _cut(impulse: np.ndarray, direct: int, rt60_s: float) -> np.ndarray:
    kept = impulse[direct : direct + round(min(PREROLL_S, 1.25 * rt60_s) * SAMPLE_RATE)]
    return (kept / np.sqrt(np.sum(np.square(kept)))).astype(np.float32)


def _utterances(which: str) -> list[np.ndarray]:
    """Return the speech set without single letters and digits, each utterance without its silent ends."""
    return _trimmed(corpus.speech(which), MIN_UTTERANCE_S)


def _voices(which: str) -> list[list[np.ndarray]]:
    """Return the utterances of each voice that has any, likewise trimmed."""
    held = corpus.voices(which).values()
    voices = (_trimmed(spoken[:: math.ceil(len(spoken) / MOST_UTTERANCES)], MIN_VOICED_S) for spoken in held)
    return [utterances for utterances in voices if utterances]


def _trimmed(references: Sequence[corpus.Reference], least_s: float) -> list[np.ndarray]:
    found = []
    for reference in references:
        if reference.duration_s >= least_s:
            audio = np.array(corpus.samples(reference))
            loud = np.flatnonzero(np.abs(audio) > 0.02 * np.max(np.abs(audio)))
            if len(loud) and rms(audio) > 1e-3:
                found.append(audio[loud[0] : loud[-1] + 1])
    return found
