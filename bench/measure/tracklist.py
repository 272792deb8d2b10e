"""Tracklists of long mixes: who played what when, in three channels; and what is named in hours of strangers.

Mixes are made by the recipe of ``bench/mixes.py``; what counts is in ``bench/tracklists.py``::

    python -m bench.measure.tracklist                                     # the full recipe: 20 mixes of 60 minutes
    python -m bench.measure.tracklist --mixes 4 --minutes 30 --strangers 3
    python -m bench.measure.tracklist --mixes 1 --minutes 15 --rules --set development
    python -m bench.measure.tracklist --kept DONE                         # goes on, after an interruption, where it was

The full recipe takes a core about two hours. What is kept is a line of JSON for each mix in a channel, with what was
said of it, and for each stretch of strangers; two processes may add to one file, one of them with ``--mixes 0``, the
other with ``--strangers 0``.

``--rules`` also asks Synced.fm's four smoothing rules: every 5 s are identified on their own, by alignment at their own
speed and, if nothing is certain, at others, and the row of labels is smoothed (``classifier/listening/smoothing.py``).
``--peers`` asks all that ``bench.measure.peers`` finds here, in windows (``bench/peers/windows.py``).
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import conditions, corpus, identical, mixes, noises, tracklists
from bench.corpus import SAMPLE_RATE, Reference
from bench.kept import Kept
from bench.material import Material, load_material
from bench.measure import peers
from bench.mixes import Played
from bench.peers import windows
from bench.tracklists import Said, Score
from classifier.config import FeatureConfig
from classifier.fingerprint.bits import F_HIGH, reference_words
from classifier.index.follower import View
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.listening.engine import Listener
from classifier.listening.options import RECORDED, ListenOptions
from classifier.listening.smoothing import UNKNOWN, Node, smooth
from classifier.metrics import interval
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


def strangers(
    hours: float, references: Sequence[Reference], material: Material, seed: int
) -> Iterator[Callable[[], np.ndarray]]:
    """Yield what makes stretches that hold nothing known: music (of six, three, and one in a room), speech, and noise.

    Nothing is made before it is asked for: an interrupted run passes over what it has heard.
    """
    rng = np.random.default_rng([seed, 3])
    order = list(rng.permutation(len(references)))
    n = round(STRANGE_S * SAMPLE_RATE)
    for number in range(math.ceil(round(hours * 3600 / STRANGE_S, 6))):
        turn, own = number % 6, seed + number + 1
        if turn == 1:
            yield partial(_strange_speech, n, own, material)
        elif turn == 3:
            yield partial(_strange_noise, n, own, material)
        else:
            pieces: list[tuple[Reference, float]] = []
            while sum(len(corpus.samples(reference)) / speed for reference, speed in pieces) < n + len(pieces):
                if not order:
                    order = list(rng.permutation(len(references)))
                pieces.append((references[order.pop()], float(rng.choice(mixes.SPEEDS))))
            yield partial(_strange_music, n, pieces, own if turn == 5 else None, material)


def _strange_music(
    n: int, pieces: Sequence[tuple[Reference, float]], room: int | None, material: Material
) -> np.ndarray:
    sounds = ((np.asarray(corpus.samples(reference)), speed) for reference, speed in pieces)
    out = np.concatenate([conditions.change_speed(sound, speed) if speed != 1.0 else sound for sound, speed in sounds])
    out = out[:n] if room is None else mixes.through(out[:n], "room", room, material)[0]
    return out.astype(np.float32)


def _strange_speech(n: int, seed: int, material: Material) -> np.ndarray:
    return (noises.speech(n, seed, material) * np.float32(0.1)).astype(np.float32)


def _strange_noise(n: int, seed: int, material: Material) -> np.ndarray:
    kinds = (noises.MUSIC_FREE[name] for name in ("pink", "white", "hum", "clicks", "dtmf"))
    babble = noises.babble(n // 2, seed, material) * np.float32(0.05)
    return np.concatenate([babble, *(kind(n // 10, seed, material) for kind in kinds)]).astype(np.float32)


def rows(scores: Mapping[str, Sequence[Score]], spent: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return the figures of each channel.

    Parameters
    ----------
    scores : mapping of str to sequence of Score
        Of each channel, one for each mix.
    spent : mapping of str to np.ndarray, shape (3,)
        Seconds of sound, of processor and of clock.
    """
    out: list[dict[str, Any]] = []
    for channel, each in scores.items():
        s = sum(each, Score())
        latency, speed = np.array(s.latency_s), spent.get(channel)
        out.append(
            {
                "channel": channel,
                "f1": s.f1,
                "seconds right": s.right_s,
                "seconds wrong": s.wrong_s,
                "seconds missed": s.missed_s,
                "asked": s.asked,
                "found": _share([[i < one.found for i in range(one.asked)] for one in each]),
                "said": s.said,
                "said rightly": s.true_said,
                "border, median s": _quantile(np.abs(s.borders_s), 0.5),
                "within 0.5 s": _share([np.abs(one.borders_s) <= 0.5 for one in each]),
                "within 3 s": _share([np.abs(one.borders_s) <= 3 for one in each]),
                "to mid-fade, median s": _quantile(np.abs(s.middles_s), 0.5),
                "mid-fade within 3 s": _share([np.abs(one.middles_s) <= 3 for one in each]),
                "offset, median s": _quantile(np.abs(s.offsets_s), 0.5),
                "speed, median %": _quantile(100 * np.abs(s.speeds), 0.5),
                "latency, median s": _quantile(latency, 0.5),
                "latency, 90 % s": _quantile(latency, 0.9),
                "x real time, processor": None if speed is None else float(speed[0] / speed[1]),
                "x real time, clock": None if speed is None else float(speed[0] / speed[2]),
            }
        )
    return out


