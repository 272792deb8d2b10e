"""Optional parts: each needs packages that a plain installation leaves out, by the name of an extra of ``earmark``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

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
        raise _missing(extra, what, error.name) from None


def check_extra(extra: str, what: str, *packages: str) -> None:
    """Look for packages of an extra without importing them; parameters and error as of :func:`needing`."""
    for package in packages:
        if find_spec(package) is None:
            raise _missing(extra, what, package)


def _missing(extra: str, what: str, package: str | None) -> InvalidConfig:
    return InvalidConfig(f"{what} needs the package {package!r}: pip install 'earmark[{extra}]'")
