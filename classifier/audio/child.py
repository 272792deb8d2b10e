"""The child side of decoding: the only code that lets FFmpeg touch somebody's bytes.

Runs in a fresh interpreter that :mod:`classifier.audio.process` starts, with this folder as an otherwise empty
package: it may import PyAV, numpy, :mod:`classifier.audio.pcm` and
:mod:`classifier.audio.wire`, and nothing else of Earmark. The parent never imports this module.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import resource
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import av

from classifier.audio.pcm import Pcm, Refusal, check_shape, too_long
from classifier.audio.wire import receive_job, send

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

#: Demuxers that may look at a file. What is not here can name other files, hosts or devices (HLS, concat, DASH,
#: SDP), or has been a source of memory errors (IAMF).
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,amr,mp3,wav,aac,flac,caf,aiff"
#: Decoders that may run, with all of PCM: no video decoder is ever opened, not even to probe a stream.
CODECS = (
    "aac", "aac_fixed", "aac_latm", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb", "amrwb",
    "dca", "eac3", "flac", "gsm", "gsm_ms", "libopus", "libvorbis", "mp1", "mp1float", "mp2", "mp2float", "mp3",
    "mp3float", "opus", "speex", "tta", "vorbis", "wavpack",
)  # fmt: skip
READ_FORMATS = "WAV, FLAC, AIFF, CAF, MP3, Ogg, Opus, WebM, M4A, MP4, AAC, AMR or 3GP"

#: A header may promise this much more than is there before the file counts as cut off; Ogg's promise is the
#: last page's time stamp, so that what lacks are pages lost under way, each of which may hold a second.
_MISSING_SHARE, _MISSING_S, _MISSING_OGG_S = 0.1, 0.5, 2.0
#: This share of packets may be damaged (and two always), each then skipped.
_DAMAGED_SHARE, _DAMAGED = 0.1, 2
#: From here on, a WAV's data length is what recorders write that cannot seek back.
_UNKNOWN_LENGTH = 0x7FFF0000
#: Seconds of audio between reports of progress.
_PROGRESS_S = 60.0
#: Raw tags handed on; classifier.audio.decoder bounds them for good once they are cleaned.
_MAX_TAGS, _MAX_TAG = 200, 2000


class Source:
    """A read-only file without a name, of the length it had when the job began.

    Reads by position: the descriptor's own offset is shared with the process that handed it over.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0
        self.size = os.fstat(descriptor).st_size

    def read(self, count: int = -1) -> bytes:
        """Return up to ``count`` bytes, all that is left if negative."""
        left = max(0, self.size - self._at)
        data = os.pread(self._descriptor, left if count < 0 else min(count, left), self._at)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "negative position")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._at

    def at(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``offset`` without moving."""
        return os.pread(self._descriptor, count, offset) if offset < self.size else b""

    def sha256(self) -> str:
        """Return the hash of all bytes, as 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for start in range(0, self.size, 1 << 20):
            digest.update(os.pread(self._descriptor, min(1 << 20, self.size - start), start))
        return digest.hexdigest()


def decode(job: Mapping[str, Any], source: Source, target: int, progress: Callable[[float], None]) -> dict[str, Any]:
    """Decode ``source`` and write mono float32 samples to ``target``.

    Parameters
    ----------
    job : mapping
        The fields of :class:`classifier.audio.decoder.Limits`, and ``sample_rate`` in Hz.
    source : Source
        The file.
    target : int
        Descriptor of an empty file for the samples.
    progress : callable
        Called with the seconds of audio promised or decoded, now and then.

    Returns
    -------
    dict
        The facts of :class:`classifier.audio.decoder.Audio`, samples aside.

    Raises
    ------
    Refusal
        If the file is beyond a limit, damaged or no audio.
    MemoryError, av.error.FFmpegError, OSError
        As they come from below.
    """
    file_hash = source.sha256()
    with contextlib.closing(_open(source)) as container:
        stream = _first_audio(container, job)
        promised = _promised_s(container, stream, source)
        if promised is not None:
            progress(promised)
        pcm = Pcm(job, target)
        good, damaged, torn, reported = 0, 0, False, 0.0
        for packet in _packets(container, stream):
            if packet is None:
                torn = True
                break
            try:
                frames = packet.decode()
            except av.error.FFmpegError as error:
                if error.errno == errno.ENOMEM:
                    raise MemoryError from None
                damaged += 1
                continue
            good += 1
            for frame in frames:
                # A frame without samples or rate carries nothing (it ends a stream, or its packet was broken).
                if frame.samples and frame.sample_rate:
                    pcm.push(frame)
            if pcm.seconds > reported + _PROGRESS_S:
                reported = pcm.seconds
                progress(reported)
        content_hash, rate, channels = pcm.finish()
        _check_whole(pcm, source, container.format.name, promised, (good, damaged), torn)
        return {
            "n_samples": pcm.n_samples,
            "source_rate": rate,
            "channels": channels,
            "codec": stream.codec_context.codec.canonical_name.replace("amr_", "amr"),
            "content_hash": content_hash,
            "file_hash": file_hash,
            "tags": _raw_tags(container, stream),
        }


def probe(job: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """Read tags and hash the encoded audio, which no tag in the file changes; nothing is decoded.

    Parameters
    ----------
    job : mapping
        The fields of :class:`classifier.audio.decoder.Limits`.
    source : Source
        The file.

    Returns
    -------
    dict
        The facts of :class:`classifier.audio.decoder.Tagged`.

    Raises
    ------
    Refusal, MemoryError, av.error.FFmpegError, OSError
        As :func:`decode`.
    """
    with contextlib.closing(_open(source)) as container:
        stream = _first_audio(container, job)
        context = stream.codec_context
        digest = hashlib.sha256(f"{context.codec.name}:{context.sample_rate}:{context.layout.nb_channels}\n".encode())
        is_whole = True
        for packet in _packets(container, stream):
            if packet is None:
                is_whole = False
                break
            digest.update(packet)
        return {"packet_hash": digest.hexdigest() if is_whole else "", "tags": _raw_tags(container, stream)}


def _open(source: Source) -> InputContainer:
    codecs = (*CODECS, *(name for name in av.codecs_available if name.startswith("pcm_")))
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "codec_whitelist": ",".join(codecs)}
    try:
        container: InputContainer = av.open(
            source,
            "r",
            container_options=options,
            metadata_encoding="utf-8",
            metadata_errors="surrogateescape",
            buffer_size=1 << 16,
        )
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from None
        raise Refusal(
            "AudioUnreadable",
            f"the file ({source.size:,} bytes) is no {READ_FORMATS} file, or its beginning or index is damaged: "
            "convert or export it again",
        ) from None
    return container


def _first_audio(container: InputContainer, job: Mapping[str, Any]) -> AudioStream:
    """Return the first audio stream, its decoder open and its claims within the limits."""
    kinds = sorted({stream.type or "unknown" for stream in container.streams})
    if not kinds:
        raise Refusal("AudioUnreadable", "the file has a beginning but holds no stream: it is cut off; export it again")
    if "audio" not in kinds:
        raise Refusal("AudioNoStream", f"the file holds no audio, only {' and '.join(kinds)}: send one with sound")
    stream = container.streams.audio[0]
    context = stream.codec_context
    name = context.codec.name if context is not None else "unknown"
    if name not in CODECS and not name.startswith("pcm_"):
        raise Refusal("AudioUnreadable", f"audio coded as {name} is not read: convert the file, to FLAC or MP3 say")
    if context.sample_rate <= 0:
        raise Refusal("AudioUnreadable", f"the file's {name} header states no sampling rate: export it again")
    check_shape(job, context.layout.nb_channels, context.sample_rate)
    # One thread: the processor is shared with others, and threads' stacks count against the memory limit.
    context.thread_count = 1
    try:
        context.open(strict=False)
    except Exception:
        raise Refusal("AudioUnreadable", f"the file's {name} header is damaged: export it again") from None
    return stream


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    """Yield the stream's packets; a None last if the container broke off."""
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from None
        yield None


def _check_whole(
    pcm: Pcm, source: Source, form: str, promised: float | None, packets: tuple[int, int], torn: bool
) -> None:
    """Refuse what decoded only in part; ``packets`` counts the good ones and the damaged ones."""
    damaged, total = packets[1], sum(packets)
    spare = _MISSING_OGG_S if form == "ogg" else _MISSING_S
    fault = None
    share = _length_claim(source, form)
    if share is not None:
        promised = pcm.seconds * share
    if not pcm.n_samples:
        fault = f"no audio can be decoded from the file ({source.size:,} bytes): it is empty or damaged"
    elif damaged > max(_DAMAGED, _DAMAGED_SHARE * total):
        fault = f"{damaged:,} of the file's {total:,} audio packets are damaged"
    elif promised is not None and promised - pcm.seconds > max(spare, _MISSING_SHARE * promised):
        fault = (
            f"the file is cut off or damaged: its header promises {promised:.1f} s of audio, "
            f"{pcm.seconds:.1f} s could be decoded"
        )
    elif promised is None and torn and source.tell() < (1 - _MISSING_SHARE) * source.size:
        fault = f"the file is damaged after {pcm.seconds:.1f} s of audio"
    if fault:
        raise Refusal("AudioUnreadable", f"{fault}: record, download or export it again")


def _promised_s(container: InputContainer, stream: AudioStream, source: Source) -> float | None:
    """Return the seconds that the header promises, or None if it does not say (others only guess from bit rates)."""
    form = container.format.name
    if form in ("aac", "amr"):
        return None
    if form == "mp3":
        return _counted_s(source, stream.codec_context.sample_rate)
    seconds = None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None and len(container.streams) == 1:
        seconds = container.duration / 1e6 - max(0.0, (container.start_time or 0) / 1e6)
    return seconds if seconds is not None and seconds > 0 else None


def _counted_s(source: Source, rate: int) -> float | None:
    """Return the seconds that an MP3's Xing or VBRI header counts, in frames; None if there is no such header.

    Not FFmpeg's duration: where header and file size disagree it guesses one from the bit rate.
    """
    start, head = 0, source.at(0, 10)
    while len(head) == 10 and head[:3] == b"ID3":
        # The length is 28 bits in four bytes, without the header and the optional footer of ten bytes each.
        length = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        start += 10 + length + (10 if head[5] & 0x10 else 0)
        head = source.at(start, 10)
    data = source.at(start, 4096)
    for name, offset in ((b"Xing", 8), (b"Info", 8), (b"VBRI", 14)):
        place = data.find(name)
        if place < 0 or len(data) < place + offset + 4:
            continue
        (flags,), (frames,) = (struct.unpack_from(">I", data, place + skip) for skip in (4, offset))
        if name != b"VBRI" and not flags & 1:
            continue
        # MPEG-1 has 1152 samples in a frame, the low rates of MPEG-2 half of that.
        return float(frames * (1152 if rate >= 32000 else 576) / rate) or None
    return None


def _length_claim(source: Source, form: str) -> float | None:
    """Return the length that a WAV or CAF claims for its data, over the bytes that are there.

    FFmpeg corrects such a claim silently by the file's size. None if the claim holds, or says "unknown".
    """
    wav = form == "wav"
    chunk, place = (struct.Struct("<4sI"), 12) if wav else (struct.Struct(">4sq"), 8)
    if not wav and form != "caf":
        return None
    for _ in range(1000):
        head = source.at(place, chunk.size)
        if len(head) < chunk.size:
            return None
        name, size = chunk.unpack(head)
        place += chunk.size
        if name == b"data":
            there = source.size - place
            unknown = size >= _UNKNOWN_LENGTH if wav else size < 0
            return None if unknown or there <= 0 or size <= there else size / there
        if size < 0:
            return None
        place += size + (size & 1 if wav else 0)
    return None


def _raw_tags(container: InputContainer, stream: AudioStream) -> dict[str, str]:
    """Return tags as they stand, bounded; bytes that are no UTF-8 come as surrogates."""
    of_stream = dict(stream.metadata)
    if "matroska" in container.format.name:
        # There a stream's title is the track's name, such as "Stereo".
        of_stream = {name: value for name, value in of_stream.items() if name.lower() != "title"}
    raw = {**of_stream, **container.metadata}
    return {name[:100]: raw[name][:_MAX_TAG] for name in list(raw)[:_MAX_TAGS]}


def _fence(job: Mapping[str, Any]) -> None:
    """Set this process's limits for one job. Soft limits only: the next job sets its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hours = job["max_seconds"] / 3600
    budget = max(job["wall_s"], job["wall_per_hour_s"] * hours)
    cpu_s = math.ceil(used.ru_utime + used.ru_stime + budget) + 1
    samples = int((job["max_seconds"] + 1) * job["sample_rate"]) + job["sample_rate"]
    _limit(resource.RLIMIT_AS, job["memory_bytes"])
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_FSIZE, 4 * samples)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY and (value == resource.RLIM_INFINITY or value > hard):
        value = hard
    # macOS knows the address space limit but refuses to set it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(which, (value, hard))


def _answer(job: Mapping[str, Any], descriptors: list[int], channel: socket.socket) -> dict[str, Any]:
    def progress(seconds: float) -> None:
        if job["wall_per_hour_s"]:
            send(channel, {"audio_s": seconds})

    try:
        _fence(job)
        source = Source(descriptors[0])
        return probe(job, source) if job["probe"] else decode(job, source, descriptors[1], progress)
    except Refusal as error:
        refusal = error
    except MemoryError:
        refusal = _trouble(OSError(errno.ENOMEM, ""), job)
    except OSError as error:
        refusal = _trouble(error, job)
    except Exception as error:
        # Whatever else FFmpeg or PyAV may raise on a crafted file; the text could name what it should not.
        what = type(error).__name__
        refusal = Refusal("DecodeLimit", f"the decoder failed on this file ({what}): convert it to another format")
    # Room for the answer itself.
    _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)
    name, message = refusal.args
    return {"error": name, "message": message}


def _trouble(error: OSError, job: Mapping[str, Any]) -> Refusal:
    """Return the refusal that an error of the system amounts to."""
    if error.errno == errno.ENOMEM:
        return Refusal(
            "DecodeLimit",
            f"decoding needed more than {job['memory_bytes']:,} bytes of memory, the limit: convert the file to a "
            "common format, or raise the setting decoder_memory_bytes",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal("DecoderUnavailable", "there is no room for decoded samples: free memory or disk space")
    if error.errno == errno.EFBIG:
        return too_long(job)
    reason = os.strerror(error.errno or errno.EIO)
    return Refusal("AudioUnreadable", f"the file cannot be read ({reason}): check the disk, or copy the file")


def serve(channel: socket.socket) -> None:
    """Do jobs until the other side closes the socket."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The job's two files, this socket and a few for late imports.
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    av.logging.set_level(None)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        send(channel, {"ready": f"PyAV {av.__version__}"})
        while True:
            job, descriptors = receive_job(channel)
            send(channel, {"started": True})
            try:
                reply = _answer(job, descriptors, channel)
            finally:
                for number in descriptors:
                    os.close(number)
            send(channel, reply)
