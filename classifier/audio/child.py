"""The child side of decoding: the only code that lets FFmpeg touch a user's bytes.

Runs in a fresh interpreter that :mod:`classifier.audio.process` starts, with this folder as an otherwise empty
package: it may import PyAV, numpy and its neighbours here, and nothing else of Earmark. The parent never imports
this module.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import resource
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import av.subtitles.stream  # PyAV imports it with the first file, and could not behind the fence
import numpy as np

from classifier.audio import fence, ogg, tap
from classifier.audio.containers import (
    first_with_sound,
    open_container,
    open_stream,
    packets,
    ranked_streams,
    raw_tags,
)
from classifier.audio.id3 import tag_end
from classifier.audio.limits import Limits
from classifier.audio.links import survey
from classifier.audio.pcm import Pcm, Refusal
from classifier.audio.promises import STANDING_ALONE, claimed_share, promised_s
from classifier.audio.source import Source
from classifier.audio.wire import MAX_BLOCK, receive_job, send, send_samples

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

#: A header may promise this much more than can be decoded: a share of it, and seconds.
_MISSING_SHARE, _MISSING_S = 0.01, 0.5
#: An Ogg's promise is its last page's time stamp, so what is missing are pages lost before it, each of which may hold a
#: second: a track may lack this much.
_LOST_PAGES_S = 2.0
#: This share of packets may be damaged, and two always; each is skipped.
_DAMAGED_SHARE, _DAMAGED = 0.1, 2
#: Least share of a file of frames that stand for themselves that they take; below, something else was passed by.
_SOUND_SHARE = 0.8
#: Seconds of audio between reports of progress.
_PROGRESS_S = 60.0
_MAX_REMARKS = 20
#: Seconds of processor time that opening a file may take; only a flood of tags or streams takes longer.
_OPENING_S = 2.0
#: Refusals of one link of a chain that apply to the whole file.
_OF_THE_FILE = ("AudioTooLarge", "AudioTooLong", "AudioUnsupported", "DecodeLimit")


class Reading:
    """The decoding of one file, link by link, and what is found wrong with it.

    Parameters
    ----------
    limits : Limits
        What it may cost.
    pcm : Pcm
        Takes the frames.
    progress : callable
        Called from time to time with the seconds of audio promised or decoded.
    """

    def __init__(self, limits: Limits, pcm: Pcm, progress: Callable[[float], None]) -> None:
        self._limits = limits
        self._pcm = pcm
        self._progress = progress
        self._promised = 0.0
        self._reported = 0.0
        self._codecs: Counter[str] = Counter()
        self._lossless = True
        self._good = self._damaged = self._taken = 0
        self._missing_s = 0.0
        self.tags: dict[str, str] = {}
        self.remarks: list[str] = []
        """Each begins with a stable name and a colon."""

    def link(self, source: Source) -> None:
        """Decode all of one link.

        Raises
        ------
        Refusal
            If the link exceeds a limit or is not audio.
        MemoryError, av.error.FFmpegError, OSError
            From PyAV or the system, unchanged.
        """
        with _opened(source, self._limits) as (container, streams, stream):
            if stream is not streams[0]:
                n = len(streams)
                self._remark("silent_stream", f"the default of the {n} audio streams is silent: another was used")
            promised = promised_s(container, stream, source)
            if promised is not None:
                self._promised += promised
                self._progress(self._promised)
            before = self._pcm.seconds
            self._taken = 0
            whole = self._decode(packets(container, stream))
            seconds = self._pcm.seconds - before
            codec = stream.codec_context.codec
            self._codecs[codec.canonical_name.replace("amr_", "amr")] += max(1, round(1000 * seconds))
            self._lossless = self._lossless and codec.lossless
            self.tags = self.tags or raw_tags(container, stream, source)
            self._compare(source, container.format.name, promised, seconds, whole=whole)

    def _decode(self, demuxed: Iterator[Any]) -> bool:
        """Decode packets; return whether the container was readable to its end."""
        for packet in demuxed:
            if packet is None:
                return False
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                if error.errno == errno.ENOMEM:
                    raise MemoryError from None
                self._damaged += 1
                continue
            self._good += 1
            self._taken += packet.size
            for frame in frames:
                # A frame without samples or rate carries no audio: it ends a stream, or its packet was broken.
                if frame.samples and frame.sample_rate:
                    self._pcm.push(frame)
            if self._pcm.seconds > self._reported + _PROGRESS_S:
                self._reported = self._pcm.seconds
                self._progress(self._reported)
        return True

    def _compare(self, source: Source, form: str, promised: float | None, seconds: float, *, whole: bool) -> None:
        """Compare what was decoded of a link with what its header promised."""
        share = claimed_share(source, form)
        if share is not None:
            promised = seconds * share
        missing = 0.0 if promised is None else promised - seconds
        spare = _MISSING_SHARE * (promised or 0.0)
        if missing > (_LOST_PAGES_S if form == "ogg" else _MISSING_S) + spare:
            self._missing_s += missing
        elif not whole and source.reached < source.size:
            left = source.size - source.reached
            self._fault(f"the file is damaged after {self._pcm.seconds:.1f} s of audio, {left:,} bytes before its end")
        elif form == "ogg":
            pages = ogg.examine(source)
            if pages.cut:
                self._remark("cut_off", "the file ends before the recording does: what came after is missing")
            elif bad := pages.n_damaged + pages.n_lost:
                n_pages = pages.n_pages + pages.n_lost
                self._remark("damaged", f"{bad:,} of {n_pages:,} pages are damaged or missing, and left out")
        elif promised is None and form in STANDING_ALONE:
            share = self._taken / max(1, source.size - tag_end(source))
            if share < _SOUND_SHARE:
                self._remark("damaged", f"only {100 * share:.0f} % of the file are audio that can be read")

    def broken_link(self, number: int, n_links: int, reason: str) -> None:
        """Note that a link of a chain cannot be read."""
        self._fault(
            f"part {number} of the {n_links} recordings in the file cannot be read ({reason.partition(': ')[0]})"
        )

    def conclude(self, size: int) -> dict[str, Any]:
        """Finish; return the fields of :class:`classifier.audio.decoded.AudioInfo` that are known here.

        Raises
        ------
        Refusal
            If there is no audio, or if a file that has to be whole is not.
        """
        pcm = self._pcm
        pcm.finish()
        if not pcm.n_samples:
            raise Refusal(
                "AudioUnreadable",
                f"no audio can be decoded from the file ({size:,} bytes), which is empty or damaged: record, download "
                "or export it again",
            )
        total = self._good + self._damaged
        if self._damaged > max(_DAMAGED, _DAMAGED_SHARE * total):
            self._fault(f"{self._damaged:,} of the file's {total:,} audio packets are damaged")
        elif self._damaged > _DAMAGED:
            self._remark("damaged", f"{self._damaged:,} of {total:,} audio packets are damaged and left out")
        if self._missing_s:
            self._fault(
                "the file is cut off or damaged: its header promises "
                f"{pcm.seconds + self._missing_s:.1f} s of audio, and {self._missing_s:.1f} s of them are missing",
                "cut_off",
            )
        if pcm.cancelled_s:
            self._remark(
                "channels_cancel",
                f"the channels cancel each other for {pcm.cancelled_s:.1f} s: the loudest was used there",
            )
        rate, channels = pcm.shape
        return {
            "n_samples": pcm.n_samples,
            "source_rate": rate,
            "channels": channels,
            "codec": max(self._codecs, key=self._codecs.__getitem__, default=""),
            "content_hash": pcm.content_hash,
            "step": pcm.step(lossless=self._lossless),
            "cancelled_s": pcm.cancelled_s,
            "tags": self.tags,
            "remarks": self.remarks,
        }

    def _fault(self, text: str, name: str = "damaged") -> None:
        """Add a remark to what is heard once; refuse what is to be enrolled."""
        if self._limits.kind not in ("snippet", "label", "recording"):
            raise Refusal("AudioUnreadable", f"{text}: record, download or export it again")
        self._remark(name, text)

    def _remark(self, name: str, text: str) -> None:
        if len(self.remarks) < _MAX_REMARKS:
            self.remarks.append(f"{name}: {text}")


def decode(
    limits: Limits,
    sample_rate: int,
    source: Source,
    emit: Callable[[np.ndarray], None],
    progress: Callable[[float], None],
) -> dict[str, Any]:
    """Decode a file and pass on mono float32 samples as they are decoded.

    Parameters
    ----------
    limits : Limits
        What it may cost.
    sample_rate : int
        Wanted, Hz.
    source : Source
        The file.
    emit : callable
        Takes arrays of samples, one after another.
    progress : callable
        Called from time to time with the seconds of audio promised or decoded.

    Returns
    -------
    dict
        The fields of :class:`classifier.audio.decoded.AudioInfo` that are known here.

    Raises
    ------
    Refusal
        If the file exceeds a limit, is damaged or is not audio.
    MemoryError, av.error.FFmpegError, OSError
        From PyAV or the system, unchanged.
    """
    file_hash, starts = survey(source)
    reading = Reading(limits, Pcm(limits, sample_rate, emit), progress)
    for number, (start, end) in enumerate(pairwise([*starts, source.size]), start=1):
        try:
            reading.link(source.window(start, end))
        except Refusal as error:
            name, reason = error.args
            if len(starts) == 1 or name in _OF_THE_FILE:
                raise
            reading.broken_link(number, len(starts), reason)
    return {"file_hash": file_hash, **reading.conclude(source.size)}


def probe(limits: Limits, source: Source) -> dict[str, Any]:
    """Read the tags and hash the encoded audio, which does not depend on tags; covers all links of a chain.

    Nothing is decoded except what the choice between several streams needs.

    Parameters
    ----------
    limits : Limits
        What it may cost.
    source : Source
        The file.

    Returns
    -------
    dict
        The fields of :class:`classifier.audio.decoded.Tagged`.

    Raises
    ------
    Refusal
        If the file, or a link of it, exceeds a limit or is not audio.
    MemoryError, av.error.FFmpegError, OSError
        From PyAV or the system, unchanged.
    """
    _, starts = survey(source)
    digest, is_whole = hashlib.sha256(), True
    tags: dict[str, str] = {}
    for start, end in pairwise([*starts, source.size]):
        link = source.window(start, end)
        with _opened(link, limits) as (container, _, stream):
            context = stream.codec_context
            digest.update(f"{context.codec.name}:{context.sample_rate}:{context.layout.nb_channels}\n".encode())
            for packet in packets(container, stream):
                if packet is None:
                    is_whole = False
                else:
                    digest.update(packet)
            tags = tags or raw_tags(container, stream, link)
    return {"packet_hash": digest.hexdigest() if is_whole else "", "tags": tags}


@contextlib.contextmanager
def _opened(source: Source, limits: Limits) -> Iterator[tuple[InputContainer, list[AudioStream], AudioStream]]:
    """Yield the container of one link, its audio streams, and the one of them to decode, opened."""
    with _opening_limit():
        container = open_container(source)
    with contextlib.closing(container):
        streams = ranked_streams(container)
        stream = first_with_sound(streams, source, limits)
        open_stream(stream, limits)
        yield container, streams, stream


@contextlib.contextmanager
def _opening_limit() -> Iterator[None]:
    """End this process if what happens inside takes too much processor time."""
    # The signal's default action: a handler in Python could not interrupt FFmpeg in the middle of a loop.
    signal.setitimer(signal.ITIMER_PROF, _OPENING_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_all(limits: Limits) -> None:
    """Set this process's limits for one job. Soft limits only: the next job sets its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    budget = max(limits.wall_s, limits.wall_per_hour_s * limits.max_seconds / 3600)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    _limit(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + budget) + 1)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY and (value == resource.RLIM_INFINITY or value > hard):
        value = hard
    # macOS knows the address space limit but refuses to set it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (value, hard))


