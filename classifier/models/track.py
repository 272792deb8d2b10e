"""From samples to what is stored of a track, whatever its length: modelled in blocks, stored in rows.

Blocks have a fixed length and position, so that a track's models do not depend on the pieces in which its samples
arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.audio.resample import Resampler
from classifier.config import FeatureConfig
from classifier.fingerprint import bits
from classifier.mixtures import features, gmm, slots
from classifier.mixtures.gmm import Mixtures
from classifier.models import windows
from classifier.models.background import Background

#: Frames modelled at a time: a minute of the default grid.
_BLOCK_FRAMES = 4000
#: Sub-fingerprints computed at a time: a minute.
_BLOCK_WORDS = 1875
#: Windows fitted at a time.
_BATCH = 64


@dataclass(frozen=True, slots=True)
class TrackModel:
    """Everything that is stored of a track's sound, or of a stretch of it.

    Parameters
    ----------
    window_frame : np.ndarray, shape (n_windows,), int32
        First MFCC frame of each window.
    silent : np.ndarray, shape (n_windows,), uint8
        1 where a window has too little variation to be matched.
    mixtures : Mixtures
        One mixture a window.
    slots : np.ndarray, shape (n_slots, slot_mfcc), int8
        Slot means (``mixtures/slots.py``).
    words : np.ndarray, shape (n_frames, 2), uint64
        Sub-fingerprints.

    Notes
    -----
    In a compact catalogue (``FeatureConfig.profile``) the mixtures have no components, slots are packed, shape
    (n_slots, slot_mfcc / 2), uint8, and of the sub-fingerprints only every ``config.words_step``-th is kept.
    """

    window_frame: np.ndarray
    silent: np.ndarray
    mixtures: Mixtures
    slots: np.ndarray
    words: np.ndarray

    def window_arrays(self) -> dict[str, np.ndarray]:
        """Return the windows' parameters by name, one row for each window, float32, symmetric matrices packed."""
        mixtures = self.mixtures
        covariances = gmm.pack_covariances(mixtures.covariances, mixtures.diagonal)
        arrays = {"weights": mixtures.weights, "means": mixtures.means, "covariances": covariances}
        packed = {name: array.astype(np.float32) for name, array in arrays.items()}
        return {"window_frame": self.window_frame, "silent": self.silent, **packed}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], slot_means: np.ndarray, words: np.ndarray) -> TrackModel:
        """Build from what :meth:`window_arrays` returned, the slots and the sub-fingerprints."""
        covariances = gmm.unpack_covariances(arrays["covariances"], arrays["means"].shape[-1])
        mixtures = Mixtures(arrays["weights"], arrays["means"], covariances)
        return cls(arrays["window_frame"], arrays["silent"], mixtures, slot_means, words)

    @classmethod
    def empty(cls, config: FeatureConfig) -> TrackModel:
        """Return the model of no sound: every array without rows."""
        no_rows, no_slots = np.zeros(0), np.zeros((0, config.slot_mfcc), np.int8)
        no_slots = slots.packed(no_slots) if config.is_compact else no_slots
        none = windows.without(0, 0 if config.is_compact else config.n_components, config)
        return cls(no_rows.astype(np.int32), no_rows.astype(np.uint8), none, no_slots, np.zeros((0, 2), np.uint64))

    @classmethod
    def join(cls, parts: Sequence[TrackModel], config: FeatureConfig) -> TrackModel:
        """Join consecutive stretches of one track; at least one."""
        names = ("window_frame", "silent", "slots", "words")
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(mixtures=windows.concatenate([part.mixtures for part in parts], config), **arrays)


