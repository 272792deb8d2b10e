"""The sentence the program speaks: enroll tracks, identify snippets, on synthesised music and a real store."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.audio.decoder import Audio, Decoder
from classifier.audio.resample import at_rate
from classifier.catalogue import Catalogue
from classifier.config import PRESETS, FeatureConfig
from classifier.demo.phone import NOISES
from classifier.demo.songs import Song
from classifier.errors import (
    AudioError,
    AudioTooLarge,
    AudioTooLong,
    AudioUnreadable,
    CatalogueExists,
    CatalogueNotFound,
    CatalogueOutdated,
    DecoderUnavailable,
    EarmarkError,
    FileMissing,
    InvalidParameter,
    SnippetSilent,
    SnippetTooShort,
    StoreUnavailable,
    TrackBusy,
    TrackNotFound,
)
from classifier.index import checker
from classifier.index.folder import IndexFolder
from classifier.models import fitting as backgrounds
from classifier.models.background import BUILTIN
from classifier.records import catalogues
from classifier.records.configurations import renew
from classifier.records.track_arrays import load_models, load_slots, load_subfingerprints
from classifier.records.writing import TrackWriter
from classifier.results import METHODS
from classifier.settings import Settings
from classifier.store import open_store
from classifier.store.base import COLLECTIONS
from tests.data_audio import encode
from tests.library import RATE, as_wav, clean_snippet, excerpt, lively_noise, phone_snippet, settings_in

#: What the product promises of clean excerpts, and of a room full of people.
CLEAN_OFFSET_S, NOISY_OFFSET_S = 0.05, 0.1
#: Places that divergence finds lie 60 ms apart.
SLOT_OFFSET_S = 0.06

# --- identifying ----------------------------------------------------------------------------------------------


def right(catalogue: Catalogue, song: Song, snippet: bytes, start_s: float, within_s: float) -> bool:
    """Identify a snippet; say whether the verdict, the name and the place are right."""
    tag = catalogue.identify(snippet)
    best = tag.matches[0]
    named = best.title == song.title and best.artist == song.artist and best.album == song.album
    return tag.verdict == "identified" and named and abs(best.offset_s - start_s) < within_s


@pytest.mark.parametrize("length_s", [5.0, 10.0])
def test_clean_excerpts_at_arbitrary_places_are_all_found(library, enrolled_songs, length_s):
    rng = np.random.default_rng(round(length_s))
    for song in enrolled_songs:
        for start_s in rng.uniform(0, song.duration_s - length_s, 2):
            snippet = clean_snippet(song, start_s, length_s)
            assert right(library, song, snippet, start_s, CLEAN_OFFSET_S), (song.title, start_s)


def test_a_phone_in_a_quiet_room_hears_enough(library, enrolled_songs):
    for i, song in enumerate(enrolled_songs):
        start_s = 3.3 + 2.17 * i
        snippet = phone_snippet(song, start_s, 5.0, noise=None, seed=i)
        assert right(library, song, snippet, start_s, NOISY_OFFSET_S), song.title


@pytest.mark.parametrize("noise", ["babble", "pink"])
def test_room_and_noise_at_5_db_are_nearly_all_found(library, enrolled_songs, noise):
    found = 0
    for i, song in enumerate(enrolled_songs):
        start_s = 2.9 + 2.31 * i
        snippet = phone_snippet(song, start_s, 5.0, noise=noise, snr_db=5.0, seed=40 + i)
        found += right(library, song, snippet, start_s, NOISY_OFFSET_S)
    assert found >= len(enrolled_songs) - 1


@pytest.mark.parametrize(
    ("kind", "options"), [("amr", {"rate": 8000}), ("opus", {"bit_rate": 16000}), ("mp3", {"bit_rate": 64000})]
)
def test_codecs_of_telephones_and_messengers(library, enrolled_songs, kind, options):
    for i in (1, 4, 7):
        song = enrolled_songs[i]
        rate = options.get("rate", 48000 if kind == "opus" else 44100)
        samples = excerpt(song, 11.0, 8.0)
        at = np.arange(int(8.0 * rate)) * song.sample_rate / rate
        pcm = np.round(np.interp(at, np.arange(len(samples)), samples) * 32767).astype(np.int16)
        tag = library.identify(encode(pcm[:, None], kind, **options))
        assert (tag.verdict, tag.matches[0].title) == ("identified", song.title), kind
        assert tag.matches[0].offset_s == pytest.approx(11.0, abs=0.15)  # codecs delay by themselves


def test_unknown_songs_are_never_identified(library, unknown_songs):
    for song in unknown_songs:
        for start_s in (2.0, 14.5, 29.0):
            tag = library.identify(clean_snippet(song, start_s, 5.0))
            assert tag.verdict == "no_match", (song.title, start_s, tag.matches[0])


@pytest.mark.parametrize("noise", sorted(NOISES))
@pytest.mark.parametrize("method", METHODS)
def test_noise_alone_is_never_identified(library, noise, method):
    for seed in (1, 2, 3):
        sound = 0.1 * NOISES[noise](5 * RATE, RATE, seed)
        assert library.identify(as_wav(sound, RATE), method=method).verdict == "no_match"


def test_divergence_alone_finds_clean_excerpts(library, enrolled_songs):
    named = 0
    for i, song in enumerate(enrolled_songs):
        tag = library.identify(clean_snippet(song, 3.5 + 1.7 * i, 10.0), method="kl")
        named += tag.verdict == "identified"
        assert tag.method == "kl"
        assert tag.matches[0].title == tag.nearest[0].title == song.title
        assert tag.matches[0].offset_s == pytest.approx(3.5 + 1.7 * i, abs=SLOT_OFFSET_S)
    assert named > len(enrolled_songs) / 2  # sure only where the music is not steady


def test_mixtures_alone_find_clean_excerpts(library, enrolled_songs):
    for i, song in enumerate(enrolled_songs):
        tag = library.identify(clean_snippet(song, 3.5 + 1.7 * i, 10.0), method="kl-mixture")
        assert tag.method == "kl-mixture"
        assert tag.matches[0].title == song.title


def test_the_method_is_the_one_asked_for_else_the_settings_else_the_catalogues(tmp_path):
    snippet, config = as_wav(lively_noise(3.0, 1), RATE), FeatureConfig(method="kl-mixture")
    with Catalogue.open(settings=settings_in(tmp_path), config=config) as catalogue:
        assert catalogue.identify(snippet).method == "kl-mixture"
        assert catalogue.identify(snippet, method="auto").method == "auto"
    with Catalogue.open(settings=settings_in(tmp_path, method="kl")) as catalogue:
        assert catalogue.identify(snippet).method == "kl"
        assert catalogue.identify(snippet, method="auto").method == "auto"
    with Catalogue.open(settings=settings_in(tmp_path), name="plain") as catalogue:
        assert catalogue.identify(snippet).method == "auto"


def test_a_tag_says_where_the_time_went(library, enrolled_songs):
    tag = library.identify(clean_snippet(enrolled_songs[0], 3, 5))
    assert set(tag.seconds) == {"decode", "index", "model", "divergence", "align", "decide", "total"}
    parts = sum(seconds for name, seconds in tag.seconds.items() if name != "total")
    assert 0 < parts <= tag.seconds["total"]


@pytest.mark.parametrize(
    ("sound", "error", "message"),
    [
        (np.zeros(5 * RATE), SnippetSilent, "the snippet is silent: check the microphone"),
        (2e-5 * np.sin(np.arange(5 * RATE)), SnippetSilent, "silent"),
        (lively_noise(0.3, 1), SnippetTooShort, "0.30 s of sound; at least 1 s are needed: record longer"),
        (lively_noise(0.99, 1), SnippetTooShort, "0.99 s"),
        (np.zeros(RATE // 4), SnippetTooShort, "0.25 s"),
    ],
)
def test_too_little_to_go_by_is_said(library, sound, error, message):
    with pytest.raises(error, match=message):
        library.identify(as_wav(sound, RATE))


def test_a_second_is_enough_to_be_asked(library, enrolled_songs):
    assert library.identify(clean_snippet(enrolled_songs[0], 5, 1.01)).verdict in ("identified", "no_match")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method 'magic' is unknown: choose one of auto, kl, kl-mixture"),
        ({"top": 0}, "top is 0: it must be from 1 to 100"),
        ({"top": 101}, "from 1 to 100"),
    ],
)
def test_parameters_out_of_bounds(library, options, message):
    with pytest.raises(InvalidParameter, match=message):
        library.identify(as_wav(lively_noise(2.0, 1), RATE), **options)


def test_decoded_audio_is_identified_like_its_file(library, enrolled_songs):
    snippet = clean_snippet(enrolled_songs[2], 6, 5)
    by_file, by_audio = library.identify(snippet), library.identify_audio(library.decode(snippet))
    assert (by_audio.verdict, by_audio.matches[0].title) == ("identified", enrolled_songs[2].title)
    assert replace(by_file, seconds={}) == replace(by_audio, seconds={})
    assert set(by_file.seconds) - set(by_audio.seconds) == {"decode"}


def test_pieces_of_a_recording_are_identified_each(library, enrolled_songs):
    first, second = enrolled_songs[3], enrolled_songs[5]
    recording = np.concatenate([excerpt(first, 4, 6), excerpt(second, 9, 6)])
    audio = library.decode(as_wav(recording, first.sample_rate))
    halves = audio.samples[: 6 * RATE], audio.samples[6 * RATE :]
    tags = [library.identify_audio(replace(audio, samples=half)) for half in halves]
    assert [tag.matches[0].title for tag in tags] == [first.title, second.title]
    assert [tag.matches[0].offset_s for tag in tags] == pytest.approx([4, 9], abs=CLEAN_OFFSET_S)


def test_samples_of_ones_own_are_identified(library, enrolled_songs):
    song = enrolled_songs[4]
    audio = Audio.from_samples(at_rate(excerpt(song, 7, 5), song.sample_rate, RATE), RATE)
    assert library.identify_audio(audio).matches[0].title == song.title


def test_audio_of_another_rate_is_refused(library):
    with pytest.raises(InvalidParameter, match=r"the audio has 8000 samples a second, .* works with 16000"):
        library.identify_audio(Audio.from_samples(lively_noise(3.0, 1, 8000), 8000))


def test_limits_of_snippets_are_those_of_the_settings(tmp_path):
    snippet = as_wav(lively_noise(3.0, 1), RATE)
    for limits, error in (
        ({"snippet_bytes": len(snippet) - 1}, AudioTooLarge),
        ({"snippet_seconds": 2.5}, AudioTooLong),
    ):
        with Catalogue.open(settings=settings_in(tmp_path, **limits)) as catalogue, pytest.raises(error):
            catalogue.identify(snippet)
    with Catalogue.open(settings=settings_in(tmp_path, min_snippet_seconds=3.5)) as catalogue:
        with pytest.raises(SnippetTooShort, match=r"at least 3\.5 s"):
            catalogue.identify(snippet)


def test_an_empty_catalogue_has_an_answer(tmp_path):
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        tag = catalogue.identify(as_wav(lively_noise(3.0, 1), RATE))
    assert (tag.verdict, tag.matches, tag.nearest) == ("no_match", [], [])
    assert tag.searched.complete


# --- enrolling ------------------------------------------------------------------------------------------------


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    """Return an empty catalogue of this test's own."""
    with Catalogue.open(settings=settings_in(tmp_path / "own")) as opened:
        yield opened


