"""A folder of labelled recordings, trained, judged, activated, asked and rolled back as a user does it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.cli.conftest import Earmark
from tests.labels.signals import progression
from tests.library import RATE, as_wav

SECONDS = 4.0
LABELS = ("beats", "chords", "wind")
FAST = ("--features", "mfcc-104-log", "--family", "logistic")


def sound(label: str, seed: int) -> np.ndarray:
    """Return struck noise, held chords or slow wind: each seed's own, its level moving as music's does."""
    draw = np.random.default_rng(seed)
    n = round(SECONDS * RATE)
    t = np.arange(n) / RATE
    if label == "chords":
        held = draw.integers(48, 72, (round(SECONDS), 3))[(t // 1).astype(int)]
        tone = np.sin(2 * np.pi * 440 * 2 ** ((held - 69) / 12) * t[:, None]).sum(axis=1)
        return 0.1 * tone * (0.3 + np.exp(-2 * (t % 1.0)))
    noise = draw.standard_normal(n)
    if label == "beats":
        return 0.3 * noise * np.exp(-12 * (t % (0.3 + 0.1 * draw.random()))) + 0.01 * noise
    slow = np.convolve(noise, np.ones(40) / 40, "same")
    return 0.5 * slow * (1.1 + np.sin(2 * np.pi * (0.4 + 0.3 * draw.random()) * t))


def write_clips(folder: Path, each: int = 4) -> Path:
    """Write labelled recordings, a folder a label."""
    for i, label in enumerate(LABELS):
        (folder / label).mkdir(parents=True)
        for number in range(each):
            (folder / label / f"{number}.wav").write_bytes(as_wav(sound(label, 10 * i + number), RATE))
    return folder


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of twelve labelled recordings."""
    return write_clips(tmp_path_factory.mktemp("labelled") / "clips")


