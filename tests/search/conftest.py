"""Songs that are searched: decoded once for all tests."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.demo.songs import Song
from tests.library import decoded
from tests.search.shelf import Shelf, cut


@pytest.fixture(scope="session")
def sounds(enrolled_songs: list[Song]) -> list[np.ndarray]:
    """Samples of eight songs at 16 kHz, 40 s each."""
    return [decoded(song) for song in enrolled_songs[:8]]


@pytest.fixture(scope="session")
def strange_sounds(unknown_songs: list[Song]) -> list[np.ndarray]:
    """Samples of songs that no test puts on a shelf."""
    return [decoded(song) for song in unknown_songs]


@pytest.fixture(scope="session")
def songs(sounds: list[np.ndarray]) -> Shelf:
    """Half a minute of each song, as ``song 0`` to ``song 7``; tests leave it as it is."""
    made = Shelf()
    for i, sound in enumerate(sounds):
        made.put(f"song {i}", cut(sound, 0, 30))
    return made
