"""How long tags take, file to answer, on one core::

    python -m bench.measure.tags [--clips 10]

Clips are 30 s of the demo's songs as WAV. Printed are CPU seconds of this process and of the decoder's, the mean over
clips; the share of the network; and what a fresh process takes for its first answer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.demo.phone import write_wav
from classifier.demo.songs import catalogue_seeds, compose
from classifier.labels.extractors import DEFAULT, extractor
from classifier.labels.hearing import Ears
from classifier.labels.musicnn.logmel import SAMPLE_RATE
from classifier.labels.tags import arousal, score_tags
from classifier.settings import Settings

CLIP_S = 30


def cpu_seconds(pids: list[int]) -> float:
    """Return CPU seconds of this process and of some others."""
    total = time.process_time()
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10)
    n_clips = parser.parse_args().clips
    settings = Settings.from_environment(os.environ)
    with tempfile.TemporaryDirectory() as folder, Decoder(settings) as decoder:
        files = []
        for seed in list(catalogue_seeds(n_clips)):
            song = compose(seed, duration_s=40.0)
            files.append(Path(folder) / f"{seed}.wav")
            write_wav(files[-1], song.samples[: CLIP_S * song.sample_rate], song.sample_rate)
        ears = Ears(settings, decoder, Limits.for_track(settings), cached=False)
        ears.hear(files[0])
        totals = []
        for file in files * 2:
            before = cpu_seconds(decoder.pids)
            heard = ears.hear(file)
            tags = heard.extracted.vector[heard.extracted.columns(["tag"])]
            score_tags(tags), arousal(tags)
            totals.append(cpu_seconds(decoder.pids) - before)
        extract = extractor(DEFAULT).open(Path(settings.weights_dir))
        samples = np.random.default_rng(1).standard_normal(CLIP_S * SAMPLE_RATE, np.float32)
        network = []
        for _ in range(10):
            started = time.process_time()
            extract(samples)
            network.append(time.process_time() - started)
        print(f"file to tags, {CLIP_S} s: {statistics.mean(totals):.3f} CPU s (mean of {len(totals)})")
        print(f"of it log-mel and network: {min(network):.3f} CPU s (least of 10)")
        started = time.perf_counter()
        command = [sys.executable, "-m", "classifier", "tags", "--json", str(files[-1])]
        environment = {**os.environ, "EARMARK_DATA_DIR": folder, "EARMARK_WEIGHTS_DIR": settings.weights_dir}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        print(f"first answer of a fresh process: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
