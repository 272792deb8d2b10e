"""How often Earmark is right, how often it names a stranger, and how far its offsets are off.

Every query of the plan goes the way a snippet goes: modelled, searched, decided. Results are kept as one JSON line
each, so that a stopped run goes on where it was::

    python -m bench.identify --quick                    # a few minutes
    python -m bench.identify --per-cell 400             # the final table; hours
    python -m bench.identify --music ~/Music            # a corpus of your own
    AUDFPRINT=~/audfprint python -m bench.identify --peers

Known tracks are searched for among all known tracks; unknown tracks and music-free sound must find nothing. Right is
the track's own place or any other that holds the same audio (``bench/identical.py``). Intervals are Wilson's, with
the number of queries deflated by the design effect of clustering by track.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from rich.table import Table

from bench import corpus, identical, peers, queries
from bench.conditions import CONDITIONS
from bench.corpus import Reference
from bench.queries import Query
from classifier.audio import Decoder, Limits
from classifier.config import FeatureConfig, Settings
from classifier.model import builtin_background, model_query, model_track
from classifier.results import Tag, Track
from classifier.search.index import Segment, Snapshot, write
from classifier.search.pipeline import Options, identify

NOISY = tuple(name for name in CONDITIONS if name.startswith("room+") and "speed" not in name)
SPEEDS = tuple(name for name in CONDITIONS if "speed" in name)
MUSIC_FREE = tuple(name for name in CONDITIONS if name.startswith("only"))
QUICK = ("clean", "room", "room+babble5", "room+babble0", "room+pink5", "room+pink0")
LENGTHS = (3.0, 5.0, 10.0)
SEED = 2027


@dataclass(frozen=True)
class Outcome:
    """What became of one query.

    Parameters
    ----------
    query_id, condition, length_s, known, cluster
        The query; the cluster is its track.
    verdict, kl_verdict : str
        By the two methods.
    right, kl_right : bool
        Whether the first match names a place that holds the audio.
    error_s : float or None
        Of the offset, where right.
    log10_e, confidence : float or None
        Of the first match.
    seconds : dict
        By stage.
    """

    query_id: str
    condition: str
    length_s: float
    known: bool
    cluster: str
    verdict: str
    right: bool
    error_s: float | None
    log10_e: float | None
    confidence: float | None
    kl_verdict: str
    kl_right: bool
    kl_confidence: float | None
    seconds: dict[str, float]


# --- the catalogue --------------------------------------------------------------------------------------------


def segment_folder(references: Sequence[Reference]) -> Path:
    """Model the references once and keep the packed segment in the cache; return its folder."""
    config = FeatureConfig()
    facts = [config.hash, *(r.id for r in references), *(_version_of_the_code())]
    folder = corpus.cache_folder() / "segments" / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    if not (folder / "tracks.json").exists():
        parts = []
        for reference in progress(references, "modelling the catalogue"):
            samples = np.asarray(corpus.samples(reference))
            seed = int(hashlib.sha256(reference.id.encode()).hexdigest()[:8], 16)
            parts.append(Segment.build([(reference.id, 1, model_track(samples, config, builtin_background(), seed))]))
        folder.parent.mkdir(parents=True, exist_ok=True)
        write(folder, parts)
    return folder


def _version_of_the_code() -> list[str]:
    """Digests of what a model depends on, so that the cache never serves an older one."""
    root = Path(__file__).parents[1] / "classifier"
    files = ("features.py", "noise.py", "babble.py", "gmm.py", "model.py", "subfingerprint.py", "search/index.py")
    data = ("background-builtin-1.npz",)
    paths = [*(root / name for name in files), *(root / "data" / name for name in data)]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@lru_cache(maxsize=1)
def _snapshot(folder: str) -> Snapshot:
    segment = Segment.load(Path(folder))
    return Snapshot((segment,), frozenset(e.key for e in segment.entries))


@lru_cache(maxsize=1)
def _decoder() -> Decoder:
    return Decoder(Settings())


def _track(track_id: str) -> Track:
    return Track(track_id, "bench", track_id, None, None, None, track_id, 0.0, 0, "", "", "")


# --- one query ------------------------------------------------------------------------------------------------


def ask(query: Query, folder: str, max_false_alarms: float) -> Outcome:
    """Send one query, as the file a phone would send, through both methods."""
    data, _ = queries.render_file(query)
    settings = Settings()
    audio = _decoder().decode(data, Limits.for_snippet(settings), FeatureConfig().sample_rate)
    snapshot, config = _snapshot(folder), FeatureConfig()
    model = model_query(audio.samples, config, builtin_background(), bandwidth_hz=audio.bandwidth_hz)
    auto, by_kl = (
        identify(model, snapshot, _track, config, Options(method=m, max_false_alarms=max_false_alarms))
        for m in ("auto", "kl")
    )
    right, error_s = _judge(query, auto)
    first = auto.matches[0] if auto.matches else None
    kl_right = bool(by_kl.matches) and by_kl.matches[0].track_id in _same_names(query)
    return Outcome(
        query_id=query.id,
        condition=query.condition,
        length_s=query.length_s,
        known=query.known,
        cluster=query.reference_id or query.id,
        verdict=auto.verdict,
        right=right,
        error_s=error_s,
        log10_e=first.log10_e_value if first else None,
        confidence=first.confidence if first else None,
        kl_verdict=by_kl.verdict,
        kl_right=kl_right,
        kl_confidence=by_kl.matches[0].confidence if by_kl.matches else None,
        seconds=auto.seconds,
    )


def _judge(query: Query, tag: Tag) -> tuple[bool, float | None]:
    """Whether the first match (of an ambiguous tag: any passing one) holds the audio, and how far its offset is off."""
    if not query.known or query.reference_id is None:
        return False, None
    for match in tag.matches[: 3 if tag.verdict == "ambiguous" else 1]:
        there, offset_s = corpus.find(match.track_id), match.offset_s or 0.0
        error_s = identical.place_error(query, there, offset_s, slack_s=_slack_s(query))
        if error_s is not None:
            return True, error_s
    return False, None


def _slack_s(query: Query) -> float:
    """Offsets further off than this are another place; an answer that ignores the speed is off by half the drift."""
    return identical.SLACK_S + query.length_s * abs(query.speed - 1)


def _same_names(query: Query) -> set[str]:
    if not query.known or query.reference_id is None:
        return set()
    groups = (group for group in corpus.SAME_RECORDING if query.reference_id in group)
    return {query.reference_id}.union(*groups)


# --- tables ---------------------------------------------------------------------------------------------------


def interval(outcomes: Sequence[tuple[bool, str]]) -> tuple[float, float, float]:
    """Share of successes with Wilson's 95 % interval (1927), its n deflated by the design effect of the clusters.

    Parameters
    ----------
    outcomes : sequence of (bool, str)
        Success and cluster of each query.

    Returns
    -------
    share, low, high : float
    """
    hits = np.array([hit for hit, _ in outcomes], float)
    n, share = len(hits), float(hits.mean())
    groups = defaultdict(list)
    for hit, cluster in outcomes:
        groups[cluster].append(hit - share)
    spread = share * (1 - share)
    clustered = sum(sum(g) ** 2 for g in groups.values()) / n
    effective = n / max(1.0, clustered / spread) if spread > 0 else n
    z = 1.96
    centre = (share + z * z / (2 * effective)) / (1 + z * z / effective)
    half = z * np.sqrt(spread / effective + z * z / (4 * effective**2)) / (1 + z * z / effective)
    return share, max(0.0, float(centre - half)), min(1.0, float(centre + half))


def summary(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """One row for each condition and length: shares, intervals, offset errors."""
    cells: dict[tuple[str, float, bool], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        cells[outcome.condition, outcome.length_s, outcome.known].append(outcome)
    rows = []
    for (condition, length_s, known), cell in cells.items():
        row: dict[str, Any] = {"condition": condition, "length_s": length_s, "known": known, "queries": len(cell)}
        if known:
            good = [(o.right and o.verdict != "no_match", o.cluster) for o in cell]
            row["identified"], row["low"], row["high"] = interval(good)
            row["top1"] = float(np.mean([o.right for o in cell]))
            row["kl_top1"] = float(np.mean([o.kl_right for o in cell]))
            errors = [o.error_s for o in cell if o.error_s is not None]
            row["offset_ms"] = [round(1000 * float(q), 1) for q in np.quantile(errors, [0.5, 0.99])] if errors else None
            row["wrong"] = sum(o.verdict != "no_match" and not o.right for o in cell)
        else:
            row["false"] = sum(o.verdict != "no_match" for o in cell)
            row["kl_false"] = sum(o.kl_verdict != "no_match" for o in cell)
        rows.append(row)
    return rows


def calibration(outcomes: Sequence[Outcome], bins: int = 10) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error of ``confidence`` and its bins, known and unknown queries weighing alike."""
    known = [o for o in outcomes if o.known and o.confidence is not None]
    unknown = [o for o in outcomes if not o.known and o.confidence is not None]
    weight = np.concatenate([np.full(len(g), 0.5 / max(1, len(g))) for g in (known, unknown)])
    confidence = np.array([o.confidence for o in (*known, *unknown)], float)
    right = np.array([o.right for o in (*known, *unknown)], float)
    weight = weight / weight.sum()
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    error, rows = 0.0, []
    for b in range(bins):
        inside = place == b
        if inside.any():
            w = weight[inside].sum()
            said, found = (float((weight[inside] * v[inside]).sum() / w) for v in (confidence, right))
            error += float(w) * abs(said - found)
            rows.append({"share": float(w), "said": said, "found": found})
    return error, rows


