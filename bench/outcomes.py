"""What became of every query, one JSON line each, and the file that keeps them from run to run.

A file belongs to one state of the code that decides answers, one corpus and one limit: its name carries their
digest, so that answers of different versions are never counted together. Lines are only ever appended; half a line,
left by a run that was killed, is passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.corpus import Reference

ROOT = Path(__file__).parents[1]
#: Packages of ``classifier`` that hand answers on, and decide none.
_AROUND = ("api", "cli", "demo", "store")
#: Programs of the benchmark that judge.
_JUDGES = ("asking.py", "identical.py")


@dataclass(frozen=True)
class Outcome:
    """One answer to one query.

    Parameters
    ----------
    query_id, condition, length_s, known
        The query.
    cluster : str
        Its track, or the query itself if it holds no music: answers about one track go together.
    by : str
        Who answered: ``auto`` or ``kl`` (Earmark's two methods), or a peer's name.
    tracks : int
        Size of the catalogue.
    verdict : {"identified", "ambiguous", "no_match"}
        A peer that accepts its answer has identified.
    named : str or None
        The first match, whatever the verdict.
    right : bool
        Whether the first match (of an ambiguous answer: any that passes) is a place that holds the audio. True of a
        stranger whose track shares a sample with the one named: it is none, then.
    right_name : bool
        Whether the first match is right, or at least the track is.
    error_s : float or None
        Distance from the nearest such place, where right.
    log10_e, z, speed, confidence : float or None
        Of the first match, as far as the method gives them.
    score : float or None
        The peer's own figure, turned so that higher is surer.
    seconds : dict of str to float
        By stage.
    """

    query_id: str
    condition: str
    length_s: float
    known: bool
    cluster: str
    by: str
    tracks: int
    verdict: str
    named: str | None
    right: bool
    right_name: bool
    error_s: float | None = None
    log10_e: float | None = None
    z: float | None = None
    speed: float | None = None
    confidence: float | None = None
    score: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What no two outcomes of a file share: query, who answered, size of the catalogue."""
        return self.query_id, self.by, self.tracks

    @property
    def accepted(self) -> bool:
        """Whether a name was given."""
        return self.verdict != "no_match"


def version(references: Sequence[Reference], max_false_alarms: float) -> str:
    """Return twelve hexadecimal digits of everything outside a query that decides its outcome."""
    classifier = ROOT / "classifier"
    code = [p for p in classifier.rglob("*.py") if p.relative_to(classifier).parts[0] not in _AROUND]
    data = [p for p in (classifier / "data").iterdir() if p.suffix in (".npz", ".json")]
    digest = hashlib.sha256(repr(max_false_alarms).encode())
    for path in sorted((*code, *data, *(ROOT / "bench" / name for name in _JUDGES))):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    for item in sorted(references, key=lambda item: item.id):
        digest.update(f"{item.id} {item.duration_s:.3f} {item.known}\n".encode())
    return digest.hexdigest()[:12]


class Log:
    """The outcomes of one version in a folder, those of earlier runs included.

    Parameters
    ----------
    folder : Path
        Holds one file a version; made if missing.
    version : str
        From :func:`version`.
    """

    def __init__(self, folder: Path, version: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"outcomes-{version}.jsonl"
        self.others = sorted(p for p in folder.glob("outcomes-*.jsonl") if p != self.path)
        self._held: dict[tuple[str, str, int], Outcome] = {}
        text = self.path.read_text() if self.path.exists() else ""
        for line in text.splitlines():
            try:
                outcome = Outcome(**json.loads(line))
            except (json.JSONDecodeError, TypeError):
                continue
            self._held[outcome.key] = outcome
        if text and not text.endswith("\n"):
            with self.path.open("a") as file:
                file.write("\n")

    def __contains__(self, key: tuple[str, str, int]) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    @property
    def outcomes(self) -> list[Outcome]:
        """All there are."""
        return list(self._held.values())

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Keep outcomes, in memory and in the file."""
        with self.path.open("a") as file:
            for outcome in outcomes:
                self._held[outcome.key] = outcome
                file.write(json.dumps(asdict(outcome)) + "\n")
