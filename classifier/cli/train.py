"""``earmark train``: a model of labels from labelled recordings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from classifier.cli.common import Shell, shell_command
from classifier.cli.tags import hearing

if TYPE_CHECKING:
    from classifier.labels.training.dataset import Dataset
    from classifier.labels.training.train import Prepared

_Command = Callable[..., Any]
#: In the context of a command: whether clips could not be heard.
_LEFT_OUT = "classifier.cli.train.left_out"


@dataclass(frozen=True, slots=True)
class Asked:
    """What training and judging are asked for: which clips, how they are grouped, and what is tried.

    Parameters
    ----------
    data : Path
        A folder or a table.
    group : str or None
        What keeps clips together.
    features, families : tuple of str
        What is tried; empty for what suits.
    multiple : bool
        Whether labels do not exclude each other.
    seed : int
        Of all chance.
    """

    data: Path
    group: str | None
    features: tuple[str, ...]
    families: tuple[str, ...]
    multiple: bool
    seed: int


def data_options(command: _Command) -> _Command:
    """Hand a command :class:`Asked` as ``asked``, from options of its own."""

    @click.argument("data", type=click.Path(exists=True, path_type=Path))
    @click.option("--group", help="What keeps clips together: artist, album, folder, a column of a CSV file, or none.")
    @click.option("--features", multiple=True, help="Features to try, of those that 'earmark train --help' lists.")
    @click.option("--family", "families", multiple=True, help="Families to try; default: all that suit.")
    @click.option("--multiple", is_flag=True, help="Labels do not exclude each other, even if each clip has one.")
    @click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of all chance.")
    @functools.wraps(command)
    def wrapper(*arguments: Any, **options: Any) -> None:
        asked = Asked(**{item.name: options.pop(item.name) for item in fields(Asked)})
        command(*arguments, asked=asked, **options)
        if click.get_current_context().meta.get(_LEFT_OUT):
            raise SystemExit(1)

    return wrapper


@contextmanager
def prepared(
    shell: Shell, task: str, asked: Asked, *, heard: tuple[str, ...] | None = None
) -> Iterator[tuple[Dataset, Prepared]]:
    """Read labelled clips and turn them into numbers, with a progress bar; what was heard before is not heard again.

    Clips that cannot be heard are named and left out; the command ends with status 1 then, once its work is done.
    ``heard`` are features to extract; default those asked for, else those that suit the task.
    """
    from classifier.audio.decoder import Decoder
    from classifier.audio.limits import Limits
    from classifier.extras import check_extra
    from classifier.labels.training import dataset as reading
    from classifier.labels.training.train import default_views, prepare

    check_extra("labels", "training", "sklearn", "librosa")
    with ExitStack() as stack:
        decoder = stack.enter_context(Decoder(shell.settings))
        limits = Limits.for_track(shell.settings).for_own_file()
        dataset = reading.read(
            asked.data, asked.group, lambda path: decoder.probe(path, limits).tags, multiple=asked.multiple
        )
        chosen, remark = heard or asked.features, ""
        if not chosen:
            chosen, remark = default_views(task, Path(shell.settings.weights_dir))
        if remark and not dataset.columns:
            shell.remark(remark)
        ears = stack.enter_context(hearing(shell))
        done = stack.enter_context(shell.progress("hearing", len(dataset.clips)))
        numbers = prepare(dataset, chosen, asked.families or None, ears, done)
        for name, error in numbers.failed.items():
            shell.failed(name, error)
            click.get_current_context().meta[_LEFT_OUT] = True
        yield numbers.dataset, numbers


@click.command()
@click.argument("task")
@data_options
@click.option("--activate", is_flag=True, help="Let the model answer at once.")
@shell_command
def train(shell: Shell, task: str, asked: Asked, activate: bool) -> None:
    """Train a model that names TASK (genre, mood, or a name of yours) from the labelled recordings in DATA.

    DATA is a folder with a folder for each label, or a CSV file with the columns file, label (several joined by '|')
    and group, or one with columns of features instead of files. Three recordings a label are enough to start.

    Recordings of one artist, album or series must not lie on both sides of a split, or all figures flatter: say with
    --group what they are, or --group none, which the model's card then warns of.

    Features: tags, tag-logits, penultimate (of the pretrained network), mfcc-104, mfcc-104-log, timbre-26, timbre-57,
    classic-161, hpss-212, key-mode, tags-key-mode. Families: logistic, svm-linear, svm-poly, svm-rbf, neighbours,
    boosting, mlp. Which are used is decided by cross-validation, and judged by recordings that took no part in it. The
    same recordings and seed give the same model. Recordings that cannot be heard are named and left out, and the
    command ends with status 1. Stop with Ctrl-C: what was heard is kept.

    \b
    Example:
      earmark train genre ~/labelled --group artist --activate
      earmark train mood moods.csv --features tag-logits --family logistic
    """
    from classifier.labels.scoring.registry import Registry
    from classifier.labels.training import train as training

    with prepared(shell, task, asked) as (dataset, numbers):
        with ticking(shell, "training", training.fits(numbers)) as tick:
            model = training.train(task, dataset, numbers, asked.seed, tick)
    registry = Registry(Path(shell.settings.data_dir))
    version = registry.add(model)
    stored = registry.activate(task, version) if activate else registry.find(task, version)
    if shell.as_json:
        shell.emit(stored.to_dict())
    else:
        from classifier.labels.cards import text

        assert stored.manifest is not None, "it was just written"
        for line in text(task, version, stored.manifest):
            shell.say(line)
        if not stored.active:
            shell.remark(f"it does not answer yet: earmark models activate {task} {version}")


@contextmanager
def ticking(shell: Shell, what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar that moves by one with every call of the function given."""
    with shell.progress(what, total) as progress:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1
            progress(min(count, total))

        yield tick
