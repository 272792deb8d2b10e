"""Pieces of a recording: in order, once each, whoever takes them, and forgotten in time."""

from __future__ import annotations

import pytest

from classifier.errors import Busy, ListenNotFound, PieceOutOfOrder
from classifier.records import listens
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
