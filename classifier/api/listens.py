"""``/listens``: a recording that arrives in pieces, and a verdict that grows with it.

Each piece that adds enough sound leads to a *look*: a search with all sound so far. The false alarms allowed for a
snippet are divided between the looks (:func:`classifier.search.significance.allowed_at_look`). This costs little: at
the tenth look *z* must be about 0.3 higher than for a snippet.

A continuous listen goes on after a track was named, and fills a tracklist (``continuous.py``).
"""

from __future__ import annotations

import io
import time
import wave
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from apiflask import APIBlueprint
from flask import Response, g

from classifier import results
from classifier.api import continuous, telemetry
from classifier.api.guard import needs
from classifier.api.limits import check_quota
from classifier.api.listen_schemas import Listen, ListenQuery, PieceQuery
from classifier.api.service import Service, service
from classifier.api.snippets import is_signed, read_snippet
from classifier.catalogue import Catalogue
from classifier.errors import (
    AudioError,
    AudioTooLarge,
    DecodeLimit,
    InvalidParameter,
    InvalidSignature,
)
from classifier.records import listens, tags, tracklists
from classifier.search.significance import allowed_at_look

bp = APIBlueprint("listens", __name__, tag="Listens", url_prefix="/api/v1/listens")

#: Seconds of new sound that make a look worthwhile.
LOOK_S = 0.7
#: Confidence from which a candidate is worth a guess: as likely right as not.
GUESS = 0.5
#: Segments of a continuous listen's tracklist in each answer.
SEGMENTS = 20
_SAMPLE_BYTES = 2


@bp.post("")
@needs("tag")
@bp.input(ListenQuery, location="query")
@bp.output(Listen, status_code=201)
@bp.doc(operation_id="beginListen", responses=[401, 403, 404, 503])
def begin(query_data: ListenQuery) -> Any:
    """Start listening.

    Then send pieces of the recording as they are recorded, until `ended` is true. Pieces are either what one recorder
    delivers in portions (WebM, fragmented MP4, Ogg; together they are one file) or, with `rate`, bare 16-bit PCM,
    little-endian. With `continuous`, listening goes on after a track was named: the answers hold the latest segments of
    the tracklist that is made, and it ends with the piece that says `last`, or five minutes after the last one.
    little-endian. With `signatures`, each piece is the signature of all sound so far, and the sound stays where it is.
    """
    own = service()
    check_quota()
    if query_data.continuous:
        continuous.check_rate(query_data.rate)
        if query_data.signatures:
            raise InvalidParameter("continuous listening needs sound: signatures are of sixty seconds at most")
    listen = listens.begin(
        own.store,
        own.catalogue_name(query_data.catalogue),
        caller=g.caller,
        key_id=_key_id(),
        device=query_data.device,
        method=query_data.method,
        top=query_data.top,
        rate=query_data.rate,
        channels=query_data.channels if query_data.rate else None,
        continuous=query_data.continuous,
        signatures=query_data.signatures,
    )
    return _answer(own, listen)


@bp.post("/<listen_id>/pieces/<int:number>")
@needs("tag")
@bp.input(PieceQuery, location="query")
@bp.output(Listen)
@bp.doc(operation_id="addPiece", responses=[400, 401, 403, 404, 408, 409, 413, 415, 421, 503, 507])
def add(listen_id: str, number: int, query_data: PieceQuery) -> Any:
    """Send the next piece, and get what is known so far.

    The first piece is number 0. The body is a raw `audio/*` body or the part `snippet` of a form. Sending a piece
    again does no harm. A piece that arrives after the end is ignored, and answered like the last one. `last=true` says
    that no more will follow.
    """
    own = service()
    listen = listens.get(own.store, listen_id, key_id=_key_id())
    if listen.ended:
        return _answer(own, listen)
    limit = own.settings.snippet_bytes - (0 if listen.continuous else listen.n_bytes)
    content, _ = read_snippet(max(1, limit))
    if len(content) > limit:
        raise AudioTooLarge(f"the recording has more than {own.settings.snippet_bytes:,} bytes: start another")
    if is_signed(content) != listen.signatures:
        kind, other = ("signatures", "sound") if listen.signatures else ("sound", "a signature")
        raise InvalidParameter(f"piece {number} is {other}, and this listen is one of {kind}: begin another for it")
    if listen.continuous and number >= listen.next:
        continuous.check_size(listen, len(content))
    with own.gate.admitted():
        listen = listens.add_piece(own.store, listen, number, content)
        if listen.continuous:
            return _answer(own, continuous.hear(own, listen, last=query_data.last))
        return _look(own, listen, content, last=query_data.last)


@bp.get("/<listen_id>")
@needs("tag")
@bp.output(Listen)
@bp.doc(operation_id="getListen", responses=[401, 403, 404])
def get(listen_id: str) -> Any:
    """Return what is known so far."""
    own = service()
    return _answer(own, listens.get(own.store, listen_id, key_id=_key_id()))


@bp.delete("/<listen_id>")
@needs("tag")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteListen", responses=[401, 403, 404])
def delete(listen_id: str) -> Any:
    """Stop listening, and forget the sound. The tag of a listen that has ended stays, and so does a tracklist."""
    own = service()
    listens.remove(own.store, listens.get(own.store, listen_id, key_id=_key_id()))
    return Response(status=204)