def stored(catalogue: Catalogue) -> dict[str, int]:
    """Return how many documents there are, but for the catalogue itself."""
    counts = {name: catalogue.store.count(name) for name in COLLECTIONS if name != "catalogues"}
    return {name: n for name, n in counts.items() if n}


def song_file(folder: Path, seed: int, seconds: float = 8.0, name: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"noise {seed}.wav")
    path.write_bytes(as_wav(lively_noise(seconds, seed), RATE))
    return path


def test_a_track_is_what_its_file_says(library, music_files, enrolled_songs):
    by_title = {track.title: track for track in library.tracks()}
    assert set(by_title) == {song.title for song in enrolled_songs}
    for song, path in zip(enrolled_songs, music_files, strict=True):
        track = by_title[song.title]
        assert (track.artist, track.album, track.isrc) == (song.artist, song.album, None)
        assert track.source == path.stem
        assert track.catalogue == "default"
        assert track.duration_s == pytest.approx(song.duration_s, abs=1e-3)
        assert track.n_windows == 36
        assert track.version == 1
        assert track.file_hash == hashlib.sha256(path.read_bytes()).hexdigest()
        pcm = np.round(song.samples * 32767).astype("<i2")
        assert track.content_hash != track.file_hash
        assert len(pcm) == round(track.duration_s * song.sample_rate)


