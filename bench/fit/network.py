"""The answer on which every converted network is tried: ``classifier/data/musicnn-msd-check.json``::

    python -m bench.fit.network musicnn-0.1.0-py3-none-any.whl

It is computed from the whole published network, nothing pruned or folded, in float64, one filter after another with
SciPy's correlation: an implementation that shares nothing with the product's but the reader of the checkpoint, whose
checksums say whether it read well. Tests compare both, and either with what TensorFlow answers.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import numpy as np
from scipy.signal import correlate

from classifier import data
from classifier.labels.musicnn.convert import read_tensors
from classifier.labels.weights import check_patch

TARGET = data.FOLDER / "musicnn-msd-check.json"


def tensors_of(wheel: Path) -> dict[str, np.ndarray]:
    """Return the published tensors, float64."""
    with zipfile.ZipFile(wheel) as archive:
        index, content = (archive.read(f"musicnn/MSD_musicnn/.{name}") for name in ("index", "data-00000-of-00001"))
    return read_tensors(index, content)


def answer(tensors: dict[str, np.ndarray], patch: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return tags (50,), penultimate layer (200,) and the pools over time (753,), mean and maximum, of a patch."""

    def name(kind: str, number: int) -> str:
        return kind if number == 0 else f"{kind}_{number}"

    def normalised(x: np.ndarray, number: int) -> np.ndarray:
        layer = name("batch_normalization", number)
        gamma, beta, mean, variance = (
            tensors[f"{layer}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

    def convolved(x: np.ndarray, number: int) -> np.ndarray:
        """Return places x places x filters, rectified and normalised; only where the filter fits."""
        kernel, bias = (tensors[f"{name('conv2d', number)}/{part}"] for part in ("kernel", "bias"))
        outputs = [correlate(x, kernel[:, :, 0, i], mode="valid", method="fft") for i in range(kernel.shape[3])]
        return normalised(np.maximum(np.stack(outputs, axis=2) + bias, 0), number + 1)

    x = normalised(patch.astype(np.float64)[:, :, None], 0)[:, :, 0]
    front = []
    for number in range(2):
        front.append(convolved(np.pad(x, ((3, 3), (0, 0))), number).max(axis=1))
    for number, length in ((2, 128), (3, 64), (4, 32)):
        front.append(convolved(np.pad(x, (((length - 1) // 2, length // 2), (0, 0))), number).max(axis=1))
    layers = [np.concatenate(front, axis=1)]
    layers.append(convolved(np.pad(layers[0], ((3, 3), (0, 0))), 5)[:, 0])
    for number in (6, 7):
        layers.append(convolved(np.pad(layers[-1], ((3, 3), (0, 0))), number)[:, 0] + layers[-1])
    channels = np.concatenate(layers, axis=1)
    mean, largest = channels.mean(axis=0), channels.max(axis=0)
    pooled = normalised(np.stack([largest, mean], axis=1).reshape(-1), 9)
    hidden = normalised(np.maximum(pooled @ tensors["dense/kernel"] + tensors["dense/bias"], 0), 10)
    logits = hidden @ tensors["dense_1/kernel"] + tensors["dense_1/bias"]
    return 1 / (1 + np.exp(-logits)), hidden, mean, largest


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the network's package")
    tags, *_ = answer(tensors_of(parser.parse_args().wheel), check_patch())
    TARGET.write_text(json.dumps({"tags": [round(float(tag), 7) for tag in tags]}) + "\n")
    print(f"wrote {TARGET.name}: the likeliest tag has the probability {tags.max():.3f}")


if __name__ == "__main__":
    main()
