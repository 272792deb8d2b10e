"""The plain divergences against ours, and the stopwatch that times the stages."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from bench import plain
from bench.measure.speed import STAGES, Stopwatch, plain_windows, process_seconds
from classifier.config import FeatureConfig
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_aligned, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures
from classifier.models.track import builtin_background, model_query, model_track
from classifier.search.ranking import Ranking


def mixtures(rng: np.random.Generator, n: int, k: int = 3, d: int = 4) -> Mixtures:
    roots = rng.standard_normal((n, k, d, d)) * 0.3 + np.eye(d)
    return Mixtures(rng.dirichlet(np.ones(k), n), rng.standard_normal((n, k, d)), roots @ roots.swapaxes(-1, -2))


def one(m: Mixtures, i: int) -> plain.Mixture:
    return m.weights[i], m.means[i], m.covariances[i]


def test_packed_divergences_equal_the_plain_loops(rng):
    a, b = mixtures(rng, 3), mixtures(rng, 4)
    for fast, slow in (
        (symmetric_kl_aligned, plain.kl_labelled),
        (symmetric_kl_variational, plain.kl_variational),
    ):
        measured = fast(Packed.of(a), Packed.of(b))
        for i in range(3):
            for j in range(4):
                assert measured[i, j] == pytest.approx(plain.symmetric(slow)(one(a, i), one(b, j)), rel=1e-9, abs=1e-9)


def test_the_plain_loop_averages_logarithms(rng):
    m = mixtures(rng, 3)
    divergence = plain.symmetric(plain.kl_labelled)
    expected = np.log([divergence(one(m, 0), one(m, 2)), divergence(one(m, 1), one(m, 2))]).mean()
    assert plain.nearest([one(m, 0), one(m, 1)], [one(m, 2)], divergence) == pytest.approx([expected])


def test_ranking_equals_the_plain_loop(rng):
    """One window of a snippet against every window of a track: least J_1, to the rounding of the index."""
    config, background = FeatureConfig(), builtin_background()
    level = np.repeat(10 ** rng.uniform(-1.5, 0, 80), 2000)
    sound = (0.1 * rng.standard_normal(160000) * level).astype(np.float32)
    model = model_track(sound, config, background)
    heard = sound[52000:132000] + 0.01 * rng.standard_normal(80000).astype(np.float32)
    query = model_query(heard, config, background)
    segment = Segment.build([("one", 1, model)])
    ranked = Ranking(query, Snapshot((segment,), frozenset({("one", 1)})), config).nearest[0]
    windows = plain_windows(model)
    expected = [plain.least_j1(plain_windows(query)[0], window) for window in windows]
    assert len(windows) == 6
    assert ranked.divergence == pytest.approx(min(expected), rel=0.01)


def test_stopwatch_counts_each_moment_once_and_puts_everything_back():
    def inner() -> None:
        time.sleep(0.02)

    part = SimpleNamespace(inner=inner)
    part.outer = lambda: (part.inner(), part.inner())
    outer = part.outer
    watch = Stopwatch(lambda: 0.0)
    with watch.watching({"inner": ((part, "inner"),), "outer": ((part, "outer"),)}), watch.lap("rest"):
        part.outer()
    assert part.inner is inner
    assert part.outer is outer
    assert watch.wall["inner"] >= 0.04
    assert watch.wall["outer"] < watch.wall["inner"]
    assert watch.wall["rest"] < watch.wall["inner"]


def test_stages_name_functions_that_exist():
    assert all(callable(getattr(owner, name)) for places in STAGES.values() for owner, name in places)


def test_process_seconds_of_a_process_that_is_gone():
    assert process_seconds([2**22 + 1]) == 0.0
