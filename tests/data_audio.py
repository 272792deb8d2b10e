"""Audio files for the tests, synthesised on the spot: any container, any codec, from a seed.

Samples are int16 arrays of shape (n, channels). :data:`FORMATS` names every kind of file that a phone or a
music library holds; :func:`encode` makes one with PyAV. Encoders that the PyAV wheel lacks are taken from
the ``ffmpeg`` command if it is there; :func:`missing` then says what is not.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import pytest

RATE = 44100


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file.

    Parameters
    ----------
    container, codec : str
        FFmpeg's names of the muxer and of the encoder.
    rate : int
        A sampling rate in Hz that the codec takes.
    channels : int
        Most channels that the codec takes, 1 or 2.
    lossless : bool
        Whether 16-bit samples come back as they were.
    named : str
        What :attr:`classifier.audio.decoder.Audio.codec` shall say.
    padding_s : float
        Most seconds that the codec may add or drop at either end.
    container_options, codec_options : dict
        Options of the muxer and of the encoder.
    tagged : bool
        Whether the container holds a title and an artist.
    samples : str
        Sample format of the encoder, if its first is not the one for 16 bits.
    bit_rate : int
        Bits a second, where the encoder has no default that works.
    """

    container: str
    codec: str
    named: str
    rate: int = RATE
    channels: int = 2
    lossless: bool = False
    padding_s: float = 0.1
    container_options: dict[str, str] = field(default_factory=dict)
    codec_options: dict[str, str] = field(default_factory=dict)
    tagged: bool = True
    samples: str = ""
    bit_rate: int = 0


_EXPERIMENTAL = {"strict": "experimental"}
#: Every kind of file that must be read, by a short name.
FORMATS: dict[str, Format] = {
    "wav": Format("wav", "pcm_s16le", "pcm_s16le", lossless=True, padding_s=0.0),
    "wav24": Format("wav", "pcm_s24le", "pcm_s24le", lossless=True, padding_s=0.0),
    "wav32f": Format("wav", "pcm_f32le", "pcm_f32le", lossless=True, padding_s=0.0),
    "aiff": Format(
        "aiff", "pcm_s16be", "pcm_s16be", lossless=True, padding_s=0.0, container_options={"write_id3v2": "1"}
    ),
    "caf": Format("caf", "pcm_s16le", "pcm_s16le", lossless=True, padding_s=0.0),
    "flac": Format("flac", "flac", "flac", lossless=True, padding_s=0.0),
    "alac": Format("ipod", "alac", "alac", lossless=True, padding_s=0.0),
    "mp3": Format("mp3", "libmp3lame", "mp3"),
    "ogg": Format("ogg", "vorbis", "vorbis", codec_options=_EXPERIMENTAL),
    "opus": Format("ogg", "libopus", "opus", rate=48000),
    "m4a": Format("ipod", "aac", "aac"),
    "adts": Format("adts", "aac", "aac", tagged=False),
    # What MediaRecorder sends: fragments without a duration in the header.
    "fragmented": Format(
        "mp4", "aac", "aac", container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}, tagged=False
    ),
    "webm": Format("webm", "libopus", "opus", rate=48000),
    "live": Format("webm", "libopus", "opus", rate=48000, container_options={"live": "1"}, tagged=False),
    "amr": Format("amr", "libopencore_amrnb", "amrnb", rate=8000, channels=1, tagged=False),
    "3gp": Format("3gp", "libopencore_amrnb", "amrnb", rate=8000, channels=1),
    "w64": Format("w64", "pcm_s16le", "pcm_s16le", lossless=True, padding_s=0.0, tagged=False),
    "au": Format("au", "pcm_s16be", "pcm_s16be", lossless=True, padding_s=0.0, tagged=False),
    "voc": Format("voc", "pcm_s16le", "pcm_s16le", lossless=True, padding_s=0.0, tagged=False),
    "wv": Format("wv", "wavpack", "wavpack", lossless=True, padding_s=0.0, samples="s16p"),
    "tta": Format("tta", "tta", "tta", lossless=True, padding_s=0.0, tagged=False, samples="s16"),
    "mka": Format("matroska", "flac", "flac", lossless=True, padding_s=0.0),
    "mov": Format("mov", "pcm_s16le", "pcm_s16le", lossless=True, padding_s=0.0),
    "truehd": Format("truehd", "truehd", "truehd", codec_options=_EXPERIMENTAL, tagged=False),
    "mp2": Format("mp2", "mp2", "mp2", tagged=False),
    "latm": Format("latm", "aac", "aac_latm", tagged=False),
    "ac3": Format("ac3", "ac3", "ac3", tagged=False),
    "eac3": Format("eac3", "eac3", "eac3", tagged=False),
    "dts": Format("dts", "dca", "dts", codec_options=_EXPERIMENTAL, tagged=False),
    "wma": Format("asf", "wmav2", "wmav2", bit_rate=128_000),
    "wma1": Format("asf", "wmav1", "wmav1", bit_rate=128_000),
    "avi": Format("avi", "mp2", "mp2", tagged=False),
    "flv": Format("flv", "aac", "aac", tagged=False),
    "ts": Format("mpegts", "aac", "aac", tagged=False),
    "mpg": Format("mpeg", "mp2", "mp2", tagged=False),
}


