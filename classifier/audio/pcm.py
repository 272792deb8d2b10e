r"""PCM in the decoder process: counted, hashed, mixed to mono, resampled and passed on.

Samples leave as native-endian float32, mono, full scale +-1, in blocks of a few seconds. The content hash is SHA-256
over ``"rate:channels\n"`` and the codec's PCM as interleaved little-endian int16: eight bits are widened, more bits and
floats are rounded half up, so that the same audio has one hash in every lossless container.
(Lossy decoders work in floats; another processor or FFmpeg may round a sample differently, and the hash then differs.)

Runs in the child only; see :mod:`classifier.audio.child`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from classifier.audio.downmix import Downmix
from classifier.audio.limits import Limits

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

#: Seconds of native audio processed at a time: enough to judge the channels, and to make numpy's overhead negligible.
_BLOCK_S = 2.0
#: Samples beyond this many times full scale are not audio; their squares would soon overflow float32.
_LOUDEST = 2.0**32
#: Audio may exceed its limit by this, because codecs pad.
_PADDING_S = 0.1
#: Range of quantisation steps: 24 bits to 8 bits. A square wave has few values without being a coarse recording.
_FINEST, _COARSEST = 2.0**-23, 2.0**-7


class Refusal(Exception):
    """The file is refused; ``args`` are the name of an error class and the message."""


class Pcm:
    """Takes native frames; counts and hashes them, mixes their channels, resamples and passes on the result.

    A stream may change its format on the way (chained Ogg, a late SBR header): each stretch is then hashed with its own
    rate and channel count and resampled separately.

    Parameters
    ----------
    limits : Limits
        Limits of seconds, bytes, channels and rate.
    sample_rate : int
        Wanted, Hz.
    emit : callable
        Takes float32 arrays, one after another.
    block_s : float
        Seconds of native audio worked on at a time.
    """

    def __init__(
        self, limits: Limits, sample_rate: int, emit: Callable[[np.ndarray], None], *, block_s: float = _BLOCK_S
    ) -> None:
        self._limits = limits
        self._sample_rate = sample_rate
        self._emit = emit
        self._block_s = block_s
        self._hash = hashlib.sha256()
        self._kind: tuple[str, int, int] | None = None
        self._fifo: Any = None
        self._resampler: Any = None
        self._downmix = Downmix(1)
        self._cancelled_s = 0.0
        self._width = 0
        self._block = 0
        self._rates: dict[tuple[int, int], float] = {}
        self._bits = 0
        self._finer = False
        self.seconds = 0.0
        self.n_bytes = 0
        self.n_samples = 0

    def push(self, frame: AudioFrame) -> None:
        """Take one frame as the decoder gave it."""
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        kind = (frame.format.name, rate, channels)
        if kind != self._kind:
            self._drain()
            check_shape(self._limits, channels, rate)
            self._kind = kind
            self._width = _sample_type(frame.format.name)[0].itemsize * channels
            self._block = round(self._block_s * rate)
            self._fifo = av.AudioFifo()
            self._resampler = av.AudioResampler("flt", "mono", self._sample_rate)
            self._downmix = Downmix(rate)
            self._hash.update(f"{rate}:{channels}\n".encode())
        seconds = frame.samples / rate
        self.seconds += seconds
        self._rates[rate, channels] = self._rates.get((rate, channels), 0.0) + seconds
        self.n_bytes += frame.samples * self._width
        self._check_length()
        # The FIFO insists on gapless time stamps; what matters here is the order alone.
        frame.pts = None
        self._fifo.write(frame)
        while self._fifo.samples >= self._block:
            self._work(self._block)

    def finish(self) -> None:
        """Process what is left."""
        self._drain()

    @property
    def content_hash(self) -> str:
        """SHA-256 of what has been processed, as 64 hexadecimal digits."""
        return self._hash.hexdigest()

    @property
    def shape(self) -> tuple[int, int]:
        """Rate in Hz and channels of most of the audio."""
        return max(self._rates, key=self._rates.__getitem__, default=(0, 0))

    @property
    def cancelled_s(self) -> float:
        """Seconds in which the channels cancelled each other and one of them was taken."""
        return self._cancelled_s + self._downmix.cancelled_s

    def step(self, *, lossless: bool) -> float:
        """Return the quantisation step of the samples, full scale 1.

        It follows from the values that occur, because 16-bit audio may be stored in 24 bits or floats. Lossy codecs
        give floats without a step; 16 bits are assumed, as most were made from that.
        """
        if self._finer or not self._bits:
            return _FINEST if lossless else 2.0**-15
        return min(_COARSEST, _FINEST * (self._bits & -self._bits))

    def _check_length(self) -> None:
        limits = self._limits
        # A codec's padding at the end may exceed it by some milliseconds.
        if self.seconds > limits.max_seconds + _PADDING_S:
            raise too_long(limits)
        if self.n_bytes > limits.max_decoded_bytes:
            raise Refusal(
                "AudioTooLarge",
                f"the audio decodes to more than {limits.max_decoded_bytes:,} bytes, the limit: use fewer channels, "
                f"a lower sampling rate or less of it{limits.remedy('decoded bytes')}",
            )

    def _drain(self) -> None:
        if self._fifo is None:
            return
        self._work()
        # A resampler that never had a frame, or nothing to do, may answer the flush with None.
        self._write(*(frame for frame in self._resampler.resample(None) if frame is not None))
        self._cancelled_s += self._downmix.cancelled_s
        self._fifo = self._resampler = self._kind = None
        self._downmix = Downmix(1)

    def _work(self, count: int = 0) -> None:
        """Process ``count`` samples, or all that there are."""
        frame = self._fifo.read(count) if count else self._fifo.read()
        if frame is None or self._kind is None:
            return
        rate = self._kind[1]
        with np.errstate(all="ignore"):
            columns = native_columns(frame)
            mono = self._downmix.mix(columns)
            peak = float(np.abs(mono).max())
            # "not <=" also catches NaN, for which every comparison is false.
            if not peak <= _LOUDEST:
                raise Refusal(
                    "AudioUnreadable",
                    f"the audio holds samples that are not finite or beyond {_LOUDEST:.0e} times full scale: "
                    "export it again as 16-bit audio",
                )
            self._hash.update(_interleaved(columns).data.cast("B"))
            self._look_at_digits(columns)
        if rate == self._sample_rate:
            self._put(mono)
            return
        native = av.AudioFrame.from_ndarray(mono.reshape(1, -1), format="flt", layout="mono")
        native.sample_rate = rate
        self._write(*self._resampler.resample(native))

    def _look_at_digits(self, columns: list[np.ndarray]) -> None:
        """Note which binary digits are in use, down to the last of 24 bits."""
        for column in columns:
            if self._finer:
                return
            if column.dtype.kind == "f":
                scaled = column.astype(np.float64) / _FINEST
                digits = scaled.astype(np.int64)
                self._finer = bool((digits != scaled).any())
                self._bits |= int(np.bitwise_or.reduce(digits))
            else:
                raw = int(np.bitwise_or.reduce(column ^ np.uint8(128) if column.dtype == np.uint8 else column))
                # As Python integers, which have any width.
                width = 8 * column.dtype.itemsize
                self._finer = width > 24 and bool(raw & ((1 << (width - 24)) - 1))
                self._bits |= raw << 24 - width if width < 24 else raw >> width - 24

    def _write(self, *frames: AudioFrame) -> None:
        for frame in frames:
            self._put(frame.to_ndarray().reshape(-1))

    def _put(self, samples: np.ndarray) -> None:
        self.n_samples += samples.size
        if samples.size:
            self._emit(samples)


def _sample_type(name: str) -> tuple[np.dtype[Any], bool]:
    """Return the numpy type of an FFmpeg sample format, and whether each channel has its own plane."""
    types = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
    # "s16p" is planar "s16"; no packed format ends in p.
    base = name.removesuffix("p")
    if base not in types:
        raise Refusal("AudioUnreadable", f"Earmark does not read samples of format {name}: convert to 16-bit WAV")
    return np.dtype(types[base]), name.endswith("p")


def native_columns(frame: Any) -> list[np.ndarray]:
    """Return one array of native samples for each channel of ``frame``, an audio frame of PyAV."""
    # Not AudioFrame.to_ndarray: it returns packed stereo as one row of twice the length.
    channels = frame.layout.nb_channels
    kind, planar = _sample_type(frame.format.name)
    if planar:
        return [np.frombuffer(plane, kind, frame.samples) for plane in frame.planes[:channels]]
    packed = np.frombuffer(frame.planes[0], kind, frame.samples * channels).reshape(-1, channels)
    return [packed[:, index] for index in range(channels)]


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


def too_long(limits: Limits) -> Refusal:
    """Return the refusal of audio that is too long."""
    return Refusal(
        "AudioTooLong",
        f"the audio lasts longer than {limits.max_seconds:g} s, the limit: cut it{limits.remedy('seconds')}",
    )


def check_shape(limits: Limits, channels: int, rate: int) -> None:
    """Refuse a channel count or a sampling rate (Hz) outside the limits."""
    most, low, high = limits.max_channels, limits.min_rate, limits.max_rate
    if not 1 <= channels <= most:
        # FFmpeg also says 0 for counts beyond what it supports.
        held = f"{channels} channels" if channels else "0 channels, or far too many, by its header"
        raise Refusal(
            "AudioUnsupported",
            f"the audio has {held}; Earmark takes 1 to {most}: mix it down, or raise the setting max_channels",
        )
    if not low <= rate <= high:
        raise Refusal(
            "AudioUnsupported",
            f"the audio's sampling rate is {rate:,} Hz; Earmark takes {low:,} to {high:,} Hz: resample it to 44,100 Hz",
        )
