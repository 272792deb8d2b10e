"""Files that commands write: whole or not at all, and over another only if asked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from classifier.errors import InvalidParameter


def check_new(target: Path, *, replace: bool) -> None:
    """Refuse to write over a file.

    Raises
    ------
    InvalidParameter
        If it is there and ``replace`` is false.
    """
    if target.exists() and not replace:
        raise InvalidParameter(f"{str(target)!r} is there already: choose another name, or say --replace")


def write(target: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    InvalidParameter
        If it cannot be written there.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".earmark-", delete=False) as draft:
            try:
                draft.write(content)
                draft.close()
                os.chmod(draft.name, 0o644)
                os.replace(draft.name, target)
            except BaseException:
                os.unlink(draft.name)
                raise
    except OSError as error:
        raise InvalidParameter(f"{str(target)!r} cannot be written ({error.strerror}): choose another place") from None
