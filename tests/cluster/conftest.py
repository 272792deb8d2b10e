"""The songs that the tests of searching use, too."""

from tests.search.conftest import songs, sounds, strange_sounds

__all__ = ["songs", "sounds", "strange_sounds"]
