"""What benchmarks keep of an exact model is what a compact catalogue enrolls."""

from __future__ import annotations

import numpy as np

from bench.measure.thinning import compact, thinned
from classifier.config import FeatureConfig
from classifier.index.segment import Segment
from classifier.models.background import builtin_background
from classifier.models.track import model_track
from tests.library import lively_noise


def test_thinned_models_are_those_of_a_compact_catalogue():
    sounds = [lively_noise(9.0, seed=seed) for seed in (1, 2)]
    exact, wanted = (
        [model_track(sound, FeatureConfig(profile=profile), builtin_background()) for sound in sounds]
        for profile in ("exact", "compact")
    )
    for model, other in zip(exact, wanted, strict=True):
        found = thinned(model)
        for name in ("window_frame", "silent", "slots", "words"):
            np.testing.assert_array_equal(getattr(found, name), getattr(other, name), err_msg=name, strict=True)
        assert found.mixtures.means.shape == other.mixtures.means.shape
    segment = compact(Segment.build([(f"t{i}", 1, model) for i, model in enumerate(exact)]))
    for entry, other in zip(segment.entries, wanted, strict=True):
        np.testing.assert_array_equal(segment.words(entry)[::2], other.words)
        np.testing.assert_array_equal(segment.of(entry, "slots"), other.slots)
