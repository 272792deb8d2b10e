"""The ``Idempotency-Key`` header: a repeated request gets the first answer.

Of errors, only those that the same snippet would meet again are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Response, g, jsonify, request

from classifier.api.errors import RequestRefused
from classifier.api.problems import known
from classifier.errors import AudioError, DecodeLimit, EarmarkError, InvalidSignature, SignatureMismatch, TagNotFound
from classifier.records import idempotency, tags
from classifier.store.base import Store

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")


def once(
    store: Store, work: Callable[[], dict[str, Any]], *, route: str, content: bytes, parameters: dict[str, Any]
) -> dict[str, Any] | Response:
    """Make the tag that the current request asks for, or return the first answer if its key was used before.

    Parameters
    ----------
    store : Store
        Where answers are remembered.
    work : callable
        Makes a tag and returns its JSON object.
    route : str
        Which route is asked: under another route, the same key is another request.
    content : bytes
        The snippet.
    parameters : dict
        Everything else that decides the answer; JSON values.

    Raises
    ------
    RequestRefused
        If the key is not 1 to 255 printable characters.
    IdempotencyMismatch
        If it was used with another snippet or other parameters.
    IdempotencyInProgress
        If the first request is still being worked on.
    TagNotFound
        If the tag that was made under the key has been deleted.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return work()
    if not _KEY.match(key):
        raise RequestRefused("Idempotency-Key must be 1 to 255 printable ASCII characters without spaces")
    claim = idempotency.begin(store, key, caller=g.caller, route=route, content=content, parameters=parameters)
    if isinstance(claim, idempotency.Remembered):
        return _replay(store, claim)
    try:
        tag = work()
    except EarmarkError as error:
        if is_lasting(error):
            claim.keep(problem={"name": error.name, "status": error.status, "detail": str(error)})
        else:
            claim.forget()
        raise
    except BaseException:
        claim.forget()
        raise
    claim.keep(tag_id=tag["id"])
    return tag


def is_lasting(error: EarmarkError) -> bool:
    """Return whether the same snippet would meet this error again: a fault of the audio, not of the moment.

    A decoder that was slow or was killed says more about the machine than about the file.
    """
    return isinstance(error, AudioError | InvalidSignature) and not isinstance(error, DecodeLimit | SignatureMismatch)


def _replay(store: Store, first: idempotency.Remembered) -> Response:
    """Repeat the first answer."""
    if first.problem is not None:
        error = known()[first.problem["name"]](first.problem["detail"])
        error.status = first.problem["status"]
        raise error
    if first.tag_id is None:
        raise TagNotFound("the tag made under this Idempotency-Key is gone")
    response = jsonify(tags.get(store, first.tag_id))
    response.headers["Idempotency-Replayed"] = "true"
    return response
