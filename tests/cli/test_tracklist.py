"""``earmark tracklist`` and ``earmark find``: the contract's JSON, formats, going on after Ctrl-C, bad input."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.cli import tracklist as command
from classifier.cli.common import Shell
from classifier.demo.songs import Song
from classifier.listening import files
from tests.cli.conftest import Done, Earmark
from tests.cli.test_labels import FAST, write_clips
from tests.library import as_wav, excerpt, lively_noise
from tests.waiting import until

#: The contract's keys, each segment's first; others may follow.
ANSWER = ["file", "duration_s", "segments", "seconds"]
SEGMENT = {"start_s", "end_s", "track_id", "title", "artist", "source", "offset_s", "speed", "confidence"}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, enrolled_songs: list[Song], unknown_songs: list[Song]) -> Path:
    """Two songs with an unknown one between them, 42 s, as a file."""
    first, second = enrolled_songs[0], enrolled_songs[1]
    rate = first.sample_rate
    parts = [excerpt(first, 5, 15), excerpt(unknown_songs[0], 3, 12), excerpt(second, 10, 15)]
    level = [0.1 * part / np.sqrt(np.mean(part**2)) for part in parts]
    path = tmp_path_factory.mktemp("mixes") / "evening.wav"
    path.write_bytes(as_wav(np.concatenate(level), rate))
    return path


@pytest.fixture
def listening(library: Catalogue, tmp_path: Path) -> Iterator[Earmark]:
    """The program, with the library's store and a data folder of this test's own."""
    earmark = Earmark(tmp_path)
    earmark.environment["EARMARK_STORE"] = library.store.url
    yield earmark
    earmark.end()


def tracks(done: Done) -> list[tuple[str, float, float]]:
    (answer,) = done.objects
    return [(s["title"], s["start_s"], s["end_s"]) for s in answer["segments"] if s["track_id"] is not None]


def test_json_is_the_contracts(listening, recording, enrolled_songs):
    done = listening("tracklist", "--json", recording)
    assert done.code == 0, done.err
    (answer,) = done.objects
    assert list(answer) == ANSWER
    assert answer["file"] == str(recording)
    assert answer["duration_s"] == pytest.approx(42, abs=0.1)
    assert all(set(segment) >= SEGMENT for segment in answer["segments"])
    assert [title for title, *_ in tracks(done)] == [song.title for song in enrolled_songs[:2]]
    (_, begin_s, end_s), (_, again_s, _) = tracks(done)
    assert (begin_s, end_s, again_s) == pytest.approx((0, 15, 27), abs=1.0)
    between = next(s for s in answer["segments"] if s["track_id"] is None)
    assert (between["kind"], between["offset_s"], between["speed"]) == ("unknown", None, None)
    assert answer["seconds"]["total"] > 0


def test_a_person_gets_a_table(listening, recording, enrolled_songs):
    done = listening("tracklist", recording)
    assert done.code == 0, done.err
    assert enrolled_songs[0].title in done.out
    assert "(unknown music)" in done.out
    assert "2 tracks in 0:42.0" in done.out


def test_formats_are_printed_or_written_into_a_folder(listening, recording, tmp_path):
    printed = listening("tracklist", "--cue", recording)
    assert printed.code == 0, printed.err
    assert "TRACK 01 AUDIO" in printed.out
    done = listening("tracklist", "--jspf", "--into", tmp_path / "lists", recording)
    assert done.code == 0, done.err
    (written,) = (tmp_path / "lists").iterdir()
    assert written.name == "evening.jspf"
    assert json.loads(written.read_text())["playlist"]["track"]


def test_segments_say_what_they_sound_like(listening, recording, weights_dir):
    done = listening("tracklist", "--json", "--label", "tags", "--label", "genre", "--label", "mood", recording)
    assert done.code == 0, done.err
    (answer,) = done.objects
    assert len(answer["segments"]) >= 3
    for segment in answer["segments"]:
        said = segment["labels"]
        assert set(said) == {"tags", "genre", "mood"}
        assert sum(one["p"] for one in said["genre"]["distribution"]) == pytest.approx(1, abs=0.01)
    # What is heard is the segment's own sound, not that of the whole recording.
    distributions = [str(segment["labels"]["tags"]["distribution"]) for segment in answer["segments"]]
    assert len(set(distributions)) == len(distributions)
    table = listening("tracklist", "--label", "tags", recording)
    assert table.code == 0, table.err
    assert "sounds like" in table.out


def test_a_model_that_cannot_hear_stretches_is_refused_before_hours_of_listening(listening, recording, tmp_path):
    clips = write_clips(tmp_path / "clips")
    trained = listening("train", "texture", clips, "--group", "none", *FAST, "--activate")
    assert trained.code == 0, trained.err
    done = listening("tracklist", "--label", "texture", recording)
    assert done.code == 1
    assert "cannot answer for stretches of a recording" in done.err
    done = listening("tracklist", "--label", "taste", recording)
    assert done.code == 1
    assert "taste" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--into", "x"], "--into needs a format"), (["--cue", "again.wav"], "name a folder with --into for 2")],
)
def test_what_makes_no_sense_is_said(listening, recording, arguments, said):
    done = listening("tracklist", *arguments, recording)
    assert done.code == 2
    assert said in done.err


def test_a_file_that_cannot_be_read_does_not_stop_the_others(listening, recording, tmp_path):
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF, not")
    done = listening("tracklist", "--json", noise, recording)
    assert done.code == 1
    failed, heard = done.objects
    assert failed["error"] == "audio_unreadable"
    assert heard["segments"]


def test_a_stopped_run_keeps_its_state_and_the_next_one_goes_on(library, recording):
    whole = files.tracklist(library, recording)
    kept: list[bytes] = []
    before: list[float] = []
    with pytest.raises(files.Stopped):
        files.tracklist(
            library,
            recording,
            progress=lambda heard_s, promised_s: before.append(heard_s),
            checkpoint=kept.append,
            stopping=lambda: len(before) == 5,
        )
    heard: list[float] = []
    rest = files.tracklist(
        library, recording, state=kept[-1], progress=lambda heard_s, promised_s: heard.append(heard_s)
    )
    assert heard[0] > before[-1] > before[0]  # what was heard is not heard again
    assert rest.segments == whole.segments
    assert rest.duration_s == whole.duration_s


def test_ctrl_c_keeps_what_is_known(listening, tmp_path):
    rate = 16000
    path = tmp_path / "long.wav"
    path.write_bytes(as_wav(np.tile(lively_noise(30, 9), 40), rate))
    process = listening.start("tracklist", path)
    until(lambda: (tmp_path / "tracklists").is_dir(), 60)  # a first state was written
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from here" in err
    (state,) = (tmp_path / "tracklists").glob("*.npz")
    assert state.stat().st_size > 1000
    assert not list((tmp_path / "tracklists").glob("*.part"))


def test_ctrl_c_while_labels_are_made_is_heard(library, recording, weights_dir):
    shell = Shell(library.settings.replace(weights_dir=str(weights_dir)), as_json=False, quiet=True)
    with command._Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(files.Stopped):
            command._labelled(
                shell, library, recording, files.tracklist(library, recording), command._asked(shell, ["tags"]), stop
            )


def test_a_state_that_cannot_be_used_is_no_obstacle(listening, recording, monkeypatch, tmp_path):
    place = tmp_path / "state.npz"
    place.write_bytes(b"rubbish")
    monkeypatch.setattr(command, "_state_file", lambda *_: place)
    done = listening("tracklist", "--json", recording)
    assert done.code == 0
    assert "begins anew" in done.err
    assert len(tracks(done)) == 2
    assert not place.exists()


def test_find_tells_every_place_of_a_clip(listening, tmp_path, unknown_songs):
    song = unknown_songs[1]
    jingle = excerpt(song, 8, 5)
    rng = np.random.default_rng(1)
    beds = [0.1 * rng.standard_normal(round(s * song.sample_rate)) for s in (7, 11, 6)]
    sound = np.concatenate([beds[0], jingle, beds[1], jingle, beds[2]])
    clip, day = tmp_path / "jingle.wav", tmp_path / "day.wav"
    clip.write_bytes(as_wav(jingle, song.sample_rate))
    day.write_bytes(as_wav(sound, song.sample_rate))
    done = listening("find", "--json", clip, day)
    assert done.code == 0, done.err
    (answer,) = done.objects
    assert list(answer) == ["file", "clip", "duration_s", "places"]
    assert [place["start_s"] for place in answer["places"]] == pytest.approx([7, 23], abs=0.6)
    assert [place["end_s"] for place in answer["places"]] == pytest.approx([12, 28], abs=0.6)
    told = listening("find", clip, day)
    assert "2 places in 0:34.0" in told.out


def test_find_refuses_a_clip_that_is_too_short(listening, tmp_path, recording):
    clip = tmp_path / "short.wav"
    clip.write_bytes(as_wav(lively_noise(1, 1), 16000))
    done = listening("find", clip, recording)
    assert done.code == 1
    assert "1.00 s of sound; at least 2 s" in done.err
