"""What a phone and its call do to sound: suppression of noise, automatic gain, codecs.

Delays are taken out, so that everything stays in its place.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import soxr

from bench.corpus import SAMPLE_RATE, CorpusError

#: Seconds by which each suppressor's output lags behind its input.
WEBRTC_DELAY_S = 0.006
RNNOISE_DELAY_S = 0.02
#: WebRTC's settings: target of the automatic gain in dB below full scale, and suppression from 0 to 4.
WEBRTC_GAIN_DBFS, WEBRTC_LEVEL = 3, 2
_RNNOISE_RATE = 48000


def fitted(samples: np.ndarray, length: int) -> np.ndarray:
    """Cut or zero-pad to ``length``: resampling may round to one sample more or less."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def webrtc(samples: np.ndarray) -> np.ndarray:
    """Suppress noise and control the gain as WebRTC does in calls; same length, in place.

    Raises
    ------
    CorpusError
        If webrtc-noise-gain is missing.
    """
    try:
        from webrtc_noise_gain import AudioProcessor
    except ImportError:
        raise CorpusError(
            "WebRTC's processing needs webrtc-noise-gain: pip install -r bench/requirements.txt"
        ) from None
    processor, step = AudioProcessor(WEBRTC_GAIN_DBFS, WEBRTC_LEVEL), SAMPLE_RATE // 100
    delay = round(WEBRTC_DELAY_S * SAMPLE_RATE)
    whole = np.pad(samples, (0, delay + (-(len(samples) + delay)) % step))
    pcm = np.round(np.clip(whole, -1, 32767 / 32768) * 32768).astype("<i2").reshape(-1, step)
    heard = b"".join(processor.Process10ms(frame.tobytes()).audio for frame in pcm)
    return (np.frombuffer(heard, "<i2")[delay : delay + len(samples)] / np.float32(32768)).astype(np.float32)


def rnnoise(samples: np.ndarray) -> np.ndarray:
    """Suppress whatever is not speech by RNNoise (Valin 2018); same length, in place.

    Raises
    ------
    CorpusError
        If pyrnnoise is missing.
    """
    try:
        from pyrnnoise import rnnoise as library
    except ImportError:
        raise CorpusError("RNNoise needs pyrnnoise: pip install -r bench/requirements.txt") from None
    step, delay = library.FRAME_SIZE, round(RNNOISE_DELAY_S * _RNNOISE_RATE)
    wide = soxr.resample(np.asarray(samples, np.float32), SAMPLE_RATE, _RNNOISE_RATE, quality="HQ")
    whole = np.pad(wide, (0, delay + (-(len(wide) + delay)) % step))
    pcm = np.round(np.clip(whole, -1, 32767 / 32768) * 32768).astype(np.int16).reshape(-1, step)
    state = library.create()
    try:
        heard = np.concatenate([library.process_mono_frame(state, frame)[0] for frame in pcm])
    finally:
        library.destroy(state)
    kept = (heard[delay : delay + len(wide)] / np.float32(32768)).astype(np.float32)
    return fitted(soxr.resample(kept, _RNNOISE_RATE, SAMPLE_RATE, quality="HQ"), len(samples))


SUPPRESSORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"webrtc": webrtc, "rnnoise": rnnoise}


@dataclass(frozen=True)
class Codec:
    """How a phone compresses: container, encoder, rate in Hz, bits a second, encoder delay not told to decoders.

    ``options`` are the encoder's own.
    """

    container: str
    encoder: str
    rate: int
    bit_rate: int
    suffix: str
    delay_s: float = 0.0
    options: Mapping[str, str] = field(default_factory=dict)


#: Opus as calls use it: its codec of speech, at whatever bandwidth the rate allows.
_VOICE = {"application": "voip"}
CODECS = {
    "opus16": Codec("ogg", "libopus", 16000, 16000, ".ogg"),
    "aac32": Codec("mp4", "aac", 16000, 32000, ".m4a"),
    "amrnb": Codec("amr", "libopencore_amrnb", 8000, 12200, ".amr", delay_s=0.005),
    "opus12voice": Codec("ogg", "libopus", 16000, 12000, ".ogg", options=_VOICE),
    "opus6voice": Codec("ogg", "libopus", 16000, 6000, ".ogg", options=_VOICE),
}


def encode(samples: np.ndarray, codec: str) -> bytes:
    """Compress a snippet as a phone would; return the file's bytes (suffix: ``CODECS[codec].suffix``)."""
    how = CODECS[codec]
    pcm = soxr.resample(samples.astype(np.float32), SAMPLE_RATE, how.rate, quality="HQ")
    whole = np.round(np.clip(pcm, -1, 32767 / 32768) * 32768).astype(np.int16)[np.newaxis]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=how.container) as container:
        stream = container.add_stream(how.encoder, rate=how.rate, layout="mono", options=dict(how.options))
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = how.bit_rate
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate = how.rate
        frame.pts = 0  # without it the muxer cannot say how many samples of priming a player must skip
        frame.time_base = Fraction(1, how.rate)
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=how.rate, frame_size=stream.codec_context.frame_size
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode(data: bytes) -> np.ndarray:
    """Decode a compressed snippet to mono float32 at 16 kHz."""
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler(format="fltp", layout="mono")
        pieces = []
        for frame in container.decode(audio=0):
            rate = frame.sample_rate
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    native = np.concatenate(pieces)
    return native if rate == SAMPLE_RATE else soxr.resample(native, rate, SAMPLE_RATE, quality="HQ")


def recode(samples: np.ndarray, codec: str) -> np.ndarray:
    """Encode and decode; the result has the same length and is aligned with what went in."""
    delay = round(CODECS[codec].delay_s * SAMPLE_RATE)
    margin = np.zeros(SAMPLE_RATE // 10, dtype=np.float32)  # flushes the codec's look-ahead
    decoded = decode(encode(np.concatenate((samples, margin)), codec))
    return fitted(decoded[delay:], len(samples))
