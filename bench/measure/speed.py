"""How fast Earmark is, on songs that it composes itself::

    python -m bench.measure.speed                      # a few minutes on one core; tables
    python -m bench.measure.speed --json speed.json    # the same, and every figure in a file

Enrollment, fitting and divergences run on one core: the process and its decoders are pinned to it, and BLAS has one
thread. The first run of everything is left out; figures are medians of repeats. ``wall`` is what a clock shows and
suffers from whatever else the machine does; ``cpu`` is processor time, decoders included, and suffers less. Fits and
divergences are given in processor time, identification as a clock shows it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import HEAVY_HEAD, MARKDOWN
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from bench import plain
from classifier.audio import held
from classifier.audio.resample import at_rate
from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.demo.phone import record, write_wav
from classifier.demo.songs import Song, catalogue_seeds, compose, write
from classifier.fingerprint import bits
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures import features, gmm, slots
from classifier.mixtures.gmm import Mixtures
from classifier.models.background import Background, builtin_background
from classifier.models.query import Query, model_query
from classifier.models.track import TrackModel, model_track
from classifier.records.writing import TrackWriter
from classifier.search.ranking import rank
from classifier.settings import Settings

#: Stage of an enrollment -> where its functions live.
STAGES: dict[str, tuple[tuple[object, str], ...]] = {
    "decode": ((held, "decoded"),),
    "spectrum": ((features, "spectrum"), (features, "mel_power")),
    "features": ((features, "gather_windows"), (features, "delta_mfcc")),
    "mixtures": ((gmm, "fit"),),
    "slots": ((slots, "slot_deltas"), (slots, "slot_means")),
    "sub-fingerprints": ((bits, "reference_words"),),
    "store": (
        (TrackWriter, "begin"),
        (TrackWriter, "add_models"),
        (TrackWriter, "add_slots"),
        (TrackWriter, "add_subfingerprints"),
        (TrackWriter, "commit"),
    ),
}
FIT_WINDOWS = 64
SCIKIT_WINDOWS = 24
EQUAL_ITERATIONS = 20
#: Windows, and places, that the plain loops go through; their time for a whole catalogue is this, multiplied.
PLAIN_WINDOWS, PLAIN_PLACES = 8, 50
QUERY_S = 10.0
SNIPPET_S = 5.0


@dataclass
class Stopwatch:
    """Wall and processor seconds of functions, each without the time spent in others that are watched.

    Parameters
    ----------
    children : callable
        Gives the processor seconds that child processes have used so far.
    """

    children: Callable[[], float]
    wall: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _inner: list[list[float]] = field(default_factory=list)

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time() + self.children()

    @contextlib.contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Add what happens in a ``with`` block to ``name``."""
        self._inner.append([0.0, 0.0])
        wall, cpu = self._now()
        try:
            yield
        finally:
            wall_now, cpu_now = self._now()
            took = wall_now - wall, cpu_now - cpu
            inner = self._inner.pop()
            self.wall[name] += took[0] - inner[0]
            self.cpu[name] += took[1] - inner[1]
            if self._inner:
                self._inner[-1][0] += took[0]
                self._inner[-1][1] += took[1]

    @contextlib.contextmanager
    def watching(self, stages: dict[str, tuple[tuple[object, str], ...]]) -> Iterator[None]:
        """Time functions where they stand, for the length of a ``with`` block."""
        with contextlib.ExitStack() as stack:
            for stage, places in stages.items():
                for owner, name in places:
                    original = vars(owner)[name]
                    setattr(owner, name, self._timed(original, stage))
                    stack.callback(setattr, owner, name, original)
            yield

    def _timed(self, original: Any, stage: str) -> Any:
        function = original.__func__ if isinstance(original, classmethod) else original

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.lap(stage):
                return function(*args, **kwargs)

        return classmethod(timed) if isinstance(original, classmethod) else timed


def process_seconds(pids: Sequence[int]) -> float:
    """Processor seconds that processes have used so far; those that are gone count nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(values[11]) + int(values[12])
    return total / os.sysconf("SC_CLK_TCK")


def median_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median processor time of a call, the first one left out."""
    function()
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        taken.append(time.process_time() - started)
    return float(np.median(taken))


# --- enrollment ---------------------------------------------------------------------------------------------


