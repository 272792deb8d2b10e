"""Tracklists of long mixes: who played what when, in three channels; and what is named in hours of strangers.

Mixes are made by the recipe of ``bench/mixes.py``; what counts is in ``bench/tracklists.py``::

    python -m bench.measure.tracklist                                     # the full recipe: 20 mixes of 60 minutes
    python -m bench.measure.tracklist --mixes 4 --minutes 30 --strangers 3
    python -m bench.measure.tracklist --mixes 1 --minutes 15 --rules --set development

``--rules`` also asks Synced.fm's four smoothing rules: every 5 s are identified on their own, by alignment at their own
speed and, if nothing is certain, at others, and the row of labels is smoothed (``classifier/listening/smoothing.py``).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import conditions, corpus, identical, mixes, noises, tracklists
from bench.corpus import SAMPLE_RATE, Reference
from bench.material import Material, load_material
from bench.mixes import Played
from bench.tracklists import Said, Score
from classifier.config import FeatureConfig
from classifier.fingerprint.bits import F_HIGH, reference_words
from classifier.index.follower import View
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.listening.engine import Listener, ListenOptions
from classifier.listening.smoothing import UNKNOWN, Node, smooth
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from classifier.models.track import TrackModel
from classifier.results import Track
from classifier.search import null
from classifier.search.alignments import SpeedHypothesis, align_many
from classifier.search.options import Options
from classifier.search.significance import Significance, Size
from classifier.search.speed import other_speeds

SEED = 2026
#: Length of what is labelled on its own for the smoothing rules, seconds.
WINDOW_S = 5.0
#: Samples handed in at a time, and seconds of a stranger that is heard at a stretch.
PIECE, STRANGE_S = 65536, 1800.0


def view_of(references: Sequence[Reference]) -> View:
    """Return a catalogue of some tracks, of which a listener needs the sub-fingerprints alone."""
    empty = TrackModel.empty(FeatureConfig())
    parts = [
        Segment.single(r.id, 1, [replace(empty, words=reference_words(np.asarray(corpus.samples(r))))])
        for r in references
    ]
    tracks = {r.id: Track(r.id, "bench", r.id, None, None, None, r.id, r.duration_s, 0, "", "", "") for r in references}
    return View(Snapshot((Segment.join(parts),), frozenset((r.id, 1) for r in references)), tracks)


def listen(view: View, samples: np.ndarray, options: ListenOptions) -> tuple[list[Said], float, float]:
    """Listen to samples; return the tracks said, and seconds of processor and clock."""
    listener = Listener(view, SAMPLE_RATE, options)
    known_at: dict[str, float] = {}
    processor, clock = time.process_time(), time.perf_counter()
    pieces = [samples[at : at + PIECE] for at in range(0, len(samples), PIECE)]
    for events in (*(listener.hear(piece) for piece in pieces), listener.finish()):
        for event in events:
            if event.kind == "confirmed":
                known_at.setdefault(event.segment.id, event.at_s)
    seconds = time.process_time() - processor, time.perf_counter() - clock
    said = [
        Said(s.track_id or "", s.start_s, s.end_s, s.offset_s, s.speed, known_at.get(s.id))
        for s in listener.segments()
        if s.kind == "track"
    ]
    return said, *seconds


def smoothed(view: View, samples: np.ndarray, options: Options) -> list[Said]:
    """Label every 5 s on their own, smooth the labels by the four rules, and return the tracks said."""
    significance: dict[int, Significance] = {}
    size, n = Size.of(view.snapshot), round(WINDOW_S * SAMPLE_RATE)
    nodes, lines = [], {}
    for at in range(0, len(samples) - n + 1, n):
        recording = Recording(samples[at : at + n], F_HIGH, FeatureConfig(), builtin_background())
        start_s = at / SAMPLE_RATE
        label, confidence = UNKNOWN, 0.0
        hypothesis = SpeedHypothesis.of(recording.fingerprint())
        if hypothesis is not None:
            judge = significance.setdefault(
                hypothesis.fingerprint.n_frames, Significance(hypothesis.fingerprint.n_frames, size)
            )
            found, _ = align_many(hypothesis, view.snapshot)
            if not found or judge.log10_e(min(found, key=judge.log10_e)) > options.limit:
                found += other_speeds(recording, view.snapshot.items, np.inf)[0]
            if found:
                best = min(found, key=judge.log10_e)
                label = best.entry.track_id
                odds = null.null_map().odds(-judge.log10_e(best), known_prior=options.known_prior)
                confidence = null.probability(odds)
                lines[start_s] = best.alignment.offset_s, best.hypothesis.speed
        nodes.append(Node(label, confidence, start_s, start_s + WINDOW_S))
    said = []
    for node in smooth(nodes):
        if node.label != UNKNOWN:
            own = next((o.start_s for o in nodes if o.start_s >= node.start_s and o.label == node.label), node.start_s)
            offset_s, speed = lines[own]
            said.append(Said(node.label, node.start_s, node.end_s, offset_s - speed * (own - node.start_s), speed))
    return said


@lru_cache(maxsize=4096)
def _same(a: str, a_s: float, b: str, b_s: float) -> bool:
    first, second = corpus.find(a), corpus.find(b)
    return any(
        identical.same_sound(first, a_s + by, second, b_s + by, 2.0, slack_s=0.5) is not None
        for by in (-2.0, -1.0, 0.0)
    )


def same_sound(p: Played, s: Said, at_s: float) -> bool:
    """Whether a segment names the sound that is played at a moment, by correlation of the clean recordings."""
    if any({p.reference.id, s.name} <= copies for copies in corpus.SAME_RECORDING):
        return True
    if s.offset_s is None or s.speed is None:
        return False
    at_s = round(at_s / 2) * 2.0  # every two seconds, to ask less often
    a_s, b_s = p.offset_s + p.speed * (at_s - p.start_s), s.offset_s + s.speed * (at_s - s.start_s)
    return _same(p.reference.id, round(a_s, 1), s.name, round(b_s, 1))


def strangers(hours: float, references: Sequence[Reference], material: Material, seed: int) -> Iterator[np.ndarray]:
    """Yield stretches that hold nothing known: music (half), speech, babble and noise."""
    rng = np.random.default_rng([seed, 3])
    order = list(rng.permutation(len(references)))
    left = hours * 3600
    kinds = 0
    while left > 0:
        n = round(min(STRANGE_S, left) * SAMPLE_RATE)
        turn, kinds = kinds % 6, kinds + 1
        if turn in (0, 2, 4) or turn == 5:
            pieces: list[np.ndarray] = []
            while sum(map(len, pieces)) < n:
                if not order:
                    order = list(rng.permutation(len(references)))
                sound = np.asarray(corpus.samples(references[order.pop()]))
                speed = float(rng.choice(mixes.SPEEDS))
                pieces.append(conditions.change_speed(sound, speed) if speed != 1.0 else sound)
            out = np.concatenate(pieces)[:n]
            out = mixes.through(out, "room", seed + kinds, material) if turn == 5 else out
        elif turn == 1:
            out = noises.speech(n, seed + kinds, material) * np.float32(0.1)
        else:
            out = np.concatenate(
                [noises.babble(n // 2, seed + kinds, material) * np.float32(0.05)]
                + [
                    noises.MUSIC_FREE[name](n // 10, seed + kinds, material)
                    for name in ("pink", "white", "hum", "clicks", "dtmf")
                ]
            )
        left -= n / SAMPLE_RATE
        yield out.astype(np.float32)


def rows(scores: dict[str, Score], speed: dict[str, tuple[float, float]]) -> list[dict[str, object]]:
    """Return the figures of each channel."""
    out: list[dict[str, object]] = []
    for channel, s in scores.items():
        borders, middles = np.abs(s.borders_s), np.abs(s.middles_s)
        out.append(
            {
                "channel": channel,
                "f1": s.f1,
                "seconds right": s.right_s,
                "seconds wrong": s.wrong_s,
                "seconds missed": s.missed_s,
                "asked": s.asked,
                "found": s.found,
                "said": s.said,
                "said rightly": s.true_said,
                "border, median s": _quantile(borders, 0.5),
                "within 0.5 s": float((borders <= 0.5).mean()) if len(borders) else None,
                "within 3 s": float((borders <= 3).mean()) if len(borders) else None,
                "to mid-fade, median s": _quantile(middles, 0.5),
                "mid-fade within 3 s": float((middles <= 3).mean()) if len(middles) else None,
                "offset, median s": _quantile(np.abs(s.offsets_s), 0.5),
                "speed, median %": _quantile(100 * np.abs(s.speeds), 0.5),
                "latency, median s": _quantile(np.array(s.latency_s), 0.5),
                "latency, 90 % s": _quantile(np.array(s.latency_s), 0.9),
                "x real time, processor": speed[channel][0] if channel in speed else None,
                "x real time, clock": speed[channel][1] if channel in speed else None,
            }
        )
    return out


def _speeds(spent: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Times real time by processor and by clock, of each channel, from seconds of sound, processor and clock."""
    return {channel: (float(s[0] / s[1]), float(s[0] / s[2])) for channel, s in spent.items()}


