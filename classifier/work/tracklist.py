"""Jobs of the kind ``tracklist``: an uploaded recording of any length is listened to.

Every :data:`~classifier.listening.files.CHECKPOINT_S` seconds of sound are a step. With each, what the listener
knows is put beside the upload, and what it found into the tracklist; whoever goes on after a death decodes the
recording again, which takes little, and listens on from there. A step done twice finds the same segments under the
same names.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.errors import DecoderUnavailable, EarmarkError, FileMissing, TracklistNotFound, WeightsMissing
from classifier.labels.hearing import Progress
from classifier.listening.engine import Listener
from classifier.listening.files import CHECKPOINT_S, after, lists_of
from classifier.listening.options import RECORDED
from classifier.listening.segments import Segment
from classifier.records import tracklists
from classifier.records.tracklist_writing import Writer
from classifier.settings import Settings
from classifier.store.base import Document, Store
from classifier.work import jobs, webhooks
from classifier.work.jobs import error_of, not_labelled
from classifier.work.spool import Spool, Upload
from classifier.work.worker import PASSING, Claim

log = logging.getLogger("earmark.jobs")

KIND = "tracklist"


def submit(
    store: Store, spool: Spool, job_id: str, catalogue: str, upload: Upload, tasks: Sequence[str] = ()
) -> Document:
    """Store a job that listens to ``upload``, which lies in the folder of ``job_id``, and the tracklist that it fills.

    Parameters
    ----------
    store : Store
        Where both are kept.
    spool : Spool
        Where the folder is.
    job_id : str
        As :meth:`Spool.open` gave it.
    catalogue : str
        Name of the catalogue whose tracks are listened for.
    upload : Upload
        The recording.
    tasks : sequence of str
        What to say of the sound of each segment; none: nothing.

    Returns
    -------
    dict
        The job's document.
    """
    tracklist_id = tracklists.create(store, catalogue, file=upload.name, job=job_id)
    task = {
        "catalogue": catalogue,
        "tracklist": tracklist_id,
        "name": upload.name,
        "stored": upload.path.name,
        "bytes": upload.size,
        "tasks": list(tasks),
    }
    state = {"saved": "", "seconds": 0.0}
    return jobs.submit(store, KIND, task, state=state, total=0, job_id=job_id, spool=spool.name)


def to_dict(document: Document) -> dict[str, Any]:
    """Return the JSON object of a job's document; ``total`` and ``done`` are seconds of the recording."""
    task = document["task"]
    return {**jobs.to_dict(document), "catalogue": task["catalogue"], "tracklist": task["tracklist"]}


#: Labels segments of a recording for tasks: ``label(decoder, path, tasks, segments, progress)``.
LabelSegments = Callable[[Decoder, Path, Sequence[str], Sequence[Segment], Progress], list[Segment]]


class DecoderDied(Exception):
    """A decoder was killed at work, which may be the machine's fault or the recording's."""


