"""Optional parts: each needs packages that a plain installation leaves out, by the name of an extra of ``earmark``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from classifier.errors import InvalidConfig


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Import packages of an extra in a ``with`` block.

    Parameters
    ----------
    extra : str
        Its name, as in ``pip install 'earmark[service]'``.
    what : str
        What needs it, as the subject of a sentence.

    Raises
    ------
    InvalidConfig
        If a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidConfig(f"{what} needs the package {error.name!r}: pip install 'earmark[{extra}]'") from None
