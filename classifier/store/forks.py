"""Drops inherited connections after a fork.

Neither SQLite's locks nor MongoDB's sockets survive a fork: if the child uses, or even closes, an inherited
connection, it can damage what the parent is doing with it. The child therefore drops them for good, without closing
them, and opens its own.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Something that holds connections."""

    def after_fork(self) -> None:
        """Drop every connection (:func:`leak` it); runs in the child, which has a single thread."""


_holders: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def forget_after_fork(holder: ForkAware) -> None:
    """Call ``holder.after_fork()`` in every child process while the holder lives."""
    _holders.add(holder)


def leak(thing: object) -> None:
    """Keep ``thing`` from ever being finalised, even when the interpreter exits."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _after_fork() -> None:
    for holder in list(_holders):
        holder.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
