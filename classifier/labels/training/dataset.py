"""Labelled recordings, or a labelled table of features: what a model is trained on.

Three forms are read:

- a folder with a folder a label, recordings in and below each;
- a CSV file with the columns ``file`` and ``label`` (several labels joined by ``|``; or ``labels``), paths relative to
  the CSV file;
- a CSV file without ``file``, whose columns of numbers are the features; ``id`` names a row, if there is one.

CSV files may have a column of groups: artist, album, series. Clips of one group never lie on both sides of a split.
``song`` tells which clips are pieces of one song, ``split`` (train, valid, test) and ``fold`` hold splits of others,
by which ``earmark evaluate`` judges too.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from classifier.audio.formats import ENDINGS
from classifier.errors import AudioError, FileMissing, InvalidInput, InvalidParameter
from classifier.text import clean

#: Clips a label that training starts from.
FEWEST = 3
NO_GROUP = "none"
FROM_TAGS = ("artist", "album")
FOLDER = "folder"
_RESERVED = ("file", "id", "label", "labels", "song", "split", "fold")
_MOST_ROWS, _MOST_BYTES, _MOST_FIELD = 200_000, 500_000_000, 2000


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled recording, or a row of a table.

    Parameters
    ----------
    name : str
        As it is shown.
    labels : tuple of str
        At least one.
    path : Path or None
        None for a row of a table.
    group, song, split, fold : str
        See the module; empty where unknown.
    """

    name: str
    labels: tuple[str, ...]
    path: Path | None = None
    group: str = ""
    song: str = ""
    split: str = ""
    fold: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a model is trained on.

    Parameters
    ----------
    clips : list of Clip
        Sorted by name.
    kind : {"exclusive", "multiple"}
        Whether clips have one label or several.
    grouping : str
        What the groups are: ``none``, ``artist``, ``folder`` or the name of a column.
    columns : tuple of str
        Of a table; empty for recordings.
    values : np.ndarray, shape (n, d), float64
        Of a table.
    """

    clips: list[Clip]
    kind: str
    grouping: str
    columns: tuple[str, ...] = ()
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({label for clip in self.clips for label in clip.labels}))

    @property
    def targets(self) -> np.ndarray:
        """Labels of each clip: shape (n, k), bool, in the order of :attr:`labels`."""
        labels = self.labels
        return np.array([[label in clip.labels for label in labels] for clip in self.clips], bool)

    @property
    def groups(self) -> list[str]:
        """Group of each clip; without groups, its song or else its own name."""
        if self.grouping == NO_GROUP:
            return [clip.song or clip.name for clip in self.clips]
        return [clip.group for clip in self.clips]

    def only(self, labels: Sequence[str]) -> Dataset:
        """Return the clips that have one of some labels."""
        return self._part([i for i, clip in enumerate(self.clips) if set(clip.labels) & set(labels)])

    def without(self, places: Collection[int]) -> Dataset:
        """Return the clips but for some.

        Raises
        ------
        InvalidInput
            If too few are left to train on.
        """
        if not places:
            return self
        left = self._part([i for i in range(len(self.clips)) if i not in places])
        _check(left.clips, self.grouping)
        return left

    def together(self, twins: Sequence[Sequence[int]]) -> Dataset:
        """Return the clips with those that are the same sound in one group, which takes in all of their groups.

        Parameters
        ----------
        twins : sequence of sequences of int
            Clips that are one another's copies.
        """
        groups = self.groups
        for places in twins:
            one, others = groups[places[0]], {groups[i] for i in places}
            groups = [one if group in others else group for group in groups]
        if groups == self.groups:
            return self
        # Without groups, clips of one song stay together.
        if self.grouping == NO_GROUP:
            clips = [replace(clip, song=group) for clip, group in zip(self.clips, groups, strict=True)]
        else:
            clips = [replace(clip, group=group) for clip, group in zip(self.clips, groups, strict=True)]
        return replace(self, clips=clips)

    def _part(self, keep: Sequence[int]) -> Dataset:
        values = self.values[keep] if len(self.values) else self.values
        return replace(self, clips=[self.clips[i] for i in keep], values=values)


def read(
    source: Path, group: str | None, tags_of: Callable[[Path], dict[str, str]], *, multiple: bool = False
) -> Dataset:
    """Read labelled recordings or a table.

    Parameters
    ----------
    source : Path
        A folder or a CSV file.
    group : str or None
        What clips belong to: ``none``; a column of the CSV file; ``artist`` or ``album`` as the recordings' tags say;
        ``folder``: the folder that a recording lies in. None: the CSV file's column ``group``.
    tags_of : callable
        Returns the tags of a recording.
    multiple : bool
        Whether labels are questions of their own even where no clip has two.

    Raises
    ------
    FileMissing
        If there is nothing of that name, or no recording in it.
    InvalidInput
        If the groups are not said, or what is there contradicts itself; the message names the place and the cure.
    """
    header: list[str] = []
    columns: tuple[str, ...] = ()
    values = np.zeros((0, 0))
    if source.is_dir():
        clips = _folder(source)
    elif source.is_file():
        clips, header, columns, values = _csv(source, group)
    else:
        raise FileMissing(f"{source} is neither a folder nor a file")
    if group is None:
        if "group" not in header:
            raise InvalidInput(
                "say what keeps clips together, or the figures flatter: --group artist (or album, as tags say), "
                "--group folder, --group COLUMN of the CSV file, or --group none"
            )
        group = "group"
    if group in FROM_TAGS and group not in header:
        clips = [replace(clip, group=_tag(clip, group, tags_of)) for clip in clips]
    elif group == FOLDER and group not in header:
        clips = [replace(clip, group=str(clip.path.parent) if clip.path else "") for clip in clips]
    elif group != NO_GROUP and group not in header:
        raise InvalidInput(
            f"no column {group!r} to group by: there are {', '.join(header) or 'no columns in a folder'}"
        )
    _check(clips, group)
    several = multiple or any(len(clip.labels) > 1 for clip in clips)
    order = sorted(range(len(clips)), key=lambda i: clips[i].name)
    values = values[order] if len(values) else values
    return Dataset([clips[i] for i in order], "multiple" if several else "exclusive", group, columns, values)


def _check(clips: list[Clip], group: str) -> None:
    counts = Counter(label for clip in clips for label in clip.labels)
    if len(counts) < 2:
        raise InvalidInput(f"there is one label, {next(iter(counts), '')!r}: at least two are needed")
    few = [f"{label!r} has {n}" for label, n in sorted(counts.items()) if n < FEWEST]
    if few:
        raise InvalidInput(f"{FEWEST} clips a label are the least: {', '.join(few)}")
    everywhere = [label for label, n in counts.items() if n == len(clips)]
    if everywhere:
        raise InvalidInput(f"every clip is {everywhere[0]!r}: add clips that are not")
    names = Counter(clip.name for clip in clips)
    twice = [name for name, n in names.items() if n > 1]
    if twice:
        raise InvalidInput(f"{twice[0]!r} is there twice: give its labels once, joined by '|'")
    without = [clip.name for clip in clips if not clip.group]
    if group != NO_GROUP and without:
        raise InvalidInput(f"{without[0]!r} and {len(without) - 1} more have no {group}: fill it in, or --group none")


# --- folders ------------------------------------------------------------------------------------------------


def _folder(source: Path) -> list[Clip]:
    clips = []
    for label in sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for path in sorted(label.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(label).parts)
            if path.suffix.lower() in ENDINGS and path.is_file() and not hidden:
                clips.append(Clip(str(path.relative_to(source)), (_label(label.name, str(label)),), path))
    if not clips:
        raise FileMissing(f"{source} holds no folders with recordings in them: make one for each label")
    return clips


def _tag(clip: Clip, name: str, tags_of: Callable[[Path], dict[str, str]]) -> str:
    if clip.path is None:
        raise InvalidInput(f"a table has no tags: add a column {name!r}, or say --group none")
    try:
        return tags_of(clip.path).get(name, "")
    except AudioError:
        return clip.name  # left out, and named, when it is heard


def _label(text: str, where: str) -> str:
    label = clean(text, 100)
    if not label or "|" in label:
        raise InvalidInput(f"{where}: {text!r} is no label")
    return label


# --- CSV files ----------------------------------------------------------------------------------------------


def _csv(source: Path, group: str | None) -> tuple[list[Clip], list[str], tuple[str, ...], np.ndarray]:
    if source.stat().st_size > _MOST_BYTES:
        raise InvalidInput(f"{source} has {source.stat().st_size:,} bytes: {_MOST_BYTES:,} are the most that are read")
    try:
        with open(source, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [clean(name, 200) for name in next(reader, [])]
            rows = [row for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{source} cannot be read as CSV in UTF-8: {error}") from None
    if len(set(header)) < len(header):
        raise InvalidInput(f"{source}: a column is there twice in {', '.join(header[:20])}")
    if "label" not in header and "labels" not in header:
        raise InvalidInput(f"{source} has no column 'label' (or 'labels'): it has {', '.join(header[:20]) or 'none'}")
    if len(rows) > _MOST_ROWS:
        raise InvalidInput(f"{source} has {len(rows)} rows: {_MOST_ROWS} are the most")
    own = [*_RESERVED, "group", *([group] if group else [])]
    features = [] if "file" in header else [i for i, name in enumerate(header) if name not in own]
    clips, values = [], np.zeros((len(rows), len(features)))
    for number, row in enumerate(rows, start=2):
        where = f"{source.name}, line {number}"
        if len(row) != len(header):
            raise InvalidInput(f"{where}: {len(row)} fields, and {len(header)} columns")
        if max(map(len, row)) > _MOST_FIELD:
            raise InvalidInput(f"{where}: a field has more than {_MOST_FIELD} characters")
        clips.append(_clip(dict(zip(header, row, strict=True)), source, where, group or "group"))
        for place, i in enumerate(features):
            values[number - 2, place] = _number(row[i], header[i], where)
    columns = tuple(header[i] for i in features)
    if "file" not in header and not columns:
        raise InvalidInput(f"{source} has neither a column 'file' nor columns of features")
    return clips, header, columns, values


def _clip(row: dict[str, str], source: Path, where: str, group: str) -> Clip:
    text = row.get("labels") or row.get("label", "")
    labels = tuple(dict.fromkeys(_label(part, where) for part in text.split("|")))
    name, path = row.get("id") or where, None
    if "file" in row:
        name = clean(row["file"], 500)
        path = source.parent / row["file"]
        if "\0" in row["file"] or not path.is_file():
            raise InvalidInput(f"{where}: there is no file {name!r} beside {source.name}")
    more = {key: clean(row.get(key, ""), 200) for key in ("song", "split", "fold")}
    return Clip(clean(name, 500), labels, path, clean(row.get(group, ""), 200), **more)


def _number(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InvalidInput(f"{where}: {clean(text, 40)!r} in column {column!r} is no finite number")
    return value


def check_seed(seed: int) -> int:
    """Return a seed if it is one of scikit-learn's."""
    if not 0 <= seed < 2**32:
        raise InvalidParameter(f"seed is {seed}: choose one from 0 to {2**32 - 1}")
    return seed
