"""Checks that catalogue configurations and settings share: bounds of numbers, suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from classifier.errors import InvalidConfig


def check_bounds(name: str, value: Any, low: float, high: float) -> None:
    """Refuse what is not a finite number from ``low`` to ``high``.

    Parameters
    ----------
    name : str
        What the message calls the value.
    value : object
        Anything; a bool does not count as a number.
    low, high : float
        Bounds, both allowed.

    Raises
    ------
    InvalidConfig
        Naming the value and its bounds.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # NaN is not between anything
        raise InvalidConfig(f"{name} is {value!r}: it must be a number from {_plain(low)} to {_plain(high)}")


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:g}"


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return ``": did you mean NEAREST?"``, or an empty string if no known name resembles ``name``.

    A ``prefix`` that all names share is ignored in the comparison, since it makes all of them similar.
    """
    near = difflib.get_close_matches(name.removeprefix(prefix), [other.removeprefix(prefix) for other in known], n=1)
    return f": did you mean {prefix}{near[0]}?" if near else ""
