"""Loudness, silence and gain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from classifier import errors
from classifier.audio import level
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.demo.songs import compose
from classifier.demo.synth import SAMPLE_RATE
from classifier.settings import Settings
from tests import data_audio
from tests.data_audio import encode, wav, wav_header


def as_file(samples: np.ndarray, kind: str) -> bytes:
    """Return a mono WAV at the rate of the demo songs, of samples with full scale +-1."""
    if kind == "float":
        return wav_header(samples.astype("<f4").tobytes(), rate=SAMPLE_RATE, channels=1, bits=32, code=3)
    bits = int(kind.split()[0])
    scaled = samples * 2.0 ** (bits - 1)
    if "dithered" in kind:
        random = np.random.default_rng(5)
        scaled = scaled + random.uniform(-0.5, 0.5, len(samples)) + random.uniform(-0.5, 0.5, len(samples))
    digits = np.clip(np.round(scaled), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype("<i4")
    data = digits.view("u1").reshape(-1, 4)[:, : bits // 8].tobytes()
    return wav_header(data, rate=SAMPLE_RATE, channels=1, bits=bits)


def test_levels_are_deviations_of_100_ms() -> None:
    random = np.random.default_rng(1)
    samples = random.normal(0.25, 0.1, 16000 * 70 + 700).astype(np.float32)
    blocks = samples[: 16000 * 70].reshape(-1, 1600).astype(np.float64)
    expected = np.sqrt(((blocks - blocks.mean(axis=1, keepdims=True)) ** 2).mean(axis=1))
    np.testing.assert_allclose(level.levels(samples, 16000), expected, rtol=1e-12)
    assert level.loudest(samples, 16000) == pytest.approx(expected.max(), rel=1e-12)
    assert level.loudest(samples[:800], 16000) == pytest.approx(samples[:800].std(dtype=float))
    assert level.loudest(samples[:0], 16000) == 0.0


@pytest.mark.parametrize("size", [1, 777, 1600, 40_000])
def test_blocks_give_the_level_of_the_whole(size: int) -> None:
    samples = np.random.default_rng(2).normal(0, 0.1, 33_333).astype(np.float32)
    for end in (0, 900, 33_333):
        running = level.Loudest(16000)
        for start in range(0, end, size):
            running.add(samples[start : min(end, start + size)])
        assert running.level == pytest.approx(level.loudest(samples[:end], 16000), rel=1e-12)


def test_gain_is_a_power_of_two_and_one_for_what_is_loud_enough() -> None:
    for value in np.geomspace(1e-7, 0.9, 200):
        factor = level.gain(float(value))
        assert np.log2(factor) == round(np.log2(factor))
        if value >= level.WORKING_LEVEL:
            assert factor == 1.0
        else:
            assert level.WORKING_LEVEL <= value * factor < 2 * level.WORKING_LEVEL
    assert level.gain(0.0) == 1.0
    samples = np.random.default_rng(3).normal(0, 1e-4, 1000).astype(np.float32)
    assert level.levelled(samples, 0.1) is samples
    lifted = level.levelled(samples, 1e-4)
    np.testing.assert_array_equal(lifted / np.float32(level.gain(1e-4)), samples)


@pytest.mark.parametrize(
    ("kind", "bits"), [("wav", 16), ("wav24", 16), ("wav32f", 16), ("flac", 16), ("mp3", 16), ("opus", 16)]
)
def test_step_is_of_the_digits_that_occur(kind: str, bits: int, decoder: Decoder, limits: Limits) -> None:
    samples = data_audio.noise(1.0, data_audio.FORMATS[kind].rate)
    assert decoder.decode(encode(samples, kind), limits).step == 2.0 ** (1 - bits)


def test_steps_of_other_widths(decoder: Decoder, limits: Limits) -> None:
    samples = np.random.default_rng(4).normal(0, 0.1, SAMPLE_RATE)
    for kind, step in (("24 bits", 2.0**-23), ("float", 2.0**-23), ("16 bits", 2.0**-15)):
        assert decoder.decode(as_file(samples, kind), limits).step == step
    eight = np.random.default_rng(4).integers(0, 256, 16000).astype("u1").tobytes()
    assert decoder.decode(wav_header(eight, rate=16000, channels=1, bits=8), limits).step == 2.0**-7
    # A square wave uses one digit of the sixteen, and is no one-bit recording.
    square = np.where(np.arange(16000) // 20 % 2, 16384, 0).astype(np.int16)[:, None]
    audio = decoder.decode(wav(square, 16000), limits)
    assert audio.step == 2.0**-7
    assert not level.is_silent(audio.loudest, audio.step)


@pytest.mark.parametrize("kind", ["8 bits", "16 bits", "24 bits", "float"])
def test_silence_is_silent(kind: str, decoder: Decoder, limits: Limits) -> None:
    for constant in (0.0, 0.01):
        if kind == "8 bits":
            data = wav_header(bytes([128 + round(128 * constant)]) * 32000, rate=16000, channels=1, bits=8)
        else:
            data = as_file(np.full(2 * SAMPLE_RATE, constant), kind)
        audio = decoder.decode(data, limits)
        assert level.is_silent(audio.loudest, audio.step)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["wav", "flac", "wav24", "mp3", "m4a"])
def test_bare_dither_is_silent(kind: str, channels: int, decoder: Decoder, limits: Limits) -> None:
    random = np.random.default_rng(6)
    dither = np.round(random.uniform(-1, 1, (88200, channels)) / 2 + random.uniform(-1, 1, (88200, channels)) / 2)
    audio = decoder.decode(encode(dither.astype(np.int16), kind), limits)
    assert level.is_silent(audio.loudest, audio.step)


# --- what becomes of quiet recordings -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    folder = tmp_path_factory.mktemp("quiet")
    settings = Settings(store=f"sqlite:///{folder / 'a.sqlite'}", data_dir=str(folder))
    with Catalogue.open(settings=settings) as catalogue:
        for seed in range(1, 5):
            catalogue.enroll(as_file(compose(seed, duration_s=24.0).samples, "16 bits"), title=str(seed))
        yield catalogue


@pytest.mark.parametrize(
    ("kind", "gain_db", "agreement"),
    [
        # Agreement falls with the distance to the recording's own quantisation, not with the level.
        ("16 bits", -50, 0.85),
        ("16 bits dithered", -55, 0.75),
        ("16 bits dithered", -70, 0.5),
        ("24 bits", -60, 0.95),
        ("24 bits", -80, 0.95),
        ("24 bits", -100, 0.85),
        ("float", -80, 0.98),
    ],
)
def test_quiet_recordings_are_identified(kind: str, gain_db: float, agreement: float, library: Catalogue) -> None:
    song = compose(2, duration_s=24.0).samples[8 * SAMPLE_RATE : 15 * SAMPLE_RATE]
    tag = library.identify(as_file(song * 10 ** (gain_db / 20), kind))
    assert (tag.verdict, tag.matches[0].title) == ("identified", "2")
    assert tag.matches[0].agreement > agreement
    assert tag.matches[0].offset_s == pytest.approx(8.0, abs=0.03)


def test_below_its_quantisation_nothing_is_heard(library: Catalogue) -> None:
    song = compose(2, duration_s=24.0).samples[: 5 * SAMPLE_RATE]
    with pytest.raises(errors.SnippetSilent):
        library.identify(as_file(song * 10 ** (-95 / 20), "16 bits dithered"))
    with pytest.raises(errors.SnippetSilent):
        library.enroll(as_file(np.zeros(5 * SAMPLE_RATE), "16 bits dithered"))


def test_opposite_channels_as_track_and_as_snippet(library: Catalogue, tmp_path: Path) -> None:
    song = np.round(compose(9, duration_s=24.0).samples * 20000).astype(np.int16)[:, None]
    plain, opposite = song, np.hstack([song, -song])
    cut = slice(6 * SAMPLE_RATE, 12 * SAMPLE_RATE)
    added = library.enroll(encode(opposite, "m4a", rate=SAMPLE_RATE), title="opposite")
    assert [remark.partition(":")[0] for remark in added.remarks] == ["channels_cancel"]
    for snippet in (encode(plain[cut], "wav", rate=SAMPLE_RATE), encode(opposite[cut], "mp3", rate=SAMPLE_RATE)):
        tag = library.identify(snippet)
        assert (tag.verdict, tag.matches[0].title) == ("identified", "opposite")
    assert [remark.partition(":")[0] for remark in tag.remarks] == ["channels_cancel"]
    assert tag.to_dict()["remarks"] == tag.remarks
