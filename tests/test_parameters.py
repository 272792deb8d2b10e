"""Synced.fm's nine parameters: every pair of their values works from end to end, or is refused with the reason."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.config import PRESETS, SYNCED_FM, FeatureConfig
from classifier.demo.songs import Song
from classifier.errors import InvalidConfig
from classifier.mixtures import features
from classifier.models.fitting import fit, whole_slots
from classifier.records.catalogues import set_background
from tests.library import as_wav, clean_snippet, excerpt, phone_snippet, settings_in

#: Values of each: small, usual, large; bounds where they are bearable.
LEVELS: dict[str, tuple[Any, ...]] = {
    "audio_freq": (8000, 16000, 22050),
    "mfcc_block_size": (256, 480, 2048),
    "mfcc_step_size": (160, 240, 1024),
    "sample_length": (1.0, 5.0, 10.0),
    "sample_step_size": (0.5, 1.0, 6.0),
    "num_components": (1, 6, 32),
    "em_epsilon": (0.0, 1e-3, 1.0),
    "em_iter": (1, 10, 100),
    "cv_type": ("full", "diag"),
}


def covering_array(levels: dict[str, tuple[Any, ...]], seed: int = 440) -> list[dict[str, Any]]:
    """Return rows in which every pair of values of two parameters occurs: greedy, the best of some random rows each."""
    rng = np.random.default_rng(seed)
    names = list(levels)
    left = {(one, a, two, b) for one, two in combinations(names, 2) for a, b in product(levels[one], levels[two])}
    rows = []
    while left:
        must = sorted(left, key=str)[int(rng.integers(len(left)))]
        candidates = []
        for _ in range(60):
            row = {name: levels[name][int(rng.integers(len(levels[name])))] for name in names}
            row |= {must[0]: must[1], must[2]: must[3]}
            candidates.append((len(pairs_of(row) & left), row))
        row = max(candidates, key=lambda item: item[0])[1]
        left -= pairs_of(row)
        rows.append(row)
    return rows


def pairs_of(row: dict[str, Any]) -> set[tuple[str, Any, str, Any]]:
    return {(one, row[one], two, row[two]) for one, two in combinations(row, 2)}


ROWS = covering_array(LEVELS)


def config_of(row: dict[str, Any]) -> FeatureConfig | str:
    """Build a configuration of a row, or return why it is refused; bands end where the sampling rate lets them."""
    start = PRESETS["synced-fm"].to_dict()
    own = {SYNCED_FM[name]: value for name, value in row.items()}
    try:
        return FeatureConfig.from_dict({**start, **own, "f_max": min(start["f_max"], row["audio_freq"] / 2)})
    except InvalidConfig as error:
        return str(error)


def test_every_pair_of_values_occurs() -> None:
    assert set().union(*map(pairs_of, ROWS)) == {
        (one, a, two, b) for one, two in combinations(LEVELS, 2) for a, b in product(LEVELS[one], LEVELS[two])
    }
    assert len(ROWS) < 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values())))
def test_parameters_work_or_are_refused(row: dict[str, Any], enrolled_songs: list[Song], tmp_path: Path) -> None:
    """Enrolled, and identified from a clean piece and from a noisy one; all that is refused is refused at the start."""
    config = config_of(row)
    if isinstance(config, str):
        assert config.startswith(("frame_step", "window_length", "slot_length", "mel bands"))
        return
    songs, rate = enrolled_songs[:3], enrolled_songs[0].sample_rate
    with Catalogue.open(settings=settings_in(tmp_path), config=config) as catalogue:
        # A background of little material, where one is needed: fitting the real one takes longer than all else.
        samples = [catalogue.decode(clean_snippet(song, 0.0, 30.0)).samples for song in enrolled_songs[:8]]
        mels = [features.mel_power(features.spectrum(s, config), config) for s in samples]
        frames = np.concatenate([features.delta_mfcc(mel[None], config)[0] for mel in mels])
        slots = np.concatenate([whole_slots(mel, config) for mel in mels])
        background = fit(frames[:: 1 + len(frames) // 12_000], slots, config)
        set_background(catalogue.store, catalogue.name, background.id, background.to_arrays())
        ids = [catalogue.enroll(as_wav(excerpt(song, 0.0, 14.0), rate), title=song.title).track.id for song in songs]
        for snippet in (clean_snippet(songs[1], 5.0, 6.0), phone_snippet(songs[1], 5.0, 6.0, snr_db=10.0, seed=3)):
            tag = catalogue.identify(snippet, method="auto")
            assert (tag.verdict, tag.matches[0].track_id) == ("identified", ids[1])
            assert tag.matches[0].offset_s == pytest.approx(5.0, abs=0.15)
            assert tag.nearest
            assert all(np.isfinite(near.divergence) for near in tag.nearest)
        by_kl = catalogue.identify(clean_snippet(songs[1], 5.0, 6.0), method="kl")
        assert by_kl.matches[0].track_id == ids[1]


def test_synced_fms_own_names() -> None:
    config = FeatureConfig.from_synced_fm(
        {"mfcc_step_size": "120", "cv_type": "diag", "sample_length": 4, "em_iter": 50.0}
    )
    assert (config.frame_step, config.covariance_type, config.window_length) == (120, "diag", 4.0)
    assert (config.em_max_iterations, config.method, config.floor) == (50, "kl-mixture", 0.0)
    assert set(SYNCED_FM) == set(LEVELS)
    for values, words in (
        ({"mfcc_step": 1}, "Synced.fm has no parameter 'mfcc_step': did you mean mfcc_step_size?"),
        ({"cv_type": "tied"}, "covariance_type is 'tied': choose full or diag"),
        ({"num_components": "six"}, "n_components is 'six'"),
        ({"em_iter": 2.5}, "em_max_iterations is 2.5"),
        ({"audio_freq": None}, "sample_rate is None"),
        ({"num_components": 33}, "from 1 to 32"),
    ):
        with pytest.raises(InvalidConfig) as caught:
            FeatureConfig.from_synced_fm(values)
        assert words in str(caught.value)
