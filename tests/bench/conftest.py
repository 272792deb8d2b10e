"""Synthetic music, speech and rooms for the benchmark's own tests: offline, seeded, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import corpus
from bench.corpus import SAMPLE_RATE, Reference
from bench.material import Material


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of its own for each test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EARMARK_BENCH_CACHE", str(folder))
    corpus.samples.cache_clear()
    return folder


@pytest.fixture(scope="session")
def material() -> Material:
    """Two rooms (a bare wall, and noise decaying over 0.3 s) and noise bursts as speech and as seven voices."""
    rng = np.random.default_rng(440)
    wall = np.zeros(8001, dtype=np.float32)
    wall[0], wall[8000] = 1.0, 0.5  # an echo after half a second
    tail = rng.standard_normal(4800) * np.exp(-np.arange(4800) / 800)
    tail[0] = 8.0
    utterances = [rng.standard_normal(n).astype(np.float32) * 0.1 for n in rng.integers(8000, 32000, size=12)]
    room = (tail / np.linalg.norm(tail)).astype(np.float32)
    return Material([wall, room], utterances, [utterances[i : i + 2] for i in range(7)], [room])


@pytest.fixture(scope="session")
def songs() -> dict[Reference, np.ndarray]:
    """Five tracks of 25 to 45 s, each a different noise; the third is silent but for its last five seconds."""
    rng = np.random.default_rng(440)
    made = {}
    for i in range(5):
        length = SAMPLE_RATE * (25 + 5 * i)
        audio = (0.1 * rng.standard_normal(length)).astype(np.float32)
        if i == 2:
            audio[: -5 * SAMPLE_RATE] = 0.0
        made[Reference(f"song{i}", Path(f"song{i}.ogg"), "songs", length / SAMPLE_RATE, known=i != 4)] = audio
    return made
