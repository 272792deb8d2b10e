"""Chromaprint fingerprints of recordings, by the program ``fpcalc`` where it is installed, and as people send them.

A fingerprint is a row of 32-bit words, about eight a second, of the first two minutes. Samples reach ``fpcalc`` already
decoded: it never sees a file from outside.

A compressed fingerprint is base64 (of the URL alphabet) of a byte for the algorithm, the number of words in three, and
each word's difference (XOR) from the one before: the distances of its set bits, three bits each and a 0 at the end; a 7
goes on with five bits more, which stand together after all words.

Sources: L. Lalinský, "How does Chromaprint work?", oxygene.sk, 2011; the format of compressed fingerprints as
Chromaprint 1.5 writes it, ``src/fingerprint_compressor.cpp``.
"""

from __future__ import annotations

import base64
import binascii
import json
import shutil
import subprocess
from collections.abc import Iterable

import numpy as np

from classifier.errors import InvalidParameter

#: Seconds of a recording that are fingerprinted, as AcoustID's clients do.
SPAN_S = 120.0
#: Most words of a fingerprint that is taken: two minutes have 948.
MAX_WORDS = 4096
_PROGRAM, _LIMIT_S = "fpcalc", 60.0
_SMALL_BITS, _MORE_BITS = 3, 5


def is_available() -> bool:
    """Return whether fingerprints can be made here."""
    return shutil.which(_PROGRAM) is not None


def words_of(blocks: Iterable[np.ndarray], sample_rate: int) -> np.ndarray | None:
    """Return the fingerprint of a recording; None if ``fpcalc`` is missing or makes none.

    Parameters
    ----------
    blocks : iterable of np.ndarray
        Samples in [-1, 1], in order; no more are taken than are needed.
    sample_rate : int
        Samples a second.

    Returns
    -------
    np.ndarray, shape (n,), uint32
    """
    if not is_available():
        return None
    wanted = round(SPAN_S * sample_rate)
    pcm = bytearray()
    for block in blocks:
        pcm += np.round(32767 * np.clip(block, -1.0, 1.0)).astype("<i2").tobytes()
        if len(pcm) >= 2 * wanted:
            break
    command = [_PROGRAM, "-format", "s16le", "-rate", str(sample_rate), "-channels", "1"]
    command += ["-raw", "-json", "-length", f"{SPAN_S:g}", "-"]
    try:
        done = subprocess.run(command, input=bytes(pcm), capture_output=True, timeout=_LIMIT_S, check=False)
        found = json.loads(done.stdout)["fingerprint"]
        return np.array(found, np.uint32) if found else None
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError, OverflowError):
        return None  # too short, or another program of that name


def unpacked(text: str) -> np.ndarray:
    """Return the words of a compressed fingerprint.

    Returns
    -------
    np.ndarray, shape (n,), uint32

    Raises
    ------
    InvalidParameter
        If it is none, or holds more than :data:`MAX_WORDS`.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParameter("the fingerprint is no base64 of the URL alphabet, as fpcalc prints it") from None
    count = int.from_bytes(data[1:4], "big")
    if len(data) < 5 or not 0 < count <= MAX_WORDS:
        raise InvalidParameter(f"the fingerprint has {count:,} words: 1 to {MAX_WORDS:,} are taken")
    bits = np.unpackbits(np.frombuffer(data, np.uint8)[4:], bitorder="little")
    small = _values(bits, _SMALL_BITS)
    ends = np.flatnonzero(small == 0)
    if ends.size < count:
        raise InvalidParameter(f"the fingerprint ends early: it has {ends.size:,} words of {count:,}")
    small = small[: ends[count - 1] + 1]
    first = (small.size * _SMALL_BITS + 7) // 8 * 8
    more = _values(bits[first:], _MORE_BITS)
    large = np.flatnonzero(small == 7)
    if more.size < large.size:
        raise InvalidParameter("the fingerprint ends early: bits of its last words are missing")
    small[large] += more[: large.size]
    words, word, place = np.zeros(count, np.uint32), 0, 0
    n = 0
    for value in small.tolist():
        if value:
            place += value
            if place > 32:
                raise InvalidParameter("the fingerprint is damaged: it names a bit beyond the 32 of a word")
            word |= 1 << (place - 1)
        else:
            words[n] = word
            n, word, place = n + 1, 0, 0
    return np.bitwise_xor.accumulate(words)


def _values(bits: np.ndarray, width: int) -> np.ndarray:
    rows = bits[: bits.size // width * width].reshape(-1, width)
    return rows.astype(np.int64) @ (1 << np.arange(width))