class Tracklists:
    """Listens to the recordings of jobs.

    Parameters
    ----------
    store : Store
        Where tracklists are kept.
    spool : Spool
        Where the recordings lie.
    settings : Settings
        Their limits.
    decoder : Decoder
        Decodes them.
    catalogue : callable
        ``catalogue(name)`` returns the catalogue to listen for.
    label : callable
        Labels segments (:meth:`classifier.work.label.Labels.segments`).
    checkpoint_s : float > 0
        Seconds of sound in a step.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        settings: Settings,
        decoder: Decoder,
        catalogue: Callable[[str], Catalogue],
        label: LabelSegments,
        *,
        checkpoint_s: float = CHECKPOINT_S,
    ) -> None:
        self._store = store
        self._spool = spool
        self._limits = Limits.for_recording(settings)
        self._decoder = decoder
        self._catalogue = catalogue
        self._label = label
        self._checkpoint_s = checkpoint_s

    def run(self, claim: Claim) -> None:
        """Listen to what is left of the recording."""
        try:
            self._listen(claim)
        except DecoderUnavailable as error:
            # It may be the recording that kills decoders: this counts as a death, and deaths are counted.
            raise DecoderDied(str(error)) from None
        except PASSING:
            raise
        except EarmarkError as error:
            self._fail(claim, error)
            raise

    def give_up(self, claim: Claim) -> None:
        """Say that the recording failed."""
        error = EarmarkError("the service stopped on this recording again and again; it is given up")
        self._fail(claim, error)
        raise error

    def _fail(self, claim: Claim, error: EarmarkError) -> None:
        with contextlib.suppress(TracklistNotFound):
            Writer(self._store, claim.task["tracklist"]).finish(error=error_of(error))
            webhooks.announce(self._store, "tracklist.finished", claim.task["tracklist"])

    def _listen(self, claim: Claim) -> None:
        path = self._spool.root / claim.id / claim.task["stored"]
        if not path.is_file():
            raise FileMissing("the upload is gone: send it again")
        writer = Writer(self._store, claim.task["tracklist"])
        catalogue = self._catalogue(claim.task["catalogue"])
        if not claim.state["saved"]:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            tracklists.identify(self._store, writer.id, digest)
        listener = self._listener(claim, catalogue)
        begun, before = time.perf_counter(), claim.state["seconds"]
        with self._decoder.stream(path, self._limits, catalogue.config.sample_rate) as stream:
            checkpoint = listener.heard_s + self._checkpoint_s
            for block in after(stream, listener.n_samples):
                listener.hear(block)
                if listener.heard_s >= checkpoint or claim.stopping:
                    checkpoint = listener.heard_s + self._checkpoint_s
                    seconds = before + time.perf_counter() - begun
                    self._step(claim, writer, listener, seconds, stream.promised_s)
                    claim.check()
            info = stream.info
        listener.finish()
        segments, remarks = self._labelled(claim, path, listener.segments())
        writer.sync((segment.to_dict() for segment in segments), listener.heard_s)
        total = before + time.perf_counter() - begun
        writer.finish(seconds={"total": round(total, 3)}, remarks=[*info.remarks, *remarks])
        webhooks.announce(self._store, "tracklist.finished", writer.id)
        whole = round(listener.heard_s)
        claim.advance(whole, {**claim.state, "seconds": total}, total=whole)

    def _labelled(self, claim: Claim, path: Path, found: Sequence[Segment]) -> tuple[Sequence[Segment], list[str]]:
        """Return the segments with labels, if any are asked for; without, and with a remark, where that fails."""
        tasks = claim.task.get("tasks")  # jobs of earlier releases have none
        if not tasks:
            return found, []
        try:
            return self._label(self._decoder, path, tasks, found, lambda heard_s, promised_s: claim.check()), []
        except EarmarkError as error:
            if isinstance(error, PASSING) and not isinstance(error, WeightsMissing):
                raise
            return found, [not_labelled("the segments have no labels", error)]

    def _listener(self, claim: Claim, catalogue: Catalogue) -> Listener:
        """Return a listener that knows what the last step left, or one that has heard nothing yet."""
        view, rate = catalogue.view(), catalogue.config.sample_rate
        saved = claim.state["saved"]
        if saved:
            try:
                data = (self._spool.root / claim.id / saved).read_bytes()
                return Listener.restore(view, data, rate, lists_of(catalogue))
            except (OSError, EarmarkError) as error:
                # The catalogue may have changed, or this release be another: nothing is lost but time.
                log.warning("job %s begins anew: what its last step left cannot be used (%s)", claim.id, error)
        return Listener(view, rate, RECORDED, lists_of(catalogue))

    def _step(self, claim: Claim, writer: Writer, listener: Listener, seconds: float, promised_s: float) -> None:
        """Put down what is known: first what to go on from, then what was found, then that it is so."""
        old, new = claim.state["saved"], f"heard-{listener.n_samples}"
        folder = self._spool.root / claim.id
        _write(folder / new, listener.save())
        writer.sync((segment.to_dict() for segment in listener.segments()), listener.heard_s)
        done = round(listener.heard_s)
        state = {"saved": new, "seconds": seconds}
        claim.advance(done, state, total=max(done, round(promised_s)))
        claim.state.update(state)
        if old and old != new:
            (folder / old).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or not at all, also after a power cut."""
    aside = path.with_name(f"{path.name}.new")
    with open(aside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
