"""Measure the null map that ships with Earmark: how far above chance does chance get?

Snippets of the development set, in every condition, and music-free ones are aligned with development tracks that
they cannot come from; the share of lags at or above each z, and the rate of the tail, become
``classifier/data/null-2.json``, for each class of snippets by itself: classes are told by the agreement that a true
place would show. Tracks that share recordings are found first, by aligning clean excerpts with each other, and never
count as foreign. Then snippets with and without their track in the catalogue calibrate the extremal index and
``confidence``. Snippets are taken at full bandwidth, those of AMR-NB too. The interval of each rate comes from a
bootstrap over excerpts, since lags beyond the table come in clusters::

    python -m bench.fit.null                    # about ten minutes on two cores
"""

from __future__ import annotations

import argparse
import bisect
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from rich.progress import track as progress
from sklearn.linear_model import LogisticRegression

from bench import asking, conditions, corpus, identical, queries
from bench.conditions import CONDITIONS
from bench.fit.background import COHORT_EVERY
from classifier.data import FOLDER
from classifier.fingerprint import bits
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.search import align
from classifier.search.alignments import SpeedHypothesis, align_many
from classifier.search.null import Tail
from classifier.search.significance import OWN_SPEED, Significance, Size

Z_STEP = 0.05
Z_EDGES = np.arange(-1.0, 16.0, Z_STEP)
#: A clean excerpt that reaches this z in another track shares a recording or a loop with it.
SHARED_Z = 6.2
EXCERPT_S, EXCERPT_EVERY_S = 5.0, 10.0
#: Music rendered from MIDI with one sample library: the same drum strokes at the same tempo are no chance.
RENDERED = ("planetblupi-music-ogg",)
LENGTHS = (2.0, 3.0, 5.0, 10.0)
#: Seconds that a snippet lasts at least for its answer to calibrate ``confidence``.
CONFIDENT_S = 3.0
#: Excerpts of which each condition and length takes its share; a prime, so that all take all in turn.
EXCERPTS = 211
#: Expected agreements at which classes meet: most pink noise, 5 dB and louder, lies below; above, most clear music.
BOUNDS = (0.4, 0.5)
#: Share of the expected agreement below which a place of three seconds is doubted, in each class; longer ones by the
#: root of their length less (search/null.py). What true and foreign places show of it: docs/experiments.md.
LEAST_SHARES = (0.55, 0.45, 0.45)
#: Lags of a class that are left to tell the rate of its tail.
TAIL_EXCEEDANCES = 2000
#: A foreign place that reaches this z is checked for holding the same audio after all.
DOUBTFUL_Z = 5.5
#: Strangers named, for a look at what is no chance after all.
WORST = 12


def references() -> list[corpus.Reference]:
    """Development tracks that gave nothing to the cohort, and share no instrument samples with each other."""
    usable = (r for i, r in enumerate(corpus.development()) if i % COHORT_EVERY)
    return [r for r in usable if r.package not in RENDERED]


@lru_cache(maxsize=1)
def words() -> dict[str, np.ndarray]:
    """Sub-fingerprints of every reference."""
    return {r.id: bits.reference_words(np.asarray(corpus.samples(r))) for r in references()}


def shared_of(reference: corpus.Reference) -> set[str]:
    """Tracks that share audio with ``reference``: a clean excerpt of it reaches ``SHARED_Z`` there."""
    found = {reference.id}
    audio = corpus.samples(reference)
    length = round(EXCERPT_S * corpus.SAMPLE_RATE)
    for start in range(0, len(audio) - length, round(EXCERPT_EVERY_S * corpus.SAMPLE_RATE)):
        query = bits.fingerprint(np.asarray(audio[start : start + length]))
        null = align.null_of(query)
        for name, there in words().items():
            if null is not None and name not in found:
                alignment = align.align(query, there, null)
                if alignment is not None and alignment.z >= SHARED_Z:
                    found.add(name)
    return found


def shared_groups(refs: Sequence[corpus.Reference], pool: ProcessPoolExecutor) -> dict[str, set[str]]:
    """Tracks that share audio with each track, itself included."""
    found = progress(pool.map(shared_of, refs), "tracks that share audio", total=len(refs))
    shared = {r.id: {r.id} for r in references()} | {r.id: names | {r.id} for r, names in zip(refs, found, strict=True)}
    for names in list(shared.values()):
        for other in names:
            shared[other] = shared.get(other, {other}) | names
    return shared


def same_audio(query: queries.Query, name: str, alignment: align.Alignment) -> bool:
    """Whether a doubtful place is no chance but a loop or a recording that both tracks use."""
    if query.reference_id is None or alignment.z <= DOUBTFUL_Z:
        return False
    place = identical.place_error(query, corpus.find(name), alignment.offset_s, slack_s=0.3)
    return place is not None


