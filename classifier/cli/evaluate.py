"""``earmark evaluate``, ``compare`` and ``subsets``: what labels are worth, flattering figures beside honest ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from classifier.cli.common import Shell, percent, shell_command
from classifier.cli.train import Asked, data_options, prepared, ticking
from classifier.errors import StoreFailed


@click.command()
@data_options
@click.option("--charts", type=click.Path(path_type=Path, file_okay=False), help="Folder for charts as SVG.")
@click.option("--conditions/--no-conditions", default=True, help="Also shorter and noisier recordings.  [default: on]")
@shell_command
def evaluate(shell: Shell, asked: Asked, charts: Path | None, conditions: bool) -> None:
    """Judge how well the labels of the recordings in DATA can be learnt; DATA is as for 'earmark train'.

    Features and family are chosen anew within each fold. Random splits, which flatter, stand beside splits by song and
    by group, and beside those that the columns split and fold of a CSV file give. Intervals cover 95 %.

    \b
    Example:
      earmark evaluate ~/labelled --group artist --charts charts
      earmark evaluate --json table.csv --family logistic
    """
    from classifier.audio.decoder import Decoder
    from classifier.labels.training import evaluate as judging
    from classifier.labels.training.protocols import protocols
    from classifier.labels.training.selection import fits_of

    with prepared(shell, "", asked) as (dataset, numbers):
        folds = sum(len(protocol.splits) for protocol in protocols(dataset, asked.seed))
        with ticking(shell, "training", fits_of(len(numbers.problem.rows), len(numbers.tried), folds)) as tick:
            found = judging.evaluate(dataset, numbers, asked.seed, tick)
        worse = []
        if conditions and found and not dataset.columns:
            total = judging.n_conditions() * len(dataset.clips)
            with Decoder(shell.settings) as decoder, shell.progress("changed sound", total) as done:
                changed = judging.conditions(shell.settings, decoder, dataset, numbers, done)
            worse = judging.under_conditions(dataset, numbers, changed, asked.seed)
    files: list[Path] = []
    if charts is not None:
        try:
            files = judging.write_charts(found, dataset.labels, charts, lambda name: f"{asked.data.name}: {name}")
        except OSError as error:
            raise StoreFailed(f"the charts cannot be written to {charts} ({error.strerror})") from None
    if shell.as_json:
        shell.emit(
            {
                "data": str(asked.data),
                "labels": list(dataset.labels),
                "protocols": found,
                "conditions": worse,
                "charts": [str(path) for path in files],
            }
        )
        return
    if not found:
        shell.say("Nothing was left to judge by: a label occurs in one group only.")
        return
    shell.table(["protocol", "", *_HEADINGS[dataset.kind], "n"], [_row(one, dataset.kind) for one in found])
    last = found[-1]
    shell.say(f"By label, {last['name']}:")
    columns = [key for key in last["figures"]["by_label"][0] if key not in ("label", "n")]
    rows = [
        [row["label"], str(row["n"]), *(_share(row[key]) for key in columns)] for row in last["figures"]["by_label"]
    ]
    shell.table(["label", "n", *columns], rows)
    if dataset.kind == "exclusive":
        shell.say("Confusion: rows are the truth, columns the answer.")
        table = [
            [label, *map(str, row)] for label, row in zip(dataset.labels, last["figures"]["confusion"], strict=True)
        ]
        shell.table(["", *dataset.labels], table)
    if worse:
        shell.table(["condition", "", *_HEADINGS[dataset.kind], "n"], [_row(one, dataset.kind) for one in worse])
    for path in files:
        shell.say(str(path))


_HEADINGS = {
    "exclusive": ["accuracy", "balanced", "first three", "calibration error"],
    "multiple": ["all labels right", "mean AUC", "mean F1", "calibration error"],
}


def _row(one: dict[str, Any], kind: str) -> list[str]:
    values, leaky = one["figures"], "leaky" if one.get("leaky") else ""
    error = f"{values['calibration']['error']:.3f}"
    if kind == "exclusive":
        cells = [
            _interval(values["accuracy"]),
            _share(values["balanced_accuracy"]),
            _share(values["top3"]["value"]),
            error,
        ]
    else:
        cells = [_interval(values["exact"]), _share(values["macro_auc"]), _share(values["macro_f1"]), error]
    return [one["name"], leaky, *cells, str(values["n"])]


def _interval(value: dict[str, float]) -> str:
    return f"{100 * value['value']:.1f} % [{100 * value['low']:.0f}-{100 * value['high']:.0f}]"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


@click.command()
@data_options
@click.option("--earlier", default="mfcc-104", show_default=True, help="Features of the earlier classifiers.")
@shell_command
def compare(shell: Shell, asked: Asked, earlier: str) -> None:
    """Compare classifiers of an earlier genre service with the one that would be chosen here, on recordings in DATA.

    Five nearest neighbours, logistic regression and support vector machines with linear, RBF and polynomial kernels,
    on features as they are; five random tenths, as that service was judged, beside an honest protocol.

    \b
    Example:
      earmark compare ~/labelled --group artist
    """
    from classifier.labels.training import comparison
    from classifier.labels.training.protocols import protocols
    from classifier.labels.training.train import default_views
    from classifier.labels.views import TABLE

    wanted = asked.features or default_views("", Path(shell.settings.weights_dir))[0]
    heard = tuple(dict.fromkeys((earlier, *wanted)))
    with prepared(shell, "", asked, heard=heard) as (dataset, numbers):
        view = earlier if earlier in numbers.problem.rows else TABLE
        view = view if view in numbers.problem.rows else next(iter(numbers.problem.rows))
        honest = sum(not protocol.leaky for protocol in protocols(dataset, asked.seed))
        total = comparison.n_compared(len(numbers.problem.rows), len(numbers.tried), honest)
        with ticking(shell, "training", total) as tick:
            rows = comparison.compare(dataset, numbers, view, asked.seed, tick=tick)
    if shell.as_json:
        shell.emit({"data": str(asked.data), "features": view, "rows": rows})
        return
    names = [one["name"] for one in rows[0].get("honest", [])]
    if not names:
        shell.remark("no honest protocol: give --group")
    table = []
    for row in rows:
        drawn = row["random_90_10"]
        cells = [_interval(one["accuracy"]) for one in row.get("honest", [])]
        table.append([row["name"], f"{100 * drawn['mean']:.1f} % ± {100 * drawn['sd']:.1f}", *cells])
    shell.table(["classifier", "random 90/10 (leaky)", *names], table)


@click.command()
@data_options
@click.option("--size", type=click.IntRange(2, 100), required=True, help="Labels of a subset.")
@shell_command
def subsets(shell: Shell, asked: Asked, size: int) -> None:
    """Find the SIZE labels of the recordings in DATA that are told apart best, and what that choice is worth.

    The best of many subsets is best by luck too: beside it stands the accuracy of subsets chosen on other clips.

    \b
    Example:
      earmark subsets ~/labelled --group artist --size 6 --family logistic
    """
    from classifier.labels.training import comparison
    from classifier.labels.training.protocols import most_honest
    from classifier.labels.training.selection import fits_of

    with prepared(shell, "", asked) as (dataset, numbers):
        folds = len(most_honest(dataset, asked.seed).splits)
        total = fits_of(len(numbers.problem.rows), len(numbers.tried), folds + folds * 4)
        with ticking(shell, "training", total) as tick:
            found = comparison.subsets(dataset, numbers, size, asked.seed, tick=tick)
    if shell.as_json:
        shell.emit({"data": str(asked.data), **found})
        return
    shell.table(
        ["labels", "found with"], [[", ".join(row["labels"]), percent(row["accuracy"])] for row in found["best"]]
    )
    shell.say(
        f"Chosen on other clips ({found['protocol']}): {_interval(found['nested']['accuracy'])}; "
        f"the median of {found['subsets']} subsets: {percent(found['median'])}."
    )
