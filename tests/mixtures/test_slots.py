"""Mixtures labelled by time: their divergence against its definition, and every place of a snippet by brute force."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.config import FeatureConfig
from classifier.mixtures import features, slots
from classifier.mixtures.divergence import Packed, symmetric_kl_aligned, symmetric_kl_monte_carlo
from classifier.mixtures.gmm import Mixtures
from tests.library import RATE, lively_noise

CONFIG = FeatureConfig()
#: Sums of products of whole numbers are exact; roots and quotients round.
ROUNDING = 1e-12
#: Logarithms and derivatives in single precision.
FLOAT32 = 2e-4
SCALE = np.ones(CONFIG.slot_mfcc, np.float32)


def random_slots(rng: np.random.Generator, n: int, d: int = 4, silent: float = 0.0) -> np.ndarray:
    """Slots as they are stored, of which some are silent."""
    means = np.clip(np.rint(rng.standard_normal((n, d)) * slots.STEPS), -127, 127)
    return (means * (rng.random((n, 1)) >= silent)).astype(np.int8)


def standardised(stretch: np.ndarray) -> np.ndarray:
    """A stretch divided by its root mean square over slots and coefficients."""
    return stretch / np.sqrt(np.mean(np.square(stretch.astype(np.float64))))


def labelled(stretch: np.ndarray, kappa2: float) -> Mixtures:
    """The stretch's model: one Gaussian a slot, equal weights, one common covariance."""
    m, d = stretch.shape
    return Mixtures(np.full((1, m), 1 / m), standardised(stretch)[None], np.full((1, m, d), kappa2))


def whole_similarity(q: np.ndarray, r: np.ndarray) -> float:
    """Similarity of two stretches of equal length, slot over slot."""
    return float(slots.similarities(np.stack([q, q]), r)[0, len(q) - slots.least_slots(len(q))])


# --- what the divergence is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "d", "kappa2"), [(1, 3, 1.0), (5, 2, 0.7), (9, 4, 2.3), (40, 24, 1.1)])
def test_divergence_is_that_of_gaussians_labelled_by_time(rng, m, d, kappa2):
    """Each slot's J is |q - r|^2 / kappa^2, and all labels weigh alike."""
    q, r = random_slots(rng, m, d), random_slots(rng, m, d)
    closed = np.square(standardised(q) - standardised(r)).sum(axis=1).mean() / kappa2
    found = slots.divergence(whole_similarity(q, r), d, kappa2)
    assert found == pytest.approx(closed, rel=1e-9)
    pair = [Packed.of(labelled(stretch, kappa2)) for stretch in (q, r)]
    assert found == pytest.approx(float(symmetric_kl_aligned(*pair)[0, 0]), rel=1e-9)


def test_divergence_is_what_sampling_the_labelled_models_gives(rng):
    """Draw label and frame from either model; the mean log ratio of the joint densities is J."""
    m, d, kappa2, n = 6, 3, 0.8, 40_000
    stretches = [random_slots(rng, m, d) for _ in range(2)]
    means = [standardised(stretch) for stretch in stretches]
    total, variance = 0.0, 0.0
    for own, other in ((means[0], means[1]), (means[1], means[0])):
        label = rng.integers(0, m, n)
        frames = own[label] + np.sqrt(kappa2) * rng.standard_normal((n, d))
        log_density = [-np.square(frames - model[label]).sum(axis=1) / (2 * kappa2) for model in (own, other)]
        ratio = log_density[0] - log_density[1]
        total, variance = total + ratio.mean(), variance + ratio.var() / n
    found = slots.divergence(whole_similarity(*stretches), d, kappa2)
    assert found == pytest.approx(total, abs=5 * np.sqrt(variance))


