"""Major and minor, told from synthesised chords, and what must not change with level or key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.labels import key_mode, views
from classifier.labels.extractors import extractor
from classifier.labels.key_mode import NAMES, PROFILES, chroma, compressed, correlations
from tests.labels.signals import progression

RATE = key_mode.SAMPLE_RATE
MIDDLE_C = 60


def features(samples: np.ndarray) -> dict[str, float]:
    found = extractor("key-mode-33").open(Path("/nonexistent"))(samples)
    return dict(zip(found.names, found.vector.tolist(), strict=True))


@pytest.mark.parametrize("tonic", range(MIDDLE_C - 6, MIDDLE_C + 6))
def test_major_and_minor_have_their_signs_in_every_key(tonic):
    major, minor = (features(progression(tonic, minor=minor)) for minor in (False, True))
    for name in NAMES:
        if name.endswith(".difference"):
            assert major[name] > 0 > minor[name], name
    third, sixth, seventh = (("tonic.4", "tonic.3"), ("tonic.9", "tonic.8"), ("tonic.11", "tonic.10"))
    for great, small in (third, sixth):
        assert major[great] > major[small]
        assert minor[great] < minor[small]
    assert all(found[seventh[0]] > found[seventh[1]] for found in (major, minor))  # harmonic minor shares it


def test_a_level_changes_nothing(rng):
    sound = progression(MIDDLE_C, minor=True) + 0.003 * rng.standard_normal(8 * RATE)
    loud, quiet = (np.array([*features(scale * sound).values()]) for scale in (1.0, 0.01))
    np.testing.assert_allclose(quiet, loud, rtol=1e-4, atol=1e-4)


def test_a_transposition_changes_no_key_but_the_register():
    low, high = (features(progression(MIDDLE_C + up, minor=False)) for up in (0, 4))
    for name in NAMES:
        if name.startswith(("key.", "tonic.", "intervals.")):
            assert high[name] == pytest.approx(low[name], abs=0.12), name
    assert high["register.centroid"] - low["register.centroid"] == pytest.approx(np.log(2 ** (4 / 12)), abs=0.1)


def test_correlations_are_numpys_of_turned_profiles(rng):
    for author, profiles in PROFILES.items():
        tones = rng.random(12)
        found = correlations(tones, profiles)
        assert found.shape == (2, 12)
        for mode in range(2):
            for tonic in range(12):
                fits = [profiles[mode][(tone - tonic) % 12] for tone in range(12)]
                assert found[mode, tonic] == pytest.approx(np.corrcoef(tones, fits)[0, 1], abs=1e-12), author
    assert not correlations(np.full(12, 0.25), PROFILES["krumhansl"]).any()


def test_a_profile_is_its_own_key():
    for profiles in PROFILES.values():
        for mode in range(2):
            for tonic in (0, 5, 11):
                found = correlations(np.roll(profiles[mode], tonic), profiles)
                assert np.unravel_index(found.argmax(), found.shape) == (mode, tonic)
                assert found[mode, tonic] == pytest.approx(1)


def test_the_columns_are_those_of_an_independent_computation():
    """Chroma, told frame by frame and peak by peak, give the keys that the extractor does."""
    sound = progression(MIDDLE_C + 3, minor=True, seconds=4.0)
    size, hop = 8192, 2048
    window = np.hanning(size + 1)[:-1]
    tones = []
    for at in range(0, len(sound) - size + 1, hop):
        spectrum = np.abs(np.fft.rfft(sound[at : at + size] * window))
        row = np.zeros(12)
        for k in range(1, len(spectrum) - 1):
            # Bins at the ends of the range have no neighbours in it, and are no peaks.
            if all(65 < b * RATE / size < 2100 for b in (k - 1, k, k + 1)) and (
                spectrum[k - 1] < spectrum[k] >= spectrum[k + 1]
            ):
                pitch = 69 + 12 * np.log2(k * RATE / size / 440)
                row[round(pitch) % 12] += spectrum[k] * np.exp(-((pitch - round(pitch)) ** 2) / (2 * 0.2**2))
        tones.append(row)
    whole = np.log1p(20 * np.array(tones) / np.mean([row.sum() for row in tones])).sum(axis=0)
    found = features(sound)
    for author, profiles in PROFILES.items():
        best = [max(np.corrcoef(whole, np.roll(profile, i))[0, 1] for i in range(12)) for profile in profiles]
        for name, value in zip(("major", "minor", "difference"), [*best, best[0] - best[1]], strict=True):
            assert found[f"key.{author}.{name}"] == pytest.approx(value, abs=1e-6)
    tonic = (MIDDLE_C + 3) % 12
    shares = [found[f"tonic.{i}"] for i in range(12)]
    np.testing.assert_allclose(shares, np.roll(whole, -tonic) / whole.sum(), atol=1e-6)


@pytest.mark.parametrize("note", [48, 57, 64, 76])
def test_chroma_of_one_note_are_its_tone(note):
    t = np.arange(8192) / RATE
    window = np.hanning(8193)[:-1]
    power = np.square(np.abs(np.fft.rfft(window * np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * t))))
    tones = chroma(power[None])
    assert tones.shape == (1, 12)
    assert tones.argmax() == note % 12
    assert tones.max() > 0.95 * tones.sum()
    np.testing.assert_allclose(compressed(5 * tones), compressed(tones))


def test_onsets_and_the_pulse_are_those_that_were_struck():
    found = features(progression(MIDDLE_C, minor=False))
    assert np.exp(found["rhythm.onsets"]) - 0.1 == pytest.approx(2, abs=0.2)
    period = np.exp(found["rhythm.period"])
    assert min(abs(period - each) for each in (0.5, 1.0)) < 0.02
    assert found["rhythm.pulse"] > 0.5


def test_only_the_beginning_counts():
    sound = np.tile(progression(MIDDLE_C, minor=False), 6)
    assert len(sound) > key_mode.MOST_S * RATE
    assert features(sound) == features(sound[: int(key_mode.MOST_S * RATE)])


def test_the_view_holds_both():
    found = views.view("tags-key-mode")
    assert found.extractors == ("musicnn-msd/1", "key-mode-33/1")
    assert found.columns == (*views.view("tag-logits").columns, *views.view("key-mode").columns)
    assert len(set(found.columns)) == 50 + 33
