"""From a file's bytes to mono samples, behind a fence.

FFmpeg (through PyAV) decodes in child processes that hold nothing worth having: no environment, no file of
ours, limits on memory, processor time and wall-clock time. A hostile file kills a child, and the next file gets
a new one. The bytes go over as an open descriptor, never as a path or URL that FFmpeg could follow; samples
come back through an unnamed file. Works from threads, from forked workers and from a prompt: the children are
fresh interpreters that run :mod:`classifier.audio.child`, not copies of the caller. POSIX only.

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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from classifier import errors
from classifier.audio.filetags import clean_tags
from classifier.audio.process import Child, NeverStarted, kill_all
from classifier.audio.wire import or_raise
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

#: Least wall-clock seconds for a track, however short.
_TRACK_WALL_S = 20.0
#: Sampling rate at which a track with the most channels may be as long as the limit (with two: 192 kHz).
_TRACK_RATE_HZ = 48000
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
_NONSENSE = "the decoder answered nonsense on this file: convert it to another format"
_RESET = threading.Lock()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost.

    Parameters
    ----------
    max_bytes : int
        Of the file, checked before a byte of it is read.
    max_seconds : float
        Of audio, counted while decoding.
    max_decoded_bytes : int
        Of native PCM, counted while decoding.
    max_channels, min_rate, max_rate : int
        Channels, and sampling rate in Hz.
    wall_s : float
        Wall-clock seconds that decoding may take, or the least of them if ``wall_per_hour_s`` is set.
    memory_bytes : int
        Address space of the child, everything included.
    wall_per_hour_s : float
        Wall-clock seconds for each hour of audio promised or decoded so far; 0: ``wall_s`` alone counts.
    kind : str
        ``snippet`` or ``track``: whose settings the messages name; ``file``: none.
    """

    max_bytes: int
    max_seconds: float
    max_decoded_bytes: int
    max_channels: int
    min_rate: int
    max_rate: int
    wall_s: float
    memory_bytes: int
    wall_per_hour_s: float = 0.0
    kind: str = "file"

    @classmethod
    def for_snippet(cls, settings: Settings) -> Limits:
        """Return the limits of what a phone sends."""
        return cls(
            max_bytes=settings.snippet_bytes,
            max_seconds=settings.snippet_seconds,
            max_decoded_bytes=settings.snippet_decode_bytes,
            max_channels=settings.max_channels,
            min_rate=settings.min_source_rate,
            max_rate=settings.max_source_rate,
            wall_s=settings.snippet_decode_seconds,
            memory_bytes=settings.decoder_memory_bytes,
            kind="snippet",
        )

    @classmethod
    def for_track(cls, settings: Settings) -> Limits:
        """Return the limits of a file to enroll; the decoded bytes follow from its seconds."""
        return cls(
            max_bytes=settings.track_bytes,
            max_seconds=settings.track_seconds,
            max_decoded_bytes=int(settings.track_seconds * _TRACK_RATE_HZ * settings.max_channels * 4),
            max_channels=settings.max_channels,
            min_rate=settings.min_source_rate,
            max_rate=settings.max_source_rate,
            wall_s=_TRACK_WALL_S,
            memory_bytes=settings.decoder_memory_bytes,
            wall_per_hour_s=settings.track_decode_seconds,
            kind="track",
        )


