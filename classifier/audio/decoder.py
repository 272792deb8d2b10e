"""From a file's bytes to mono samples, behind a fence.

FFmpeg (through PyAV) decodes in child processes that hold nothing worth having: no environment, no file of
ours, limits on memory, processor time and wall-clock time. A hostile file kills a child, and the next file gets
a new one. The bytes go over as an open descriptor, never as a path or URL that FFmpeg could follow; samples
come back through a socket, block by block, so that a recording of any length takes the same memory. Works from
threads, from forked workers and from a prompt: the children are fresh interpreters that run
:mod:`classifier.audio.child`, not copies of the caller. POSIX only.

Silence, or too little sound, is not this module's business.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
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

#: Bytes a second at which the slowest disk reads a file of the owner's.
_SLOWEST_READ = 20e6
#: What a child may say went wrong.
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
    """What is known of a decoded file.

    Parameters
    ----------
    sample_rate : int
        Of the samples, Hz.
    source_rate : int
        Of the file, Hz: half of it bounds the bandwidth. Where it changes: of most of the file, and so with
        ``channels`` and ``codec``.
    channels : int
        Of the file.
    codec : str
        FFmpeg's name of the codec: ``mp3``, ``opus``, ``amrnb``.
    content_hash : str
        SHA-256 of rate, channel count and the native PCM as interleaved int16: one for the same audio in any
        lossless container, under any tags.
    file_hash : str
        SHA-256 of the bytes.
    tags : dict
        Title, artist, album, isrc and others, under lower-case names, cleaned and bounded.
    step : float
        Quantisation step of the file's samples, full scale 1: that of the digits that occur, 2^-23 to 2^-7.
    cancelled_s : float
        Seconds in which the channels cancelled each other, so that the loudest of them was taken instead of the
        mean; see :mod:`classifier.audio.downmix`.
    remarks : list of str
        What is worth knowing of a file that could be read all the same. Each begins with a stable name and a colon:
        ``cut_off``, ``damaged``, ``channels_cancel``, ``silent_stream``.
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
    """A file that was decoded block by block, beside its samples.

    Parameters
    ----------
    n_samples : int
        At ``sample_rate``.
    loudest : float
        Level of the loudest 100 ms of the samples, full scale 1; see :mod:`classifier.audio.level`.
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
        Mono at ``sample_rate``, full scale +-1; lossy codecs may overshoot. All finite. The mean of all channels,
        or the loudest of them where they cancel each other.
    """

    samples: np.ndarray

    @classmethod
    def from_samples(cls, samples: np.ndarray, sample_rate: int) -> Audio:
        """Return samples of one's own as audio, as if they had been decoded from an uncompressed file.

        Both hashes are those of the samples as float32.

        Parameters
        ----------
        samples : np.ndarray, shape (n,), float
            Mono, full scale +-1, all finite.
        sample_rate : int > 0
            In Hz; the sound is taken to fill the band that the rate allows.

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
    """What a file says of itself, read without decoding it.

    Parameters
    ----------
    packet_hash : str
        SHA-256 of codec, rate, channels and encoded audio of the stream that decoding would choose: the same whatever
        the tags are. Empty if the audio cannot be read to its end.
    tags : dict
        As :attr:`AudioFacts.tags`.
    """

    packet_hash: str
    tags: dict[str, str] = field(default_factory=dict)


class _Work:
    """One file in the hands of a child."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.reusable = False
        """Whether the child has answered and is fit for another file."""

    @property
    def promised_s(self) -> float:
        """As :attr:`Child.promised_s`."""
        return self._child.promised_s

    def answers(self) -> Iterator[np.ndarray | dict[str, Any]]:
        """Yield blocks of samples, and last the child's answer."""
        for answer in self._child.answers():
            if isinstance(answer, dict):
                self.reusable = answer.get("error") != "DecodeLimit"
            yield answer