def histogram(query: queries.Query, shared: dict[str, set[str]]) -> tuple[np.ndarray, float, int]:
    """Counts of foreign lags by z, the highest z, and the snippet's class."""
    prints = bits.fingerprint(queries.render(query, material=conditions.load_material("development")))
    null = align.null_of(prints)
    counts, top, kind = np.zeros(len(Z_EDGES) + 1, np.int64), -np.inf, bisect.bisect(BOUNDS, prints.expected)
    if null is None:
        return counts, top, kind
    for name, there in words().items():
        if query.reference_id is not None and name in shared[query.reference_id]:
            continue
        alignment = align.align(prints, there, null)
        if alignment is not None and not same_audio(query, name, alignment):
            curve = alignment.curve[np.isfinite(alignment.curve)]
            counts += np.bincount(np.searchsorted(Z_EDGES, curve, side="right"), minlength=len(counts))
            top = max(top, alignment.z)
    return counts, top, kind


@lru_cache(maxsize=1)
def _segment() -> Segment:
    return Segment.load(asking.segment_folder(references()))


@dataclass(frozen=True, slots=True)
class Best:
    """The best place of one search at the snippet's own speed, whether it is right, and the snippet's class."""

    z: float
    log10_trials: float
    right: bool
    kind: int
    share: float
    overlap_s: float

    def log10_e(self, tail: Tail) -> float:
        """Log10 of its E-value."""
        return tail.doubted_log10_e(self.z, self.log10_trials, self.share, self.overlap_s)


def best(query: queries.Query, shared: dict[str, set[str]]) -> tuple[Best, Best]:
    """Search with the own track in the catalogue and, but for places that hold the same audio, without."""
    samples = queries.render(query, material=conditions.load_material("development"))
    prints = bits.fingerprint(np.asarray(samples, np.float32))
    own = shared[str(query.reference_id)]
    everything = list(Snapshot((_segment(),), frozenset(e.key for e in _segment().entries)))
    without = [item for item in everything if item[1].track_id not in own]
    hypothesis, results, kind = SpeedHypothesis.of(prints), [], bisect.bisect(BOUNDS, prints.expected)
    for items in (everything, without):
        size = Size(len(items), sum(len(entry.rows["frames"]) for _, entry in items))
        trials = Significance(prints.n_frames, size).log10_trials(1.0)
        found = align_many(hypothesis, items)[0] if hypothesis else []
        result = Best(-9.0, trials, False, kind, 1.0, query.length_s)
        for c in found:
            right = c.entry.track_id in own or same_audio(query, c.entry.track_id, c.alignment)
            if items is everything or not right:
                result = Best(c.alignment.z, trials, right, kind, c.share, c.overlap_s)
                break
        results.append(result)
    return results[0], results[1]


def fit_tail(counts: np.ndarray) -> dict[str, object]:
    """Table of log10 tail probability by z, and the Weibull-type rate of the tail."""
    at_or_above = counts[::-1].cumsum()[::-1][1:]
    total = counts.sum()
    last = int(np.flatnonzero(at_or_above >= TAIL_EXCEEDANCES)[-1])
    keep = slice(0, last + 1, 5)
    u = Z_EDGES[: last + 1][keep][-1]
    beyond = counts[1:][u <= Z_EDGES]
    middle = Z_EDGES[u <= Z_EDGES] + Z_STEP / 2
    rate = beyond.sum() / ((middle**2 - u**2) / 2 * beyond).sum()
    return {
        "z": [round(float(z), 2) for z in Z_EDGES[: last + 1][keep]],
        "log10_p": [round(float(np.log10(n / total)), 5) for n in at_or_above[: last + 1][keep]],
        "rate": round(float(rate), 5),
        "lags": int(total),
    }