def _key_id() -> str | None:
    return None if g.key is None else g.key.id


def _look(own: Service, listen: listens.Listen, piece: bytes, *, last: bool) -> dict[str, Any]:
    """Search all sound so far, if enough of it is new; end the listen if it is named or nothing more will come."""
    catalogue = own.catalogue(listen.catalogue)
    # kl-mixture has no E-value that could be divided between looks: it decides once, at the end.
    grows = (listen.method or own.settings.method or catalogue.config.method) != "kl-mixture"
    heard_s, tag = 0.0, None
    try:
        heard_s, identify = _heard(own, catalogue, listen, piece)
        last = last or heard_s >= own.settings.listen_seconds
        enough_s = max(own.settings.min_snippet_seconds, listen.looked_s + LOOK_S)
        if last or (grows and heard_s >= enough_s):
            look = listens.look(own.store, listen, heard_s)
            with own.gate.cpu():
                tag = identify(allowed_at_look(own.settings.max_false_alarms, look))
    except DecodeLimit:
        raise
    except (AudioError, InvalidSignature) as error:
        # Too short, still silent, or a beginning that cannot be decoded yet; a signature never gets better.
        if last:
            listens.end(own.store, listen, None)
        if last or isinstance(error, InvalidSignature):
            raise
    if tag is None:
        return _answer(own, listen, heard_s=heard_s)
    tag = _of_a_part(tag, last=last)
    if not last and tag.verdict != "identified":
        return _answer(own, listen, heard_s=heard_s, tag=tag)
    telemetry.identified(tag)
    saved = tags.save(own.store, listen.catalogue, tag, key_id=listen.key_id, device=listen.device)
    if not listens.end(own.store, listen, saved["id"]):  # another piece was faster
        tags.delete(own.store, saved["id"])
    else:
        own.announce("tag.created", saved["id"])
    return _answer(own, listens.get(own.store, listen.id, key_id=listen.key_id), heard_s=heard_s)


def _heard(
    own: Service, catalogue: Catalogue, listen: listens.Listen, piece: bytes
) -> tuple[float, Callable[[float], results.Tag]]:
    """Return how many seconds have been heard, and what searches them within some false alarms."""
    options: dict[str, Any] = {"method": listen.method, "top": listen.top}
    if listen.signatures:
        seconds = catalogue.signature_seconds(piece)
        return seconds, lambda allowed: catalogue.identify_signature(piece, max_false_alarms=allowed, **options)
    started = time.perf_counter()
    audio = catalogue.decode(_whole(listen, listens.content(own.store, listen)))
    decoded_s = time.perf_counter() - started

    def identify(allowed: float) -> results.Tag:
        tag = catalogue.identify_audio(audio, max_false_alarms=allowed, **options)
        return replace(tag, seconds={**tag.seconds, "decode": decoded_s})

    return audio.duration_s, identify


def _of_a_part(tag: results.Tag, *, last: bool) -> results.Tag:
    """Leave out the remark that the recording breaks off if more of it was to follow."""
    if last and tag.verdict != "identified":
        return tag
    return replace(tag, remarks=[remark for remark in tag.remarks if not remark.startswith("cut_off:")])


def _whole(listen: listens.Listen, content: bytes) -> bytes:
    """Return a recording as a file: pieces of a container are one already; PCM gets a header."""
    if listen.rate is None or listen.channels is None:
        return content
    frame = _SAMPLE_BYTES * listen.channels
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(listen.channels)
        file.setsampwidth(_SAMPLE_BYTES)
        file.setframerate(listen.rate)
        file.writeframes(content[: len(content) // frame * frame])
    return buffer.getvalue()


def _answer(
    own: Service, listen: listens.Listen, *, heard_s: float | None = None, tag: results.Tag | None = None
) -> dict[str, Any]:
    """Return the JSON object: the tag that the listen became, or the best candidate so far, which is no verdict."""
    heard_s = listen.looked_s if heard_s is None else heard_s
    made = tags.get(own.store, listen.tag_id) if listen.tag_id else None
    longest_s = own.settings.recording_seconds if listen.continuous else own.settings.listen_seconds
    listed = tracklists.latest(own.store, listen.tracklist_id, SEGMENTS) if listen.tracklist_id else []
    return {
        "id": listen.id,
        "catalogue": listen.catalogue,
        "created": listen.created,
        "expires": listen.expires,
        "next": listen.next,
        "heard_s": round(heard_s, 3),
        "wanted_s": 0.0 if listen.ended else round(max(0.0, longest_s - heard_s), 3),
        "ended": listen.ended,
        "tag": made,
        "perhaps": _guess(tag),
        "tracklist": listen.tracklist_id,
        "segments": listed,
    }


def _guess(tag: results.Tag | None) -> dict[str, Any] | None:
    """Return the best candidate of a look, if it is more than the least unlikely of many."""
    first = tag.matches[0] if tag is not None and tag.matches else None
    return None if first is None or (first.confidence or 0.0) < GUESS else asdict(first)
