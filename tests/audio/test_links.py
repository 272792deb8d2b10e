"""Files one behind another in one file: every link is decoded, whatever its rate, channels and codec."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from classifier import errors
from classifier.audio.decoder import Audio, Decoder
from classifier.audio.limits import Limits
from tests import data_audio
from tests.audio.conftest import refused
from tests.data_audio import FORMATS, encode, tone, wav

SECONDS = 1.5
#: Hz: one pitch a link.
PITCHES = (500.0, 700.0, 900.0)
#: A tone's pitch within half a second of it, Hz; and what joins may add to its peak, in a lossy codec.
PITCH_HZ, CLICK = 1.0, 1.3
#: Other shapes that a format's encoders here can write.
RATES = {"opus": 24000, "webm": 24000, "live": 24000, "amr": 8000, "3gp": 8000}


def linked(kind: str, *, rates: tuple[int, ...], channels: tuple[int, ...]) -> bytes:
    links = zip(PITCHES, rates, channels, strict=False)
    return b"".join(encode(tone(SECONDS, rate, hertz, n), kind, rate=rate) for hertz, rate, n in links)


def check(audio: Audio, kind: str, n_links: int) -> None:
    padding = max(FORMATS[kind].padding_s, 0.001)
    assert audio.duration_s == pytest.approx(n_links * SECONDS, abs=2 * n_links * padding)
    assert audio.remarks == []
    for link, hertz in enumerate(PITCHES[:n_links]):
        middle = round((link + 0.5) * SECONDS * 16000)
        assert data_audio.pitch(audio.samples[middle - 4000 : middle + 4000], 16000) == pytest.approx(
            hertz, abs=PITCH_HZ
        )


@pytest.mark.parametrize("kind", FORMATS)
def test_links_of_one_shape(kind: str, decoder: Decoder, track_limits: Limits) -> None:
    form = FORMATS[kind]
    audio = decoder.decode(linked(kind, rates=(form.rate,) * 3, channels=(form.channels,) * 3), track_limits)
    check(audio, kind, 3)
    # No click: beyond codecs' own overshoot, a join is no louder than the tones.
    joins = [round(n * SECONDS * 16000) for n in (1, 2)]
    for join in joins:
        assert np.abs(audio.samples[join - 800 : join + 800]).max() < 0.3 * CLICK


@pytest.mark.parametrize("kind", [kind for kind, form in FORMATS.items() if form.channels == 2 and kind != "ogg"])
def test_links_of_other_shapes(kind: str, decoder: Decoder, track_limits: Limits) -> None:
    rate = FORMATS[kind].rate
    audio = decoder.decode(linked(kind, rates=(rate, rate), channels=(2, 1)), track_limits)
    check(audio, kind, 2)
    other = RATES.get(kind, 32000 if kind != "truehd" else 48000)
    audio = decoder.decode(linked(kind, rates=(rate, other, rate), channels=(2, 2, 2)), track_limits)
    check(audio, kind, 3)


def test_links_of_other_codecs_in_ogg(decoder: Decoder, track_limits: Limits) -> None:
    vorbis, opus = encode(tone(SECONDS, hertz=500), "ogg"), encode(tone(SECONDS, 48000, 700, 1), "opus")
    for links in ((vorbis, opus, opus), (opus, opus, vorbis)):
        audio = decoder.decode(b"".join(links), track_limits)
        assert audio.duration_s == pytest.approx(3 * SECONDS, abs=0.1)
        # Of most of it.
        assert (audio.codec, audio.source_rate, audio.channels, audio.remarks) == ("opus", 48000, 1, [])


def test_lossless_links_have_the_hash_of_the_whole(decoder: Decoder, track_limits: Limits) -> None:
    samples = data_audio.noise(2.0)
    expected = hashlib.sha256(b"44100:2\n" + samples.astype("<i2").tobytes()).hexdigest()
    for kind in ("wav", "flac", "alac", "aiff", "caf", "w64", "wv", "tta", "mka"):
        data = encode(samples[:50_000], kind) + encode(samples[50_000:], kind)
        assert decoder.decode(data, track_limits).content_hash == expected


def test_a_broken_link_is_named_and_the_others_are_heard(
    decoder: Decoder, limits: Limits, track_limits: Limits
) -> None:
    links = [bytearray(encode(tone(SECONDS, 48000, hertz), "opus")) for hertz in PITCHES]
    # The codec's header: the page is whole, what it holds is nonsense.
    links[1][28:60] = bytes(32)
    data = b"".join(links)
    assert "part 2 of the 3" in refused(decoder, data, track_limits, errors.AudioUnreadable)
    audio = decoder.decode(data, limits)
    assert audio.duration_s == pytest.approx(2 * SECONDS, abs=0.1)
    assert [remark.partition(":")[0] for remark in audio.remarks] == ["damaged"]


def test_a_video_with_sound_is_one_link(decoder: Decoder, track_limits: Limits) -> None:
    """Streams side by side begin with a page each, and are no chain."""
    vorbis, opus = encode(tone(1.0, hertz=500), "ogg"), encode(tone(1.0, 48000, 700), "opus")
    # Two first pages, then the pages of both.
    first, second = (data.index(b"OggS", 4) for data in (vorbis, opus))
    both = vorbis[:first] + opus[:second] + vorbis[first:] + opus[second:]
    audio = decoder.decode(both, track_limits)
    assert audio.duration_s == pytest.approx(1.0, abs=0.1)
    assert audio.codec == "vorbis"


def test_the_limit_counts_all_links(decoder: Decoder, track_limits: Limits) -> None:
    data = wav(tone(SECONDS)) * 4
    assert decoder.decode(data, replace(track_limits, max_seconds=6.0)).duration_s == 6.0
    refused(decoder, data, replace(track_limits, max_seconds=5.5), errors.AudioTooLong)
