"""What ``earmark listen`` can listen to, by how it is named: microphone, standard input, pipe, file, address."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.audio.live import Raw, check_address, from_address, from_pipe
from classifier.audio.microphone import from_microphone
from classifier.errors import FileMissing, InvalidParameter
from classifier.settings import Settings, mask_url


def shown(source: str | None) -> str:
    """Return a source as a person may read it, without a password."""
    if source is None:
        return "the microphone"
    return "standard input" if source == "-" else mask_url(source)


def blocks_of(
    source: str | None,
    decoder: Decoder,
    settings: Settings,
    rate: int,
    *,
    raw: str | None,
    device: str | None,
    patience_s: float,
    note: Callable[[str], None],
) -> Iterator[np.ndarray]:
    """Return the sound of a source, block by block; nothing is opened before the first is asked for.

    Parameters
    ----------
    source : str or None
        As it was named; None for the microphone.
    decoder : Decoder
        Decodes it.
    settings : Settings
        Its limits.
    rate : int
        Wanted, Hz.
    raw, device : str or None
        How samples are made, for pipes; which microphone.
    patience_s : float
        Seconds for which an address that broke off is asked again.
    note : callable
        Takes what is worth telling a person.

    Raises
    ------
    InvalidParameter, FileMissing
        If there is no such source, or the options do not go together.
    """
    made = None if raw is None else Raw.parse(raw)
    limits = Limits.for_stream(settings)
    if device is not None and source is not None:
        raise InvalidParameter("--device is of the microphone: leave out the source, or the device")
    if made is not None and (source is None or "://" in source):
        raise InvalidParameter("--raw is of a pipe: name it as the source, such as - for standard input")
    if source is None:
        return from_microphone(rate, device=device, note=note)
    if source == "-":
        return from_pipe(decoder, sys.stdin.fileno(), limits, rate, raw=made)
    if "://" in source:
        return from_address(decoder, check_address(source), limits, rate, patience_s=patience_s, note=note)
    try:
        is_file = stat.S_ISREG(os.stat(source).st_mode)
    except (OSError, ValueError):
        raise FileMissing(f"there is no file {source!r}: check its name, or write an address with http://") from None
    if is_file and made is None:
        return _file(decoder, Path(source), Limits.for_recording(settings), rate)
    return _pipe(decoder, source, limits, rate, made)


def first(blocks: Iterator[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    """Yield the first samples."""
    for block in blocks:
        yield block[:n_samples]
        n_samples -= len(block)
        if n_samples <= 0:
            return


def _pipe(decoder: Decoder, path: str, limits: Limits, rate: int, made: Raw | None) -> Iterator[np.ndarray]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileMissing(f"{path!r} cannot be opened ({error.strerror}): check its permissions") from None
    try:
        yield from from_pipe(decoder, descriptor, limits, rate, raw=made)
    finally:
        os.close(descriptor)


def _file(decoder: Decoder, path: Path, limits: Limits, rate: int) -> Iterator[np.ndarray]:
    with decoder.stream(path, limits.of(path), rate) as stream:
        yield from stream
