"""Windows of a track, beside the mixtures that the store holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.demo.songs import Song
from classifier.errors import InvalidParameter, TrackNotFound
from classifier.likeness import windows
from classifier.mixtures.divergence import symmetric_kl_monte_carlo
from classifier.mixtures.gmm import Mixtures, unpack_covariances
from classifier.records.track_arrays import load_models
from classifier.results import Track
from classifier.store import Store
from tests.library import RATE, as_wav, excerpt, lively_noise, settings_in

#: Packed products against plain ones, float64.
ROUNDED = 1e-6
SAMPLES = 2000


def enrolled(catalogue: Catalogue, *pieces: np.ndarray, rate: int = RATE) -> Track:
    return catalogue.enroll(as_wav(np.concatenate(pieces), rate), title="one").track


def stored(store: Store, track: Track) -> tuple[dict[str, np.ndarray], Mixtures]:
    arrays = load_models(store, track.id, track.version)
    covariances = unpack_covariances(arrays["covariances"], arrays["means"].shape[-1])
    return arrays, Mixtures(*(a.astype(np.float64) for a in (arrays["weights"], arrays["means"], covariances)))


def kl(mean: np.ndarray, cov: np.ndarray, other_mean: np.ndarray, other_cov: np.ndarray) -> float:
    """D between two Gaussians, as textbooks write it."""
    inverse, off = np.linalg.inv(other_cov), other_mean - mean
    logs = np.linalg.slogdet(other_cov)[1] - np.linalg.slogdet(cov)[1]
    return float(np.trace(inverse @ cov) + off @ inverse @ off - len(mean) + logs) / 2


def one_way(f: Mixtures, g: Mixtures) -> float:
    """Hershey & Olsen 2007, eq. 18, as it stands there."""
    total = 0.0
    for i, weight in enumerate(f.weights[0]):
        here = (f.means[0, i], f.covariances[0, i])
        own, other = (
            sum(m.weights[0, j] * np.exp(-kl(*here, m.means[0, j], m.covariances[0, j])) for j in range(6))
            for m in (f, g)
        )
        total += weight * np.log(own / other)
    return total


def plain(mixtures: Mixtures, number: int, others: np.ndarray) -> np.ndarray:
    one = mixtures[number : number + 1]
    return np.array([one_way(one, mixtures[n : n + 1]) + one_way(mixtures[n : n + 1], one) for n in others])


def test_divergence_is_that_of_the_mixtures_in_the_store(
    store: Store, tmp_path: Path, unknown_songs: list[Song]
) -> None:
    song = unknown_songs[0]
    with Catalogue.open(settings=settings_in(tmp_path), store=store) as catalogue:
        track = enrolled(catalogue, excerpt(song, 0, 20.0), rate=song.sample_rate)
        arrays, mixtures = stored(store, track)
        found = windows.compare(store, track, catalogue.config, 4)
    assert len(found.windows) == track.n_windows == len(mixtures)
    everything = np.arange(len(mixtures))
    np.testing.assert_allclose(found.divergence, plain(mixtures, 4, everything), rtol=ROUNDED, atol=ROUNDED)
    truth, _ = symmetric_kl_monte_carlo(
        mixtures[np.full(len(mixtures), 4)], mixtures, SAMPLES, np.random.default_rng(1)
    )
    assert np.corrcoef(found.divergence.argsort().argsort(), truth.argsort().argsort())[0, 1] > 0.9
    starts = arrays["window_frame"] * 240 / 16000
    apart = np.flatnonzero(np.abs(starts - starts[4]) >= 5.0)
    assert found.apart == apart.tolist()
    assert found.nearest == apart[found.divergence[apart].argmin()]
    assert found.average == pytest.approx(found.divergence[apart].mean())
    shown = found.to_dict()
    assert (shown["number"], shown["start_s"], shown["silent"]) == (4, pytest.approx(starts[4], abs=1e-3), False)
    assert shown["along"]["offsets_s"] == pytest.approx(starts, abs=1e-3)
    assert shown["along"]["divergence"] == pytest.approx(found.divergence, abs=1e-3)
    upper = np.triu_indices(13)
    for drawn, number in ((shown["mixture"], 4), (shown["alike"], found.nearest)):
        np.testing.assert_allclose(drawn["weights"], mixtures.weights[number], atol=1e-4)
        np.testing.assert_allclose(drawn["means"], mixtures.means[number], atol=1e-3)
        np.testing.assert_allclose(drawn["covariances"], mixtures.covariances[number][:, *upper], atol=1e-4)


def test_a_repetition_is_found_where_it_is(tmp_path: Path) -> None:
    once = lively_noise(12.0, 3)
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        track = enrolled(catalogue, once, lively_noise(6.0, 4), once)
        found = windows.compare(catalogue.store, track, catalogue.config, 3)
    assert found.nearest is not None
    assert found.windows[found.nearest].start_s == pytest.approx(found.windows[3].start_s + 18.0, abs=0.02)
    assert found.divergence[found.nearest] < 0.1 * (found.average or 0)


def test_long_tracks_are_read_in_pieces_and_drawn_by_their_dips(tmp_path: Path) -> None:
    period = lively_noise(35.0, 5)
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        track = enrolled(catalogue, *[period] * 18)
        found = windows.compare(catalogue.store, track, catalogue.config, 400)  # in the second of three chunks
        _, mixtures = stored(catalogue.store, track)
    assert track.n_windows > 600
    some = np.arange(0, track.n_windows, 60)
    np.testing.assert_allclose(found.divergence[some], plain(mixtures, 400, some), rtol=ROUNDED, atol=ROUNDED)
    along = found.to_dict()["along"]
    assert len(along["offsets_s"]) <= 600
    assert along["offsets_s"] == sorted(along["offsets_s"])
    near = found.nearest
    assert near is not None
    assert round(found.windows[near].start_s, 3) in along["offsets_s"]
    assert (near - 400) % 35 == 0


def test_silence_and_short_tracks_have_nothing_to_compare(tmp_path: Path) -> None:
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        store, config = catalogue.store, catalogue.config
        half = enrolled(catalogue, lively_noise(12.0, 6), np.zeros(10 * RATE))
        listed = windows.of_track(store, half, config)
        silent = [window.number for window in listed if window.silent]
        assert 0 < len(silent) < len(listed)
        found = windows.compare(store, half, config, 0)
        assert np.isinf(found.divergence).nonzero()[0].tolist() == silent
        assert not set(found.apart) & set(silent)
        assert len(found.to_dict()["along"]["offsets_s"]) == len(listed) - len(silent)
        nothing = windows.compare(store, half, config, silent[0]).to_dict()
        assert (nothing["silent"], nothing["mixture"], nothing["along"], nothing["alike"]) == (True, None, None, None)
        short = enrolled(catalogue, lively_noise(3.0, 7))
        (only,) = windows.of_track(store, short, config)
        assert (only.start_s, only.end_s) == (0.0, pytest.approx(3.0, abs=0.01))
        alone = windows.compare(store, short, config, 0).to_dict()
        assert (alone["alike"], alone["along"]) == (None, {"offsets_s": [0.0], "divergence": [0.0], "average": None})


@pytest.mark.parametrize("kind", ["compact", "diagonal"])
def test_other_catalogues(tmp_path: Path, kind: str) -> None:
    config = FeatureConfig(profile="compact") if kind == "compact" else FeatureConfig(covariance_type="diag")
    with Catalogue.open(settings=settings_in(tmp_path), config=config) as catalogue:
        track = enrolled(catalogue, lively_noise(14.0, 8))
        assert len(windows.of_track(catalogue.store, track, catalogue.config)) == track.n_windows == 10
        if kind == "compact":
            with pytest.raises(InvalidParameter, match="'default' is compact: it keeps no mixtures"):
                windows.compare(catalogue.store, track, catalogue.config, 0)
            return
        drawn = windows.compare(catalogue.store, track, catalogue.config, 0).to_dict()["mixture"]
        triangle = np.zeros((13, 13))
        triangle[np.triu_indices(13)] = drawn["covariances"][0]
        assert (np.diag(triangle) > 0).all()
        assert np.count_nonzero(triangle) == 13


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with Catalogue.open(settings=settings_in(tmp_path)) as catalogue:
        track = enrolled(catalogue, lively_noise(8.0, 9))
        for number in (4, -1):
            with pytest.raises(InvalidParameter, match=f"window is {number}: track '{track.id}' has windows 0 to 3"):
                windows.compare(catalogue.store, track, catalogue.config, number)
        record = catalogue.store.get("tracks", track.id)
        assert record is not None
        catalogue.store.delete("tracks", {"_id": track.id})
        for ask in (windows.of_track, lambda *of: windows.compare(*of, 0)):
            with pytest.raises(TrackNotFound):
                ask(catalogue.store, track, catalogue.config)
        catalogue.store.insert("tracks", [{name: value for name, value in record.items() if name != "n_slots"}])
        with pytest.raises(InvalidParameter, match=r"earlier release.*enroll its file again"):
            windows.of_track(catalogue.store, track, catalogue.config)