def test_files_are_only_read(tmp_path, catalogue):
    path = song_file(tmp_path, 1)
    path.chmod(0o444)
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir()))
    catalogue.enroll(path)
    catalogue.enroll(path, replace=True)
    catalogue.identify(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before


def test_enrolling_twice_is_enrolling_once(tmp_path, catalogue):
    path = song_file(tmp_path, 1)
    first, second = catalogue.enroll(path), catalogue.enroll(path)
    assert (first.added, second.added) == (True, False)
    assert first.track == second.track
    from_bytes = catalogue.enroll(path.read_bytes(), title="Something else")
    assert (from_bytes.added, from_bytes.track) == (False, first.track)
    assert len(catalogue.tracks()) == 1


def test_a_known_file_is_recognised_by_its_bytes_without_decoding_it(tmp_path, catalogue):
    path = song_file(tmp_path, 1)
    track = catalogue.enroll(path).track
    moved = path.rename(tmp_path / "moved.wav")
    catalogue.decoder.close()
    assert catalogue.enroll(moved).track == track


def test_the_same_audio_in_another_container_is_the_same_track(tmp_path, catalogue):
    pcm = np.round(lively_noise(6.0, 5, 44100) * 32767).astype(np.int16)[:, None]
    (tmp_path / "a.wav").write_bytes(encode(pcm, "wav"))
    (tmp_path / "b.flac").write_bytes(encode(pcm, "flac", tags={"title": "Tagged", "artist": "Somebody"}))
    first = catalogue.enroll(tmp_path / "a.wav")
    second = catalogue.enroll(tmp_path / "b.flac")
    assert (second.added, second.track.id) == (False, first.track.id)
    assert first.track.file_hash != hashlib.sha256((tmp_path / "b.flac").read_bytes()).hexdigest()


def test_given_names_go_before_those_in_the_file(tmp_path, catalogue, music_files):
    told = catalogue.enroll(
        music_files[0],
        title="New",
        artist="Else",
        album="Other",
        isrc="DEABC2400001",
        source_name="upload",
        metadata={"label": "none", "a.b$c": "dots"},
    ).track
    assert (told.title, told.artist, told.album, told.isrc, told.source) == (
        "New",
        "Else",
        "Other",
        "DEABC2400001",
        "upload",
    )
    assert told.metadata == {"label": "none", "a.b$c": "dots"}
    assert catalogue.track(told.id) == told


@pytest.mark.parametrize(
    ("name", "title"),
    [
        (b"plain name.wav", "plain name"),
        (b"caf\xe9 \xff.wav", "caf\xe9 \xff"),  # Latin-1
        (b"\x81.wav", "\ufffd"),  # in no code page
        ("Größe 東京 🎵.wav".encode(), "Größe 東京 🎵"),
        (b"   .wav", "upload"),
        (b"...wav", ".."),
        (b"noending", "noending"),
        (b"new\nline\ttab.wav", "new line tab"),
        (b"evil\x1b]0;owned\x07\x1b[2A.wav", "evil ]0;owned [2A"),
        ("cod\u202egnp.wav".encode(), "codgnp"),
        ("A\u030a.wav".encode(), "\xc5"),  # as macOS writes it
    ],
)
def test_any_file_name_will_do(tmp_path, catalogue, name, title):
    path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
    path.write_bytes(as_wav(lively_noise(3.0, 2), RATE))
    track = catalogue.enroll(path).track
    assert track.title == track.source == title
    assert catalogue.identify(path).matches[0].source == title


def test_replacing_models_anew_and_renames(tmp_path, catalogue):
    path = song_file(tmp_path, 1)
    first = catalogue.enroll(path, title="Old", metadata={"a": "b"}).track
    again = catalogue.enroll(path, title="New", replace=True)
    assert again.added
    assert (again.track.id, again.track.version, again.track.title) == (first.id, 2, "New")
    assert again.track.created == first.created
    assert again.track.metadata == {"a": "b"}  # what was set by hand stays
    assert stored(catalogue)["tracks"] == 1
    assert catalogue.store.count("models", {"version": 1}) == 0
    assert catalogue.identify(path).matches[0].title == "New"
    one, two = (load_models(catalogue.store, first.id, 2) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_models_are_the_same_each_time(tmp_path):
    """A catalogue built again is the same catalogue."""
    path, found = song_file(tmp_path, 3), []
    for place in ("a", "b"):
        with Catalogue.open(settings=settings_in(tmp_path / place)) as catalogue:
            track = catalogue.enroll(path).track
            slots, words = (load(catalogue.store, track.id, 1) for load in (load_slots, load_subfingerprints))
            found.append({**load_models(catalogue.store, track.id, 1), "slots": slots, "words": words})
    for name, array in found[0].items():
        assert len(array)
        np.testing.assert_array_equal(array, found[1][name], err_msg=name)


def test_tracks_too_short_for_windows_or_slots_are_found_too(tmp_path):
    """Whatever they have nothing of: aligned they can be, and they keep nobody else from being found."""
    sounds = {seconds: as_wav(lively_noise(seconds, round(10 * seconds)), RATE) for seconds in (0.3, 0.5, 1.5, 6.0)}
    settings = settings_in(tmp_path, min_snippet_seconds=0.2)
    with Catalogue.open(settings=settings) as catalogue:
        for seconds, sound in sounds.items():
            assert (catalogue.enroll(sound, title=f"{seconds}").track.n_windows > 0) == (seconds > 1)
    with Catalogue.open(settings=settings) as catalogue:  # read from the store
        for seconds in (0.5, 1.5, 6.0):
            tag = catalogue.identify(sounds[seconds])
            assert (tag.verdict, tag.matches[0].title) == ("identified", f"{seconds}")
        assert len(catalogue.view().snapshot) == 4


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (as_wav(np.zeros(5 * RATE), RATE), SnippetSilent),
        (as_wav(lively_noise(0.5, 1), RATE), SnippetTooShort),
        (b"no audio at all" * 100, AudioUnreadable),
        (b"", AudioError),
    ],
    ids=["silence", "half a second", "text", "nothing"],
)
def test_what_cannot_be_enrolled_leaves_nothing_behind(tmp_path, catalogue, content, error):
    (tmp_path / "file.wav").write_bytes(content)
    for source in (content, tmp_path / "file.wav"):
        with pytest.raises(error):
            catalogue.enroll(source)
    assert stored(catalogue) == {}
    assert catalogue.revision == 0