@dataclass(frozen=True, slots=True)
class Audio:
    """A decoded file.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mean of all channels at ``sample_rate``, full scale +-1; lossy codecs may overshoot. All finite.
    sample_rate : int
        Of ``samples``, Hz.
    source_rate : int
        Of the file, Hz: half of it bounds the bandwidth.
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
    """

    samples: np.ndarray
    sample_rate: int
    source_rate: int
    channels: int
    codec: str
    content_hash: str
    file_hash: str
    tags: dict[str, str] = field(default_factory=dict)

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
        return cls(samples, sample_rate, sample_rate, 1, "pcm_f32le", digest, digest)

    @property
    def bandwidth_hz(self) -> float:
        """Highest frequency that the recording can hold, Hz; narrow-band AMR ends at 3.4 kHz whatever its rate."""
        return 3400.0 if self.codec.replace("_", "").startswith("amrnb") else 0.46 * self.source_rate

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a file says of itself, read without decoding it.

    Parameters
    ----------
    packet_hash : str
        SHA-256 of codec, rate, channels and encoded audio: the same whatever the tags are. Empty if the audio cannot
        be read to its end.
    tags : dict
        As :class:`Audio`.
    """

    packet_hash: str
    tags: dict[str, str] = field(default_factory=dict)


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
        """Decode the first audio stream of a file.

        Parameters
        ----------
        source : bytes or Path
            The file's content, or where it lies; it is only ever read.
        limits : Limits
            What it may cost.
        sample_rate : int in [1000, 192000]
            Rate wanted, in Hz.

        Returns
        -------
        Audio
            Mono samples, hashes and tags.

        Raises
        ------
        AudioError
            The subclass that fits: empty, unreadable, without sound, unsupported, too large, too long, or
            beyond the limits of time and memory.
        FileMissing
            If there is no such file, or it is a folder or a device.
        DecoderUnavailable
            If no child can be started, or the decoder is closed.
        InvalidParameter
            If ``sample_rate`` is out of bounds, or ``source`` is neither bytes nor a path.
        """
        if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or not 1000 <= sample_rate <= 192000:
            raise InvalidParameter(f"sample_rate is {sample_rate!r}: it must be a whole number from 1000 to 192000 Hz")
        with self._done(source, limits, {"probe": False, "sample_rate": sample_rate}) as (reply, target):
            return _audio(reply, target, limits, sample_rate)

    def probe(self, source: bytes | Path, limits: Limits) -> Tagged:
        """Read a file's tags, and hash its first audio stream as it is encoded; costs little beside decoding.

        Parameters
        ----------
        source : bytes or Path
            The file's content, or where it lies; it is only ever read.
        limits : Limits
            What it may cost.

        Raises
        ------
        AudioError, FileMissing, DecoderUnavailable, InvalidParameter
            As :meth:`decode`.
        """
        with self._done(source, limits, {"probe": True, "sample_rate": 1000}) as (reply, _):
            return _tagged(reply)

    @contextlib.contextmanager
    def _done(
        self, source: bytes | Path, limits: Limits, job: Mapping[str, Any]
    ) -> Iterator[tuple[dict[str, Any], int]]:
        """Have a child do a job; yield its answer and the descriptor of the samples."""
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(_opened(source, limits))
            stack.enter_context(self._slot())
            try:
                descriptor = opened if isinstance(opened, int) else stack.enter_context(_unnamed(opened))
                target = stack.enter_context(_unnamed())
            except OSError as error:
                raise DecoderUnavailable(f"no room for a file to decode ({error.strerror}): try again later") from None
            yield self._run({**asdict(limits), **job}, (descriptor, target)), target

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
            child.disown()
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
            child.greet()
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

    def _run(self, job: Mapping[str, Any], descriptors: tuple[int, int]) -> dict[str, Any]:
        for _ in range(3):
            child = self._take()
            try:
                reply = child.run(job, descriptors)
            except NeverStarted:
                # It died while it waited for work: not this file's fault.
                self._discard(child)
                continue
            except BaseException as error:
                self._discard(child)
                if self._closed and isinstance(error, DecodeLimit):
                    raise DecoderUnavailable("the decoder was closed while it worked: open another") from None
                raise
            if reply.get("error") == "DecodeLimit":
                self._discard(child)
            else:
                self._give_back(child)
            return reply
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
    if size > limits.max_bytes:
        raise AudioTooLarge(
            f"the file has {size:,} bytes; at most {limits.max_bytes:,} are taken: cut it, or use a smaller format"
            + or_raise(limits.kind, "snippet_bytes", "track_bytes")
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


def _audio(reply: Mapping[str, Any], target: int, limits: Limits, sample_rate: int) -> Audio:
    """Turn a child's answer into a result, trusting nothing in it."""
    _check_reply(reply)
    try:
        samples = _read_samples(target, int(reply["n_samples"]), int((limits.max_seconds + 1) * sample_rate))
        return Audio(
            samples=samples,
            sample_rate=sample_rate,
            source_rate=int(reply["source_rate"]),
            channels=int(reply["channels"]),
            codec=str(reply["codec"])[:40],
            content_hash=_digest(reply["content_hash"]),
            file_hash=_digest(reply["file_hash"]),
            tags=clean_tags(reply["tags"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError):
        raise DecodeLimit(_NONSENSE) from None
    except MemoryError:
        raise DecodeLimit("the decoded audio does not fit into memory: cut the file, or free some memory") from None


def _tagged(reply: Mapping[str, Any]) -> Tagged:
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


def _read_samples(target: int, count: int, most: int) -> np.ndarray:
    # Copied, not mapped: a child that went astray could still shorten a mapped file under our feet.
    if not 0 < count <= most or os.fstat(target).st_size != 4 * count:
        raise ValueError("sample count")
    samples = np.empty(count, np.float32)
    left, place = samples.data.cast("B"), 0
    while left:
        got = os.preadv(target, [left[: 1 << 26]], place)
        if got <= 0:
            raise ValueError("short read")
        left, place = left[got:], place + got
    if not np.isfinite(samples).all():
        raise AudioUnreadable("the audio holds samples that are not finite: export it again as integers")
    return samples


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(bytes.fromhex(value)) != 32:
        raise ValueError("hash")
    return value
