"""Answers: which labels are said, when they are doubted, and explanations that add up."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.errors import InvalidParameter
from classifier.labels import quality
from classifier.labels.answers.answer import doubts, most_like, ranked, said
from classifier.labels.answers.explain import contributions, explain, nearest
from classifier.labels.hearing import Sound
from classifier.labels.sets import SETS, restricted
from classifier.labels.training.estimators import candidate
from classifier.noise.babble import babble
from tests.labels.clips import blobs, fitted
from tests.library import RATE


def test_one_label_or_up_to_three():
    ranking = ranked(np.array([0.16, 0.4, 0.2, 0.17, 0.07]), "abcde")
    assert [label for label, _ in ranking] == ["b", "c", "d", "a", "e"]
    assert said(ranking, "exclusive", several=False) == ["b"]
    assert said(ranking, "exclusive", several=True) == ["b", "c", "d"]
    even = ranked(np.full(10, 0.1), "abcdefghij")
    assert said(even, "exclusive", several=True) == ["a"]
    assert said(ranked(np.array([0.5, 0.49, 0.9]), "abc"), "multiple", several=True) == ["c", "a"]


def test_a_set_is_answered_by_restriction():
    p = np.random.default_rng(0).dirichlet(np.ones(10), 5)
    six, labels = restricted(p, SETS["gtzan-10"], "mgc-6")
    assert labels == SETS["mgc-6"]
    assert six.sum(axis=1) == pytest.approx(np.ones(5))
    jazz, rock = SETS["gtzan-10"].index("jazz"), SETS["gtzan-10"].index("rock")
    assert six[:, 2] / six[:, 5] == pytest.approx(p[:, jazz] / p[:, rock])
    with pytest.raises(InvalidParameter, match="mgc-6"):
        restricted(p, SETS["gtzan-10"], "mgc-7")
    with pytest.raises(InvalidParameter, match="does not know"):
        restricted(p[:, :3], ("a", "b", "c"), "mgc-6")


@pytest.mark.parametrize("kind", ["exclusive", "multiple"])
def test_an_explanation_adds_up_to_the_score(kind):
    model = fitted(candidate("logistic", C=1.0), kind=kind)
    row = blobs(1, 5, 1, seed=3)[0]
    scores = model.scores(row)[0]
    for label in range(3):
        parts = contributions(model, row, label)
        if kind == "exclusive":
            own = model.own()
            intercepts = own["intercept"][label] - own["intercept"].mean()
            assert parts.sum() + intercepts == pytest.approx(scores[label] - scores.mean())
        else:
            low, high = model.own(label)["intercept"]
            assert parts.sum() + high - low == pytest.approx(scores[label])
        shown = explain(model, row, model.labels[label], most=2)
        assert sum(part["adds"] for part in shown) == pytest.approx(parts.sum(), abs=1e-3)
        assert shown[-1]["feature"] == "all others"


def test_only_linear_models_have_parts():
    model = fitted(candidate("neighbours", neighbours=3))
    assert explain(model, np.zeros((1, 5)), "a") == []


def test_the_nearest_clip_of_a_clip_is_itself():
    model = fitted(candidate("logistic", C=1.0))
    rows, labels = blobs(60, 5, 3, seed=0)
    model.arrays["clips"] = model.standardised(rows).astype(np.float32)
    names = tuple(f"clip {i}" for i in range(60))
    model = type(model)(
        **{name: getattr(model, name) for name in model.__slots__}
        | {"clips": names, "clip_labels": tuple("abc"[label] for label in labels)}
    )
    model.check()
    found = nearest(model, rows[[17]])
    assert found[0]["clip"] == "clip 17"
    assert found[0]["alike"] == pytest.approx(1, abs=1e-4)
    assert found[0]["labels"] == ["abc"[labels[17]]]


def sound(**changes) -> Sound:
    fine = quality.Quality(7000.0, 20.0, 0.05, 0.0, 0.05)
    values = {"duration_s": 30.0, "level_db": -10.0, "bandwidth_hz": 8000.0, "source_rate": 44100, "channels": 2}
    return Sound(**{**values, "file_hash": "", "remarks": [], "quality": fine, **changes})


@pytest.mark.parametrize(
    ("best", "strangeness", "changes", "reason"),
    [
        (0.9, 0.5, {}, None),
        (0.3, 0.5, {}, "low_probability"),
        (0.9, 1.2, {}, "foreign"),
        (0.9, None, {}, None),
        (0.9, 0.5, {"duration_s": 1.5}, "short"),
        (0.9, 0.5, {"level_db": -70.0}, "silent"),
        (0.9, 0.5, {"bandwidth_hz": 3400.0}, "narrow_band"),
        (0.9, 0.5, {"quality": quality.Quality(3500.0, 20.0, 0.05, 0.0, 0.05)}, "narrow_band"),
        (0.9, 0.5, {"quality": quality.Quality(7000.0, 4.0, 0.0, 0.0, 0.0)}, "noisy"),
        (0.9, 0.5, {"quality": quality.Quality(7000.0, 40.0, 0.35, 0.1, 0.5)}, "speech"),
        (0.9, 0.5, {"quality": None}, None),
    ],
)
def test_reasons_to_doubt(best, strangeness, changes, reason):
    model = fitted(candidate("logistic", C=1.0))
    found = doubts(model, best, strangeness, sound(**changes))
    assert [one.name for one in found] == ([reason] if reason else [])


def test_which_of_three_songs():
    rankings = [[("calm", 0.6), ("sad", 0.4)], [("calm", 0.9), ("sad", 0.1)], [("sad", 0.8), ("calm", 0.2)]]
    assert most_like(rankings, "calm") == 1
    assert most_like(rankings, "sad") == 2
    assert most_like(rankings[:2], "sad") is None


# --- what is heard of the sound itself ----------------------------------------------------------------------


def test_white_noise_fills_the_band_and_never_moves():
    found = quality.measure(0.1 * np.random.default_rng(0).standard_normal(8 * RATE).astype(np.float32), RATE)
    assert found.occupied_hz == pytest.approx(RATE / 2, rel=0.01)
    assert found.steady
    assert not found.speech


def test_a_low_pass_is_found():
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(8 * RATE))
    spectrum[np.fft.rfftfreq(8 * RATE, 1 / RATE) > 3000] = 0
    found = quality.measure(np.fft.irfft(spectrum).astype(np.float32), RATE)
    assert found.occupied_hz == pytest.approx(3000, abs=100)


def test_the_modulation_of_an_envelope_is_half_its_depth_squared():
    t = np.arange(10 * RATE) / RATE
    carrier = np.sin(2 * np.pi * 1000 * t)
    for hz, expected in ((4.0, 0.5 * 0.6**2), (0.5, 0.0), (15.0, 0.0)):
        found = quality.measure((carrier * (1 + 0.6 * np.sin(2 * np.pi * hz * t))).astype(np.float32), RATE)
        assert found.modulation == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_one_voice_is_speech_and_a_crowd_is_not(seed):
    assert quality.measure(babble(10 * RATE, RATE, seed, n_voices=1), RATE).speech
    crowd = quality.measure(babble(10 * RATE, RATE, seed), RATE)
    assert not crowd.speech
    assert not crowd.steady


def test_sound_shorter_than_a_frame():
    found = quality.measure(np.array([0.5], np.float32), RATE)
    assert not found.speech
