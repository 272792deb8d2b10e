"""What an experiment asks: recordings whose track is known, or snippets cut from tracks and recorded anew.

A simulated phone in a room records them. Pure functions: the same arguments give the same plan, on every machine. A
plan names files and conditions and holds no sound.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.bounds import did_you_mean
from classifier.demo.phone import NOISES
from classifier.errors import InvalidParameter
from classifier.text import clean

#: Recordings that come from no track bear one of these in the place of a track.
NO_TRACK = ("", "unknown", "none")
DEFAULT_CONDITIONS = "clean,room,babble:10,babble:5,babble:0"
RECORDED = "as recorded"
_SNR_LIMIT_DB = 60.0


@dataclass(frozen=True, slots=True)
class Condition:
    """How a snippet is recorded.

    Parameters
    ----------
    name : str
        As it was asked for: ``clean``, ``room``, or noise and level, ``babble:5``.
    room : bool
        Whether a simulated room and phone are between the track and the recording.
    noise : str or None
        One of :data:`classifier.demo.phone.NOISES`.
    snr_db : float
        Level of the music over the noise, dB.
    """

    name: str
    room: bool = False
    noise: str | None = None
    snr_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Parameters
    ----------
    id : str
        Names it within its plan.
    path : Path
        The recording, or the file that a snippet is cut from.
    condition : str
        Name of the condition, or what the recordings' list says.
    track : str or None
        What a recording is of, as a person named it; None for a recording of no track. Snippets cut from a file are of
        whatever track was enrolled from the same sound.
    cut : Condition or None
        How a snippet is recorded; None if the whole file is asked.
    place : float in [0, 1)
        Where in the file the snippet lies, as a share of where it can begin.
    length_s : float or None
        Of the snippet, seconds.
    seed : int
        Of room and noise.
    """

    id: str
    path: Path
    condition: str
    track: str | None = None
    cut: Condition | None = None
    place: float = 0.0
    length_s: float | None = None
    seed: int = 0


def conditions(text: str) -> list[Condition]:
    """Read conditions such as ``clean,room,babble:5``; noise is heard in a room.

    Raises
    ------
    InvalidParameter
        Naming the first that is not one.
    """
    found = []
    for name in dict.fromkeys(part.strip() for part in text.split(",")):
        noise, colon, level = name.partition(":")
        if name in ("clean", "room"):
            found.append(Condition(name, room=name == "room"))
            continue
        try:
            snr_db = float(level)
        except ValueError:
            snr_db = float("nan")
        if not colon or noise not in NOISES or not abs(snr_db) <= _SNR_LIMIT_DB:
            raise InvalidParameter(
                f"condition {name!r} is unknown{did_you_mean(noise, {'clean', 'room', *NOISES})}: use clean, room, or "
                f"one of {', '.join(NOISES)} with a level in dB, as in babble:5"
            )
        found.append(Condition(name, room=True, noise=noise, snr_db=snr_db))
    return found


def cuts(
    paths: Sequence[Path], kinds: Sequence[Condition], per_condition: int, length_s: float, seed: int
) -> list[Query]:
    """Draw snippets from files: as many for each condition, spread evenly over the files.

    Parameters
    ----------
    paths : sequence of Path
        Files, one at least.
    kinds : sequence of Condition
        Conditions.
    per_condition : int > 0
        Snippets of each.
    length_s : float > 0
        Of a snippet.
    seed : int >= 0
        Of all draws.
    """
    found = []
    for number, kind in enumerate(kinds):
        rng = np.random.default_rng([seed, number, 60])
        rounds = -(-per_condition // len(paths))
        order = np.concatenate([rng.permutation(len(paths)) for _ in range(rounds)])[:per_condition]
        for i, which in enumerate(order.tolist()):
            place, own = float(rng.random()), int(rng.integers(2**31))
            found.append(Query(f"{kind.name}/{i}", paths[which], kind.name, None, kind, place, length_s, own))
    return found


def recordings(folder: Path, paths: Iterable[Path], table: Mapping[str, Mapping[str, str]] | None) -> list[Query]:
    """Make a question of each recording, with what its folder or a table says it is of.

    Parameters
    ----------
    folder : Path
        Where the recordings are; without a table, each folder in it bears the name of a track (or ``unknown``).
    paths : iterable of Path
        The recordings.
    table : mapping or None
        From :func:`read_table`: what is known of a recording by its path below ``folder``.

    Raises
    ------
    InvalidParameter
        If the table lacks a recording, or one lies in no folder of a track.
    """
    found = []
    for path in paths:
        inner = path.relative_to(folder)
        row = None if table is None else table.get(inner.as_posix())
        if table is not None and row is None:
            raise InvalidParameter(f"the table has no row for {inner}: add one, with an empty track if it is of none")
        if row is None and len(inner.parts) < 2:
            raise InvalidParameter(
                f"{inner} lies in no folder that names its track: give a table with the columns file and track, or put "
                "recordings into folders named like their tracks (unknown: of no track)"
            )
        track = clean(row["track"] if row else inner.parts[0])
        condition = (row or {}).get("condition") or RECORDED
        found.append(Query(inner.as_posix(), path, condition, None if track.casefold() in NO_TRACK else track))
    return found


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """Read a CSV table with the columns ``file`` and ``track`` (title, source or id), and perhaps ``condition``.

    Raises
    ------
    InvalidParameter
        If it cannot be read, lacks a column, or names a file twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"file", "track"} - set(reader.fieldnames or ())
            if missing:
                raise InvalidParameter(
                    f"{path} lacks the column {sorted(missing)[0]!r}: its first line names the columns"
                )
            rows = [{k: v or "" for k, v in row.items() if isinstance(k, str)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidParameter(f"{path} cannot be read as a table: {error}") from None
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        name = Path(row["file"]).as_posix()
        if name in found:
            raise InvalidParameter(f"{path} names {name} twice")
        found[name] = row
    return found


def digest(queries: Sequence[Query], **more: Any) -> str:
    """Return a name for a plan and what else its answers depend on: 12 hexadecimal digits."""
    text = repr(([asdict(query) for query in queries], sorted(more.items())))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
