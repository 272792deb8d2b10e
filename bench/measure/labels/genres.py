"""Ten genres by every protocol that the tables allow, earlier systems beside ours::

    EARMARK_DATA=... python -m bench.measure.labels.genres [--repeats 50] [--only PART ...]

Where something is chosen, it is chosen within each training set, by folds that keep artists (or songs, or nothing, as
the protocol does) together. Intervals cover 95 %, by drawing artists.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from bench.measure.labels.tables import GENRES, TAG_COLUMNS, joined, mfcc_104, taggram_patches, taggrams, timbre_57
from classifier.labels.mfcc_stats import log_form
from classifier.labels.sets import SETS, restricted
from classifier.labels.training.comparison import draws
from classifier.labels.training.dataset import Dataset
from classifier.labels.training.estimators import GRID, Candidate, candidate
from classifier.labels.training.figures import bootstrap, figures, top
from classifier.labels.training.folds import Split, grouped_folds
from classifier.labels.training.kin import kin
from classifier.labels.training.selection import Problem, choose, inner_splits, judge, left_out_scores
from classifier.labels.views import VIEWS
from classifier.metrics import calibration_error

SEED = 0
#: The earlier genre service: features as they are, gamma of its default.
POLY = candidate("svm-poly", C=1.0, degree=3, coef0=0.0, gamma=1 / 104)
CLASSIC = (*(candidate("svm-rbf", C=c) for c in (1.0, 3.0, 5.0)), *(candidate("logistic", C=c) for c in (0.03, 0.1)))
#: What is tried by random tenths, as that service was judged: by accuracy, and not by probabilities.
MACHINES = tuple(candidate("svm-rbf", C=c) for c in (1.0, 3.0, 5.0, 10.0))
LINEAR = GRID["logistic"]


def problem(dataset: Dataset, rows: np.ndarray, *, raw: bool = False) -> Problem:
    """Return a problem of one view; of tags, with what the labels' names say."""
    named = kin(dataset.columns, dataset.labels) if rows.shape[1] == len(dataset.columns) else None
    more = {} if named is None else {"rows": named}
    return Problem({"rows": rows}, dataset.targets, dataset.groups, "exclusive", standardise=not raw, kin=more)


def classic_104(dataset: Dataset) -> np.ndarray:
    """Return the logarithmic form of the first 104 columns."""
    return log_form(dataset.values[:, :104])


def classic_161(dataset: Dataset) -> np.ndarray:
    """Return the logarithmic form of 104 columns, and 57 of timbre with log-variances."""
    return np.hstack([classic_104(dataset), VIEWS["timbre-57"].of_columns(dataset.values[:, 104:])])


def given(dataset: Dataset, parts: Sequence[str]) -> list[Split]:
    """Return the fault-filtered split, trained on some parts."""
    split = np.array([clip.split for clip in dataset.clips])
    return [(np.flatnonzero(np.isin(split, parts)), np.flatnonzero(split == "test"))]


def by_artist(dataset: Dataset) -> list[Split]:
    """Return the three folds of others."""
    fold = np.array([clip.fold for clip in dataset.clips])
    return [(np.flatnonzero((fold != "") & (fold != f)), np.flatnonzero(fold == f)) for f in ("1", "2", "3")]


def say(name: str, text: str) -> None:
    """Print a row."""
    print(f"{name:<58} {text}", flush=True)


def judged(name: str, clips: Problem, tried: Sequence[Candidate], splits: list[Split]) -> None:
    """Print accuracy with its interval, the first three, and the calibration error."""
    found = judge(clips, tried, splits, SEED)
    groups = [clips.groups[i] for i in found.clips]
    values = figures(found.p, clips.targets[found.clips], groups, GENRES, "exclusive", SEED)
    accuracy, top3 = values["accuracy"], values["top3"]["value"]
    shown = f"{100 * accuracy['value']:.1f} [{100 * accuracy['low']:.0f}-{100 * accuracy['high']:.0f}]"
    chosen = ", ".join(sorted({str(choice.candidate) for choice in found.choices}))
    ece = values["calibration"]["error"]
    say(name, f"{shown}  first three {100 * top3:.1f}  ECE {ece:.3f}  n {values['n']}  {chosen}")


def fixed(name: str, clips: Problem, chosen: Candidate, splits: list[Split]) -> None:
    """Print the accuracy of one candidate."""
    scores = np.concatenate([left_out_scores(clips, "rows", chosen, split, SEED) for split in splits])
    tested = np.concatenate([test for _, test in splits])
    hits = top(scores, clips.targets[tested], 1)
    say(name, f"{bootstrap(hits.astype(float), [clips.groups[i] for i in tested], SEED)}  n {len(hits)}")


