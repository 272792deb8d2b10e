"""Pieces of a recording: in order, once each, whoever takes them, and forgotten in time."""

from __future__ import annotations

import pytest

from classifier.errors import Busy, InvalidParameter, ListenNotFound, PieceOutOfOrder, TracklistNotFound
from classifier.records import listens, tracklists
from classifier.records.tags import ANYONE
from classifier.store.base import Store


def begin(store: Store, caller: str = "address:1", **options) -> listens.Listen:
    values = {"key_id": None, "method": None, "top": 5, "rate": None, "channels": None, **options}
    return listens.begin(store, "default", caller=caller, **values)


def test_pieces_make_one_recording(store):
    listen = begin(store)
    for number, content in enumerate((b"one", b"two", b"three")):
        listen = listens.add_piece(store, listen, number, content)
    assert (listen.next, listen.n_bytes) == (3, 11)
    assert listens.content(store, listen) == b"onetwothree"


def test_a_piece_counts_once_and_none_is_skipped(store):
    listen = listens.add_piece(store, begin(store), 0, b"one")
    assert listens.add_piece(store, listen, 0, b"one") == listen
    with pytest.raises(PieceOutOfOrder, match="another piece"):
        listens.add_piece(store, listen, 0, b"other")
    with pytest.raises(PieceOutOfOrder, match="piece 2 came before piece 1"):
        listens.add_piece(store, listen, 2, b"three")
    assert listens.content(store, listen) == b"one"


def test_a_piece_whose_taker_died_is_taken_when_it_is_repeated(store):
    listen = begin(store)
    piece = {"_id": f"{listen.id}:00000", "listen": listen.id, "data": b"one"}
    taken = listens.add_piece(store, begin(store), 0, b"one")  # for its digest
    digest = next(store.find("listen_pieces", {"listen": taken.id}, fields=("digest",)))["digest"]
    store.insert("listen_pieces", [{**piece, "digest": digest}])
    assert listens.content(store, listens.get(store, listen.id, key_id=None)) == b""
    assert listens.content(store, listens.add_piece(store, listen, 0, b"one")) == b"one"


def test_a_listen_is_its_key_s(store):
    listen = begin(store, key_id="k1")
    assert listens.get(store, listen.id, key_id="k1") == listen
    for other in (None, "k2"):
        with pytest.raises(ListenNotFound):
            listens.get(store, listen.id, key_id=other)


def test_only_one_ends_it_and_its_sound_is_gone(store):
    listen = listens.add_piece(store, begin(store), 0, b"one")
    assert listens.end(store, listen, "tag")
    assert not listens.end(store, listen, "other")
    assert listens.get(store, listen.id, key_id=None).tag_id == "tag"
    assert store.count("listen_pieces") == 0


def test_a_caller_has_a_bounded_number_open(store):
    first = begin(store)
    for _ in range(listens.MAX_OPEN - 1):
        begin(store)
    with pytest.raises(Busy):
        begin(store)
    begin(store, caller="address:2")
    listens.end(store, first, None)
    begin(store)


def test_what_has_expired_is_forgotten(store, monkeypatch):
    monkeypatch.setattr(listens, "KEEP_S", -1.0)
    old = listens.add_piece
    listen = begin(store)
    monkeypatch.undo()
    kept = old(store, begin(store), 0, b"one")
    with pytest.raises(ListenNotFound):
        listens.get(store, listen.id, key_id=None)
    listens.clean(store)
    assert [d["_id"] for d in store.find("listens")] == [kept.id]
    assert store.count("listen_pieces") == 1
    listens.remove(store, kept)
    assert store.count("listens") == store.count("listen_pieces") == 0


def test_a_state_takes_the_place_of_pieces_that_were_heard(store):
    listen = begin(store, rate=16000, channels=1, continuous=True)
    for number in range(4):
        listen = listens.add_piece(store, listen, number, bytes([number]))
    assert listens.pieces(store, listen, 1) == [b"\x01", b"\x02", b"\x03"]
    assert (listens.heard_pieces(store, listen), listens.state(store, listen)) == (0, None)
    listens.save(store, listen, listens.State(2, b"", b"early"))
    kept = listens.State(3, b"\x07", b"later")
    for _ in range(2):  # two processes may hear the same
        listens.save(store, listen, kept)
    assert (listens.heard_pieces(store, listen), listens.state(store, listen)) == (3, kept)
    assert listens.pieces(store, listen, 3) == [b"\x03"]
    assert listens.pieces(store, listen, 2) == []
    assert listens.add_piece(store, listen, 0, b"other") == listen
    assert store.count("listen_pieces") == 2
    listens.remove(store, listen)
    listens.save(store, listen, kept)
    assert store.count("listen_pieces") == 0


def test_a_continuous_listen_that_is_left_ends_its_tracklist(store, monkeypatch):
    monkeypatch.setattr(listens, "KEEP_S", -1.0)
    listen = begin(store, continuous=True)
    assert tracklists.document(store, listen.tracklist_id)["status"] == "running"
    listens.clean(store)
    assert tracklists.document(store, listen.tracklist_id)["status"] == "done"
    assert store.count("listens") == 0
    gone = begin(store, continuous=True)
    tracklists.delete(store, gone.tracklist_id)
    listens.clean(store)
    assert store.count("listens") == 0


def test_only_so_many_pieces(store, monkeypatch):
    monkeypatch.setattr(listens, "MAX_PIECES", 1)
    listen = listens.add_piece(store, begin(store), 0, b"one")
    with pytest.raises(InvalidParameter, match="at most 1 pieces"):
        listens.add_piece(store, listen, 1, b"two")


def test_a_tracklist_is_its_key_s_or_everybody_s(store):
    mine = begin(store, key_id="k1", continuous=True).tracklist_id
    common = begin(store, continuous=True).tracklist_id
    for owner, seen in (("k1", {mine, common}), ("k2", {common}), (ANYONE, {mine, common})):
        assert {entry["id"] for entry in tracklists.history(store, owner=owner)} == seen
        assert tracklists.get(store, common, owner=owner)["id"] == common
    assert tracklists.get(store, mine, owner="k1")["id"] == mine
    with pytest.raises(TracklistNotFound):
        tracklists.get(store, mine, owner="k2")
