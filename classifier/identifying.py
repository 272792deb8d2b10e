"""How a snippet becomes a tag: decoded, or read from a signature, modelled, checked and searched for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from classifier.audio import level
from classifier.audio.decoder import Audio, Decoder
from classifier.audio.limits import Limits
from classifier.config import FeatureConfig
from classifier.errors import EarmarkError, InvalidParameter, SnippetSilent, SnippetTooShort
from classifier.index.follower import Follower, View
from classifier.index.snapshot import Snapshot
from classifier.models import signature
from classifier.models.background import Background
from classifier.models.query import Query, Recording
from classifier.results import METHODS, SPEEDS, Tag
from classifier.search import pipeline
from classifier.search.options import Options
from classifier.search.passes import Passes
from classifier.settings import Settings


class Identifier:
    """Identifies snippets by one catalogue; safe to share between threads.

    Its methods take, return and raise what :class:`classifier.catalogue.Catalogue` says of those of the same name.

    Parameters
    ----------
    config : FeatureConfig
        The catalogue's configuration.
    settings : Settings
        Limits, method, and what an answer may cost.
    decoder : Decoder
        Decodes.
    background : callable
        Gives the catalogue's background mixture.
    follower : Follower
        Gives what is searched.

    Attributes
    ----------
    passes : callable or None
        Who compares snippets with a whole snapshot; None: this process (:mod:`classifier.cluster` sets it).
    """

    def __init__(
        self,
        config: FeatureConfig,
        settings: Settings,
        decoder: Decoder,
        background: Callable[[], Background],
        follower: Follower,
    ) -> None:
        self._config, self._settings, self._decoder = config, settings, decoder
        self._background, self._follower = background, follower
        self.passes: Callable[[Snapshot], Passes] | None = None

    def identify(self, source: bytes | Path, *, method: str | None, top: int, speeds: str | None) -> Tag:
        """Identify a recorded snippet, or its signature."""
        started = time.perf_counter()
        signed = self._signed(source)
        if signed is not None:
            return self.identify_signature(signed, method=method, top=top, speeds=speeds, max_false_alarms=None)
        audio = self.decode(source)
        decoded = time.perf_counter()
        tag = self.identify_audio(audio, method=method, top=top, speeds=speeds, view=None, max_false_alarms=None)
        return _timed(tag, {"decode": decoded - started, **tag.seconds}, started)

    def decode(self, source: bytes | Path) -> Audio:
        """Decode a recorded snippet at the catalogue's rate, within the limits of snippets."""
        limits = Limits.for_snippet(self._settings).of(source)
        return self._decoder.decode(source, limits, self._config.sample_rate)

    def identify_audio(
        self,
        audio: Audio,
        *,
        method: str | None,
        top: int,
        speeds: str | None,
        view: View | None,
        max_false_alarms: float | None,
    ) -> Tag:
        """Identify decoded audio."""
        options = self._options(method, top, speeds, max_false_alarms)
        started = time.perf_counter()
        recording = self._recording(audio)
        query = recording.query()
        modelled = time.perf_counter()
        tag = self._search(query, recording, view, options)
        stages = {"index": tag.seconds["index"], "model": modelled - started, **tag.seconds}
        return _timed(replace(tag, remarks=audio.remarks), stages, started)

    def identify_signature(
        self, content: bytes, *, method: str | None, top: int, speeds: str | None, max_false_alarms: float | None
    ) -> Tag:
        """Identify a snippet by its signature."""
        options = self._options(method, top, speeds, max_false_alarms)
        started = time.perf_counter()
        longest_s = self._settings.snippet_seconds
        query = signature.decode(content, self._config, self._background(), max_seconds=longest_s)
        self._check_length(query.duration_s)
        decoded = time.perf_counter()
        tag = self._search(query, None, None, options)
        return _timed(tag, {"decode": decoded - started, **tag.seconds}, started)

    def signature(self, source: bytes | Path) -> bytes:
        """Return the signature of a recorded snippet."""
        recording = self._recording(self.decode(source))
        return signature.encode(recording.query(), self._config, self._background())

    def _signed(self, source: bytes | Path) -> bytes | None:
        """Return a source's bytes if it is a signature; of a file that is none, only the first few are read."""
        if isinstance(source, bytes):
            return source if signature.is_signature(source) else None
        with contextlib.suppress(OSError):  # decoding says what is wrong with it
            if source.is_file():  # a pipe would lose what is read of it
                with source.open("rb") as file:
                    first = file.read(len(signature.MAGIC))
                    if signature.is_signature(first):
                        return first + file.read(signature.most_bytes(self._settings.snippet_seconds))
        return None

    def _check_length(self, duration_s: float) -> None:
        if duration_s < self._settings.min_snippet_seconds:
            raise SnippetTooShort(
                f"snippet has {duration_s:.2f} s of sound; at least {self._settings.min_snippet_seconds:g} s are "
                "needed: record longer"
            )

    def _recording(self, audio: Audio) -> Recording:
        """Check that there is enough to go by, and bring a quiet recording to a working level."""
        if audio.sample_rate != self._config.sample_rate:
            raise InvalidParameter(
                f"the audio has {audio.sample_rate} samples a second, and the catalogue works with "
                f"{self._config.sample_rate}: decode it at that rate"
            )
        self._check_length(audio.duration_s)
        loudest = audio.loudest
        if level.is_silent(loudest, audio.step):
            raise SnippetSilent("the snippet is silent: check the microphone and move closer to the music")
        samples = level.levelled(audio.samples, loudest)
        return Recording(samples, audio.bandwidth_hz, self._config, self._background())

    def _options(self, method: str | None, top: int, speeds: str | None, max_false_alarms: float | None) -> Options:
        """Check what was asked for, and complete it by the settings."""
        for name, value, choices in (("method", method, METHODS), ("speeds", speeds, SPEEDS)):
            if value is not None and value not in choices:
                raise InvalidParameter(f"{name} {value!r} is unknown: choose one of {', '.join(choices)}")
        if not 1 <= top <= 100:
            raise InvalidParameter(f"top is {top}: it must be from 1 to 100")
        return Options(
            method=method or self._settings.method or self._config.method,
            top=top,
            max_false_alarms=max_false_alarms or self._settings.max_false_alarms,
            known_prior=self._settings.known_prior,
            sweep_seconds=self._settings.sweep_seconds,
            indexed_windows=self._settings.indexed_windows,
            speeds=speeds or self._settings.speeds,
        )

    def _search(self, query: Query, recording: Recording | None, view: View | None, options: Options) -> Tag:
        started = time.perf_counter()
        if view is None:
            view = self._follower.view()
        viewed = time.perf_counter()
        try:
            passes = None if self.passes is None else self.passes(view.snapshot)
            tag = pipeline.identify(
                query, view.snapshot, view.tracks.__getitem__, self._config, options, recording, passes
            )
        except EarmarkError:
            raise
        except Exception:
            self._follower.suspect()  # damage to the index can make any step fail
            raise
        return replace(tag, seconds={"index": viewed - started, **tag.seconds})


def _timed(tag: Tag, stages: dict[str, float], started: float) -> Tag:
    return replace(tag, seconds={**stages, "total": time.perf_counter() - started})
