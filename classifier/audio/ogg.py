"""Pages of an Ogg file (RFC 3533): FFmpeg skips damaged ones silently, so they are counted here."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from classifier.audio.source import Source

#: Bytes of a page's header before its table of segments, and the most that a page may have.
_HEAD = 27
_LARGEST = _HEAD + 255 + 255 * 255
#: Bytes of the longest header.
PAGE_HEAD = _HEAD + 255
_LAST = 4
#: Each byte with its bits in reverse order.
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


@dataclass(frozen=True, slots=True)
class Pages:
    """A summary of a file's pages.

    Parameters
    ----------
    n_pages, n_damaged : int
        Pages found, and those of them that are incomplete or fail their checksum.
    n_lost : int
        Further pages that are missing between pages of music, by their numbers.
    cut : bool
        Whether the file ends within a page, or with one that is not marked as the last of its stream.
    granule : int
        Greatest position that a page states, in the codec's samples; 0 if none does.
    """

    n_pages: int
    n_damaged: int
    n_lost: int
    cut: bool
    granule: int


def examine(source: Source) -> Pages:
    """Read every page; return their summary."""
    n_pages = n_damaged = gaps = granule = 0
    cut = True
    numbers: dict[bytes, int] = {}  # by stream, of its last page of music
    for page, whole in _pages(source):
        n_pages += 1
        n_damaged += not whole
        cut = not page[5] & _LAST or page_length(page) > len(page)
        if whole:
            serial, number = page[14:18], int.from_bytes(page[18:22], "little")
            # Whoever tunes in to a radio gets the header pages first, and then what is on the air.
            gaps += max(0, number - numbers.get(serial, number) - 1)
            if any(page[6:14]):
                numbers[serial] = number
        granule = max(granule, int.from_bytes(page[6:14], "little", signed=True))
    # A damaged page leaves a gap in the numbers as well.
    return Pages(n_pages, n_damaged, max(0, gaps - n_damaged), cut, granule)


def page_length(head: bytes) -> int:
    """Return the length of the page that begins with ``head``, its header."""
    n_segments = head[_HEAD - 1]
    return _HEAD + n_segments + sum(head[_HEAD : _HEAD + n_segments])


def _pages(source: Source) -> Iterator[tuple[bytes, bool]]:
    """Yield pages, as far as they are present, and whether each is complete and undamaged."""
    place = 0
    while place + _HEAD <= source.size:
        data = source.at(place, _LARGEST)
        if not data.startswith(b"OggS\0"):
            # Not at a page: find the next one.
            found = data.find(b"OggS\0", 1)
            place += found if found > 0 else max(1, len(data) - 4)
            continue
        page = data[: page_length(data)]
        sound = len(page) == page_length(data) and _check_sum(page) == int.from_bytes(page[22:26], "little")
        yield page, sound
        # A damaged page's length may itself be damaged.
        place += len(page) if sound else 5


def _check_sum(page: bytes) -> int:
    """Return a page's CRC-32 by zlib's, which shifts right and complements; Ogg's shifts left and does not."""
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    value = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)