def missing(what: str) -> None:
    """Skip the test for want of ``what``, or fail it where nothing may be missing."""
    if os.environ.get("EARMARK_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and EARMARK_REQUIRE_ALL=1 lets nothing be missing")
    pytest.skip(f"{what} is missing")


def tone(seconds: float, rate: int = RATE, hertz: float = 440.0, channels: int = 2, level: float = 0.3) -> np.ndarray:
    """Return a sine, the same in every channel.

    Parameters
    ----------
    seconds, hertz : float
        Length and pitch.
    rate, channels : int
        Samples a second and columns.
    level : float in [0, 1]
        Peak, as a fraction of full scale.

    Returns
    -------
    np.ndarray, shape (n, channels), int16
    """
    time = np.arange(round(seconds * rate)) / rate
    wave_form = np.round(level * 32767 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)
    return np.repeat(wave_form[:, None], channels, axis=1)


def noise(seconds: float, rate: int = RATE, channels: int = 2, level: float = 0.1, seed: int = 1) -> np.ndarray:
    """Return white noise of the given standard deviation, as int16 of shape (n, channels)."""
    random = np.random.default_rng(seed)
    samples = random.normal(0.0, level * 32767, (round(seconds * rate), channels))
    return np.clip(np.round(samples), -32768, 32767).astype(np.int16)


def encode(
    samples: np.ndarray,
    kind: str = "wav",
    *,
    rate: int | None = None,
    tags: Mapping[str, str] | None = None,
    muxer: Mapping[str, str] | None = None,
    **codec_options: Any,
) -> bytes:
    """Return a file of ``samples``.

    Parameters
    ----------
    samples : np.ndarray, shape (n, channels), int16
        At ``rate``; columns beyond what the codec takes are dropped.
    kind : str
        A key of :data:`FORMATS`.
    rate : int, optional
        Samples a second; the format's own by default.
    tags : mapping, optional
        Title, artist and so on.
    muxer : mapping, optional
        Added to the muxer's options.
    **codec_options
        Added to the encoder's options; ``bit_rate`` in bits a second.
    """
    form = FORMATS[kind]
    samples = np.ascontiguousarray(samples[:, : form.channels])
    rate = rate or form.rate
    if form.codec not in av.codecs_available or not _writes(form.codec):
        return _by_command(samples, rate, form, tags or {})
    target = io.BytesIO()
    bit_rate = codec_options.pop("bit_rate", form.bit_rate)
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(target, "w", format=form.container, options={**form.container_options, **(muxer or {})}) as container:
        container.metadata.update(tags or {})
        options = {**form.codec_options, **{name: str(value) for name, value in codec_options.items()}}
        stream = container.add_stream(form.codec, rate=rate, layout=layout, options=options)
        if bit_rate:
            stream.bit_rate = bit_rate
        if form.samples:
            stream.codec_context.format = form.samples
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        size = stream.codec_context.frame_size or 4096
        fifo, written = av.AudioFifo(), 0
        for start in range(0, len(samples) + 1, 1 << 18):
            native = _frames(resampler, samples[start : start + (1 << 18)], rate, layout)
            last = start + (1 << 18) > len(samples)
            # A resampler with nothing to do answers the flush with [None].
            for frame in [*native, *((f for f in resampler.resample(None) if f) if last else ())]:
                frame.pts = None
                fifo.write(frame)
            for frame in fifo.read_many(size, partial=last):
                frame.pts = written
                written += frame.samples
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def _frames(resampler: av.AudioResampler, samples: np.ndarray, rate: int, layout: str) -> list[Any]:
    if not len(samples):
        return []
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate = rate
    return resampler.resample(frame)


