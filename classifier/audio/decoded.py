"""What decoding a file gives: samples, and what is known about the file they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from classifier.audio import level
from classifier.audio.level import STEP_16_BITS
from classifier.errors import InvalidParameter


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What is known about a decoded file.

    Parameters
    ----------
    sample_rate : int
        Of the samples, Hz.
    source_rate : int
        Of the file, Hz; half of it limits the bandwidth. If it changes within the file, that of most of it; the same
        holds for ``channels`` and ``codec``.
    channels : int
        Of the file.
    codec : str
        FFmpeg's name of the codec: ``mp3``, ``opus``, ``amrnb``.
    content_hash : str
        SHA-256 of rate, channel count and the native PCM as interleaved int16: the same for the same audio in any
        lossless container, whatever its tags.
    file_hash : str
        SHA-256 of the bytes.
    tags : dict
        Title, artist, album, isrc and others, under lower-case names, cleaned and limited in length.
    step : float
        Quantisation step of the file's samples, full scale 1: that of the binary digits in use, 2^-23 to 2^-7.
    cancelled_s : float
        Seconds in which the channels cancelled each other, so that the loudest was taken instead of their mean; see
        :mod:`classifier.audio.downmix`.
    remarks : list of str
        Faults of a file that could still be read. Each begins with a stable name and a colon: ``cut_off``,
        ``damaged``, ``channels_cancel``, ``silent_stream``.
    """

    sample_rate: int
    source_rate: int
    channels: int
    codec: str
    content_hash: str
    file_hash: str
    tags: dict[str, str] = field(default_factory=dict)
    step: float = STEP_16_BITS
    cancelled_s: float = 0.0
    remarks: list[str] = field(default_factory=list)

    @property
    def bandwidth_hz(self) -> float:
        """Highest frequency that the recording can hold, Hz; narrow-band AMR ends at 3.4 kHz whatever its rate."""
        return 3400.0 if self.codec.replace("_", "").startswith("amrnb") else 0.46 * self.source_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo(AudioFacts):
    """What is known about a file that was decoded block by block.

    Parameters
    ----------
    n_samples : int
        Number of samples, at ``sample_rate``.
    loudest : float
        Level of the loudest 100 ms, full scale 1; see :mod:`classifier.audio.level`.
    """

    n_samples: int
    loudest: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(AudioFacts):
    """A decoded file, or a piece of it.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono at ``sample_rate``, full scale +-1; lossy codecs may overshoot. All finite. The mean of all channels, or
        the loudest of them while they cancel each other.
    """

    samples: np.ndarray

    @classmethod
    def from_samples(cls, samples: np.ndarray, sample_rate: int) -> Audio:
        """Return given samples as audio, as if they had been decoded from an uncompressed file.

        Both hashes are those of the samples as float32.

        Parameters
        ----------
        samples : np.ndarray, shape (n,), float
            Mono, full scale +-1, all finite.
        sample_rate : int > 0
            In Hz; the sound is assumed to fill the band that the rate allows.

        Raises
        ------
        InvalidParameter
            If the samples have another shape or are not all finite, or the rate is not positive.

        Examples
        --------
        >>> Audio.from_samples(np.zeros(8000), 16000).duration_s
        0.5
        """
        samples = np.ascontiguousarray(samples, np.float32)
        if samples.ndim != 1:
            raise InvalidParameter(f"samples have shape {samples.shape}: hand in one channel, of shape (n,)")
        if not np.isfinite(samples).all():
            raise InvalidParameter("samples hold values that are not finite: leave them out, or set them to 0")
        if sample_rate <= 0:
            raise InvalidParameter(f"sample_rate is {sample_rate}: it must be positive")
        digest = hashlib.sha256(samples.data).hexdigest()
        return cls(
            samples=samples,
            sample_rate=sample_rate,
            source_rate=sample_rate,
            channels=1,
            codec="pcm_f32le",
            content_hash=digest,
            file_hash=digest,
        )

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def loudest(self) -> float:
        """Level of the loudest 100 ms of the samples, full scale 1; see :mod:`classifier.audio.level`."""
        return level.loudest(self.samples, self.sample_rate)


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a file says about itself, read without decoding it.

    Parameters
    ----------
    packet_hash : str
        SHA-256 of codec, rate, channels and encoded audio of the stream that decoding would choose, independent of
        the tags. Empty if the audio cannot be read to its end.
    tags : dict
        As :attr:`AudioFacts.tags`.
    """

    packet_hash: str
    tags: dict[str, str] = field(default_factory=dict)
