"""How often the network gives each of its tags, and how lively music is: ``classifier/data/tags-1.json``::

    python -m bench.fit.tags FOLDER

FOLDER holds ``training.npz`` and ``evaluation.npz``: tags of three-second patches of the 733 fault-filtered GTZAN
clips, as the network's author computed them (Pons and Favory 2019, ISC). What ships are statistics over the clips: the
mean of each tag, mean and deviation of its log-odds, and the distribution of the arousal score.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from classifier import data
from classifier.labels.tags import ROUNDING, arousal_score, log_odds

TARGET = data.FOLDER / "tags-1.json"


def clips(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return mean tags of every clip, shape (n, 50), and its genre, shape (n,), a number from 0 to 9."""
    rows, genres = [], []
    for part in ("training", "evaluation"):
        with np.load(folder / f"{part}.npz", allow_pickle=False) as file:
            patches, genre, ids = (np.asarray(file[key]) for key in ("X", "Y", "IDS"))
        for clip in np.unique(ids):
            rows.append(patches[ids == clip].mean(axis=0, dtype=np.float64))
            genres.append(int(genre[ids == clip][0]))
    return np.array(rows), np.array(genres)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    tags, genres = clips(parser.parse_args().folder)
    odds = log_odds(tags)
    mean, deviation = odds.mean(axis=0), odds.std(axis=0)
    scores = arousal_score(tags, mean, deviation)
    statistics = {
        "base": tags.mean(axis=0),
        "log_odds_mean": mean,
        "log_odds_deviation": deviation,
        "arousal_quantiles": np.quantile(scores, np.linspace(0, 1, 101)),
    }
    rounded = {name: [round(float(value), ROUNDING) for value in values] for name, values in statistics.items()}
    TARGET.write_text(json.dumps({"clips": len(tags), **rounded}) + "\n")
    means = " ".join(f"{scores[genres == genre].mean():.1f}" for genre in range(10))
    print(f"wrote {TARGET.name} from {len(tags)} clips; mean arousal score by genre: {means}")


if __name__ == "__main__":
    main()
