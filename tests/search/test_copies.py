"""One recording under several names, parts of others, and songs after each other: who is named, how surely."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from classifier.audio.resample import at_rate
from classifier.demo.songs import Song
from classifier.results import Match, Tag
from tests.data_audio import FORMATS, encode
from tests.library import RATE, lively_noise
from tests.search.shelf import Shelf, cut, played

#: A matched stretch begins and ends somewhere in frames of 384 ms.
STRETCH_S = 0.4
#: Encoders delay by some milliseconds.
OFFSET_S = 0.1


def by_title(tag: Tag) -> dict[str, Match]:
    """Matches by name, of which none is listed twice."""
    found = {m.title: m for m in tag.matches}
    assert len(found) == len(tag.matches)
    return found


def encoded(song: Song, kind: str, **options: int) -> np.ndarray:
    """A song's first half minute through a codec, decoded again by FFmpeg."""
    rate = FORMATS[kind].rate
    pcm = at_rate(song.samples[: 30 * song.sample_rate], song.sample_rate, rate)
    file = encode(np.round(pcm * 32767).astype(np.int16)[:, None], kind, **options)
    with av.open(io.BytesIO(file)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


# --- copies ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copied(songs: Shelf, sounds, enrolled_songs: list[Song]) -> Shelf:
    """Song 0 in three encodings, padded with silence, quieter, and louder with hiss; the others as they are."""
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(30 * RATE)
    return songs.with_copies(
        mp3=encoded(enrolled_songs[0], "mp3", bit_rate=96_000),
        opus=encoded(enrolled_songs[0], "opus", bit_rate=48_000),
        aac=encoded(enrolled_songs[0], "m4a", bit_rate=96_000),
        padded=np.concatenate([np.zeros(3 * RATE), cut(sounds[0], 0, 30), np.zeros(5 * RATE)]),
        quieter=0.9 * cut(sounds[0], 0, 30),
        louder=np.clip(1.3 * cut(sounds[0], 0, 30) + hiss, -1, 1),
    )


COPIES = {"song 0", "mp3", "opus", "aac", "padded", "quieter", "louder"}


@pytest.mark.parametrize("length_s", [1.0, 1.3, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("start_s", [2.0, 13.3, 19.0])
def test_copies_are_one_recording_whatever_their_encoding(copied, sounds, start_s, length_s):
    tag = copied.ask(cut(sounds[0], start_s, length_s), top=20)
    found = by_title(tag)
    assert tag.verdict == "ambiguous"
    same = {title for title, m in found.items() if m.recording == 0}
    assert same == COPIES
    assert [m.title in COPIES for m in tag.matches] == sorted((m.title in COPIES for m in tag.matches), reverse=True)
    for title in COPIES:
        assert found[title].role == "match"
        place_s = start_s + 3 * (title == "padded")
        assert found[title].offset_s == pytest.approx(place_s, abs=OFFSET_S)


def test_copies_share_what_one_alone_would_have(copied, songs, sounds):
    snippet = cut(sounds[0], 13.3, 5)
    alone = songs.ask(snippet).matches[0].confidence
    shares = [m.confidence for m in copied.ask(snippet, top=20).matches if m.recording == 0]
    assert len(shares) == len(COPIES)
    assert shares == pytest.approx([alone / len(COPIES)] * len(COPIES), rel=1e-3)


def test_all_copies_are_listed_before_all_else_however_few_were_asked_for(copied, sounds):
    tag = copied.ask(cut(sounds[0], 13.3, 5), top=3)
    assert tag.verdict == "ambiguous"
    assert tag.tied == len(tag.matches) > 3
    assert {m.role for m in tag.matches} == {"match"}
    assert sum(m.confidence for m in tag.matches) <= 1


def test_noise_does_not_tell_copies_apart(copied, sounds):
    noisy = cut(sounds[0], 13.3, 5) + 0.01 * np.random.default_rng(3).standard_normal(5 * RATE)
    tag = copied.ask(noisy, top=20)
    assert tag.verdict == "ambiguous"
    assert len({m.title for m in tag.matches if m.recording == 0} & COPIES) >= 5


def test_copies_at_another_speed_are_one_recording_too(copied, sounds):
    tag = copied.only("song 0", "quieter", "louder", "song 1").ask(played(sounds[0], 9, 6, 1.03))
    assert tag.verdict == "ambiguous"
    assert [m.recording for m in tag.matches[:3]] == [0, 0, 0]


# --- parts ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trailers(songs: Shelf, sounds) -> dict[int, Shelf]:
    """A song, and another that holds some seconds of it."""
    shelves = {}
    for shared_s in (2, 3, 4, 6):
        parts = cut(sounds[1], 0, 10), cut(sounds[0], 20, shared_s), cut(sounds[1], 14, 16)
        shelves[shared_s] = songs.without("song 0", "song 1").with_copies(
            tune=cut(sounds[0], 0, 40), trailer=np.concatenate(parts)
        )
    return shelves


@pytest.mark.parametrize("shared_s", [2, 3, 4, 6])
@pytest.mark.parametrize(("start_s", "length_s"), [(17, 10), (12, 20)])
def test_what_explains_all_is_identified_though_another_holds_a_part(trailers, sounds, shared_s, start_s, length_s):
    tag = trailers[shared_s].ask(cut(sounds[0], start_s, length_s))
    found = by_title(tag)
    assert (tag.verdict, tag.matches[0].title) == ("identified", "tune")
    best, other = tag.matches[0], found["trailer"]
    assert (best.role, best.recording) == ("match", 0)
    assert best.confidence > 0.99
    assert other.recording != 0
    assert (best.query_start_s, best.query_end_s) == (0.0, pytest.approx(length_s, abs=0.05))
    if shared_s == 2 and length_s == 20:  # a tenth of the snippet may be too little to be beyond chance
        assert other.role in ("part", "candidate")
        return
    assert (other.role, other.confidence) == ("part", None)
    # What both hold: from 20 s on in the tune, 10 s on in the trailer.
    assert other.offset_s == pytest.approx(start_s - 10, abs=0.02)
    assert other.query_start_s == pytest.approx(20 - start_s, abs=STRETCH_S)
    assert other.query_end_s == pytest.approx(20 - start_s + shared_s, abs=STRETCH_S)


def test_where_a_part_is_all_there_is_nobody_can_tell(trailers, sounds):
    """The shared seconds alone are in both."""
    tag = trailers[6].ask(cut(sounds[0], 20.3, 5))
    assert tag.verdict == "ambiguous"
    assert {m.title for m in tag.matches if m.recording == 0} == {"tune", "trailer"}


def test_a_loop_is_told_from_what_samples_it(songs, sounds):
    bar = cut(sounds[3], 10, 2)
    sampled = np.concatenate([cut(sounds[4], 0, 8), bar, cut(sounds[4], 8, 8)])
    loop = np.tile(bar, 8)
    tag = songs.without("song 3", "song 4").with_copies(loop=loop, sampled=sampled).ask(cut(loop, 1, 10))
    assert (tag.verdict, tag.matches[0].title) == ("identified", "loop")
    assert by_title(tag)["sampled"].role in ("part", "candidate")


@pytest.fixture(scope="module")
def jingled(songs: Shelf, sounds) -> tuple[Shelf, np.ndarray]:
    """A song into which a jingle was cut at 12 s, and the jingle by itself."""
    host = np.concatenate([cut(sounds[1], 0, 12), cut(sounds[0], 20, 5), cut(sounds[1], 12, 16)])
    return songs.without("song 0", "song 1").with_copies(host=host, jingle=cut(sounds[0], 20, 5)), host


def test_a_jingle_in_a_song_is_a_part_of_it(jingled):
    shelf, host = jingled
    tag = shelf.ask(cut(host, 7, 15))
    found = by_title(tag)
    assert (tag.verdict, tag.matches[0].title) == ("identified", "host")
    assert found["jingle"].role == "part"
    assert found["jingle"].offset_s == pytest.approx(-5, abs=0.02)
    assert found["jingle"].query_start_s == pytest.approx(5, abs=STRETCH_S)
    assert found["jingle"].query_end_s == pytest.approx(10, abs=STRETCH_S)


def test_a_jingle_by_itself_may_be_either(jingled):
    shelf, host = jingled
    tag = shelf.ask(cut(host, 12.2, 4.6))
    assert tag.verdict == "ambiguous"
    assert {m.title for m in tag.matches if m.recording == 0} == {"host", "jingle"}


# --- one after the other --------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_s", [3.0, 5.0, 7.0])
def test_two_songs_in_one_snippet_are_no_copies(songs, sounds, first_s):
    """The one that explains more is the answer, the other a part of what is heard; each with its own stretch."""
    tag = songs.ask(np.concatenate([cut(sounds[2], 10, first_s), cut(sounds[5], 3, 10.0 - first_s)]))
    found = by_title(tag)
    assert tag.verdict == "identified"
    assert {m.role for m in (found["song 2"], found["song 5"])} == {"match", "part"}
    assert found["song 2"].recording != found["song 5"].recording
    one, two = found["song 2"], found["song 5"]
    assert one.offset_s == pytest.approx(10, abs=0.01)
    assert two.offset_s == pytest.approx(3 - first_s, abs=0.01)
    assert (one.query_start_s, one.query_end_s) == pytest.approx((0, first_s), abs=STRETCH_S)
    assert (two.query_start_s, two.query_end_s) == pytest.approx((first_s, 10), abs=STRETCH_S)


def test_a_song_in_two_copies_and_another_behind_it(songs, sounds):
    """Copies stay copies, and the song behind them stays apart."""
    shelf = songs.with_copies(copy=0.9 * cut(sounds[2], 0, 30))
    tag = shelf.ask(np.concatenate([cut(sounds[2], 10, 6), cut(sounds[5], 3, 6)]), top=10)
    found = by_title(tag)
    assert found["song 2"].recording == found["copy"].recording != found["song 5"].recording
    assert {found[title].role for title in ("song 2", "copy", "song 5")} <= {"match", "part"}


def test_confidences_of_all_that_is_listed_are_at_most_one(copied, songs, sounds, strange_sounds):
    for shelf, samples in (
        (copied, cut(sounds[0], 5, 3)),
        (songs, cut(sounds[1], 5, 1)),
        (songs, cut(strange_sounds[1], 5, 5)),
        (songs, lively_noise(4.0, seed=3)),
        (songs, np.concatenate([cut(sounds[2], 10, 5), cut(sounds[5], 3, 5)])),
    ):
        tag = shelf.ask(samples, top=100)
        assert sum(m.confidence for m in tag.matches if m.confidence is not None) <= 1 + 1e-9
        assert all(0 <= m.confidence <= 1 for m in tag.matches if m.confidence is not None)
        assert {m.role for m in tag.matches if m.confidence is None} <= {"part"}
