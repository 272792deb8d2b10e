"""The research data as data sets: what each row is of, by whom, and in which split of others it lies.

EARMARK_DATA names the folder; its README says where each table comes from. None of it ships.
"""

from __future__ import annotations

import csv
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.labels.mfcc_stats import NAMES
from classifier.labels.musicnn.extract import TAGS
from classifier.labels.sets import SETS
from classifier.labels.timbre import NAMES_57
from classifier.labels.training.dataset import Clip, Dataset

TAG_COLUMNS = tuple(f"tag.{tag}" for tag in TAGS)
GENRES = SETS["gtzan-10"]
_CLIP = re.compile(r"([a-z]+)[._](\d{5})")


def folder() -> Path:
    """Return the folder of the research data, or end with a sentence on how to name it."""
    place = os.environ.get("EARMARK_DATA", "")
    if not place or not Path(place).is_dir():
        sys.exit("set EARMARK_DATA to the folder of the research data (gtzan_features, gtzan_taggrams, vgmidi)")
    return Path(place)


def clip_id(name: str) -> str:
    """Return ``genre.NNNNN`` of any spelling of a GTZAN clip."""
    match = _CLIP.search(name)
    assert match is not None, name
    return f"{match[1]}.{match[2]}"


def filtered() -> dict[str, str]:
    """Return train, valid or test of the fault- and artist-filtered split (Kereliuk et al. 2015) by clip."""
    found = {}
    for part in ("train", "valid", "test"):
        for line in (folder() / "gtzan_features/splits" / f"{part}_filtered.txt").read_text().split():
            found[clip_id(line)] = part
    return found


def artists() -> tuple[dict[str, str], dict[str, str]]:
    """Return the artist group and the test fold, 1 to 3, of Foleis and Tavares (2020) by clip."""
    groups, folds = {}, {}
    base = folder() / "gtzan_features/splits/foleiss3"
    for fold in ("1", "2", "3"):
        for path in sorted(base.glob(f"f{fold}_*groups.txt")):
            for line in path.read_text().splitlines():
                name, group = line.split("\t")
                groups[clip_id(name)] = group
        for line in (base / f"f{fold}_test.txt").read_text().split():
            folds[clip_id(line)] = fold
    return groups, folds


def _dataset(
    ids: Sequence[str], values: np.ndarray, columns: Sequence[str], songs: Sequence[str] | None = None
) -> Dataset:
    """Return rows of GTZAN with artists, splits and folds; a clip of unknown artist is a group of its own."""
    split, (groups, folds) = filtered(), artists()
    songs = songs or ids
    clips = [
        Clip(
            name,
            (song.partition(".")[0],),
            None,
            groups.get(song, song),
            song,
            split.get(song, ""),
            folds.get(song, ""),
        )
        for name, song in zip(ids, songs, strict=True)
    ]
    return Dataset(clips, "exclusive", "artist", tuple(columns), np.asarray(values, np.float64))


def taggrams(part: str) -> Dataset:
    """Return the mean tags of the clips of ``training`` (443) or ``evaluation`` (290)."""
    patches, clips = taggram_patches(part)
    ids = sorted(set(clips))
    at = np.array([ids.index(clip) for clip in clips])
    sums = np.zeros((len(ids), patches.shape[1]))
    np.add.at(sums, at, patches)
    return _dataset(ids, sums / np.bincount(at)[:, None], TAG_COLUMNS)


def taggram_patches(part: str) -> tuple[np.ndarray, list[str]]:
    """Return tags of all patches (n, 50), a second apart, and the clip of each."""
    with np.load(folder() / "gtzan_taggrams" / f"{part}.npz", allow_pickle=False) as file:
        return file["X"].astype(np.float64), [clip_id(str(name)) for name in file["IDS"]]


def mfcc_104() -> Dataset:
    """Return the 999 clips of the published 104 features, with the labels put right and the duplicate left out."""
    base = folder() / "gtzan_features"
    values = np.load(base / "xall_mgc_django_1000x104.npy", allow_pickle=False)
    with open(base / "xall_rows.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["duplicate_row"] != "1"]
    return _dataset([row["gtzan_id"] for row in rows], values[[int(row["row"]) for row in rows]], NAMES)


def timbre_57(seconds: int) -> Dataset:
    """Return the 57 features of the clips of 30 s, or of their segments of 10 s."""
    path = folder() / "gtzan_features" / f"features_{seconds}_sec.csv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    names = [
        name.partition(".")[2] if name.startswith(("spectral.", "parts.", "rhythm.")) else _mfcc(name)
        for name in NAMES_57
    ]
    values = [[float(row[name]) for name in names] for row in rows]
    ids = [row["filename"] for row in rows]
    return _dataset(ids, np.array(values), NAMES_57, [clip_id(name) for name in ids])


def _mfcc(name: str) -> str:
    return name.replace("mfcc.", "mfcc")


def joined(first: Dataset, *others: Dataset) -> Dataset:
    """Return the clips that all data sets have, with the columns of all side by side."""
    places = [{clip.song: i for i, clip in enumerate(other.clips)} for other in others]
    keep = [i for i, clip in enumerate(first.clips) if all(clip.song in place for place in places)]
    clips = [first.clips[i] for i in keep]
    parts = [other.values[[place[clip.song] for clip in clips]] for other, place in zip(others, places, strict=True)]
    columns = first.columns + tuple(name for other in others for name in other.columns)
    return Dataset(clips, "exclusive", "artist", columns, np.hstack([first.values[keep], *parts]))
