"""Pages of an Ogg (RFC 3533): FFmpeg passes by those that are damaged without a word, so they are counted here."""

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
    """What the pages of a file say.

    Parameters
    ----------
    n_pages, n_damaged : int
        Headers found, and pages that do not have their check sum or are not all there.
    n_lost : int
        Further pages that are missing between others of music, by their numbers.
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
    """Look at every page."""
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
    """Yield pages as far as they are there, and whether they are whole and sound."""
    place = 0
    while place + _HEAD <= source.size:
        data = source.at(place, _LARGEST)
        if not data.startswith(b"OggS\0"):
            # Out of step: on to the next page, wherever it is.
            found = data.find(b"OggS\0", 1)
            place += found if found > 0 else max(1, len(data) - 4)
            continue
        page = data[: page_length(data)]
        sound = len(page) == page_length(data) and _check_sum(page) == int.from_bytes(page[22:26], "little")
        yield page, sound
        # The length of a damaged page may be damage itself.
        place += len(page) if sound else 5


def _check_sum(page: bytes) -> int:
    """Return the CRC-32 of a page: Ogg shifts to the left, zlib to the right, and without zlib's complements."""
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    value = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)
