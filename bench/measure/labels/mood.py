"""Mood of piano phrases that people judged (VGMIDI), by series, on one synthesiser and on another::

    EARMARK_DATA=... python -m bench.measure.labels.mood --cache FOLDER --soundfont A.sf2 --other B.sf2 [--splits 6]

Phrases are rendered by ``fluidsynth`` (of the system's packages, with two soundfonts such as TimGM6mb and FluidR3_GM);
the first 40 s are heard. Series are put into five folds at random, several times; where something is chosen, it is
chosen within each training set, by log-loss. Accuracy of valence is balanced; at even odds, by probabilities divided by
the labels' shares of the training set. Intervals are standard deviations over the splits.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from pathlib import Path

import numpy as np

from bench.measure.labels.tables import folder
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.labels import views
from classifier.labels.extractors import extractor
from classifier.labels.tags import arousal
from classifier.labels.training.estimators import candidate
from classifier.labels.training.figures import area
from classifier.labels.training.folds import grouped_folds
from classifier.labels.training.selection import Problem, choose, inner_splits, left_out_scores
from classifier.labels.training.train import DEFAULT_VIEWS
from classifier.settings import Settings

SECONDS = 40.0
EXTRACTORS = ("musicnn-msd", "mfcc-stats-104-log", "key-mode-33")
#: What is chosen among: one set alone, or, last, what moods are trained on unasked.
FEATURES = (
    ("tag-logits",),
    ("penultimate",),
    ("mfcc-104-log",),
    ("key-mode",),
    ("tags-key-mode",),
    DEFAULT_VIEWS["mood"],
)
TRIED = tuple(candidate("logistic", C=c) for c in (0.003, 0.01, 0.03, 0.1, 0.3))


def phrases() -> list[dict[str, str]]:
    """Return the rows of the table."""
    with open(folder() / "vgmidi/vgmidi_labelled.csv", newline="") as file:
        return list(csv.DictReader(file))


def vectors(rows: list[dict[str, str]], soundfont: Path, cache: Path) -> dict[str, np.ndarray]:
    """Return what the extractors say of all phrases on a synthesiser, by extractor; kept in the cache."""
    kept = cache / f"{soundfont.stem}.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as file:
            return {name: file[name] for name in EXTRACTORS}
    settings = Settings()
    opened = {name: extractor(name).open(Path(settings.weights_dir)) for name in EXTRACTORS}
    found: dict[str, list[np.ndarray]] = {name: [] for name in EXTRACTORS}
    cache.mkdir(parents=True, exist_ok=True)
    wav = cache / "phrase.wav"
    with Decoder(settings) as decoder:
        for row in rows:
            midi = folder() / "vgmidi" / row["midi"]
            command = ["fluidsynth", "-ni", "-q", "-F", str(wav), "-r", "44100", "-g", "0.5", str(soundfont), str(midi)]
            subprocess.run(command, check=True, capture_output=True)
            for name, extract in opened.items():
                rate = extractor(name).sample_rate
                samples = decoder.decode(wav, Limits.for_track(settings), rate).samples
                found[name].append(extract(samples[: round(SECONDS * rate)]).vector)
    arrays = {name: np.array(values) for name, values in found.items()}
    np.savez(kept, allow_pickle=False, **arrays)
    return arrays


def main() -> None:
    """Print accuracies by feature set, on the same synthesiser and on the other, and arousal without training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was extracted")
    parser.add_argument("--soundfont", type=Path, required=True, help="of the synthesiser trained on")
    parser.add_argument("--other", type=Path, required=True, help="of another synthesiser")
    parser.add_argument("--splits", type=int, default=6, help="assignments of series to folds (6)")
    options = parser.parse_args()
    rows = phrases()
    series = [row["series"] for row in rows]
    valence = np.array([int(row["valence"]) > 0 for row in rows])
    lively = np.array([int(row["arousal"]) > 0 for row in rows])
    targets = {"arousal": lively, "valence": valence, "quadrants": 2 * lively + valence}
    same, other = (vectors(rows, font, options.cache) for font in (options.soundfont, options.other))
    for name, heard in (("first", same), ("other", other)):
        tags = [arousal(row[: len(views.VIEWS["tags"].columns)]).score for row in heard["musicnn-msd"]]
        print(f"arousal without training, {name} synthesiser: AUC {area(np.array(tags), lively):.3f}", flush=True)
    for features in FEATURES:
        rows_of = {name: np.vstack([views.VIEWS[name].rows(heard) for heard in (same, other)]) for name in features}
        for task, labels in targets.items():
            here, there, even_here, even_there = [], [], [], []
            for number in range(options.splits):
                *each, shares = _folds(rows_of, labels, series, number)
                here.append(_accuracy(each[0], labels, balanced=task == "valence"))
                there.append(_accuracy(each[1], labels, balanced=task == "valence"))
                even_here.append(_accuracy(each[0] - np.log(shares), labels, balanced=True))
                even_there.append(_accuracy(each[1] - np.log(shares), labels, balanced=True))
                if task != "quadrants" and number == 0:
                    ranked = [area(one[:, 1] - one[:, 0], labels.astype(bool)) for one in each]
            auc = f"  AUC {ranked[0]:.3f}, other {ranked[1]:.3f}" if task != "quadrants" else ""
            print(f"{' or '.join(features):<14} {task:<10} {_both(here, there)}{auc}", flush=True)
            if task == "valence":
                print(f"{'':<14} even odds  {_both(even_here, even_there)}", flush=True)


def _both(here: list[float], there: list[float]) -> str:
    (here_mean, here_sd), (there_mean, there_sd) = ((100 * np.mean(each), 100 * np.std(each)) for each in (here, there))
    return f"{here_mean:.1f} sd {here_sd:.1f}; other synthesiser {there_mean:.1f} sd {there_sd:.1f}"


def _folds(
    rows: dict[str, np.ndarray], labels: np.ndarray, series: list[str], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores of every phrase by a model that met none of its series, and the shares of labels it had met.

    ``rows`` are features by view, of the phrases on the same synthesiser and then on the other; so are scores.
    """
    n, k = len(labels), int(labels.max()) + 1
    targets = np.eye(k, dtype=bool)[labels.astype(int)]
    both = Problem(rows, np.vstack([targets, targets]), [*series, *series], "exclusive")
    here, there, shares = np.zeros((3, n, k))
    for train, test in grouped_folds(targets, series, 5, seed):
        inner = both.part(train)
        chosen = choose(inner, TRIED, inner_splits(inner.targets, inner.groups, seed), seed)
        split = (train, np.concatenate([test, test + n]))
        scores = left_out_scores(both, chosen.view, chosen.candidate, split, seed)
        here[test], there[test] = scores[: len(test)], scores[len(test) :]
        shares[test] = targets[train].mean(axis=0)
    return here, there, shares


def _accuracy(scores: np.ndarray, labels: np.ndarray, *, balanced: bool) -> float:
    right = scores.argmax(axis=1) == labels
    if not balanced:
        return float(right.mean())
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


if __name__ == "__main__":
    main()
