"""Fit how patches of slots become signs and lists, from pairs of clean and noisy patches.

Excerpts of the development set are heard in rooms, noise and codecs. Canonical correlations between clean and noisy
patches (Hotelling 1936) give the directions that noise leaves; each is weighed by the evidence it carries. Cells are
the centres of k-means over the patches of the same tracks::

    python -m bench.fit.patches                 # some minutes; writes classifier/data/patches-1.npz

At the end, tracks that took no part in the correlations tell how patches rank: for each condition, the share of true
patches of which less than 1 %, 0.1 % and 0.01 % of foreign ones are nearer, by cosine and as they are stored.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.linalg
from rich.progress import track as progress
from sklearn.cluster import MiniBatchKMeans

from bench import corpus, queries
from bench.material import load_material
from classifier.config import FeatureConfig
from classifier.data import FOLDER
from classifier.mixtures import features, patches, slots
from classifier.models.background import builtin_background

CONDITIONS = (
    "room",
    "room+babble10",
    "room+babble5",
    "room+babble0",
    "room+pink10",
    "room+pink5",
    "room+pink0",
    "room+babble10+opus16",
    "room+babble10+aac32",
)
LENGTHS = (5.0,)
SEED = 57
#: Added to the diagonals of both covariances, in units of their means.
SHRINKAGE = 0.03
N_CELLS = 4096
#: Foreign patches that true ones are ranked among.
N_FOREIGN = 60_000
TAILS = (1e-2, 1e-3, 1e-4)

Tracks = dict[str, np.ndarray]


def slots_of(samples: np.ndarray) -> np.ndarray:
    """Slots of samples in two phases, shape (2, M, d), int8."""
    config = FeatureConfig()
    mel = features.mel_power(features.spectrum(np.asarray(samples), config), config)
    return slots.snippet_slots(mel, config, builtin_background().slot_scale)


def pairs(
    references: Sequence[corpus.Reference], tracks: Tracks, per_cell: int, seed: int
) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Clean and noisy patches of the same sound, unit vectors; and of each the track and the condition.

    A snippet's phase nearest to the grid of its track's slots is taken, as a search would find it.
    """
    clean, noisy, of = [], [], []
    material, slot_s = load_material("development"), FeatureConfig().slot_s
    for query in progress(queries.plan(references, CONDITIONS, LENGTHS, per_cell, seed), "snippets"):
        name = str(query.reference_id)
        heard, there = slots_of(queries.render(query, material=material)), tracks[name]
        places = query.offset_s / slot_s + np.arange(slots.PHASES) / slots.PHASES
        phase = int(np.argmin(np.abs(places - np.rint(places))))
        lag = round(places[phase])
        n = min(len(heard[phase]), len(there) - lag)
        if n >= patches.LENGTH:
            both = patches.stretches(there[lag : lag + n]), patches.stretches(heard[phase, :n])
            sounds = both[0].any(axis=1) & both[1].any(axis=1)
            clean.append(patches.unit(both[0][sounds]))
            noisy.append(patches.unit(both[1][sounds]))
            of += [(name, query.condition)] * int(sounds.sum())
    return np.concatenate(clean), np.concatenate(noisy), of


