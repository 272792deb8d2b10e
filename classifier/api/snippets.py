"""Reading a request's snippet, a multipart part or the raw body, into memory; its size is checked before it is read."""

from __future__ import annotations

import re

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from classifier.api.errors import MediaTypeUnsupported
from classifier.api.requests import client_name, parts_of_form
from classifier.errors import AudioTooLarge, InvalidParameter
from classifier.models.signature import is_signature

FORM_SLACK = 64 * 1024
"""Bytes that multipart framing may add to a file."""

SIGNATURE_TYPE = "application/vnd.earmark.signature"
"""Media type of a snippet's signature (docs/signature.md)."""

RAW_TYPES = re.compile(
    r"(audio/[\w.+-]+|video/(webm|mp4|3gpp2?|ogg)|application/(octet-stream|ogg|mp4|vnd\.earmark\.signature))\Z",
    re.IGNORECASE,
)


def is_signed(content: bytes) -> bool:
    """Whether a request's snippet is a signature: it begins like one, or is declared as one."""
    return is_signature(content) or request.mimetype == SIGNATURE_TYPE


def read_snippet(limit: int, part: str = "snippet", ignored: tuple[str, ...] = ()) -> tuple[bytes, str | None]:
    """Return a request's recording, from a multipart part or the raw body, and its file name if any.

    Parameters
    ----------
    limit : int
        Most bytes.
    part : str
        Name of the multipart part.
    ignored : tuple of str
        Text fields that may come with it and mean nothing.

    Raises
    ------
    AudioTooLarge
        Before reading, if the announced length exceeds ``limit`` bytes; else as soon as it does.
    RequestTooLarge
        If the rest of the form is too large.
    MediaTypeUnsupported, EncodingUnsupported
        If the Content-Type is neither a form nor audio, or the part is encoded.
    FileMissing
        If the form has no such part.
    InvalidParameter
        If it has several, or a part that means nothing here.
    RequestTimeout, Busy
        If the body arrives too slowly, or too many others are arriving.
    """
    is_form = request.mimetype == "multipart/form-data"
    if not is_form and not RAW_TYPES.match(request.mimetype or ""):
        given = request.mimetype or "nothing"
        raise MediaTypeUnsupported(
            f"Content-Type is {given[:100]!r}: send multipart/form-data with a part {part!r}, or the bytes as audio/*"
        )
    # Of a body of unknown length, one byte more than allowed is read: werkzeug truncates such bodies silently.
    request.max_content_length = limit + (FORM_SLACK if is_form else 1)
    data, name = _form_part(limit, part, ignored) if is_form else (_raw_body(limit), None)
    if len(data) > limit:
        raise _too_large(limit, len(data))
    return data, name


def _raw_body(limit: int) -> bytes:
    try:
        return request.stream.read()
    except RequestEntityTooLarge:
        raise _too_large(limit, request.content_length) from None


def _form_part(limit: int, part: str, ignored: tuple[str, ...]) -> tuple[bytes, str | None]:
    parts, _ = parts_of_form(ignored, part, lambda: _too_large(limit, request.content_length))
    if len(parts) > 1:
        raise InvalidParameter(f"the form has {len(parts)} parts {part!r}: send one recording a request")
    return parts[0].stream.read(), client_name(parts[0].filename)


def _too_large(limit: int, n_bytes: int | None) -> AudioTooLarge:
    size = f"has {n_bytes:,} bytes" if n_bytes else "is too large"
    return AudioTooLarge(f"the recording {size}; the limit is {limit:,}: record for a shorter time, or compress")
