"""Every other command, and what all commands have in common."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click
import numpy as np
import pytest

from classifier.cli import main
from classifier.cli.common import clock_time
from classifier.config import FeatureConfig
from classifier.records.writing import TrackWriter
from classifier.settings import Settings
from tests.cli.conftest import Earmark


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return every command and group by its words."""
    found = [path]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


# --- in common ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_help_explains_and_gives_an_example(earmark, path):
    done = earmark(*path, "--help")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^  Example:\n(    earmark .+\n)+", done.out, re.MULTILINE), done.out
    for line in re.findall(r"^    earmark (.+)$", done.out, re.MULTILINE):
        words = re.sub(r"--(json|quiet)\b", "", line).split()
        assert path == () or tuple(words[: len(path)]) == path, "the example shows this very command"
    assert not earmark.data_dir.exists()


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_option_says_what_it_does(path):
    command: click.Command = main
    for word in path:
        command = command.get_command(click.Context(command), word)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(path)} {parameter.name}"
    assert command.help


def test_version_and_no_arguments(earmark):
    assert re.fullmatch(r"earmark, version \d+\.\d+\.\d+\n", earmark("--version").out)
    said = earmark()
    assert all(f"\n{title}:\n" in said.out + said.err for title in ("Identify", "Your library", "The service"))
    assert earmark("nonsense").code == 2


def test_the_help_lists_every_command_once_and_whole(earmark):
    said = earmark("--help").out
    for name in main.list_commands(click.Context(main)):
        assert len(re.findall(rf"^  {name} ", said, re.MULTILINE)) == 1, name
    assert not re.findall(r"\w\.\.\.$", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"EARMARK_CATALOG": "x"}, "unknown setting 'EARMARK_CATALOG': did you mean EARMARK_CATALOGUE?"),
        ({"EARMARK_PORT": "many"}, "EARMARK_PORT is 'many': expected a whole number"),
        ({"EARMARK_METHOD": "magic"}, "EARMARK_METHOD is 'magic': choose one of auto, kl, kl-mixture"),
        ({"EARMARK_STORE": "postgres://host/db"}, "postgres"),
    ],
)
def test_bad_settings_stop_every_command_in_one_line(earmark, environment, message):
    for arguments in (["tracks", "list"], ["identify", "x.wav"], ["enroll", "x.wav"], ["catalogues", "list"]):
        done = earmark(*arguments, **environment)
        assert (done.code, done.out) == (1, "")
        assert len(done.err.splitlines()) == 1
        assert message in done.err


def test_a_store_that_cannot_be_opened_is_said_in_one_line(earmark, tmp_path):
    (tmp_path / "a file").write_text("this is no database" * 100)
    for url in (f"sqlite:///{tmp_path}/a file", f"sqlite:///{tmp_path}/a file/inside.sqlite", f"sqlite:///{tmp_path}"):
        done = earmark("tracks", "list", "--store", url)
        assert (done.code, done.out) == (1, "")
        assert len(done.err.splitlines()) == 1
        assert "Traceback" not in done.err
    assert (tmp_path / "a file").read_text() == "this is no database" * 100


def test_passwords_are_never_shown(earmark):
    url = "mongodb://user:secret@127.0.0.1:1/earmark?serverSelectionTimeoutMS=200"
    for arguments in (["doctor"], ["doctor", "--json"], ["tracks", "list"]):
        done = earmark(*arguments, EARMARK_STORE=url)
        assert done.code == 1
        assert "secret" not in done.out + done.err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00.0"),
        (31.44, "0:31.4"),
        (59.96, "1:00.0"),
        (3599.99, "1:00:00.0"),
        (3723.5, "1:02:03.5"),
        (-2.5, "-0:02.5"),
        (-0.01, "0:00.0"),
    ],
)
def test_times_for_people(seconds, text):
    assert clock_time(seconds) == text


# --- tracks ---------------------------------------------------------------------------------------------------


@pytest.fixture
def enrolled(earmark, folder) -> Earmark:
    """Return the program with six tracks."""
    assert earmark("enroll", folder).code == 0
    return earmark


def ids(earmark: Earmark) -> dict[str, str]:
    return {o["title"]: o["id"] for o in earmark("tracks", "list", "--json").objects}


