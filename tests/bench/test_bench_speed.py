"""The plain divergences against ours, and the stopwatch that times the stages."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from bench import plain
from bench.measure.speed import STAGES, Stopwatch, process_seconds
from classifier.config import FeatureConfig
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_aligned, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures
from classifier.models.background import builtin_background
from classifier.models.query import model_query
from classifier.models.track import model_track
from classifier.search.ranking import rank
from tests.library import lively_noise


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


def test_the_plain_loop_over_slots_is_what_ranks():
    """At the place that the fast comparison finds, the plain loop gives the divergence shown; elsewhere, more."""
    config, background = FeatureConfig(), builtin_background()
    sound = lively_noise(12.0, seed=5)
    model = model_track(sound, config, background)
    noise = 0.02 * np.random.default_rng(2).standard_normal(5 * 16000)
    query = model_query((sound[3 * 16000 : 8 * 16000] + noise).astype(np.float32), config, background)
    segment = Segment.build([("one", 1, model)])
    ranking = rank(query, Snapshot((segment,), frozenset({("one", 1)})), config)
    phase, lag = ranking.place[0]
    mine, m = query.slots[phase].astype(float), query.slots.shape[1]
    plainly = [
        plain.slot_divergence(mine, model.slots[i : i + m].astype(float), query.slot_variance)
        for i in range(len(model.slots) - m + 1)
    ]
    assert int(np.argmin(plainly)) == lag
    assert ranking.divergence[0] == pytest.approx(plainly[lag], rel=1e-9)


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
