"""Synced.fm's three experiments on real music: its grids over the development set, by ``earmark sweep``.

A subset of the music, the same for all grids, chosen by the hash of each track's id among those of about a minute::

    python -m bench.measure.sweeps --out sweeps                      # all three, one process, ten minutes or so
    python -m bench.measure.sweeps --out sweeps --presets covariance
    python -m bench.measure.sweeps --out sweeps --presets components-block-overlap --grid n_components=4,12

Each preset writes its answers and its report into a folder of its own below ``--out``, and the same command resumes it.
A table in Markdown is printed for each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import corpus
from classifier.experiments.grid import PRESETS
from classifier.experiments.summary import Share

SHORTEST_S, LONGEST_S = 40.0, 80.0


def chosen(number: int) -> list[corpus.Reference]:
    """Return ``number`` development tracks of about a minute, by the hash of their ids."""
    fitting = [track for track in corpus.development() if SHORTEST_S <= track.duration_s <= LONGEST_S]
    return sorted(fitting, key=lambda track: hashlib.sha256(track.id.encode()).digest())[:number]


def linked(tracks: Sequence[corpus.Reference], folder: Path) -> Path:
    """Make a folder of links to the tracks' files, as a user's folder of music would be."""
    folder.mkdir(parents=True, exist_ok=True)
    for track in tracks:
        link = folder / f"{track.id}{track.path.suffix}"
        if not link.exists():
            link.symlink_to(track.path)
    return folder


def swept(folder: Path, preset: str, out: Path, options: Sequence[str]) -> dict[str, Any]:
    """Run one preset; return what ``earmark sweep --json`` said."""
    command = [sys.executable, "-m", "classifier", "sweep", str(folder), "--preset", preset, "--out", str(out)]
    done = subprocess.run([*command, *options, "--json"], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(answer: dict[str, Any]) -> str:
    """Return a sweep's cells as a table in Markdown; shares in per cent with their 95 % intervals."""
    names = list(answer["cells"][0]["values"])
    conditions = [row["condition"] for row in answer["cells"][0]["summary"]["rows"][1:]]
    headings = [*names, "right first", *conditions, "false names", "margin, nats"]
    lines = ["| " + " | ".join(headings) + " |", "| " + " | ".join("---:" for _ in headings) + " |"]
    for cell in answer["cells"]:
        whole, *each = cell["summary"]["rows"]
        cells = [*map(str, cell["values"].values()), str(Share(**whole["right"]))]
        cells += [Share(**row["right"]).brief for row in each]
        cells += [str(Share(**whole["false_names"])), "-" if whole["margin"] is None else f"{whole['margin']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *answer["choice"], *(f"{r['values']}: {r['refused']}" for r in answer["refused"])])


def main() -> None:
    """Sweep, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.measure.sweeps", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for answers and reports")
    parser.add_argument("--tracks", type=int, default=10, help="how many (default: %(default)s)")
    parser.add_argument("--cut", type=int, default=8, help="snippets a condition (default: %(default)s)")
    parser.add_argument("--unknown", type=int, default=5, help="leave out every Nth track (default: %(default)s)")
    parser.add_argument("--conditions", default="clean,room,babble:10,babble:5,pink:5", help="(default: %(default)s)")
    parser.add_argument("--presets", nargs="*", default=[*PRESETS], choices=[*PRESETS], help="(default: all)")
    parser.add_argument("--grid", action="append", default=[], help="NAME=A,B instead of the presets' values")
    options = parser.parse_args()
    tracks = chosen(options.tracks)
    folder = linked(tracks, options.out / "music")
    print(f"{len(tracks)} tracks, {sum(track.duration_s for track in tracks) / 60:.1f} min\n")
    common = ["--cut", str(options.cut), "--unknown", str(options.unknown), "--conditions", options.conditions]
    common += [word for spec in options.grid for word in ("--grid", spec)]
    for preset in options.presets:
        answer = swept(folder, preset, options.out / preset, [*common, "--jobs", "1"])
        print(f"{preset}\n\n{table(answer)}\n", flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{(used.ru_utime + used.ru_stime) / 60:.1f} min of processor time")


if __name__ == "__main__":
    main()