def test_tracks_list(enrolled):
    done = enrolled("tracks", "list")
    assert done.code == 0
    assert done.err == "6 tracks\n"
    assert all(f"noise {i}" in done.out for i in range(6))
    assert "0:04.0" in done.out
    objects = enrolled("tracks", "list", "--json").objects
    assert [o["title"] for o in objects] == [f"noise {i}" for i in range(6)]
    assert [o["title"] for o in enrolled("tracks", "list", "--search", "NOISE 3", "--json").objects] == ["noise 3"]
    assert len(enrolled("tracks", "list", "--limit", 2, "--json").objects) == 2
    assert enrolled("tracks", "list", "--search", "nothing").err == "0 tracks\n"


def test_tracks_show_and_edit(enrolled):
    one = ids(enrolled)["noise 1"]
    shown = enrolled("tracks", "show", one, "--json").objects[0]
    assert (shown["id"], shown["source"], shown["version"]) == (one, "noise 1", 1)
    assert shown["content_hash"] in enrolled("tracks", "show", one).out
    edited = enrolled("tracks", "edit", one, "--title", "Blue Monday", "--artist", "New Order", "--json").objects[0]
    assert (edited["title"], edited["artist"], edited["source"]) == ("Blue Monday", "New Order", "noise 1")
    assert enrolled("tracks", "show", one, "--json").objects[0] == edited
    assert edited["by_hand"] == ["title", "artist"]
    assert enrolled("tracks", "edit", one, "--by-hand", "artist, isrc", "--json").objects[0]["by_hand"] == [
        "artist",
        "isrc",
    ]
    assert enrolled("tracks", "edit", one, "--by-hand", "", "--json").objects[0]["by_hand"] == []
    assert "'source' of a track cannot be edited" in enrolled("tracks", "edit", one, "--by-hand", "source").err
    assert enrolled("tracks", "edit", one).code == 2
    empty = enrolled("tracks", "edit", one, "--title", " ")
    assert (empty.code, len(empty.err.splitlines())) == (1, 1)


def test_tracks_remove(enrolled, folder):
    known = ids(enrolled)
    done = enrolled("tracks", "remove", known["noise 1"], "nonsense", known["noise 2"])
    assert done.code == 1
    assert done.err.splitlines()[0] == "removed noise 1"
    assert re.match("failed: nonsense: there is no track 'nonsense'", done.err.splitlines()[1])
    assert done.err.splitlines()[2] == "removed noise 2"
    assert set(ids(enrolled)) == {"noise 0", "noise 3", "noise 4", "noise 5"}
    assert len(list(folder.rglob("*.wav"))) == 6
    assert enrolled("tracks", "remove", known["noise 3"], "--json").objects == [
        {"track_id": known["noise 3"], "removed": True}
    ]
    again = enrolled("enroll", folder)
    assert again.err == "3 enrolled, 3 already there, 0 failed\n"


@pytest.mark.parametrize("action", ["show", "remove", "edit"])
def test_unknown_tracks_are_said_in_one_line(enrolled, action):
    done = enrolled("tracks", action, "nonsense", *(["--title", "x"] if action == "edit" else []))
    assert (done.code, done.out) == (1, "")
    assert "there is no track 'nonsense'" in done.err
    assert len(done.err.splitlines()) == 1


def test_tracks_of_a_catalogue_that_does_not_exist(earmark):
    done = earmark("tracks", "list")
    assert done.code == 1
    assert "there is no catalogue 'default': enroll into it first" in done.err


# --- catalogues -----------------------------------------------------------------------------------------------


