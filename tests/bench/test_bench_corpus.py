"""The corpus: what is taken, how it is decoded, and what happens on a machine that lacks something."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from bench import corpus
from bench.corpus import CorpusError, Reference

RATE = 8000  # of the test files: small to write


def _write_pcm(path: Path, audio: np.ndarray, rate: int) -> Path:
    """Write samples, shape (n,) or (n, channels), as a 16-bit WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if audio.ndim == 1 else audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(audio * 32767).astype("<i2").tobytes())
    return path


def _silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE))


def _executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_folder_keeps_music_over_twenty_seconds_and_names_it_uniquely(cache: Path, tmp_path: Path) -> None:
    music = tmp_path / "My music"
    _write_pcm(music / "a" / "one.wav", _silence(21), RATE)
    _write_pcm(music / "b" / "one.wav", _silence(22), RATE)
    _write_pcm(music / "two words.wav", _silence(20.5), RATE)
    _write_pcm(music / "jingle.wav", _silence(19), RATE)
    (music / "notes.txt").write_text("no music")
    (music / "broken.ogg").write_bytes(b"OggS" + bytes(100))
    found = corpus.corpus_from_folder(music)
    assert sorted(item.duration_s for item in found) == [20.5, 21.0, 22.0]
    assert len({item.id for item in found}) == 3
    assert all("/" not in item.id and " " not in item.id for item in found)
    assert [corpus.find(item.id) for item in found] == found


def test_folder_without_music_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is not a folder"):
        corpus.corpus_from_folder(tmp_path / "nowhere")
    _write_pcm(tmp_path / "short" / "jingle.wav", _silence(3), RATE)
    with pytest.raises(CorpusError, match="holds no music over 20 s"):
        corpus.corpus_from_folder(tmp_path / "short")


def test_files_are_decoded_once_and_again_when_they_change(cache: Path, tmp_path: Path) -> None:
    path = _write_pcm(tmp_path / "music" / "song.wav", _silence(21), RATE)
    (first,) = corpus.corpus_from_folder(tmp_path / "music")
    decoded = cache / "audio" / f"{first.id}.npy"
    written = decoded.stat().st_mtime_ns
    assert corpus.corpus_from_folder(tmp_path / "music") == [first]
    assert decoded.stat().st_mtime_ns == written
    _write_pcm(path, _silence(25), RATE)
    (second,) = corpus.corpus_from_folder(tmp_path / "music")
    assert second.duration_s == 25.0
    (entry,) = json.loads((cache / "index.json").read_text())[first.package].values()
    assert len(entry["sha256"]) == 64


def test_decoding_averages_channels_and_resamples(cache: Path, tmp_path: Path) -> None:
    t = np.arange(44100 * 21) / 44100
    left, right = 0.5 * np.sin(2 * np.pi * 440 * t), np.zeros_like(t)
    _write_pcm(tmp_path / "music" / "tone.wav", np.stack((left, right), axis=1), 44100)
    (tone,) = corpus.corpus_from_folder(tmp_path / "music")
    audio = corpus.samples(tone)
    assert audio.dtype == np.float32
    assert audio.shape == (21 * 16000,)
    assert not audio.flags.writeable
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(len(audio)) / 16000)
    inner = slice(1000, -1000)  # the resampler's filter meets the ends of the file
    assert np.max(np.abs(audio[inner] - expected[inner])) < 1e-3


def test_wav_is_the_same_audio_in_sixteen_bits(cache: Path, tmp_path: Path) -> None:
    _write_pcm(
        tmp_path / "music" / "song.wav", 0.3 * np.random.default_rng(1).standard_normal(RATE * 21).clip(-3, 3), RATE
    )
    (song,) = corpus.corpus_from_folder(tmp_path / "music")
    again = corpus.decode(corpus.wav(song))
    assert np.max(np.abs(again - np.clip(corpus.samples(song), -1, 1))) <= 1 / 32768


def test_overshoots_are_clipped_in_wav() -> None:
    data = corpus.wav_bytes(np.array([-2.0, -1.0, 0.0, 1.0, 2.0], dtype=np.float32))
    assert np.frombuffer(data[44:], dtype="<i2").tolist() == [-32768, -32768, 0, 32767, 32767]


def test_an_eighth_is_kept_out_whatever_the_order() -> None:
    tracks = [Reference(f"t{i}", Path("x"), "p", 30.0, True) for i in range(41)]
    unknown = {item.id for item in corpus.hold_out(tracks) if not item.known}
    assert len(unknown) == 5
    assert unknown == {item.id for item in corpus.hold_out(tracks[::-1]) if not item.known}


def test_tracks_that_share_audio_are_never_kept_out() -> None:
    tracks = [Reference(f"t{i}", Path("x"), "p", 30.0, True) for i in range(40)]
    unknown = {item.id for item in corpus.hold_out(tracks) if not item.known}
    others = {item.id for item in corpus.hold_out(tracks, sharing=unknown) if not item.known}
    assert len(others) == 5
    assert not others & unknown


def test_package_is_downloaded_and_unpacked_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    _executable(tools / "apt-get", f'echo "$2" >> {tmp_path}/asked; echo archive > "$2_1.0_all.deb"')
    _executable(tools / "dpkg-deb", 'mkdir -p "$3/usr" && cp "$2" "$3/usr/content"')
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    for _ in range(2):
        assert (corpus.unpacked("some-music") / "usr" / "content").read_text() == "archive\n"
    assert (tmp_path / "asked").read_text() == "some-music\n"
    assert [path.name for path in (cache / "deb").iterdir()] == ["some-music_1.0_all.deb"]
    assert [path.name for path in (cache / "raw").iterdir()] == ["some-music"]


def test_missing_package_and_missing_apt_are_named(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(CorpusError, match="apt-get is missing"):
        corpus.unpacked("no-such-music")
    _executable(tools / "apt-get", "echo 'E: Unable to locate package no-such-music' >&2; exit 100")
    with pytest.raises(CorpusError, match=r"no-such-music could not be downloaded .*Unable to locate"):
        corpus.unpacked("no-such-music")
    assert not list((cache / "deb").iterdir())


def test_sets_share_no_package() -> None:
    assert not set(corpus.EVALUATION_MUSIC) & set(corpus.DEVELOPMENT_MUSIC)
    assert not set(corpus.SPEECH["evaluation"]) & set(corpus.SPEECH["development"])
