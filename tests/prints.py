"""Sub-fingerprints taken apart again."""

from __future__ import annotations

import numpy as np

from classifier.fingerprint.bits import N_BITS


def unpack(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invert ``subfingerprint.pack``: signs, shape (n, 124), int8, 0 in invalid frames; and which are valid."""
    raw = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    layout = np.unpackbits(raw, axis=1, bitorder="little")
    valid = layout[:, 127].astype(bool)
    return (2 * layout[:, :N_BITS].astype(np.int8) - 1) * valid[:, None], valid
