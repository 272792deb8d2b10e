"""Opening a file with FFmpeg, restricted to the allowed formats and codecs, and choosing the stream to decode.

Runs in the child only; see :mod:`classifier.audio.child`.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import av
from av.stream import Disposition

from classifier.audio.downmix import full_scale
from classifier.audio.filetags import is_used
from classifier.audio.formats import CODECS, DEMUXERS, is_read
from classifier.audio.id3 import musicbrainz_id, surplus
from classifier.audio.limits import Limits
from classifier.audio.pcm import Refusal, check_shape, native_columns
from classifier.audio.promises import chunk
from classifier.audio.source import Source

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_READ = "audio that Earmark reads (WAV, FLAC, AIFF, MP3, Ogg, Opus, WebM, M4A, MP4, AAC, WMA, AMR and more)"
#: Streams beside the music: a spoken description of the picture, a director's commentary.
_BESIDE = (
    Disposition.comment
    | Disposition.hearing_impaired
    | Disposition.visual_impaired
    | Disposition.clean_effects
    | Disposition.descriptions
)
#: Half of the peak-to-peak swing, full scale 1, above which a stream counts as having sound.
_HEARD = 2.0**-12
#: How WAV files begin, and bytes of their sound that FFmpeg examines: it looks for DTS and S/PDIF dressed up as PCM in
#: all of the first 5 MB otherwise, which takes longer than decoding a snippet.
_WAVE, _WAVE_PROBED = (b"RIFF", b"RF64"), 1 << 15
#: Most raw tags passed on, and characters of each; the parent limits them again once they are cleaned.
_MAX_TAGS, _MAX_TAG = 200, 2000


def open_container(source: Source) -> InputContainer:
    """Open a file.

    Raises
    ------
    Refusal
        If FFmpeg does not recognise an allowed format.
    MemoryError
    """
    source.blank(*surplus(source))
    codecs = (*CODECS, *(name for name in av.codecs_available if name.startswith("pcm_")))
    options = {
        "format_whitelist": ",".join(DEMUXERS),
        "protocol_whitelist": "none",
        "codec_whitelist": ",".join(codecs),
    }
    if source.at(0, 4) in _WAVE and source.at(8, 4) == b"WAVE":
        options["probesize"] = str(_WAVE_PROBED)
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
            f"the file ({source.size:,} bytes) is not {_READ}, or its beginning or index is damaged: "
            "convert or export it again",
        ) from None
    return container


def ranked_streams(container: InputContainer) -> list[AudioStream]:
    """Return the audio streams, first the one that a player would choose.

    Streams whose codec is read come first; among those, streams that are not beside the music; then the default
    stream; then their order in the file.

    Raises
    ------
    Refusal
        If there is none.
    """
    kinds = sorted({stream.type or "unknown" for stream in container.streams})
    if not kinds:
        raise Refusal("AudioUnreadable", "the file begins but holds no stream: it is cut off; export it again")
    if "audio" not in kinds:
        raise Refusal("AudioNoStream", f"the file holds no audio, only {' and '.join(kinds)}: send one with sound")

    def rank(stream: AudioStream) -> tuple[bool, bool, bool, int]:
        beside = bool(stream.disposition & _BESIDE)
        default = bool(stream.disposition & Disposition.default)
        return not is_read(codec_name(stream)), beside, not default, stream.index

    return sorted(container.streams.audio, key=rank)


def open_stream(stream: AudioStream, limits: Limits) -> None:
    """Open a stream's decoder if its header is within the limits.

    Raises
    ------
    Refusal
        If it is not, if the codec is not read, or if the header is damaged.
    """
    context, name = stream.codec_context, codec_name(stream)
    if not is_read(name):
        raise Refusal("AudioUnreadable", f"Earmark does not read audio coded as {name}: convert it to FLAC or MP3")
    if context.sample_rate <= 0:
        raise Refusal("AudioUnreadable", f"the file's {name} header states no sampling rate: export it again")
    check_shape(limits, context.layout.nb_channels, context.sample_rate)
    # One thread: other work needs the processor too, and threads' stacks count against the memory limit.
    context.thread_count = 1
    if context.codec.lossless:
        # Audio that fails its checksum is not what was stored.
        context.options = {"err_detect": "crccheck+explode"}
    try:
        context.open(strict=False)
    except (av.error.FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ENOMEM:
            raise MemoryError from None
        raise Refusal("AudioUnreadable", f"the file's {name} header is damaged: export it again") from None


def codec_name(stream: AudioStream) -> str:
    """Return FFmpeg's name for the decoder."""
    context = stream.codec_context
    return context.codec.name if context is not None else "unknown"


def first_with_sound(streams: list[AudioStream], source: Source, limits: Limits) -> AudioStream:
    """Return the first stream that is not silent throughout, or the first if all are.

    Recorders with several inputs write a stream for each, used or not. Each stream is read up to its first sound, in a
    container of its own.
    """
    if len(streams) == 1:
        return streams[0]
    return next((s for s in streams if _has_sound(source.window(0, source.size), s.index, limits)), streams[0])


def _has_sound(source: Source, index: int, limits: Limits) -> bool:
    with contextlib.closing(open_container(source)) as container:
        stream: Any = container.streams[index]
        with contextlib.suppress(Refusal, av.error.FFmpegError):
            open_stream(stream, limits)
            for packet in container.demux(stream):
                with contextlib.suppress(av.error.InvalidDataError):
                    if any(_swing(frame) > _HEARD for frame in packet.decode()):
                        return True
    return False


def _swing(frame: Any) -> float:
    """Return half of the difference between greatest and least sample, over full scale."""
    if not frame.samples:
        return 0.0
    columns = native_columns(frame)
    scale = full_scale(columns[0].dtype)
    return max((float(column.max()) - float(column.min())) / (2 * scale) for column in columns)


def packets(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    """Yield the stream's packets, then None if the container breaks off."""
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from None
        yield None


def raw_tags(container: InputContainer, stream: AudioStream, source: Source | None) -> dict[str, str]:
    """Return the tags as they are, limited in number and length; bytes that are not UTF-8 come as surrogates.

    Without ``source``, as of what comes live, tags that FFmpeg does not read are left out.
    """
    of_stream = dict(stream.metadata)
    if "matroska" in container.format.name:
        # In Matroska a stream's title describes the stream, such as "Stereo".
        of_stream = {name: value for name, value in of_stream.items() if name.lower() != "title"}
    raw = {**of_stream, **container.metadata}
    if source is not None and (recording := musicbrainz_id(source, _id3_place(source))):
        raw["musicbrainz_recordingid"] = recording
    useful = sorted(raw, key=lambda name: not is_used(name))
    return {name[:100]: raw[name][:_MAX_TAG] for name in useful[:_MAX_TAGS]}


def _id3_place(source: Source) -> int:
    """Return where a file's ID3 tag begins: in WAV and AIFF in a chunk of its own, elsewhere in front."""
    kind = source.at(0, 4)
    form = {b"RIFF": "<4sI", b"FORM": ">4sI"}.get(kind)
    found = form and (chunk(source, 12, form, b"id3 ", padded=True) or chunk(source, 12, form, b"ID3 ", padded=True))
    return found[1] if found else 0
