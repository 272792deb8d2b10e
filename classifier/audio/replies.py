"""A child's answers, checked: nothing in them is trusted, because a hostile file may have taken the child over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from classifier import errors
from classifier.audio.decoded import AudioInfo, Tagged
from classifier.audio.filetags import clean_tags
from classifier.errors import DecodeLimit, EarmarkError
from classifier.text import clean

#: Message on answers that make no sense.
NONSENSE = "the decoder answered nonsense on this file: convert it to another format"
#: Errors that a child may report, by class name.
_REFUSALS = (
    "AudioUnreadable",
    "AudioNoStream",
    "AudioUnsupported",
    "AudioTooLarge",
    "AudioTooLong",
    "DecodeLimit",
    "DecoderUnavailable",
)
_MAX_REMARKS, _MAX_REMARK = 20, 300


def info_of(reply: Mapping[str, Any], n_samples: int, sample_rate: int, loudest: float) -> AudioInfo:
    """Turn a child's answer into a result, trusting nothing in it."""
    check_reply(reply)
    try:
        if not 0 < n_samples == reply["n_samples"]:
            raise ValueError("sample count")
        return AudioInfo(
            n_samples=n_samples,
            sample_rate=sample_rate,
            source_rate=int(reply["source_rate"]),
            channels=int(reply["channels"]),
            codec=str(reply["codec"])[:40],
            content_hash=_digest(reply["content_hash"]),
            file_hash=_digest(reply["file_hash"]),
            tags=clean_tags(reply["tags"]),
            step=min(1.0, max(0.0, float(reply["step"]))),
            loudest=loudest,
            cancelled_s=float(reply["cancelled_s"]),
            remarks=[clean(str(remark), _MAX_REMARK) for remark in reply["remarks"]][:_MAX_REMARKS],
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise DecodeLimit(NONSENSE) from None


def tagged_of(reply: np.ndarray | Mapping[str, Any]) -> Tagged:
    """Turn a child's answer to a probe into a result, trusting nothing in it."""
    if not isinstance(reply, Mapping):
        raise DecodeLimit(NONSENSE)
    check_reply(reply)
    try:
        return Tagged(reply["packet_hash"] and _digest(reply["packet_hash"]), clean_tags(reply["tags"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DecodeLimit(NONSENSE) from None


def check_reply(reply: Mapping[str, Any]) -> None:
    """Raise the error that a child reports, if any."""
    if "error" in reply:
        kind: Callable[[str], EarmarkError] = DecodeLimit
        if reply["error"] in _REFUSALS:
            kind = getattr(errors, reply["error"])
        raise kind(str(reply.get("message", ""))[:1000])


def _digest(value: Any) -> str:
    if not isinstance(value, str) or len(bytes.fromhex(value)) != 32:
        raise ValueError("hash")
    return value