def enrollment(files: Sequence[Path], repeats: int) -> dict[str, Any]:
    """Enroll files into fresh SQLite stores, one after another, and build the index.

    Returns
    -------
    dict
        ``audio_s``; ``stages``: for each stage, ``in all`` (everything stored) and the ``index``, wall and cpu seconds
        an hour of audio, and times real time; ``bytes_per_hour`` of store and index.
    """
    runs: list[Stopwatch] = []
    sizes: dict[str, float] = {}
    audio_s = 0.0
    for run in range(repeats + 1):  # the first warms up
        with tempfile.TemporaryDirectory() as folder:
            catalogue = Catalogue.open(settings=Settings(data_dir=folder))
            catalogue.background()
            catalogue.decoder.warm_up()
            pids = catalogue.decoder.pids
            watch = Stopwatch(partial(process_seconds, pids))
            with watch.watching(STAGES), watch.lap("rest"):
                for path in files[: 2 if run == 0 else None]:
                    catalogue.enroll(path)
            audio_s = sum(t.duration_s for t in catalogue.tracks())
            watch.children = float  # the decoders end with the catalogue
            with watch.lap("index"):
                catalogue.view()
                catalogue.close()  # waits until the index is on disk
            sizes = {
                "store": sum(p.stat().st_size for p in Path(folder).glob("earmark.sqlite*")) / audio_s * 3600,
                "index": sum(p.stat().st_size for p in Path(folder).glob("index/**/*") if p.is_file()) / audio_s * 3600,
            }
        if run:
            runs.append(watch)
    for watch in runs:
        for seconds in (watch.wall, watch.cpu):
            seconds["in all"] = sum(seconds[name] for name in (*STAGES, "rest"))
    stages = {
        stage: {f"{kind}_s": float(np.median([getattr(w, kind)[stage] for w in runs])) for kind in ("wall", "cpu")}
        for stage in (*STAGES, "rest", "in all", "index")
    }
    return {
        "audio_s": audio_s,
        "tracks": len(files),
        "stages": {
            name: {
                "wall_s_per_hour": values["wall_s"] / audio_s * 3600,
                "cpu_s_per_hour": values["cpu_s"] / audio_s * 3600,
                "times_real_time_wall": audio_s / max(values["wall_s"], 1e-9),
                "times_real_time_cpu": audio_s / max(values["cpu_s"], 1e-9),
            }
            for name, values in stages.items()
        },
        "bytes_per_hour": sizes,
    }


# --- fitting ------------------------------------------------------------------------------------------------


def window_frames(song: Song, config: FeatureConfig, background: Background, n: int) -> np.ndarray:
    """Standardised frames of a song's first windows, shape (n, T, d), float32."""
    mel = features.mel_power(
        features.spectrum(at_rate(song.samples, song.sample_rate, config.sample_rate), config), config
    )
    starts = features.window_starts(len(mel), config)[:n]
    return features.delta_mfcc(features.gather_windows(mel, starts, config.window_frames), config) / background.scale


def fits(song: Song, config: FeatureConfig, repeats: int) -> dict[str, Any]:
    """Milliseconds a window: Earmark's default fit and scikit-learn's, and both for the same number of EM steps."""
    background = builtin_background()
    x = window_frames(song, config, background, FIT_WINDOWS)
    few = x[:SCIKIT_WINDOWS].astype(np.float64)
    start = background.start(config.covariance_type)
    precisions = np.linalg.inv(start.covariances[0])
    floor = config.covariance_floor

    def ours(iterations: int, relevance: float, tolerance: float) -> None:
        gmm.fit(x, start, floor=floor, relevance=relevance, max_iterations=iterations, tolerance=tolerance)

    iterations: list[int] = []

    def scikit_default() -> None:
        for window in few:
            model = GaussianMixture(config.n_components, reg_covar=floor, random_state=0).fit(window)
            iterations.append(model.n_iter_)

    def scikit_equal() -> None:
        for window in few:
            GaussianMixture(
                config.n_components,
                reg_covar=floor,
                tol=0.0,
                max_iter=EQUAL_ITERATIONS,
                weights_init=start.weights[0] / start.weights[0].sum(),
                means_init=start.means[0],
                precisions_init=precisions,
            ).fit(window)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = median_seconds(scikit_default, repeats) / len(few)
        theirs_equal = median_seconds(scikit_equal, repeats) / len(few)
    default = median_seconds(
        lambda: ours(config.em_max_iterations, config.map_relevance, config.em_tolerance), 3 * repeats
    ) / len(x)
    equal = median_seconds(lambda: ours(EQUAL_ITERATIONS, 0.0, 0.0), repeats) / len(x)
    return {
        "earmark_default_ms": 1e3 * default,
        "scikit_learn_default_ms": 1e3 * theirs,
        "default_ratio": theirs / default,
        "scikit_learn_iterations": float(np.mean(iterations)),
        "equal_iterations": EQUAL_ITERATIONS,
        "earmark_equal_ms": 1e3 * equal,
        "scikit_learn_equal_ms": 1e3 * theirs_equal,
        "equal_ratio": theirs_equal / equal,
    }