def _writes(codec: str) -> bool:
    try:
        av.Codec(codec, "w")
    except ValueError:
        return False
    return True


def _by_command(samples: np.ndarray, rate: int, form: Format, tags: Mapping[str, str]) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        missing(f"an encoder for {form.codec}")
    command = [str(program), "-v", "error", "-f", "wav", "-i", "pipe:0", "-c:a", form.codec]
    for name, value in {**form.codec_options, **form.container_options}.items():
        command += [f"-{name}", value]
    for name, value in tags.items():
        command += ["-metadata", f"{name}={value}"]
    done = subprocess.run(
        [*command, "-f", form.container, "pipe:1"], input=wav(samples, rate), capture_output=True, check=False
    )
    if done.returncode:
        missing(f"an encoder for {form.codec}")
    return done.stdout


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Return a 16-bit WAV made by the standard library: FFmpeg has no part in it."""
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(samples.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return target.getvalue()


def wav_header(data: bytes, *, rate: int, channels: int, bits: int, code: int = 1, claimed: int | None = None) -> bytes:
    """Return a WAV whose header says whatever is wanted of ``data``.

    Parameters
    ----------
    data : bytes
        The data chunk's content.
    rate, channels, bits : int
        As the header shall state them, true or not.
    code : int
        Format code: 1 for integers, 3 for floats.
    claimed : int, optional
        Length of the data chunk as the header states it; the true one by default.
    """
    block = channels * bits // 8
    size = len(data) if claimed is None else claimed
    fmt = struct.pack("<HHIIHH", code, channels, rate, min(rate * block, 2**32 - 1), min(block, 2**16 - 1), bits)
    body = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(4 + len(body) - len(data) + size, 2**32 - 1)) + b"WAVE" + body


def flac_header(rate: int, channels: int, total: int = 0) -> bytes:
    """Return a FLAC that is all header: STREAMINFO with the given claims, then a few zero bytes."""
    packed = (rate << 44) | ((channels - 1) << 41) | ((16 - 1) << 36) | total
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info + bytes(64)


def video(seconds: float = 1.0, sound: np.ndarray | None = None) -> bytes:
    """Return a small MP4 with a picture, and with ``sound`` (44.1 kHz, int16, (n, 2)) if given."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="stereo") if sound is not None else None
        for index in range(round(seconds * 10)):
            image = np.full((64, 64, 3), index % 256, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(picture.encode(None))
        if audio is not None and sound is not None:
            for start in range(0, len(sound), 1024):
                part = np.ascontiguousarray(sound[start : start + 1024]).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
                frame.sample_rate = RATE
                frame.pts = start
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return target.getvalue()


def mp3_with_picture(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Return an MP3 with a cover picture in its ID3 tag, as music libraries have it."""
    image = io.BytesIO()
    with av.open(image, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    apic = b"\x00image/jpeg\x00\x03\x00" + image.getvalue()
    frame_bytes = b"APIC" + struct.pack(">I", len(apic)) + b"\x00\x00" + apic
    length = len(frame_bytes)
    synchsafe = bytes((length >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + synchsafe + frame_bytes + encode(samples, "mp3", rate=rate)


def pitch(samples: np.ndarray, rate: int) -> float:
    """Return the frequency in Hz of the strongest spectral line, refined by a parabola to a few millihertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    peak = int(np.argmax(spectrum[1:-1])) + 1
    low, middle, high = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    return (peak + 0.5 * (low - high) / (low - 2 * middle + high)) * rate / len(samples)
