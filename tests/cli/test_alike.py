"""``earmark alike`` and ``earmark map``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Earmark
from tests.library import RATE, as_wav, lively_noise


def test_tracks_that_sound_alike_are_listed_and_explained(earmark: Earmark, folder: Path) -> None:
    earmark("enroll", folder)
    first = earmark("tracks", "list", "--json").objects[0]
    found = earmark("alike", first["id"][:8], "--top", "2", "--json").objects
    assert len(found) == 2
    assert first["id"] not in [one["track_id"] for one in found]
    for one in found:
        assert sum(part["nats"] for part in one["coefficients"]) == pytest.approx(one["divergence"])
    own = earmark("alike", folder / f"{first['source']}.wav")
    nearest = own.out.splitlines()[3]
    assert first["title"] in nearest
    assert "the same sound" in nearest
    assert "moves" in own.out
    assert "too small to look" in own.err
    missing = earmark("alike", "nobody")
    assert (missing.code, "no track" in missing.err) == (1, True)
    text = folder / "letter.wav"
    text.write_bytes(b"no music")
    assert earmark("alike", text).code == 1


def test_the_map_is_laid_out_when_it_is_needed(earmark: Earmark, folder: Path, tmp_path: Path) -> None:
    earmark("enroll", folder)
    n = len(earmark("tracks", "list", "--json").objects)
    drawn = earmark("map", "--json")
    assert len(drawn.objects) == n
    assert all(0 <= point["x"] <= 1 and 0 <= point["y"] <= 1 and not point["placed"] for point in drawn.objects)
    assert earmark("map", "--anew", "--json").objects == drawn.objects
    later = tmp_path / "later.wav"
    later.write_bytes(as_wav(lively_noise(6.0, 77), RATE))
    earmark("enroll", later)
    again = earmark("map", "--json")
    assert [point["title"] for point in again.objects if point["placed"]] == ["later"]
    assert [point for point in again.objects if not point["placed"]] == drawn.objects
    assert "1 placed since" in again.err


def test_windows_of_a_track_are_listed_and_compared(earmark: Earmark, tmp_path: Path) -> None:
    once, beside = lively_noise(9.0, 1), np.zeros(8 * RATE)
    file = tmp_path / "twice.wav"
    file.write_bytes(as_wav(np.concatenate([once, beside, once]), RATE))
    earmark("enroll", file)
    (track,) = earmark("tracks", "list", "--json").objects
    listed = earmark("tracks", "windows", track["id"][:8], "--json").objects
    assert [window["number"] for window in listed] == list(range(track["n_windows"]))
    shown = earmark("tracks", "windows", track["id"])
    assert (shown.code, shown.err) == (0, f"{track['n_windows']} windows\n")
    assert shown.out.count("silent") == sum(window["silent"] for window in listed) > 0
    found = earmark("tracks", "windows", track["id"], "--at", "2.2", "--top", "3")
    assert "0:19.0" in found.out.splitlines()[3]  # the same sound, 17 seconds on
    assert len(found.out.splitlines()) == 7
    assert "most like window 2, 0:02.0 to 0:07.0; the average window differs by" in found.err
    (whole,) = earmark("tracks", "windows", track["id"], "--at", "2.2", "--json").objects
    assert (whole["number"], whole["alike"]["number"]) == (2, 19)
    assert len(whole["mixture"]["weights"]) == 6
    quiet = next(window for window in listed if window["silent"])
    assert (
        "can be compared with no other: it is silent"
        in earmark("tracks", "windows", track["id"], "--at", quiet["start_s"]).err
    )
    assert earmark("tracks", "windows", "nobody").code == 1
