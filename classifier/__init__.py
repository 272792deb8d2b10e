"""Earmark: name the track in a noisy five-second recording, or say that it is unknown.

>>> from classifier import Catalogue
>>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:  # doctest: +SKIP
...     catalogue.enroll(Path("song.flac"))
...     tag = catalogue.identify(Path("snippet.m4a"))

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Audio": "audio.decoder",
    "Catalogue": "catalogue",
    "EarmarkError": "errors",
    "Enrolled": "catalogue",
    "FeatureConfig": "config",
    "Listener": "listening.engine",
    "Match": "results",
    "Near": "results",
    "Searched": "results",
    "Settings": "settings",
    "Tag": "results",
    "Track": "results",
    "Tracklist": "listening.segments",
    "open_store": "store",
    "tracklist": "listening.files",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
