"""Train the network that says which bits of a noisy snippet to trust.

Excerpts of the development set are heard in rooms, noise, voices, phones and codecs, drawn afresh for each. One head of
the network learns whether each bit equals the clean recording's (cross-entropy). The other learns weights: those with
which the true place stands out most among random places of the cohort, by -log z, summed over snippets. Two thirds of
the tracks and of the voices train, the others tell how well it works::

    python -m bench.fit.reliability             # about ten minutes; writes classifier/data/reliability-2.npz
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track as progress

from bench import conditions, corpus
from bench.conditions import Condition
from bench.corpus import SAMPLE_RATE, Reference
from bench.material import PREROLL_S, Material, load_material, rms
from classifier.data import FOLDER
from classifier.fingerprint import bits, reliability
from classifier.fingerprint.bits import BANDS, LAG, N_BITS, QUERY_HOP
from classifier.search import align

LENGTHS = (2.0, 3.0, 3.0, 5.0, 5.0, 7.0)
HIDDEN = 24
#: Random places of the cohort by which a step tells the mean and the spread of chance.
PLACES = 64
#: Snippets whose gradients make a step; passes over all snippets; rates of the first and the last step.
BATCH, EPOCHS, RATES = 4, 16, (4e-3, 1e-4)
#: Share of -log z in the objective; one bit's cross-entropy has the rest.
Z_SHARE = 0.5
QUIET_DB = -50.0
SEED = 31


@dataclass(frozen=True)
class Example:
    """One snippet: what the network sees of it, and which of its bits are right.

    Parameters
    ----------
    condition : Condition
        How it was heard.
    length_s : float
    energy, loud
        Of the snippet, one frame every ``QUERY_HOP`` samples.
    truth : np.ndarray, shape (n, 124), int8
        Sign of each difference in the clean recording, shifted by some samples; 0 where that is silent or steady.
    """

    condition: Condition
    length_s: float
    energy: np.ndarray
    loud: np.ndarray
    truth: np.ndarray


def drawn(rng: np.random.Generator) -> Condition:
    """Draw what is done to one snippet: rooms, noises and their levels, phones and codecs, in all combinations."""
    noise = rng.choice(["voices", "talker", "babble", "pink", "car", ""], p=[0.34, 0.1, 0.12, 0.2, 0.06, 0.18])
    room = rng.uniform() < 0.85
    phone = rng.choice(["webrtc", "rnnoise", ""], p=[0.14, 0.1, 0.76])
    codec = rng.choice(["opus16", "aac32", "amrnb", "opus12voice", "opus6voice", ""], p=[*[0.03] * 5, 0.85])
    return Condition(
        "drawn",
        room=bool(room),
        noise=str(noise) or None,
        snr_db=float(rng.uniform(-8, 6) if noise == "car" else rng.uniform(-3, 14)),
        codec=str(codec) or None,
        clipped=bool(rng.uniform() < 0.06),
        far=bool(room and rng.uniform() < 0.15),
        speaker=bool(rng.uniform() < 0.12),
        wow=bool(rng.uniform() < 0.04),
        phone=str(phone) or None,
    )


def example(references: list[Reference], material: Material, seed: int) -> Example:
    """Return one snippet of one of the tracks; everything depends on the seed."""
    rng = np.random.default_rng([SEED, seed])
    condition, length_s = drawn(rng), float(rng.choice(LENGTHS))
    length, preroll = round(length_s * SAMPLE_RATE), round(PREROLL_S * SAMPLE_RATE)
    while True:
        audio = corpus.samples(references[int(rng.integers(len(references)))])
        start = int(rng.integers(preroll, len(audio) - length - QUERY_HOP))
        if rms(audio[start : start + length]) > 10 ** (QUIET_DB / 20):
            break
    excerpt = np.asarray(audio[start - preroll : start + length])
    heard = conditions.degrade(excerpt, condition, seed, length=length, preroll=preroll, material=material)
    shift = int(rng.integers(-QUERY_HOP // 2, QUERY_HOP // 2 + 1))  # no grid meets another exactly
    clean = np.asarray(audio[start + shift : start + shift + length])
    d, valid = bits.differences(*bits.band_energies(clean, QUERY_HOP), QUERY_HOP)
    truth = np.where(valid[:, None], np.where(d > 0, 1, -1), 0).astype(np.int8)
    return Example(condition, length_s, *bits.band_energies(heard, QUERY_HOP), truth)


def gather(references: list[Reference], material: Material, count: int, seed: int) -> list[Example]:
    """Many snippets, seeds from ``seed`` on."""
    return [example(references, material, seed + i) for i in progress(range(count), "snippets")]


@dataclass(frozen=True)
class Seen:
    """The network's inputs for the frames of one phase of a snippet, and their true bits (0 where none counts)."""

    facts: np.ndarray
    frames: np.ndarray
    context: reliability.Context
    counts: np.ndarray
    truth: np.ndarray
    words: np.ndarray