def test_catalogues_are_created_listed_and_removed(earmark, folder):
    assert "no catalogues yet" in earmark("catalogues", "list").err
    made = earmark(
        "catalogues", "create", "radio", "--set", "window_step=0.5", "--set", "covariance_type=diag", "--json"
    )
    config = FeatureConfig(window_step=0.5, covariance_type="diag")
    assert made.objects == [{"name": "radio", "config": config.to_dict()}]
    assert earmark("catalogues", "create", "old", "--preset", "synced-fm", "--set", "n_mels=30").code == 0
    assert earmark("enroll", folder / "noise 0.wav", "--catalogue", "radio").code == 0
    listed = {o["name"]: o for o in earmark("catalogues", "list", "--json").objects}
    assert set(listed) == {"radio", "old"}
    assert listed["radio"]["tracks"] == 1
    assert listed["old"]["config"]["n_mels"] == 30
    assert listed["old"]["config"]["method"] == "kl-mixture"
    assert listed["old"]["config"]["em_max_iterations"] == 100
    assert "radio" in earmark("catalogues", "list").out
    asked = earmark("catalogues", "remove", "radio")
    assert asked.code == 1  # nobody to type its name
    assert "catalogue 'radio' holds 1 track and 0 jobs" in asked.err
    wrong = earmark("catalogues", "remove", "radio", stdin="radia\n")
    assert (wrong.code, "nothing is removed" in wrong.err) == (1, True)
    default = earmark("catalogues", "remove", "radio", "--yes", "--catalogue", "radio")
    assert (default.code, "it is not removed" in default.err) == (1, True)
    assert earmark("catalogues", "remove", "radio", stdin="radio\n").err.endswith(
        "removed catalogue 'radio' and 1 track\n"
    )
    assert [o["name"] for o in earmark("catalogues", "list", "--json").objects] == ["old"]
    gone = earmark("catalogues", "remove", "radio", "--yes")
    assert (gone.code, "there is no catalogue 'radio'" in gone.err) == (1, True)


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        (["windowstep=1"], 1, "unknown parameter 'windowstep': did you mean window_step?"),
        (["window_step=0"], 1, "window_step is 0.0: it must be a number from 0.1 to 60"),
        (["n_components=six"], 1, "n_components is 'six'"),
        (["n_components=2.5"], 1, "n_components is '2.5'"),
        (["method=loud"], 1, "method is 'loud': choose one of auto, kl, kl-mixture"),
        (["window_step"], 2, "'window_step' is not NAME=VALUE"),
    ],
)
def test_parameters_that_do_not_fit(earmark, values, code, message):
    done = earmark("catalogues", "create", "radio", *(f"--set={value}" for value in values))
    assert done.code == code
    assert message in done.err
    assert earmark("catalogues", "list", "--json").objects == []


def test_the_same_parameters_twice_are_fine_and_others_are_refused(earmark):
    assert earmark("catalogues", "create", "radio").code == 0
    assert earmark("catalogues", "create", "radio", "--set", "window_step=1").code == 0
    done = earmark("catalogues", "create", "radio", "--set", "window_step=2")
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert "'radio' exists with another configuration" in done.err


# --- doctor ---------------------------------------------------------------------------------------------------


def checks(done) -> dict[str, list]:
    found: dict[str, list] = {}
    for o in done.objects:
        assert set(o) == {"check", "ok", "detail"}
        found.setdefault(o["check"], []).append(o)
    return found


def test_a_healthy_installation(enrolled):
    done = enrolled("doctor", "--json")
    assert (done.code, done.err) == (0, "")
    found = checks(done)
    assert set(found) >= {"earmark", "disk", "decoder", "identification", "store", "integrity"}
    assert all(o["ok"] for o in done.objects)
    assert "default: 6 tracks" in found["store"][0]["detail"]
    for_people = enrolled("doctor")
    assert for_people.code == 0
    assert "WRONG" not in for_people.out
    assert all(setting.name in for_people.out for setting in fields(Settings))


def test_an_empty_place_is_healthy_too(earmark):
    assert earmark("doctor").code == 0


def test_damage_is_named_and_is_a_failure(enrolled):
    track = ids(enrolled)["noise 2"]
    store = enrolled.store()
    store.delete("subfingerprints", {"track_id": track})
    store.close()
    done = enrolled("doctor", "--json")
    assert done.code == 1
    wrong = [o for o in done.objects if not o["ok"]]
    assert {o["check"] for o in wrong} == {"integrity"}
    assert any(track in o["detail"] for o in wrong)
    assert "WRONG" in enrolled("doctor").out
    assert enrolled("doctor", "--repair").code == 1  # what is lost is not mended by guessing
    enrolled("tracks", "remove", track)
    assert enrolled("doctor").code == 0


