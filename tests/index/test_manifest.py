"""The manifest: published whole or not at all, by one process at a time; unreadable ones name nothing."""

from __future__ import annotations

import json
import multiprocessing

import pytest

from classifier.index.manifest import Manifest
from classifier.index.profile import EXACT, Profile


@pytest.fixture
def manifest(tmp_path):
    """One that names two segments, of which there are no more than the folders."""
    for name in ("a", "b", "c"):
        (tmp_path / "index" / name).mkdir(parents=True)
    own = Manifest(tmp_path / "index", EXACT)
    own.acquire()
    own.publish(["a", "b"])
    own.release()
    return own


def test_what_is_published_is_what_others_read(manifest):
    other = Manifest(manifest.folder, EXACT)
    assert other.names() == ("a", "b")
    assert {path.name for path in manifest.folder.iterdir()} == {"a", "b", "manifest.json", "lock"}
    before = other.stamp()
    assert before == manifest.stamp()
    manifest.acquire()
    manifest.publish(["b"])
    manifest.release()
    assert other.stamp() != before
    assert other.names() == ("b",)


def test_one_process_at_a_time_may_publish(manifest):
    def hold(held, done):
        own = Manifest(manifest.folder, EXACT)
        own.acquire()
        held.set()
        done.wait(30)

    context = multiprocessing.get_context("fork")
    held, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(held, done))
    process.start()
    try:
        assert held.wait(30)
        with pytest.raises(BlockingIOError):
            manifest.acquire()
    finally:
        process.kill()  # the lock dies with it
        process.join()
    manifest.acquire()
    manifest.release()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    own = Manifest(tmp_path / "file" / "index", EXACT)
    assert own.names() == ()
    assert own.stamp() is None
    with pytest.raises(OSError, match="Not a directory"):
        own.acquire()


def test_no_manifest_names_nothing_and_is_not_worth_a_word(tmp_path, caplog):
    assert Manifest(tmp_path, EXACT).names() == ()
    assert caplog.records == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 6}', '{"format": 7, "profile": "exact"}', "\x00"])
def test_a_damaged_manifest_names_nothing_and_is_reported(manifest, text, caplog):
    (manifest.folder / "manifest.json").write_text(text)
    assert manifest.names() == ()
    assert ["is damaged" in record.getMessage() for record in caplog.records] == [True]


def test_a_manifest_of_another_profile_or_format_names_nothing(manifest):
    other = Profile("other", EXACT.arrays, EXACT.pack)
    assert Manifest(manifest.folder, other).names() == ()
    values = json.loads((manifest.folder / "manifest.json").read_text())
    (manifest.folder / "manifest.json").write_text(json.dumps({**values, "format": values["format"] + 1}))
    assert manifest.names() == ()
