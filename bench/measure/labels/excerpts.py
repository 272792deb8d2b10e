"""All ten genres as sound, two to three seconds of each clip, in rooms and under talk::

    EARMARK_DATA=... python -m bench.measure.labels.excerpts --audio FOLDER [--only CONDITION ...]

FOLDER holds excerpts of GTZAN's clips, named as the clips are. Those of fifty clips a genre are in the public
repository adebnathgit/Curated-audio-dataset-sourced-from-GTZAN-Dataset---Music-Genre-Classification; nothing of it
ships. The model is fitted as that which ships is (``bench.fit.labels``), once for each of five folds, on the tags of
clips by artists who are not in it: so every excerpt is heard, and its artist is not known. Intervals cover 95 %, by
drawing artists.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench.measure.labels.sound import CONDITIONS, RATE
from bench.measure.labels.tables import GENRES, artists, clip_id, taggrams
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.labels import views
from classifier.labels.extractors import DEFAULT, extractor
from classifier.labels.scoring.model import LabelModel
from classifier.labels.training.estimators import candidates
from classifier.labels.training.figures import bootstrap
from classifier.labels.training.folds import grouped_folds
from classifier.labels.training.selection import Problem, final
from classifier.metrics import calibration_error
from classifier.settings import Settings

FOLDS, SEED = 5, 0
VIEW = views.VIEWS["tags"]
SHOWN = ("clean", "room", "room, talk 10 dB", "room, talk 5 dB", "8 kHz", "pink noise 5 dB", "Opus 16 kbit/s")


def models(groups: list[str], targets: np.ndarray) -> list[tuple[np.ndarray, LabelModel]]:
    """Return which excerpts each fold tests, and its model, which met none of their artists."""
    parts = [taggrams(name) for name in ("training", "evaluation")]
    rows, known = np.vstack([part.values for part in parts]), np.vstack([part.targets for part in parts])
    by = [clip.group for part in parts for clip in part.clips]
    tried = [one for one in candidates(["logistic"], len(rows)) if not one.needs_kin]
    found = []
    for _, test in grouped_folds(targets, groups, FOLDS, SEED):
        met = {groups[i] for i in test}
        train = np.array([i for i, group in enumerate(by) if group not in met])
        problem = Problem({"tags": rows[train]}, known[train], [by[i] for i in train], "exclusive")
        _, fitted = final(problem, tried, SEED)
        found.append(
            (
                test,
                LabelModel(
                    "genre", "exclusive", GENRES, "logistic", "tags", VIEW.extractors, VIEW.columns, fitted.arrays
                ),
            )
        )
    return found


def main() -> None:
    """Print accuracy under each condition, and of every genre."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="folder of excerpts")
    parser.add_argument("--only", nargs="+", choices=CONDITIONS, default=SHOWN, help="conditions")
    options = parser.parse_args()
    settings, of_artist = Settings(), artists()[0]
    extract = extractor(DEFAULT).open(Path(settings.weights_dir))
    with Decoder(settings) as decoder:
        limits = Limits.for_track(settings)
        sounds = {
            clip_id(path.name): decoder.decode(path, limits, RATE).samples
            for path in sorted(options.audio.rglob("*.wav"))
        }
    names = list(sounds)
    truth = np.array([GENRES.index(name.partition(".")[0]) for name in names])
    targets = np.eye(len(GENRES), dtype=bool)[truth]
    groups = [of_artist.get(name, name) for name in names]
    folds = models(groups, targets)
    for condition in options.only:
        change = CONDITIONS[condition]
        rows = np.vstack([VIEW.row({DEFAULT: extract(change(sounds[name], i))}) for i, name in enumerate(names)])
        p = np.zeros(targets.shape)
        for test, model in folds:
            p[test] = model.probabilities(rows[test])
        right = p.argmax(axis=1) == truth
        error, _ = calibration_error(p.max(axis=1), right)
        each = ", ".join(f"{genre} {100 * right[truth == i].mean():.0f}" for i, genre in enumerate(GENRES))
        figure = bootstrap(right.astype(float), groups, SEED)
        print(f"{condition:<20} {figure}  ECE {error:.3f}  n {len(right)}  {each}", flush=True)


if __name__ == "__main__":
    main()
