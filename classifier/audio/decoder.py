"""From a file's bytes to mono samples, in sandboxed child processes.

FFmpeg (through PyAV) decodes in child processes that hold nothing of value: no environment, no files of Earmark's, and
limits on memory, processor time and wall-clock time. A hostile file can only kill its child; the next file gets a new
one. The child gets the bytes as an open descriptor, never as a path or URL that FFmpeg could follow. Samples come back
through a socket, block by block, so that a recording of any length takes the same memory. This works from threads, from
forked workers and from a prompt, because the children are fresh interpreters that run :mod:`classifier.audio.child`,
not copies of the caller. POSIX only.

Silence and too little sound are the caller's concern.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.audio.decoded import Audio, AudioFacts, AudioInfo, Tagged
from classifier.audio.level import Loudest
from classifier.audio.limits import Limits
from classifier.audio.opening import opened, unnamed
from classifier.audio.process import Child, NeverStarted, kill_all
from classifier.audio.replies import NONSENSE, check_reply, info_of, tagged_of
from classifier.errors import AudioUnreadable, DecodeLimit, DecoderUnavailable, InvalidParameter
from classifier.settings import Settings

__all__ = ["Audio", "AudioFacts", "AudioInfo", "Decoder", "Stream", "Tagged"]

#: Bytes a second that the slowest disk delivers; the user's own files may be large.
_SLOWEST_READ = 20e6
_RESET = threading.Lock()


class _Work:
    """A child's work on one file."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.reusable = False
        """Whether the child has answered and can take another file."""

    @property
    def promised_s(self) -> float:
        """As :attr:`Child.promised_s`."""
        return self._child.promised_s

    def answers(self) -> Iterator[np.ndarray | dict[str, Any]]:
        """Yield blocks of samples, then the child's answer."""
        for answer in self._child.answers():
            if isinstance(answer, dict):
                self.reusable = answer.get("error") != "DecodeLimit"
            yield answer


class Stream:
    """Samples of one file as they are decoded; made by :meth:`Decoder.stream`.

    Iterate over it once: it yields float32 arrays of up to 131,072 samples. Decoding stays only slightly ahead of the
    reader.
    """

    def __init__(self, work: _Work, limits: Limits, sample_rate: int) -> None:
        self._work = work
        self._limits = limits
        self._sample_rate = sample_rate
        self._info: AudioInfo | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        most = int((self._limits.max_seconds + 1) * self._sample_rate)
        loudest, n_samples = Loudest(self._sample_rate), 0
        for answer in self._work.answers():
            if isinstance(answer, dict):
                self._info = info_of(answer, n_samples, self._sample_rate, loudest.level)
                return
            n_samples += len(answer)
            if n_samples > most:
                raise DecodeLimit(NONSENSE)
            if not np.isfinite(answer).all():
                raise AudioUnreadable("the audio holds samples that are not finite: export it again as integers")
            loudest.add(answer)
            yield answer

    @property
    def promised_s(self) -> float:
        """Seconds that the file promises or that were decoded so far, whichever is more; 0 if neither is known."""
        return self._work.promised_s

    @property
    def info(self) -> AudioInfo:
        """Everything else about the file, known once all samples have been read.

        Raises
        ------
        InvalidParameter
            If they have not.
        """
        if self._info is None:
            raise InvalidParameter("the file has not been decoded to its end: read all blocks of the stream first")
        return self._info