def test_a_damaged_page_is_named_with_its_tracks(enrolled):
    store = enrolled.store()
    chunk = next(store.find("models"))
    path = Path(store.url.removeprefix("sqlite:///"))
    store.close()
    content = bytearray(path.read_bytes())
    middle = len(chunk["data"]) // 2
    page = content.index(chunk["data"][middle : middle + 50]) // 4096 * 4096
    content[page : page + 4096] = b"rot!" * 1024
    path.write_bytes(content)
    for arguments in ([], ["--repair"]):
        done = enrolled("doctor", "--json", *arguments)
        assert done.code == 1
        found = checks(done)
        assert any("SQLite" in o["detail"] for o in found["integrity"])
        assert any(chunk["track_id"] in o["detail"] for o in found["integrity"])
        assert not any("--repair" in o["detail"] for o in found["integrity"])
        assert ("repair" in found) == bool(arguments)
    assert "restore a copy" in found["repair"][0]["detail"]


def test_what_a_dead_writer_left_is_mended(enrolled):
    store = enrolled.store()
    fields = {"catalogue": "default", "content_hash": "c" * 64, "title": "x", "source": "x", "duration_s": 1.0}
    TrackWriter.begin(store, fields, owner="somebody who died", lease_seconds=0.0)
    store.close()
    assert enrolled("doctor").code == 1
    mended = enrolled("doctor", "--repair")
    assert mended.code == 0
    assert enrolled("doctor").code == 0
    assert len(ids(enrolled)) == 6


def test_a_store_out_of_reach_is_a_failure_of_one_check(earmark, tmp_path):
    (tmp_path / "file").write_text("")
    done = earmark("doctor", "--json", "--store", f"sqlite:///{tmp_path}/file/x.sqlite")
    assert done.code == 1
    found = checks(done)
    assert [o["ok"] for o in found["store"]] == [False]
    assert found["decoder"][0]["ok"]


def overwrite(folder, name: str, noise: bool) -> None:
    """Damage an array of the index, and keep its size."""
    for path in (folder / "index").rglob(name):
        n = path.stat().st_size - 128
        with open(path, "r+b") as file:
            file.seek(128)
            file.write(np.random.default_rng(3).bytes(n) if noise else bytes(n))


@pytest.mark.parametrize("name", ["words.npy", "slots.npy"])
@pytest.mark.parametrize("noise", [False, True], ids=["zeros", "noise"])
def test_an_index_that_is_damaged_and_as_large_as_before(enrolled, folder, name, noise):
    """The doctor names it; the next process builds it again before it answers."""
    question = ("identify", folder / "noise 1.wav", "--json")
    assert enrolled(*question).objects[0]["verdict"] == "identified"
    overwrite(enrolled.data_dir, name, noise)
    done = enrolled("doctor", "--json")
    assert done.code == 1
    (wrong,) = [o for o in done.objects if not o["ok"]]
    assert wrong["check"] == "index"
    assert f"{name} is not as it was written" in wrong["detail"]
    answer = enrolled(*question).objects[0]
    assert answer["verdict"] == "identified"
    assert answer["searched"]["aligned_tracks"] == 6
    healthy = enrolled("doctor", "--json")
    assert healthy.code == 0
    assert [o["detail"] for o in checks(healthy)["index"]] == ["default: no damage found"]


def test_the_doctor_takes_a_damaged_part_of_the_index_out_of_use(enrolled, folder):
    question = ("identify", folder / "noise 1.wav", "--json")
    enrolled(*question)
    overwrite(enrolled.data_dir, "words.npy", noise=True)
    done = enrolled("doctor", "--repair", "--json")
    assert done.code == 0
    assert "out of use" in checks(done)["index"][0]["detail"]
    assert enrolled("doctor").code == 0
    assert enrolled(*question).objects[0]["verdict"] == "identified"


def test_a_damaged_index_is_built_again_without_a_word(enrolled, folder):
    assert enrolled("identify", folder / "noise 1.wav", "--json").objects[0]["verdict"] == "identified"
    arrays = list((enrolled.data_dir / "index").rglob("*.npy"))
    assert arrays
    for path in arrays:
        path.write_bytes(b"")
    answer = enrolled("identify", folder / "noise 1.wav", "--json").objects[0]
    assert answer["verdict"] == "identified"
    assert answer["searched"]["aligned_tracks"] == 6