# --- parts --------------------------------------------------------------------------------------------------


def random_tenths(repeats: int) -> None:
    """Print what the earlier service claimed: random tenths, drawn again and again; leaky."""
    everything = joined(mfcc_104(), timbre_57(30))
    six = everything.only(SETS["mgc-6"])
    for name, data in (("10 genres", everything), ("six genres", six)):
        splits = draws(data.targets, SEED, repeats)
        raw = problem(data, data.values[:, :104], raw=True)
        each = [top(left_out_scores(raw, "rows", POLY, s, SEED), data.targets[s[1]], 1).mean() for s in splits]
        say(f"random tenths, {name}: earlier SVM", f"{100 * np.mean(each):.1f} sd {100 * np.std(each):.1f}")
        for features, rows in (("104", classic_104(data)), ("161", classic_161(data))):
            clips, each = problem(data, rows), []
            for number, split in enumerate(splits):
                inner = clips.part(split[0])
                alone = [str(i) for i in split[0]]
                chosen = choose(inner, MACHINES, inner_splits(inner.targets, alone, number), SEED).candidate
                each.append(top(left_out_scores(clips, "rows", chosen, split, SEED), data.targets[split[1]], 1).mean())
            say(f"random tenths, {name}: {features} features", f"{100 * np.mean(each):.1f} sd {100 * np.std(each):.1f}")


def unseen_artists(_: int) -> None:
    """Print figures for artists that were not trained on."""
    everything = joined(mfcc_104(), timbre_57(30))
    raw = problem(everything, everything.values[:, :104], raw=True)
    protocols = {
        "fault-filtered, train": given(everything, ["train"]),
        "fault-filtered, train + valid": given(everything, ["train", "valid"]),
        "three folds by artist": by_artist(everything),
    }
    for name, splits in protocols.items():
        fixed(f"{name}: earlier SVM", raw, POLY, splits)
        judged(f"{name}: 104 features", problem(everything, classic_104(everything)), CLASSIC, splits)
        judged(f"{name}: 161 features", problem(everything, classic_161(everything)), CLASSIC, splits)
    tags = _all_taggrams()
    clips = problem(tags, tags.values)
    judged("fault-filtered, train: tags", clips, LINEAR, given(tags, ["train"]))
    judged("three folds by artist: tags", clips, LINEAR, by_artist(tags))
    plain = [one for one in LINEAR if not one.needs_kin]
    judged("fault-filtered, train: tags, names not looked at", clips, plain, given(tags, ["train"]))
    judged("three folds by artist: tags, names not looked at", clips, plain, by_artist(tags))


def _all_taggrams() -> Dataset:
    train, test = taggrams("training"), taggrams("evaluation")
    values = np.vstack([train.values, test.values])
    return Dataset([*train.clips, *test.clips], "exclusive", "artist", TAG_COLUMNS, values)


def short_and_few(_: int) -> None:
    """Print what short clips, and few clips to train on, are worth."""
    train, test = taggrams("training"), taggrams("evaluation")
    clips = problem(train, train.values)
    chosen = choose(clips, LINEAR, inner_splits(clips.targets, clips.groups, SEED), SEED).candidate
    patches, names = taggram_patches("evaluation")
    ids = [clip.name for clip in test.clips]
    for seconds in (3, 5, 10, 28):
        # A patch of three seconds a second: so many of them, from the middle.
        rows = np.array([_middle(patches[[i for i, n in enumerate(names) if n == clip]], seconds - 2) for clip in ids])
        both = Problem(
            {"rows": np.vstack([train.values, rows])},
            np.vstack([train.targets, test.targets]),
            [*train.groups, *test.groups],
            "exclusive",
            kin=clips.kin,
        )
        split = (np.arange(len(train.clips)), np.arange(len(train.clips), len(both.targets)))
        fixed(f"fault-filtered, train: tags of {seconds} s", both, chosen, [split])
    labels = train.targets.argmax(axis=1)
    draw = np.random.default_rng(SEED)
    everything = problem(_all_taggrams(), np.vstack([train.values, test.values]))
    tested = np.arange(len(train.clips), len(everything.targets))
    for few in (3, 5, 10, 20):
        each = []
        for _draw in range(10):
            some = np.concatenate([draw.permutation(np.flatnonzero(labels == g))[:few] for g in range(10)])
            inner = everything.part(np.sort(some))
            alone = [str(i) for i in some]  # as somebody has them who knows no artists
            chosen = choose(inner, LINEAR, inner_splits(inner.targets, alone, SEED), SEED).candidate
            scores = left_out_scores(everything, "rows", chosen, (np.sort(some), tested), SEED)
            each.append(top(scores, everything.targets[tested], 1).mean())
        say(f"fault-filtered, {few} clips a genre: tags", f"{100 * np.mean(each):.1f} sd {100 * np.std(each):.1f}")


