"""What a configuration costs, before anything is enrolled: windows, bytes and processor time of its models.

Some seconds of sound from a seed are modelled, and what that took is carried over to any length: all of it grows with
the length of the music alone. The background is a stand-in of the right shape, since fitting one takes longer than
modelling minutes of music; it is fitted once, before a catalogue's first track.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import HOP_S
from classifier.models.background import Background, builtin_background
from classifier.models.fitting import fit
from classifier.models.track import model_track

#: Windows of sound that are modelled.
_WINDOWS = 9


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of some music under a configuration.

    Parameters
    ----------
    music_s : float
        Seconds of music.
    windows : int
        Windows that are modelled.
    bytes : int
        What the store keeps of it; the index of a machine that searches takes about as much again.
    seconds : float
        Processor time of modelling it here, decoding not included.
    own_background : bool
        Whether no background ships for this configuration, so that one is fitted before the first track.
    """

    music_s: float
    windows: int
    bytes: int
    seconds: float
    own_background: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def estimate(config: FeatureConfig, music_s: float = 3600.0) -> Cost:
    """Estimate what music costs under a configuration; takes as long as modelling some seconds of sound.

    Parameters
    ----------
    config : FeatureConfig
        The configuration.
    music_s : float > 0
        Seconds of music.

    Returns
    -------
    Cost
        ``bytes`` and ``windows`` within a few per cent, for tracks of minutes.
    """
    bytes_a_s, seconds_a_s = _rates(config)
    windows = max(1, math.floor((music_s - config.window_length) / config.window_step) + 1)
    own = config.front_end_hash != builtin_background().front_end
    return Cost(music_s, windows, round(bytes_a_s * music_s), seconds_a_s * music_s, own)


@lru_cache(maxsize=64)
def _rates(config: FeatureConfig) -> tuple[float, float]:
    """Bytes stored, and seconds of processor time, for each second of sound."""
    rng = np.random.default_rng(440)
    seconds = config.window_length + (_WINDOWS - 1) * config.window_step
    level = np.repeat(10 ** rng.uniform(-1.5, 0, round(8 * seconds) + 1), config.sample_rate // 8)
    sound = (0.1 * rng.standard_normal(len(level)) * level).astype(np.float32)
    background = _stand_in(config)
    model_track(sound[: 2 * config.sample_rate], config, background)  # whatever is compiled or loaded at the first time
    started = time.process_time()
    model = model_track(sound, config, background)
    took = time.process_time() - started
    n_windows = max(1, len(model.window_frame))
    a_window = sum(array.nbytes for array in model.window_arrays().values()) / n_windows
    slot, word = model.slots.itemsize * model.slots.shape[1], model.words.itemsize * model.words.shape[1]
    rest = slot / config.slot_s + word / HOP_S / config.words_step
    # Windows take most of it, and short sounds have fewer of them a second than long ones.
    return a_window / config.window_step + rest, took / (n_windows * config.window_step)


def _stand_in(config: FeatureConfig) -> Background:
    rng = np.random.default_rng(440)
    frames = rng.standard_normal((200 * config.n_components, config.n_mfcc)).astype(np.float32)
    slots = rng.standard_normal((50, config.slot_frames, config.slot_mfcc)).astype(np.float32)
    return fit(frames, slots, config, name="stand-in")