def _answer(job: Mapping[str, Any], descriptor: int, channel: socket.socket) -> dict[str, Any]:
    limits = Limits(**job["limits"])

    def progress(seconds: float) -> None:
        if limits.wall_per_hour_s:
            send(channel, {"audio_s": seconds})

    def emit(samples: np.ndarray) -> None:
        for start in range(0, len(samples), MAX_BLOCK):
            send_samples(channel, samples[start : start + MAX_BLOCK])

    try:
        _limit_all(limits)
        if "live" in job:
            return tap.listen(limits, job, descriptor, emit, lambda: send(channel, {"audio_s": 0.0}))
        source = Source(descriptor)
        return probe(limits, source) if job.get("probe") else decode(limits, job["sample_rate"], source, emit, progress)
    except Refusal as error:
        refusal = error
    except MemoryError:
        refusal = _trouble(OSError(errno.ENOMEM, ""), limits)
    except ConnectionError:
        raise
    except OSError as error:
        refusal = _trouble(error, limits)
    except Exception as error:
        # A crafted file may make FFmpeg or PyAV raise anything. Only its type is passed on: its text is the file's.
        what = type(error).__name__
        refusal = Refusal("DecodeLimit", f"the decoder failed on this file ({what}): convert it to another format")
    # Room for the answer itself.
    _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
    name, message = refusal.args
    return {"error": name, "message": message}


def _trouble(error: OSError, limits: Limits) -> Refusal:
    """Return a system error as a refusal."""
    if error.errno == errno.ENOMEM:
        return Refusal(
            "DecodeLimit",
            f"decoding needed more than {limits.memory_bytes:,} bytes of memory, the limit: convert the file to a "
            "common format, or raise the setting decoder_memory_bytes",
        )
    reason = os.strerror(error.errno or errno.EIO)
    return Refusal("AudioUnreadable", f"the file cannot be read ({reason}): check the disk, or copy the file")


def serve(channel: socket.socket, *, alone: bool) -> None:
    """Do jobs until the other side closes the socket.

    Parameters
    ----------
    channel : socket.socket
        To the parent.
    alone : bool
        Whether to give up files, network and other processes for good; only who listens to an address needs them.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The child writes only to the socket.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # The job's file, this socket and a few for late imports.
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    av.logging.set_level(None)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        send(channel, {"ready": f"PyAV {av.__version__}", "fences": fence.enclose() if alone else []})
        while True:
            job, descriptor = receive_job(channel)
            send(channel, {"started": True})
            try:
                reply = _answer(job, descriptor, channel)
            finally:
                os.close(descriptor)
            send(channel, reply)
