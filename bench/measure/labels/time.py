"""What an answer costs: tags, genre and mood of a clip of 30 s, from file to answer, and the first of a process::

    python -m bench.measure.labels.time [--clips 20] [--runs 5]

``earmark label`` is started as a process of its own with one clip, then with so many more: the difference is what a
clip costs. Processor time is counted, user and system, of the command and the decoder it starts, on one thread; elapsed
time is printed beside it, and means little while others work on the machine. Nothing is remembered between runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from classifier.demo.songs import catalogue_seeds, compose
from classifier.settings import Settings

SECONDS = 30.0


def write(folder: Path, count: int) -> list[Path]:
    """Write so many clips, each a stretch of a composed song at a level of its own, and return them."""
    paths = []
    (seed,) = catalogue_seeds(1)
    song = compose(seed, duration_s=2 * SECONDS)
    size = round(SECONDS * song.sample_rate)
    for number in range(count):
        start = (len(song.samples) - size) * number // max(1, count)
        piece = (song.samples[start : start + size] * 32000).clip(-32768, 32767).astype("<i2")
        path = folder / f"{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(song.sample_rate)
            file.writeframes(piece.tobytes())
        paths.append(path)
    return paths


def spent(paths: list[Path]) -> tuple[float, float]:
    """Return processor time and elapsed time, seconds, of labelling files in a fresh process and data folder."""
    with tempfile.TemporaryDirectory() as data:
        own = {"EARMARK_DATA_DIR": data, "EARMARK_WEIGHTS_DIR": Settings().weights_dir}
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        before, began = _children(), time.perf_counter()
        command = [sys.executable, "-m", "classifier", "label", "--quiet", "--json", *map(str, paths)]
        subprocess.run(command, check=True, env={**os.environ, **own, **threads}, stdout=subprocess.DEVNULL)
        return _children() - before, time.perf_counter() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print the median over the runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=20, help="clips more in the second process (20)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), options.clips + 1)
        spent(paths[:1])  # what is read from the disk is in memory from now on
        first = np.array([spent(paths[:1]) for _ in range(options.runs)])
        more = np.array([spent(paths) for _ in range(options.runs)])
    each = (more - np.median(first, axis=0)) / options.clips
    for name, values in (("first answer of a fresh process", first), ("each further clip of 30 s", each)):
        cpu, elapsed = np.median(values, axis=0)
        low, high = values[:, 0].min(), values[:, 0].max()
        print(f"{name:<34} {cpu:.3f} s of processor [{low:.3f}-{high:.3f}], {elapsed:.2f} s elapsed", flush=True)


if __name__ == "__main__":
    main()