def test_paths_that_are_no_files(tmp_path, catalogue):
    """A pipe or an endless device must not be waited for."""
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", tmp_path, tmp_path / "missing.wav", Path("/dev/zero"), tmp_path / ("x" * 300)):
        with pytest.raises(FileMissing):
            catalogue.enroll(path)
        with pytest.raises(FileMissing):
            catalogue.identify(path)
    assert stored(catalogue) == {}


def test_limits_of_tracks_are_those_of_the_settings(tmp_path):
    path = song_file(tmp_path, 1)
    limits = {"track_seconds": 7.0, "track_bytes": 200_000}
    assert path.stat().st_size > limits["track_bytes"]
    with Catalogue.open(settings=settings_in(tmp_path / "low", **limits)) as catalogue:
        with pytest.raises(AudioTooLong):
            catalogue.enroll(path)
        with pytest.raises(AudioTooLarge):
            catalogue.enroll(path.read_bytes())
        assert stored(catalogue) == {}


def test_files_of_the_owner_may_be_of_any_size(tmp_path):
    path = song_file(tmp_path, 1)
    settings = settings_in(tmp_path / "low", track_bytes=200_000, snippet_bytes=200_000)
    assert path.stat().st_size > 200_000
    with Catalogue.open(settings=settings) as catalogue:
        assert catalogue.enroll(path).added
        assert not catalogue.enroll(path).added
        assert catalogue.identify(path).verdict == "identified"
        for call in (catalogue.enroll, catalogue.identify):
            with pytest.raises(AudioTooLarge, match="the limit is 200,000"):
                call(path.read_bytes())


