"""Copies and versions in a catalogue: which tracks share sound, and which recordings claim one identifier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from classifier.identifiers import UNIQUE
from classifier.index.follower import View
from classifier.index.snapshot import Snapshot
from classifier.results import Track
from classifier.search.overlap import Overlap, overlaps


@dataclass(frozen=True, slots=True)
class Contest:
    """An identifier of one recording that several recordings claim.

    Parameters
    ----------
    name, value : str
        The identifier.
    tracks : list of Track
        One of each recording.
    """

    name: str
    value: str
    tracks: list[Track]


def contested(tracks: Iterable[Track], view: Callable[[], View], *, among: set[str] | None = None) -> list[Contest]:
    """Find identifiers that tracks claim which share no sound to speak of.

    Parameters
    ----------
    tracks : iterable of Track
        All tracks of a catalogue.
    view : callable
        :meth:`~classifier.catalogue.Catalogue.view`; asked only if tracks share an identifier.
    among : set of str, optional
        Ids; only identifiers that one of these claims are looked at.
    """
    claims: dict[tuple[str, str], list[Track]] = {}
    for track in tracks:
        for name in UNIQUE:
            if value := track.ids.get(name):
                claims.setdefault((name, value), []).append(track)
    shared = {
        claim: found
        for claim, found in claims.items()
        if len(found) > 1 and (among is None or any(track.id in among for track in found))
    }
    if not shared:
        return []
    seen = view()
    wanted = {track.id for found in shared.values() for track in found}
    live = frozenset(key for key in seen.snapshot.live if key[0] in wanted)
    same = {frozenset((o.a, o.b)) for o in overlaps(Snapshot(seen.snapshot.segments, live)) if o.relation != "part"}
    contests = []
    for (name, value), found in shared.items():
        recordings: list[list[Track]] = []
        for track in found:
            own = [r for r in recordings if any(frozenset((track.id, other.id)) in same for other in r)]
            rest = [r for r in recordings if r not in own]
            recordings = [*rest, [*(other for r in own for other in r), track]]
        if len(recordings) > 1:
            contests.append(Contest(name, value, [recording[0] for recording in recordings]))
    return contests


def to_dict(overlap: Overlap, track: Callable[[str], Track]) -> dict[str, Any]:
    """Return the JSON object of two tracks that share sound.

    Parameters
    ----------
    overlap : Overlap
        The two.
    track : callable
        Gives a track by its id.
    """

    def named(track_id: str, share: float) -> dict[str, Any]:
        found = track(track_id)
        facts = {name: getattr(found, name) for name in ("title", "artist", "album", "source", "duration_s")}
        return {"track_id": track_id, **facts, "share": round(share, 4)}

    stretches = [{name: round(value, 3) for name, value in asdict(stretch).items()} for stretch in overlap.stretches]
    return {
        "relation": overlap.relation,
        "a": named(overlap.a, overlap.share_a),
        "b": named(overlap.b, overlap.share_b),
        "shared_s": round(overlap.shared_s, 3),
        "agreement": round(overlap.agreement, 4),
        "stretches": stretches,
    }
