"""Where the frames of a short-time analysis begin, also in sound that was stretched in time."""

from __future__ import annotations

import numpy as np


def frame_starts(n_samples: int, length: int, hop: int, stretch: float = 1.0) -> np.ndarray:
    """First sample of every frame.

    Parameters
    ----------
    n_samples : int >= 0
        Length of the sound.
    length : int > 0
        Samples of a frame.
    hop : int > 0
        Samples between frames of sound that is not stretched.
    stretch : float > 0
        How much longer the sound lasts than what it is compared with. Frames keep their length, and the centre of
        frame i lies at ``stretch`` times its place in the other sound.

    Returns
    -------
    np.ndarray, shape (n_frames,), int64
        Ascending, from 0 on. With ``stretch`` 1 frame i begins at ``i * hop``.
    """
    if stretch == 1.0:
        return np.arange(0, n_samples - length + 1, hop)
    n = max(0, int((n_samples - length) / (hop * stretch)) + 2)
    starts = np.rint((length / 2 + np.arange(n) * hop) * stretch - length / 2).astype(np.int64)
    # Of a faster sound, the first frames would begin before the sound.
    return np.maximum(starts[starts <= n_samples - length], 0)
