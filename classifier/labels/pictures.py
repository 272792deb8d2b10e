"""Spectrograms as PNG: the plain picture that classifiers of pictures take, and one with axes for people.

Pillow draws and encodes; it is loaded when a picture is first made.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from classifier.errors import InvalidParameter
from classifier.labels.logmel_image import MOST, picture
from classifier.labels.mel import hz_to_mel, mel_power
from classifier.labels.pieces import Beginning

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SAMPLE_RATE = 22050
#: Pixels of the readable picture's inside, and around it: left, top, right, bottom.
WIDTH, HEIGHT = 1200, 384
_MARGINS = (64, 16, 92, 52)
#: Decibels from black to white.
RANGE_DB = 80.0

_BANDS, _FFT, _HOP = 128, 2048, 512
_FONT = 15
#: Colours from soft to loud; their lightness rises evenly, so that a print without colours reads the same.
_COLOURS = ((0, 0, 4), (54, 17, 107), (132, 37, 128), (213, 64, 108), (252, 135, 97), (254, 207, 146), (252, 253, 191))
_TICKS_HZ = (0, 250, 500, 1000, 2000, 4000, 8000)
_STEPS_S = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


def plain(pieces: Iterable[np.ndarray]) -> bytes:
    """Return the picture of :mod:`classifier.labels.logmel_image`: 2001 x 128 pixels, 8-bit grey, PNG.

    Parameters
    ----------
    pieces : iterable of np.ndarray, shape (n,), float32
        Mono at 22,050 Hz, all of the recording, in pieces of any length.
    """
    from PIL import Image

    beginning = Beginning(MOST)
    for piece in pieces:
        beginning.add(piece)
    return _png(Image.fromarray(picture(beginning.samples())))


class Columns:
    """Mel power of a recording of any length in at most twice as many columns as the picture has; grows as it comes."""

    def __init__(self) -> None:
        self._power = np.zeros((0, _BANDS), np.float32)
        self._frames = 1  # of a column
        self._rest = np.zeros((0, _BANDS), np.float32)
        self._n_samples = 0

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, float32 at 22,050 Hz; all blocks but the last have a multiple of 512."""
        self._n_samples += len(block)
        fresh = mel_power(block, SAMPLE_RATE, _FFT, _HOP, _BANDS)[: -(-len(block) // _HOP)]
        frames = np.concatenate([self._rest, fresh])
        whole = len(frames) // self._frames
        columns = frames[: whole * self._frames].reshape(whole, self._frames, _BANDS).mean(axis=1)
        self._rest = frames[whole * self._frames :]
        self._power = np.concatenate([self._power, columns])
        while len(self._power) > 2 * WIDTH:
            half = len(self._power) // 2
            # What stands alone at the end waits for its other half: as frames, for so it came.
            alone = np.repeat(self._power[2 * half :], self._frames, axis=0)
            self._rest = np.concatenate([alone, self._rest])
            self._power = self._power[: 2 * half].reshape(half, 2, _BANDS).mean(axis=1)
            self._frames *= 2

    @property
    def duration_s(self) -> float:
        """Seconds so far."""
        return self._n_samples / SAMPLE_RATE

    def power(self) -> np.ndarray:
        """Return mel power over time: shape (t, 128), t >= 1, float32."""
        rest = self._rest.mean(axis=0, keepdims=True) if len(self._rest) else self._rest
        return np.concatenate([self._power, rest])


def readable(blocks: Iterable[np.ndarray]) -> bytes:
    """Return a spectrogram with axes as PNG: time, frequency on the mel scale, level in dB below the loudest.

    Parameters
    ----------
    blocks : iterable of np.ndarray, shape (n,), float32
        The recording at 22,050 Hz, mono; all blocks but the last have a multiple of 512 samples.

    Raises
    ------
    InvalidParameter
        If there are no samples.
    """
    from PIL import Image, ImageDraw

    columns = Columns()
    for block in blocks:
        columns.add(block)
    if not columns.duration_s:
        raise InvalidParameter("there are no samples to draw: hand in a recording")
    left, top, right, bottom = _MARGINS
    image = Image.new("RGB", (left + WIDTH + right, top + HEIGHT + bottom), "white")
    shades = Image.fromarray(_coloured(_levels(columns.power())))
    image.paste(shades.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR), (left, top))
    bar = np.repeat(np.linspace(1, 0, HEIGHT)[:, None], 14, axis=1)
    image.paste(Image.fromarray(_coloured(bar)), (left + WIDTH + 18, top))
    _axes(ImageDraw.Draw(image), columns.duration_s)
    return _png(image)


def _levels(power: np.ndarray) -> np.ndarray:
    """Return levels for the picture: shape (128, t), in [0, 1], high frequencies first."""
    decibels = 10 * np.log10(np.maximum(power, 1e-20))
    levels: np.ndarray = np.clip(1 + (decibels - decibels.max()) / RANGE_DB, 0, 1).T[::-1]
    return levels


def _coloured(levels: np.ndarray) -> np.ndarray:
    """Return levels in [0, 1] as colours: shape (..., 3), uint8."""
    places = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(levels, places, [colour[i] for colour in _COLOURS]) for i in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _axes(draw: ImageDraw, duration_s: float) -> None:
    """Write ticks and names around the picture."""
    from PIL import ImageFont

    font = ImageFont.load_default(_FONT)
    left, top, _, _ = _MARGINS
    right, bottom = left + WIDTH, top + HEIGHT

    def write(x: float, y: float, text: str, anchor: str) -> None:
        draw.text((x, y), text, fill="black", font=font, anchor=anchor)

    draw.rectangle((left - 1, top - 1, right, bottom), outline="black")
    highest = float(hz_to_mel(np.array(SAMPLE_RATE / 2)))
    for hertz in _TICKS_HZ:
        y = bottom - HEIGHT * float(hz_to_mel(np.array(float(hertz)))) / highest
        draw.line((left - 6, y, left - 1, y), fill="black")
        write(left - 10, y, f"{hertz / 1000:g}", "rm")
    write(8, top - 1, "kHz", "la")
    step = next((step for step in _STEPS_S if duration_s / step <= 12), 4 * _STEPS_S[-1])
    for k in range(int(duration_s / step) + 1):
        x = left + WIDTH * k * step / duration_s
        draw.line((x, bottom, x, bottom + 5), fill="black")
        write(x, bottom + 9, _clock(k * step, step), "ma")
    write(right, bottom + 32, "time, min:s" if step >= 1 else "time, s", "rm")
    for decibels in range(0, int(RANGE_DB) + 1, 20):
        y = top + (HEIGHT - 1) * decibels / RANGE_DB
        write(right + 40, y, f"{-decibels} dB", "lm")


def _clock(seconds: float, step: float) -> str:
    return f"{seconds:g}" if step < 1 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _png(image: object) -> bytes:
    from PIL import Image

    assert isinstance(image, Image.Image)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
