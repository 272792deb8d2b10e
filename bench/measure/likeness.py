"""How good the nearest tracks are, how much hubs there are, and how long a map takes::

    python -m bench.measure.likeness                        # time and neighbourhoods of a map of 5,000 made-up tracks
    python -m bench.measure.likeness --features FOLDER      # and hubs among real clips, with and without correction

FOLDER holds ``xall_mgc_django_1000x104.npy`` and ``xall_rows.csv``: mean and covariance of 13 MFCCs of 1,000 clips, and
their genres. Shares of neighbours are of the ten nearest; duplicates of a clip are left out. Times are of one thread.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.likeness import layout
from classifier.likeness.nearest import Neighbourhood
from classifier.likeness.proximity import NEIGHBOURS, Surroundings, hubness, log_proximity
from classifier.likeness.sounds import Sounds, log_divergence
from classifier.mixtures.divergence import Packed
from classifier.mixtures.gmm import Mixtures, expected_statistics

_D = 13


def sounds_of(means: np.ndarray, covariances: np.ndarray) -> Sounds:
    """Return tracks that have these means and covariances."""
    packed = Packed.of(Mixtures(np.ones((len(means), 1)), means[:, None], covariances[:, None]))
    keys = tuple((f"{i:06d}", 1) for i in range(len(means)))
    return Sounds(keys, expected_statistics(means, covariances), packed, means.shape[1])


def made_up(n: int, n_groups: int) -> tuple[Sounds, np.ndarray]:
    """Return n tracks from a seed, and which group each belongs to."""
    rng = np.random.default_rng(440)
    group = rng.integers(0, n_groups, n)
    centres = np.eye(_D) + 0.25 * rng.standard_normal((n_groups, _D, _D))
    roots = centres[group] + 0.2 * rng.standard_normal((n, _D, _D))
    covariances = roots @ roots.swapaxes(1, 2) + 0.05 * np.eye(_D)
    return sounds_of(0.05 * rng.standard_normal((n, _D)), covariances), group


def clips(folder: Path) -> tuple[Sounds, np.ndarray]:
    """Return real clips and their genres, one of each."""
    with open(folder / "xall_rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    single = [i for i, row in enumerate(rows) if row["duplicate_row"] == "0"]
    values = np.load(folder / "xall_mgc_django_1000x104.npy", allow_pickle=False)[single]
    covariances = np.zeros((len(values), _D, _D))
    at = _D
    for diagonal in range(_D):
        i = np.arange(_D - diagonal)
        covariances[:, i, i + diagonal] = covariances[:, i + diagonal, i] = values[:, at : at + len(i)]
        at += len(i)
    genres = np.array([rows[i]["true_label"] for i in single])
    least = np.linalg.eigvalsh(covariances)[:, 0]
    kept = least > 1e-6 * np.trace(covariances, axis1=1, axis2=2)
    return sounds_of(values[kept, :_D], covariances[kept]), genres[kept]


def same_among_nearest(farness: np.ndarray, label: np.ndarray) -> float:
    """Return the share of neighbours with the same label."""
    apart = farness + np.where(np.eye(len(farness), dtype=bool), np.inf, 0.0)
    nearest = np.argpartition(apart, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    return float((label[nearest] == label[:, None]).mean())


def measure_hubs(name: str, sounds: Sounds, label: np.ndarray) -> None:
    """Print hubs and neighbours, by divergence and by mutual proximity."""
    far = log_divergence(sounds.gaussians, sounds.gaussians)
    around = Surroundings.of(np.where(np.eye(len(far), dtype=bool), np.nan, far))
    near = log_proximity(far, around, around)
    for way, farness in (("divergence", far), ("mutual proximity", -near)):
        apart = farness + np.where(np.eye(len(far), dtype=bool), np.inf, 0.0)
        counts = np.bincount(np.argpartition(apart, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS].ravel(), minlength=len(far))
        print(
            f"{name}, {len(far)} tracks, {way}: skewness {hubness(farness):.2f}, most often near {counts.max()}, "
            f"never near {100 * (counts == 0).mean():.0f} %, same label "
            f"{100 * same_among_nearest(farness, label):.1f} %"
        )


def measure_map(n: int) -> None:
    """Print how long a map takes, and how many neighbours are of the same group."""
    sounds, group = made_up(n, 40)
    started = time.process_time()
    Neighbourhood.of(sounds)
    compared = time.process_time()
    places = layout.lay_out(sounds)
    done = time.process_time()
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=-1)
    print(
        f"map of {n} tracks: {compared - started:.1f} s to compare, {done - compared:.1f} s to lay out; same group "
        f"among the ten nearest on it {100 * same_among_nearest(apart, group):.1f} %, of all divergences "
        f"{100 * same_among_nearest(log_divergence(sounds.gaussians, sounds.gaussians), group):.1f} %"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=5000, help="made-up tracks of the map")
    parser.add_argument("--features", type=Path, help="folder of real clips' features")
    options = parser.parse_args(arguments)
    if options.features:
        measure_hubs("real clips", *clips(options.features))
    measure_hubs("made up", *made_up(1000, 10))
    measure_map(options.tracks)


if __name__ == "__main__":
    main()
