"""The extractors against the values that were published or computed elsewhere, and at their limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.errors import InvalidParameter, WeightsMissing
from classifier.labels import hpss_contrast, logmel_image, mfcc_stats
from classifier.labels.extractors import DEFAULT, EXTRACTORS, extractor
from classifier.labels.features import Extracted
from tests.labels.signals import chirp, chirp_16_bits

CLASSIC = [name for name in EXTRACTORS if name != DEFAULT]
NOWHERE = Path("/nonexistent")


def vector(name: str, samples: np.ndarray) -> np.ndarray:
    return extractor(name).open(NOWHERE)(samples).vector


# --- published values ---------------------------------------------------------------------------------------


def test_mfcc_statistics_are_those_of_the_published_recipe():
    """Values of an implementation that reproduces the published table of GTZAN within 1e-12."""
    samples = chirp_16_bits()
    assert mfcc_stats.mfcc(samples).shape == (997, 13)
    found = vector("mfcc-stats-104", samples)
    expected = {0: 21.119909, 1: 7.346904, 12: -2.629620, 13: 2.761495, 14: 276.216931, 26: -15.509465}
    expected |= {38: -22.099902, 103: -3.858870}
    for i, value in expected.items():
        assert found[i] == pytest.approx(value, abs=1e-6)
    assert found.sum() == pytest.approx(3139.169274, abs=1e-6)


def test_hpss_contrast_has_the_published_values():
    found = vector("hpss-contrast-212", chirp_16_bits())
    for i, value in {0: -249.06, 13: 10.303, 78: -326.51, 156: 10.616, 205: 6.715, 211: 30.37}.items():
        assert found[i] == pytest.approx(value, rel=5e-4)


def test_timbre_has_the_published_values():
    found = vector("timbre-26", chirp_16_bits())
    expected = ["0.1369", "0.2136", "657.12", "180.40", "663.22", "0.0583", "-475.83", "37.827", "13.697", "1.441"]
    for value, printed in zip([*found[:9], found[-1]], expected, strict=True):
        last_digit = 10.0 ** -len(printed.partition(".")[2])
        assert value == pytest.approx(float(printed), abs=0.6 * last_digit)


def test_the_picture_has_the_published_sum():
    picture = logmel_image.picture(chirp(110.0, slope=20.0).astype(np.float32))
    assert picture.shape == (128, 2001)
    assert abs(int(picture.sum(dtype=int)) - 62_347_089) <= 2000


# --- what follows from the definitions ----------------------------------------------------------------------


def test_the_logarithmic_form_holds_correlations(rng):
    coefficients = rng.standard_normal((500, 13)) @ rng.standard_normal((13, 13))
    found = mfcc_stats.log_form(mfcc_stats.statistics(coefficients))
    np.testing.assert_allclose(found[:13], coefficients.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found[13:26], np.log(coefficients.var(axis=0, ddof=1)))
    matrix = np.corrcoef(coefficients.T)
    pairs = [(int(i), int(j)) for _, i, j in (name.split(".") for name in mfcc_stats.LOG_NAMES[26:])]
    np.testing.assert_allclose(found[26:], [matrix[i, j] for i, j in pairs], atol=1e-12)
    rows = mfcc_stats.log_form(np.stack([mfcc_stats.statistics(coefficients)] * 2))
    np.testing.assert_array_equal(rows[0], rows[1])


def test_the_covariances_are_numpys(rng):
    coefficients = rng.standard_normal((40, 13))
    matrix = np.cov(coefficients.T)
    found = mfcc_stats.statistics(coefficients)[13:]
    np.testing.assert_allclose(found, np.concatenate([np.diagonal(matrix, k) for k in range(13)]), atol=1e-12)


def test_statistics_of_a_straight_line():
    line = np.arange(10.0)[None] * 3
    np.testing.assert_allclose(hpss_contrast.statistics(line), [13.5, 3 * np.arange(10).std(), 3, 0, 0, 0], atol=1e-12)


def test_57_hold_the_26_of_the_same_sound():
    short = chirp_16_bits()[: 3 * 22050]
    few = dict(zip(EXTRACTORS["timbre-26"].names, vector("timbre-26", short), strict=True))
    many = dict(zip(EXTRACTORS["timbre-57"].names, vector("timbre-57", short), strict=True))
    assert set(few) < set(many)
    for name, value in few.items():
        assert many[name] == pytest.approx(value)


def test_the_picture_is_of_the_second_minute():
    sound = chirp(130.0, slope=5.0).astype(np.float32)
    whole = logmel_image.logmel(sound)
    np.testing.assert_array_equal(whole, logmel_image.logmel(sound[60 * 22050 : 60 * 22050 + 2000 * 512]))
    changed = sound.copy()
    changed[: 59 * 22050] = 0
    np.testing.assert_array_equal(whole, logmel_image.logmel(changed))
    # A song that ends early is heard from its end, and a short one is followed by silence.
    ends = sound[: 80 * 22050]
    np.testing.assert_array_equal(logmel_image.logmel(ends), logmel_image.logmel(ends[-2000 * 512 :]))
    short = logmel_image.picture(sound[: 10 * 22050])
    assert short.shape == (128, 2001)
    assert (short[:, 500:] == 255).all()


@pytest.mark.parametrize("name", CLASSIC)
@pytest.mark.parametrize("n", [1, 300, 22050])
def test_silence_and_scraps_give_finite_numbers(name, n):
    for samples in (np.zeros(n, np.float32), np.full(n, 0.1, np.float32), chirp(10.0)[:n].astype(np.float32)):
        found = extractor(name).open(NOWHERE)(samples)
        assert np.isfinite(found.vector).all()
        assert np.isfinite(found.patches).all()


@pytest.mark.parametrize("name", CLASSIC)
def test_an_extractor_is_what_it_says(name):
    kind = extractor(name)
    found = kind.open(NOWHERE)(chirp_16_bits())
    assert found.extractor == kind.id == f"{name}/{kind.version}"
    assert found.names == kind.names
    assert len(set(kind.names)) == len(kind.names)
    assert found.patches.shape == (len(found.start_s), len(kind.names))
    assert found.vector.shape == (len(kind.names),)
    assert found.patches.dtype == np.float32
    assert found.vector.dtype == np.float64
    if name == "timbre-26":
        np.testing.assert_array_equal(vector(name, chirp_16_bits()[: 3 * kind.sample_rate]), found.vector)


def test_the_network_answers_the_same_for_any_level(weights_dir, rng):
    hear = extractor(DEFAULT).open(weights_dir)
    loud = (0.3 * chirp(7.0, 16000) + 0.01 * rng.standard_normal(7 * 16000)).astype(np.float32)
    found, quiet = hear(loud), hear(loud * np.float32(0.01))
    np.testing.assert_allclose(quiet.vector, found.vector, atol=1e-3)
    np.testing.assert_allclose(found.vector, found.patches.mean(axis=0), atol=1e-5)
    tags = found.vector[found.columns(["tag"])]
    assert ((tags >= 0) & (tags <= 1)).all()


def test_names_that_do_not_exist_are_answered_with_those_that_do(tmp_path):
    with pytest.raises(InvalidParameter, match=r"no extractor 'timbre-27': did you mean timbre-57\?; there are"):
        extractor("timbre-27")
    found = Extracted("x/1", ("tag.a", "tag.b", "mean.0"), np.zeros((1, 3), np.float32), np.zeros(1), np.zeros(3))
    assert found.columns(["mean", "tag"]).tolist() == [0, 1, 2]
    assert found.columns(["tag"]).tolist() == [0, 1]
    with pytest.raises(InvalidParameter, match="no block 'tags' among tag, mean: did you mean tag"):
        found.columns(["tags"])
    with pytest.raises(WeightsMissing, match="earmark models get musicnn-msd"):
        extractor(DEFAULT).open(tmp_path)
