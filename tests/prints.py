"""Sub-fingerprints taken apart again."""

from __future__ import annotations

import numpy as np

from classifier.fingerprint.bits import N_BITS, VALID, Fingerprint


def unpack(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invert ``bits.pack``: signs, shape (n, 124), int8, 0 in invalid frames; and which are valid."""
    raw = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    layout = np.unpackbits(raw, axis=1, bitorder="little")
    valid = layout[:, 127].astype(bool)
    return (2 * layout[:, :N_BITS].astype(np.int8) - 1) * valid[:, None], valid


def weights_of(fingerprint: Fingerprint) -> np.ndarray:
    """Weight of every bit, shape (2, n, N_BITS), read off the planes bit by bit."""
    flag = np.array([0, VALID], np.uint64)
    planes = [[(unpack(fingerprint.planes[p, :, i] | flag)[0] > 0).astype(int) for i in (0, 1)] for p in (0, 1)]
    return np.stack([ones + 2 * twos for ones, twos in planes])