def correlations(clean: np.ndarray, noisy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical directions of both, shape (d, d), and their correlations, greatest first."""

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a.T @ b / len(a), np.float64)

    def root(own: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.cholesky(own + SHRINKAGE * np.trace(own) / len(own) * np.eye(len(own))))

    of_clean, of_noisy = root(covariance(clean, clean)), root(covariance(noisy, noisy))
    half = scipy.linalg.solve_triangular(of_clean, covariance(clean, noisy), lower=True)
    whitened = scipy.linalg.solve_triangular(of_noisy, half.T, lower=True).T
    left, rho, right = np.linalg.svd(whitened)
    a = scipy.linalg.solve_triangular(of_clean.T, left, lower=False)
    b = scipy.linalg.solve_triangular(of_noisy.T, right.T, lower=False)
    return a, b, rho


def fit(clean: np.ndarray, noisy: np.ndarray, tracks: Tracks) -> patches.Codebook:
    """Fit projections to pairs, and cells to the patches of the tracks.

    A coordinate with correlation rho is weighed by rho / sqrt(1 - rho^2) in tracks and 1 / sqrt(1 - rho^2) in snippets,
    for which the inner product is the log-likelihood ratio of the pair but for terms of each alone; unit vectors do
    without these. A rotation spreads the evidence evenly over the signs.
    """
    a, b, rho = correlations(clean, noisy)
    kept = slice(0, patches.BITS)
    spread = np.sqrt(1 - np.square(np.minimum(rho[kept], 0.999)))
    turn = np.linalg.qr(np.random.default_rng(SEED).standard_normal((patches.BITS, patches.BITS)))[0]
    stored = (a[:, kept] * rho[kept] / spread) @ turn
    heard = (b[:, kept] / spread) @ turn
    every = np.concatenate([patches.stretches(track) for track in tracks.values()])
    vectors = patches.unit(patches.unit(every[every.any(axis=1)]) @ stored.astype(np.float32))
    cells = MiniBatchKMeans(N_CELLS, init="random", n_init=1, batch_size=16384, max_iter=3, random_state=SEED)
    centres = patches.unit(cells.fit(vectors).cluster_centers_)
    return patches.Codebook(stored.astype(np.float32), heard.astype(np.float32), centres.astype(np.float32))


def save(path: Path, book: patches.Codebook) -> None:
    """Write what :func:`classifier.mixtures.patches.codebook` reads."""
    cells = np.rint(book.cells / np.abs(book.cells).max(axis=1, keepdims=True) * 127).astype(np.int8)
    np.savez_compressed(path, stored=book.stored.astype(np.float16), heard=book.heard.astype(np.float16), cells=cells)


def ranks(
    book: patches.Codebook, clean: np.ndarray, noisy: np.ndarray, of: list[tuple[str, str]], tracks: Tracks
) -> dict[str, np.ndarray]:
    """Share of foreign patches nearer than the true one, by condition: by cosine, and by the signs as stored."""
    rng = np.random.default_rng(SEED)
    owner = np.concatenate([np.full(max(0, len(t) - patches.LENGTH + 1), i) for i, t in enumerate(tracks.values())])
    every = np.concatenate([patches.stretches(track) for track in tracks.values()])
    chosen = rng.choice(len(every), min(N_FOREIGN, len(every)), replace=False)
    owner = owner[chosen]
    foreign = patches.unit(patches.unit(every[chosen]) @ book.stored)
    true = patches.unit(clean @ book.stored)
    asked = patches.unit(noisy @ book.heard)
    levels = np.abs(asked) / np.quantile(np.abs(asked), patches._TOP_QUANTILE, axis=1, keepdims=True)
    coarse = np.sign(asked) * np.minimum(np.rint(levels * patches.LEVELS), patches.LEVELS)
    number = {name: i for i, name in enumerate(tracks)}
    found: dict[str, list[list[float]]] = {}
    signs = np.sign(foreign)
    for i in range(len(true)):
        others = owner != number[of[i][0]]
        exact = (foreign[others] @ asked[i] > true[i] @ asked[i]).mean()
        stored = (signs[others] @ coarse[i] > np.sign(true[i]) @ coarse[i]).mean()
        found.setdefault(of[i][1], []).append([exact, stored])
    return {condition: np.array(values) for condition, values in found.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-cell", type=int, default=150, help="snippets for each condition")
    parser.add_argument("--out", type=Path, default=FOLDER / "patches-1.npz")
    arguments = parser.parse_args()
    references = corpus.development()
    tracks = {r.id: slots_of(corpus.samples(r))[0] for r in progress(references, "tracks")}
    book = fit(
        *pairs(references[::4] + references[1::4] + references[2::4], tracks, arguments.per_cell, SEED)[:2], tracks
    )
    save(arguments.out, book)
    held = references[3::4]
    clean, noisy, of = pairs(held, tracks, max(1, arguments.per_cell // 20), SEED + 1)
    for condition, values in ranks(book, clean, noisy, of, tracks).items():
        shares = [" ".join(f"{(column <= tail).mean():.2f}" for tail in TAILS) for column in values.T]
        print(f"{condition:24} by cosine {shares[0]}, as stored {shares[1]} ({len(values)} patches)")


if __name__ == "__main__":
    main()
