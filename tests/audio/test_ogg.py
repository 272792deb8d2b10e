"""Pages of Ogg files: found, checked, counted."""

from __future__ import annotations

import os

import pytest

from classifier.audio import ogg
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.audio.source import Source
from tests import data_audio
from tests.data_audio import FORMATS, encode, tone


def examine(data: bytes) -> ogg.Pages:
    descriptor = os.memfd_create("ogg")
    try:
        os.write(descriptor, data)
        return ogg.examine(Source(descriptor))
    finally:
        os.close(descriptor)


def starts(data: bytes) -> list[int]:
    found = [0]
    while (place := data.find(b"OggS\0", found[-1] + 1)) > 0:
        found.append(place)
    return found


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_every_page_is_checked(kind: str) -> None:
    rate = FORMATS[kind].rate
    data = encode(tone(4.0, rate), kind)
    pages = starts(data)
    whole = examine(data)
    assert (whole.n_pages, whole.n_damaged, whole.cut) == (len(pages), 0, False)
    assert whole.granule == pytest.approx(4.0 * rate, abs=0.1 * rate)
    for start, end in zip(pages, [*pages[1:], len(data)], strict=True):
        for place in (start + 8, (start + end) // 2, end - 1):
            broken = bytearray(data)
            broken[place] ^= 1
            assert examine(bytes(broken)).n_damaged == 1
        without = examine(data[:start] + data[end:])
        is_between = pages[3] <= start < pages[-1]  # the first page of music may be where somebody tuned in
        assert (without.n_damaged, without.n_lost) == (0, int(is_between)), start
    assert examine(data[: pages[-1]]).cut
    assert examine(data[:-1]).cut
    assert examine(data[: pages[2] + 40] + b"x" + data[pages[2] + 40 :]).n_damaged == 1
    assert examine(b"no page at all" * 9).n_pages == 0


def test_a_page_whose_header_is_gone_is_remarked_on(decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    """A page of a second, of which not even a beginning is left."""
    data = encode(data_audio.noise(6.0, 48000), "opus")
    pages = starts(data)
    place = pages[len(pages) // 2]
    for whose in (limits, track_limits):
        audio = decoder.decode(data[:place] + bytes(100) + data[place + 100 :], whose)
        assert audio.duration_s < 5.9
        assert audio.remarks == [f"damaged: 1 of {len(pages)} pages are damaged or missing, and left out"]


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_a_lost_page_is_remarked_on(kind: str, decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    data = encode(tone(4.0, FORMATS[kind].rate), kind)
    pages = starts(data)
    for start in (pages[2], pages[-1]):
        broken = bytearray(data)
        broken[start + 100] ^= 1
        for whose in (limits, track_limits):
            audio = decoder.decode(bytes(broken), whose)
            assert 2.0 < audio.duration_s < 3.999
            assert audio.remarks == [f"damaged: 1 of {len(pages)} pages are damaged or missing, and left out"]
