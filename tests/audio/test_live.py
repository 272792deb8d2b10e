"""Sound that comes live: pipes, addresses that break off and come back, and what they may not lead to."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.audio import live
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.audio.live import Raw, from_address, from_pipe
from classifier.errors import AudioError, AudioUnreadable, DecoderUnavailable, InvalidParameter
from classifier.settings import Settings
from tests.audio.broadcast import Station, on_air
from tests.data_audio import encode, missing, noise, pitch, tone, wav

RATE = 16000


@pytest.fixture
def stream_limits() -> Limits:
    return Limits.for_stream(Settings())


def piped(decoder: Decoder, data: bytes, limits: Limits, raw: Raw | None = None, *, pause_at: int = 0) -> np.ndarray:
    """Return what is heard of bytes that somebody writes into a pipe."""
    reading, writing = os.pipe()
    gate = threading.Event()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            pipe.write(data[:pause_at])
            pipe.flush()
            if pause_at:
                gate.wait(30)
            pipe.write(data[pause_at:])

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    blocks: list[np.ndarray] = []
    try:
        for block in from_pipe(decoder, reading, limits, RATE, raw=raw):
            blocks.append(block)
            gate.set()
    finally:
        gate.set()
        os.close(reading)
        writer.join(30)
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def heard(decoder: Decoder, station: Station, limits: Limits, path: str = "/radio") -> tuple[np.ndarray, list[str]]:
    """Return what is heard of a station until it gives up, and what was noted."""
    notes: list[str] = []
    blocks: list[np.ndarray] = []
    url = station.url + path
    stream = from_address(decoder, url, limits, RATE, patience_s=1.0, note=notes.append, sleep=lambda s: None)
    try:
        blocks.extend(stream)
    except (AudioError, DecoderUnavailable) as error:
        if not blocks:
            raise
        notes.append(str(error))
    return np.concatenate(blocks), notes


# --- pipes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "opus", "adts", "live"])
def test_any_container_comes_through_a_pipe_as_it_is_decoded(kind: str, decoder: Decoder, stream_limits: Limits):
    samples = noise(4.0, 48000 if kind in ("opus", "live") else 44100)
    data = encode(samples, kind)
    whole = decoder.decode(data, Limits.for_track(Settings())).samples
    found = piped(decoder, data, stream_limits)
    # What a container says of the priming of its codec may be missing where nothing can be sought.
    assert abs(len(found) - len(whole)) <= 0.1 * RATE
    if kind in ("wav", "flac"):
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize(("form", "kind"), [("s16le", "<i2"), ("s32be", ">i4"), ("f32le", "<f4"), ("u8", "u1")])
def test_bare_samples_are_what_they_are_said_to_be(form: str, kind: str, decoder: Decoder, stream_limits: Limits):
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    scale = {"<i2": 32767, ">i4": 2147483647, "<f4": 1, "u1": 127}[kind]
    left = (wave * scale + (128 if kind == "u1" else 0)).astype(kind)
    data = left.repeat(2).tobytes()
    found = piped(decoder, data, stream_limits, Raw(RATE, form, 2))
    assert len(found) == 2 * RATE
    np.testing.assert_allclose(found, wave, atol=0.02)


def test_sound_is_handed_on_before_the_rest_has_come(decoder: Decoder, stream_limits: Limits):
    """The writer sends its last three seconds only once the first have been heard."""
    data = tone(5.0, RATE, channels=1).astype("<i2").tobytes()
    assert len(piped(decoder, data, stream_limits, Raw(RATE, "s16le", 1), pause_at=4 * RATE)) == 5 * RATE


def test_what_is_no_audio_is_refused_with_the_cure(decoder: Decoder, stream_limits: Limits):
    with pytest.raises(AudioUnreadable, match="--raw RATE:FORMAT:CHANNELS"):
        piped(decoder, b"<html>" * 20000, stream_limits)
    with pytest.raises(AudioUnreadable, match="nothing came through the pipe"):
        piped(decoder, b"", stream_limits)


def test_a_pipe_without_end_is_left_when_the_listener_leaves(decoder: Decoder, stream_limits: Limits):
    reading, writing = os.pipe()
    os.write(writing, bytes(60000))
    stream = from_pipe(decoder, reading, stream_limits, RATE, raw=Raw(RATE, "s16le", 1))
    assert len(next(stream))
    stream.close()  # type: ignore[attr-defined]
    os.close(reading)
    os.close(writing)
    assert decoder.decode(wav(tone(0.5)), Limits.for_track(Settings())).duration_s == 0.5


def test_a_connection_is_left_before_its_seconds_are_over(decoder: Decoder, stream_limits: Limits):
    data = tone(9.0, RATE, channels=1).astype("<i2").tobytes()
    found = piped(decoder, data, replace(stream_limits, max_seconds=4.0), Raw(RATE, "s16le", 1))
    assert 2.5 * RATE < len(found) < 4.1 * RATE


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("44100", "RATE:FORMAT:CHANNELS"),
        ("44100:s16le:2:9", "RATE:FORMAT:CHANNELS"),
        ("-1:s16le:2", "RATE:FORMAT:CHANNELS"),
        ("44100:mp3:2", "'mp3'.*s16le"),
        ("44100:s16le:0", "0 channels"),
        ("9:s16le:1", "9 Hz"),
    ],
)
def test_a_wrong_description_of_samples_is_refused(text: str, match: str):
    with pytest.raises(InvalidParameter, match=match):
        Raw.parse(text)


def test_a_description_of_samples():
    assert Raw.parse("44100:s16le:2") == Raw(44100, "s16le", 2)


# --- addresses ----------------------------------------------------------------------------------------------


def test_a_station_that_breaks_off_is_asked_again_and_the_time_between_is_silence(
    decoder: Decoder, stream_limits: Limits, monkeypatch: pytest.MonkeyPatch
):
    parts = [encode(tone(3.0, hertz=500), "mp3"), None, encode(tone(3.0, hertz=900), "mp3")]
    now = iter(np.arange(0, 4000, 10.0))
    monkeypatch.setattr(live, "_GAP_S", 4.0)
    notes: list[str] = []
    with on_air(Station(lambda n: parts[n] if n < 3 else None)) as station:
        blocks: list[np.ndarray] = []
        stream = from_address(
            decoder, f"{station.url}/radio", stream_limits, RATE,
            patience_s=60.0, note=notes.append, clock=lambda: float(next(now)), sleep=lambda s: None,
        )  # fmt: skip
        with pytest.raises(AudioUnreadable):
            blocks.extend(stream)
    gaps = [number for number, block in enumerate(blocks) if not block.any()]
    first = np.concatenate(blocks[: gaps[0]])
    last = np.concatenate(blocks[gaps[-1] + 1 :])
    assert pitch(first[4000:40000], RATE) == pytest.approx(500, abs=1)
    assert pitch(last[4000:40000], RATE) == pytest.approx(900, abs=1)
    # The clock of this test goes on by ten seconds each time that it is read: once a block, and more for the gap.
    assert sum(len(blocks[number]) for number in gaps) / RATE > 10 * len(blocks[: gaps[0]])
    assert "broke off" in notes[0]
    assert notes[1] == "the stream is back"


def test_a_file_behind_an_address_ends(decoder: Decoder, stream_limits: Limits):
    data = encode(noise(3.0), "mp3")
    with on_air(Station(lambda n: data, length=True)) as station:
        samples, notes = heard(decoder, station, stream_limits)
    assert len(samples) == pytest.approx(3.0 * RATE, abs=0.1 * RATE)
    assert notes == []


def test_the_first_connection_gets_no_second_attempt(decoder: Decoder, stream_limits: Limits):
    with on_air(Station(lambda n: None)) as station:
        with pytest.raises(AudioUnreadable, match="name the stream itself") as caught:
            heard(decoder, station, stream_limits)
    assert len(station.asked) == 1
    assert "localhost" not in str(caught.value), "an address may hold a password"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate of this machine's own name with its key, that nobody vouches for."""
    program = shutil.which("openssl")
    if program is None:
        missing("openssl")
    path = tmp_path / "own.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    command = [str(program), "req", *options, *names, "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_https_is_heard_only_from_whom_the_system_vouches_for(
    decoder: Decoder, stream_limits: Limits, certificate: Path, monkeypatch: pytest.MonkeyPatch
):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    data = encode(noise(2.0), "mp3")
    with on_air(Station(lambda n: data, length=True, tls=tls)) as station:
        with pytest.raises(AudioUnreadable):
            heard(decoder, station, stream_limits)
        assert station.asked == []
        trusted = ssl.get_default_verify_paths()._replace(cafile=f"{certificate}.crt")
        monkeypatch.setattr(live.ssl, "get_default_verify_paths", lambda: trusted)
        samples, _ = heard(decoder, station, stream_limits)
    assert len(samples) > RATE