def _quantile(values: np.ndarray, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixes", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--channels", default=",".join(mixes.CHANNELS))
    parser.add_argument("--strangers", type=float, default=24.0, help="hours of sound that is not enrolled; 0 for none")
    parser.add_argument("--rules", action="store_true", help="also the four smoothing rules")
    parser.add_argument("--set", dest="which", choices=("evaluation", "development"), default="evaluation")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    console = Console()
    evaluated = given.which == "evaluation"
    references = corpus.evaluation() if evaluated else corpus.hold_out(corpus.development())
    material = load_material(given.which)
    view, options = view_of([r for r in references if r.known]), ListenOptions()
    scores: dict[str, Score] = {}
    spent: dict[str, np.ndarray] = {}
    for number in range(given.mixes):
        mix = mixes.make(references, given.minutes * 60, given.seed + number, material)
        for channel in given.channels.split(","):
            samples = mixes.through(mix.samples, channel, given.seed + number, material)
            said, processor, clock = listen(view, samples, options)
            seconds = len(samples) / SAMPLE_RATE
            one = tracklists.score(mix.played, said, seconds, same_sound)
            scores[channel] = scores.get(channel, Score()) + one
            spent[channel] = spent.get(channel, np.zeros(3)) + np.array([seconds, processor, clock])
            if given.rules:
                ruled = tracklists.score(mix.played, smoothed(view, samples, Options()), seconds, same_sound)
                scores[f"{channel}, rules"] = scores.get(f"{channel}, rules", Score()) + ruled
            console.print(
                f"mix {number}, {channel}: F1 {one.f1:.3f}, {one.found} of {one.asked} found, {seconds / clock:.0f}x"
            )
        if given.json:  # what was measured so far survives an interruption
            given.json.write_text(json.dumps({"mixes": number + 1, "channels": rows(scores, _speeds(spent))}, indent=1))
    table = rows(scores, _speeds(spent))
    false, heard_h = [], 0.0
    if given.strangers:
        foreign = (
            [r for r in references if not r.known]
            if not evaluated
            else [*(r for r in references if not r.known), *corpus.development()]
        )
        for stretch in strangers(given.strangers, foreign, material, given.seed):
            false += [asdict(s) for s in listen(view, stretch, options)[0]]
            heard_h += len(stretch) / SAMPLE_RATE / 3600
            console.print(f"strangers: {len(false)} false segments in {heard_h:g} h so far")
    shown = Table("figure", *scores)
    for name in table[0] if table else ():
        if name != "channel":
            shown.add_row(
                name,
                *(
                    "" if row[name] is None else f"{row[name]:.3f}" if isinstance(row[name], float) else str(row[name])
                    for row in table
                ),
            )
    console.print(shown)
    console.print(f"false segments in {given.strangers:g} h of strangers: {len(false)}")
    if given.json:
        given.json.write_text(json.dumps({"channels": table, "strangers_h": given.strangers, "false": false}, indent=1))


if __name__ == "__main__":
    main()
