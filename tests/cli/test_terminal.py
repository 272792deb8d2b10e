"""Whatever names hold, a terminal only displays them; and what is displayed fits on eighty columns."""

from __future__ import annotations

import ast
import os
import unicodedata
from pathlib import Path

import pytest
from rich.cells import cell_len

from classifier.records import tracks
from tests.cli.conftest import ROOT, Earmark
from tests.library import RATE, as_wav, lively_noise

#: Colours, a title of the window, the cursor two lines up; a line break; text that reads backwards; bytes, not text.
HOSTILE = b"evil\x1b[31m\x1b]0;owned\x07\x1b[2A\nnext\xe2\x80\xaegnp \xff"
CLEANED = "evil [31m ]0;owned [2A nextgnp \xff"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = Path(os.fsdecode(os.fsencode(tmp_path / "music") + b"/" + HOSTILE + b".wav"))
    path.parent.mkdir()
    path.write_bytes(as_wav(lively_noise(8.0, 3), RATE))
    return path


def harmless(text: str) -> bool:
    """Tell whether nothing but line feeds would be obeyed."""
    return not {unicodedata.category(c) for c in text if c != "\n"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_a_files_name_cannot_command_a_terminal(earmark: Earmark, hostile: Path) -> None:
    assert earmark("enroll", hostile.parent).code == 0
    (track,) = earmark("tracks", "list", "--json").objects
    assert (track["title"], track["source"]) == (CLEANED, CLEANED)
    broken = hostile.with_name("x" + hostile.name)
    broken.write_bytes(b"no audio")
    for arguments in (
        ["tracks", "list"],
        ["tracks", "show", track["id"]],
        ["tracks", "edit", track["id"], "--artist", "\x1b[0mAnn\n"],
        ["identify", hostile],
        ["identify", broken],
        ["enroll", hostile.parent],
        ["enroll", hostile.with_name(hostile.name + "nothing")],
        ["tracks", "show", "\x1b[31m"],
        ["tracks", "import", hostile.with_name("\x1b[31m.zip")],
        ["tracks", "export", hostile],
        ["tracks", "list", "--catalogue", "\x1b[31m"],
        ["tracks", "remove", track["id"]],
    ):
        done = earmark(*arguments)
        assert done.out + done.err
        assert harmless(done.out + done.err), arguments


def test_rows_from_before_are_shown_harmlessly(earmark: Earmark, hostile: Path) -> None:
    """Older stores hold names as they came."""
    earmark("enroll", hostile)
    store = earmark.store()
    bad = {"title": "evil\x1b[31m\nnext\u202e", "artist": "\x1b]0;owned\x07", "metadata": ["k\x1b", "v\n"]}
    store.update("tracks", {}, set=bad)
    store.close()
    (track,) = earmark("tracks", "list", "--json").objects
    assert track["title"] == bad["title"]
    for arguments in (["tracks", "list"], ["tracks", "show", track["id"]], ["identify", hostile]):
        done = earmark(*arguments)
        assert harmless(done.out + done.err), arguments
        assert r"evil\x1b[31m\nnext\u202e" in "".join(done.out.split())


def test_everything_is_printed_in_one_place() -> None:
    """No command writes to the terminal but through the shell, which escapes."""
    for path in (ROOT / "classifier" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "print", "click.secho"):
                assert path.stem == "common", f"{path.name}, line {node.lineno}"


# --- eighty columns -------------------------------------------------------------------------------------------


LONG = "A title that goes on and on, as those of symphonies, lectures and bootlegs do, no. 5 in C minor, live"


@pytest.fixture
def long_titles(earmark: Earmark, folder: Path) -> Earmark:
    earmark("enroll", folder)
    store = earmark.store()
    wide = {"title": "東京" * 30, "artist": "x" * 200, "album": LONG, "isrc": "GBAYE0601498"}
    known = earmark("tracks", "list", "--json").objects
    for track, fields in zip(known, ({"title": LONG, "album": LONG}, wide), strict=False):
        tracks.edit(store, track["id"], **fields, metadata={"a comment": LONG * 3})
    store.close()
    return earmark


def test_tracks_fit_on_eighty_columns(long_titles: Earmark) -> None:
    known = long_titles("tracks", "list", "--json").objects
    listed = long_titles("tracks", "list", COLUMNS="80").out
    assert all(track["id"][:10] in listed for track in known)
    for track in known:
        shown = long_titles("tracks", "show", track["id"], COLUMNS="80").out
        assert track["content_hash"] in shown
        assert track["id"] in shown
        listed += shown
    assert max(map(cell_len, listed.splitlines())) <= 80


def test_what_enrolling_says_fits_too(long_titles: Earmark, folder: Path) -> None:
    for i in range(30):
        (folder / f"x.kind{i:02d}").write_bytes(b"")
    said = long_titles("enroll", folder, COLUMNS="80").err
    assert max(map(len, said.splitlines())) <= 80


# --- ids as they are listed -----------------------------------------------------------------------------------


def test_tracks_are_named_by_the_beginning_of_their_ids(earmark: Earmark, folder: Path) -> None:
    earmark("enroll", folder)
    ids = sorted(track["id"] for track in earmark("tracks", "list", "--json").objects)
    for named in (ids[0], ids[0][:10], ids[0][:10] + "…"):
        assert earmark("tracks", "show", named, "--json").objects[0]["id"] == ids[0]
    several = earmark("tracks", "show", "")
    assert several.code == 1
    assert "several tracks have ids that begin with ''" in several.err
    assert "there is no track 'zz'" in earmark("tracks", "show", "zz").err
    edited = earmark("tracks", "edit", ids[1][:12], "--title", "Neu", "--json")
    assert edited.objects[0]["id"] == ids[1]
    done = earmark("tracks", "remove", ids[0][:10], "zz", "--json")
    assert (done.code, done.objects) == (1, [{"track_id": ids[0], "removed": True}])
    assert len(earmark("tracks", "list", "--json").objects) == len(ids) - 1