def show(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the tables."""
    table = Table(title="known tracks: right and identified (95 % interval), and more", title_justify="left")
    for name in ("condition", "s", "queries", "identified", "top-1", "top-1 by KL", "wrong", "offset ms, p50 / p99"):
        table.add_column(name, justify="left" if name == "condition" else "right")
    for row in rows:
        if row["known"]:
            share = f"{100 * row['identified']:.1f} ({100 * row['low']:.1f}-{100 * row['high']:.1f})"
            offsets = " / ".join(f"{v:g}" for v in row["offset_ms"]) if row["offset_ms"] else ""
            tops = (f"{100 * row['top1']:.1f}", f"{100 * row['kl_top1']:.1f}")
            numbers = (f"{row['length_s']:g}", str(row["queries"]), share, *tops, str(row["wrong"]), offsets)
            table.add_row(row["condition"], *numbers)
    console.print(table)
    table = Table(title="unknown tracks, noise and speech: false names", title_justify="left")
    for name in ("condition", "s", "queries", "false", "false by KL"):
        table.add_column(name, justify="left" if name == "condition" else "right")
    for row in rows:
        if not row["known"]:
            counts = (str(row["queries"]), str(row["false"]), str(row["kl_false"]))
            table.add_row(row["condition"], f"{row['length_s']:g}", *counts)
    console.print(table)


# --- the run --------------------------------------------------------------------------------------------------


def plan(
    references: Sequence[Reference], conditions: Sequence[str], lengths: Sequence[float], per_cell: int, strangers: int
) -> list[Query]:
    """Queries of known tracks, of unknown tracks, and without music."""
    known = [r for r in references if r.known]
    unknown = [r for r in references if not r.known]
    planned = queries.plan(known, conditions, lengths, per_cell, SEED)
    if unknown:
        planned += queries.plan(unknown, conditions, lengths, strangers, SEED + 1)
    return planned + queries.plan([], MUSIC_FREE, lengths, strangers, SEED + 2)


def run(planned: Sequence[Query], folder: Path, results: Path, jobs: int, max_false_alarms: float) -> list[Outcome]:
    """Ask whatever has no result yet; return all outcomes."""
    done: dict[str, Outcome] = {}
    if results.exists():
        for line in results.read_text().splitlines():
            outcome = Outcome(**json.loads(line))
            done[outcome.query_id + str(outcome.known)] = outcome
    missing = [q for q in planned if q.id + str(q.known) not in done]
    results.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool, open(results, "a") as file:
        n = len(missing)
        answers = pool.map(ask, missing, [str(folder)] * n, [max_false_alarms] * n, chunksize=8)
        for query, outcome in zip(missing, progress(answers, "queries", total=n), strict=True):
            done[query.id + str(query.known)] = outcome
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()
    return [done[q.id + str(q.known)] for q in planned]


def compare(planned: Sequence[Query], references: Sequence[Reference]) -> dict[str, dict[str, Any]]:
    """Ask the peers that are there about the same snippets of known tracks and of strangers."""
    known = [r for r in references if r.known]
    found = {}
    for peer in peers.available():
        answers = peers.run(peer, known, planned)
        cells: dict[str, list[bool]] = defaultdict(list)
        false = defaultdict(list)
        for query in planned:
            answer = answers[query.id]
            cell = f"{query.condition} {query.length_s:g} s"
            if query.known:
                place = None
                if answer.accepted and answer.reference_id is not None:
                    there = corpus.find(answer.reference_id)
                    place = identical.place_error(query, there, answer.offset_s or 0.0, slack_s=_slack_s(query))
                cells[cell].append(place is not None)
            else:
                false[cell].append(bool(answer.accepted))
        found[str(peer)] = {
            "identified": {cell: float(np.mean(values)) for cell, values in cells.items()},
            "false": {cell: int(np.sum(values)) for cell, values in false.items()},
        }
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="six conditions, 5 s, 60 queries a cell")
    parser.add_argument("--per-cell", type=int, default=400, help="known queries for each condition and length")
    parser.add_argument("--strangers", type=int, help="unknown queries a cell; default a quarter of those")
    parser.add_argument("--conditions", help="names, comma-separated; default all")
    parser.add_argument("--lengths", default=",".join(f"{v:g}" for v in LENGTHS), help="seconds, comma-separated")
    parser.add_argument("--music", type=Path, help="a folder of your own instead of the evaluation set")
    parser.add_argument("--peers", action="store_true", help="ask audfprint and Chromaprint too, where installed")
    parser.add_argument("--max-false-alarms", type=float, default=Options().max_false_alarms)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "identify.jsonl")
    parser.add_argument("--json", type=Path, help="write the summary here")
    arguments = parser.parse_args()
    references = corpus.corpus_from_folder(arguments.music) if arguments.music else corpus.evaluation()
    conditions = tuple(name for name in CONDITIONS if name not in MUSIC_FREE)
    lengths, per_cell = [float(v) for v in arguments.lengths.split(",")], arguments.per_cell
    if arguments.quick:
        conditions, lengths, per_cell = QUICK, [5.0], 60
    if arguments.conditions:
        conditions = tuple(arguments.conditions.split(","))
    strangers = max(1, per_cell // 4) if arguments.strangers is None else arguments.strangers
    planned = plan(references, conditions, lengths, per_cell, strangers)
    folder = segment_folder([r for r in references if r.known])
    outcomes = run(planned, folder, arguments.results, arguments.jobs, arguments.max_false_alarms)
    rows = summary(outcomes)
    console = Console(width=None if os.isatty(1) else 140)
    show(rows, console)
    error, reliability = calibration(outcomes)
    total = [sum(v for k, v in o.seconds.items() if k != "total") for o in outcomes]
    console.print(f"expected calibration error of confidence: {error:.4f}")
    median, slow = 1000 * np.quantile(total, [0.5, 0.99])
    console.print(f"search: median {median:.0f} ms, 99th percentile {slow:.0f} ms")
    values = {"cells": rows, "calibration_error": error, "reliability": reliability}
    if arguments.peers:
        values["peers"] = compare(planned, references)
        for name, cells in values["peers"].items():
            console.print(name, cells)
    if arguments.json:
        arguments.json.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
