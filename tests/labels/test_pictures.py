"""Spectrograms as PNG."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from classifier.errors import InvalidParameter
from classifier.labels import logmel_image, pictures
from classifier.labels.mel import mel_power
from tests.labels.signals import chirp


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_the_plain_picture_is_grey_and_of_its_size():
    samples = chirp(20.0).astype(np.float32)
    image = opened(pictures.plain([samples[:1000], samples[1000:]]))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (2001, 128))
    np.testing.assert_array_equal(np.asarray(image), logmel_image.picture(samples))


def test_a_tone_is_where_its_frequency_and_time_are():
    t = np.arange(20 * 22050) / 22050
    tone = np.where(t >= 10, np.sin(2 * np.pi * 2000 * t), 1e-4 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)
    image = opened(pictures.readable([tone]))
    pixels = np.asarray(image.convert("L")).astype(int)
    left, top = 64, 16
    inside = pixels[top : top + pictures.HEIGHT, left : left + pictures.WIDTH]
    early, late = inside[:, : pictures.WIDTH // 2 - 20], inside[:, pictures.WIDTH // 2 + 20 :]
    assert late.max() > 200 > 60 > early.max()
    row = int(late.mean(axis=1).argmax())
    mel = {hertz: 2595 * np.log10(1 + hertz / 700) for hertz in (2000.0,)}  # HTK's scale is within a few bands of it
    expected = pictures.HEIGHT * (1 - mel[2000.0] / (2595 * np.log10(1 + 11025 / 700)))
    assert abs(row - expected) < 0.06 * pictures.HEIGHT


@pytest.mark.parametrize("seconds", [0.01, 3.0, 40.0, 200.0])
def test_columns_keep_the_mean_of_a_recording_of_any_length(seconds, rng):
    samples = rng.standard_normal(round(seconds * 22050)).astype(np.float32)
    columns = pictures.Columns()
    for start in range(0, len(samples), 512 * 300):
        columns.add(samples[start : start + 512 * 300])
    power = columns.power()
    assert columns.duration_s == pytest.approx(seconds, abs=1e-4)
    assert 1 <= len(power) <= 2 * pictures.WIDTH + 1
    whole = mel_power(samples, 22050, 2048, 512, 128)
    np.testing.assert_allclose(power.mean(axis=0), whole.mean(axis=0), rtol=0.2)
    if len(whole) <= 300:
        np.testing.assert_allclose(power[: len(whole) - 1], whole[: len(power)][: len(whole) - 1], rtol=1e-4)


@pytest.mark.parametrize("seconds", [0.1, 7.0, 600.0])
def test_pictures_have_one_size_and_silence_has_one_too(seconds):
    minute = np.zeros(512 * 2584, np.float32)
    blocks = [minute] * int(seconds // 60) or [minute[: round(seconds * 22050)]]
    image = opened(pictures.readable(blocks))
    assert (image.mode, image.size) == ("RGB", (64 + 1200 + 92, 16 + 384 + 52))


def test_nothing_cannot_be_drawn():
    with pytest.raises(InvalidParameter, match="no samples"):
        pictures.readable([])
