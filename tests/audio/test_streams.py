"""Files with several audio streams: the one that a player would play, unless it is silent."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import numpy as np
import pytest
from av.stream import Disposition

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from tests import data_audio
from tests.data_audio import RATE, noise, tone

PITCH_HZ = 0.5
DEFAULT, COMMENT, IMPAIRED = Disposition.default, Disposition.comment, Disposition.visual_impaired
NONE = Disposition(0)


def several(streams: Sequence[tuple[np.ndarray, Disposition]], form: str = "matroska", codec: str = "aac") -> bytes:
    """Return a file with one audio stream for each pair of samples (44.1 kHz stereo) and disposition."""
    target = io.BytesIO()
    with av.open(target, "w", format=form) as container:
        made = []
        for _, disposition in streams:
            stream = container.add_stream(codec, rate=RATE, layout="stereo")
            stream.disposition = disposition
            made.append(stream)
        for start in range(0, len(streams[0][0]), 1024):
            for stream, (samples, _) in zip(made, streams, strict=True):
                part = np.ascontiguousarray(samples[start : start + 1024]).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(part, format="s16", layout="stereo")
                frame.sample_rate, frame.pts = RATE, start
                container.mux(stream.encode(frame))
        for stream in made:
            container.mux(stream.encode(None))
    return target.getvalue()


@pytest.mark.parametrize(
    ("form", "dispositions", "chosen"),
    [
        ("matroska", (DEFAULT, NONE), 0),
        ("matroska", (NONE, NONE, DEFAULT), 2),
        ("matroska", (DEFAULT | COMMENT, NONE), 1),
        ("matroska", (DEFAULT | IMPAIRED, NONE, DEFAULT), 2),
        ("matroska", (COMMENT, IMPAIRED), 0),
        # Which has no marks for what stands beside the music.
        ("mp4", (DEFAULT, NONE), 0),
        ("mp4", (NONE, DEFAULT), 1),
    ],
)
def test_the_default_stream(
    form: str, dispositions: tuple[Disposition, ...], chosen: int, decoder: Decoder, limits: Limits
) -> None:
    pitches = [500.0 + 100 * index for index in range(len(dispositions))]
    data = several([(tone(1.5, hertz=hertz), mark) for hertz, mark in zip(pitches, dispositions, strict=True)], form)
    audio = decoder.decode(data, limits)
    assert data_audio.pitch(audio.samples[4000:-4000], 16000) == pytest.approx(pitches[chosen], abs=PITCH_HZ)
    assert audio.remarks == []


def test_a_silent_default_gives_way(decoder: Decoder, limits: Limits) -> None:
    silence, dither = np.zeros((RATE * 3, 2), np.int16), noise(3.0, level=1 / 32767)
    sound = tone(3.0, hertz=600)
    for form, codec in (("matroska", "aac"), ("mp4", "aac"), ("matroska", "pcm_s16le")):
        for quiet in (silence, dither):
            audio = decoder.decode(several([(quiet, DEFAULT), (silence, NONE), (sound, NONE)], form, codec), limits)
            assert data_audio.pitch(audio.samples[4000:-4000], 16000) == pytest.approx(600, abs=PITCH_HZ)
            assert [remark.partition(":")[0] for remark in audio.remarks] == ["silent_stream"]


def test_a_default_that_begins_with_silence_is_kept(decoder: Decoder, limits: Limits) -> None:
    late = np.concatenate([np.zeros((RATE * 2, 2), np.int16), tone(2.0, hertz=700)])
    audio = decoder.decode(several([(late, DEFAULT), (tone(4.0, hertz=500), NONE)]), limits)
    assert data_audio.pitch(audio.samples[-24000:-4000], 16000) == pytest.approx(700, abs=PITCH_HZ)
    assert audio.remarks == []


def test_all_silent(decoder: Decoder, limits: Limits) -> None:
    silence = np.zeros((RATE, 2), np.int16)
    audio = decoder.decode(several([(silence, NONE), (silence, DEFAULT)]), limits)
    assert (audio.loudest, audio.remarks) == (0.0, [])
