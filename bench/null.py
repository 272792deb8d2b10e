"""Measure the null map that ships with Earmark: how far above chance does chance get?

Snippets of the development set, in every condition, and music-free ones are aligned with development tracks that
they cannot come from; the share of lags at or above each z, and the rate of the tail, become
``classifier/data/null-1.json``. Tracks that share recordings are found first, by aligning clean excerpts with each
other, and never count as foreign; nor do tracks of one package, which share composers and instruments. Then snippets
with and without their track in the catalogue calibrate
``confidence``::

    python -m bench.null                    # about ten minutes on two cores
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from rich.progress import track as progress
from scipy.optimize import minimize

from bench import conditions, corpus, identical, queries
from bench.background import COHORT_EVERY
from bench.conditions import CONDITIONS
from classifier import decide, subfingerprint
from classifier.data import FOLDER
from classifier.search import align

Z_STEP = 0.05
Z_EDGES = np.arange(-1.0, 16.0, Z_STEP)
#: A clean excerpt that reaches this z in another track shares a recording or a loop with it.
SHARED_Z = 7.0
EXCERPT_S, EXCERPT_EVERY_S = 5.0, 15.0
#: Music rendered from MIDI with one sample library: the same drum strokes at the same tempo are no chance.
RENDERED = ("planetblupi-music-ogg",)
LENGTHS = (2.0, 3.0, 5.0, 10.0)
TAIL_EXCEEDANCES = 4000
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
    return {r.id: subfingerprint.reference_words(np.asarray(corpus.samples(r))) for r in references()}


def shared_of(reference: corpus.Reference) -> set[str]:
    """Tracks that share audio with ``reference``: a clean excerpt of it reaches ``SHARED_Z`` there."""
    found = {reference.id}
    audio = corpus.samples(reference)
    length = round(EXCERPT_S * corpus.SAMPLE_RATE)
    for start in range(0, len(audio) - length, round(EXCERPT_EVERY_S * corpus.SAMPLE_RATE)):
        query = subfingerprint.query_print(np.asarray(audio[start : start + length]))
        null = align.null_of(query)
        for name, there in words().items():
            if null is not None and name not in found:
                alignment = align.align(query, there, null)
                if alignment is not None and alignment.z >= SHARED_Z:
                    found.add(name)
    return found


def kin(query: queries.Query, name: str) -> bool:
    """Whether a track is another one of the package that the snippet is from."""
    own = query.reference_id
    return own is not None and name != own and corpus.find(name).package == corpus.find(own).package


def same_audio(query: queries.Query, name: str, alignment: align.Alignment) -> bool:
    """Whether a doubtful place is no chance but a loop or a recording that both tracks use."""
    if query.reference_id is None or alignment.z <= DOUBTFUL_Z:
        return False
    place = identical.place_error(query, corpus.find(name), alignment.offset_s, slack_s=0.3)
    return place is not None


def histogram(query: queries.Query, shared: dict[str, set[str]]) -> tuple[np.ndarray, float]:
    """Counts of foreign lags by z, and the highest z."""
    prints = subfingerprint.query_print(queries.render(query, material=conditions.load_material("development")))
    null = align.null_of(prints)
    counts, top = np.zeros(len(Z_EDGES) + 1, np.int64), -np.inf
    if null is None:
        return counts, top
    for name, there in words().items():
        if query.reference_id is not None and (name in shared[query.reference_id] or kin(query, name)):
            continue
        alignment = align.align(prints, there, null)
        if alignment is not None and not same_audio(query, name, alignment):
            curve = alignment.curve[np.isfinite(alignment.curve)]
            counts += np.bincount(np.searchsorted(Z_EDGES, curve, side="right"), minlength=len(counts))
            top = max(top, alignment.z)
    return counts, top


def best(query: queries.Query, shared: dict[str, set[str]]) -> tuple[float, bool, float, float]:
    """Best z with the own track in the catalogue, whether it is right, best z without it, log10 of trials."""
    prints = subfingerprint.query_print(queries.render(query, material=conditions.load_material("development")))
    null = align.null_of(prints)
    with_own, without, right, frames = -9.0, -9.0, False, 0
    for name, there in words().items():
        if kin(query, name):
            continue
        frames += len(there) + prints.n_frames
        alignment = align.align(prints, there, null) if null else None
        if alignment is None:
            continue
        own = query.reference_id is not None and name in shared[query.reference_id]
        own = own or same_audio(query, name, alignment)
        if alignment.z > with_own:
            with_own, right = alignment.z, own
        if not own:
            without = max(without, alignment.z)
    return with_own, right, without, float(np.log10(2 * frames))


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
        "tail_rate": round(float(rate), 5),
        "lags": int(total),
    }


def fit_confidence(log10_e: np.ndarray, right: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the log-odds against -log10 E, by weighted logistic regression."""

    def loss(parameters: np.ndarray) -> float:
        odds = parameters[1] - parameters[0] * log10_e
        return float((weight * (np.logaddexp(0, odds) - right * odds)).sum())

    return tuple(float(v) for v in minimize(loss, [1.0, 0.0], method="Nelder-Mead").x)  # type: ignore[return-value]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-cell", type=int, default=12, help="snippets for each condition and length")
    parser.add_argument("--keep-table", action="store_true", help="measure the extremal index and confidence only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=FOLDER / "null-1.json")
    arguments = parser.parse_args()
    refs = references()
    everything = queries.plan(refs, CONDITIONS, LENGTHS, arguments.per_cell, 101)
    hard = queries.plan(refs, [c for c in CONDITIONS if not c.startswith("only")], LENGTHS, arguments.per_cell, 102)
    shared = {r.id: {r.id} for r in refs}
    table = json.loads(arguments.out.read_text())
    with ProcessPoolExecutor(arguments.jobs) as pool:
        if not arguments.keep_table:
            found = progress(pool.map(shared_of, refs), "tracks that share audio", total=len(refs))
            shared |= {r.id: names for r, names in zip(refs, found, strict=True)}
            for names in list(shared.values()):
                for other in names:
                    shared[other] = shared[other] | names
            run = partial(histogram, shared=shared)
            parts = list(progress(pool.map(run, everything, chunksize=4), "foreign alignments", total=len(everything)))
            table |= fit_tail(np.sum([counts for counts, _ in parts], axis=0))
            tops = [top for _, top in parts if np.isfinite(top)]
            sharing = sum(len(names) > 1 for names in shared.values())
            print(f"{table['lags']:.3g} foreign lags, highest z {max(tops):.2f}; {sharing} tracks share audio")
        run_best = partial(best, shared=shared)
        ends = list(progress(pool.map(run_best, hard, chunksize=4), "known and unknown snippets", total=len(hard)))
    table |= {"extremal_index": 1.0}
    draft = decide.NullMap.from_dict(table)
    # At E = x chance should find something in a share 1 - exp(-x) of all searches.
    strangers = np.array([draft.log10_tail(z) + trials for _, _, z, trials in ends])
    found = [(-np.log1p(-np.mean(strangers <= np.log10(x))), x) for x in (1.0, 0.3, 0.1)]
    table["extremal_index"] = round(float(np.mean([rate / x for rate, x in found])), 4)
    draft = decide.NullMap.from_dict(table)
    # A search at the own speed has half of the allowance (classifier/search/pipeline.py).
    known = [(draft.log10_e(z, trials + np.log10(2)), right) for z, right, _, trials in ends]
    unknown = [(draft.log10_e(z, trials), False) for _, _, z, trials in ends]
    log10_e, right = (np.array(column, float) for column in zip(*known, *unknown, strict=True))
    slope, offset = fit_confidence(log10_e, right, np.ones(len(right)))
    table |= {"confidence_slope": round(slope, 4), "confidence_offset": round(offset, 4)}
    arguments.out.write_text(json.dumps(table, indent=1) + "\n")
    for e_value, query in sorted(zip([e for e, _ in unknown], [q.id for q in hard], strict=True))[:WORST]:
        print(f"least E of strangers: log10 E {e_value:.2f}, {query}")
    for limit in (1, 0.1, 0.01):
        rate = np.mean([draft.log10_e(z, trials) <= np.log10(limit) for _, _, z, trials in ends])
        print(f"unknown snippets with E <= {limit:g}: {rate:.4f} of {len(ends)}")
    print(f"tail rate {table['tail_rate']}, confidence log-odds {offset:.2f} - {slope:.2f} log10 E -> {arguments.out}")


if __name__ == "__main__":
    main()