def test_copies_side_by_side_make_one_track(tmp_path, catalogue):
    paths = [song_file(tmp_path / str(i), 1) for i in range(4)]
    outcomes: list[object] = []

    def enroll(path: Path) -> None:
        try:
            outcomes.append(catalogue.enroll(path))
        except EarmarkError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=enroll, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.added for outcome in outcomes) == [False, False, False, True]
    assert len({outcome.track.id for outcome in outcomes}) == 1


def test_audio_that_another_process_is_writing_is_busy_until_its_lease_ends(tmp_path):
    path = song_file(tmp_path, 1)
    settings = settings_in(tmp_path / "own")
    with Catalogue.open(settings=settings_in(tmp_path / "probe")) as probe:
        content_hash = probe.enroll(path).track.content_hash
    with Catalogue.open(settings=settings) as catalogue:
        fields = {"catalogue": "default", "content_hash": content_hash, "title": "x", "source": "x", "duration_s": 1.0}
        TrackWriter.begin(catalogue.store, fields, owner="somebody who died", lease_seconds=600.0)
        with pytest.raises(TrackBusy):
            catalogue.enroll(path)
        assert catalogue.tracks() == []
        catalogue.store.update("tracks", {"status": "writing"}, set={"lease_expires": time.time() - 1})
        assert catalogue.enroll(path).added
        assert [track.title for track in catalogue.tracks()] == ["noise 1"]


# --- several catalogues, several processes --------------------------------------------------------------------


def test_changes_count_for_the_next_query_of_another_process(tmp_path, catalogue):
    """Enrolled, renamed, replaced and removed elsewhere: seen at once by who has the catalogue open."""
    one, two = song_file(tmp_path, 1), song_file(tmp_path, 2)
    with Catalogue.open(settings=catalogue.settings) as other:
        assert other.identify(one).verdict == "no_match"
        track = catalogue.enroll(one, title="Named").track
        assert other.identify(one).matches[0].title == "Named"
        catalogue.edit(track.id, title="Renamed", artist="A", album="B", isrc="GBAYE0601498")
        best = other.identify(one).matches[0]
        assert (best.title, best.artist, best.album) == ("Renamed", "A", "B")
        catalogue.enroll(two)
        assert other.identify(two).verdict == "identified"
        catalogue.enroll(one, title="Again", replace=True)
        assert other.identify(one).matches[0].title == "Again"
        assert len(other.identify(one, top=10).matches) == 2
        catalogue.remove(track.id)
        tag = other.identify(one)
        assert tag.verdict == "no_match"
        assert [m.title for m in tag.matches] == ["noise 2"]
        assert [t.title for t in other.tracks()] == ["noise 2"]


