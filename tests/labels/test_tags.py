"""Tags in groups, their lift, and how lively music is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.labels.musicnn.extract import TAGS
from classifier.labels.tags import GROUPS, SHOWN, arousal, arousal_score, log_odds, most_telling, score_tags
from tests.labels.reference import DATA


def test_every_tag_is_in_one_group():
    grouped = [tag for tags in GROUPS.values() for tag in tags]
    assert sorted(grouped) == sorted(TAGS)


def test_lift_is_probability_over_the_mean(rng):
    scores = score_tags(np.full(50, 0.2))
    assert [score.group for score in scores] == sorted((s.group for s in scores), key=list(GROUPS).index)
    by_tag = {score.tag: score for score in scores}
    # Jazz and rock are common among ten genres, "happy" is rare: the same probability says more of it.
    assert by_tag["happy"].lift > 10 * by_tag["jazz"].lift
    double = {score.tag: score.lift for score in score_tags(np.full(50, 0.4))}
    for score in scores:
        assert double[score.tag] == pytest.approx(2 * score.lift)


def test_the_most_telling_are_those_of_greatest_lift_that_are_probable_enough():
    probabilities = np.full(50, SHOWN / 2)
    probabilities[TAGS.index("jazz")], probabilities[TAGS.index("funk")] = 0.9, 0.5
    best = most_telling([score.to_dict() for score in score_tags(probabilities)], 5)
    assert [score["tag"] for score in best] == ["funk", "jazz"]


@given(st.lists(st.floats(0, 1), min_size=50, max_size=50), st.floats(1e-6, 0.5))
def test_arousal_rises_with_party_and_falls_with_calm(values, step):
    tags = np.clip(np.array(values), 0, 0.5)
    before = arousal(tags)
    assert np.isfinite(before.score)
    assert 0 <= before.percentile <= 100
    for tag, sign in (("party", 1), ("Mellow", -1), ("sad", -1), ("beautiful", -1), ("jazz", 0)):
        other = tags.copy()
        other[TAGS.index(tag)] += step
        moved = arousal(other)
        assert np.sign(moved.score - before.score) in (sign, 0)
        assert (moved.percentile - before.percentile) * sign >= 0


def test_log_odds_by_hand():
    np.testing.assert_allclose(log_odds(np.array([0.5, 0.75])), [0.0, np.log(3.0)])
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()


def test_the_composite_by_hand():
    tags = np.full(50, 0.5)
    tags[TAGS.index("party")] = 0.75
    assert arousal_score(tags, np.zeros(50), np.full(50, 2.0)) == pytest.approx(np.log(3.0) / 2)


if DATA:

    def test_the_shipped_statistics_are_those_of_the_reference(tmp_path):
        from bench.fit.tags import clips
        from classifier.labels import tags as module

        known = module._statistics()
        tags, genres = clips(DATA / "gtzan_taggrams")
        np.testing.assert_allclose(known["base"], tags.mean(axis=0), atol=1e-6)
        scores = arousal_score(tags, known["log_odds_mean"], known["log_odds_deviation"])
        assert scores.mean() == pytest.approx(0, abs=1e-4)
        calmest, liveliest = (f([scores[genres == g].mean() for g in range(10)]) for f in (np.argmin, np.argmax))
        assert (calmest, liveliest) == (1, 3)  # classical and disco
        assert [round(arousal(tags[i]).percentile) for i in (np.argmin(scores), np.argmax(scores))] == [0, 100]
