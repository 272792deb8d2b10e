"""Calibrate the verdict of ``method=kl``: how far the best track must stand out among the others.

Snippets of the development set are ranked by divergence with and without their own track; a logistic regression of
"the first is right" on T-norm and divergence goes into ``classifier/data/null-1.json``::

    python -m bench.fit.margin                  # some minutes
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.progress import track as progress
from sklearn.linear_model import LogisticRegression

from bench import conditions, queries
from bench.fit.null import references
from bench.measure.identify import MUSIC_FREE, segment_folder
from classifier.config import FeatureConfig
from classifier.data import FOLDER
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.models.track import builtin_background, model_query
from classifier.search import null
from classifier.search.ranking import Ranking

CONDITIONS = ("clean", "room", "room+babble10", "room+babble5", "room+pink10", "room+pink5", "room+pink0")
LENGTHS = (3.0, 5.0, 10.0)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-cell", type=int, default=24, help="snippets for each condition and length")
    parser.add_argument("--out", type=Path, default=FOLDER / "null-1.json")
    arguments = parser.parse_args()
    tracks, config = references(), FeatureConfig()
    segment = Segment.load(segment_folder(tracks))
    snapshot = Snapshot((segment,), frozenset(e.key for e in segment.entries))
    material = conditions.load_material("development")
    facts, right = [], []
    planned = queries.plan(tracks, CONDITIONS, LENGTHS, arguments.per_cell, 103)
    planned += queries.plan([], MUSIC_FREE, LENGTHS, arguments.per_cell, 104)
    for query in progress(planned, "snippets"):
        model = model_query(queries.render(query, material=material), config, builtin_background())
        nearest = Ranking(model, snapshot, config).nearest
        if not nearest:
            continue
        without = [r for r in nearest if r.entry.track_id != query.reference_id]
        for ranked, known in ((nearest, True), (without, False)):
            facts.append(null.stands_out(np.log([r.divergence for r in ranked])))
            right.append(known and ranked[0].entry.track_id == query.reference_id)
    x, y = np.array(facts), np.array(right)
    model = LogisticRegression(C=100.0).fit(x, y)
    values = json.loads(arguments.out.read_text())
    values["divergence"] = [round(float(v), 4) for v in (*model.coef_[0], model.intercept_[0])]
    arguments.out.write_text(json.dumps(values, indent=1) + "\n")
    certain = model.predict_proba(x)[:, 1] >= null.DIVERGENCE_CERTAIN
    strangers = np.arange(len(y)) % 2 == 1
    print(f"slopes and offset {values['divergence']}; first is right for {y[~strangers].mean():.3f} of snippets")
    print(
        f"named: {certain[~strangers].mean():.3f} of them, {y[certain].mean():.3f} of names are right; ",
        end="",
    )
    print(f"of unknown ones {certain[strangers].mean():.4f}")


if __name__ == "__main__":
    main()
