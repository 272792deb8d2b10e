"""Measure what chance can do to divergence, and calibrate the verdicts of ``method=kl`` and ``method=kl-mixture``.

Snippets of the development set are compared with development tracks that they cannot come from. How often places
reach each z, and the rate of the tail, become tables for divergence that keeps time, one for each class of lengths;
snippets with and without their own track calibrate the odds that the first track is right. All of it goes into
``classifier/data/null-3.json``::

    python -m bench.fit.divergences             # some minutes
"""

from __future__ import annotations

import argparse
import bisect
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from rich.progress import track as progress
from sklearn.linear_model import LogisticRegression

from bench import corpus, queries
from bench.asking import segment_folder
from bench.conditions import CONDITIONS
from bench.fit.null import RENDERED, Z_EDGES, fit_tail, shared_groups
from bench.material import load_material
from classifier.config import FeatureConfig
from classifier.data import FOLDER
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures import slots
from classifier.mixtures.divergence import Packed
from classifier.models.background import builtin_background
from classifier.models.query import Query, model_query
from classifier.search import alike, null
from classifier.search.by_divergence import AUDIBLE_SHARE, SLOT_SPEEDS
from classifier.search.ranking import rank

#: Slots at which classes of lengths meet: about 4 and 7.5 seconds.
BOUNDS = (30, 60)
LENGTHS = (3.0, 5.0, 10.0)
_SEED = 103


@dataclass(frozen=True, slots=True)
class Heard:
    """What one snippet shows.

    Parameters
    ----------
    counts : np.ndarray
        Foreign places by z.
    kind : int
        Class of its length.
    log10_places : float
        Log10 of the places compared.
    z, foreign_z : float
        Of the best track, and of the best that cannot be right.
    right : bool
        Whether the best one is right.
    alike, foreign_alike : tuple of float
        What ``null.stands_out`` says of the first track by mixtures, and of the first foreign one.
    alike_right : bool
    """

    counts: np.ndarray
    kind: int
    log10_places: float
    z: float
    foreign_z: float
    right: bool
    alike: tuple[float, float] | None
    foreign_alike: tuple[float, float] | None
    alike_right: bool


def references() -> list[corpus.Reference]:
    """Development tracks that share no instrument samples with each other."""
    return [r for r in corpus.development() if r.package not in RENDERED]


@lru_cache(maxsize=1)
def _snapshot(folder: str) -> Snapshot:
    segment = Segment.load(Path(folder))
    return Snapshot((segment,), frozenset(e.key for e in segment.entries))


def hear(query: queries.Query, folder: str, shared: dict[str, set[str]]) -> Heard | None:
    """Compare one snippet with every track; None for silence and lone tones, which divergence never names."""
    config = FeatureConfig()
    snapshot = _snapshot(folder)
    samples = queries.render(query, material=load_material("development"))
    model = model_query(np.asarray(samples, np.float32), config, builtin_background())
    if model.fingerprint.audible_share < AUDIBLE_SHARE:
        return None
    own = shared.get(str(query.reference_id), set())
    if query.reference_id is not None:
        # Music of one hand, on the same instruments, returns to the same phrases: no chance, and no other recording.
        own = own | {r.id for r in references() if r.package == corpus.find(query.reference_id).package}
    ranking = rank(model, snapshot, config)
    ids = [entry.track_id for _, entry in snapshot.items]
    foreign = np.array([track_id not in own for track_id in ids])
    counts = np.zeros(len(Z_EDGES) + 1, np.int64)
    # The same mean and spread as in a search; then the counts of foreign places only.
    values = [slots.similarities(model.slots, seg.of(entry, "slots")) for seg, entry in snapshot.items]
    values = [similarity[np.isfinite(similarity)] for similarity in values]
    everything = np.concatenate(values) if values else np.zeros(0)
    mean, spread = (float(everything.mean()), float(everything.std())) if everything.size else (0.0, 1.0)
    for track_id, similarity in zip(ids, values, strict=True):
        if track_id not in own and spread > 0:
            z = (similarity - mean) / spread
            counts += np.bincount(np.searchsorted(Z_EDGES, z, side="right"), minlength=len(counts))
    best = int(np.argmax(ranking.z))
    by_mixtures = _mixtures(model, snapshot)
    strangers = [(d, name) for d, name in by_mixtures if name not in own]
    return Heard(
        counts=counts,
        kind=bisect.bisect(BOUNDS, ranking.n_slots),
        log10_places=float(np.log10(max(1, ranking.n_places) * (1 + len(SLOT_SPEEDS)))),
        z=float(ranking.z[best]),
        foreign_z=float(ranking.z[foreign].max(initial=-np.inf)),
        right=ids[best] in shared.get(str(query.reference_id), set()),
        alike=_facts(by_mixtures),
        foreign_alike=_facts(strangers),
        alike_right=bool(by_mixtures) and by_mixtures[0][1] in shared.get(str(query.reference_id), set()),
    )