@pytest.mark.parametrize("kappa2", [0.1, 1.0])
def test_divergence_is_an_upper_bound_of_the_mixtures_own(rng, kappa2):
    """Without labels, one slot can stand for another: from near to far, the mixtures are never further apart."""
    for nearness in (0.0, 0.5, 0.9):
        q = random_slots(rng, 5, 3)
        r = np.rint(nearness * q + (1 - nearness) * random_slots(rng, 5, 3)).astype(np.int8)
        truth, error = symmetric_kl_monte_carlo(labelled(q, kappa2), labelled(r, kappa2), 20_000, rng)
        assert slots.divergence(whole_similarity(q, r), 3, kappa2) >= truth[0] - 4 * error[0]


def test_the_order_of_slots_matters(rng):
    q = random_slots(rng, 20, 6)
    assert whole_similarity(q, q) == pytest.approx(1, abs=ROUNDING)
    assert whole_similarity(q, q[::-1].copy()) < 0.5


def test_divergence_runs_from_nought_through_unrelated_to_opposite():
    values = slots.divergence(np.array([1.0, 0.0, -1.0]), 24, 1.5)
    np.testing.assert_allclose(values, [0, 2 * 24 / 1.5, 4 * 24 / 1.5])


# --- places ---------------------------------------------------------------------------------------------------


