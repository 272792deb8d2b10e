"""The pruned network against the whole one, computed filter by filter by a program that shares nothing with it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bench.fit import network as whole
from classifier import data
from classifier.errors import InvalidModel
from classifier.labels import weights
from classifier.labels.musicnn import convert
from classifier.labels.musicnn.extract import N_POOLED, NAMES, TAGS
from classifier.labels.musicnn.network import N_FRAMES, N_MELS, forward, sigmoid
from tests.labels import bundles
from tests.labels.reference import DATA

#: Published tags are compared to this; sums of float32 in another order move them by 10^-6.
TOLERANCE = 1e-5


def test_a_pruned_network_answers_as_the_whole_one(rng):
    """Of random weights: filters and layers that are dead, scales that turn the order, constants at the edges."""
    tensors = convert.read_tensors(*bundles.bundle(bundles.network(1)))
    pruned = convert.convert(tensors)
    assert len(pruned.front_scale) < 200
    assert (pruned.front_scale < 0).any()
    assert len(pruned.residual) < 64
    patch = rng.gamma(2.0, 0.8, (N_FRAMES, N_MELS)).astype(np.float32)
    answer = forward(pruned, patch[None])
    tags, hidden, mean, largest = whole.answer(tensors, patch)
    # Random weights drive numbers to tens, where float32 has five digits left.
    np.testing.assert_allclose(answer.penultimate[0], hidden, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(answer.tags[0], tags, atol=1e-3)
    alive = largest - mean > 1e-9 * np.abs(largest)
    assert answer.max_pool.shape[1] >= alive.sum()
    for ours, theirs in ((answer.max_pool[0], largest), (answer.mean_pool[0], mean)):
        np.testing.assert_allclose(ours[-128:], theirs[-128:], rtol=1e-4, atol=1e-3)


def test_the_published_network_answers_as_it_did_before_it_was_pruned(weights_dir):
    network = weights.load("musicnn-msd", weights_dir)
    answer = forward(network, weights.check_patch()[None])
    expected = json.loads((data.FOLDER / "musicnn-msd-check.json").read_text())["tags"]
    np.testing.assert_allclose(answer.tags[0], expected, atol=TOLERANCE)
    assert answer.max_pool.shape == answer.mean_pool.shape == (1, N_POOLED)
    assert len(TAGS) == 50
    assert len(NAMES) == 50 + 200 + 2 * N_POOLED == len(set(NAMES))


def test_patches_do_not_see_each_other(weights_dir, rng):
    network = weights.load("musicnn-msd", weights_dir)
    patches = rng.gamma(2.0, 0.5, (3, N_FRAMES, N_MELS)).astype(np.float32)
    together = forward(network, patches)
    for i in range(3):
        np.testing.assert_allclose(together.tags[i], forward(network, patches[i : i + 1]).tags[0], atol=TOLERANCE)
    assert forward(network, patches[:0]).tags.shape == (0, 50)


def test_the_sigmoid_at_its_ends():
    assert sigmoid(np.array([-1e9, 0.0, 1e9], np.float32)).tolist() == [0.0, 0.5, 1.0]


def test_another_network_is_refused():
    tensors = bundles.network(3)
    for name, tensor, message in (
        ("dense/bias", np.zeros(199, np.float32), "has the shape"),
        ("batch_normalization_3/moving_variance", np.full(51, -1, np.float32), "below 0"),
    ):
        with pytest.raises(InvalidModel, match=message):
            convert.read_tensors(*bundles.bundle({**tensors, name: tensor}))


if DATA:

    def test_the_network_answers_as_tensorflow_does(weights_dir):
        with np.load(DATA / "musicnn_reference" / "msd.npz", allow_pickle=False) as file:
            reference = {name: file[name] for name in file.files}
        answer = forward(weights.load("musicnn-msd", weights_dir), reference["patches"])
        np.testing.assert_allclose(answer.tags, reference["tags"], atol=TOLERANCE)
        np.testing.assert_allclose(answer.penultimate, reference["pen"], atol=2e-5)  # of a range of 8
        for ours, theirs in ((answer.max_pool, reference["maxp"]), (answer.mean_pool, reference["meanp"])):
            varies = np.ptp(reference["maxp"], axis=0) > 0
            np.testing.assert_allclose(ours[:, -128:], theirs[:, -128:], atol=5e-4)  # of a range of tens
            assert ours.shape[1] >= varies.sum()