def _mixtures(model: Query, snapshot: Snapshot) -> list[tuple[float, str]]:
    similar, found = alike.compare(model, snapshot), []
    windows, mixtures = alike.whole_windows(model), Packed.of(model.mixtures)
    for number in similar.order()[: alike.SHORTLIST + 1]:
        segment, entry = snapshot.items[number]
        rows = alike.paired(windows, segment, entry)
        found.append((alike.mixture_divergence(mixtures, segment, entry, rows), entry.track_id))
    return sorted(found)


def _facts(found: list[tuple[float, str]]) -> tuple[float, float] | None:
    return null.stands_out(np.log([d for d, _ in found])) if len(found) >= null.FEW else None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-cell", type=int, default=24, help="snippets for each condition and length (24)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=FOLDER / "null-3.json")
    arguments = parser.parse_args()
    refs = references()
    folder = str(segment_folder(refs))
    planned: list[queries.Query] = []
    for name in CONDITIONS:
        condition = CONDITIONS[name]
        if not condition.music_free and condition.speed == 1.0 and condition.pitch is None:
            planned += queries.plan(refs, [name], LENGTHS, arguments.per_cell, _SEED + len(planned))
    for name in CONDITIONS:
        if CONDITIONS[name].music_free:
            planned += queries.plan([], [name], LENGTHS, arguments.per_cell, _SEED + len(planned))
    with ProcessPoolExecutor(arguments.jobs) as pool:
        shared = shared_groups(refs, pool)
        run = partial(hear, folder=folder, shared=shared)
        answers = progress(pool.map(run, planned, chunksize=4), "snippets", total=len(planned))
        heard = [h for h in answers if h is not None]
    tables = []
    for kind in range(len(BOUNDS) + 1):
        table = fit_tail(np.sum([h.counts for h in heard if h.kind == kind], axis=0))
        table |= {"extremal_index": 1.0, "least_share": 0.0}
        tail = null.Tail.from_dict(table)
        own = [h for h in heard if h.kind == kind and np.isfinite(h.foreign_z)]
        log10_e = np.array([tail.log10_e(h.foreign_z, h.log10_places) for h in own]) - np.log10(1 + len(SLOT_SPEEDS))
        rates = [(-np.log1p(-np.mean(log10_e <= np.log10(x))), x) for x in (1.0, 0.3, 0.1)]
        table["extremal_index"] = round(min(1.0, float(np.mean([rate / x for rate, x in rates]))), 4)
        tables.append(table)
        print(
            f"class {kind}: {len(own)} snippets, {table['lags']:.3g} foreign places, highest z "
            f"{max(h.foreign_z for h in own):.2f}, rate {table['rate']}, extremal index {table['extremal_index']}"
        )
    tails = [null.Tail.from_dict(table) for table in tables]
    rows = [(tails[h.kind].log10_e(h.z, h.log10_places), h.right) for h in heard if np.isfinite(h.z)]
    rows += [(tails[h.kind].log10_e(h.foreign_z, h.log10_places), False) for h in heard if np.isfinite(h.foreign_z)]
    x, y = -np.array([[e] for e, _ in rows]), np.array([right for _, right in rows])
    by_slots = LogisticRegression(C=np.inf).fit(x, y)
    facts = [(h.alike, h.alike_right) for h in heard if h.alike] + [
        (h.foreign_alike, False) for h in heard if h.foreign_alike
    ]
    by_mixtures = LogisticRegression(C=100.0).fit(np.array([f for f, _ in facts]), np.array([r for _, r in facts]))
    values = json.loads(arguments.out.read_text())
    values |= {"slot_bounds": BOUNDS, "slot_tails": tables}
    for name, model in (("slot_odds", by_slots), ("mixture_odds", by_mixtures)):
        values[name] = [round(float(v), 4) for v in (*model.coef_[0], model.intercept_[0])]
    arguments.out.write_text(json.dumps(values, indent=1) + "\n")
    strangers = np.array(
        [tails[h.kind].log10_e(h.foreign_z, h.log10_places) for h in heard if np.isfinite(h.foreign_z)]
    )
    for limit in (1.0, 0.1, 0.01, 1e-3, 1e-5):
        print(f"strangers with E <= {limit:g}: {np.mean(strangers <= np.log10(limit)):.5f} of {len(strangers)}")
    named = [e <= -5 for e, right in rows if right]
    print(
        f"right ones named: {np.mean(named):.3f} of {len(named)}; odds {values['slot_odds']}, {values['mixture_odds']}"
    )


if __name__ == "__main__":
    main()
