"""``/v2/lookup``, as AcoustID answers it: its clients ask a private library with nothing but another address.

``client`` is an Earmark key where keys exist, and may be anything else where none do. Answers, errors and their codes
have AcoustID's form, JSON alone.

Source: https://acoustid.org/webservice; codes of errors as its server gives them.
"""

from __future__ import annotations

import zlib
from typing import Any
from urllib.parse import parse_qs

from apiflask import APIBlueprint
from flask import Response, g, jsonify, request

from classifier.api.guard import needs
from classifier.api.service import service
from classifier.audio.chromaprint import unpacked
from classifier.errors import EarmarkError, InvalidParameter
from classifier.players import acoustid
from classifier.records import keys

bp = APIBlueprint("acoustid", __name__, tag="As earlier services")

#: Most bytes of a request once it is decompressed, and most fingerprints in it: as AcoustID's server takes.
MAX_BYTES, MAX_FINGERPRINTS = 1_000_000, 20
_MAX_DURATION_S = 0x7FFF
#: AcoustID's codes: unknown format, missing parameter, fingerprint, key, inside, duration, not allowed, away.
_FORMAT, _MISSING, _FINGERPRINT, _KEY, _INTERNAL, _DURATION, _NOT_ALLOWED, _AWAY = 1, 2, 3, 4, 5, 8, 12, 13


class _Wrong(Exception):
    """What is wrong with a request, in AcoustID's terms."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@bp.route("/v2/lookup", methods=["GET", "POST"])
@bp.doc(hide=True)
def lookup() -> Response:
    """Name the enrolled recordings that Chromaprint fingerprints are of."""
    try:
        values = _values()
        _let_in(values.get("client", ""))
        return jsonify({"status": "ok", **_answer(values)})
    except _Wrong as wrong:
        return _error(wrong.code, str(wrong), wrong.status)
    except EarmarkError as error:
        code = {401: _KEY, 403: _NOT_ALLOWED, 503: _AWAY}.get(error.status, _INTERNAL)
        return _error(code, str(error), error.status)


def _error(code: int, message: str, status: int) -> Response:
    answer = jsonify({"status": "error", "error": {"code": code, "message": message}})
    answer.status_code = status
    return answer


def _let_in(client: str) -> None:
    """Take ``client`` for the key of a request that has no other, then check it as everywhere."""
    if g.keyed and g.key is None and client:
        g.key = keys.verify(service().store, client)
    needs("tag")(lambda: None)()


def _values() -> dict[str, str]:
    """Return the parameters of the address and of the form, the first of each name."""
    found = parse_qs(request.query_string.decode("latin-1"), keep_blank_values=True)
    if request.method == "POST":
        data = request.get_data()
        if len(data) <= MAX_BYTES and request.headers.get("Content-Encoding", "").lower() == "gzip":
            unzip = zlib.decompressobj(31)
            try:
                data = unzip.decompress(data, MAX_BYTES + 1)
            except zlib.error:
                raise _Wrong(_FORMAT, "the body is no gzip, as its header says") from None
        if len(data) > MAX_BYTES:
            raise _Wrong(_FORMAT, f"the request has more than {MAX_BYTES:,} bytes", 413)
        found |= parse_qs(data.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}


def _answer(values: dict[str, str]) -> dict[str, Any]:
    if values.get("format", "json") != "json":
        raise _Wrong(_FORMAT, f"unknown format {values['format'][:20]!r}: json alone is answered here")
    for name in ("client", "fingerprint", "duration"):
        if not any(key == name or key.startswith(f"{name}.") for key in values):
            raise _Wrong(_MISSING, f'missing required parameter "{name}"')
    meta = values.get("meta", "").replace("+", " ").replace(",", " ").split()
    numbered = [name.partition(".")[2] for name in values if name.startswith("fingerprint.")]
    if not numbered:
        return {"results": _results(values, "", meta)}
    if len(numbered) > MAX_FINGERPRINTS:
        raise _Wrong(_FORMAT, f"{len(numbered)} fingerprints at once: send at most {MAX_FINGERPRINTS}", 413)
    return {"fingerprints": [{"index": n, "results": _results(values, f".{n}", meta)} for n in numbered]}


def _results(values: dict[str, str], suffix: str, meta: list[str]) -> list[dict[str, Any]]:
    try:
        duration_s = float(values[f"duration{suffix}"])
    except (KeyError, ValueError):
        duration_s = -1.0
    if not 0 < duration_s <= _MAX_DURATION_S:
        raise _Wrong(_DURATION, f'parameter "duration{suffix}" must be 1 to {_MAX_DURATION_S} seconds')
    try:
        words = unpacked(values[f"fingerprint{suffix}"])
    except InvalidParameter as error:
        raise _Wrong(_FINGERPRINT, f"invalid fingerprint: {error}") from None
    own = service()
    found = acoustid.lookup(own.store, own.catalogue_name(None), words, duration_s)
    return [acoustid.result(one, meta) for one in found]
