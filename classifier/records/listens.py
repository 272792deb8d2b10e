"""Listens: recordings that arrive in pieces, stored until they are named, given up or forgotten.

A listen's document holds what is known so far; the pieces are stored beside it as they arrived, so that any process of
the service can take the next one, even after another has died. Pieces are numbered from 0 and taken in order: a piece
that is sent twice counts once, and one that skips another is refused. A listen is forgotten after ``KEEP_S``.

A *continuous* listen fills a tracklist instead, and is forgotten ``KEEP_S`` after its last piece. What its listener
knows is kept now and then (:func:`save`), so that pieces of bare PCM need not be kept once they are heard.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass
from typing import Any

from classifier.errors import Busy, DuplicateKey, InvalidParameter, ListenNotFound, PieceOutOfOrder, TracklistNotFound
from classifier.records import tracklists
from classifier.records.clock import iso, new_id, now
from classifier.records.tracklist_writing import Writer
from classifier.store.base import Document, Store

#: Seconds after its beginning that a listen is kept, ended or not.
KEEP_S = 300.0
#: Listens that one caller may have open.
MAX_OPEN = 16
#: Pieces that a listen may have.
MAX_PIECES = 100_000


@dataclass(frozen=True, slots=True)
class Listen:
    """What is known about a recording that is still arriving.

    Parameters
    ----------
    id, catalogue, created, expires : str
        Its name, the catalogue that is searched, and when it began and will be forgotten, ISO 8601 UTC.
    key_id : str or None
        Key that it was begun with.
    device : str or None
        What the client calls the device that records.
    method : str or None
        How it is decided.
    top : int
        Most matches of an answer.
    rate, channels : int or None
        Of bare PCM; None for pieces of a container.
    next : int
        Number of the piece to come.
    n_bytes : int
        Of all pieces.
    looks : int
        Times that it was searched.
    looked_s : float
        Seconds of sound at the last look.
    ended : bool
        Whether no more is taken.
    tag_id : str or None
        The tag that it became.
    tracklist_id : str or None
        The tracklist that it fills, of a continuous one.
    closing : bool
        Whether a continuous one gets no more pieces.
    signatures : bool
        Whether each piece is the signature of all sound so far.
    """

    id: str
    catalogue: str
    created: str
    expires: str
    key_id: str | None
    device: str | None
    method: str | None
    top: int
    rate: int | None
    channels: int | None
    next: int
    n_bytes: int
    looks: int
    looked_s: float
    ended: bool
    tag_id: str | None
    signatures: bool = False
    tracklist_id: str | None = None
    closing: bool = False

    @property
    def continuous(self) -> bool:
        """Whether it goes on after a track was named, and fills a tracklist."""
        return self.tracklist_id is not None


@dataclass(frozen=True, slots=True)
class State:
    """What a continuous listen's listener knew after some pieces.

    Parameters
    ----------
    pieces : int
        Pieces heard.
    rest : bytes
        End of their last one, which is less than a sample of every channel.
    data : bytes
        As the listener saved it.
    """

    pieces: int
    rest: bytes
    data: bytes


def begin(
    store: Store,
    catalogue: str,
    *,
    caller: str,
    key_id: str | None,
    device: str | None = None,
    method: str | None,
    top: int,
    rate: int | None,
    channels: int | None,
    continuous: bool = False,
    signatures: bool = False,
) -> Listen:
    """Begin a listen, and its tracklist if it is continuous.

    Other arguments are as of :class:`Listen`; ``caller`` may have ``MAX_OPEN`` of them.

    Raises
    ------
    Busy
        If the caller has as many open.
    """
    who = hashlib.sha256(caller.encode()).hexdigest()
    if store.count("listens", {"caller": who, "ended": False, "expires": {"$gt": now()}}) >= MAX_OPEN:
        raise Busy(f"{MAX_OPEN} listens are open already: end one first, or wait until one is forgotten")
    document: Document = {
        "_id": new_id(),
        "catalogue": catalogue,
        "created": now(),
        "expires": iso(time.time() + KEEP_S),
        "caller": who,
        "key": key_id,
        "device": device,
        "method": method,
        "top": top,
        "rate": rate,
        "channels": channels,
        "next": 0,
        "n_bytes": 0,
        "looks": 0,
        "looked_s": 0.0,
        "ended": False,
        "tag": None,
        "tracklist_id": None,
        "closing": False,
        "signatures": signatures,
    }
    if continuous:
        document["tracklist_id"] = tracklists.create(store, catalogue, file="what was heard", key_id=key_id)
    store.insert("listens", [document])
    return _listen(document)


def get(store: Store, listen_id: str, *, key_id: str | None) -> Listen:
    """Return a listen.

    Raises
    ------
    ListenNotFound
        If no listen has that id, it has expired, or it was started with another key.
    """
    document = store.get("listens", listen_id)
    if document is None or document["expires"] <= now() or document["key"] != key_id:
        raise ListenNotFound(f"there is no listen {listen_id!r}, or it is over: start a new one")
    return _listen(document)


def add_piece(store: Store, listen: Listen, number: int, content: bytes) -> Listen:
    """Keep the next piece; one that came before counts once.

    Raises
    ------
    PieceOutOfOrder
        If a piece before it has not come, or another one came under its number.
    InvalidParameter
        If the listen would have more than ``MAX_PIECES``.
    ListenNotFound
        If the listen was forgotten meanwhile.
    """
    if number > listen.next:
        raise PieceOutOfOrder(f"piece {number} came before piece {listen.next}: send that one first")
    if number >= MAX_PIECES:
        raise InvalidParameter(f"a listen has at most {MAX_PIECES:,} pieces: send longer ones, or begin another")
    if listen.continuous and number < heard_pieces(store, listen):
        return listen  # its sound is not kept any more
    digest = hashlib.sha256(content).hexdigest()
    piece_id = f"{listen.id}:{number:05d}"
    try:
        store.insert("listen_pieces", [{"_id": piece_id, "listen": listen.id, "digest": digest, "data": content}])
    except DuplicateKey:
        for found in store.find("listen_pieces", {"_id": piece_id}, fields=("digest",)):
            if found["digest"] != digest:
                raise PieceOutOfOrder(f"another piece came as piece {number}: number each piece once") from None
    # Who kept the piece may have died before this step: whoever repeats it takes the step.
    store.update(
        "listens",
        {"_id": listen.id, "next": number, "ended": False},
        set={"next": number + 1, **({"expires": iso(time.time() + KEEP_S)} if listen.continuous else {})},
        inc={"n_bytes": len(content)},
    )
    return get(store, listen.id, key_id=listen.key_id)


def content(store: Store, listen: Listen) -> bytes:
    """Return all pieces that have been taken, in order."""
    found = store.find("listen_pieces", {"listen": listen.id}, limit=listen.next)
    return b"".join(piece["data"] for piece in found)


def pieces(store: Store, listen: Listen, first: int) -> list[bytes]:
    """Return the pieces from number ``first`` on that have been taken; empty if any of them is gone."""
    where = {"_id": {"$gte": f"{listen.id}:{first:05d}", "$lt": f"{listen.id}:{listen.next:05d}"}}
    found = [piece["data"] for piece in store.find("listen_pieces", where)]
    return found if len(found) == listen.next - first else []


def heard_pieces(store: Store, listen: Listen) -> int:
    """Return how many pieces the last saved state of a continuous listen knows."""
    last = _last_state(store, listen, fields=("pieces",))
    return 0 if last is None else int(last["pieces"])


def state(store: Store, listen: Listen) -> State | None:
    """Return what :func:`save` kept last."""
    last = _last_state(store, listen)
    return None if last is None else State(last["pieces"], bytes.fromhex(last["rest"]), last["data"])


def _last_state(store: Store, listen: Listen, fields: tuple[str, ...] | None = None) -> Document | None:
    where = {"_id": {"$gte": f"{listen.id}:state:", "$lt": f"{listen.id}:state;"}}
    return next(iter(store.find("listen_pieces", where, sort=("_id", -1), limit=1, fields=fields)), None)


def save(store: Store, listen: Listen, kept: State) -> None:
    """Keep what is known after some pieces; earlier states, and pieces of bare PCM, are not needed any more then."""
    state_id = f"{listen.id}:state:{kept.pieces:05d}"
    own = {"_id": state_id, "listen": listen.id, "digest": "", "pieces": kept.pieces, "rest": kept.rest.hex()}
    with contextlib.suppress(DuplicateKey):  # another process heard as much, which is the same
        store.insert("listen_pieces", [{**own, "data": kept.data}])
    store.delete("listen_pieces", {"_id": {"$gte": f"{listen.id}:state:", "$lt": state_id}})
    if listen.rate is not None:
        gone = {"$gte": f"{listen.id}:{0:05d}", "$lt": f"{listen.id}:{kept.pieces:05d}"}
        store.delete("listen_pieces", {"_id": gone})
    if store.get("listens", listen.id) is None:  # it was forgotten meanwhile
        store.delete("listen_pieces", {"listen": listen.id})


def heard(store: Store, listen: Listen, heard_s: float) -> None:
    """Note how many seconds of a continuous listen were heard."""
    store.update("listens", {"_id": listen.id}, set={"looked_s": heard_s})


def close(store: Store, listen: Listen) -> None:
    """Say that a continuous listen gets no more pieces."""
    store.update("listens", {"_id": listen.id, "ended": False}, set={"closing": True})


def look(store: Store, listen: Listen, heard_s: float) -> int:
    """Note that a recording of so many seconds is searched; return which look it is, from 1."""
    changed = store.update("listens", {"_id": listen.id}, set={"looked_s": heard_s}, inc={"looks": 1})
    if changed is None:
        raise ListenNotFound(f"listen {listen.id!r} was forgotten meanwhile: begin a new one")
    return int(changed["looks"])


def end(store: Store, listen: Listen, tag_id: str | None) -> bool:
    """End a listen, and forget its sound; return whether this call did it."""
    ended = store.update("listens", {"_id": listen.id, "ended": False}, set={"ended": True, "tag": tag_id})
    if ended is not None:
        store.delete("listen_pieces", {"listen": listen.id})
    return ended is not None


def remove(store: Store, listen: Listen) -> None:
    """Forget a listen with its sound; the tag that it became, or the tracklist that it filled, stays."""
    if listen.tracklist_id is not None and not listen.ended:
        _finish(store, listen.tracklist_id)
    store.delete("listen_pieces", {"listen": listen.id})
    store.delete("listens", {"_id": listen.id})


def clean(store: Store) -> None:
    """Forget what has expired."""
    for document in store.find("listens", {"expires": {"$lte": now()}}):
        remove(store, _listen(document))


def _finish(store: Store, tracklist_id: str) -> None:
    """End the tracklist of a listen that was left: what is known of it is all there is."""
    with contextlib.suppress(TracklistNotFound):
        writer, known = Writer(store, tracklist_id), tracklists.document(store, tracklist_id)
        found = [each for each in tracklists.segments(store, tracklist_id) if not each["by_hand"]]
        writer.sync(
            [{name: each[name] for name in each if name != "by_hand"} | {"state": "closed"} for each in found],
            known["duration_s"],
        )
        writer.finish()


def _listen(document: Document) -> Listen:
    values: dict[str, Any] = {name: document[name] for name in Listen.__slots__ if name in document}
    values.setdefault("device", None)  # one begun before an upgrade
    return Listen(id=document["_id"], key_id=document["key"], tag_id=document["tag"], **values)