class Incoming:
    """Samples of what comes live; made by :meth:`Decoder.incoming`. Iterate over it once."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self.ended = False
        """Whether the sound came to its own end, rather than the connection to it; known after the last block."""

    def __iter__(self) -> Iterator[np.ndarray]:
        for answer in self._work.answers():
            if isinstance(answer, dict):
                check_reply(answer)
                self.ended = answer.get("ended") is True
                return
            if not np.isfinite(answer).all():
                raise AudioUnreadable("the sound holds samples that are not finite: check what sends it")
            yield answer


class Decoder:
    """A few sandboxed child processes; safe to share between threads.

    Children start when they are first needed, are replaced after ``decoder_jobs`` files, and are killed when they
    exceed a limit. In a forked process the decoder starts again with its own children.

    Parameters
    ----------
    settings : Settings
        Only ``decoder_jobs`` is used here; limits are given for each file.
    processes : int
        Most children; further calls of :meth:`decode` wait their turn.

    Raises
    ------
    InvalidParameter
        If ``processes`` is less than 1.
    """

    def __init__(self, settings: Settings, processes: int = 1) -> None:
        if processes < 1:
            raise InvalidParameter(f"processes is {processes}: a decoder needs at least 1")
        self._jobs = settings.decoder_jobs
        self._processes = processes
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self._processes)
        self._idle: list[Child] = []
        self._children: set[Child] = set()
        self._finalizer = weakref.finalize(self, kill_all, self._children, self._owner)

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all children; decoding in progress fails with :class:`~classifier.errors.DecoderUnavailable`."""
        self._closed = True
        if os.getpid() == self._owner:
            kill_all(self._children, self._owner)

    @property
    def fences(self) -> tuple[str, ...]:
        """What keeps a living child from files, network and other processes; empty if nothing does or none lives."""
        return next((child.fences for child in list(self._children) if child.alive()), ())

    @property
    def pids(self) -> list[int]:
        """Process ids of the living children, for monitoring."""
        return [child.pid for child in list(self._children) if child.alive()] if os.getpid() == self._owner else []

    def warm_up(self) -> None:
        """Start a child if none is idle, so that the next file does not have to wait for one.

        Raises
        ------
        DecoderUnavailable
            If no child can be started.
        """
        with self._slot():
            self._give_back(self._take())

    def decode(self, source: bytes | Path, limits: Limits, sample_rate: int = 16000) -> Audio:
        """Decode a file as a whole: :meth:`stream` with all blocks in one array.

        Parameters
        ----------
        source, limits, sample_rate
            As :meth:`stream` takes them.

        Returns
        -------
        Audio
            Mono samples, hashes and tags.

        Raises
        ------
        AudioError, FileMissing, DecoderUnavailable, InvalidParameter
            As :meth:`stream` does.
        """
        with self.stream(source, limits, sample_rate) as stream:
            try:
                samples = np.concatenate(list(stream))
            except MemoryError:
                raise DecodeLimit("the decoded audio does not fit into memory: cut the file, or free some") from None
            info = stream.info
        return Audio(samples=samples, **{f.name: getattr(info, f.name) for f in fields(AudioFacts)})

    @contextlib.contextmanager
    def stream(self, source: bytes | Path, limits: Limits, sample_rate: int = 16000) -> Iterator[Stream]:
        """Decode a file block by block, so that the recording need not fit in memory.

        Parameters
        ----------
        source : bytes or Path
            The file's content or its path; it is never written to.
        limits : Limits
            What decoding may cost.
        sample_rate : int in [1000, 192000]
            Rate wanted, in Hz.

        Yields
        ------
        Stream
            To iterate over; it holds a child process until the ``with`` block ends.

        Raises
        ------
        AudioError
            The subclass that fits: empty, unreadable, without sound, unsupported, too large, too long, or
            beyond the limits of time and memory. It may be raised while blocks are read.
        FileMissing
            If there is no such file, or it is a folder or a device.
        DecoderUnavailable
            If no child can be started, if it was killed or could not work, or if the decoder is closed.
        InvalidParameter
            If ``sample_rate`` is out of bounds, or ``source`` is neither bytes nor a path.
        """
        if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or not 1000 <= sample_rate <= 192000:
            raise InvalidParameter(f"sample_rate is {sample_rate!r}: it must be a whole number from 1000 to 192000 Hz")
        with self._work(source, limits, {"sample_rate": sample_rate}) as work:
            yield Stream(work, limits, sample_rate)

    @contextlib.contextmanager
    def incoming(
        self, source: int | Mapping[str, Any], limits: Limits, sample_rate: int = 16000, *, raw: Sequence[Any] = ()
    ) -> Iterator[Incoming]:
        """Decode what comes live, as it comes; for :mod:`classifier.audio.live`, which makes it anew where it breaks.

        Parameters
        ----------
        source : int or mapping
            Descriptor of a pipe, which stays the caller's; or ``{"address": URL, "ca_file": path or ""}``.
        limits : Limits
            What one connection may cost.
        sample_rate : int
            Rate wanted, in Hz.
        raw : sequence
            Rate, format and channels of bare PCM that comes through the pipe; empty: it comes in a container.

        Yields
        ------
        Incoming
            To iterate over; a child process is its own until the ``with`` block ends.

        Raises
        ------
        AudioError, DecoderUnavailable
            As :meth:`stream` does.
        """
        how = dict(source) if isinstance(source, Mapping) else {"raw": list(raw)} if raw else {}
        task = {"sample_rate": sample_rate, "live": how}
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._slot())
            # A job comes with a descriptor; for an address nothing is read from it.
            descriptor = stack.enter_context(unnamed()) if isinstance(source, Mapping) else source
            yield Incoming(stack.enter_context(self._at_work(limits, task, descriptor)))

    def probe(self, source: bytes | Path, limits: Limits) -> Tagged:
        """Read a file's tags and hash its encoded audio; costs little compared with decoding.

        The audio is what :meth:`stream` would decode: the same stream, and all links of a chain.

        Parameters
        ----------
        source : bytes or Path
            The file's content or its path; it is never written to.
        limits : Limits
            What reading it may cost.

        Returns
        -------
        Tagged
            Hash and tags.

        Raises
        ------
        AudioError, FileMissing, DecoderUnavailable, InvalidParameter
            As :meth:`stream` does.
        """
        with self._work(source, limits, {"probe": True}) as work:
            return tagged_of(next(work.answers()))

    @contextlib.contextmanager
    def _work(self, source: bytes | Path, limits: Limits, task: Mapping[str, Any]) -> Iterator[_Work]:
        """Hand a file to a child, which takes no other until the ``with`` block ends."""
        with contextlib.ExitStack() as stack:
            content = stack.enter_context(opened(source, limits))
            stack.enter_context(self._slot())
            try:
                descriptor = content if isinstance(content, int) else stack.enter_context(unnamed(content))
                if limits.max_bytes is None:
                    limits = replace(limits, wall_s=limits.wall_s + os.fstat(descriptor).st_size / _SLOWEST_READ)
            except OSError as error:
                raise DecoderUnavailable(
                    f"no room for the file to decode ({error.strerror}): try again later"
                ) from None
            yield stack.enter_context(self._at_work(limits, task, descriptor))

    @contextlib.contextmanager
    def _at_work(self, limits: Limits, task: Mapping[str, Any], descriptor: int) -> Iterator[_Work]:
        """Lend a child that has begun to work, and have it back if it is fit for another file."""
        child = self._start(limits, task, descriptor)
        work = _Work(child)
        try:
            yield work
        except (DecodeLimit, DecoderUnavailable):
            if self._closed and not work.reusable:
                raise DecoderUnavailable("the decoder was closed while it worked: open another") from None
            raise
        finally:
            if work.reusable:
                self._give_back(child)
            else:
                self._discard(child)

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        if os.getpid() != self._owner:
            with _RESET:
                if os.getpid() != self._owner:
                    self._forked()
        with self._slots:
            if self._closed:
                raise DecoderUnavailable("the decoder is closed: open another")
            yield

    def _forked(self) -> None:
        # The sockets belong to the parent: close them without disturbing the children at their other ends.
        self._finalizer.detach()
        for child in self._children:
            child.release()
        self._begin()

    def _take(self, *, alone: bool = True) -> Child:
        while alone:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is None:
                break
            if child.alive():
                return child
            self._discard(child)
        child = Child(alone=alone)
        with self._lock:
            self._children.add(child)
        try:
            child.wait_until_ready()
        except BaseException:
            self._discard(child)
            raise
        return child

    def _give_back(self, child: Child) -> None:
        if child.jobs >= self._jobs or self._closed or not child.alone:
            self._discard(child)
            return
        with self._lock:
            self._idle.append(child)

    def _discard(self, child: Child) -> None:
        child.kill()
        with self._lock:
            self._children.discard(child)

    def _start(self, limits: Limits, task: Mapping[str, Any], descriptor: int) -> Child:
        """Return a child that has started on a file; what listens to an address is no child for files."""
        for _ in range(3):
            child = self._take(alone="address" not in task.get("live", ()))
            try:
                child.start(limits, task, descriptor)
            except NeverStarted:
                # It died while idle, so the file is not to blame.
                self._discard(child)
            except BaseException:
                self._discard(child)
                raise
            else:
                return child
        if self._closed:
            raise DecoderUnavailable("the decoder is closed: open another")
        raise DecoderUnavailable("decoder processes die before they start: is the machine out of memory?")
