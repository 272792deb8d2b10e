"""Chromaprint: compressed fingerprints read as its own program means them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.audio.chromaprint import MAX_WORDS, unpacked, words_of
from classifier.errors import InvalidParameter
from tests.library import as_wav, lively_noise

RATE = 16000


def fpcalc(path: Path, *options: str) -> dict[str, Any]:
    """Return what Chromaprint's program says of a file."""
    if shutil.which("fpcalc") is None:
        pytest.skip("fpcalc is not installed")
    done = subprocess.run(["fpcalc", "-json", *options, str(path)], capture_output=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """Return a file of 20 s and its samples."""
    samples = lively_noise(20.0, 5)
    path = tmp_path_factory.mktemp("chromaprint") / "a.wav"
    path.write_bytes(as_wav(samples, RATE))
    return path, samples


def test_compressed_and_raw_are_the_same(recording: tuple[Path, np.ndarray]) -> None:
    path, _ = recording
    raw = np.array(fpcalc(path, "-raw")["fingerprint"], np.uint32)
    assert np.array_equal(unpacked(fpcalc(path)["fingerprint"]), raw)
    assert raw.size > 100


def test_samples_and_file_have_the_same_words(recording: tuple[Path, np.ndarray]) -> None:
    path, samples = recording
    raw = np.array(fpcalc(path, "-raw")["fingerprint"], np.uint32)
    words = words_of(iter(np.array_split(samples.astype(np.float32), 7)), RATE)
    assert words is not None
    # Rounding to 16 bits may differ in the last: some bits of quiet frames.
    assert int(np.bitwise_count(words ^ raw).sum()) <= 0.005 * 32 * raw.size


def test_too_short_for_a_fingerprint() -> None:
    assert words_of([np.zeros(100, np.float32)], RATE) is None


@pytest.mark.parametrize("text", ["", "A", "!!!!", "AQAAAA", "AQAAAQ", "AQ____8A"])
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(InvalidParameter, match="fingerprint"):
        unpacked(text)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=", max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        words = unpacked(text)
    except InvalidParameter:
        return
    assert 0 < words.size <= MAX_WORDS
