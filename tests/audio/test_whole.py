"""Files that are cut off or damaged: one rule for all containers.

What a file promises and does not hold is missing. A snippet is answered from what is there, with a remark; a track is
refused with how much is missing.
"""

from __future__ import annotations

import numpy as np
import pytest

from classifier import errors
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.settings import Settings
from tests import data_audio
from tests.audio.conftest import refused
from tests.data_audio import FORMATS, encode, tone

SECONDS = 4.0
#: Containers that say how long they are, with the index in front or none needed.
PROMISING = (
    "wav", "wav24", "wav32f", "aiff", "caf", "w64", "au", "flac", "wv", "tta", "mka", "mp3", "fragmented", "webm",
    "wma", "wma1", "avi", "flv",
)  # fmt: skip
#: Containers whose index stands at the end: nothing can be read without it.
INDEXED = ("alac", "m4a", "mov", "3gp")
#: Containers that do not say how long they are.
OPEN = ("live", "adts", "latm", "amr", "mp2", "ac3", "eac3", "dts", "ts", "mpg", "truehd", "voc")
#: Ogg's last page says how long it is, and goes first when the end is cut off; but pages are seldom cut between two.
PAGED = ("ogg", "opus")


def names(remarks: list[str]) -> list[str]:
    return [remark.partition(":")[0] for remark in remarks]


def test_every_format_is_of_one_sort() -> None:
    assert sorted((*PROMISING, *INDEXED, *OPEN, *PAGED)) == sorted(FORMATS)


@pytest.mark.parametrize("kind", FORMATS)
def test_whole_files_have_no_remarks(kind: str, decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    data = encode(tone(SECONDS, FORMATS[kind].rate), kind)
    for whose in (limits, track_limits):
        assert decoder.decode(data, whose).remarks == []


@pytest.mark.parametrize("kind", PROMISING)
def test_cut_off(kind: str, decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    form = FORMATS[kind]
    data = encode(tone(SECONDS, form.rate, 700.0), kind)
    for share in (0.8, 0.4):
        cut = data[: int(share * len(data))]
        audio = decoder.decode(cut, limits)
        assert (share - 0.25) * SECONDS < audio.duration_s < (share + 0.1) * SECONDS
        assert data_audio.pitch(audio.samples[4000:-4000], 16000) == pytest.approx(700, abs=1.0)
        assert names(audio.remarks) == ["cut_off"]
        missing = float(audio.remarks[0].split(" and ")[1].split(" s ")[0])
        assert missing == pytest.approx(SECONDS - audio.duration_s, abs=0.1 + form.padding_s)
        message = refused(decoder, cut, track_limits, errors.AudioUnreadable)
        assert f"{missing:.1f} s of them are missing" in message
        assert "export it again" in message
    refused(decoder, data[:30], limits, errors.AudioUnreadable)


@pytest.mark.parametrize("kind", INDEXED)
def test_without_its_index_there_is_nothing(kind: str, decoder: Decoder, limits: Limits) -> None:
    data = encode(data_audio.noise(SECONDS, FORMATS[kind].rate), kind)
    refused(decoder, data[: int(0.8 * len(data))], limits, errors.AudioUnreadable)


@pytest.mark.parametrize("kind", OPEN)
def test_what_promises_no_length_is_taken_as_far_as_it_goes(
    kind: str, decoder: Decoder, limits: Limits, track_limits: Limits
) -> None:
    data = encode(tone(SECONDS, FORMATS[kind].rate, 700.0), kind)
    for whose in (limits, track_limits):
        audio = decoder.decode(data[: int(0.7 * len(data))], whose)
        assert 0.5 * SECONDS < audio.duration_s < 0.75 * SECONDS
        assert data_audio.pitch(audio.samples[4000:-4000], 16000) == pytest.approx(700, abs=1.0)
    refused(decoder, data[:12], limits, errors.AudioUnreadable)


@pytest.mark.parametrize("kind", PAGED)
def test_an_ogg_that_ends_within_a_page(kind: str, decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    data = encode(tone(SECONDS, FORMATS[kind].rate, 700.0), kind)
    for whose in (limits, track_limits):
        audio = decoder.decode(data[: int(0.7 * len(data))], whose)
        assert 1.0 < audio.duration_s < 3.3
        assert names(audio.remarks) == ["cut_off"]


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac"])
def test_little_damage_is_skipped(kind: str, decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    form = FORMATS[kind]
    data = bytearray(encode(data_audio.noise(6.0, form.rate), kind))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    for whose in (limits, track_limits):
        # One page of Ogg holds up to a second.
        audio = decoder.decode(bytes(data), whose)
        assert audio.duration_s == pytest.approx(6.0, abs=0.6 if kind != "opus" else 1.2)


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac", "wma", "mka", "tta"])
def test_much_damage_is_never_a_success(kind: str, decoder: Decoder, limits: Limits, track_limits: Limits) -> None:
    data = bytearray(encode(data_audio.noise(6.0, FORMATS[kind].rate), kind))
    data[len(data) // 5 : len(data) * 4 // 5] = bytes(len(data) * 4 // 5 - len(data) // 5)
    refused(decoder, bytes(data), track_limits, errors.AudioUnreadable)
    audio = decoder.decode(bytes(data), limits)
    assert {"cut_off", "damaged"} & set(names(audio.remarks))


def test_a_cut_snippet_is_answered_with_the_remark(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cut")
    sound = data_audio.noise(12.0, 16000, channels=1, level=0.1, seed=8)
    # Something that changes, as music does.
    envelope = 0.6 + 0.4 * np.sin(2 * np.pi * np.arange(len(sound)) / 16000 * np.linspace(0.7, 3.0, len(sound)))
    sound = np.round(sound * envelope[:, None]).astype(np.int16)
    with Catalogue.open(settings=Settings(store=f"sqlite:///{folder / 'a.sqlite'}", data_dir=str(folder))) as catalogue:
        catalogue.enroll(data_audio.wav(sound, 16000), title="noise")
        snippet = data_audio.wav(sound[3 * 16000 : 10 * 16000], 16000)
        tag = catalogue.identify(snippet[: len(snippet) * 3 // 4])
        assert (tag.verdict, tag.matches[0].title) == ("identified", "noise")
        assert names(tag.remarks) == ["cut_off"]
        with pytest.raises(errors.AudioUnreadable, match="missing"):
            catalogue.enroll(snippet[: len(snippet) * 3 // 4])


@pytest.mark.parametrize(("kind", "other"), [("ac3", "dts"), ("adts", "ac3"), ("mp3", "ac3")])
def test_frames_of_another_kind_are_not_passed_by_in_silence(
    kind: str, other: str, decoder: Decoder, limits: Limits, track_limits: Limits
) -> None:
    """Such a file is read as one kind or the other; what is the rest of it is said to be missing."""
    samples = data_audio.noise(4.0, FORMATS[kind].rate, FORMATS[kind].channels)
    whole, foreign = encode(samples, kind), encode(samples, other)
    mixed = whole[:3000] + foreign[: len(foreign) // 6] + whole[3000:]
    for whose in (limits, track_limits):
        audio = decoder.decode(mixed, whose)
        assert audio.duration_s > 3.5 or any(remark.startswith("damaged: ") for remark in audio.remarks), kind