def rate_interval(by_excerpt: Sequence[np.ndarray], resamples: int = 200) -> tuple[float, float]:
    """95 % interval of the tail's rate by a bootstrap over excerpts (Efron & Tibshirani 1993).

    Parameters
    ----------
    by_excerpt : sequence of np.ndarray
        Counts of foreign lags by z, of all snippets of one excerpt together.
    resamples : int
        From a fixed seed.
    """
    rng, stacked = np.random.default_rng(0), np.array(by_excerpt)
    draws = rng.integers(0, len(stacked), (resamples, len(stacked)))
    rates = [float(str(fit_tail(stacked[draw].sum(axis=0))["rate"])) for draw in draws]
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def fit_confidence(log10_e: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the log-odds against -log10 E, by logistic regression."""
    model = LogisticRegression(C=np.inf).fit(-log10_e[:, None], right)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def spread(refs: list[corpus.Reference], kinds: Sequence[str], n: int, seed: int) -> list[queries.Query]:
    """About n snippets of all conditions and lengths, of many excerpts: what is rare depends on them."""
    planned = queries.plan(refs, kinds, LENGTHS, EXCERPTS, seed)
    step = max(1, len(planned) // n)
    return planned[:: step + (step % EXCERPTS == 0)]


def calibrates(query: queries.Query) -> bool:
    """Whether an answer tells what confidence should be: only the own speed is searched here."""
    return query.length_s >= CONFIDENT_S and query.speed == 1.0


def extremal_index(tail: Tail, strangers: list[Best]) -> float:
    """Share of the trials that are independent: at E = x, chance should find something in a share 1 - exp(-x)."""
    # A search at the own speed gets a share of the allowance; strangers are asked at all speeds (chance.py).
    log10_e = np.array([tail.log10_tail(b.z) + b.log10_trials + np.log10(OWN_SPEED) for b in strangers])
    found = [(-np.log1p(-np.mean(log10_e <= np.log10(x))), x) for x in (1.0, 0.3, 0.1)]
    return round(float(np.mean([rate / x for rate, x in found])), 4)


def measure(
    n: int, jobs: int
) -> tuple[list[queries.Query], list[tuple[np.ndarray, float, int]], list[tuple[queries.Query, Best, Best]]]:
    """About n snippets, their foreign alignments (:func:`histogram`), and n searches with and without the own track."""
    refs = references()
    everything = spread(refs, CONDITIONS, n, 101)
    hard = spread(refs, [c for c in CONDITIONS if not c.startswith("only")], n, 102)
    asking.segment_folder(refs)
    with ProcessPoolExecutor(jobs) as pool:
        shared = shared_groups(refs, pool)
        run, search = partial(histogram, shared=shared), partial(best, shared=shared)
        parts = list(progress(pool.map(run, everything, chunksize=4), "foreign alignments", total=len(everything)))
        ends = list(progress(pool.map(search, hard, chunksize=4), "known and unknown snippets", total=len(hard)))
    print(f"{sum(len(names) > 1 for names in shared.values())} tracks share audio")
    return everything, parts, [(query, *pair) for query, pair in zip(hard, ends, strict=True)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snippets", type=int, default=1500, help="snippets aligned, and searched for (1500)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=FOLDER / "null-2.json")
    arguments = parser.parse_args()
    values = json.loads(arguments.out.read_text())
    everything, parts, ends = measure(arguments.snippets, arguments.jobs)
    tables = []
    for kind, least_share in enumerate(LEAST_SHARES):
        table = fit_tail(np.sum([counts for counts, _, k in parts if k == kind], axis=0))
        table |= {"extremal_index": 1.0, "least_share": least_share}
        strangers = [without for _, _, without in ends if without.kind == kind]
        table["extremal_index"] = extremal_index(Tail.from_dict(table), strangers)
        tables.append(table)
        excerpts: dict[str, np.ndarray] = {}
        for query, (counts, _, k) in zip(everything, parts, strict=True):
            if k == kind:
                name = f"{query.reference_id}-{query.offset_s}" if query.reference_id else query.id
                excerpts[name] = excerpts.get(name, 0) + counts
        low, high = rate_interval(list(excerpts.values()))
        highest = max(top for _, top, k in parts if k == kind)
        print(
            f"class {kind}: {sum(k == kind for _, _, k in parts)} snippets, {table['lags']:.3g} foreign lags, highest "
            f"z {highest:.2f}, rate {table['rate']} ({low:.3f} to {high:.3f}), extremal index {table['extremal_index']}"
        )
    tails = [Tail.from_dict(table) for table in tables]
    asked = [end for end in ends if calibrates(end[0])]
    known = [(b.log10_e(tails[b.kind]), b.right) for _, b, _ in asked]
    unknown = [b.log10_e(tails[b.kind]) + float(np.log10(OWN_SPEED)) for _, _, b in asked]
    log10_e = np.array([*(e for e, _ in known), *unknown])
    slope, offset = fit_confidence(log10_e, np.array([*(right for _, right in known), *([False] * len(unknown))]))
    values |= {"bounds": BOUNDS, "tails": tables}
    values["odds"] = [round(slope, 4), round(offset, 4)]
    arguments.out.write_text(json.dumps(values, indent=1) + "\n")
    for e_value, query in sorted(zip(unknown, (query.id for query, _, _ in asked), strict=True))[:WORST]:
        print(f"least E of strangers: log10 E {e_value:.2f}, {query}")
    for limit in (1, 0.1, 0.01):
        rate = np.mean([e <= np.log10(limit) for e in unknown])
        print(f"unknown snippets with E <= {limit:g}: {rate:.4f} of {len(unknown)}")
    named = np.mean([right and e <= -5 for e, right in known])
    print(
        f"known snippets named: {named:.4f}; confidence log-odds {offset:.2f} - {slope:.2f} log10 E -> {arguments.out}"
    )


if __name__ == "__main__":
    main()
