"""What the tests of decoding share: a decoder, limits, and how a refusal is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from classifier import errors
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.settings import Settings


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(Settings(), processes=2) as shared:
        yield shared


@pytest.fixture
def limits() -> Limits:
    return Limits.for_snippet(Settings())


@pytest.fixture
def track_limits() -> Limits:
    return Limits.for_track(Settings())


def lowered(**settings: object) -> Limits:
    """Return a snippet's limits under other settings."""
    return Limits.for_snippet(Settings(**settings))


def refused(decoder: Decoder, source: bytes | Path, limits: Limits, kind: type[errors.EarmarkError]) -> str:
    """Return the message with which ``source`` is refused, once it is clear that it gives nothing away."""
    with pytest.raises(kind) as caught:
        decoder.decode(source, limits)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert ":" in message or ";" in message, "a message ends with a remedy"
    assert "/" not in message, "a message names no path"
    assert "Traceback" not in message
    return message