def test_a_view_that_is_held_never_changes(tmp_path, catalogue):
    one, two = song_file(tmp_path, 1), song_file(tmp_path, 2)
    kept = catalogue.enroll(one).track
    snippet = catalogue.decode(two)
    held = catalogue.view()
    assert catalogue.identify_audio(snippet, view=held).verdict == "no_match"
    added = catalogue.enroll(two).track
    catalogue.remove(kept.id)
    late = catalogue.identify_audio(snippet, view=held)
    assert (late.verdict, [match.track_id for match in late.matches]) == ("no_match", [kept.id])
    assert list(held.tracks) == [kept.id]
    new = catalogue.view()
    assert list(new.tracks) == [added.id]
    for tag in (catalogue.identify_audio(snippet, view=new), catalogue.identify_audio(snippet)):
        assert (tag.verdict, [match.track_id for match in tag.matches]) == ("identified", [added.id])


def test_removing_a_track_removes_all_of_it(tmp_path, catalogue):
    track = catalogue.enroll(song_file(tmp_path, 1)).track
    catalogue.remove(track.id)
    assert stored(catalogue) == {}
    for action in (catalogue.track, catalogue.remove, lambda i: catalogue.edit(i, title="x")):
        with pytest.raises(TrackNotFound):
            action(track.id)
    assert catalogue.enroll(song_file(tmp_path, 1)).added


def test_tracks_are_listed_by_title_searched_and_paged(tmp_path, catalogue):
    for seed, title, artist in ((1, "Blue Monday", "New Order"), (2, "Anthem", "Blue"), (3, "Clouds", "Nobody")):
        catalogue.enroll(song_file(tmp_path, seed, 3.0), title=title, artist=artist)
    assert [t.title for t in catalogue.tracks()] == ["Anthem", "Blue Monday", "Clouds"]
    assert [t.title for t in catalogue.tracks(search="blue")] == ["Anthem", "Blue Monday"]
    assert [t.title for t in catalogue.tracks(search="BLUE order")] == ["Blue Monday"]
    assert [t.title for t in catalogue.tracks(limit=1, skip=1)] == ["Blue Monday"]
    assert catalogue.tracks(search="xyz") == []


def test_catalogues_of_one_store_do_not_mix(tmp_path, catalogue):
    path = song_file(tmp_path, 1)
    track = catalogue.enroll(path).track
    with Catalogue.open(settings=catalogue.settings, name="other") as other:
        assert other.identify(path).verdict == "no_match"
        with pytest.raises(TrackNotFound, match="in catalogue 'other'"):
            other.track(track.id)
        with pytest.raises(TrackNotFound):
            other.remove(track.id)
        with pytest.raises(TrackNotFound):
            other.edit(track.id, title="x")
        assert other.enroll(path).added
        assert other.tracks()[0].id != track.id
    assert len(catalogue.tracks()) == 1


def test_opening(tmp_path):
    settings = settings_in(tmp_path)
    with pytest.raises(CatalogueNotFound, match="there is no catalogue 'radio'"):
        Catalogue.open(settings=settings, name="radio", create=False)
    diagonal = FeatureConfig(covariance_type="diag")
    with Catalogue.open(settings=settings, name="radio", config=diagonal) as made:
        assert (made.name, made.config, made.revision) == ("radio", diagonal, 0)
    with Catalogue.open(settings=settings, name="radio") as again:
        assert again.config == diagonal
    with Catalogue.open(settings=settings, name="radio", config=FeatureConfig(covariance_type="diag")):
        pass
    with pytest.raises(CatalogueExists, match="'radio' exists with another configuration"):
        Catalogue.open(settings=settings, name="radio", config=FeatureConfig())
    for name in ("", "x" * 101, "line\nbreak"):
        with pytest.raises(InvalidParameter):
            Catalogue.open(settings=settings.replace(catalogue=name), name=name)
    by_url = Catalogue.open(f"sqlite:///{tmp_path}/other.sqlite", settings=settings)
    with by_url:
        assert by_url.tracks() == []
    assert (tmp_path / "other.sqlite").exists()


