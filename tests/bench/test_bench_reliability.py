"""The reliability network's trainer: gradients against differences, and what it ships against what it trained."""

from __future__ import annotations

import numpy as np
import pytest

from bench.fit import reliability as fit
from classifier.fingerprint import reliability
from classifier.fingerprint.bits import N_BITS

FRAMES = 6


@pytest.fixture
def seen() -> fit.Seen:
    """Some frames of nonsense with the shapes of a snippet's."""
    rng = np.random.default_rng(3)
    context = reliability.Context(np.zeros(127), 0.0, rng.standard_normal(16).astype(np.float32))
    facts = rng.standard_normal((FRAMES, N_BITS, 10)).astype(np.float32)
    frames = rng.standard_normal((FRAMES, 2)).astype(np.float32)
    truth = np.where(facts[..., 0] + rng.standard_normal((FRAMES, N_BITS)) > 0, 1, -1).astype(np.float32)
    truth[2] = 0
    return fit.Seen(facts, frames, context, np.arange(FRAMES), truth, np.ones_like(truth))


@pytest.fixture
def trainer(seen: fit.Seen) -> fit.Trainer:
    shapes = {"bit": 10, "frame": 2, "snippet": 16}
    rng = np.random.default_rng(4)
    mean = {name: rng.standard_normal(n) for name, n in shapes.items()}
    return fit.Trainer(mean, {name: rng.uniform(0.5, 2, n) for name, n in shapes.items()})


@pytest.fixture
def foreign() -> np.ndarray:
    return np.random.default_rng(5).choice([-1, 1], (fit.PLACES, FRAMES, N_BITS)).astype(np.int8)


@pytest.mark.parametrize("name", ["w_bit", "w_frame", "w_snippet", "b_hidden", "w_out", "b_out", "gain"])
def test_gradients_are_those_of_the_objective(trainer: fit.Trainer, seen: fit.Seen, foreign: np.ndarray, name: str):
    """Central differences along the gradient itself; single precision inside."""

    def objective() -> float:
        _, entropy, z = trainer.gradients(seen, foreign)
        return float((1 - fit.Z_SHARE) * entropy - fit.Z_SHARE * np.log(np.logaddexp(0, z)))

    gradient = np.array(trainer.gradients(seen, foreign)[0][name], float)
    length = float(np.linalg.norm(gradient))
    direction, before, step = gradient / length, trainer.values[name], 3e-3
    values = []
    for sign in (1, -1):
        trainer.values[name] = before + sign * step * direction
        values.append(objective())
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(length, rel=0.05)


def test_what_ships_does_what_was_trained(trainer: fit.Trainer, seen: fit.Seen, monkeypatch: pytest.MonkeyPatch):
    """Standardising is folded into the first layer."""
    arrays = trainer.network()
    monkeypatch.setattr(reliability, "network", lambda: arrays)
    odds, weights = reliability.judge(seen.facts, seen.frames, seen.context)
    v = trainer.values
    bit, frame, snippet = trainer.standard(seen)
    inputs = bit @ v["w_bit"] + (frame @ v["w_frame"] + snippet @ v["w_snippet"] + v["b_hidden"])[:, None]
    out = np.maximum(inputs, 0) @ v["w_out"] + v["b_out"]
    np.testing.assert_allclose(odds, out[..., 0], atol=1e-4)
    np.testing.assert_allclose(weights, np.log1p(np.exp(out[..., 1])) * np.exp(v["gain"]), atol=1e-4)


def test_steps_lower_the_objective(trainer: fit.Trainer, seen: fit.Seen, foreign: np.ndarray):
    first = trainer.gradients(seen, foreign)
    for _ in range(60):
        trainer.step(trainer.gradients(seen, foreign)[0], 1e-2)
    last = trainer.gradients(seen, foreign)
    assert last[1] < first[1]
    assert last[2] > 1.5 * first[2]
