"""Decoding: every format, every limit, and what happens to the process behind the fence."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier import errors
from classifier.audio.decoder import Audio, Decoder
from classifier.audio.filetags import MAX_TAGS, clean_tags
from classifier.audio.limits import Limits
from classifier.settings import Settings
from classifier.text import MAX_NAME
from tests import data_audio
from tests.audio.conftest import lowered, refused
from tests.data_audio import FORMATS, encode, tone, wav, wav_header

#: Hz; a parabola through three lines of a Hann spectrum of a second or more is much better than this.
PITCH_HZ = 0.05
#: Lossless PCM comes back to the last bit; only float32 itself may round.
EXACT = 1e-7
#: Resampling keeps the level of a tone well inside the pass band to this share.
LEVEL = 0.005

LOSSLESS = [kind for kind, form in FORMATS.items() if form.lossless]
TAGS = {"title": "Für Elise, 曲", "artist": "A. Band", "album": "Best", "comment": "kept"}


# --- Formats --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_decodes(kind: str, decoder: Decoder, limits: Limits) -> None:
    form = FORMATS[kind]
    seconds, hertz = 2.0, 700.0
    data = encode(tone(seconds, form.rate, hertz), kind, tags=TAGS)
    audio = decoder.decode(data, limits)
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert audio.sample_rate == 16000
    assert (audio.source_rate, audio.channels, audio.codec) == (form.rate, form.channels, form.named)
    assert audio.duration_s == pytest.approx(seconds, abs=form.padding_s + 1e-3)
    middle = audio.samples[4000:-4000]
    assert data_audio.pitch(middle, 16000) == pytest.approx(hertz, abs=PITCH_HZ)
    # Lossy codecs move the level (LAME takes 5 % off by itself, AMR adds 10 %).
    assert np.abs(middle).max() == pytest.approx(0.3, rel=LEVEL if form.lossless else 0.15)
    assert audio.file_hash == hashlib.sha256(data).hexdigest()
    if form.tagged and kind != "3gp":
        assert {name: audio.tags.get(name) for name in TAGS if name != "comment"} == {
            name: value for name, value in TAGS.items() if name != "comment"
        }


@pytest.mark.parametrize("kind", LOSSLESS)
def test_content_hash_is_of_the_pcm(kind: str, decoder: Decoder, limits: Limits) -> None:
    samples = data_audio.noise(0.7, seed=3)
    expected = hashlib.sha256(b"44100:2\n" + samples.astype("<i2").tobytes()).hexdigest()
    for tags in ({}, TAGS):
        assert decoder.decode(encode(samples, kind, tags=tags), limits).content_hash == expected


def test_content_hash_tells_rate_and_channels_apart(decoder: Decoder, limits: Limits) -> None:
    samples = data_audio.noise(0.5, 16000, channels=1)
    same_bytes = [wav(samples, 16000), wav(samples, 8000), wav(samples.reshape(-1, 2), 16000)]
    assert len({decoder.decode(data, limits).content_hash for data in same_bytes}) == 3


def test_content_hash_of_lossy_audio_ignores_tags_and_container(decoder: Decoder, limits: Limits) -> None:
    samples = tone(1.0, 48000)
    plain, tagged = (decoder.decode(encode(samples, "opus", tags=tags), limits) for tags in ({}, TAGS))
    other = decoder.decode(encode(samples, "webm"), limits)
    assert plain.content_hash == tagged.content_hash == other.content_hash
    assert plain.file_hash != tagged.file_hash


@pytest.mark.parametrize(
    ("values", "code", "expected"),
    [
        # Rounded half up, to 16 bits, and held within them.
        (np.array([0, 127, 128, -128, -129, 2**23 - 1, -(2**23)], "<i4"), 1, [0, 0, 1, 0, -1, 32767, -32768]),
        (np.array([0, 0.25, 0.5, -0.5, 40000, -40000], "<f4") / 32768, 3, [0, 0, 1, 0, 32767, -32768]),
        (np.array([0, 0.5, -1.5, 32767.5], "<f8") / 32768, 3, [0, 1, -1, 32767]),
        (np.array([0, 128, 255], "u1"), 1, [-32768, 0, 127 * 256]),
    ],
    ids=["24 bits", "floats", "doubles", "8 bits"],
)
def test_content_hash_rounds_to_16_bits(
    values: np.ndarray, code: int, expected: list[int], decoder: Decoder, limits: Limits
) -> None:
    values, pcm = np.tile(values, 4000), np.tile(np.array(expected, "<i2"), 4000)
    # Three of four bytes of a little-endian int32 are a 24-bit sample.
    data = values.view("u1").reshape(-1, 4)[:, :3].tobytes() if values.dtype == "<i4" else values.tobytes()
    bits = 8 * len(data) // len(values)
    audio = decoder.decode(wav_header(data, rate=16000, channels=1, bits=bits, code=code), limits)
    assert audio.content_hash == hashlib.sha256(b"16000:1\n" + pcm.tobytes()).hexdigest()


def test_samples_are_the_mean_of_the_channels(decoder: Decoder, limits: Limits) -> None:
    for channels in (1, 2, 3, 6, 8):
        samples = data_audio.noise(0.3, 16000, channels=channels, seed=channels)
        audio = decoder.decode(wav(samples, 16000), limits)
        np.testing.assert_allclose(audio.samples, samples.mean(axis=1) / 32768, rtol=0, atol=EXACT)
        assert audio.channels == channels


def test_wide_samples_keep_their_precision(decoder: Decoder, limits: Limits) -> None:
    values = np.random.default_rng(5).uniform(-1, 1, 16000).astype("<f4")
    audio = decoder.decode(wav_header(values.tobytes(), rate=16000, channels=1, bits=32, code=3), limits)
    np.testing.assert_array_equal(audio.samples, values)


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 22050, 32000, 44100, 48000, 96000, 192000])
def test_resampling_keeps_time_and_length(rate: int, decoder: Decoder, limits: Limits) -> None:
    click = np.zeros((3 * rate + 37, 1), np.int16)
    click[rate] = 20000
    audio = decoder.decode(wav(click, rate), limits)
    assert abs(len(audio.samples) - len(click) * 16000 / rate) <= 1
    assert int(np.argmax(np.abs(audio.samples))) == 16000


def test_resampling_suppresses_what_would_alias(decoder: Decoder, limits: Limits) -> None:
    audio = decoder.decode(wav(tone(1.0, 44100, 10000.0, level=0.9)), limits)
    # 60 dB below the tone, edges aside: there the tone is cut off hard, which is a click.
    assert np.abs(audio.samples[800:-800]).max() < 0.9e-3


def test_another_rate(decoder: Decoder, limits: Limits) -> None:
    audio = decoder.decode(wav(tone(2.0, 44100, 5000.0)), limits, sample_rate=22050)
    assert audio.sample_rate == 22050
    assert data_audio.pitch(audio.samples, 22050) == pytest.approx(5000, abs=PITCH_HZ)


@pytest.mark.parametrize("rate", [0, 999, 192001, 16000.0, True])
def test_rate_out_of_bounds(rate: int, decoder: Decoder, limits: Limits) -> None:
    with pytest.raises(errors.InvalidParameter, match="sample_rate"):
        decoder.decode(wav(tone(0.1)), limits, sample_rate=rate)


def test_pictures_and_video_are_ignored(decoder: Decoder, limits: Limits) -> None:
    covered = decoder.decode(data_audio.mp3_with_picture(tone(2.0, hertz=500)), limits)
    assert data_audio.pitch(covered.samples[4000:-4000], 16000) == pytest.approx(500, abs=PITCH_HZ)
    # The sound ends before the picture does: that is no damage.
    film = decoder.decode(data_audio.video(4.0, tone(2.0, hertz=600)), limits)
    assert data_audio.pitch(film.samples[4000:-4000], 16000) == pytest.approx(600, abs=PITCH_HZ)
    assert film.duration_s == pytest.approx(2.0, abs=0.1)


def test_a_stream_may_change_its_channels(decoder: Decoder, limits: Limits) -> None:
    # Two MP3s in a row, the way old jukeboxes joined them: the first header knows nothing of the second half.
    parts = [encode(tone(1.0, channels=channels), "mp3") for channels in (2, 1)]
    audio = decoder.decode(b"".join(parts), limits)
    assert audio.duration_s == pytest.approx(2.0, abs=0.2)
    assert np.sqrt(np.mean(audio.samples[-12000:-4000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.1)


def test_an_mp3_without_a_header_promises_nothing(decoder: Decoder, limits: Limits) -> None:
    # Music, then silence, at a variable bit rate: a length guessed from the first frames is far off.
    samples = np.concatenate([data_audio.noise(1.0), np.zeros((44100 * 4, 2), np.int16)])
    for samples_in_order in (samples, samples[::-1]):
        data = encode(
            np.ascontiguousarray(samples_in_order),
            "mp3",
            muxer={"write_xing": "0"},
            compression_level=7,
            global_quality=600,
            flags="+qscale",
        )
        audio = decoder.decode(data, limits)
        assert audio.duration_s == pytest.approx(5.0, abs=0.1)
        assert decoder.decode(data[: len(data) // 2], limits).duration_s < 5


def test_a_file_is_read_and_left_alone(decoder: Decoder, limits: Limits, tmp_path: Path) -> None:
    data = encode(tone(1.0), "flac")
    path = tmp_path / "concat:a|b.mp3"
    path.write_bytes(data)
    path.chmod(0o444)
    before = path.stat()
    audio = decoder.decode(path, limits)
    assert audio.content_hash == decoder.decode(data, limits).content_hash
    assert audio.file_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert list(tmp_path.iterdir()) == [path]


def test_audio_is_frozen_and_knows_its_length(decoder: Decoder, limits: Limits) -> None:
    audio = decoder.decode(wav(tone(0.5)), limits)
    assert isinstance(audio, Audio)
    assert audio.duration_s == len(audio.samples) / 16000 == 0.5
    with pytest.raises(AttributeError):
        audio.codec = "other"  # type: ignore[misc]


# --- Tags -----------------------------------------------------------------------------------------------------


def test_samples_of_ones_own_are_as_if_decoded(decoder: Decoder, limits: Limits) -> None:
    decoded = decoder.decode(wav(tone(0.5, 16000), 16000), limits)
    made = Audio.from_samples(decoded.samples.astype(np.float64), 16000)
    assert made.samples.dtype == np.float32
    assert np.array_equal(made.samples, decoded.samples)
    assert (made.duration_s, made.bandwidth_hz, made.channels) == (decoded.duration_s, decoded.bandwidth_hz, 1)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.zeros((2, 100)), 16000, r"shape \(2, 100\): hand in one channel"),
        (np.array([0.0, np.nan]), 16000, "not finite"),
        (np.zeros(100), 0, "sample_rate is 0: it must be positive"),
    ],
)
def test_samples_of_ones_own_are_checked(samples: np.ndarray, rate: int, words: str) -> None:
    with pytest.raises(errors.InvalidParameter, match=words):
        Audio.from_samples(samples, rate)


def test_tags_are_cleaned() -> None:
    raw = {
        "TITLE": "  a\x00b\nc\u200b\x1b[31m ",
        "Artist": "x" * 600,
        "TSRC": "gb-aye-06-01498",
        "encoder": "Lavf",
        "empty": " \t\x07",
        "latin": "Caf\udce9",
    }
    assert clean_tags(raw) == {
        "title": "a b c [31m",
        "artist": "x" * 499 + "…",
        "isrc": "GBAYE0601498",
        "latin": "Café",
    }


def test_tags_are_bounded_and_the_useful_ones_stay() -> None:
    raw = {f"x{index}": "v" for index in range(500)} | {"Title": "t", "isrc": "no code"}
    tags = clean_tags(raw)
    assert len(tags) == MAX_TAGS
    assert tags["title"] == "t"
    assert "isrc" not in tags


def test_hostile_tags_of_a_file(decoder: Decoder, limits: Limits) -> None:
    tags = {"title": "A\x01" + "b" * 5000, **{f"key{index}": "v" * 3000 for index in range(300)}}
    audio = decoder.decode(encode(tone(0.5), "flac", tags=tags), limits)
    assert audio.tags["title"] == "A " + "b" * (MAX_NAME - 3) + "…"
    assert len(audio.tags) <= MAX_TAGS
    assert max(map(len, audio.tags.values())) <= MAX_NAME


def test_isrc_from_id3(decoder: Decoder, limits: Limits) -> None:
    data = encode(tone(0.5), "mp3", tags={"TSRC": "GB-AYE-06-01498", "title": "t"})
    assert decoder.decode(data, limits).tags == {"title": "t", "isrc": "GBAYE0601498"}


# --- What is refused ------------------------------------------------------------------------------------------


def test_empty(decoder: Decoder, limits: Limits, tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    for source in (b"", empty):
        assert "0 bytes" in refused(decoder, source, limits, errors.AudioEmpty)


def test_missing_folder_and_pipe(decoder: Decoder, limits: Limits, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        tmp_path / "none.mp3": "no file 'none.mp3'",
        tmp_path: "is a folder",
        pipe: "device or a pipe",
        Path("/dev/zero"): "device or a pipe",
        pipe / "below": "no file 'below'",
        tmp_path / "loop": "cannot be opened",
        tmp_path / ("n" * 300): "cannot be opened",
        tmp_path / "nul\0": "no file",
        Path("file:x.wav"): "no file",
    }
    for path, words in cases.items():
        assert words in refused(decoder, path, limits, errors.FileMissing)


def test_source_of_another_kind(decoder: Decoder, limits: Limits) -> None:
    with pytest.raises(errors.InvalidParameter, match="pathlib"):
        decoder.decode("song.mp3", limits)  # type: ignore[arg-type]


def test_no_audio_at_all(decoder: Decoder, limits: Limits) -> None:
    text = b"These are words, not music.\n" * 500
    random = np.random.default_rng(1).bytes(50_000)
    for data in (
        text,
        text[:20],
        random,
        b"\0" * 10_000,
        b"RIFF",
        b"ID3\x04\0\0\0\0\0\0",
        Path(sys.executable).read_bytes()[:200_000],
    ):
        assert "export it again" in refused(decoder, data, limits, errors.AudioUnreadable)


def test_video_without_sound(decoder: Decoder, limits: Limits) -> None:
    assert "only video" in refused(decoder, data_audio.video(1.0), limits, errors.AudioNoStream)


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000])
def test_wav_from_a_recorder_that_cannot_seek(claimed: int, decoder: Decoder, limits: Limits) -> None:
    data = tone(1.0, 16000, channels=1).tobytes()
    audio = decoder.decode(wav_header(data, rate=16000, channels=1, bits=16, claimed=claimed), limits)
    assert audio.duration_s == pytest.approx(1.0, abs=0.01)


def test_samples_that_are_no_numbers(decoder: Decoder, limits: Limits) -> None:
    for value in (np.nan, np.inf, -np.inf, 1e30):
        for kind, bits in (("<f4", 32), ("<f8", 64)):
            samples = np.zeros((16000, 2), kind)
            samples[12345, 1] = value
            data = wav_header(samples.tobytes(), rate=16000, channels=2, bits=bits, code=3)
            assert "not finite" in refused(decoder, data, limits, errors.AudioUnreadable)


def test_headers_that_claim_too_much(decoder: Decoder, limits: Limits) -> None:
    data = tone(0.5, 16000).tobytes()

    def claim(rate: int, channels: int) -> bytes:
        return wav_header(data, rate=rate, channels=channels, bits=16)

    assert "0 channels" in refused(decoder, claim(44100, 0), limits, errors.AudioUnsupported)
    assert "far too many" in refused(decoder, claim(44100, 600), limits, errors.AudioUnsupported)
    assert "9 channels; Earmark takes 1 to 8" in refused(decoder, claim(44100, 9), limits, errors.AudioUnsupported)
    assert "2,147,483,647 Hz" in refused(decoder, claim(2**31 - 1, 2), limits, errors.AudioUnsupported)
    assert "1,000 Hz; Earmark takes 4,000 to" in refused(decoder, claim(1000, 2), limits, errors.AudioUnsupported)
    assert "655,350 Hz" in refused(decoder, data_audio.flac_header(655350, 8), limits, errors.AudioUnsupported)
    refused(decoder, claim(0, 2), limits, errors.AudioUnreadable)
    refused(decoder, data_audio.flac_header(44100, 2, total=2**36 - 1), limits, errors.AudioUnreadable)
    huge = wav_header(data, rate=16000, channels=2, bits=16, claimed=2**30)
    assert "promises" in refused(decoder, huge, replace(limits, kind="track"), errors.AudioUnreadable)


def test_nothing_else_is_opened(decoder: Decoder, limits: Limits, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(wav(tone(1.0)))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{song}\n#EXT-X-ENDLIST\n"
    master = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{song}\n"
    concat = f"ffconcat version 1.0\nfile '{song}'\n"
    session = f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\na=control:{song}\n"
    dash = f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{song}</BaseURL></MPD>'
    for text in (playlist, master, concat, session, dash, f"file:{song}", str(song)):
        path = tmp_path / "trick.mp3"
        path.write_text(text)
        for source in (path, text.encode()):
            refused(decoder, source, limits, errors.AudioUnreadable)


def test_broken_files_are_refused_or_decoded(decoder: Decoder, limits: Limits) -> None:
    random = np.random.default_rng(11)
    for kind in ("wav", "flac", "mp3", "ogg", "m4a", "live", "amr", "caf"):
        whole = np.frombuffer(encode(data_audio.noise(0.6, FORMATS[kind].rate), kind), np.uint8)
        for _ in range(6):
            data = whole.copy()
            # Headers above all: that is where parsers trip.
            places = random.integers(0, min(len(data), 600), 12)
            data[places] = random.integers(0, 256, len(places))
            try:
                audio = decoder.decode(data.tobytes(), limits)
            except errors.AudioError:
                continue
            assert np.isfinite(audio.samples).all()


# --- Limits ---------------------------------------------------------------------------------------------------


def test_bytes_of_the_file(decoder: Decoder, tmp_path: Path) -> None:
    limits = lowered(snippet_bytes=5000)
    data = wav(tone(1.0))
    sparse = tmp_path / "huge.wav"
    with sparse.open("wb") as file:
        file.truncate(10**12)
    for source in (data, sparse):
        message = refused(decoder, source, limits, errors.AudioTooLarge)
        assert "the limit is 5,000" in message
        assert "snippet_bytes" in message


def test_seconds_are_counted_while_decoding(decoder: Decoder) -> None:
    # Opus of silence is some bytes a second: what it decodes to cannot be told from its size.
    silence = encode(np.zeros((12 * 48000, 2), np.int16), "opus", bit_rate=6000)
    assert len(silence) < 20_000
    live = encode(np.zeros((12 * 48000, 2), np.int16), "live", bit_rate=6000)
    for data in (silence, live):
        message = refused(decoder, data, lowered(snippet_seconds=10), errors.AudioTooLong)
        assert "longer than 10 s" in message
        assert "snippet_seconds" in message
        assert decoder.decode(data, lowered(snippet_seconds=12)).duration_s == pytest.approx(12, abs=0.05)


def test_bytes_of_pcm(decoder: Decoder) -> None:
    samples = np.zeros((10 * 44100, 2), np.int16)
    data = encode(samples, "flac")
    assert len(data) < 20_000
    message = refused(decoder, data, lowered(snippet_decode_bytes=samples.nbytes - 1), errors.AudioTooLarge)
    assert "snippet_decode_bytes" in message
    decoder.decode(data, lowered(snippet_decode_bytes=samples.nbytes))


def test_channels_and_rate(decoder: Decoder) -> None:
    data = wav(tone(0.5, 44100))
    assert "2 channels; Earmark takes 1 to 1" in refused(
        decoder, data, lowered(max_channels=1), errors.AudioUnsupported
    )
    refused(decoder, data, lowered(max_source_rate=44099), errors.AudioUnsupported)
    refused(decoder, data, lowered(min_source_rate=44101), errors.AudioUnsupported)
    decoder.decode(data, lowered(max_channels=2, max_source_rate=44100, min_source_rate=44100))


def test_memory(limits: Limits) -> None:
    data = encode(tone(5.0), "m4a")
    # Processes of its own: one that has worked before may have memory in store.
    with Decoder(Settings()) as decoder:
        message = refused(decoder, data, replace(limits, memory_bytes=64 * 2**20), errors.DecodeLimit)
        assert "67,108,864 bytes of memory" in message
        assert "decoder_memory_bytes" in message
        # The least that the setting allows is enough for a snippet.
        decoder.decode(data, lowered(decoder_memory_bytes=256 * 2**20))


def quiet_hours(path: Path, hours: float) -> Path:
    """Write a sparse WAV of silence, 8 kHz mono: hours of audio, no bytes on the disk."""
    size = round(hours * 3600 * 8000) * 2
    with path.open("wb") as file:
        file.write(wav_header(b"", rate=8000, channels=1, bits=16, claimed=size))
        file.truncate(44 + size)
    return path


def test_wall_clock(decoder: Decoder, tmp_path: Path) -> None:
    limits = Limits.for_track(Settings())
    track = quiet_hours(tmp_path / "hours.wav", 0.5)
    long = quiet_hours(tmp_path / "days.wav", 24)
    # On a busy machine a second may hold next to nothing of the processor, which is not held against the file.
    for wall_s in (1.0, 2.0, 4.0, 8.0):
        hurried = replace(limits, max_bytes=2 * 10**9, max_seconds=10.0**6, wall_s=wall_s, wall_per_hour_s=0.0)
        with pytest.raises((errors.DecodeLimit, errors.DecoderUnavailable)) as caught:
            decoder.decode(long, hurried)
        if caught.type is errors.DecodeLimit:
            break
    assert f"longer than {wall_s:g} s" in str(caught.value)
    assert "track_decode_seconds" in str(caught.value)
    # By the hour, the same file has all the time it needs: its header promises the hours.
    audio = decoder.decode(track, replace(limits, wall_s=1.0))
    assert audio.duration_s == 1800
    assert not audio.samples.any()


def test_limits_follow_the_settings() -> None:
    settings = Settings(snippet_bytes=1111, track_bytes=2222, track_seconds=3600, max_channels=2)
    snippet, track = Limits.for_snippet(settings), Limits.for_track(settings)
    assert (snippet.max_bytes, track.max_bytes) == (1111, 2222)
    assert track.max_seconds == 3600
    # Stereo at the highest rate, in 32 bits, must not hit the limit of bytes before that of seconds.
    assert track.max_decoded_bytes >= 3600 * 48000 * 2 * 4
    assert (snippet.wall_s, track.wall_s, track.wall_per_hour_s) == (10, 20, 120)
    hurried = Settings(snippet_decode_seconds=3, track_decode_seconds=50)
    assert Limits.for_snippet(hurried).wall_s == 3
    assert Limits.for_track(hurried).wall_per_hour_s == 50


# --- Processes ------------------------------------------------------------------------------------------------


def cpu_ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def until(condition: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_child_killed_while_idle_is_replaced(limits: Limits) -> None:
    data = wav(tone(0.5))
    with Decoder(Settings()) as decoder:
        decoder.warm_up()
        [before] = decoder.pids
        os.kill(before, signal.SIGKILL)
        assert decoder.decode(data, limits).duration_s == 0.5
        [after] = decoder.pids
        assert after != before
        # One that dies with the job in its hands, but unread, takes nothing down with it either.
        os.kill(after, signal.SIGSTOP)
        threading.Timer(0.2, os.kill, (after, signal.SIGKILL)).start()
        assert decoder.decode(data, limits).duration_s == 0.5
        assert decoder.pids != [after]


def test_a_child_killed_at_work(limits: Limits, tmp_path: Path) -> None:
    track = quiet_hours(tmp_path / "hours.wav", 24)
    roomy = replace(Limits.for_track(Settings()), max_bytes=2 * 10**9, max_seconds=10.0**6)
    with Decoder(Settings()) as decoder:
        decoder.warm_up()
        [pid] = decoder.pids
        ticks = cpu_ticks(pid)
        caught: list[BaseException] = []

        def work() -> None:
            try:
                decoder.decode(track, roomy)
            except BaseException as error:
                caught.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        until(lambda: cpu_ticks(pid) > ticks + 5)
        os.kill(pid, signal.SIGKILL)
        worker.join(20)
        # The system does that when memory is short: the same file may do well the next time.
        assert type(caught[0]) is errors.DecoderUnavailable
        assert "was killed" in str(caught[0])
        assert decoder.decode(wav(tone(0.5)), limits).duration_s == 0.5


def test_a_child_that_is_stopped(limits: Limits) -> None:
    data = wav(tone(0.5))
    with Decoder(Settings()) as decoder:
        decoder.warm_up()
        [pid] = decoder.pids
        os.kill(pid, signal.SIGSTOP)
        # It had no processor: not the file's fault.
        message = refused(decoder, data, replace(limits, wall_s=0.2), errors.DecoderUnavailable)
        assert "only 0.0 s of the processor" in message
        assert not Path(f"/proc/{pid}").exists(), "killed and reaped"
        decoder.decode(data, limits)


def test_children_are_replaced_after_their_jobs(limits: Limits) -> None:
    data = wav(tone(0.1))
    with Decoder(Settings(decoder_jobs=2)) as decoder:
        pids = []
        for _ in range(4):
            decoder.warm_up()
            pids.append(decoder.pids[0])
            decoder.decode(data, limits)
        assert pids[0] == pids[1] != pids[2] == pids[3]


def test_a_refusal_keeps_the_child_and_leaks_nothing(limits: Limits, tmp_path: Path) -> None:
    with Decoder(Settings()) as decoder:
        decoder.decode(wav(tone(0.1)), limits)
        before = decoder.pids, len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{decoder.pids[0]}/fd"))
        for source in (b"no audio", b"", tmp_path, data_audio.video(0.2), wav(tone(0.1))[:50]):
            with pytest.raises(errors.InvalidInput):
                decoder.decode(source, limits)
        after = decoder.pids, len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{decoder.pids[0]}/fd"))
        assert after == before


def test_threads_share_a_decoder(decoder: Decoder, limits: Limits) -> None:
    files = {hertz: wav(tone(0.5, 16000, hertz), 16000) for hertz in range(400, 1000, 50)}
    heard: dict[int, float] = {}

    def work(hertz: int) -> None:
        heard[hertz] = data_audio.pitch(decoder.decode(files[hertz], limits).samples, 16000)

    threads = [threading.Thread(target=work, args=(hertz,)) for hertz in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {hertz: pytest.approx(hertz, abs=PITCH_HZ) for hertz in files}
    assert len(decoder.pids) <= 2


def test_closed(limits: Limits) -> None:
    decoder = Decoder(Settings())
    decoder.decode(wav(tone(0.1)), limits)
    [pid] = decoder.pids
    decoder.close()
    decoder.close()
    assert not Path(f"/proc/{pid}").exists()
    for call in (decoder.warm_up, lambda: decoder.decode(wav(tone(0.1)), limits)):
        with pytest.raises(errors.DecoderUnavailable, match="closed"):
            call()


def test_closed_while_it_works(tmp_path: Path) -> None:
    track = quiet_hours(tmp_path / "hours.wav", 24)
    roomy = replace(Limits.for_track(Settings()), max_bytes=2 * 10**9, max_seconds=10.0**6)
    decoder = Decoder(Settings())
    decoder.warm_up()
    [pid] = decoder.pids
    ticks = cpu_ticks(pid)

    def close_later() -> None:
        until(lambda: cpu_ticks(pid) > ticks + 5)
        decoder.close()

    closer = threading.Thread(target=close_later)
    closer.start()
    with pytest.raises(errors.DecoderUnavailable, match="closed"):
        decoder.decode(track, roomy)
    closer.join()


def test_a_forgotten_decoder_ends_its_children(limits: Limits) -> None:
    decoder = Decoder(Settings())
    decoder.decode(wav(tone(0.1)), limits)
    [pid] = decoder.pids
    del decoder
    assert not Path(f"/proc/{pid}").exists()


def test_no_child_can_be_started(limits: Limits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    for executable, words in (
        (str(broken), "exit status 3"),
        (str(tmp_path / "none"), "No such file"),
        ("", "no Python"),
    ):
        monkeypatch.setattr(sys, "executable", executable)
        with Decoder(Settings()) as decoder:
            assert words in refused(decoder, wav(tone(0.1)), limits, errors.DecoderUnavailable)


def test_a_missing_library_is_named(limits: Limits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Decoder(Settings()) as decoder:
        message = refused(decoder, wav(tone(0.1)), limits, errors.DecoderUnavailable)
    assert "no_such_library cannot be imported" in message


def test_children_hold_no_secrets_and_have_limits(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARMARK_STORE", "mongodb://user:password@host/db")
    with Decoder(Settings()) as decoder:
        decoder.decode(wav(tone(0.1)), limits)
        [pid] = decoder.pids
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"password" not in environment
        assert b"EARMARK" not in environment
        table = {
            line[:25].strip(): line[25:].split()[:2] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
        }
        assert table["Max address space"][0] == str(limits.memory_bytes)
        assert int(table["Max cpu time"][0]) <= limits.wall_s + 10
        assert table["Max core file size"] == ["0", "0"]
        assert int(table["Max open files"][1]) <= 32
        assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)} == {"/dev/null"}


SCRIPT = """
import io, os, sys, wave
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
assert "av" not in sys.modules
from classifier.settings import Settings
target = io.BytesIO()
with wave.open(target, "wb") as writer:
    writer.setnchannels(1); writer.setsampwidth(2); writer.setframerate(16000); writer.writeframes(bytes(32000))
settings = Settings()
limits = Limits.for_snippet(settings)
decoder = Decoder(settings)
assert decoder.decode(target.getvalue(), limits).duration_s == 1.0
mine = decoder.pids
child = os.fork()
if child == 0:
    try:
        assert decoder.pids == []
        assert decoder.decode(target.getvalue(), limits).duration_s == 1.0
        assert decoder.pids and decoder.pids != mine
        decoder.close()
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert decoder.decode(target.getvalue(), limits).duration_s == 1.0
assert decoder.pids == mine, "the fork left the parent's child alone"
print("good", mine[0])
"""


def test_works_from_standard_input_and_in_a_fork(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    # As at a prompt: there is no file with a __main__ to guard; warnings would be left-over processes.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=SCRIPT,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.stdout.startswith("good"), done.stdout + done.stderr
    assert done.stderr == ""
    assert not Path(f"/proc/{done.stdout.split()[1]}").exists(), "children end with their parent"