def test_a_catalogue_closes_what_it_opened_and_nothing_else(tmp_path):
    settings = settings_in(tmp_path)
    sound = as_wav(lively_noise(3.0, 1), RATE)
    with Catalogue.open(settings=settings) as own:
        own.enroll(sound)
    with pytest.raises(StoreUnavailable, match="closed"):
        own.tracks()
    with pytest.raises(DecoderUnavailable, match="closed"):
        own.identify(sound)
    store = open_store(settings.store)
    with Decoder(settings) as decoder:
        with Catalogue.open(settings=settings, store=store, decoder=decoder):
            pass
        with pytest.raises(CatalogueNotFound):
            Catalogue.open(settings=settings, name="radio", create=False, store=store, decoder=decoder)
        with Catalogue.open(settings=settings, store=store, decoder=decoder) as third:
            assert len(third.tracks()) == 1
            assert third.identify(sound).verdict == "identified"
    store.close()


def test_a_search_that_fails_has_the_index_checked(tmp_path, catalogue, monkeypatch):
    """Covariances of nothing but zeros cannot be inverted; the next search is right again."""
    monkeypatch.setattr(checker, "_TRUSTED_S", 0.0)
    path = song_file(tmp_path, 1)
    catalogue.enroll(path)
    assert catalogue.identify(path).verdict == "identified"
    index = catalogue._follower._index
    settle(index)
    (array,) = index.folder.glob("*/covariances.npy")
    with open(array, "r+b") as file:
        file.seek(128)
        file.write(bytes(array.stat().st_size - 128))
    with pytest.raises(np.linalg.LinAlgError):
        catalogue.identify(path)
    settle(index)
    assert catalogue.identify(path).verdict == "identified"
    assert not array.exists()


def settle(index: IndexFolder) -> None:
    """Wait until nothing is being checked or built."""
    deadline = time.monotonic() + 60
    while index.is_checking or index.is_building:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_catalogue_that_was_removed_and_created_anew_is_another(tmp_path, catalogue):
    path = song_file(tmp_path, 1)
    catalogue.enroll(path)
    assert catalogue.identify(path).verdict == "identified"
    catalogues.remove_catalogue(catalogue.store, "default")
    with pytest.raises(CatalogueNotFound):
        catalogue.identify(path)
    with Catalogue.open(settings=catalogue.settings, config=FeatureConfig(covariance_type="diag")) as new:
        new.enroll(path)
        for action in (catalogue.identify, lambda p: catalogue.enroll(song_file(tmp_path, 2))):
            with pytest.raises(CatalogueNotFound):
                action(path)
        assert new.identify(path).verdict == "identified"
        assert len(new.tracks()) == 1


def test_a_catalogue_of_an_earlier_release_says_so_and_can_be_renewed(tmp_path, catalogue):
    """What it was set to stays, as far as there is such a parameter; its tracks are enrolled anew."""
    path, store = song_file(tmp_path, 1), catalogue.store
    old = {**FeatureConfig(window_length=4.0).to_dict(), "twins": ["pink:3"]}
    for name in ("slot_length", "slot_mfcc", "slot_half_length", "method"):
        del old[name]
    catalogues.create_catalogue(store, "old", old, "an older hash", background="builtin-1")
    with pytest.raises(CatalogueOutdated, match=r"'old' was enrolled by an earlier Earmark.*catalogues renew old"):
        Catalogue.open(settings=catalogue.settings, name="old")
    renew(store, "old")
    with Catalogue.open(settings=catalogue.settings, name="old") as renewed:
        assert renewed.config == FeatureConfig(window_length=4.0)
        assert renewed.background().id == BUILTIN
        renewed.enroll(path)
        assert renewed.identify(path).verdict == "identified"
        revision = renewed.revision
        renew(store, "old")  # once more changes nothing
        assert renewed.revision == revision
    with pytest.raises(CatalogueNotFound):
        renew(store, "nowhere")


