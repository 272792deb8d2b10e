"""Continuous listens: sound that arrives in pieces for hours, heard as it comes, and listed.

The pieces are the truth, kept in the store; a listener (:mod:`classifier.listening.engine`) is made of them wherever
it is needed. Each process keeps the listeners it used last, and every ``SAVED_S`` seconds of sound one is saved beside
the pieces. Whichever process gets the next piece hears all that its own listener has not heard: what another heard
meanwhile, or what one heard that died, is found again in the same segments, for a listener depends on the sound alone.

Bare PCM is heard at once, and what was heard and saved is forgotten. Pieces of a container can only be decoded
together with all those before them. To keep the work in proportion, they are decoded when there are ``GROWTH`` times as
many bytes as the last time: what is known lags behind by that share, three minutes after an hour.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.errors import AudioError, AudioTooLarge, DecodeLimit, InvalidParameter, TracklistNotFound
from classifier.fingerprint.bits import SAMPLE_RATE
from classifier.listening.engine import Listener
from classifier.listening.files import lists_of
from classifier.records import listens
from classifier.records.leases import Lease
from classifier.records.listens import Listen, State
from classifier.records.tracklist_writing import Writer
from classifier.work.jobs import error_of

if TYPE_CHECKING:
    from classifier.api.service import Service

#: Seconds of sound between two states that are kept.
SAVED_S = 20.0
#: Bytes against those decoded last from which a container is decoded anew, and most bytes of one.
GROWTH, MAX_CONTAINER_BYTES = 1.05, 32 * 2**20
#: Seconds at the end of a container that is not complete yet: the resampler's last samples are not final.
_EDGE_S = 0.2
#: Seconds heard at a time: the CPU is handed on, and the lease renewed, between two of them.
_BLOCK_S = 5.0
#: Seconds for which nobody else hears the same listen, and for which a piece waits for whoever does.
_LEASE_S, _PATIENCE_S = 60.0, 10.0
#: Listeners that a process keeps: about 10 MB each.
_KEPT = 8
#: Rates whose ratio to the fingerprints' has small terms, which keeps the resampling filter short.
_RATE_STEP = 25
_FULL_SCALE, _SAMPLE_BYTES = 32768.0, 2


def check_rate(rate: int | None) -> None:
    """Refuse rates of bare PCM that would cost too much to resample piece by piece.

    Raises
    ------
    InvalidParameter
    """
    if rate is not None and math.gcd(rate, SAMPLE_RATE) < _RATE_STEP:
        raise InvalidParameter(f"rate is {rate}: listen continuously at a common one, such as 16000, 44100 or 48000 Hz")


@dataclass(slots=True)
class _Ear:
    """A listener, and how much of a listen it has heard."""

    listener: Listener
    pieces: int = 0
    rest: bytes = b""
    decoded_bytes: int = 0
    saved_s: float = 0.0


class Ears:
    """The listeners that this process used last, by listen; safe to share between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Ear] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, listen_id: str) -> _Ear | None:
        """Return one for good, if it is there."""
        with self._lock:
            return self._kept.pop(listen_id, None)

    def put(self, listen_id: str, ear: _Ear) -> None:
        """Keep one; the one that was used least recently may go."""
        with self._lock:
            self._kept[listen_id] = ear
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def check_size(listen: Listen, n_bytes: int) -> None:
    """Refuse a piece with which a container would become too large.

    Raises
    ------
    AudioTooLarge
    """
    if listen.rate is None and listen.n_bytes + n_bytes > MAX_CONTAINER_BYTES:
        raise AudioTooLarge(
            f"all pieces of a container may have {MAX_CONTAINER_BYTES:,} bytes: end this listen and begin another, or "
            "send bare PCM, which may be as long as a recording"
        )


def hear(own: Service, listen: Listen, *, last: bool) -> Listen:
    """Hear what has come since the last time; return what is known then.

    Parameters
    ----------
    own : Service
        Whose store, catalogues and listeners are used.
    listen : Listen
        A continuous one.
    last : bool
        Whether nothing more will come.

    Raises
    ------
    AudioError
        If nothing more will come, and what came is no audio.
    TracklistNotFound
        If its tracklist was deleted: the listen has ended then.
    """
    if last:
        listens.close(own.store, listen)
    with _turn(own, listen) as lease:
        # Whoever hears takes in what comes meanwhile; who cannot have a turn leaves its piece to the next one.
        while lease is not None:
            listen = listens.get(own.store, listen.id, key_id=listen.key_id)
            if listen.ended:
                break
            try:
                if not _hear_more(own, listen, lease):
                    break
            except TracklistNotFound:
                listens.end(own.store, listen, None)
                raise
    return listens.get(own.store, listen.id, key_id=listen.key_id)


