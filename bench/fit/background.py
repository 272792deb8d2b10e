"""Fit the background mixture and cut the null cohort that ship with Earmark.

Both come from the development set (``bench/corpus.py``), which shares no recording with the evaluation set::

    python -m bench.fit.background             # writes classifier/data/background-builtin-2.npz and cohort-1.npz

The background's standard deviations and mixture are fitted on windows heard clean, in rooms and in noise, so that
neither world is a stranger to it. Changing it voids every stored model: give a changed one a new name.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from bench import conditions, corpus
from bench.conditions import CONDITIONS
from bench.corpus import SAMPLE_RATE
from bench.material import PREROLL_S, load_material
from classifier.config import FeatureConfig
from classifier.data import FOLDER
from classifier.fingerprint import bits
from classifier.mixtures import features
from classifier.models.background import BUILTIN
from classifier.models.fitting import fit, whole_slots

MIX = ("clean", "clean", "room", "room+babble10", "room+babble5", "room+pink10", "room+pink5", "room+pink0")
EXCERPT_S = 5.0
PER_TRACK = 8

#: Every so many tracks of the development set give the cohort; the others are free to measure the null map with.
COHORT_EVERY = 3
COHORT_MUSIC_S = 26.0 * 60
COHORT_SPEECH_S = 4.0 * 60


def frames(config: FeatureConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return delta-MFCC frames of excerpts heard in many conditions, and the slots of the clean ones.

    Returns
    -------
    frames : np.ndarray, shape (n, d)
    slots : np.ndarray, shape (n, config.slot_frames, slot_mfcc)
        Neither standardised.
    """
    material = load_material("development")
    rng = np.random.default_rng(seed)
    length, preroll = round(EXCERPT_S * SAMPLE_RATE), round(PREROLL_S * SAMPLE_RATE)
    parts, clean = [], []
    for reference in track(corpus.development(), "excerpts of the development set"):
        audio = corpus.samples(reference)
        for i in range(PER_TRACK):
            start = int(rng.integers(0, len(audio) - length - preroll))
            excerpt = np.asarray(audio[start : start + preroll + length])
            seed_here = int(rng.integers(2**31))
            heard = conditions.degrade(
                excerpt, CONDITIONS[MIX[i % len(MIX)]], seed_here, length=length, preroll=preroll, material=material
            )
            mel = features.mel_power(features.spectrum(heard.astype(np.float32), config), config)
            x = features.delta_mfcc(mel[None], config)[0]
            parts.append(x[rng.choice(len(x), size=min(len(x), 80), replace=False)])
            if MIX[i % len(MIX)] == "clean":
                clean.append(whole_slots(mel, config))
    return np.concatenate(parts), np.concatenate(clean)


def cohort() -> np.ndarray:
    """Cut the null cohort: stretches of every third development track, and speech, shape (n, 2), uint64."""
    tracks = corpus.development()[::COHORT_EVERY]
    each = round(COHORT_MUSIC_S / len(tracks) * SAMPLE_RATE)
    rng = np.random.default_rng(1)
    parts = []
    for reference in tracks:
        audio = corpus.samples(reference)
        start = int(rng.integers(0, max(1, len(audio) - each)))
        parts.append(bits.reference_words(np.asarray(audio[start : start + each])))
    material = load_material("development")
    speech = np.concatenate(list(material.utterances))[: round(COHORT_SPEECH_S * SAMPLE_RATE)]
    parts.append(bits.reference_words(speech.astype(np.float32)))
    return np.concatenate(parts)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("background", "cohort"), help="write just this one")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    arguments = parser.parse_args()
    if arguments.only != "cohort":
        config = FeatureConfig()
        background = fit(*frames(config, seed=0), config, BUILTIN)
        arrays: dict[str, Any] = background.to_arrays()
        np.savez_compressed(arguments.out / f"background-{BUILTIN}.npz", front_end=background.front_end, **arrays)
        print(f"background {background.id}: weights {np.round(background.mixture.weights[0], 3)}")
    if arguments.only == "background":
        return
    words = cohort()
    np.savez_compressed(arguments.out / "cohort-1.npz", words=words.astype("<u8"))
    print(f"cohort: {len(words)} sub-fingerprints, {len(words) * bits.HOP_S / 60:.1f} min")


if __name__ == "__main__":
    main()
