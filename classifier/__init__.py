"""Earmark: name the track in a noisy five-second recording, or say that it is unknown.

>>> from classifier import Catalogue
>>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:  # doctest: +SKIP
...     catalogue.enroll(Path("song.flac"))
...     tag = catalogue.identify(Path("snippet.m4a"))

Each stage by itself is a function of :mod:`classifier.stages`. Names are loaded when they are first used, so that
importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what type checkers and editors see
    from classifier import stages
    from classifier.audio.decoded import Audio
    from classifier.catalogue import Catalogue
    from classifier.config import FeatureConfig
    from classifier.enrolling import Enrolled
    from classifier.errors import EarmarkError
    from classifier.listening.engine import Listener
    from classifier.listening.files import tracklist
    from classifier.listening.segments import Tracklist
    from classifier.results import Match, Near, Searched, Tag, Track
    from classifier.settings import Settings
    from classifier.store import open_store

__version__ = "0.1.0"

__all__ = [
    "Audio",
    "Catalogue",
    "EarmarkError",
    "Enrolled",
    "FeatureConfig",
    "Listener",
    "Match",
    "Near",
    "Searched",
    "Settings",
    "Tag",
    "Track",
    "Tracklist",
    "open_store",
    "stages",
    "tracklist",
]

#: Where each name is defined; a test compares this with the imports above.
_HOMES = {
    "Audio": "audio.decoded",
    "Catalogue": "catalogue",
    "EarmarkError": "errors",
    "Enrolled": "enrolling",
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


def __getattr__(name: str) -> Any:
    if name == "stages":
        return import_module(f"{__name__}.stages")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
