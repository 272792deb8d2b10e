"""Sound that comes live, as one stream of samples: from a pipe, an address or a microphone.

What is yielded keeps the clock: a connection that breaks is made again, ever more patiently, and the time that nothing
came is given as silence, so that sample n is what was sent n / rate seconds after the first (give or take what a server
sends at once when it is asked). Addresses are for the command line alone: whoever may name one makes this machine speak
to others.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from classifier.audio.decoder import Decoder
from classifier.audio.formats import RAW
from classifier.audio.limits import Limits
from classifier.errors import AudioError, AudioUnreadable, DecoderUnavailable, InvalidParameter
from classifier.settings import mask_url

SCHEMES = ("http", "https")
"""What an address may begin with."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
#: Seconds of silence that are handed on at a time.
_GAP_S = 10.0
_MAX_RATE, _MAX_CHANNELS = 768_000, 64


@dataclass(frozen=True, slots=True)
class Raw:
    """How bare PCM is made.

    Parameters
    ----------
    rate : int
        Hz.
    form : str
        One of :data:`classifier.audio.formats.RAW`.
    channels : int
        Interleaved.
    """

    rate: int
    form: str
    channels: int

    @classmethod
    def parse(cls, text: str) -> Raw:
        """Read ``RATE:FORMAT:CHANNELS``, such as ``44100:s16le:2``.

        Raises
        ------
        InvalidParameter
            Naming what is wrong.
        """
        rate, form, channels = [*text.split(":"), "", ""][:3]
        if text.count(":") != 2 or not rate.isdecimal() or not channels.isdecimal():
            raise InvalidParameter(f"raw samples are {text!r}: write RATE:FORMAT:CHANNELS, such as 44100:s16le:2")
        if form not in RAW:
            raise InvalidParameter(f"raw samples of the format {form!r} are not read: choose one of {', '.join(RAW)}")
        if not 1000 <= int(rate) <= _MAX_RATE or not 1 <= int(channels) <= _MAX_CHANNELS:
            raise InvalidParameter(
                f"raw samples of {rate} Hz with {channels} channels are not read: 1000 to {_MAX_RATE} Hz and 1 to "
                f"{_MAX_CHANNELS} channels are"
            )
        return cls(int(rate), form, int(channels))


def check_address(address: str) -> str:
    """Return an address that may be listened to.

    Raises
    ------
    InvalidParameter
        If it is of another kind; a password in it is not repeated.
    """
    try:
        parts = urlsplit(address)
        is_fit = parts.scheme.lower() in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fit = False
    if not is_fit or not address.isprintable() or " " in address:
        raise InvalidParameter(f"{mask_url(address)!r} is no address to listen to: it begins with http:// or https://")
    return address


def from_pipe(
    decoder: Decoder, descriptor: int, limits: Limits, sample_rate: int, *, raw: Raw | None = None
) -> Iterator[np.ndarray]:
    """Yield what comes through a pipe, to its end.

    Parameters
    ----------
    decoder : Decoder
        Decodes it.
    descriptor : int
        The reading end; stays the caller's.
    limits : Limits
        Such as :meth:`Limits.for_stream`.
    sample_rate : int
        Wanted, Hz.
    raw : Raw, optional
        How the samples are made; default: they come in a container.

    Yields
    ------
    np.ndarray, shape (n,), float32
        Mono.

    Raises
    ------
    AudioError, DecoderUnavailable
        If it is no audio, or goes beyond a limit.
    """
    made = () if raw is None else (raw.rate, raw.form, raw.channels)
    with decoder.incoming(descriptor, limits, sample_rate, raw=made) as incoming:
        yield from incoming


def from_address(
    decoder: Decoder,
    address: str,
    limits: Limits,
    sample_rate: int,
    *,
    patience_s: float,
    note: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[np.ndarray]:
    """Yield what an address sends, until it ends by itself; where it breaks off, it is asked again.

    Parameters
    ----------
    decoder : Decoder
        Decodes it.
    address : str
        As :func:`check_address` lets it pass.
    limits : Limits
        What one connection may cost; after its seconds another one is made.
    sample_rate : int
        Wanted, Hz.
    patience_s : float
        Seconds without a sound after which it is given up. The first connection gets no second attempt.
    note : callable
        Takes what is worth telling a person: that it broke off, and that it is back.
    clock, sleep : callable
        Of the machine, but for tests.

    Yields
    ------
    np.ndarray, shape (n,), float32
        Mono; silence where nothing came.

    Raises
    ------
    AudioError, DecoderUnavailable
        If it cannot be listened to at all, or not again for ``patience_s``.
    InvalidParameter
        If it is no address.
    """
    source = {"address": check_address(address), "ca_file": ssl.get_default_verify_paths().cafile or ""}
    n_samples, begun, heard_at = 0, None, 0.0
    pause, is_away = _FIRST_PAUSE_S, False
    while True:
        reason = "the connection ended"
        try:
            with decoder.incoming(source, limits, sample_rate) as incoming:
                for block in incoming:
                    if begun is None:
                        begun = clock() - len(block) / sample_rate
                    elif is_away:
                        note("the stream is back")
                        for gap in _silence(
                            round((clock() - begun) * sample_rate) - n_samples - len(block), sample_rate
                        ):
                            n_samples += len(gap)
                            yield gap
                    pause, is_away = _FIRST_PAUSE_S, False
                    n_samples += len(block)
                    yield block
                    heard_at = clock()
            if incoming.ended:
                return
        except (AudioError, DecoderUnavailable) as error:
            reason = str(error)
            if begun is None:
                raise
            if is_away and clock() - heard_at > patience_s:
                away = f"the stream broke off after {n_samples / sample_rate:.0f} s, and has not come back since"
                raise AudioUnreadable(f"{away} ({reason})") from error
        if not is_away:
            note(f"the stream broke off ({reason}); asking again")
        is_away = True
        sleep(pause)
        pause = min(_LONGEST_PAUSE_S, 2 * pause)


def _silence(n_samples: int, sample_rate: int) -> Iterator[np.ndarray]:
    size = round(_GAP_S * sample_rate)
    while n_samples > 0:
        yield np.zeros(min(size, n_samples), np.float32)
        n_samples -= size