def test_redirects_are_followed_but_not_for_ever(decoder: Decoder, stream_limits: Limits):
    data = encode(noise(2.0), "mp3")
    with on_air(Station(lambda n: data if n == 3 else f"/hop{n}", length=True)) as station:
        samples, _ = heard(decoder, station, stream_limits)
    assert station.asked == ["/radio", "/hop0", "/hop1", "/hop2"]
    assert len(samples) > RATE
    with on_air(Station(lambda n: f"/hop{n}")) as station:
        with pytest.raises(AudioUnreadable):
            heard(decoder, station, stream_limits)
    assert len(station.asked) == 6


def test_an_address_leads_to_no_file_of_this_machine(decoder: Decoder, stream_limits: Limits, tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(tone(3.0)))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()
    for answer in (f"file://{secret}", playlist):
        with on_air(Station(lambda n, answer=answer: answer, length=True)) as station:
            with pytest.raises((AudioError, DecoderUnavailable)):
                heard(decoder, station, stream_limits, "/list.m3u8")


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("complete", [True, False])
def test_pieces_of_hls_are_heard_once(decoder: Decoder, stream_limits: Limits, complete: bool, length: bool):
    """A complete list ends the sound, whether its server counts bytes or not; one that breaks off is asked again."""
    pieces = {f"/{n}.ts": encode(tone(2.0, hertz=500), "ts") for n in range(3)}
    body = "".join(f"#EXTINF:2,\n{path[1:]}\n" for path in pieces)
    end = "#EXT-X-ENDLIST\n" if complete else ""
    pieces["/list.m3u8"] = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{body}{end}".encode()

    def sends(number: int) -> bytes | None:
        path = station.asked[number]
        gone = path == "/list.m3u8" and station.asked[:number].count(path) > 0
        return None if gone else pieces[path]

    station = Station(sends, length=length)
    with on_air(station):
        samples, notes = heard(decoder, station, stream_limits, "/list.m3u8")
    assert 5 * RATE < len(samples) < 7 * RATE
    if complete:
        assert notes == []
    else:
        assert ["broke off" in note for note in notes] == [True, True]
    assert pitch(samples[4000:24000], RATE) == pytest.approx(500, abs=1)


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "concat:a|b", "rtmp://h/x", "http://", "http://h:99999/", "http://h/a b", "pipe:0", ""],
)
def test_other_addresses_are_refused(address: str):
    with pytest.raises(InvalidParameter, match="begins with http"):
        live.check_address(address)


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(InvalidParameter) as caught:
        live.check_address("ftp://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_stalled_station_is_given_up(stream_limits: Limits):
    """A byte now and then keeps a connection open, and holds nobody for ever."""
    limits = replace(stream_limits, wall_s=1.0)
    with on_air(Station(lambda n: bytes(100000), rate=20.0)) as station, Decoder(Settings()) as decoder:
        with pytest.raises(AudioUnreadable, match="no sound came for 1 s"):
            heard(decoder, station, limits)


def test_the_service_has_no_way_to_an_address():
    """Whoever may send a request makes this machine speak to nobody."""
    from tests.test_imports import MODULES, imported, own

    for name in MODULES:
        if name.split(".")[0] in ("api", "work", "catalogue"):
            assert "audio.live" not in own(imported(name)), name


def test_silence_is_handed_on_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "_GAP_S", 1.0)
    gaps: Iterator[np.ndarray] = live._silence(2 * RATE + 5, RATE)
    assert [len(gap) for gap in gaps] == [RATE, RATE, 5]
