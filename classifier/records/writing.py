"""Writing a track so that readers never see half of one.

Conventions
-----------
- A writer inserts the track's record with status ``writing`` and a lease, then the chunks, and finally sets the status
  to ``ready`` on condition that it still holds the lease. The record's unique key, catalogue and content hash, admits
  only one of several writers of the same audio.
- Replacing a track leaves the record ``ready`` in the old version, writes the chunks of the new one, switches, and
  deletes the old chunks. Fields that a person set by hand are kept unless they are given by hand again.
- ``attempts`` is the highest version ever given to a writer: each attempt has its own version, so that a writer that
  was thought dead cannot write among the chunks of its successor.
- A crash leaves a record with an expired lease, or chunks without a record; the next writer of the same audio, or
  ``orphans.py``, cleans up.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np

from classifier.errors import (
    CatalogueNotFound,
    Conflict,
    DuplicateKey,
    EarmarkError,
    InvalidParameter,
    StoreFailed,
    TrackBusy,
    TrackNotFound,
    Unavailable,
)
from classifier.identifiers import IDENTIFIERS
from classifier.records import chunks
from classifier.records.catalogues import bump_revision, get_catalogue, mark_removed, purge
from classifier.records.clock import Clock, iso
from classifier.records.fields import text_fields, with_search
from classifier.records.tracks import get_track, set_by_hand, to_track
from classifier.results import Track
from classifier.store.base import Document, Store
from classifier.text import MAX_NAME, clean

_TEXTS = ("title", "artist", "album", *IDENTIFIERS, "source", "metadata")
_OPTIONAL: dict[str, Any] = {
    "artist": None,
    "album": None,
    **dict.fromkeys(IDENTIFIERS),
    "metadata": {},
    "file_hash": "",
    "packet_hash": "",
    "by_hand": (),
    "remarks": (),
}
_REQUIRED = ("catalogue", "content_hash", "title", "source", "duration_s")
_ATTEMPTS = 20


class AlreadyEnrolled(Conflict):
    """The audio is already in the catalogue.

    Attributes
    ----------
    track_id : str
        The track with this audio.
    """

    name = "already_enrolled"

    def __init__(self, track_id: str) -> None:
        super().__init__(f"this audio is already enrolled as track {track_id!r}")
        self.track_id = track_id


class TrackWriter:
    """Writes one track; made by :meth:`begin`.

    Use it in a ``with`` block: leaving it without :meth:`commit` deletes what was written.

    Attributes
    ----------
    track_id : str
        The track's id, which it keeps when it is replaced.
    version : int
        The version that is being written.
    """

    def __init__(self, store: Store, record: Document, fields: Document, lease_seconds: float, now: Clock) -> None:
        self.track_id: str = record["_id"]
        self.version: int = record["attempts"]
        self._store = store
        self._fields = fields
        self._token: str = record["lease_token"]
        self._expires: float = record["lease_expires"]
        self._seconds = lease_seconds
        self._now = now
        self._n_chunks = dict.fromkeys(chunks.COUNTS, 0)
        self._n_rows = dict.fromkeys(chunks.COUNTS, 0)
        self._layouts: dict[str, list[Any]] = {}
        self._is_open = True

    # ---------------------------------------------------------------- beginning

    @classmethod
    def begin(
        cls,
        store: Store,
        fields: Mapping[str, Any],
        *,
        owner: str,
        lease_seconds: float = 60.0,
        replace: bool = False,
        track_id: str | None = None,
        first_version: int = 1,
        now: Clock = time.time,
    ) -> TrackWriter:
        """Start writing a track, if no other process is.

        Parameters
        ----------
        store : Store
            Where it will be stored.
        fields : mapping
            ``catalogue``, ``content_hash``, ``title``, ``source`` and ``duration_s``; ``artist``, ``album``,
            identifiers, ``metadata`` (str to str), ``file_hash``, ``packet_hash``, ``created`` if known; ``by_hand``,
            the names of fields that a person gave; ``remarks`` on the file; ``catalogue_id`` to make sure that the
            catalogue has not been removed and created again since its configuration was read.
        owner : str
            Who writes; shown to people who look into the store.
        lease_seconds : float
            How long the writer may be silent before another may take over.
        replace : bool
            Whether to replace a track that exists.
        track_id : str or None
            Id of a new track, if it is free; otherwise a new id is made.
        first_version : int >= 1
            Version of a new track.
        now : callable
            Clock for the expiry of leases, Unix seconds.

        Returns
        -------
        TrackWriter
            Holding the lease.

        Raises
        ------
        AlreadyEnrolled
            If the track exists and ``replace`` is False.
        TrackBusy
            If another process is writing this track.
        CatalogueNotFound
            If there is no such catalogue.
        InvalidParameter
            If a field is missing, unknown or of the wrong type.
        """
        body = _body(fields, now)
        catalogue_id = get_catalogue(store, body["catalogue"]).id
        if body.setdefault("catalogue_id", catalogue_id) != catalogue_id:
            raise _catalogue_gone(body["catalogue"])
        key = {"catalogue": body["catalogue"], "content_hash": body["content_hash"]}
        for _ in range(_ATTEMPTS):
            moment = now()
            lease = {"lease_owner": owner, "lease_token": uuid.uuid4().hex, "lease_expires": moment + lease_seconds}
            record = {**_new_record(track_id, first_version), **with_search(body), **lease}
            try:
                store.insert("tracks", [record])
                return cls(store, record, body, lease_seconds, now)
            except DuplicateKey:
                existing = next(store.find("tracks", key, limit=1), None)
            if existing is None:
                if track_id is not None and store.get("tracks", track_id) is not None:
                    track_id = None  # taken by other audio
                continue
            if existing["catalogue_id"] != catalogue_id:
                if get_catalogue(store, body["catalogue"]).id != catalogue_id:
                    raise _catalogue_gone(body["catalogue"])
                # Left behind by a removed catalogue of the same name.
                mark_removed(store, existing["_id"], catalogue_id=existing["catalogue_id"])
                purge(store, existing["_id"])
            elif existing["status"] == "removing":
                purge(store, existing["_id"])
            elif existing["status"] == "merged":
                try:
                    raise AlreadyEnrolled(get_track(store, existing["_id"]).id)
                except TrackNotFound:  # what it was merged into was removed
                    mark_removed(store, existing["_id"], status="merged")
                    purge(store, existing["_id"])
            elif existing["status"] == "ready" and not replace:
                raise AlreadyEnrolled(existing["_id"])
            elif existing["lease_expires"] >= moment:
                raise TrackBusy(f"track {existing['_id']!r} is being written by another process: try again later")
            else:
                mine = _take_over(store, existing, moment, lease, body)
                if mine is not None:
                    if existing["status"] == "ready" and "created" not in fields:
                        body["created"] = existing["created"]
                    return cls(store, mine, body, lease_seconds, now)
        raise TrackBusy("this audio is being written and removed by other processes: try again later")

    # ---------------------------------------------------------------- writing

    def renew(self) -> None:
        """Extend the lease to its full length from now; call this before work that takes about as long.

        Raises
        ------
        TrackBusy
            If another process has taken over.
        TrackNotFound
            If the track was removed.
        CatalogueNotFound
            If its catalogue was removed.
        """
        self._check_open()
        expires = self._now() + self._seconds
        if self._store.update("tracks", self._mine, set={"lease_expires": expires}) is None:
            raise self._refusal()
        self._expires = expires

    def add_models(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write models of the next windows; the first call fixes names, dtypes and shapes.

        Parameters
        ----------
        arrays : mapping of str to np.ndarray
            One row for each window, all with the same number of rows.

        Raises
        ------
        InvalidParameter
            If rows, names, dtypes or shapes do not fit.
        TrackBusy, TrackNotFound, CatalogueNotFound
            As :meth:`renew`.
        """
        self._add("models", arrays)

    def add_slots(self, means: np.ndarray) -> None:
        """Write the next slots.

        Parameters
        ----------
        means : np.ndarray, shape (n_slots, d), int8, or packed, uint8
            One row for each slot.

        Raises
        ------
        InvalidParameter
            For another dtype or shape.
        TrackBusy, TrackNotFound, CatalogueNotFound
            As :meth:`renew`.
        """
        if means.ndim != 2 or means.dtype not in (np.int8, np.uint8):
            raise InvalidParameter(
                f"slots are {means.dtype} {means.shape}: they must be int8 (slots, coefficients), or uint8 if packed"
            )
        self._add("slots", {chunks.MEANS: means})

    def add_subfingerprints(self, words: np.ndarray) -> None:
        """Write the next sub-fingerprints.

        Parameters
        ----------
        words : np.ndarray, shape (n_frames, 2), uint64
            One row for each frame.

        Raises
        ------
        InvalidParameter
            For another dtype or shape.
        TrackBusy, TrackNotFound, CatalogueNotFound
            As :meth:`renew`.
        """
        if words.ndim != 2 or words.shape[1] != 2 or words.dtype.kind != "u" or words.dtype.itemsize != 8:
            raise InvalidParameter(f"sub-fingerprints are {words.dtype} {words.shape}: they must be uint64 (frames, 2)")
        self._add("subfingerprints", {chunks.WORDS: words})

    def _add(self, collection: str, arrays: Mapping[str, np.ndarray]) -> None:
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        n_rows = chunks.count_rows(arrays)
        layout = [(name, array.dtype.newbyteorder("<"), array.shape[1:]) for name, array in arrays.items()]
        if self._layouts.setdefault(collection, layout) != layout:
            raise InvalidParameter(f"{collection} of a track must keep their names, dtypes and shapes")
        cut = chunks.cut(
            collection,
            arrays,
            track_id=self.track_id,
            version=self.version,
            token=self._token,
            number=self._n_chunks[collection],
            start=self._n_rows[collection],
        )
        self._check_open()
        for chunk in cut:
            if self._expires - self._now() < 0.7 * self._seconds:
                self.renew()
            self._store.insert(collection, [chunk])
            self._n_chunks[collection] += 1
        self._n_rows[collection] += n_rows

    # ---------------------------------------------------------------- ending

    def commit(self, **changes: Any) -> Track:
        """Make the track visible to readers.

        Parameters
        ----------
        **changes
            Fields that are known better now than at :meth:`begin`, such as ``duration_s``.

        Returns
        -------
        Track
            As readers see it.

        Raises
        ------
        TrackBusy, TrackNotFound, CatalogueNotFound
            As :meth:`renew`; what was written is deleted.
        StoreUnavailable
            If the store does not answer. The track may or may not be stored then; writing it again shows which.
        """
        self._check_open()
        self._fields = {**self._fields, **_checked_fields(changes)}
        final = {
            "status": "ready",
            "version": self.version,
            "version_token": self._token,
            **{n_chunks: self._n_chunks[collection] for collection, (n_chunks, _) in chunks.COUNTS.items()},
            **{n_rows: self._n_rows[collection] for collection, (_, n_rows) in chunks.COUNTS.items()},
            **_NO_LEASE,
        }
        record = None
        while record is None:
            before = self._store.get("tracks", self.track_id)
            if before is None or before["lease_token"] != self._token:
                raise self._refusal()
            # If the replaced track is edited meanwhile, read it again.
            where = {**self._mine, "edited": before["edited"]}
            record = self._store.update("tracks", where, set={**_with_kept(self._fields, before), **final})
        self._is_open = False
        if not bump_revision(self._store, record["catalogue_id"]):
            mark_removed(self._store, self.track_id, catalogue_id=record["catalogue_id"])
            purge(self._store, self.track_id)
            raise _catalogue_gone(record["catalogue"])
        if self.version > 1:
            chunks.delete_chunks(self._store, self.track_id, version={"$lt": self.version})
        return to_track(record)

    def abort(self) -> None:
        """Delete what was written; a track that was being replaced stays as it was."""
        self._is_open = False
        if mark_removed(self._store, self.track_id, lease_token=self._token, status="writing"):
            purge(self._store, self.track_id)
            return
        self._store.update("tracks", self._mine, set=_NO_LEASE)
        record = self._store.get("tracks", self.track_id)
        if record is None or record["version"] != self.version:  # otherwise the commit succeeded after all
            chunks.delete_chunks(self._store, self.track_id, token=self._token)

    @property
    def _mine(self) -> dict[str, str]:
        return {"_id": self.track_id, "lease_token": self._token}

    def _check_open(self) -> None:
        if not self._is_open:
            raise InvalidParameter(f"the writer of track {self.track_id!r} has ended: start a new one")

    def _refusal(self) -> EarmarkError:
        """Delete what was written; return why writing cannot continue."""
        self.abort()
        catalogue = self._fields["catalogue"]
        if get_catalogue(self._store, catalogue).id != self._fields["catalogue_id"]:
            return _catalogue_gone(catalogue)
        record = self._store.get("tracks", self.track_id)
        if record is None or record["status"] == "removing":
            return TrackNotFound(f"track {self.track_id!r} was removed while it was being written")
        return TrackBusy(f"track {self.track_id!r} was taken over by another process: the lease had expired")

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_open:
            with suppress(StoreFailed, Unavailable):  # the lease will expire, and ``orphans.py`` cleans up
                self.abort()