class Stream:
    """Samples of one file as they are decoded; made by :meth:`Decoder.stream`.

    Iterate over it once: it yields float32 arrays of up to 131,072 samples. Nothing is decoded far ahead of what was
    taken.
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
    def promised_s(self) -> float:
        """Seconds that the file promises or that were decoded so far, whichever is more; 0 if neither is known."""
        return self._work.promised_s

    @property
    def info(self) -> AudioInfo:
        """Everything else about the file, known once all samples are taken.

        Raises
        ------
        InvalidParameter
            If they are not.
        """
        if self._info is None:
            raise InvalidParameter("the file is not decoded to its end yet: take all blocks of the stream first")
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
                _check_reply(answer)
                self.ended = answer.get("ended") is True
                return
            if not np.isfinite(answer).all():
                raise AudioUnreadable("the sound holds samples that are not finite: check what sends it")
            yield answer


class Decoder:
    """A few fenced child processes; safe to share between threads.

    Children start when they are first needed, are replaced after ``decoder_jobs`` files, and are killed when
    they overrun a limit. In a forked process the decoder begins afresh with children of its own.

    Parameters
    ----------
    settings : Settings
        ``decoder_jobs`` counts here; a file's limits come with it.
    processes : int
        Children at most; further calls of :meth:`decode` wait their turn.

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
        """End all children; a decoding under way fails with :class:`~classifier.errors.DecoderUnavailable`."""
        self._closed = True
        if os.getpid() == self._owner:
            kill_all(self._children, self._owner)

    @property
    def pids(self) -> list[int]:
        """Process ids of the children that live, for whoever watches them."""
        return [child.pid for child in list(self._children) if child.alive()] if os.getpid() == self._owner else []

    def warm_up(self) -> None:
        """Start a child if none waits, so that the next file need not.

        Raises
        ------
        DecoderUnavailable
            If none can be started.
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
        """Decode a file block by block, for recordings that need not lie in memory.

        Parameters
        ----------
        source : bytes or Path
            The file's content, or where it lies; it is only ever read.
        limits : Limits
            What it may cost.
        sample_rate : int in [1000, 192000]
            Rate wanted, in Hz.

        Yields
        ------
        Stream
            To iterate over; a child process is its own until the ``with`` block ends.

        Raises
        ------
        AudioError
            The subclass that fits: empty, unreadable, without sound, unsupported, too large, too long, or
            beyond the limits of time and memory. It may come while blocks are taken.
        FileMissing
            If there is no such file, or it is a folder or a device.
        DecoderUnavailable
            If no child can be started, if it was killed or kept from working, or if the decoder is closed.
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
            descriptor = stack.enter_context(_unnamed()) if isinstance(source, Mapping) else source
            yield Incoming(stack.enter_context(self._at_work(limits, task, descriptor)))

    def probe(self, source: bytes | Path, limits: Limits) -> Tagged:
        """Read a file's tags, and hash the audio as it is encoded; costs little beside decoding.

        It is the audio that :meth:`stream` would decode: the same stream, and all links of a chain.

        Parameters
        ----------
        source : bytes or Path
            The file's content, or where it lies; it is only ever read.
        limits : Limits
            What it may cost.

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
        """Put a child to work on a file; it is nobody else's until the ``with`` block ends."""
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(_opened(source, limits))
            stack.enter_context(self._slot())
            try:
                descriptor = opened if isinstance(opened, int) else stack.enter_context(_unnamed(opened))
                if limits.max_bytes is None:
                    limits = replace(limits, wall_s=limits.wall_s + os.fstat(descriptor).st_size / _SLOWEST_READ)
            except OSError as error:
                raise DecoderUnavailable(f"no room for a file to decode ({error.strerror}): try again later") from None
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
        # The sockets are the parent's: let go of them without a word to the children at their other ends.
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
        """Return a child that has begun to work on a file."""
        for _ in range(3):
            child = self._take()
            try:
                child.start(limits, task, descriptor)
            except NeverStarted:
                # It died while it waited for work: not this file's fault.
                self._discard(child)
            except BaseException:
                self._discard(child)
                raise
            else:
                return child
        if self._closed:
            raise DecoderUnavailable("the decoder is closed: open another")
        raise DecoderUnavailable("decoder processes die before they begin: is the machine out of memory?")


@contextlib.contextmanager
def _opened(source: bytes | Path, limits: Limits) -> Iterator[int | bytes]:
    """Yield the bytes, or a descriptor of the file, once it is clear that there is a file within the limits."""
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
    # The folder is the server's affair; the name is what was asked for.
    name = repr((path.name or str(path))[:100])
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            # O_NONBLOCK: should it become a pipe meanwhile, do not wait for its writer.
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
            f"the file has {size:,} bytes; at most {limits.max_bytes:,} are taken: cut it, or use a smaller format"
            + limits.remedy("bytes")
        )


@contextlib.contextmanager
def _unnamed(content: bytes = b"") -> Iterator[int]:
    """Yield a descriptor of a file that has no name, in memory where the system can."""
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
    """Raise what a child says went wrong."""
    if "error" in reply:
        kind: Callable[[str], EarmarkError] = DecodeLimit
        if reply["error"] in _REFUSALS:
            kind = getattr(errors, reply["error"])
        raise kind(str(reply.get("message", ""))[:1000])


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(bytes.fromhex(value)) != 32:
        raise ValueError("hash")
    return value