def by_hand(snippet: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Similarity at every phase and lag, one slice at a time."""
    m, n = snippet.shape[1], len(reference)
    least = min(m, max(8, int(np.ceil(m / 3))))
    if m == 0 or n < least:
        return np.zeros((2, 0))
    rows = []
    for phase in snippet.astype(np.float64):
        row = []
        for lag in range(least - m, n - least + 1):
            inside = [i for i in range(m) if 0 <= i + lag < n]
            q, r = phase[inside], reference[[i + lag for i in inside]].astype(np.float64)
            norm = np.sqrt(np.square(q).sum() * np.square(r).sum())
            row.append((q * r).sum() / norm * len(inside) / m if norm > 0 else -np.inf)
        rows.append(row)
    return np.array(rows)


@given(
    st.integers(0, 30),
    st.lists(st.integers(0, 60), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.sampled_from([0.0, 0.4, 0.9, 1.0]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_places_equal_brute_force(m, lengths, silent_snippet, silent_track, seed):
    """At both ends of tracks, in short tracks and in silence; sums are over what can be compared."""
    rng = np.random.default_rng(seed)
    snippet = np.stack([random_slots(rng, m, 3, silent_snippet) for _ in range(2)])
    tracks = [random_slots(rng, n, 3, silent_track) for n in lengths]
    stops = np.cumsum(lengths)
    bounds = np.stack([stops - lengths, stops], axis=1)
    similarity, place, sums = slots.best_places(snippet, np.concatenate(tracks), bounds)
    for t, track in enumerate(tracks):
        wanted = by_hand(snippet, track)
        found = slots.similarities(snippet, track)
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, atol=ROUNDING)
        finite = wanted[np.isfinite(wanted)]
        moments = [finite.size, finite.sum(), np.square(finite).sum()]
        np.testing.assert_allclose(sums[t], moments, atol=1e-9)
        if finite.size:
            assert similarity[t] == pytest.approx(wanted.max(), abs=ROUNDING)
            phase, index = place[t, 0], place[t, 1] + m - slots.least_slots(m)
            assert wanted[phase, index] == pytest.approx(wanted.max(), abs=ROUNDING)
        else:
            assert similarity[t] == -np.inf


def test_a_track_does_not_depend_on_its_neighbours(rng):
    """To the last digit, wherever it lies and in whatever order tracks are named."""
    snippet = np.stack([random_slots(rng, 20) for _ in range(2)])
    tracks = [random_slots(rng, n) for n in (40, 7, 90, 0, 25)]
    alone = [slots.best_places(snippet, track, np.array([[0, len(track)]])) for track in tracks]
    order = [3, 0, 4, 2, 1]
    stops = np.cumsum([len(tracks[t]) for t in order])
    bounds = {t: (stop - len(tracks[t]), stop) for t, stop in zip(order, stops, strict=True)}
    together = slots.best_places(
        snippet, np.concatenate([tracks[t] for t in order]), np.array([bounds[t] for t in range(5)])
    )
    for name, found, parts in zip(("similarity", "place", "sums"), together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(found, np.concatenate(parts), err_msg=name)


def test_silence_is_no_place(rng):
    """A silent track offers nothing to compare, and counts among no chance's trials."""
    snippet = np.stack([random_slots(rng, 20) for _ in range(2)])
    silence, music = np.zeros((50, 4), np.int8), random_slots(rng, 50)
    similarity, _, sums = slots.best_places(snippet, np.concatenate([silence, music]), np.array([[0, 50], [50, 100]]))
    assert similarity[0] == -np.inf
    assert not sums[0].any()
    assert np.isfinite(similarity[1])
    assert sums[1, 0] == 2 * (50 - 2 * 8 + 20 + 1)


@pytest.mark.parametrize(("m", "least"), [(0, 0), (1, 1), (8, 8), (12, 8), (24, 8), (25, 9), (83, 28), (500, 167)])
def test_a_third_of_a_snippet_or_a_second_must_lie_within_the_track(m, least):
    assert slots.least_slots(m) == least


def test_what_was_cut_out_of_a_track_is_there_with_similarity_one(rng):
    track = random_slots(rng, 100)
    snippet = np.stack([random_slots(rng, 30), track[37:67]])
    similarity, place, _ = slots.best_places(snippet, track, np.array([[0, 100]]))
    assert similarity[0] == pytest.approx(1, abs=ROUNDING)
    assert place.tolist() == [[1, 37]]


def test_what_reaches_beyond_a_track_counts_as_unrelated(rng):
    """Half of the snippet fits exactly: half of the divergence of unrelated sound is left."""
    track = random_slots(rng, 100)
    for snippet, lag in (
        (np.concatenate([random_slots(rng, 20), track[:20]]), -20),
        (np.concatenate([track[80:], random_slots(rng, 20)]), 80),
    ):
        similarity, place, _ = slots.best_places(np.stack([snippet, snippet]), track, np.array([[0, 100]]))
        assert place.tolist() == [[0, lag]]
        assert similarity[0] == pytest.approx(0.5, abs=ROUNDING)


def test_a_common_gain_changes_nothing(rng):
    """Noise shrinks the derivatives of log energies; what all slots have in common is divided out."""
    track, quiet = random_slots(rng, 60) // 2, random_slots(rng, 25) // 2
    snippet = np.stack([quiet, quiet])
    before = slots.similarities(snippet, track)
    for ours, theirs in ((2 * snippet, track), (snippet, 2 * track), (2 * snippet, 2 * track)):
        np.testing.assert_allclose(slots.similarities(ours, theirs), before, atol=ROUNDING)


def test_sums_of_a_quarter_of_an_hour_at_full_scale_are_exact():
    """Their products add up to more than 32 bits hold."""
    loud = np.full((7500, 24), 127, np.int8)
    snippet, bounds = np.stack([loud, -loud]), np.array([[0, len(loud)]])
    similarity, _, _ = slots.best_places(snippet, loud, bounds)
    assert similarity[0] == 1.0
    place = np.zeros(1, np.int64)
    assert slots.at_places(snippet.astype(np.int16), loud, bounds, place, place, len(loud)).tolist() == [1.0]


def test_shares_of_slots_average_to_the_similarity(rng):
    snippet = np.stack([random_slots(rng, 30) for _ in range(2)])
    track = random_slots(rng, 50, silent=0.2)
    along = slots.similarities(snippet, track)
    for phase in range(2):
        for index in range(along.shape[1]):
            shares = slots.per_slot(snippet, track, phase, index + slots.least_slots(30) - 30)
            assert shares.mean() == pytest.approx(along[phase, index], abs=ROUNDING)


@pytest.mark.parametrize("lag", [-1000, -30, -29, 49, 50, 51, 1000])
def test_slots_outside_the_track_share_in_nothing(rng, lag):
    snippet, track = np.stack([random_slots(rng, 30)] * 2), random_slots(rng, 50)
    shares = slots.per_slot(snippet, track, 0, lag)
    inside = [0 <= i + lag < 50 for i in range(30)]
    assert shares.shape == (30,)
    assert not shares[np.logical_not(inside)].any()
    assert shares[inside].any() == any(inside)
    assert not slots.per_slot(snippet, np.zeros((0, 4), np.int8), 0, 3).any()
    assert not slots.per_slot(snippet, np.zeros((50, 4), np.int8), 0, 3).any()


# --- from sound to slots --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mel() -> np.ndarray:
    """Mel power of twelve seconds."""
    return features.mel_power(features.spectrum(lively_noise(12.0, seed=5), CONFIG), CONFIG)


def test_derivatives_equal_their_definition_frame_by_frame(mel):
    deltas = slots.slot_deltas(mel, CONFIG)
    half, reach = CONFIG.slot_half_length, CONFIG.window_frames // 2
    assert deltas.shape == (len(mel) - 2 * half, CONFIG.slot_mfcc)
    kernel = features.spline_derivative_kernel(half)

    def cepstrum(frame: int) -> np.ndarray:
        around = mel[max(0, frame - reach) : frame + reach + 1].astype(np.float64)
        log_mel = np.log(mel[frame] + CONFIG.floor * around.mean(axis=0) + features.EPSILON)
        return scipy.fft.dct(log_mel, norm="ortho")[: CONFIG.slot_mfcc]

    for frame in (half, half + 1, 200, 401, len(mel) - half - 1):
        slope = sum(w * (cepstrum(frame + j) - cepstrum(frame - j)) for j, w in enumerate(kernel, start=1))
        np.testing.assert_allclose(deltas[frame - half], slope, atol=FLOAT32)


@pytest.mark.parametrize(("first", "stop"), [(0, 50), (12, 13), (100, 340), (700, 10_000), (300, 300), (5000, 6000)])
def test_a_stretch_of_derivatives_is_that_stretch_of_all(mel, first, stop):
    half, n = CONFIG.slot_half_length, len(mel)
    whole = slots.slot_deltas(mel, CONFIG)
    low, high = max(first, half), min(stop, n - half)
    part = slots.slot_deltas(mel, CONFIG, first, stop)
    assert part.shape == (max(0, high - low), CONFIG.slot_mfcc)
    np.testing.assert_allclose(part, whole[low - half : max(low, high) - half][: len(part)], atol=FLOAT32)


def test_a_fixed_channel_drops_out_and_steady_sound_has_no_derivative(mel):
    gain = (10 ** np.random.default_rng(3).uniform(-1, 2, CONFIG.n_mels)).astype(np.float32)
    loud = 1e3 * mel  # far above the logarithm's own floor
    np.testing.assert_allclose(
        slots.slot_deltas(loud * gain, CONFIG), slots.slot_deltas(loud, CONFIG), atol=10 * FLOAT32
    )
    steady = np.broadcast_to(mel[50], mel.shape)
    assert np.abs(slots.slot_deltas(steady, CONFIG)).max() < FLOAT32


def test_means_are_rounded_to_whole_steps_and_saturate(rng):
    deltas = 5 * rng.standard_normal((8 * 40 + 7, 3)).astype(np.float32)
    scale = np.array([0.2, 2.0, 30.0])
    found = slots.slot_means(deltas, 8, scale)
    exact = deltas[: 8 * 40].reshape(40, 8, 3).mean(axis=1) / scale * slots.STEPS
    assert (found.shape, found.dtype) == ((40, 3), np.int8)
    np.testing.assert_allclose(found, np.clip(exact, -127, 127), atol=0.5 + 1e-4)
    assert np.abs(exact).max() > 127
    assert np.abs(found.astype(int)).max() == 127


def test_rounding_moves_no_similarity_by_a_hundredth(rng):
    """Against the same slots as real numbers."""
    exact = rng.standard_normal((2, 80, 24))
    exact[1] = 0.5 * exact[0] + 0.9 * exact[1]
    q, r = (slots.slot_means(x, 1, np.ones(24)) for x in exact)
    similarity = (exact[0] * exact[1]).sum() / np.sqrt(np.square(exact[0]).sum() * np.square(exact[1]).sum())
    assert whole_similarity(q, r) == pytest.approx(similarity, abs=0.01)


def test_a_snippets_second_phase_begins_half_a_slot_later(mel):
    found = slots.snippet_slots(mel, CONFIG, SCALE)
    deltas, n = slots.slot_deltas(mel, CONFIG), CONFIG.slot_frames
    m = (len(deltas) - n // 2) // n
    assert found.shape == (2, m, CONFIG.slot_mfcc)
    np.testing.assert_array_equal(found[0], slots.slot_means(deltas, n, SCALE)[:m])
    np.testing.assert_array_equal(found[1], slots.slot_means(deltas[n // 2 :], n, SCALE)[:m])


@pytest.mark.parametrize("n", [0, 1, 24, 25, 31, 35])
def test_too_little_sound_has_no_slots(mel, n):
    assert slots.snippet_slots(mel[:n], CONFIG, SCALE).shape == (2, 0, CONFIG.slot_mfcc)


@pytest.mark.parametrize("shift", [0, 1, 17, 40])
@pytest.mark.parametrize("half", [0, 1])
def test_shifting_the_sound_shifts_the_lag(mel, shift, half):
    """By whole slots in the first phase, by a half more in the second."""
    n = CONFIG.slot_frames
    track = slots.slot_means(slots.slot_deltas(mel, CONFIG), n, SCALE)
    start = shift * n + half * n // 2
    snippet = slots.snippet_slots(mel[start : start + 300], CONFIG, SCALE)
    similarity, place, _ = slots.best_places(snippet, track, np.array([[0, len(track)]]))
    assert place.tolist() == [[half, shift + half]]
    assert similarity[0] > 0.9  # the floor knows less of what lies around the snippet


def test_slots_divide_sound_into_whole_frames():
    assert CONFIG.slot_frames * CONFIG.frame_step / RATE == pytest.approx(CONFIG.slot_s) == pytest.approx(0.12)


# --- packed slots ---------------------------------------------------------------------------------------------


def test_packed_slots_are_quarters_of_steps_within_seven():
    numbers = np.arange(-127, 128, dtype=np.int8).reshape(-1, 1).repeat(2, axis=1)
    numbers[:, 1] *= -1
    found = slots.unpacked(slots.packed(numbers))
    np.testing.assert_array_equal(found, np.clip(np.rint(numbers / 4), -7, 7))
    np.testing.assert_array_equal(slots.unpacked(numbers), numbers)


def test_packed_slots_compare_as_the_numbers_that_they_hold(rng):
    """At every place, in every form that a search asks in."""
    track = random_slots(rng, 90, silent=0.1)
    snippet = np.stack([random_slots(rng, 30), track[20:50]])
    packed = slots.packed(track)
    numbers = slots.unpacked(packed)
    bounds = np.array([[0, 50], [50, 90]])
    for found, wanted in zip(
        slots.best_places(snippet, packed, bounds), slots.best_places(snippet, numbers, bounds), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(slots.similarities(snippet, packed), slots.similarities(snippet, numbers))
    np.testing.assert_array_equal(slots.per_slot(snippet, packed, 1, 20), slots.per_slot(snippet, numbers, 1, 20))
    phase, lag = np.array([0, 1, 1]), np.array([-5, 20, 70])
    places = [
        slots.at_places(snippet.astype(np.int16), rows, np.tile([[0, 90]], (3, 1)), phase, lag, 10)
        for rows in (packed, numbers)
    ]
    np.testing.assert_array_equal(*places)
