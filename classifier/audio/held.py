"""A decoded recording kept aside, so that it can be read when all of it is known: its hash, its loudest place.

A short one stays in memory. A longer one goes into a file without a name on disk, which is gone when it is closed and
when the process dies; so memory does not grow with a recording's length.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from classifier.audio import level
from classifier.audio.decoder import AudioInfo, Decoder
from classifier.audio.limits import Limits
from classifier.errors import StoreFull

#: Bytes of samples that stay in memory: eight minutes at 16 kHz.
MEMORY_BYTES = 2**25
#: Samples read at a time: 16 s at 16 kHz.
_BLOCK = 2**18
_ITEM_BYTES = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A recording kept aside; made by :func:`hold`.

    Parameters
    ----------
    info : AudioInfo
        What is known of it.
    file : file object
        Its samples, float32.
    """

    info: AudioInfo
    file: IO[bytes]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the samples at a working level (:func:`classifier.audio.level.levelled`), some seconds at a time."""
        self.file.seek(0)
        while data := self.file.read(_BLOCK * _ITEM_BYTES):
            yield level.levelled(np.frombuffer(data, np.float32), self.info.loudest)


@contextlib.contextmanager
def hold(decoder: Decoder, source: bytes | Path, limits: Limits, sample_rate: int, folder: Path) -> Iterator[Held]:
    """Decode a file and keep its samples for the length of a ``with`` block.

    Parameters
    ----------
    decoder : Decoder
        Decodes.
    source, limits, sample_rate
        As :meth:`classifier.audio.decoder.Decoder.stream` takes them.
    folder : Path
        On the disk where a long recording is kept; made if there is none.

    Raises
    ------
    AudioError, FileMissing, DecoderUnavailable, InvalidParameter
        As the stream does.
    StoreFull
        If the disk has no room for the samples, or takes none.
    """
    with contextlib.ExitStack() as stack:
        yield decoded(stack, decoder, source, limits, sample_rate, folder)


def decoded(
    stack: contextlib.ExitStack, decoder: Decoder, source: bytes | Path, limits: Limits, sample_rate: int, folder: Path
) -> Held:
    """Do what :func:`hold` does for as long as ``stack`` is open."""
    file: IO[bytes] = stack.enter_context(io.BytesIO())
    n_bytes = 0
    with decoder.stream(source, limits, sample_rate) as stream:
        for block in stream:
            try:
                if n_bytes + block.nbytes > MEMORY_BYTES and isinstance(file, io.BytesIO):
                    folder.mkdir(parents=True, exist_ok=True)
                    on_disk = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - the stack closes it
                    stack.enter_context(on_disk)
                    _write(on_disk, memoryview(file.getvalue()))
                    file.close()
                    file = on_disk
                _write(file, block.data)
            except OSError as error:
                hour = 3600 * sample_rate * _ITEM_BYTES / 1e6
                raise StoreFull(
                    f"the data folder takes no more than {n_bytes / 1e6:,.0f} MB of the decoded audio "
                    f"({error.strerror}): make room, {hour:,.0f} MB for an hour of each track at work"
                ) from None
            n_bytes += block.nbytes
        return Held(stream.info, file)


def _write(file: IO[bytes], data: memoryview) -> None:
    """Write all of it: a file without a buffer may take less, and one with a buffer would fail again when closed."""
    left = data.cast("B")
    while left:
        left = left[file.write(left) :]