def _share(hits: Sequence[Sequence[bool] | np.ndarray]) -> list[float] | None:
    """Share of successes, of each mix one sequence, with the limits of its 95 % interval."""
    of_mix = [(bool(hit), str(number)) for number, some in enumerate(hits) for hit in some]
    return [float(x) for x in interval(*zip(*of_mix, strict=True))] if of_mix else None


def _quantile(values: np.ndarray, q: float) -> float | None:
    return float(np.quantile(values, q)) if len(values) else None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "{:.3f} ({:.3f}-{:.3f})".format(*value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def heard_mix(
    make: Callable[[], mixes.Mix],
    channel: str,
    seed: int,
    material: Material,
    view: View,
    options: ListenOptions,
    others: Mapping[str, Callable[[np.ndarray], list[Said]]],
) -> dict[str, Any]:
    """Listen to a mix through a channel, and have others do it.

    Returns scores, what Earmark said, and its seconds: sound, processor, clock.
    """
    mix = make()
    samples, mix_share = mixes.through(mix.samples, channel, seed, material)
    played = mix.played(mix_share)
    said, *spent = listen(view, samples, options)
    seconds = len(samples) / SAMPLE_RATE
    scores = {channel: tracklists.score(played, said, seconds, same_sound)}
    for name, ask in others.items():
        scores[f"{channel}, {name}"] = tracklists.score(played, ask(samples), seconds, same_sound)
    return {
        "scores": {name: asdict(score) for name, score in scores.items()},
        "said": [asdict(s) for s in said],
        "seconds": [seconds, *spent],
    }


def heard_strangers(make: Callable[[], np.ndarray], view: View, options: ListenOptions) -> dict[str, Any]:
    """Listen to a stretch of strangers; return what was named in it all the same, and its hours."""
    samples = make()
    return {
        "false": [asdict(s) for s in listen(view, samples, options)[0]],
        "hours": len(samples) / SAMPLE_RATE / 3600,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixes", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--channels", default=",".join(mixes.CHANNELS))
    parser.add_argument("--strangers", type=float, default=24.0, help="hours not enrolled, by halves (24)")
    parser.add_argument("--rules", action="store_true", help="also the four smoothing rules")
    parser.add_argument("--peers", action="store_true", help="also those of bench.measure.peers, in windows of 10 s")
    parser.add_argument("--recorded", action="store_true", help="as files are heard: at less cost, and named later")
    parser.add_argument("--set", dest="which", choices=("evaluation", "development"), default="evaluation")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kept", type=Path, help="file of what has been heard so far, read and added to")
    with ExitStack() as opened:
        measure(parser.parse_args(), opened)


def measure(given: argparse.Namespace, opened: ExitStack) -> None:
    """Do what was asked; peers are open until the end."""
    console, kept = Console(), Kept(given.kept)
    evaluated = given.which == "evaluation"
    references = corpus.evaluation() if evaluated else corpus.hold_out(corpus.development())
    material = load_material(given.which)
    known = [r for r in references if r.known]
    view = view_of(known)
    options, how = (RECORDED, ", recorded") if given.recorded else (ListenOptions(), "")
    others: dict[str, Callable[[np.ndarray], list[Said]]] = {}
    if given.rules:
        others["rules"] = partial(smoothed, view, options=Options())
    for peer in peers.available() if given.peers else ():
        others[peer.name] = partial(windows.said, opened.enter_context(peer.opened(known)))
    scores: dict[str, list[Score]] = {}
    spent: dict[str, np.ndarray] = {}
    for seed in range(given.seed, given.seed + given.mixes):
        made = lru_cache(maxsize=1)(partial(mixes.make, references, given.minutes * 60, seed, material))
        for channel in given.channels.split(","):
            name = f"{given.which} mix {seed}, {given.minutes:g} min, {', '.join((channel, *others))}{how}"
            heard = kept.get(name, partial(heard_mix, made, channel, seed, material, view, options, others))
            for which, one in heard["scores"].items():
                scores.setdefault(which, []).append(Score(**one))
            spent[channel] = spent.get(channel, np.zeros(3)) + heard["seconds"]
            one, (seconds, processor, _) = scores[channel][-1], heard["seconds"]
            console.print(f"{name}: F1 {one.f1:.3f}, {one.found} of {one.asked} found, {seconds / processor:.0f}x")
    false: list[dict[str, Any]] = []
    heard_h = 0.0
    foreign = [r for r in references if not r.known] + (corpus.development() if evaluated else [])
    for number, make in enumerate(strangers(given.strangers, foreign, material, given.seed)):
        name = f"{given.which} strangers {given.seed}, stretch {number}{how}"
        heard = kept.get(name, partial(heard_strangers, make, view, options))
        false, heard_h = [*false, *heard["false"]], heard_h + heard["hours"]
        console.print(f"strangers: {len(false)} false segments in {heard_h:g} h so far")
    table = rows(scores, spent)
    shown = Table("figure", *scores)
    for name in table[0] if table else ():
        if name != "channel":
            shown.add_row(name, *(_cell(row[name]) for row in table))
    console.print(shown)
    console.print(f"false segments in {heard_h:g} h of strangers: {len(false)}")
    if given.json:
        given.json.write_text(json.dumps({"channels": table, "strangers_h": heard_h, "false": false}, indent=1))


if __name__ == "__main__":
    main()
