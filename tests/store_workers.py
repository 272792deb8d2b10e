"""What other processes do in the tests of the store: ``python -m tests.store_workers ACTION URL ARGUMENTS…``.

Each prints ``ready`` when it is set up and waits for a line on standard input before it starts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count as count_from

from classifier.errors import DuplicateKey, TrackBusy
from classifier.records import tracks
from classifier.records.writing import AlreadyEnrolled, TrackWriter
from classifier.store import Store, open_store
from tests.material import enroll as enroll_one
from tests.material import facts, models, words


def wait() -> None:
    """Tell that everything is set up, and wait for the start."""
    print("ready", flush=True)
    sys.stdin.readline()


def schema(store: Store) -> None:
    """Create the schema."""
    wait()
    store.ensure_schema()
    print("done", flush=True)


def count(store: Store, n: str) -> None:
    """Increment one counter ``n`` times."""
    wait()
    for _ in range(int(n)):
        store.update("leases", {"_id": "counter"}, inc={"n": 1})
    print("done", flush=True)


def claim(store: Store, name: str) -> None:
    """Try to insert documents with unique keys 0 to 29; print how many were ours."""
    wait()
    won = 0
    for i in range(30):
        try:
            store.insert("keys", [{"_id": f"{name}-{i}", "digest": str(i)}])
            won += 1
        except DuplicateKey:
            pass
    print(won, flush=True)


def write(store: Store, first: str) -> None:
    """Enroll, replace and remove tracks without end, and tell of every step; the seed of a track is its version."""
    wait()
    for content in count_from(int(first)):
        for attempt in range(2):
            fields = facts(str(content))
            with TrackWriter.begin(store, fields, owner="writer", lease_seconds=10, replace=attempt > 0) as writer:
                print("begun", flush=True)
                for _ in range(3):
                    writer.add_models(models(40, writer.version))
                    print("models", flush=True)
                writer.add_subfingerprints(words(500, writer.version))
                print("bits", flush=True)
                track = writer.commit()
            print("committed", flush=True)
        if content % 2:
            tracks.remove(store, track.id)
            print("removed", flush=True)


def enroll(store: Store, content: str) -> None:
    """Enroll the same audio as others; print the track's id, or why not."""
    wait()
    try:
        print(enroll_one(store, content, lease_seconds=30), flush=True)
    except AlreadyEnrolled as there:
        print(there.track_id, flush=True)
    except TrackBusy:
        print("busy", flush=True)


ACTIONS: dict[str, Callable[..., None]] = {action.__name__: action for action in (schema, count, claim, write, enroll)}

if __name__ == "__main__":
    opened = open_store(sys.argv[2])
    ACTIONS[sys.argv[1]](opened, *sys.argv[3:])
    opened.close()
