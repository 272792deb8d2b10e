"""Fits what tells music from speech and noise where nothing enrolled sounds: ``classifier/data/kinds-1.json``.

Development material only: its music, its voices, noise from seeds. A logistic function of six numbers
(``classifier/listening/backdrop.py``), by iteratively reweighted least squares with a ridge::

    python -m bench.fit.kinds
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.signal import oaconvolve

from bench import corpus, noises
from bench.corpus import SAMPLE_RATE
from bench.material import load_material
from classifier.data import FOLDER
from classifier.fingerprint.bits import FRAME, QUERY_HOP
from classifier.listening.backdrop import step_numbers, window_numbers
from classifier.listening.grid import BLOCK
from classifier.listening.spectra import Spectra

SECONDS, SEED = 20.0, 5
RIDGE, STEPS = 1e-3, 25


def numbers(samples: np.ndarray) -> np.ndarray:
    """Numbers of a recording's windows, every fourth."""
    spectra, rows = Spectra(4), []
    block = BLOCK * QUERY_HOP
    for at in range(0, len(samples) - block - FRAME, block):
        spectra.add(samples[at : at + (BLOCK - 1) * QUERY_HOP + FRAME])
        rows.append(step_numbers(*spectra.energies(np.arange(spectra.stop - BLOCK - 16, spectra.stop, 2), 1.0)))
    return window_numbers(np.concatenate(rows[1:]))[2::4]


def material() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return windows of music, and of speech and noise; some of either in a room."""
    rng = np.random.default_rng(SEED)
    held, n = load_material("development"), round(SECONDS * SAMPLE_RATE)
    music, other = [], []
    for reference in corpus.development():
        sound = np.asarray(corpus.samples(reference))
        for _ in range(2):
            first = int(rng.integers(max(1, len(sound) - n)))
            music.append(sound[first : first + n])
    for i in range(len(music)):
        make = (noises.speech, noises.speech, noises.babble, noises.pink)[i % 4]
        name = ("white", "hum", "clicks")[i % 3]
        other.append(make(n, i, held) * np.float32(0.1) if i % 8 else noises.MUSIC_FREE[name](n, i, held))

    def in_room(i: int, sound: np.ndarray) -> np.ndarray:
        wet = oaconvolve(sound, held.impulses[i % len(held.impulses)])[: len(sound)] if i % 2 else sound
        return np.asarray(wet, np.float32)

    def windows(sounds: list[np.ndarray]) -> list[np.ndarray]:
        return [numbers(in_room(i, sound)) for i, sound in enumerate(sounds)]

    return windows(music), windows(other)


def main() -> None:
    """Fit, say how well on tracks and streams left out, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER / "kinds-1.json", help="where to write (the package's own)")
    arguments = parser.parse_args()
    music, other = material()
    sides = [
        (windows, float(flag), i % 4 == 0) for flag, some in ((1, music), (0, other)) for i, windows in enumerate(some)
    ]

    def stacked(held_out: bool) -> tuple[np.ndarray, np.ndarray]:
        some = [(w, f) for w, f, out in sides if out is held_out]
        return np.concatenate([w for w, _ in some]), np.concatenate([np.full(len(w), f) for w, f in some])

    x, y = stacked(False)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    design = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    weight = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-design @ beta))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + RIDGE * len(x) * np.eye(len(beta))
        beta += np.linalg.solve(hessian, design.T @ (weight * (y - p)) - RIDGE * len(x) * beta)
    x, y = stacked(True)
    odds = (x - mean) / scale @ beta[:-1] + beta[-1]
    said = np.mean(odds[y == 1] > 0), np.mean(odds[y == 0] <= 0)
    print("right on what was left out: music {:.3f}, speech and noise {:.3f}".format(*said))
    fit = {"mean": mean, "scale": scale, "slopes": beta[:-1]}
    values = {name: [round(float(v), 5) for v in array] for name, array in fit.items()}
    arguments.out.write_text(json.dumps({**values, "offset": round(float(beta[-1]), 5)}) + "\n")


if __name__ == "__main__":
    main()
