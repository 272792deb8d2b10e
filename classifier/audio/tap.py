"""The child side of listening: sound that comes live, from a pipe or an address, handed on as it comes.

Nothing here knows how long the sound is, or keeps any of it. A pipe is read through the descriptor that came with the
job. An address is read by FFmpeg's own HTTP, behind lists of protocols and containers; it may redirect a few times,
and HLS playlists may name pieces over the same protocols, never a file of this machine.

Runs in the child only; see :mod:`classifier.audio.child`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from classifier.audio.containers import open_stream, packets, ranked_streams, raw_tags
from classifier.audio.formats import CODECS, DEMUXERS, RAW
from classifier.audio.limits import Limits
from classifier.audio.pcm import Pcm, Refusal

if TYPE_CHECKING:
    from av.container import InputContainer

#: Seconds of native audio worked on at a time: what it adds to the time until a track has its name.
_BLOCK_S = 0.25
#: Protocols that FFmpeg may speak for an address: HTTP, with and without TLS, and the pieces of HLS that come over it.
PROTOCOLS = ("http", "https", "tcp", "tls", "crypto")
MAX_REDIRECTS = 5
#: Seconds that a server may take to answer, and from one byte to the next.
_NETWORK_S = 15
#: Seconds after which a pipe that is waited for is reported to be so.
_WAIT_S = 5.0
#: Bytes read at a time, so that little sound waits for more.
_PIECE = 4096
#: This share of packets may be damaged, and each is then left out; beyond, it is no sound that is received.
_DAMAGED_SHARE, _FEW = 0.5, 50
#: A complete list of HLS was heard to its end if less than this is missing, seconds.
_LEAST_PIECE_S = 1.0


class Pipe:
    """A pipe as FFmpeg reads it: what is there, and the wait for more.

    Parameters
    ----------
    descriptor : int
        Its reading end.
    waiting : callable
        Called every few seconds while nothing comes.

    Attributes
    ----------
    n_bytes : int
        How many have come.
    """

    def __init__(self, descriptor: int, waiting: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._waiting = waiting
        self.n_bytes = 0

    def read(self, count: int) -> bytes:
        """Return some bytes; none at the end."""
        while not select.select([self._descriptor], [], [], _WAIT_S)[0]:
            self._waiting()
        found = os.read(self._descriptor, count)
        self.n_bytes += len(found)
        return found


def listen(
    limits: Limits,
    job: Mapping[str, Any],
    descriptor: int,
    emit: Callable[[np.ndarray], None],
    waiting: Callable[[], None],
) -> dict[str, Any]:
    """Hand on mono float32 samples until the sound ends or breaks off.

    Parameters
    ----------
    limits : Limits
        What one connection may cost; it is left in good time before its seconds are over.
    job : mapping
        ``sample_rate`` wanted, Hz; ``live``: ``{}`` for a container that comes through the pipe, ``{"raw": [rate,
        format, channels]}`` for bare PCM, ``{"address": URL, "ca_file": path or ""}`` for an address.
    descriptor : int
        The pipe; not looked at for an address.
    emit : callable
        Takes arrays of samples, one after another.
    waiting : callable
        Called every few seconds while a pipe gives nothing.

    Returns
    -------
    dict
        ``ended``: whether the sound came to its own end, not just to that of the connection; ``n_samples``,
        ``source_rate``, ``channels``, ``codec`` and ``tags``.

    Raises
    ------
    Refusal
        If it is no audio, or its kind is not read.
    MemoryError, av.error.FFmpegError, OSError
        As they come from below.
    """
    how: Mapping[str, Any] = job["live"]
    pcm = Pcm(limits, job["sample_rate"], emit, block_s=_BLOCK_S)
    with contextlib.closing(_opened(how, Pipe(descriptor, waiting))) as container:
        # Which of several streams is silent cannot be known before it is heard: the first in rank is taken.
        stream = ranked_streams(container)[0]
        open_stream(stream, limits)
        ended = _decode(container, stream, pcm, limits)
        pcm.finish()
        if not pcm.n_samples:
            raise Refusal("AudioUnreadable", "no sound came: check what is sent, or name the stream itself")
        rate, channels = pcm.shape
        return {
            "ended": _is_over(container, ended, pcm.seconds) if "address" in how else ended,
            "n_samples": pcm.n_samples,
            "source_rate": rate,
            "channels": channels,
            "codec": stream.codec_context.codec.canonical_name,
            "tags": raw_tags(container, stream, None),
        }


def _decode(container: InputContainer, stream: Any, pcm: Pcm, limits: Limits) -> bool:
    """Decode what comes; return whether it came to an end by itself."""
    good = damaged = 0
    for packet in packets(container, stream):
        if packet is None:
            return False
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from None
            damaged += 1
            if damaged > max(_FEW, _DAMAGED_SHARE * (good + damaged)):
                raise Refusal("AudioUnreadable", f"{damaged:,} packets are damaged: check what sends them") from None
            continue
        good += 1
        for frame in frames:
            if frame.samples and frame.sample_rate:
                pcm.push(frame)
        if pcm.seconds > limits.max_seconds - 1:
            return False
    return True


def _is_over(container: InputContainer, ended: bool, heard_s: float) -> bool:
    """Return whether an address gave all that it has, as a file, whose server says how long it is; radio has no length.

    Of HLS the length in bytes is that of the list of pieces, whether more of them come or not; a list that is complete
    says how long they play. Where a server counts no bytes, FFmpeg takes the end of the last piece for a fault.
    """
    if container.format.name == "hls":
        whole = container.duration
        return whole is not None and (ended or heard_s > whole / av.time_base - _LEAST_PIECE_S)
    try:
        return ended and int(container.size) > 0
    except (av.error.FFmpegError, OSError):
        return False


def _opened(how: Mapping[str, Any], pipe: Pipe) -> InputContainer:
    """Open the pipe or the address.

    Raises
    ------
    Refusal
        If FFmpeg knows it for nothing that is allowed.
    MemoryError
    """
    codecs = (*CODECS, *(name for name in av.codecs_available if name.startswith("pcm_")))
    options = {"codec_whitelist": ",".join(codecs), "protocol_whitelist": "none"}
    form, target, timeout = None, pipe, None
    if "raw" in how:
        rate, form, channels = how["raw"]
        if form not in RAW:
            raise Refusal("AudioUnsupported", f"samples of the format {form} are not read: choose one of {RAW}")
        options |= {"sample_rate": str(int(rate)), "ch_layout": f"{int(channels)}c", "format_whitelist": form}
    elif "address" in how:
        target = how["address"]
        timeout = (float(_NETWORK_S), float(_NETWORK_S))
        options |= {
            "format_whitelist": ",".join((*DEMUXERS, "hls")),
            "protocol_whitelist": ",".join(PROTOCOLS),
            "rw_timeout": str(_NETWORK_S * 1_000_000),
            "max_redirects": str(MAX_REDIRECTS),
            "reconnect": "1",  # where it stopped, in a file; radio goes on elsewhere and is begun anew
            "reconnect_delay_max": "5",
            "user_agent": "Earmark",
        }
        if how.get("ca_file"):
            options |= {"tls_verify": "1", "ca_file": how["ca_file"]}
    else:
        options["format_whitelist"] = ",".join(DEMUXERS)
    try:
        container: InputContainer = av.open(
            target,
            "r",
            format=form,
            container_options=options,
            metadata_encoding="utf-8",
            metadata_errors="surrogateescape",
            buffer_size=_PIECE,
            timeout=timeout,
        )
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from None
        if target is pipe and not pipe.n_bytes:
            raise Refusal("AudioUnreadable", "nothing came through the pipe: check the program that fills it") from None
        raise _refusal(how, error) from None
    return container


def _refusal(how: Mapping[str, Any], error: av.error.FFmpegError) -> Refusal:
    """Return what is said of a source that cannot be opened; an address may hold a password, and is not named."""
    if "address" not in how:
        return Refusal(
            "AudioUnreadable",
            "what comes through the pipe is no audio of a kind that is read: send WAV, FLAC, Ogg or MP3, or say how "
            "the samples are made with --raw RATE:FORMAT:CHANNELS",
        )
    # FFmpeg's own words for it are about its inside.
    why = f"nothing came for {_NETWORK_S} s" if isinstance(error, av.error.ExitError) else error.strerror or "no audio"
    return Refusal(
        "AudioUnreadable",
        f"the address cannot be listened to ({why}): name the stream itself, not the page or list that it is on",
    )
