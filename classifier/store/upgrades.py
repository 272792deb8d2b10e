"""What documents of an older schema lack: stores fill it in once, when a newer Earmark first opens them.

Schema 2 searches tracks by the field ``folded``, and tells from ``by_hand`` which fields a person has set. Schema 3 has
the same fields, since stores were marked with 2 before all of them existed, and indexes tags by the key that made them.
Schemas 4 and 5 add collections: segments of tracklists and monitors; Chromaprint fingerprints, allowances, webhooks,
recordings and maps. Schema 5 also has new tags say which tracks they name. Schema 6 indexes tags by device,
schema 7 tracks by artist and by album. Schema 9 searches tracklists, and lists them in several orders.
"""

from __future__ import annotations

from classifier.identifiers import IDENTIFIERS
from classifier.store.base import Document
from classifier.text import searched

#: Collections whose documents have changed since schema 1.
COLLECTIONS = ("tracks", "tracklists")

#: Fields of a track that are searched, and that people may edit.
SEARCHED = ("title", "artist", "album", *IDENTIFIERS, "source")
EDITABLE = ("title", "artist", "album", *IDENTIFIERS, "metadata")
_EDITABLE_1 = ("title", "artist", "album", "isrc", "metadata")


def lacking(collection: str, document: Document) -> Document:
    """Return the fields of the newest schema that a document has not got, with their values.

    Schema 1 counted edits of tracks but did not say of what: after one, every field counts as set by hand. What an
    earlier release heard in a recording is in no text that is searched, but its name is.
    """
    fields: Document = (
        {
            "folded": searched(document.get(name) for name in SEARCHED),
            "by_hand": list(_EDITABLE_1) if document.get("edited") else [],
            "packet_hash": "",
        }
        if collection == "tracks"
        else {"folded": searched(document.get(name) for name in ("file", "monitor"))}
    )
    return {name: value for name, value in fields.items() if name not in document}