@pytest.fixture
def table(labelled: Path, tmp_path: Path) -> Path:
    """Return a CSV file of the same recordings, in six groups."""
    path = tmp_path / "clips.csv"
    with open(path, "w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["file", "label", "band", "split"])
        for label in LABELS:
            for number in range(4):
                split = "test" if number == 3 else "train"
                write.writerow([labelled / label / f"{number}.wav", label, f"band {label} {number // 2}", split])
    return path


def test_trained_judged_activated_asked_and_rolled_back(earmark: Earmark, labelled: Path, table: Path, tmp_path: Path):
    new = tmp_path / "new.wav"
    new.write_bytes(as_wav(sound("chords", 99), RATE))

    done = earmark("train", "texture", labelled, "--group", "none", *FAST)
    assert done.code == 0, done.err
    assert "No groups were given" in done.out
    assert "models activate texture 1" in done.err
    assert "no model" in earmark("label", "--task", "texture", new).err

    assert earmark("models", "activate", "texture", "1").out == "texture is answered by 1\n"
    answer = earmark("label", "--task", "texture", "--json", new).objects[0]
    assert (answer["model"], answer["labels"]) == ("1", ["chords"])
    assert sum(one["p"] for one in answer["distribution"]) == pytest.approx(1, abs=1e-4)
    assert answer["nearest"][0]["labels"] == ["chords"]
    parts = answer["explanation"][0]["parts"]
    assert parts[0]["adds"] > 0
    assert parts[-1]["feature"] == "all others"

    done = earmark("train", "texture", table, "--group", "band", *FAST, "--activate", "--json")
    card = done.objects[0]["card"]
    assert card["data"]["groups"] == 6
    assert card["data"]["grouping"] == "band"
    assert card["honest"][0]["name"] == "by band"
    assert card["leaky"][0]["leaky"]
    assert card["honest"][0]["figures"]["accuracy"]["value"] >= 0.75
    assert any("Too little to estimate" in line for line in card["warnings"])
    listed = earmark("models", "list", "--task", "texture", "--json").objects
    assert [(one["version"], one["active"]) for one in listed] == [("1", False), ("2", True)]

    assert earmark("models", "rollback", "texture").out == "texture is answered by 1\n"
    assert earmark("label", "--task", "texture", "--json", new).objects[0]["model"] == "1"
    done = earmark("models", "rollback", "texture")
    assert done.code == 1
    assert "no other version" in done.err
    assert "accuracy" in earmark("models", "show", "texture", "2").out


def test_classic_features_have_a_series_too(earmark: Earmark, labelled: Path, tmp_path: Path):
    """Each stretch is answered as if it were a recording by itself; silence has no label."""
    assert earmark("train", "texture", labelled, "--group", "none", *FAST, "--activate").code == 0
    silence = np.zeros(3 * round(SECONDS * RATE))
    path = tmp_path / "long.wav"
    path.write_bytes(
        as_wav(np.concatenate([sound("chords", 99), sound("beats", 98), silence, sound("wind", 97)]), RATE)
    )
    done = earmark("label", "--task", "texture", "--series", "--every", "4", "--json", path)
    by_start = {part["start_s"]: part for part in done.objects[0]["series"]}
    assert [by_start[start]["labels"] for start in (0, 4, 20)] == [["chords"], ["beats"], ["wind"]]
    assert 12 not in by_start
    assert by_start[20]["end_s"] == pytest.approx(24, abs=0.01)
    done = earmark("label", "--task", "texture", "--series", "--every", "30", "--json", path)
    assert [(part["start_s"], part["end_s"]) for part in done.objects[0]["series"]] == [
        (0, pytest.approx(24, abs=0.01))
    ]


def test_the_same_clips_and_seed_give_the_same_model(earmark: Earmark, labelled: Path):
    for _ in range(2):
        assert earmark("train", "twice", labelled, "--group", "none", *FAST).code == 0
    first, second = (earmark.data_dir / "labels" / "twice" / version for version in ("1", "2"))
    for name in ("manifest.json", "arrays.npz"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_what_was_heard_is_not_heard_again(earmark: Earmark, tmp_path: Path):
    """Training that was stopped goes on: what it had heard is kept."""
    folder = write_clips(tmp_path / "clips", each=3)
    assert earmark("train", "texture", folder, "--group", "none", *FAST).code == 0
    before = {path: path.stat().st_ino for path in (earmark.data_dir / "features").rglob("*.npz")}
    assert len(before) == 9
    (folder / "wind" / "new.wav").write_bytes(as_wav(sound("wind", 50), RATE))
    assert earmark("train", "texture", folder, "--group", "none", *FAST).code == 0
    after = {path: path.stat().st_ino for path in (earmark.data_dir / "features").rglob("*.npz")}
    assert len(after) == 10
    assert before.items() <= after.items()


def test_clips_that_cannot_be_heard_are_left_out_and_named(earmark: Earmark, tmp_path: Path):
    folder = write_clips(tmp_path / "clips")
    (folder / "wind" / "broken.wav").write_bytes(b"no sound")
    (folder / "beats" / "silent.wav").write_bytes(as_wav(np.zeros(4 * RATE), RATE))
    done = earmark("train", "texture", folder, "--group", "folder", *FAST, "--json")
    assert done.code == 1, "some input failed"
    assert "failed: wind/broken.wav:" in done.err
    assert "failed: beats/silent.wav:" in done.err
    card = done.objects[0]["card"]
    assert card["data"]["clips"] == 12
    (warning,) = [line for line in card["warnings"] if "left out" in line]
    assert "wind/broken.wav" in warning
    assert earmark("evaluate", folder, "--group", "none", *FAST, "--no-conditions", "--json").code == 1
    for path in (folder / "wind").glob("[0-1].wav"):
        path.write_bytes(b"no sound either")
    done = earmark("train", "texture", folder, "--group", "none", *FAST)
    assert "4 clips cannot be heard" in done.err
    assert "3 clips a label are the least: 'wind' has 2" in done.err


def test_copies_of_a_sound_stay_together(earmark: Earmark, tmp_path: Path):
    """A copy under another name, even of another group or label, is on the same side of every split, and is told."""
    folder = write_clips(tmp_path / "clips")
    shutil.copy(folder / "wind" / "0.wav", folder / "wind" / "copy.wav")
    shutil.copy(folder / "beats" / "0.wav", folder / "chords" / "stray.wav")
    done = earmark("train", "texture", folder, "--group", "none", *FAST, "--json")
    card = done.objects[0]["card"]
    assert (card["data"]["clips"], card["data"]["groups"]) == (14, 12)
    (warning,) = [line for line in card["warnings"] if "same sound" in line]
    assert "wind/0.wav = wind/copy.wav" in warning
    assert "beats/0.wav (beats) = chords/stray.wav (chords)" in warning
    done = earmark("train", "texture", folder, "--group", "folder", *FAST, "--json")
    assert done.objects[0]["card"]["data"]["groups"] == 2, "a copy in two folders joins them"


def test_without_groups_no_figure_is_called_honest(earmark: Earmark, labelled: Path):
    done = earmark("train", "texture", labelled, "--group", "none", *FAST)
    assert "Honest" not in done.out
    assert "Leaky, for no groups were given: random clips" in done.out
    assert "(leaky)" in earmark("models", "list", "--task", "texture", COLUMNS="200").out


def test_a_task_that_cannot_answer_stops_no_other(earmark: Earmark, labelled: Path, tmp_path: Path):
    """Neither a model that was never activated, nor one whose weights are missing, keeps the others from answering."""
    new = tmp_path / "new.wav"
    new.write_bytes(as_wav(sound("chords", 99), RATE))
    assert earmark("train", "texture", labelled, "--group", "none", *FAST, "--activate").code == 0
    assert earmark("train", "idle", labelled, "--group", "none", *FAST).code == 0
    nowhere = {"EARMARK_WEIGHTS_DIR": str(tmp_path / "no weights")}
    done = earmark("label", "--json", new, new, **nowhere)
    assert done.code == 1, "some tasks failed"
    by_task = {(one["task"], one.get("error")): one for one in done.objects}
    assert set(by_task) == {("genre", "weights_missing"), ("texture", None), ("mood", "weights_missing")}
    assert by_task["texture", None]["labels"] == ["chords"]
    assert done.err.count("failed: genre:") == 1, "named once, not for every file"
    assert "models get musicnn-msd" in done.err
    done = earmark("label", "--task", "idle", new)
    assert done.code == 1
    assert "models activate idle 1" in done.err


def test_figures_flattering_and_honest(earmark: Earmark, table: Path, tmp_path: Path):
    charts = tmp_path / "charts"
    done = earmark("evaluate", table, "--group", "band", *FAST, "--charts", charts, "--json")
    assert done.code == 0, done.err
    found = done.objects[0]
    assert [(one["name"], one["leaky"]) for one in found["protocols"]] == [
        ("random clips", True),
        ("by band", False),
        ("given split", False),
    ]
    by_band = found["protocols"][1]["figures"]
    assert by_band["n"] == 12
    assert np.sum(by_band["confusion"]) == 12
    assert found["protocols"][2]["figures"]["n"] == 3
    low, value, high = (by_band["accuracy"][name] for name in ("low", "value", "high"))
    assert 0 <= low <= value <= high <= 1
    names = [one["name"] for one in found["conditions"]]
    assert names == ["3 s", "5 s", "10 s", "talk at 20 dB", "talk at 10 dB", "talk at 5 dB"]
    assert len(found["charts"]) == 6
    for path in found["charts"]:
        root = ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert root[0].tag.endswith("title")
    shown = earmark("evaluate", table, "--group", "band", *FAST, "--no-conditions").out
    assert "leaky" in shown
    assert "Confusion" in shown


def test_groups_must_be_said(earmark: Earmark, labelled: Path, table: Path):
    done = earmark("train", "texture", labelled, *FAST)
    assert done.code == 1
    assert "--group" in done.err
    done = earmark("train", "texture", table, "--group", "singer", *FAST)
    assert done.code == 1
    assert "band" in done.err
    done = earmark("train", "texture", labelled, "--group", "artist", *FAST)
    assert done.code == 1
    assert "artist" in done.err
    assert "--group none" in done.err


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["label,x", "a,1"], "at least two"),
        (["label,x", *["a,1"] * 3, *["b,2"] * 2], "'b' has 2"),
        (["label,x", *["a,nan"] * 3, *["b,2"] * 3], "no finite number"),
        (["label,x", "a,1,2"], "3 fields"),
        (["name,x", "a,1"], "no column 'label'"),
        (["label,x,x", "a,1,1"], "twice"),
        (["file,label", "gone.wav,a"], "no file 'gone.wav'"),
        (["label", *["a"] * 3, *["b"] * 3], "neither"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tables_that_cannot_be_read(earmark: Earmark, tmp_path: Path, lines, match):
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    done = earmark("train", "x", path, "--group", "none")
    assert done.code == 1
    assert match in done.err


def number_table(path: Path, several: bool = False, n: int = 36) -> Path:
    draw = np.random.default_rng(8)
    with open(path, "w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["id", "label", "group", "x", "y", "z"])
        for i in range(n):
            label = "abc"[i % 3]
            names = f"{label}|{'abc'[(i + 1) % 3]}" if several and i % 2 else label
            centre = {"a": (2, 0), "b": (0, 2), "c": (-2, -2)}[label]
            write.writerow([f"r{i}", names, f"g{i // 3}", *(np.array(centre) + draw.standard_normal(2)), draw.random()])
    return path


def test_a_table_of_features(earmark: Earmark, tmp_path: Path):
    path = number_table(tmp_path / "table.csv")
    done = earmark("train", "letters", path, "--family", "logistic", "--family", "neighbours", "--json")
    stored = done.objects[0]
    assert (stored["view"], stored["kind"]) == ("table", "exclusive")
    assert stored["card"]["honest"][0]["figures"]["accuracy"]["value"] > 0.8
    wav = tmp_path / "a.wav"
    wav.write_bytes(as_wav(sound("wind", 3), RATE))
    for command in (["models", "activate", "letters", "1"], ["label", "--task", "letters", "--version", "1", wav]):
        done = earmark(*command)
        assert done.code == 1
        assert "cannot hear recordings" in done.err


def test_several_labels(earmark: Earmark, tmp_path: Path):
    path = number_table(tmp_path / "table.csv", several=True)
    stored = earmark("train", "letters", path, "--family", "logistic", "--json").objects[0]
    assert stored["kind"] == "multiple"
    figures = stored["card"]["honest"][0]["figures"]
    assert figures["macro_auc"] > 0.7
    assert {row["label"] for row in figures["by_label"]} == {"a", "b", "c"}


def test_comparison_and_subsets(earmark: Earmark, tmp_path: Path):
    path = number_table(tmp_path / "table.csv")
    rows = earmark("compare", path, "--family", "logistic", "--json").objects[0]["rows"]
    assert len(rows) == 6
    assert rows[-1]["name"] == "chosen among all"
    for row in rows:
        assert 0.5 < row["random_90_10"]["mean"] <= 1
        assert row["honest"][0]["name"] == "by group"
    found = earmark("subsets", path, "--family", "logistic", "--size", "2", "--json").objects[0]
    assert found["subsets"] == 3
    assert len(found["best"][0]["labels"]) == 2
    assert found["best"][0]["accuracy"] >= found["median"]
    lone = tmp_path / "lone.csv"
    rows = [row.split(",") for row in path.read_text().splitlines()]
    lone.write_text(
        "\n".join(",".join([*row[:2], *([row[1]] if i else [row[2]]), *row[3:]]) for i, row in enumerate(rows))
    )
    done = earmark("subsets", lone, "--family", "logistic", "--size", "2", "--group", "group")
    assert done.code == 0, "random clips are left to judge by"
    done = earmark("subsets", path, "--family", "logistic", "--size", "3")
    assert done.code == 1
    assert "choose from 2 to 2" in done.err


def test_damaged_models_do_not_answer(earmark: Earmark, labelled: Path):
    assert earmark("train", "texture", labelled, "--group", "none", *FAST, "--activate").code == 0
    folder = earmark.data_dir / "labels" / "texture"
    shutil.copytree(folder / "1", folder / "2")
    manifest = json.loads((folder / "2" / "manifest.json").read_text())
    (folder / "2" / "manifest.json").write_text(json.dumps(manifest | {"labels": ["x"]}))
    done = earmark("models", "activate", "texture", "2")
    assert done.code == 1
    assert earmark("models", "list", "--task", "texture", "--json").objects[0]["active"]
    (folder / "2" / "manifest.json").write_text("{}")
    assert earmark("models", "list", "--task", "texture", "--json").objects[1]["fault"]
    assert earmark("models", "show", "texture", "2").code == 1


def test_happy_and_sad_are_learnt_from_the_mode_of_the_key(earmark: Earmark, weights_dir: Path, tmp_path: Path):
    """Unasked, a mood is trained on tags and on tags beside the key's mode; what decides is chosen."""
    for label, tonics in (("happy", range(54, 66)), ("sad", range(55, 67))):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for tonic in tonics:
            path = tmp_path / "clips" / label / f"{tonic}.wav"
            path.write_bytes(as_wav(progression(tonic, minor=label == "sad", rate=RATE), RATE))
    done = earmark(
        "train", "mood", tmp_path / "clips", "--group", "none", "--family", "logistic", "--activate", "--json"
    )
    assert done.code == 0, done.err
    stored = done.objects[0]
    assert stored["view"] == "tags-key-mode"
    assert {one["features"] for one in stored["card"]["choice"]["best"]} == {"tag-logits", "tags-key-mode"}
    manifest = earmark.data_dir / "labels" / "mood" / "1" / "manifest.json"
    written = json.loads(manifest.read_text())
    assert written["extractors"] == ["musicnn-msd/1", "key-mode-33/1"]
    for minor, label in ((False, "happy"), (True, "sad")):
        new = tmp_path / "new.wav"
        new.write_bytes(as_wav(progression(67, minor=minor, seconds=12.0, rate=RATE), RATE))
        answer = earmark("label", "--task", "mood", "--series", "--every", "4", "--json", new).objects[0]
        assert answer["labels"] == [label]
        assert [part["labels"] for part in answer["series"]] == [[label]] * 3
    # A model that was fitted on other numbers does not answer.
    manifest.write_text(json.dumps(written | {"extractors": ["musicnn-msd/1", "key-mode-33/2"]}))
    for command in (["label", "--task", "mood", new], ["models", "activate", "mood", "1"]):
        done = earmark(*command)
        assert done.code == 1
        assert "train it again" in done.err


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", "x" * 41, "-x"])
def test_names_of_tasks_are_no_paths(earmark: Earmark, name: str):
    for command in (
        ["models", "show", "--", name],
        ["models", "activate", "--", name, "1"],
        ["models", "rollback", "--", name],
    ):
        done = earmark(*command)
        assert done.code == 1
        assert "names no task" in done.err
    done = earmark("models", "show", "genre", "../../genre/gtzan-10")
    assert done.code == 1
    assert "no version" in done.err


def test_genre_of_a_new_user(earmark: Earmark, weights_dir: Path, tmp_path: Path):
    path = tmp_path / "chords.wav"
    path.write_bytes(as_wav(np.tile(sound("chords", 5), 5), RATE))
    answer = earmark("genre", "--json", "--series", path).objects[0]
    assert answer["model"] == "gtzan-10"
    assert len(answer["distribution"]) == 10
    assert [round(part["start_s"]) for part in answer["series"]] == [0, 10]
    six = earmark("genre", "--json", "--set", "mgc-6", "--several", path).objects[0]
    assert {one["label"] for one in six["distribution"]} == {"classical", "hiphop", "jazz", "metal", "pop", "rock"}
    assert 1 <= len(six["labels"]) <= 3
    mood = earmark("mood", "--json", path).objects[0]
    assert {one["label"] for one in mood["distribution"]} == {"calm", "energetic"}
    assert any("happy or sad" in remark for remark in mood["remarks"])
    assert earmark("mood", path, path).err.count("happy or sad") == 1


def test_what_is_no_music_is_uncertain(earmark: Earmark, weights_dir: Path, tmp_path: Path):
    draw = np.random.default_rng(1)
    t = np.arange(8 * RATE) / RATE
    sounds = {
        "noise": 0.1 * draw.standard_normal(len(t)),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * t) + 0.05 * np.sin(2 * np.pi * 150 * t),
        "silence": np.zeros(len(t)),
        "short": sound("chords", 1)[: 2 * RATE],
    }
    for name, samples in sounds.items():
        path = tmp_path / f"{name}.wav"
        path.write_bytes(as_wav(samples, RATE))
        answer = earmark("genre", "--json", path).objects[0]
        reasons = {reason["name"] for reason in answer["reasons"]}
        assert answer["decision"] == "uncertain"
        assert reasons & {"noise": {"noisy"}, "hum": {"noisy"}, "silence": {"silent"}, "short": {"short"}}[name]


def test_without_weights_a_model_of_ones_own_answers(earmark: Earmark, labelled: Path, tmp_path: Path):
    path = labelled / "wind" / "0.wav"
    nowhere = {"EARMARK_WEIGHTS_DIR": str(tmp_path / "nowhere")}
    done = earmark("genre", path, **nowhere)
    assert done.code == 1
    assert "earmark models get musicnn-msd" in done.err
    assert "earmark train genre" in done.err
    done = earmark("train", "genre", labelled, "--group", "none", "--family", "logistic", **nowhere)
    assert done.code == 0
    assert "far worse" in done.err
    done = earmark("genre", "--json", path, **nowhere)
    answer = done.objects[0]
    assert answer["model"] == "1"
    assert answer["labels"] == ["wind"]
    assert any("models get musicnn-msd" in remark for remark in answer["remarks"])


def test_three_songs_compared(earmark: Earmark, labelled: Path):
    earmark("train", "texture", labelled, "--group", "none", *FAST, "--activate")
    files = [labelled / "beats" / "1.wav", labelled / "wind" / "2.wav", labelled / "wind" / "3.wav"]
    last = earmark("label", "--task", "texture", "--pick", "beats", "--json", *files).objects[-1]
    assert last == {"task": "texture", "pick": "beats", "file": str(files[0])}
    last = earmark("label", "--task", "texture", "--pick", "chords", "--json", *files).objects[-1]
    assert last["file"] is None
    done = earmark("label", "--task", "texture", "--pick", "happy", *files)
    assert done.code == 1
    assert "beats, chords, wind" in done.err


def test_a_file_that_cannot_be_read_stops_none_of_the_others(earmark: Earmark, labelled: Path, tmp_path: Path):
    earmark("train", "texture", labelled, "--group", "none", *FAST, "--activate")
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    done = earmark("label", "--task", "texture", "--json", bad, labelled / "wind" / "0.wav")
    assert done.code == 1
    assert "error" in done.objects[0]
    assert done.objects[1]["labels"] == ["wind"]
