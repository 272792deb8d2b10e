"""Works on jobs of the kind ``tracklist`` in a process of its own, until it is killed::

python -m tests.work.listening DATA_DIR CHECKPOINT_S
"""

from __future__ import annotations

import contextlib
import sys
import time

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.records import tracklists
from classifier.settings import Settings
from classifier.store import Store, open_store
from classifier.work import label, tracklist
from classifier.work.spool import Spool
from classifier.work.worker import Claim, Worker


class Slow(tracklist.Tracklists):
    """Says after each step how far it is, and takes some time over it."""

    def _step(self, claim: Claim, *arguments: object) -> None:
        super()._step(claim, *arguments)  # type: ignore[arg-type]
        found = tracklists.document(self._store, claim.task["tracklist"])
        print(found["duration_s"], flush=True)
        time.sleep(0.3)


def handler(
    store: Store, settings: Settings, decoder: Decoder, catalogue: Catalogue, checkpoint_s: float, *, slow: bool = False
) -> tracklist.Tracklists:
    """Return what carries the jobs out."""
    kind = Slow if slow else tracklist.Tracklists
    labels = label.Labels(settings, lambda name: contextlib.nullcontext(catalogue))
    opened = store, Spool(settings), settings, decoder
    return kind(*opened, lambda name: catalogue, labels.segments, checkpoint_s=checkpoint_s)


def main(data_dir: str, checkpoint_s: str) -> None:
    """Work until killed."""
    settings = Settings(data_dir=data_dir, lease_seconds=1.0)
    store = open_store(settings.store)
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, store=store, decoder=decoder) as catalogue:
        listening = handler(store, settings, decoder, catalogue, float(checkpoint_s), slow=True)
        worker = Worker(store, Spool(settings), settings, {tracklist.KIND: listening}, poll_seconds=0.05)
        worker.start()
        time.sleep(90)


if __name__ == "__main__":
    main(*sys.argv[1:])