class TrackModeller:
    """Models a track whose samples arrive piece by piece; memory does not grow with its length.

    Parameters
    ----------
    config : FeatureConfig
        What to store.
    background : Background
        Of the same front end.
    """

    def __init__(self, config: FeatureConfig, background: Background) -> None:
        self._config, self._background = config, background
        self._resampler = Resampler(config.sample_rate, bits.SAMPLE_RATE)
        self._samples, self._bit_samples = np.zeros(0, np.float32), np.zeros(0, np.float32)
        self._mel = np.zeros((0, config.n_mels), np.float32)
        #: The recording's frame at which ``_mel`` begins, and the rows made so far.
        self._base = self._n_windows = self._n_slots = self._n_words = 0

    def push(self, samples: np.ndarray) -> TrackModel:
        """Take further samples; return the rows that are complete now.

        Parameters
        ----------
        samples : np.ndarray, shape (n,), float32
            Mono samples at ``config.sample_rate``.
        """
        return self._rows(samples, ended=False)

    def finish(self) -> TrackModel:
        """Return the rows that end with the recording; push nothing afterwards."""
        return self._rows(np.zeros(0, np.float32), ended=True)

    def _rows(self, samples: np.ndarray, *, ended: bool) -> TrackModel:
        config, none = self._config, TrackModel.empty(self._config)
        words = self._kept(np.concatenate([none.words, *self._words(samples, ended)]))
        frames, silent, mixtures, slot_means = [none.window_frame], [none.silent], [none.mixtures], [none.slots]
        for mel, last in self._mel_blocks(samples, ended):
            self._mel = np.concatenate([self._mel, mel])
            for starts, quiet, fitted in self._windows(last):
                frames.append(starts.astype(np.int32))
                silent.append(quiet.astype(np.uint8))
                mixtures.append(fitted)
            slot_means.append(self._slots(last))
            self._forget()
        joined = windows.concatenate(mixtures, config)
        return TrackModel(np.concatenate(frames), np.concatenate(silent), joined, np.concatenate(slot_means), words)

    def _kept(self, words: np.ndarray) -> np.ndarray:
        """Return those of the next sub-fingerprints that the catalogue keeps."""
        first, self._n_words = self._n_words, self._n_words + len(words)
        step = self._config.words_step
        return words[-first % step :: step]

    def _words(self, samples: np.ndarray, ended: bool) -> Iterator[np.ndarray]:
        fresh = self._resampler.finish(samples) if ended else self._resampler.push(samples)
        self._bit_samples = np.concatenate([self._bit_samples, fresh])
        span = (_BLOCK_WORDS - 1) * bits.HOP + bits.LAG + bits.FRAME
        while len(self._bit_samples) >= span:
            yield bits.reference_words(self._bit_samples[:span])
            self._bit_samples = self._bit_samples[_BLOCK_WORDS * bits.HOP :]
        if ended:
            yield bits.reference_words(self._bit_samples)

    def _mel_blocks(self, samples: np.ndarray, ended: bool) -> Iterator[tuple[np.ndarray, bool]]:
        """Mel power of the blocks that are complete, and whether each is the last."""
        config = self._config
        self._samples = np.concatenate([self._samples, samples])
        span = (_BLOCK_FRAMES - 1) * config.frame_step + config.frame_length
        while len(self._samples) >= span:
            yield features.mel_power(features.spectrum(self._samples[:span], config), config), False
            self._samples = self._samples[_BLOCK_FRAMES * config.frame_step :]
        if ended:
            yield features.mel_power(features.spectrum(self._samples, config), config), True

    def _windows(self, last: bool) -> Iterator[tuple[np.ndarray, np.ndarray, Mixtures]]:
        """First frames, silence and mixtures of the windows that are complete, in batches."""
        config, n_frames = self._config, self._base + len(self._mel)
        if not last and n_frames < config.window_frames:
            return  # a shorter recording is a single window, known only once it has ended
        starts = features.window_starts(n_frames, config)[self._n_windows :]
        self._n_windows += len(starts)
        n = min(config.window_frames, n_frames)
        for first in range(0, len(starts), _BATCH):
            batch = starts[first : first + _BATCH]
            x, audible = windows.standardised(self._mel, batch - self._base, n, config, self._background)
            compact = config.is_compact
            fitted = windows.without(len(batch), 0, config) if compact else windows.fit(x, config, self._background)
            yield batch, ~audible, fitted

    def _slots(self, last: bool) -> np.ndarray:
        """Means of the slots whose derivatives and floors no further frame can change."""
        config = self._config
        first = config.slot_half_length + self._n_slots * config.slot_frames - self._base
        stop = len(self._mel) - config.slot_half_length - (0 if last else slots.floor_reach(config))
        n = max(0, (stop - first) // config.slot_frames)
        self._n_slots += n
        deltas = slots.slot_deltas(self._mel, config, first, first + n * config.slot_frames)
        means = slots.slot_means(deltas, config.slot_frames, self._background.slot_scale)
        return slots.packed(means) if config.is_compact else means

    def _forget(self) -> None:
        """Drop the frames that neither the next window nor the next slot needs."""
        config = self._config
        window = round(self._n_windows * config.window_step * config.sample_rate / config.frame_step)
        slot = self._n_slots * config.slot_frames - slots.floor_reach(config)
        keep = max(0, min(window, slot) - self._base)
        self._mel, self._base = self._mel[keep:], self._base + min(keep, len(self._mel))


def model_track(samples: np.ndarray, config: FeatureConfig, background: Background) -> TrackModel:
    """Model a track whose samples are all in memory.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at ``config.sample_rate``.
    config : FeatureConfig
        What to store.
    background : Background
        Of the same front end.

    Returns
    -------
    TrackModel
        Without windows and slots if the sound is too short for a derivative.
    """
    modeller = TrackModeller(config, background)
    return TrackModel.join([modeller.push(samples), modeller.finish()], config)
