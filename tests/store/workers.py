"""What other processes do in the tests of the store: ``workers.py ACTION URL ARGUMENTS…``.

Each prints ``ready`` when it is set up and waits for a line on standard input before it starts.
"""

from __future__ import annotations

import sys

from classifier.errors import DuplicateKey
from classifier.store import Store, open_store


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


ACTIONS = {action.__name__: action for action in (schema, count, claim)}

if __name__ == "__main__":
    opened = open_store(sys.argv[2])
    ACTIONS[sys.argv[1]](opened, *sys.argv[3:])
    opened.close()
