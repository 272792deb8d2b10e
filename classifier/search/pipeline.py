"""The search: a snippet against a snapshot, from divergence through alignment to a verdict.

The same function serves the command line, the service, tracklists and the benchmark. Three methods decide:

- ``auto``: fingerprints are aligned with the tracks, those of least divergence first; their E-value decides.
- ``kl``: only the divergence of mixtures that keep time; its E-value decides.
- ``kl-mixture``: the divergence of six-component mixtures, which ignores order, as in Synced.fm.
"""

from __future__ import annotations

from collections.abc import Callable

from classifier.config import FeatureConfig
from classifier.errors import InvalidParameter
from classifier.index.snapshot import Snapshot
from classifier.models.query import Query, Recording
from classifier.results import Near, Searched, Tag, Track
from classifier.search import alike
from classifier.search.alignments import SpeedHypothesis
from classifier.search.by_divergence import by_mixtures, by_slots
from classifier.search.by_fingerprints import by_fingerprints
from classifier.search.indexed import EVERYTHING, readings
from classifier.search.options import Options
from classifier.search.passes import Here, Passes, Plan
from classifier.search.state import Answer, Search

#: Tracks listed as sounding alike.
_NEAREST = 10

_METHODS: dict[str, Callable[[Search, alike.Alike], Answer]] = {
    "auto": by_fingerprints,
    "kl": by_slots,
    "kl-mixture": by_mixtures,
}


def identify(
    query: Query,
    snapshot: Snapshot,
    lookup: Callable[[str], Track],
    config: FeatureConfig,
    options: Options | None = None,
    recording: Recording | None = None,
    passes: Passes | None = None,
) -> Tag:
    """Identify a snippet.

    Parameters
    ----------
    query : Query
        The snippet's models.
    snapshot : Snapshot
        The tracks it may come from.
    lookup : callable
        Returns a track by its id.
    config : FeatureConfig
        The catalogue's.
    options : Options, optional
        How to decide.
    recording : Recording, optional
        The snippet's sound; without it, only its own speed can be searched.
    passes : Passes, optional
        Who compares with the whole snapshot; default this process.

    Returns
    -------
    Tag
        With ``seconds`` for the stages done here: ``divergence``, ``align`` and ``decide``.

    Raises
    ------
    InvalidParameter
        For ``kl-mixture`` in a compact catalogue.
    """
    passes = passes or Here(snapshot, config)
    search = Search(query, recording, snapshot, lookup, config, options or Options(), passes)
    method, indexed, rough = search.options.method, search.is_indexed, search.is_nearest_rough
    if method == "kl-mixture" and config.is_compact:
        raise InvalidParameter("a compact catalogue keeps no mixtures: ask for method auto or kl")
    if method == "auto":
        search.hypothesis = SpeedHypothesis.of(query.fingerprint, step=config.words_step)
    reading = readings(config)[0] if method == "auto" else EVERYTHING
    passes.expect(Plan(query, method, indexed, rough, search.is_exhaustive, search.hypothesis, reading))
    similar = passes.alike(query, some=rough)
    search.alike = [int(number) for number in similar.order()[:_NEAREST]]
    near = _nearest(search, similar)
    answer = _METHODS[search.options.method](search, similar)
    search.lap("decide")
    drawn = {
        **dict.fromkeys(("alignment", "divergence", "along", "stripe", "mixtures")),
        **answer.charts,
        "nearest": [{"track_id": n.track_id, "title": n.title, "divergence": n.divergence} for n in near],
    }
    n_windows = snapshot.n_windows if len(query.start_s) else 0
    complete = answer.complete and passes.share == 1.0
    exact = passes.share == 1.0 and not (rough and near)
    searched = Searched(
        n_windows, answer.aligned_tracks, complete, answer.other_speeds, exact, passes.share, answer.wide
    )
    return Tag(
        answer.verdict, method, answer.matches, near, searched, search.seconds, query.duration_s, drawn, answer.tied
    )


def _nearest(search: Search, similar: alike.Alike) -> list[Near]:
    """Tracks that sound alike, each with its window nearest to the snippet's first."""
    near = []
    windows = alike.whole_windows(search.query)
    frame_s = search.config.frame_step / search.config.sample_rate
    for number in search.alike:
        segment, entry = search.snapshot.items[number]
        window = int(alike.paired(windows, segment, entry)[0])
        start_s = float(segment.of(entry, "window_frame")[window]) * frame_s
        track = search.track(number)
        value = float(similar.divergence[number])
        near.append(Near(track.id, track.title, track.artist, track.source, value, start_s))
    return near