# --- other configurations -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        FeatureConfig(covariance_type="diag"),
        FeatureConfig(window_length=3.0, window_step=0.5, em_max_iterations=5, map_relevance=0),
    ],
    ids=["diagonal covariances", "short windows, plain EM"],
)
def test_other_configurations_with_the_same_front_end(tmp_path, enrolled_songs, config):
    with Catalogue.open(settings=settings_in(tmp_path), config=config) as catalogue:
        assert catalogue.background().id == BUILTIN
        for song in enrolled_songs[:4]:
            catalogue.enroll(as_wav(excerpt(song, 0, 15), song.sample_rate), title=song.title)
        track = catalogue.tracks()[0]
        arrays = load_models(catalogue.store, track.id, 1)
        d = 13
        assert arrays["covariances"].shape[1:] == (6, d if config.covariance_type == "diag" else d * (d + 1) // 2)
        assert load_slots(catalogue.store, track.id, 1).shape[1:] == (config.slot_mfcc,)
        for song in enrolled_songs[:4]:
            for method in METHODS:
                tag = catalogue.identify(clean_snippet(song, 6.2, 6), method=method)
                assert tag.matches[0].title == tag.nearest[0].title == song.title
            assert catalogue.identify(clean_snippet(song, 6.2, 6)).verdict == "identified"


def test_synced_fms_front_end_gets_a_background_of_its_own_once(tmp_path, enrolled_songs, monkeypatch):
    """Fitted before the first track, stored with the catalogue, and read from there by every other process."""
    monkeypatch.setattr(backgrounds, "_SONGS", 2)  # enough for this test
    settings, config = settings_in(tmp_path), PRESETS["synced-fm"]
    with Catalogue.open(settings=settings, name="synced", config=config) as catalogue:
        for song in enrolled_songs[:5]:
            catalogue.enroll(as_wav(excerpt(song, 0, 15), song.sample_rate), title=song.title)
        fitted = catalogue.background()
        assert fitted.id.startswith("fitted-")
        assert fitted.front_end == config.front_end_hash
        assert catalogues.get_catalogue(catalogue.store, "synced").background == fitted.id

    def never(config: FeatureConfig) -> None:
        raise AssertionError("a stored background is not fitted again")

    monkeypatch.setattr(backgrounds, "fit_on_demo_songs", never)
    with Catalogue.open(settings=settings, name="synced") as second:
        for name, array in second.background().to_arrays().items():
            np.testing.assert_array_equal(array, fitted.to_arrays()[name])
        for song in enrolled_songs[:5]:
            assert second.identify(clean_snippet(song, 6.2, 6)).method == config.method == "kl-mixture"
            for method in METHODS:
                tag = second.identify(clean_snippet(song, 6.2, 6), method=method)
                assert tag.matches[0].title == song.title
    assert replace(fitted, id="x").start("full") is fitted.mixture


def test_another_sampling_rate(tmp_path):
    """Features at 22,050 Hz, sub-fingerprints at 16,000 Hz as ever: places are still found."""
    config = FeatureConfig(sample_rate=22050, frame_length=661, frame_step=330)
    settings = settings_in(tmp_path)
    sound = lively_noise(12.0, 8, 44100)
    with Catalogue.open(settings=settings, config=config) as catalogue:
        rng, shape = np.random.default_rng(1), (50, config.slot_frames, config.slot_mfcc)
        fitted = backgrounds.fit(rng.standard_normal((2000, 13)), rng.standard_normal(shape), config, "for this test")
        catalogues.set_background(catalogue.store, "default", fitted.id, fitted.to_arrays())
        catalogue.enroll(as_wav(sound, 44100))
        tag = catalogue.identify(as_wav(sound[3 * 44100 : 8 * 44100], 44100))
    assert tag.verdict == "identified"
    assert tag.matches[0].offset_s == pytest.approx(3.0, abs=CLEAN_OFFSET_S)
    assert tag.nearest[0].window_start_s == pytest.approx(3.0, abs=0.5)


# --- threads --------------------------------------------------------------------------------------------------


def test_threads_share_a_catalogue(tmp_path, catalogue):
    """Snippets are identified while tracks come and go; each answer is of tracks that were there."""
    steady = song_file(tmp_path, 1)
    catalogue.enroll(steady)
    others = [song_file(tmp_path, seed, 3.0) for seed in range(2, 5)]
    problems: list[BaseException | str] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                tag = catalogue.identify(steady)
                if (tag.verdict, tag.matches[0].title) != ("identified", "noise 1"):
                    problems.append(tag.verdict)
        except BaseException as error:
            problems.append(error)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for path in others:
        track = catalogue.enroll(path).track
        catalogue.edit(track.id, title="on its way out")
        catalogue.remove(track.id)
    done.set()
    for asker in askers:
        asker.join()
    assert problems == []
    assert [t.title for t in catalogue.tracks()] == ["noise 1"]


def test_defaults_come_from_the_settings_not_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EARMARK_STORE", f"sqlite:///{tmp_path}/environment.sqlite")
    with Catalogue.open(settings=Settings(data_dir=str(tmp_path / "own"))) as catalogue:
        catalogue.tracks()
    assert not (tmp_path / "environment.sqlite").exists()
    assert (tmp_path / "own" / "earmark.sqlite").exists()
