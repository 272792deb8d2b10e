"""Measure the null map that ships with Earmark: how far above chance does chance get?

Snippets of the development set, in every condition, and music-free ones are aligned with development tracks that
they cannot come from; the share of lags at or above each z, and the rate of the tail, become
``classifier/data/null-3.json``, for each class of snippets by itself: classes are told by the agreement that a true
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

from bench import asking, corpus, identical, queries
from bench.conditions import CONDITIONS, STRETCHED
from bench.fit.background import COHORT_EVERY
from bench.material import load_material
from classifier.data import FOLDER
from classifier.fingerprint import bits
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.search import align
from classifier.search.alignments import Candidate, Item, SpeedHypothesis
from classifier.search.null import SHARE_MOST_S, SHARE_S, Tail
from classifier.search.significance import OWN_SPEED, Significance, Size

Z_STEP = 0.05
Z_EDGES = np.arange(-1.0, 16.0, Z_STEP)
#: A clean excerpt that reaches this z in another track shares a recording or a loop with it.
SHARED_Z = 6.2
EXCERPT_S, EXCERPT_EVERY_S = 5.0, 20.0
#: Music rendered from MIDI with one sample library: the same drum strokes at the same tempo are no chance.
RENDERED = ("planetblupi-music-ogg",)
LENGTHS = (2.0, 3.0, 5.0, 10.0)
#: Seconds that a snippet lasts at least for its answer to calibrate ``confidence``.
CONFIDENT_S = 3.0
#: Excerpts of which each condition and length takes its share; a prime, so that all take all in turn.
EXCERPTS = 211
#: Shares of the snippets in the first class, and in the first two, by expected agreement: most of what is under noise
#: lies below the first bound, most clear music above the second.
BELOW = (0.45, 0.85)
#: Share of the expected agreement below which a place of three seconds is doubted, in each class; longer ones by the
#: root of their length less (search/null.py). What true and foreign places show of it: docs/experiments.md.
LEAST_SHARES = (0.55, 0.55, 0.45)
#: Lags of a class that are left to tell the rate of its tail.
TAIL_EXCEEDANCES = 2000
#: A foreign place that reaches this z is checked for holding the same audio after all.
DOUBTFUL_Z = 5.5
#: z from which a right place counts as true, and a foreign one as likely to be doubted, where shares are measured.
TRUE_Z, FOREIGN_Z = 6.0, 4.6
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


@lru_cache(maxsize=1)
def _segment() -> Segment:
    return Segment.load(asking.segment_folder(references()))


@dataclass(frozen=True, slots=True)
class Best:
    """The best place of one search at the snippet's own speed, whether it is right, and what was expected of it."""

    z: float
    log10_trials: float
    right: bool
    expected: float
    share: float
    overlap_s: float

    def log10_e(self, tail: Tail) -> float:
        """Log10 of its E-value."""
        return tail.doubted_log10_e(self.z, self.log10_trials, self.share, self.overlap_s)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one snippet showed in all tracks.

    Parameters
    ----------
    query : Query
        The snippet.
    counts : np.ndarray
        Foreign lags by z.
    top : float
        Highest foreign z.
    expected : float
        Agreement that a true place would show.
    known, unknown : Best
        Of searches with the own track in the catalogue, and without it and all places that hold the same audio.
    """

    query: queries.Query
    counts: np.ndarray
    top: float
    expected: float
    known: Best
    unknown: Best


def hear(query: queries.Query, shared: dict[str, set[str]]) -> Heard:
    """Align one snippet with all tracks."""
    samples = queries.render(query, material=load_material("development"))
    prints = bits.fingerprint(np.asarray(samples, np.float32))
    own = shared[query.reference_id] if query.reference_id is not None else set()
    items = list(Snapshot((_segment(),), frozenset(e.key for e in _segment().entries)))
    hypothesis = SpeedHypothesis.of(prints)
    found = [c for item in items if hypothesis and (c := hypothesis.align(item)) is not None]
    found.sort(key=lambda c: -c.alignment.z)
    foreign = [c for c in found if c.entry.track_id not in own and not same_audio(query, c.entry.track_id, c.alignment)]
    strange = {c.entry.track_id for c in foreign}
    counts = np.zeros(len(Z_EDGES) + 1, np.int64)
    for c in foreign:
        curve = c.alignment.curve[np.isfinite(c.alignment.curve)]
        counts += np.bincount(np.searchsorted(Z_EDGES, curve, side="right"), minlength=len(counts))

    def best(among: list[Candidate], searched: list[Item]) -> Best:
        size = Size(len(searched), sum(len(entry.rows["frames"]) for _, entry in searched))
        trials = Significance(prints.n_frames, size).log10_trials(1.0)
        if not among:
            return Best(-9.0, trials, False, prints.expected, 1.0, query.length_s)
        c = among[0]
        return Best(c.alignment.z, trials, c.entry.track_id not in strange, prints.expected, c.share, c.overlap_s)

    without = [item for item in items if item[1].track_id not in own]
    top = foreign[0].alignment.z if foreign else -np.inf
    return Heard(query, counts, top, prints.expected, best(found, items), best(foreign, without))


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
    return query.reference_id is not None and query.length_s >= CONFIDENT_S and query.speed == 1.0


def extremal_index(tail: Tail, strangers: list[Best]) -> float:
    """Share of the trials that are independent: at E = x, chance should find something in a share 1 - exp(-x)."""
    # A search at the own speed gets a share of the allowance; strangers are asked at all speeds (chance.py).
    log10_e = np.array([tail.log10_tail(b.z) + b.log10_trials + np.log10(OWN_SPEED) for b in strangers])
    found = [(-np.log1p(-np.mean(log10_e <= np.log10(x))), x) for x in (1.0, 0.3, 0.1)]
    return round(float(np.mean([rate / x for rate, x in found])), 4)


def measure(n: int, jobs: int) -> list[Heard]:
    """Align about n snippets, of all conditions, with all tracks."""
    refs = references()
    planned = spread(refs, [name for name in CONDITIONS if name not in STRETCHED], n, 101)
    asking.segment_folder(refs)
    with ProcessPoolExecutor(jobs) as pool:
        shared = shared_groups(refs, pool)
        run = partial(hear, shared=shared)
        heard = list(progress(pool.map(run, planned, chunksize=4), "snippets in all tracks", total=len(planned)))
    print(f"{sum(len(names) > 1 for names in shared.values())} tracks share audio")
    return heard


def fit_class(kind: int, heard: Sequence[Heard]) -> dict[str, object]:
    """Table, rate, extremal index and least share of one class, from its snippets; prints what they rest on."""
    table = fit_tail(np.sum([h.counts for h in heard], axis=0))
    table |= {"extremal_index": 1.0, "least_share": LEAST_SHARES[kind]}
    strangers = [h.unknown for h in heard if h.query.reference_id is not None]
    table["extremal_index"] = extremal_index(Tail.from_dict(table), strangers)
    excerpts: dict[str, np.ndarray] = {}
    for h in heard:
        name = f"{h.query.reference_id}-{h.query.offset_s}" if h.query.reference_id else h.query.id
        excerpts[name] = excerpts.get(name, 0) + h.counts
    low, high = rate_interval(list(excerpts.values()))
    print(
        f"class {kind}: {len(heard)} snippets, {table['lags']:.3g} foreign lags, highest z "
        f"{max(h.top for h in heard):.2f}, rate {table['rate']} ({low:.3f} to {high:.3f}), "
        f"extremal index {table['extremal_index']}"
    )
    asked = [h for h in heard if calibrates(h.query)]
    true = [three_second_share(h.known) for h in asked if h.known.right and h.known.z > TRUE_Z]
    foreign = [three_second_share(h.unknown) for h in asked if h.unknown.z > FOREIGN_Z]
    if true and foreign:
        lowest, highest = np.quantile(true, (0.02, 0.05)), np.quantile(foreign, (0.5, 0.95, 1))
        print(
            f"class {kind}: share of the expected agreement, as at 3 s: {len(true)} true places, lowest 2 and 5 % "
            f"{lowest[0]:.2f} {lowest[1]:.2f}; {len(foreign)} foreign, median, 95 % and highest "
            f"{highest[0]:.2f} {highest[1]:.2f} {highest[2]:.2f}"
        )
    return table


def three_second_share(b: Best) -> float:
    """Share of the expected agreement that three seconds of a place would show (``Tail.share_needed``)."""
    return b.share * float((min(b.overlap_s, SHARE_MOST_S) / SHARE_S) ** 0.5)


def fit_map(heard: Sequence[Heard]) -> dict[str, object]:
    """Bounds of the classes, their tails, and the odds that an answer is right; prints what they rest on."""
    bounds = [round(float(q), 2) for q in np.quantile([h.expected for h in heard], BELOW)]
    kinds = [bisect.bisect(bounds, h.expected) for h in heard]
    classes = range(len(LEAST_SHARES))
    tables = [fit_class(kind, [h for h, k in zip(heard, kinds, strict=True) if k == kind]) for kind in classes]
    tails = [Tail.from_dict(table) for table in tables]
    asked = [(h, tails[kind]) for h, kind in zip(heard, kinds, strict=True) if calibrates(h.query)]
    known = [(h.known.log10_e(tail), h.known.right) for h, tail in asked]
    unknown = [h.unknown.log10_e(tail) + float(np.log10(OWN_SPEED)) for h, tail in asked]
    everything = np.array([*(e for e, _ in known), *unknown])
    slope, offset = fit_confidence(everything, np.array([*(right for _, right in known), *([False] * len(unknown))]))
    for e_value, query in sorted(zip(unknown, (h.query.id for h, _ in asked), strict=True))[:WORST]:
        print(f"least E of strangers: log10 E {e_value:.2f}, {query}")
    for limit in (1, 0.1, 0.01):
        rate = np.mean([e <= np.log10(limit) for e in unknown])
        print(f"unknown snippets with E <= {limit:g}: {rate:.4f} of {len(unknown)}")
    named = np.mean([right and e <= -5 for e, right in known])
    print(f"known snippets named: {named:.4f}; confidence log-odds {offset:.2f} - {slope:.2f} log10 E")
    return {"bounds": bounds, "tails": tables, "odds": [round(slope, 4), round(offset, 4)]}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snippets", type=int, default=1500, help="snippets aligned, and searched for (1500)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=FOLDER / "null-3.json")
    arguments = parser.parse_args()
    values = json.loads(arguments.out.read_text())
    values |= fit_map(measure(arguments.snippets, arguments.jobs))
    arguments.out.write_text(json.dumps(values, indent=1) + "\n")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
