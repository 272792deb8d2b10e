"""Train the network that says which bits of a noisy snippet to trust.

Excerpts of the development set are heard in rooms, noise and codecs; each bit is labelled by whether it equals the
clean recording's. Half of the tracks train, the other half tell how well it works::

    python -m bench.fit.reliability             # some minutes; writes classifier/data/reliability-1.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.progress import track as progress
from sklearn.neural_network import MLPClassifier

from bench import conditions, corpus, queries
from classifier.data import FOLDER
from classifier.fingerprint import bits, reliability
from classifier.fingerprint.bits import BANDS, LAG, QUERY_HOP

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
LENGTHS = (3.0, 5.0, 10.0)
HIDDEN = 24
FROM_EACH = 6000
SEED = 31


def examples(query: queries.Query, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Facts of some bits of one snippet, and whether each equals the clean recording's."""
    heard = queries.render(query, material=conditions.load_material("development"))
    clean = corpus.samples(corpus.find(str(query.reference_id)))
    start = round(query.offset_s * corpus.SAMPLE_RATE)
    shift = int(rng.integers(-QUERY_HOP // 2, QUERY_HOP // 2 + 1))  # no grid meets another exactly
    there = np.asarray(clean[max(0, start + shift) : max(0, start + shift) + len(heard)])
    energy, loud = bits.band_energies(heard, QUERY_HOP)
    d, valid = bits.differences(energy, loud, QUERY_HOP)
    truth, truth_valid = bits.differences(*bits.band_energies(there, QUERY_HOP), QUERY_HOP)
    n = min(len(d), len(truth))
    seen = reliability.facts(energy, loud, d, BANDS, LAG // QUERY_HOP)[:n][valid[:n] & truth_valid[:n]]
    right = ((d[:n] > 0) == (truth[:n] > 0))[valid[:n] & truth_valid[:n]]
    pick = rng.integers(0, max(1, right.size), min(FROM_EACH, right.size))
    return seen.reshape(-1, seen.shape[-1])[pick], right.reshape(-1)[pick]


def gather(references: list[corpus.Reference], per_cell: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples from many snippets, shapes (n, 10) and (n,)."""
    rng = np.random.default_rng(seed)
    plan = queries.plan(references, CONDITIONS, LENGTHS, per_cell, seed)
    parts = [examples(query, rng) for query in progress(plan, "snippets")]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def train(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Fit one hidden layer of rectified units to the examples; return its parameters by name."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    network = MLPClassifier(
        (HIDDEN,), batch_size=4000, learning_rate_init=2e-3, max_iter=20, tol=0, n_iter_no_change=20, random_state=0
    )
    network.fit((x - mean) / scale, y)
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    parameters = {"mean": mean, "scale": scale, "w1": w1, "b1": b1, "w2": w2[:, 0], "b2": b2[0]}
    return {name: np.asarray(value, np.float32) for name, value in parameters.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-cell", type=int, default=20, help="snippets for each condition and length")
    parser.add_argument("--out", type=Path, default=FOLDER / "reliability-1.npz")
    arguments = parser.parse_args()
    tracks = corpus.development()
    x, y = gather(tracks[::2], arguments.per_cell, SEED)
    np.savez_compressed(arguments.out, **train(x, y))
    reliability._network.cache_clear()
    x, y = gather(tracks[1::2], max(1, arguments.per_cell // 4), SEED + 1)
    odds = reliability.log_odds(x)
    print(f"held-out bits that equal the clean recording's: {y.mean():.3f} of {len(y)}")
    for low, high in ((-9, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 99)):
        inside = (odds >= low) & (odds < high)
        expected = (1 / (1 + np.exp(-odds[inside]))).mean() if inside.any() else np.nan
        found = y[inside].mean()
        print(f"log-odds {low:4} to {high:4}: {inside.mean():.2f} of bits, expected {expected:.3f}, found {found:.3f}")


if __name__ == "__main__":
    main()
