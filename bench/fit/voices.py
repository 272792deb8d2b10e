"""Fit the noise that moves as voices do, which ships with Earmark: ``classifier/data/voices-1.npz``.

Crowds of six to eight talkers of the development set's speech (French, Italian, Russian; the evaluation set's is
English) are described by a vector autoregression of their log mel powers, by least squares::

    python -m bench.fit.voices                  # a minute
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.progress import track

from bench import conditions
from bench.corpus import SAMPLE_RATE
from classifier.config import FeatureConfig
from classifier.data import FOLDER
from classifier.mixtures import features
from classifier.noise import talk

CROWDS, CROWD_S = 12, 20.0
ORDER = 4
#: Ridge on the regression, in units of squared nats, and floor of a band's power against the mean.
RIDGE, FLOOR = 1e-3, 1e-6
SEED = 300


def log_powers(config: FeatureConfig) -> list[np.ndarray]:
    """Log power densities in mel bands of each crowd, shape (n_frames, n_mels)."""
    material = conditions.load_material("development")
    widths = features.mel_matrix(config).sum(axis=0)
    found = []
    for i in track(range(CROWDS), "crowds"):
        crowd = conditions.babble(round(CROWD_S * SAMPLE_RATE), SEED + i, material)
        unit = (crowd / np.sqrt(np.mean(np.square(crowd)))).astype(np.float32)
        mel = features.mel_power(features.spectrum(unit, config), config).astype(np.float64)
        found.append(np.log((mel + FLOOR * mel.mean()) / widths))
    return found


def fit(crowds: list[np.ndarray], order: int) -> dict[str, np.ndarray]:
    """Least squares of each frame on the ``order`` before it; Cholesky factor of the residuals' covariance."""
    mean = np.concatenate(crowds).mean(axis=0)
    bands = len(mean)
    past = [np.concatenate([(c - mean)[order - k : len(c) - k] for c in crowds]) for k in range(1, order + 1)]
    x, y = np.concatenate(past, axis=1), np.concatenate([(c - mean)[order:] for c in crowds])
    weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(order * bands), x.T @ y)
    residual = y - x @ weights
    return {
        "transition": weights.reshape(order, bands, bands).transpose(0, 2, 1),
        "innovation": np.linalg.cholesky(residual.T @ residual / len(residual) + 1e-9 * np.eye(bands)),
        "mean": mean,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FOLDER / "voices-1.npz")
    arguments = parser.parse_args()
    config = FeatureConfig()
    if config.frame_step != round(talk.STEP_S * config.sample_rate):
        raise SystemExit("voices.STEP_S is not the frame step of the features any more")
    crowds = log_powers(config)
    parameters = fit(crowds, ORDER)
    matrix = features.mel_matrix(config)
    bins_hz = np.arange(len(matrix)) * config.sample_rate / (2 * (len(matrix) - 1))
    parameters["centre_hz"] = bins_hz @ matrix / matrix.sum(axis=0)
    np.savez_compressed(arguments.out, **{name: value.astype(np.float32) for name, value in parameters.items()})
    talk._model.cache_clear()
    real, made = np.concatenate(crowds), talk.envelopes(20000, np.random.default_rng(0))
    for name, per_band in (("level", np.mean), ("spread", np.std)):
        print(name, *(f"{per_band(x[:, 4:36:8], axis=0).round(2)}" for x in (real, made)))
    print("pace", *(f"{np.diff(x, axis=0)[:, 4:36:8].std(axis=0).round(2)}" for x in (real, made)))


if __name__ == "__main__":
    main()