def seen(item: Example, phase: int) -> Seen | None:
    """Return one phase of a snippet; None if no bit of it counts."""
    lag = LAG // QUERY_HOP
    d, valid = bits.differences(item.energy, item.loud, QUERY_HOP)
    full = bits.full_frames(item.energy)
    counts = valid & full[lag:] & full[: len(d)]
    context = reliability.context_of(item.energy, item.loud, d, BANDS)
    facts = reliability.facts(item.energy, d, BANDS, lag, context)
    frames = reliability.frame_facts(item.energy, lag, BANDS, context)
    rows = np.flatnonzero(counts)
    rows = rows[rows % 2 == phase]
    if not len(rows):
        return None
    signs = np.where(d[rows] > 0, 1, -1)
    right = (signs * item.truth[rows]).astype(np.float32)
    return Seen(facts[rows], frames[rows], context, rows // 2, right, signs.astype(np.float32))


class Trainer:
    """Parameters of a network and their moments, for steps of Adam (Kingma & Ba 2015).

    Parameters
    ----------
    mean, scale : dict of str to np.ndarray
        Of the facts of bits, frames and snippets, by which they are standardised.
    """

    def __init__(self, mean: dict[str, np.ndarray], scale: dict[str, np.ndarray], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.mean, self.scale = mean, scale
        n = sum(len(v) for v in mean.values())
        draw = rng.standard_normal((n, HIDDEN)) * np.sqrt(2 / 10)
        self.values = {
            "w_bit": draw[:10],
            "w_frame": draw[10:12] * 0.3,
            "w_snippet": draw[12:] * 0.1,
            "b_hidden": np.zeros(HIDDEN),
            "w_out": rng.standard_normal((HIDDEN, 2)) * np.sqrt(1 / HIDDEN),
            "b_out": np.zeros(2),
            "gain": np.zeros(N_BITS),
        }
        self._first = {name: np.zeros_like(v) for name, v in self.values.items()}
        self._second = {name: np.zeros_like(v) for name, v in self.values.items()}
        self._steps = 0

    def standard(self, x: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Facts of bits, of frames and of the snippet, standardised."""
        parts = {"bit": x.facts, "frame": x.frames, "snippet": x.context.facts}
        bit, frame, snippet = ((v - self.mean[k]) / self.scale[k] for k, v in parts.items())
        return bit, frame, snippet

    def gradients(self, x: Seen, foreign: np.ndarray) -> tuple[dict[str, np.ndarray], float, float]:
        """Gradients of the objective for one snippet, its cross-entropy and its z.

        Parameters
        ----------
        x : Seen
            The snippet.
        foreign : np.ndarray, shape (PLACES, n, 124), int8
            1 where a foreign place's bit equals the snippet's, -1 where not, 0 where that is invalid.
        """
        v = self.values
        bit, frame, snippet = self.standard(x)
        shift = frame @ v["w_frame"] + snippet @ v["w_snippet"] + v["b_hidden"]
        before = bit @ v["w_bit"].astype(np.float32) + shift[:, None].astype(np.float32)
        hidden = np.maximum(before, 0)
        odds, pull = np.moveaxis(hidden @ v["w_out"].astype(np.float32) + v["b_out"].astype(np.float32), -1, 0)
        weights = np.logaddexp(0, pull) * np.exp(v["gain"]).astype(np.float32)
        known = x.truth != 0
        right = 1 / (1 + np.exp(-x.truth * odds))
        entropy = float(-np.log(np.maximum(right[known], 1e-12)).mean())
        d_odds = np.where(known, -x.truth * (1 - right), 0) / known.sum()
        # z = (own - mean of foreign) / spread of foreign, of sums of weighted agreements
        flat = foreign.reshape(PLACES, -1).astype(np.float32)
        sums = flat @ weights.ravel()
        away = sums - sums.mean()
        spread = float(np.sqrt(np.mean(away**2))) + 1e-9
        own = float((weights * x.truth).sum() - sums.mean())
        z = own / spread
        # -log(softplus(z)) is -log z where there is any hope, and finite where there is none
        slope = -1 / (1 + np.exp(-z)) / np.logaddexp(0, z)
        d_own = x.truth - flat.mean(axis=0).reshape(x.truth.shape)
        d_spread = (away @ flat).reshape(x.truth.shape) / PLACES / spread
        d_weights = slope * (d_own / spread - own / spread**2 * d_spread)
        d_pull = Z_SHARE * d_weights * np.exp(v["gain"]) / (1 + np.exp(-pull))
        d_out = np.stack([(1 - Z_SHARE) * d_odds, d_pull], axis=-1).astype(np.float32)
        d_hidden = (d_out @ v["w_out"].T.astype(np.float32)) * (before > 0)
        d_rows = d_hidden.sum(axis=1)
        d_all = d_rows.sum(axis=0)
        rows, hidden_rows = d_hidden.reshape(-1, HIDDEN), hidden.reshape(-1, HIDDEN)
        found = {
            "w_bit": bit.reshape(-1, bit.shape[-1]).T @ rows,
            "w_frame": frame.T @ d_rows,
            "w_snippet": np.outer(snippet, d_all),
            "b_hidden": d_all,
            "w_out": hidden_rows.T @ d_out.reshape(-1, 2),
            "b_out": d_out.reshape(-1, 2).sum(axis=0),
            "gain": Z_SHARE * (d_weights * weights).sum(axis=0),
        }
        return found, entropy, z

    def step(self, gradients: dict[str, np.ndarray], rate: float) -> None:
        """One step against the gradients."""
        self._steps += 1
        for name, g in gradients.items():
            self._first[name] += 0.1 * (g - self._first[name])
            self._second[name] += 0.001 * (g * g - self._second[name])
            first = self._first[name] / (1 - 0.9**self._steps)
            second = self._second[name] / (1 - 0.999**self._steps)
            self.values[name] = self.values[name] - rate * first / (np.sqrt(second) + 1e-8)

    def network(self) -> dict[str, np.ndarray]:
        """The arrays that ship: standardising is part of the first layer."""
        v = self.values
        out = {f"w_{k}": v[f"w_{k}"] / self.scale[k][:, None] for k in ("bit", "frame", "snippet")}
        moved = sum(self.mean[k] @ out[f"w_{k}"] for k in ("bit", "frame", "snippet"))
        out |= {"b_hidden": v["b_hidden"] - moved, "w_out": v["w_out"], "b_out": v["b_out"]}
        out["factor"] = np.exp(v["gain"])
        return {name: np.asarray(value, np.float32) for name, value in out.items()}


def moments(items: list[Seen]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Mean and spread of the facts of bits, frames and snippets."""
    parts = {
        "bit": np.concatenate([x.facts[::7, ::5].reshape(-1, x.facts.shape[-1]) for x in items]),
        "frame": np.concatenate([x.frames for x in items]),
        "snippet": np.stack([x.context.facts for x in items]),
    }
    return {k: v.mean(axis=0) for k, v in parts.items()}, {k: v.std(axis=0) + 1e-6 for k, v in parts.items()}


def foreign_agreement(x: Seen, cohort: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Agreement of a snippet's bits with random places of the cohort, shape (PLACES, n, 124), int8."""
    span = int(x.counts[-1]) + 1
    starts = rng.integers(0, len(cohort) - span, PLACES)
    return cohort[starts[:, None] + x.counts] * x.words.astype(np.int8)


def train(examples: list[Example], epochs: int = EPOCHS) -> dict[str, Any]:
    """Fit the network to the examples; return its arrays by name."""
    words = align.cohort()
    cohort = np.where(bits.signs(words), 1, -1).astype(np.int8)
    cohort[(words[:, 1] & bits.VALID) == 0] = 0
    rng = np.random.default_rng(SEED)
    first = [x for item in examples[::4] if (x := seen(item, 0)) is not None]
    trainer = Trainer(*moments(first))
    n_steps, done = epochs * (len(examples) // BATCH), 0
    for epoch in range(epochs):
        entropies, heights, batch = [], [], []
        for i in rng.permutation(len(examples)):
            x = seen(examples[i], int(rng.integers(2)))
            if x is None or not x.truth.any():
                continue
            gradients, entropy, z = trainer.gradients(x, foreign_agreement(x, cohort, rng))
            batch.append(gradients)
            entropies.append(entropy)
            heights.append(max(z, 0.1))
            if len(batch) == BATCH:
                rate = RATES[1] + (RATES[0] - RATES[1]) * 0.5 * (1 + np.cos(np.pi * min(1, done / n_steps)))
                trainer.step({name: np.mean([g[name] for g in batch], axis=0) for name in batch[0]}, float(rate))
                batch, done = [], done + 1
        print(
            f"epoch {epoch + 1}: cross-entropy {np.mean(entropies):.4f} nats a bit, "
            f"geometric mean z {np.exp(np.mean(np.log(heights))):.2f}",
            flush=True,
        )
    return trainer.network()


@dataclass(frozen=True)
class Score:
    """How a network does on one snippet, as the search uses it.

    Parameters
    ----------
    z : float
        Of the true place.
    share : float
        Agreement found there, over the agreement expected.
    expected : float
    entropy : float
        Nats a bit.
    """

    z: float
    share: float
    expected: float
    entropy: float


def score(item: Example) -> Score | None:
    """Judge one snippet with the network in use; None if chance cannot be measured."""
    lag = LAG // QUERY_HOP
    prints = bits.fingerprint_of(item.energy, item.loud)
    null = align.null_of(prints)
    if null is None:
        return None
    d, _ = bits.differences(item.energy, item.loud, QUERY_HOP)
    context = reliability.context_of(item.energy, item.loud, d, BANDS)
    odds, _ = reliability.judge(
        reliability.facts(item.energy, d, BANDS, lag, context),
        reliability.frame_facts(item.energy, lag, BANDS, context),
        context,
    )
    right = np.where(d > 0, 1, -1) * item.truth
    n = 2 * prints.n_frames
    planes = np.stack([bits.signs(prints.planes[p].reshape(-1, 2)) for p in range(2)])
    ones, twos = planes.reshape(2, prints.n_frames, 2, N_BITS).transpose(2, 1, 0, 3).reshape(2, n, N_BITS)
    weights = (ones + 2 * twos) * (right[:n] != 0)
    agreement = float((weights * right[:n]).sum() / max(weights.sum(), 1))
    known = right != 0
    entropy = float(np.logaddexp(0, -right[known] * odds[known]).mean()) if known.any() else 0.0
    z = (agreement - null.mean) / null.spread
    return Score(z, agreement / max(prints.expected, 1e-3), prints.expected, entropy)


def report(items: list[Example]) -> None:
    """Print how the network in use does, by what was heard."""
    groups = {
        "all": items,
        "voices or talker, under 4 dB": [
            x for x in items if x.condition.noise in ("voices", "talker") and (x.condition.snr_db or 0) < 4
        ],
        "voices or talker, above": [
            x for x in items if x.condition.noise in ("voices", "talker") and (x.condition.snr_db or 0) >= 4
        ],
        "pink": [x for x in items if x.condition.noise == "pink"],
        "suppressed": [x for x in items if x.condition.phone],
        "no noise": [x for x in items if not x.condition.noise],
    }
    for name, some in groups.items():
        found = [s for x in some if (s := score(x)) is not None]
        z = np.array([s.z for s in found])
        share = np.array([s.share for s in found])
        print(
            f"{name}: {len(found)} snippets, geometric mean z {np.exp(np.log(np.maximum(z, 1)).mean()):.2f}, over 7 "
            f"{np.mean(z > 7):.3f}, found over expected agreement {np.median(share):.2f} (lowest 5 %: "
            f"{np.quantile(share, 0.05):.2f}), cross-entropy {np.mean([s.entropy for s in found]):.4f}"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snippets", type=int, default=2400, help="snippets to train on (2400)")
    parser.add_argument("--out", type=Path, default=FOLDER / f"reliability-{reliability.VERSION}.npz")
    arguments = parser.parse_args()
    training, held_out = halves()
    network = train(gather(*training, arguments.snippets, 0))
    np.savez_compressed(arguments.out, **network)
    reliability.network.cache_clear()
    report(gather(*held_out, max(20, arguments.snippets // 5), 1_000_000))


def halves() -> tuple[tuple[list[Reference], Material], tuple[list[Reference], Material]]:
    """Tracks and material to train with, and a third of the tracks and voices to see how well it works."""
    tracks, material = corpus.development(), load_material("development")
    others = [voice for i, voice in enumerate(material.voices) if i % 3 != 1]
    return (
        ([r for i, r in enumerate(tracks) if i % 3 != 1], dataclasses.replace(material, voices=others)),
        (tracks[1::3], dataclasses.replace(material, voices=material.voices[1::3])),
    )


if __name__ == "__main__":
    main()
