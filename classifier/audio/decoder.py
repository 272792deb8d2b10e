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
import hashlib
import os
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier import errors
from classifier.audio import level
from classifier.audio.filetags import clean_tags
from classifier.audio.level import STEP_16_BITS, Loudest
from classifier.audio.limits import Limits
from classifier.audio.process import Child, NeverStarted, kill_all
from classifier.errors import (
    AudioEmpty,
    AudioTooLarge,
    AudioUnreadable,
    DecodeLimit,
    DecoderUnavailable,
    EarmarkError,
    FileMissing,
    InvalidParameter,
)
from classifier.settings import Settings
from classifier.text import clean

#: Bytes a second that the slowest disk delivers; the user's own files may be large.
_SLOWEST_READ = 20e6
#: Errors that a child may report, by class name.
_REFUSALS = (
    "AudioUnreadable",
    "AudioNoStream",
    "AudioUnsupported",
    "AudioTooLarge",
    "AudioTooLong",
    "DecodeLimit",
    "DecoderUnavailable",
)
_MAX_REMARKS, _MAX_REMARK = 20, 300
_NONSENSE = "the decoder answered nonsense on this file: convert it to another format"
_RESET = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFacts:
    """What is known about a decoded file.

    Parameters
    ----------
    sample_rate : int
        Of the samples, Hz.
    source_rate : int
        Of the file, Hz; half of it limits the bandwidth. If it changes within the file, that of most of it; the same
        holds for ``channels`` and ``codec``.
    channels : int
        Of the file.
    codec : str
        FFmpeg's name of the codec: ``mp3``, ``opus``, ``amrnb``.
    content_hash : str
        SHA-256 of rate, channel count and the native PCM as interleaved int16: the same for the same audio in any
        lossless container, whatever its tags.
    file_hash : str
        SHA-256 of the bytes.
    tags : dict
        Title, artist, album, isrc and others, under lower-case names, cleaned and limited in length.
    step : float
        Quantisation step of the file's samples, full scale 1: that of the binary digits in use, 2^-23 to 2^-7.
    cancelled_s : float
        Seconds in which the channels cancelled each other, so that the loudest was taken instead of their mean; see
        :mod:`classifier.audio.downmix`.
    remarks : list of str
        Faults of a file that could still be read. Each begins with a stable name and a colon: ``cut_off``,
        ``damaged``, ``channels_cancel``, ``silent_stream``.
    """

    sample_rate: int
    source_rate: int
    channels: int
    codec: str
    content_hash: str
    file_hash: str
    tags: dict[str, str] = field(default_factory=dict)
    step: float = STEP_16_BITS
    cancelled_s: float = 0.0
    remarks: list[str] = field(default_factory=list)

    @property
    def bandwidth_hz(self) -> float:
        """Highest frequency that the recording can hold, Hz; narrow-band AMR ends at 3.4 kHz whatever its rate."""
        return 3400.0 if self.codec.replace("_", "").startswith("amrnb") else 0.46 * self.source_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo(AudioFacts):
    """What is known about a file that was decoded block by block.

    Parameters
    ----------
    n_samples : int
        Number of samples, at ``sample_rate``.
    loudest : float
        Level of the loudest 100 ms, full scale 1; see :mod:`classifier.audio.level`.
    """

    n_samples: int
    loudest: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(AudioFacts):
    """A decoded file, or a piece of it.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono at ``sample_rate``, full scale +-1; lossy codecs may overshoot. All finite. The mean of all channels, or
        the loudest of them while they cancel each other.
    """

    samples: np.ndarray

    @classmethod
    def from_samples(cls, samples: np.ndarray, sample_rate: int) -> Audio:
        """Return given samples as audio, as if they had been decoded from an uncompressed file.

        Both hashes are those of the samples as float32.

        Parameters
        ----------
        samples : np.ndarray, shape (n,), float
            Mono, full scale +-1, all finite.
        sample_rate : int > 0
            In Hz; the sound is assumed to fill the band that the rate allows.

        Raises
        ------
        InvalidParameter
            If the samples have another shape or are not all finite, or the rate is not positive.
        """
        samples = np.ascontiguousarray(samples, np.float32)
        if samples.ndim != 1:
            raise InvalidParameter(f"samples have shape {samples.shape}: hand in one channel, of shape (n,)")
        if not np.isfinite(samples).all():
            raise InvalidParameter("samples hold values that are not finite: leave them out, or set them to 0")
        if sample_rate <= 0:
            raise InvalidParameter(f"sample_rate is {sample_rate}: it must be positive")
        digest = hashlib.sha256(samples.data).hexdigest()
        return cls(
            samples=samples,
            sample_rate=sample_rate,
            source_rate=sample_rate,
            channels=1,
            codec="pcm_f32le",
            content_hash=digest,
            file_hash=digest,
        )

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def loudest(self) -> float:
        """Level of the loudest 100 ms of the samples, full scale 1; see :mod:`classifier.audio.level`."""
        return level.loudest(self.samples, self.sample_rate)


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a file says about itself, read without decoding it.

    Parameters
    ----------
    packet_hash : str
        SHA-256 of codec, rate, channels and encoded audio of the stream that decoding would choose, independent of
        the tags. Empty if the audio cannot be read to its end.
    tags : dict
        As :attr:`AudioFacts.tags`.
    """

    packet_hash: str
    tags: dict[str, str] = field(default_factory=dict)


class _Work:
    """A child's work on one file."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.reusable = False
        """Whether the child has answered and can take another file."""

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
                self._info = _info(answer, n_samples, self._sample_rate, loudest.level)
                return
            n_samples += len(answer)
            if n_samples > most:
                raise DecodeLimit(_NONSENSE)
            if not np.isfinite(answer).all():
                raise AudioUnreadable("the audio holds samples that are not finite: export it again as integers")
            loudest.add(answer)
            yield answer

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
            return _tagged(next(work.answers()))

    @contextlib.contextmanager
    def _work(self, source: bytes | Path, limits: Limits, task: Mapping[str, Any]) -> Iterator[_Work]:
        """Hand a file to a child, which takes no other until the ``with`` block ends."""
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(_opened(source, limits))
            stack.enter_context(self._slot())
            try:
                descriptor = opened if isinstance(opened, int) else stack.enter_context(_unnamed(opened))
                if limits.max_bytes is None:
                    limits = replace(limits, wall_s=limits.wall_s + os.fstat(descriptor).st_size / _SLOWEST_READ)
            except OSError as error:
                raise DecoderUnavailable(
                    f"no room for the file to decode ({error.strerror}): try again later"
                ) from None
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

    def _take(self) -> Child:
        while True:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is None:
                break
            if child.alive():
                return child
            self._discard(child)
        child = Child()
        with self._lock:
            self._children.add(child)
        try:
            child.wait_until_ready()
        except BaseException:
            self._discard(child)
            raise
        return child

    def _give_back(self, child: Child) -> None:
        if child.jobs >= self._jobs or self._closed:
            self._discard(child)
            return
        with self._lock:
            self._idle.append(child)

    def _discard(self, child: Child) -> None:
        child.kill()
        with self._lock:
            self._children.discard(child)

    def _start(self, limits: Limits, task: Mapping[str, Any], descriptor: int) -> Child:
        """Return a child that has started on a file."""
        for _ in range(3):
            child = self._take()
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


