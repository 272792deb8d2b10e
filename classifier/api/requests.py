"""What bodies a request may have, before a route looks at them: form, JSON or raw bytes, each within limits.

What the service does not understand it refuses by name, never ignores: an encoding, a media type, an unknown part, a
repeated parameter.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import IO, Any

import flask
from flask import request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from classifier.api.errors import EncodingUnsupported, MediaTypeUnsupported, RequestRefused, RequestTooLarge
from classifier.errors import FileMissing, InvalidParameter
from classifier.text import clean

JSON_BYTES = 64 * 1024
"""Most bytes of a JSON body."""
UNPACKING = ("acoustid.lookup",)
"""Routes that take gzip."""
MAX_PARTS = 100
"""Most parts of a form."""
MAX_TEXT_BYTES = 500_000
"""Most bytes of a form's text field."""


class Request(flask.Request):
    """Flask's request; the route decides where file parts go, and the size of JSON is limited."""

    open_part: Callable[[str | None], IO[bytes]] | None = None
    max_form_parts = MAX_PARTS
    max_form_memory_size = MAX_TEXT_BYTES

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.open_part is None:
            return io.BytesIO()  # max_content_length limits the whole body
        return self.open_part(filename)

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body's JSON.

        Raises
        ------
        MediaTypeUnsupported
            If the body is not declared as JSON: browsers let pages of other sites send plain text without asking.
        RequestTooLarge
            If it has more than ``JSON_BYTES`` bytes.
        RequestRefused
            If it is not valid JSON, null, or nested too deeply.
        """
        if not self.is_json:
            raise MediaTypeUnsupported(f"Content-Type is {_given(self.mimetype)}: send JSON as application/json")
        too_large = RequestTooLarge(f"the JSON has more than {JSON_BYTES:,} bytes, the most the service takes")
        try:
            if len(self.get_data(cache=cache)) > JSON_BYTES:
                raise too_large
            value = super().get_json(force, silent, cache)
        except RequestEntityTooLarge:
            raise too_large from None
        except RecursionError:
            raise RequestRefused("the JSON is nested too deeply") from None
        if value is None:  # which would else pass for an object without fields
            raise RequestRefused("the body is null: send a JSON object")
        return value

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Refuse JSON that cannot be read.

        Raises
        ------
        RequestRefused
            Always.
        """
        raise RequestRefused(f"the body is not valid JSON: {e}")


def parts_of_form(
    text: Iterable[str], file: str, too_large: Callable[[], Exception]
) -> tuple[list[FileStorage], MultiDict[str, str]]:
    """Read a multipart form; every part has to have a known name.

    Parameters
    ----------
    text : iterable of str
        Names of the allowed text fields, each at most once.
    file : str
        Name of the file parts.
    too_large : callable
        Makes the error for a form whose files are too large.

    Returns
    -------
    tuple of (list of FileStorage, MultiDict)
        The file parts in the order of the request, and the text fields.

    Raises
    ------
    RequestTooLarge
        If there are more than ``MAX_PARTS`` parts, or more than ``MAX_TEXT_BYTES`` bytes in a text field.
    FileMissing
        If there is no file part.
    InvalidParameter
        If a part has another name, or a text field comes twice.
    EncodingUnsupported
        If a file part is encoded.
    RequestTimeout, ClientDisconnected, Busy
        As :class:`~classifier.api.bodies.TimedInput` raises them.
    """
    try:
        files, fields = request.files, request.form
    except RequestEntityTooLarge:
        if _is_exhausted():
            raise too_large() from None
        raise RequestTooLarge(
            f"the form has more than {MAX_PARTS} parts, or more than {MAX_TEXT_BYTES:,} bytes in a text field "
            f"(audio goes into a file part {file!r}, with a file name)"
        ) from None
    found = files.getlist(file)
    if not found:
        hint = "it is a text field: send it as a file, with a file name" if file in fields else "the form has none"
        raise FileMissing(f"a file part {file!r} is needed: {hint}")
    known = set(text)
    for name, values in fields.lists():
        if name not in known:
            raise InvalidParameter(f"the form has a text field {_given(name)}, which means nothing here")
        if len(values) > 1:
            raise InvalidParameter(f"the form has the text field {name!r} {len(values)} times: send it once")
    for name in files:
        if name != file:
            raise InvalidParameter(f"the form has a file part {_given(name)}: only {file!r} means anything here")
    for part in found:
        coding = part.headers.get("Content-Transfer-Encoding", "binary").strip().lower()
        if coding not in ("binary", "8bit", "7bit") or "Content-Encoding" in part.headers:
            raise EncodingUnsupported(f"the part {file!r} is encoded: send the file's bytes as they are")
    return found, fields


def _is_exhausted() -> bool:
    """Return whether the whole body is too large, rather than one of its parts."""
    limit = request.max_content_length
    assert limit is not None
    return (request.content_length or 0) > limit or request.environ["wsgi.input"].received >= limit


def client_name(name: str | None) -> str | None:
    """Return the last part of a file name the client gave, cleaned; None if nothing is left."""
    return clean(re.split(r"[/\\]", name or "")[-1], 200) or None


def _given(text: str | None) -> str:
    """Return what a client sent, short enough to quote."""
    return repr(text[:100]) if text else "missing"


def check_encoding() -> None:
    """Refuse a body that is compressed or otherwise encoded, but of a route that unpacks it within its own limit.

    Raises
    ------
    EncodingUnsupported
    """
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity") and not (coding == "gzip" and request.endpoint in UNPACKING):
        raise EncodingUnsupported(f"the body is encoded as {_given(coding)}: send it as it is")


def check_repetition() -> None:
    """Refuse a query parameter that comes more than once.

    Raises
    ------
    InvalidParameter
    """
    for name, values in request.args.lists():
        if len(values) > 1:
            raise InvalidParameter(f"the parameter {_given(name)} comes {len(values)} times: send it once")


def init_app(app: flask.Flask) -> None:
    """Limit the bodies of all requests; routes that take files raise the limit for theirs."""
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = JSON_BYTES + 1
    app.before_request(check_encoding)
    app.before_request(check_repetition)