# --- divergence ---------------------------------------------------------------------------------------------


def mixture_at(mixtures: Mixtures, i: int) -> plain.Mixture:
    """One of many, as ``bench/plain.py`` takes it."""
    return mixtures.weights[i], mixtures.means[i], mixtures.covariances[i]


def plain_seconds(query: Query, model: TrackModel) -> tuple[float, float]:
    """Seconds in plain Python: one place by the divergence that ranks, a pair of windows by the variational one."""
    mine, there = query.slots[0].astype(float), model.slots.astype(float)
    places = [there[i : i + len(mine)] for i in range(PLAIN_PLACES)]
    same = median_seconds(lambda: [plain.slot_divergence(mine, place, query.slot_variance) for place in places], 3)
    queries = [mixture_at(query.mixtures, i) for i in range(len(query.mixtures))]
    references = [mixture_at(model.mixtures, i) for i in range(PLAIN_WINDOWS)]
    variational = plain.symmetric(plain.kl_variational)
    textbook = median_seconds(lambda: plain.nearest(queries, references, variational), 3)
    return same / len(places), textbook / len(queries) / len(references)


def divergences(
    models: Sequence[TrackModel], query_samples: np.ndarray, copies: int, config: FeatureConfig, repeats: int
) -> dict[str, Any]:
    """One snippet against every place, by :func:`rank` and in a plain loop: the songs, and copies of them."""
    result: dict[str, Any] = {"snippets": []}
    background = builtin_background()
    for seconds in (SNIPPET_S, QUERY_S):
        query = model_query(query_samples[: round(seconds * config.sample_rate)], config, background)
        same_s, textbook_s = plain_seconds(query, models[0])
        for times in (1, copies):
            tracks = [(f"{i}-{c}", 1, model) for c in range(times) for i, model in enumerate(models)]
            segment = Segment.build(tracks)
            snapshot = Snapshot((segment,), frozenset(e.key for e in segment.entries))
            took = median_seconds(lambda q=query, s=snapshot: rank(q, s, config), repeats)  # type: ignore[misc]
            places = rank(query, snapshot, config).n_places
            pairs = len(query.mixtures) * segment.n_windows
            result["snippets"].append(
                {
                    "seconds": seconds,
                    "slots": query.slots.shape[1],
                    "windows": segment.n_windows,
                    "places": places,
                    "earmark_ms": 1e3 * took,
                    "plain_same_s": places * same_s,
                    "plain_same_ratio": places * same_s / took,
                    "plain_variational_s": pairs * textbook_s,
                    "plain_variational_ratio": pairs * textbook_s / took,
                }
            )
        result["plain_pair_ms"] = {
            "same": 1e3 * same_s,
            "variational": 1e3 * textbook_s,
            "places_timed": PLAIN_PLACES,
            "windows_timed": PLAIN_WINDOWS,
        }
    return result


# --- latency ------------------------------------------------------------------------------------------------


def latency(files: Sequence[Path], songs: Sequence[Song], n_snippets: int) -> dict[str, Any]:
    """Identify noisy recordings of demo songs, from file to verdict, on a catalogue of all of them."""
    with tempfile.TemporaryDirectory() as folder, Catalogue.open(settings=Settings(data_dir=folder)) as catalogue:
        for path in files:
            catalogue.enroll(path)
        rng = np.random.default_rng(3)
        tags, right, cpu_s = [], 0, []
        for i in range(n_snippets + 1):
            song = songs[i % len(songs)]
            start_s = float(rng.uniform(0, song.duration_s - SNIPPET_S))
            heard = record(song.samples, song.sample_rate, start_s, SNIPPET_S, snr_db=5.0, seed=i)
            snippet = Path(folder) / "snippet.wav"
            write_wav(snippet, heard, song.sample_rate)
            before = time.process_time() + process_seconds(catalogue.decoder.pids)
            tag = catalogue.identify(snippet)
            if i:  # the first warms up
                tags.append(tag)
                cpu_s.append(time.process_time() + process_seconds(catalogue.decoder.pids) - before)
                right += tag.verdict == "identified" and tag.matches[0].title == song.title
        stages = list(tags[0].seconds)
        values = {stage: 1e3 * np.array([tag.seconds[stage] for tag in tags]) for stage in stages}
        return {
            "snippets": n_snippets,
            "snippet_s": SNIPPET_S,
            "tracks": len(files),
            "windows": tags[0].searched.windows,
            "identified_and_right": right,
            "cpu_ms_mean": 1e3 * float(np.mean(cpu_s)),
            "stages": {
                s: {"median_ms": float(np.median(v)), "p95_ms": float(np.percentile(v, 95))} for s, v in values.items()
            },
        }


