"""What a configuration is said to cost, against what it costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from classifier.catalogue import Catalogue
from classifier.config import PRESETS, FeatureConfig
from classifier.models.cost import estimate
from tests.library import RATE, as_wav, lively_noise, settings_in


@pytest.mark.parametrize("values", [{}, {"window_step": 0.25}, {"covariance_type": "diag", "em_max_iterations": 2}])
def test_windows_and_bytes_are_those_of_the_store(tmp_path: Path, values: dict) -> None:
    config = replace(FeatureConfig(), **values)
    sound = as_wav(lively_noise(60.0, 5), RATE)
    with Catalogue.open(settings=settings_in(tmp_path), config=config) as catalogue:
        track = catalogue.enroll(sound, title="noise").track
        collections = ("models", "slots", "subfingerprints")
        kept = sum(len(chunk["data"]) for name in collections for chunk in catalogue.store.find(name))
    cost = estimate(config, 60.0)
    assert cost.windows == pytest.approx(track.n_windows, abs=1)
    # A window more or less at the end of a minute, and the frames that a sub-fingerprint needs around it.
    assert cost.bytes == pytest.approx(kept, rel=0.12)
    assert cost.seconds > 0
    assert not cost.own_background


def test_it_grows_with_the_music_and_with_what_is_asked() -> None:
    plain, longer = estimate(FeatureConfig()), estimate(FeatureConfig(), 7200.0)
    assert longer.bytes == pytest.approx(2 * plain.bytes)
    assert longer.seconds == pytest.approx(2 * plain.seconds)
    assert estimate(replace(FeatureConfig(), window_step=0.5)).windows == pytest.approx(2 * plain.windows, rel=0.01)
    assert estimate(replace(FeatureConfig(), n_components=12)).bytes > 1.5 * plain.bytes
    assert estimate(PRESETS["synced-fm"]).own_background
    assert estimate(FeatureConfig(), 1.0).windows == 1