def segments(_: int) -> None:
    """Print the recipe of 26 features, and ours of 57, on segments of 10 s: random, by song, and the vote of clips."""
    data = timbre_57(10)
    means = [i for i, name in enumerate(data.columns) if name.endswith("_mean") and not name.startswith("parts.")]
    songs = [clip.song for clip in data.clips]
    rows57 = VIEWS["timbre-57"].of_columns(data.values)
    network = candidate("mlp", alpha=1e-4)
    tried = tuple(candidate("svm-rbf", C=c, gamma=g / 57) for c, g in ((3, 0.5), (10, 0.25), (10, 0.5), (10, 1)))
    alone = [str(i) for i in range(len(songs))]
    for name, rows, options in (
        ("26 means, network of 512-256-128-64", data.values[:, means], (network,)),
        ("57 features", rows57, tried),
    ):
        clips = problem(data, rows)
        split = given(data, ["train"])[0]
        found = judge(clips, options, [split], SEED, inner_groups=data.groups)
        # One model in all rows: that which the fault-filtered training clips choose, by artist.
        chosen = found.choices[0].candidate
        for protocol, units in (("random", alone), ("by song", songs)):
            # All fifths: one differs from the next by up to six points.
            each = [_right(data, clips, chosen, fifth) for fifth in grouped_folds(data.targets, units, 5, SEED)]
            of_each = ", ".join(f"{value:.1f}" for value in each)
            say(f"10-s segments, {protocol}: {name}, {chosen}", f"{np.mean(each):.1f}  of {of_each}")
        names = sorted({songs[i] for i in split[1]})
        vote = np.array([found.p[[j for j, i in enumerate(split[1]) if songs[i] == n]].mean(axis=0) for n in names])
        truth = np.array([data.targets[songs.index(n)] for n in names])
        groups = [data.clips[songs.index(n)].group for n in names]
        hits = top(vote, truth, 1)
        say(
            f"10-s segments, fault-filtered, vote: {name}",
            f"{bootstrap(hits.astype(float), groups, SEED)}  n {len(hits)}",
        )


def _right(data: Dataset, clips: Problem, chosen: Candidate, split: Split) -> float:
    """Return how many of the test segments are right, per cent."""
    scores = left_out_scores(clips, "rows", chosen, split, SEED)
    return float(100 * top(scores, data.targets[split[1]], 1).mean())


def _middle(rows: np.ndarray, count: int) -> np.ndarray:
    start = max(0, (len(rows) - count) // 2)
    return rows[start : start + count].mean(axis=0)


def six_of_ten(_: int) -> None:
    """Print the six genres of an earlier service, by restriction of the ten, for unseen artists."""
    data = _all_taggrams()
    clips = problem(data, data.values)
    found = judge(clips, LINEAR, given(data, ["train"]), SEED)
    inside = [j for j, i in enumerate(found.clips) if data.clips[i].labels[0] in SETS["mgc-6"]]
    p, labels = restricted(found.p[inside], GENRES, "mgc-6")
    truth = np.array([[label in data.clips[found.clips[j]].labels for label in labels] for j in inside])
    hits = top(p, truth, 1)
    error, _bins = calibration_error(p.max(axis=1), hits)
    groups = [clips.groups[found.clips[j]] for j in inside]
    say(
        "fault-filtered, six genres by restriction: tags",
        f"{bootstrap(hits.astype(float), groups, SEED)}  ECE {error:.3f}  n {len(hits)}",
    )


PARTS: dict[str, Callable[[int], None]] = {
    "artists": unseen_artists,
    "short": short_and_few,
    "six": six_of_ten,
    "tenths": random_tenths,
    "segments": segments,
}


def main() -> None:
    """Print the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50, help="random tenths drawn (50)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure (all)")
    options = parser.parse_args()
    for part in options.only:
        PARTS[part](options.repeats)


if __name__ == "__main__":
    main()