# --- report -------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__}


def show(report: dict[str, Any], console: Console) -> None:
    """Print the figures as tables."""

    def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        if not console.is_terminal:  # to be pasted into docs/performance.md
            console.print(f"\n## {title}\n")
            title = ""
        out = Table(title=title or None, title_justify="left", box=HEAVY_HEAD if console.is_terminal else MARKDOWN)
        for i, column in enumerate(columns):
            out.add_column(column, justify="right" if i else "left")
        for row in rows:
            out.add_row(
                *(
                    f"{v:,.3g}" if isinstance(v, float) and v < 100 else f"{v:,.0f}" if isinstance(v, float) else str(v)
                    for v in row
                )
            )
        console.print(out)

    e = report["enrollment"]
    keys = ("cpu_s_per_hour", "wall_s_per_hour", "times_real_time_cpu", "times_real_time_wall")
    table(
        f"Enrollment on one core, {e['tracks']} songs, {e['audio_s']:.0f} s; MB an hour: "
        f"store {e['bytes_per_hour']['store'] / 1e6:.1f}, index {e['bytes_per_hour']['index'] / 1e6:.1f}",
        ("stage", "cpu s/h", "wall s/h", "x real time, cpu", "x real time, wall"),
        [(name, *(values[k] for k in keys)) for name, values in e["stages"].items()],
    )
    f = report["fit"]
    table(
        "Fitting a window's mixture, one core",
        ("fit", "Earmark ms", "scikit-learn ms", "ratio"),
        [
            (
                f"default (scikit-learn: {f['scikit_learn_iterations']:.0f} iterations)",
                f["earmark_default_ms"],
                f["scikit_learn_default_ms"],
                f["default_ratio"],
            ),
            (
                f"{f['equal_iterations']} EM steps, same start",
                f["earmark_equal_ms"],
                f["scikit_learn_equal_ms"],
                f["equal_ratio"],
            ),
        ],
    )
    d = report["divergence"]
    table(
        "Divergence of a snippet from every place, one core; plain loops extrapolated from "
        f"{d['plain_pair_ms']['places_timed']} places and {d['plain_pair_ms']['windows_timed']} windows",
        (
            "snippet",
            "places",
            "Earmark ms",
            "same in a plain loop s",
            "ratio",
            "variational in a plain loop s",
            "ratio",
        ),
        [
            (
                f"{s['seconds']:g} s, {s['slots']} slots",
                s["places"],
                s["earmark_ms"],
                s["plain_same_s"],
                s["plain_same_ratio"],
                s["plain_variational_s"],
                s["plain_variational_ratio"],
            )
            for s in d["snippets"]
        ],
    )
    i = report["identify"]
    table(
        f"Identify {i['snippets']} noisy {i['snippet_s']:g}-s snippets among {i['tracks']} songs, "
        f"{i['identified_and_right']} identified and right, {i['cpu_ms_mean']:.0f} ms of processor time each",
        ("stage", "median ms", "95 % ms"),
        [(name, values["median_ms"], values["p95_ms"]) for name, values in i["stages"].items()],
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=32, help="songs of the catalogue that is searched (32)")
    parser.add_argument("--enroll", type=int, default=12, help="songs that enrollment is timed on (12)")
    parser.add_argument("--copies", type=int, default=10, help="copies of the songs in the larger search (10)")
    parser.add_argument("--snippets", type=int, default=60, help="snippets identified (60)")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of everything timed (3)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 200)
    config = FeatureConfig()
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        songs = [compose(seed) for seed in catalogue_seeds(arguments.songs)]
        files = [write(song, Path(folder)) for song in songs]
        os.sched_setaffinity(0, {max(cores)})
        report: dict[str, Any] = {"machine": machine()}
        report["enrollment"] = enrollment(files[: arguments.enroll], arguments.repeats)
        report["fit"] = fits(songs[0], config, arguments.repeats)
        samples = [at_rate(song.samples, song.sample_rate, config.sample_rate) for song in songs]
        models = [model_track(s, config, builtin_background()) for s in samples]
        heard = record(songs[3].samples, songs[3].sample_rate, 20.0, QUERY_S, snr_db=5.0, seed=1)
        query = at_rate(heard, songs[3].sample_rate, config.sample_rate)
        report["divergence"] = divergences(models, query, arguments.copies, config, arguments.repeats)
        os.sched_setaffinity(0, cores)
        report["identify"] = latency(files, songs, arguments.snippets)
    report["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show(report, console)
    console.print(
        f"{report['machine']['cpu']}, Python {report['machine']['python']}; load {os.getloadavg()[0]:.1f} at the end"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
