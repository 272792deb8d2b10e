"""Reading a request's files: the file parts of a form, written to disk, limited in number and bytes."""

from __future__ import annotations

import errno
import io
import itertools
import os
import shutil
from pathlib import Path
from typing import Any, cast

from flask import request

from classifier.api.errors import MediaTypeUnsupported, RequestRefused
from classifier.api.requests import Request, client_name, parts_of_form
from classifier.api.snippets import FORM_SLACK
from classifier.errors import AudioTooLarge, StoreFull

MAX_FILES = 50
"""Most files in one request."""
SPARE_BYTES = 64 * 2**20
"""Bytes that have to stay free on the disk after an upload."""


class SpoolFile(io.FileIO):
    """A file part on its way to disk, limited in bytes.

    Parameters
    ----------
    path : Path
        Where it goes.
    limit : int
        Most bytes.
    """

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "w+")
        self._limit = limit
        self._size = 0

    def write(self, data: Any, /) -> int:
        """Write all of ``data``.

        Raises
        ------
        AudioTooLarge
            If the file exceeds its limit.
        StoreFull
            If the disk is full.
        """
        self._size += len(data)
        if self._size > self._limit:
            raise AudioTooLarge(f"a file has more than {self._limit:,} bytes, the most it may have")
        view = memoryview(data)
        try:
            while view:
                view = view[super().write(view) or 0 :]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull("no room is left for uploads; nothing was changed") from None
            raise
        return len(data)


def spool_tracks(
    folder: Path, limit: int, text: tuple[str, ...] = (), *, most: int = MAX_FILES
) -> tuple[list[tuple[str, Path, int]], dict[str, str]]:
    """Write the parts ``file`` of a multipart request into ``folder``.

    Parameters
    ----------
    folder : Path
        An empty folder; the caller removes it, also after an error.
    limit : int
        Most bytes of a file.
    text : tuple of str
        Names of the allowed text fields.
    most : int
        Most files.

    Returns
    -------
    tuple of (list of (str, Path, int), dict of str to str)
        For each file, in the order of the request, the name the client gave, the path and the size in bytes; and the
        text fields.

    Raises
    ------
    AudioTooLarge
        If a file has more than ``limit`` bytes.
    StoreFull
        If the disk has no room for it.
    RequestRefused
        If there are more than ``most`` files.
    RequestTooLarge
        If the rest of the form is too large.
    MediaTypeUnsupported, EncodingUnsupported
        If the Content-Type is not a form, or a part is encoded.
    FileMissing
        If there is no part ``file``.
    InvalidParameter
        If a part means nothing here, or a text field comes twice.
    RequestTimeout, Busy
        If the body arrives too slowly, or too many others are arriving.
    """
    if request.mimetype != "multipart/form-data":
        raise MediaTypeUnsupported("send files as multipart/form-data, each in a file part 'file'")
    length = request.content_length
    if length is not None and shutil.disk_usage(folder).free < length + SPARE_BYTES:
        raise StoreFull(f"no room is left for an upload of {length:,} bytes; nothing was changed")
    numbers = itertools.count()
    opened: list[SpoolFile] = []

    def open_part(_: str | None) -> Any:
        number = next(numbers)
        if number >= most:
            raise RequestRefused(f"more than {most} file{'s' * (most > 1)} in one request: send them in several")
        opened.append(SpoolFile(folder / f"{number:03d}", limit))
        return opened[-1]

    cast(Request, request).open_part = open_part
    request.max_content_length = most * (limit + FORM_SLACK)
    try:
        parts, fields = parts_of_form(
            text,
            "file",
            lambda: AudioTooLarge(f"the request is larger than {most} file{'s' * (most > 1)} of {limit:,} bytes"),
        )
        found = [
            (client_name(part.filename) or "upload", Path(part.stream.name), part.stream.seek(0, os.SEEK_END))
            for part in parts
        ]
    finally:
        for file in opened:
            file.close()
    return found, fields.to_dict()