def _with_kept(fields: Document, before: Document) -> Document:
    """Return the fields, with earlier ones that were set by hand and are not given by hand now, and ``folded``."""
    kept = {name: before[name] for name in set_by_hand(before) if name not in fields["by_hand"]}
    return with_search({**fields, **kept, "by_hand": set_by_hand(fields, kept)})


def _catalogue_gone(name: str) -> CatalogueNotFound:
    return CatalogueNotFound(f"catalogue {name!r} was removed while a track was being written")


_NO_LEASE = {"lease_owner": "", "lease_token": "", "lease_expires": 0.0}


def _new_record(track_id: str | None, first_version: int) -> Document:
    return {
        "_id": track_id or uuid.uuid4().hex,
        "status": "writing",
        "version": 0,
        "version_token": "",
        "attempts": first_version,
        "edited": 0,
        **{name: 0 for names in chunks.COUNTS.values() for name in names},
    }


def _take_over(store: Store, existing: Document, moment: float, lease: Document, body: Document) -> Document | None:
    """Take over from a dead writer, or start replacing a ready track; None if another process was faster."""
    where = {
        "_id": existing["_id"],
        "status": existing["status"],
        "lease_token": existing["lease_token"],
        "lease_expires": {"$lt": moment},
    }
    # Readers still see a ready track: its fields change only with the commit.
    change = lease if existing["status"] == "ready" else {**with_search(body), **lease}
    record = store.update("tracks", where, set=change, inc={"attempts": 1})
    if record is not None and record["attempts"] - record["version"] > 1:
        current = {"$ne": record["version"], "$lt": record["attempts"]}
        chunks.delete_chunks(store, record["_id"], version=current)
    return record


def _body(fields: Mapping[str, Any], now: Clock) -> Document:
    missing = [name for name in _REQUIRED if fields.get(name) is None]
    if missing:
        raise InvalidParameter(f"a track needs {', '.join(missing)}")
    return _checked_fields({"created": iso(now()), **_OPTIONAL, **fields})


def _checked_fields(fields: Mapping[str, Any]) -> Document:
    for name in fields:
        if name not in (*_REQUIRED, *_OPTIONAL, "created", "catalogue_id"):
            raise InvalidParameter(f"a track has no field {name!r}")
    checked = text_fields({name: value for name, value in fields.items() if name in _TEXTS})
    if "by_hand" in fields:
        checked["by_hand"] = set_by_hand(fields)
    if "remarks" in fields:
        checked["remarks"] = [clean(remark, MAX_NAME) for remark in fields["remarks"]]
    return {name: checked.get(name, value) for name, value in fields.items()}
