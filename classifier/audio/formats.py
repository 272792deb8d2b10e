"""Which kinds of audio are read: the containers and codecs that FFmpeg may use, and the endings of their file names.

A container is a demuxer of FFmpeg. Left out are formats that can name other files, hosts or devices (HLS, concat, DASH,
SDP, image sequences), that are encrypted (Audible), that are not recordings (trackers, MIDI), or that belong to one
game or device, whose demuxers few people test. No video decoder is ever opened, not even to probe a stream.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """One kind of file.

    Parameters
    ----------
    name : str
        For people.
    demuxers : tuple of str
        FFmpeg's names, as in its whitelist of formats.
    endings : tuple of str
        Endings of such files' names, in lower case, with the dot.
    codecs : str
        Its usual codecs, for people.
    """

    name: str
    demuxers: tuple[str, ...]
    endings: tuple[str, ...]
    codecs: str


CONTAINERS = (
    Container("WAV, RF64", ("wav",), (".wav", ".wave", ".bwf", ".rf64"), "PCM, ADPCM, A-law, mu-law, GSM, MP3"),
    Container("Wave64", ("w64",), (".w64",), "PCM"),
    Container("AIFF", ("aiff",), (".aif", ".aifc", ".aiff"), "PCM"),
    Container("CAF", ("caf",), (".caf",), "PCM, ALAC, AAC, IMA ADPCM"),
    Container("AU, SND", ("au",), (".au", ".snd"), "PCM, mu-law"),
    Container("VOC", ("voc",), (".voc",), "PCM"),
    Container("FLAC", ("flac",), (".flac",), "FLAC"),
    Container("WavPack", ("wv",), (".wv",), "WavPack, lossless and hybrid"),
    Container("True Audio", ("tta",), (".tta",), "TTA"),
    Container("Monkey's Audio", ("ape",), (".ape",), "APE"),
    Container("TAK", ("tak",), (".tak",), "TAK"),
    Container("Musepack", ("mpc", "mpc8"), (".mpc",), "Musepack 7 and 8"),
    Container("MP3, MP2", ("mp3",), (".mp3", ".mp2", ".mpga"), "MPEG-1 and -2 audio"),
    Container("ADTS", ("aac",), (".aac", ".adts"), "AAC"),
    Container("LATM, LOAS", ("loas",), (".latm", ".loas"), "AAC"),
    Container("AC-3, E-AC-3", ("ac3", "eac3"), (".ac3", ".eac3", ".ec3"), "Dolby Digital and Digital Plus"),
    Container("MLP, TrueHD", ("mlp", "truehd"), (".mlp", ".thd"), "Meridian lossless, Dolby TrueHD"),
    Container("DTS", ("dts", "dtshd"), (".dts", ".dtshd"), "DTS and DTS-HD"),
    Container("AMR", ("amr",), (".amr", ".awb"), "AMR narrow- and wideband"),
    Container("Ogg", ("ogg",), (".ogg", ".oga", ".ogv", ".opus", ".spx"), "Vorbis, Opus, FLAC, Speex"),
    Container("Matroska, WebM", ("matroska", "webm"), (".mka", ".mkv", ".weba", ".webm"), "any of these codecs"),
    Container(
        "MP4, QuickTime, 3GP",
        ("mov", "mp4", "m4a", "3gp", "3g2", "mj2"),
        (".m4a", ".m4b", ".m4r", ".m4v", ".mov", ".mp4", ".qt", ".3gp", ".3g2"),
        "AAC, ALAC, AMR, AC-3, MP3, PCM",
    ),
    Container("ASF", ("asf",), (".wma", ".wmv", ".asf"), "Windows Media Audio"),
    Container("AVI", ("avi",), (".avi",), "MP3, AC-3, PCM"),
    Container("FLV", ("flv",), (".flv", ".f4v"), "AAC, MP3, Speex"),
    Container("MPEG transport stream", ("mpegts",), (".ts", ".m2ts", ".mts"), "AAC, MPEG audio, AC-3"),
    Container("MPEG programme stream", ("mpeg",), (".mpg", ".mpeg", ".vob"), "MPEG audio, AC-3, PCM"),
)

#: Endings of audio files' names, in lower case, with the dot.
ENDINGS = frozenset(ending for container in CONTAINERS for ending in container.endings)
#: Demuxers that FFmpeg may try on a file.
DEMUXERS = tuple(name for container in CONTAINERS for name in container.demuxers)
#: Decoders that may run, besides all those of PCM.
CODECS = (
    "aac", "aac_fixed", "aac_latm", "ac3", "ac3_fixed", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "adpcm_swf",
    "adpcm_yamaha", "alac", "amrnb", "amrwb", "ape", "dca", "eac3", "flac", "g722", "g726", "gsm", "gsm_ms",
    "libopus", "libvorbis", "mlp", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "mpc7", "mpc8",
    "nellymoser", "opus", "s302m", "speex", "tak", "truehd", "tta", "vorbis", "wavpack", "wmalossless", "wmapro",
    "wmav1", "wmav2", "wmavoice",
)  # fmt: skip


def is_read(codec: str) -> bool:
    """Return whether a decoder, by FFmpeg's name, may run."""
    return codec in CODECS or codec.startswith("pcm_")


#: Formats of bare samples, by FFmpeg's names.
RAW = ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be", "u8", "alaw", "mulaw")