@contextlib.contextmanager
def _opened(source: bytes | Path, limits: Limits) -> Iterator[int | bytes]:
    """Yield the bytes, or a descriptor of the file, after checking that it exists and its size is allowed."""
    if isinstance(source, bytes | bytearray | memoryview):
        _check_size(memoryview(source).nbytes, limits)
        yield bytes(source)
        return
    if not isinstance(source, Path):
        raise InvalidParameter(f"source is a {type(source).__name__}: hand in bytes or a pathlib.Path")
    descriptor = _open_file(source)
    try:
        _check_size(os.fstat(descriptor).st_size, limits)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_file(path: Path) -> int:
    # The message names the file as the caller did, not the folder, which may be a server's.
    name = repr((path.name or str(path))[:100])
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            # O_NONBLOCK: if it has become a pipe meanwhile, do not wait for a writer.
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileMissing(f"there is no file {name}: check its name and folder") from None
    except OSError as error:
        raise FileMissing(f"{name} cannot be opened ({error.strerror}): check its name and permissions") from None
    if stat.S_ISDIR(mode):
        raise FileMissing(f"{name} is a folder, not a file: name the files in it")
    raise FileMissing(f"{name} is a device or a pipe, not a file: copy its content to a file")


def _check_size(size: int, limits: Limits) -> None:
    if size == 0:
        raise AudioEmpty("the file has 0 bytes: record or export it again")
    if limits.max_bytes is not None and size > limits.max_bytes:
        raise AudioTooLarge(
            f"the file has {size:,} bytes; the limit is {limits.max_bytes:,}: cut it, or use a smaller format"
            + limits.remedy("bytes")
        )


@contextlib.contextmanager
def _unnamed(content: bytes = b"") -> Iterator[int]:
    """Yield a descriptor of a file without a name, in memory if the system supports it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("earmark", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        yield descriptor
    finally:
        os.close(descriptor)


def _info(reply: Mapping[str, Any], n_samples: int, sample_rate: int, loudest: float) -> AudioInfo:
    """Turn a child's answer into a result, trusting nothing in it."""
    _check_reply(reply)
    try:
        if not 0 < n_samples == reply["n_samples"]:
            raise ValueError("sample count")
        return AudioInfo(
            n_samples=n_samples,
            sample_rate=sample_rate,
            source_rate=int(reply["source_rate"]),
            channels=int(reply["channels"]),
            codec=str(reply["codec"])[:40],
            content_hash=_digest(reply["content_hash"]),
            file_hash=_digest(reply["file_hash"]),
            tags=clean_tags(reply["tags"]),
            step=min(1.0, max(0.0, float(reply["step"]))),
            loudest=loudest,
            cancelled_s=float(reply["cancelled_s"]),
            remarks=[clean(str(remark), _MAX_REMARK) for remark in reply["remarks"]][:_MAX_REMARKS],
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise DecodeLimit(_NONSENSE) from None


def _tagged(reply: np.ndarray | Mapping[str, Any]) -> Tagged:
    """Turn a child's answer to a probe into a result, trusting nothing in it."""
    if not isinstance(reply, Mapping):
        raise DecodeLimit(_NONSENSE)
    _check_reply(reply)
    try:
        return Tagged(reply["packet_hash"] and _digest(reply["packet_hash"]), clean_tags(reply["tags"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DecodeLimit(_NONSENSE) from None


def _check_reply(reply: Mapping[str, Any]) -> None:
    """Raise the error that a child reports, if any."""
    if "error" in reply:
        kind: Callable[[str], EarmarkError] = DecodeLimit
        if reply["error"] in _REFUSALS:
            kind = getattr(errors, reply["error"])
        raise kind(str(reply.get("message", ""))[:1000])


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(bytes.fromhex(value)) != 32:
        raise ValueError("hash")
    return value
