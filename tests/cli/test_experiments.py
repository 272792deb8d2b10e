"""``earmark validate`` and ``earmark sweep`` on real sound, stopped and resumed, and what they refuse."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from tests.library import RATE, as_wav, lively_noise


@pytest.fixture
def study(earmark, tmp_path):
    """Return a folder of music of which all files but the last are enrolled."""
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(5):
        (folder / f"piece {i}.wav").write_bytes(as_wav(lively_noise(14.0, 800 + i), RATE))
    assert earmark("enroll", *sorted(folder.iterdir())[:4]).code == 0
    return folder


def test_snippets_cut_from_the_tracks_are_answered(earmark, study, tmp_path):
    out = tmp_path / "out"
    command = ("validate", "default", study, "--cut", 10, "--conditions", "clean,pink:20", "--out", out, "--json")
    (answer,) = earmark(*command).objects
    everything, clean, noisy = answer["rows"]
    assert (everything["known"], everything["unknown"]) == (16, 4)
    assert (clean["condition"], noisy["condition"]) == ("clean", "pink:20")
    assert clean["right"]["value"] == clean["identified"]["value"] == 1.0
    assert everything["false_names"]["value"] == 0.0
    assert clean["offset_error_s"] < 0.05
    rows = list(csv.DictReader((out / "outcomes.csv").read_text().splitlines()))
    assert len(rows) == 20
    assert json.loads((out / "summary.json").read_text())["rows"] == answer["rows"]
    assert "<svg" in (out / "report.html").read_text()
    journal = (out / "outcomes.jsonl").read_text()
    (out / "outcomes.jsonl").write_text(journal[: len(journal) // 2])  # as if the first run had been killed
    assert earmark(*command).objects == [answer]
    other = earmark(*command, "--seed", 1)
    assert other.code == 1
    assert "holds another experiment" in other.err


def test_a_catalogue_that_is_not_there_costs_no_folder(earmark, study, tmp_path):
    out = tmp_path / "out"
    done = earmark("validate", "unheard", study, "--cut", 1, "--out", out)
    assert done.code == 1
    assert "no catalogue 'unheard'" in done.err
    assert not out.exists()


def test_recordings_are_of_the_track_that_their_folder_names(earmark, study, tmp_path):
    recordings = tmp_path / "recordings"
    for i, name in ((0, "piece 0"), (1, "piece 0"), (4, "unknown")):
        (recordings / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(study / f"piece {i}.wav", recordings / name / f"{i}.wav")
    (answer,) = earmark("validate", "default", recordings, "--json").objects
    row = answer["rows"][0]
    assert (row["known"], row["unknown"]) == (2, 1)
    assert (row["right"]["value"], row["wrong"]["value"], row["false_names"]["value"]) == (0.5, 0.5, 0.0)
    assert answer["confused"] == [["piece 0", "piece 1", 1]]
    table = earmark("validate", "default", recordings, COLUMNS="80")
    assert max(map(len, table.out.splitlines()[:6])) <= 80
    assert "│ all         │     2 │  50.0 │  50.0 │  50.0 │     1 │   0.0 │" in table.out
    assert "piece 0 taken for piece 1: 1 times" in table.out
    (recordings / "piece 9").mkdir()
    shutil.copy(study / "piece 0.wav", recordings / "piece 9")
    out = tmp_path / "out"
    missing = earmark("validate", "default", recordings, "--out", out)
    assert missing.code == 1
    assert "no track called 'piece 9'" in missing.err
    shutil.rmtree(recordings / "piece 9")
    assert earmark("validate", "default", recordings, "--out", out).code == 0, "nothing was answered into that folder"


def test_a_sweep_enrolls_each_cell_and_leaves_only_its_report(earmark, study, tmp_path):
    out = tmp_path / "out"
    command = (
        *("sweep", study, "--grid", "n_components=2,6,99", "--method", "kl-mixture", "--cut", 5, "--unknown", 5),
        *("--conditions", "clean", "--out", out, "--json"),
    )
    done = earmark(*command)
    (answer,) = done.objects
    assert [cell["values"] for cell in answer["cells"]] == [{"n_components": 2}, {"n_components": 6}]
    assert [cell["values"] for cell in answer["refused"]] == [{"n_components": 99}]
    for cell in answer["cells"]:
        row = cell["summary"]["rows"][0]
        assert (row["known"], row["unknown"]) == (4, 1)
        assert row["right"]["value"] == 1.0
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == []
    assert len(list(csv.reader((out / "cells.csv").read_text().splitlines()))) == 3
    assert earmark(*command).objects == [answer]  # from the journals
    assert "nested" in answer["warning"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "nothing to vary"),
        (("--grid", "n_components"), "names no values"),
        (("--grid", "components=4"), "did you mean n_components"),
        (("--grid", "n_components=many,99"), "no combination can be enrolled: n_components is 'many'"),
    ],
)
def test_a_sweep_of_nothing_says_what_to_give(earmark, study, tmp_path, options, said):
    done = earmark("sweep", study, *options, "--out", tmp_path / "out")
    assert done.code != 0
    assert said in done.err
    assert not (tmp_path / "out").exists()
