"""Reading tags, and knowing encoded audio again, without decoding it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.errors import AudioError, FileMissing
from classifier.settings import Settings
from tests.data_audio import FORMATS, encode
from tests.library import lively_noise

TAGS = {"title": "Blue", "artist": "Ann"}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(Settings()) as one:
        yield one


@pytest.fixture(scope="module")
def limits() -> Limits:
    return Limits.for_track(Settings())


def sound(seed: int, rate: int, channels: int = 1, seconds: float = 2.0) -> np.ndarray:
    mono = np.round(lively_noise(seconds, seed, rate) * 20000).astype(np.int16)
    return np.repeat(mono[:, None], channels, axis=1)


@pytest.mark.parametrize("kind", FORMATS)
def test_packets_are_known_whatever_the_tags(decoder: Decoder, limits: Limits, kind: str) -> None:
    form = FORMATS[kind]
    samples = sound(1, form.rate, form.channels)
    untagged = decoder.probe(encode(samples, kind), limits)
    with_tags = encode(samples, kind, tags={**TAGS, "comment": "x" * 3000})
    tagged = decoder.probe(with_tags, limits)
    other = decoder.probe(encode(sound(2, form.rate, form.channels), kind), limits)

    assert len(tagged.packet_hash) == 64
    assert tagged.packet_hash == untagged.packet_hash != other.packet_hash
    assert tagged.tags == decoder.decode(with_tags, limits).tags


def test_a_part_is_not_the_whole(decoder: Decoder, limits: Limits) -> None:
    samples = sound(1, 44100)
    whole, part = encode(samples, "mp3"), encode(samples[:-20000], "mp3")
    hashes = {decoder.probe(data, limits).packet_hash for data in (whole, part, whole[: len(whole) // 2])}
    assert len(hashes - {""}) >= 2


def test_the_same_bytes_at_another_rate_are_another_sound(decoder: Decoder, limits: Limits) -> None:
    data = encode(sound(1, 44100), "wav")
    faster = data.replace((44100).to_bytes(4, "little"), (48000).to_bytes(4, "little"), 1)
    assert faster != data
    assert decoder.probe(data, limits).packet_hash != decoder.probe(faster, limits).packet_hash


def test_what_cannot_be_read(decoder: Decoder, limits: Limits, tmp_path: os.PathLike[str]) -> None:
    for data in (b"", b"This is not audio.\n" * 100):
        with pytest.raises(AudioError):
            decoder.probe(data, limits)
    with pytest.raises(FileMissing):
        decoder.probe(tmp_path / "nothing.wav", limits)  # type: ignore[operator]
