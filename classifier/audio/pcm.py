r"""PCM on its way through a decoder process: counted, hashed, averaged to mono, resampled, written.

Samples are written as native-endian float32, mono, full scale +-1. The content hash is SHA-256 over
``"rate:channels\n"`` and the PCM as the codec gave it, interleaved little-endian int16: eight bits are widened,
more bits and floats are rounded half up, so that the same audio has one hash in every lossless container.
(Lossy decoders work in floats; another processor or FFmpeg may round a sample otherwise, and the hash then differs.)

Runs in the child only; see :mod:`classifier.audio.child`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from classifier.audio.wire import or_raise

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

#: Frames of native audio worked on at a time: a megabyte or so, enough to drown the cost of a numpy call.
_BLOCK = 1 << 17
#: Louder than this many times full scale is no audio, and its square would not fit float32 for long.
_LOUDEST = 2.0**32
#: Audio may run over its limit by this, for codecs pad.
_PADDING_S = 0.1


class Refusal(Exception):
    """A file is refused: ``args`` are the name of an error class and the message."""


class Pcm:
    """Takes native frames; counts and hashes them, averages their channels, resamples and writes the result.

    A stream may change its format under way (chained Ogg, a late SBR header): each stretch is then hashed with
    its own rate and channel count and resampled for itself.
    """

    def __init__(self, job: Mapping[str, Any], target: int) -> None:
        self._job = job
        self._target = target
        self._hash = hashlib.sha256()
        self._kind: tuple[str, int, int] | None = None
        self._fifo: Any = None
        self._resampler: Any = None
        self._width = 0
        self._rates: dict[tuple[int, int], float] = {}
        self.seconds = 0.0
        self.n_bytes = 0
        self.n_samples = 0

    def push(self, frame: AudioFrame) -> None:
        """Take one frame as the decoder gave it."""
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        kind = (frame.format.name, rate, channels)
        if kind != self._kind:
            self._drain()
            check_shape(self._job, channels, rate)
            self._kind = kind
            self._width = _sample_type(frame.format.name)[0].itemsize * channels
            self._fifo = av.AudioFifo()
            self._resampler = av.AudioResampler("flt", "mono", self._job["sample_rate"])
            self._hash.update(f"{rate}:{channels}\n".encode())
        seconds = frame.samples / rate
        self.seconds += seconds
        self._rates[rate, channels] = self._rates.get((rate, channels), 0.0) + seconds
        self.n_bytes += frame.samples * self._width
        self._check_length()
        # The FIFO insists on gapless time stamps; what matters here is the order alone.
        frame.pts = None
        self._fifo.write(frame)
        if self._fifo.samples >= _BLOCK:
            self._work()

    def finish(self) -> tuple[str, int, int]:
        """Work off what is left; return the content hash, and the rate and channels of most of the audio."""
        self._drain()
        rate, channels = max(self._rates, key=self._rates.__getitem__, default=(0, 0))
        return self._hash.hexdigest(), rate, channels

    def _check_length(self) -> None:
        job = self._job
        # A codec's padding at the end may run over by some milliseconds.
        if self.seconds > job["max_seconds"] + _PADDING_S:
            raise too_long(job)
        if self.n_bytes > job["max_decoded_bytes"]:
            raise Refusal(
                "AudioTooLarge",
                f"the audio decodes to more than {job['max_decoded_bytes']:,} bytes, the limit: use fewer channels, "
                f"a lower sampling rate or less of it{or_raise(job['kind'], 'snippet_decode_bytes', 'track_seconds')}",
            )

    def _drain(self) -> None:
        if self._fifo is None:
            return
        self._work()
        # A resampler that never had a frame, or nothing to do, may answer the flush with None.
        self._write(*(frame for frame in self._resampler.resample(None) if frame is not None))
        self._fifo = self._resampler = None

    def _work(self) -> None:
        frame = self._fifo.read()
        if frame is None or self._kind is None:
            return
        _, rate, channels = self._kind
        with np.errstate(all="ignore"):
            columns = _columns(frame, channels)
            mono = _mean(columns)
            peak = float(np.abs(mono).max())
            # Written so that NaN, which compares with nothing, is caught as well.
            if not peak <= _LOUDEST:
                raise Refusal(
                    "AudioUnreadable",
                    f"the audio holds samples that are not finite or beyond {_LOUDEST:.0e} times full scale: "
                    "export it again as 16-bit audio",
                )
            self._hash.update(_interleaved(columns).data.cast("B"))
        if rate == self._job["sample_rate"]:
            self._put(mono)
            return
        native = av.AudioFrame.from_ndarray(mono.reshape(1, -1), format="flt", layout="mono")
        native.sample_rate = rate
        self._write(*self._resampler.resample(native))

    def _write(self, *frames: AudioFrame) -> None:
        for frame in frames:
            self._put(frame.to_ndarray())

    def _put(self, samples: np.ndarray) -> None:
        self.n_samples += samples.size
        left = samples.data.cast("B")
        while left:
            left = left[os.write(self._target, left) :]


def _sample_type(name: str) -> tuple[np.dtype[Any], bool]:
    """Return the numpy type of an FFmpeg sample format, and whether channels are in planes of their own."""
    types = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
    # "s16p" is planar "s16"; no packed format ends in p.
    base = name.removesuffix("p")
    if base not in types:
        raise Refusal("AudioUnreadable", f"samples of the format {name} are not read: convert the file to 16-bit WAV")
    return np.dtype(types[base]), name.endswith("p")


def _columns(frame: Any, channels: int) -> list[np.ndarray]:
    """Return one array of native samples a channel."""
    # Not AudioFrame.to_ndarray: packed stereo comes out of it as one row of twice the length.
    kind, planar = _sample_type(frame.format.name)
    if planar:
        return [np.frombuffer(plane, kind, frame.samples) for plane in frame.planes[:channels]]
    packed = np.frombuffer(frame.planes[0], kind, frame.samples * channels).reshape(-1, channels)
    return [packed[:, index] for index in range(channels)]


def _mean(columns: list[np.ndarray]) -> np.ndarray:
    """Return the mean over channels as float32, full scale +-1.

    FFmpeg's own mix to mono is not used: for floats it raises the level by 3 dB and leaves channels out.
    """
    kind = columns[0].dtype
    scale = 1.0 if kind.kind == "f" else 2.0 ** (8 * kind.itemsize - 1)
    # float32 holds 24 bits; wider samples are summed as doubles.
    total: Any = columns[0].astype(np.float64 if kind.itemsize > 2 and kind != np.float32 else np.float32)
    for column in columns[1:]:
        total += column
    if kind == np.uint8:
        total -= 128 * len(columns)
    if scale * len(columns) != 1.0:
        total *= 1.0 / (scale * len(columns))
    mean: np.ndarray = total.astype(np.float32, copy=False)
    return mean


def _interleaved(columns: list[np.ndarray]) -> np.ndarray:
    """Return the samples as little-endian int16 of shape (n, channels), rounded half up."""
    pcm = np.empty((len(columns[0]), len(columns)), "<i2")
    for index, column in enumerate(columns):
        if column.dtype == np.int16:
            pcm[:, index] = column
        elif column.dtype == np.uint8:
            pcm[:, index] = (column.astype(np.int16) - 128) << 8
        elif column.dtype.kind == "i":
            # ((x >> 15) + 1) >> 1 is floor(x / 2**16 + 1/2) without leaving 32 bits.
            wide = column if column.dtype == np.int32 else (column >> 32).astype(np.int32)
            pcm[:, index] = np.minimum(((wide >> 15) + 1) >> 1, 32767)
        else:
            scaled = column * column.dtype.type(32768)
            scaled += column.dtype.type(0.5)
            np.floor(scaled, out=scaled)
            pcm[:, index] = np.clip(scaled, -32768, 32767, out=scaled)
    return pcm


def too_long(job: Mapping[str, Any]) -> Refusal:
    """Return the refusal of audio beyond the limit of seconds."""
    return Refusal(
        "AudioTooLong",
        f"the audio lasts longer than {job['max_seconds']:g} s, the limit: cut it"
        + or_raise(job["kind"], "snippet_seconds", "track_seconds"),
    )


def check_shape(job: Mapping[str, Any], channels: int, rate: int) -> None:
    """Refuse a channel count or a sampling rate (Hz) outside the limits."""
    most, low, high = job["max_channels"], job["min_rate"], job["max_rate"]
    if not 1 <= channels <= most:
        # FFmpeg says 0 as well for counts beyond what it knows.
        held = f"{channels} channels" if channels else "0 channels, or far too many, by its header"
        raise Refusal(
            "AudioUnsupported",
            f"the audio has {held}; 1 to {most} are read: mix it down, or raise the setting max_channels",
        )
    if not low <= rate <= high:
        raise Refusal(
            "AudioUnsupported",
            f"the audio's sampling rate is {rate:,} Hz; {low:,} to {high:,} Hz are read: resample it to 44,100 Hz",
        )