@contextmanager
def _turn(own: Service, listen: Listen) -> Iterator[Lease | None]:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        lease = Lease.acquire(own.store, f"listen:{listen.id}", f"process {os.getpid()}", _LEASE_S)
        if lease is not None or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    try:
        yield lease
    finally:
        if lease is not None:
            lease.release()


def _hear_more(own: Service, listen: Listen, lease: Lease) -> bool:
    """Hear what this process has not heard yet; return whether there was anything to do."""
    catalogue = own.catalogue(listen.catalogue)
    ear = _ear(own, listen, catalogue)
    writer = Writer(own.store, str(listen.tracklist_id))
    try:
        samples = _sound(own, listen, ear, catalogue)
    except AudioError as error:
        if not listen.closing or isinstance(error, DecodeLimit):
            own.ears.put(listen.id, ear)
            if isinstance(error, DecodeLimit):
                raise
            return False  # the beginning of a container, which says nothing yet
        listens.end(own.store, listen, None)
        writer.finish(error=error_of(error))
        raise
    if samples is None and not listen.closing:
        own.ears.put(listen.id, ear)
        return False
    listener = ear.listener
    samples = np.zeros(0, np.float32) if samples is None else samples
    rate = listen.rate or catalogue.config.sample_rate
    samples = samples[: max(0, round(own.settings.recording_seconds * rate) - listener.n_samples)]
    size = round(_BLOCK_S * rate)
    for start in range(0, len(samples), size):
        with own.gate.cpu():
            listener.hear(samples[start : start + size])
        if not lease.renew():
            return False  # this process slept for a minute, and another one goes on
    is_over = listen.closing or listener.heard_s >= own.settings.recording_seconds
    if is_over:
        with own.gate.cpu():
            listener.finish()
    writer.sync((segment.to_dict() for segment in listener.segments()), listener.heard_s)
    listens.heard(own.store, listen, listener.heard_s)
    if is_over:
        listens.end(own.store, listen, None)
        writer.finish()
        return False
    if listener.heard_s - ear.saved_s >= SAVED_S:
        listens.save(own.store, listen, State(ear.pieces, ear.rest, listener.save()))
        ear.saved_s = listener.heard_s
    own.ears.put(listen.id, ear)
    return True


def _ear(own: Service, listen: Listen, catalogue: Catalogue) -> _Ear:
    """Return this process's listener, or one that goes on from the last state that was kept."""
    kept = own.ears.take(listen.id)
    if kept is not None and kept.pieces >= listens.heard_pieces(own.store, listen):
        return kept
    view, rate = catalogue.view(), listen.rate or catalogue.config.sample_rate
    state = listens.state(own.store, listen)
    if state is None:
        return _Ear(Listener(view, rate, lists=lists_of(catalogue)))
    listener = Listener.restore(view, state.data, rate, lists_of(catalogue))
    return _Ear(listener, state.pieces, state.rest, saved_s=listener.heard_s)


def _sound(own: Service, listen: Listen, ear: _Ear, catalogue: Catalogue) -> np.ndarray | None:
    """Return the samples that the ear has not heard; None if there are none, or too few to decode all again."""
    if listen.rate is not None:
        found = listens.pieces(own.store, listen, ear.pieces)
        if not found:
            return None
        content = ear.rest + b"".join(found)
        frame = _SAMPLE_BYTES * (listen.channels or 1)
        whole = len(content) // frame * frame
        ear.pieces, ear.rest = listen.next, content[whole:]
        samples = np.frombuffer(content[:whole], "<i2").reshape(-1, listen.channels or 1)
        return np.asarray(samples.mean(axis=1, dtype=np.float32) / np.float32(_FULL_SCALE))
    if not listen.closing and (ear.pieces == listen.next or listen.n_bytes < GROWTH * ear.decoded_bytes):
        return None
    rate = catalogue.config.sample_rate
    limits = replace(Limits.for_recording(own.settings), max_bytes=MAX_CONTAINER_BYTES)
    audio = own.decoder.decode(listens.content(own.store, listen), limits, rate)
    ear.pieces, ear.decoded_bytes = listen.next, listen.n_bytes
    stop = len(audio.samples) - (0 if listen.closing else round(_EDGE_S * rate))
    return audio.samples[ear.listener.n_samples : max(stop, 0)]
