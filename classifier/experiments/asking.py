"""Asking a catalogue the questions of a plan, and keeping the answers so that a stopped run goes on.

Answers are appended to a journal, one JSON object a line; half a line, left by a run that was killed, is passed over.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from classifier.audio.decoder import Audio
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.demo.phone import record
from classifier.errors import EarmarkError, InvalidParameter
from classifier.experiments.plan import Query
from classifier.index.follower import View
from classifier.records import tracks
from classifier.results import Match, Tag, Track
from classifier.text import clean


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question.

    Parameters
    ----------
    id, file, condition : str
        Of the query.
    start_s, length_s : float or None
        The stretch of the file that was asked.
    track_id, track : str or None
        What it is of: id and title; None if of no track of the catalogue.
    verdict : str or None
        None where there was no answer.
    named_id, named : str or None
        Id and title of the first match, whatever the verdict.
    right : bool
        Whether the first match is the track, or a copy of its recording as far as the answer tells.
    error_s : float or None
        Distance of the place named from the true one; of snippets cut from a track, where the answer is right.
    log10_e, confidence, divergence : float or None
        Of the first match.
    margin : float or None
        How far the first other recording is behind: in log10 E, or, where there is none, in nats of divergence.
    fault : str or None
        Why there was no answer.
    """

    id: str
    file: str
    condition: str
    start_s: float | None = None
    length_s: float | None = None
    track_id: str | None = None
    track: str | None = None
    verdict: str | None = None
    named_id: str | None = None
    named: str | None = None
    right: bool = False
    error_s: float | None = None
    log10_e: float | None = None
    confidence: float | None = None
    divergence: float | None = None
    margin: float | None = None
    fault: str | None = None


class Journal:
    """Outcomes in a file, by the id of their query; in memory alone without a file.

    Parameters
    ----------
    path : Path or None
        Made if it does not exist; its folder must.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.outcomes: dict[str, Outcome] = {}
        if path is not None and path.exists():
            text = path.read_text(encoding="utf-8")
            for line in text.splitlines():
                try:
                    outcome = Outcome(**json.loads(line))
                except (ValueError, TypeError):
                    continue
                self.outcomes[outcome.id] = outcome
            if text and not text.endswith("\n"):
                path.write_text("".join(line + "\n" for line in text.splitlines()), encoding="utf-8")

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Keep outcomes."""
        with self._lock:
            if self._path is not None:
                lines = "".join(json.dumps(asdict(outcome), ensure_ascii=False) + "\n" for outcome in outcomes)
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(lines)
            self.outcomes |= {outcome.id: outcome for outcome in outcomes}


def ask_all(
    catalogue: Catalogue,
    queries: Sequence[Query],
    journal: Journal,
    *,
    method: str | None,
    jobs: int,
    stop: threading.Event,
) -> Iterator[int]:
    """Ask what the journal does not hold yet, several files side by side; yields how many are done.

    Once ``stop`` is set, only what has begun is brought to its end.
    """
    view = catalogue.view()
    open_: dict[Path, list[Query]] = defaultdict(list)
    for query in queries:
        if query.id not in journal.outcomes:
            open_[query.path].append(query)
    done = len(queries) - sum(map(len, open_.values()))
    yield done
    known = _Known(catalogue, view)
    # Before the work, so that a misspelt name costs none.
    named = {query.id: known.named(query.track) for query in queries if query.cut is None}

    def ask(item: tuple[Path, list[Query]]) -> list[Outcome]:
        return _ask(known, named, *item, method)

    rest = iter(open_.items())
    with ThreadPoolExecutor(jobs) as pool:
        running: set[Future[list[Outcome]]] = set()
        while True:
            if not stop.is_set():
                running |= {pool.submit(ask, item) for item in islice(rest, 2 * jobs - len(running))}
            running = {future for future in running if not (stop.is_set() and future.cancel())}
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                outcomes = future.result()
                journal.add(outcomes)
                done += len(outcomes)
            yield done


class _Known:
    """The tracks of a view, by whatever a person or a file may call them."""

    def __init__(self, catalogue: Catalogue, view: View) -> None:
        self.catalogue = catalogue
        self.view = view
        self._names: dict[str, set[str]] = defaultdict(set)
        for track in view.tracks.values():
            for name in (track.id, track.source, track.title):
                self._names[name.casefold()].add(track.id)

    def of_sound(self, content_hash: str) -> Track | None:
        """Return the track that was enrolled from this sound."""
        found = tracks.find(self.catalogue.store, self.catalogue.name, content_hash=content_hash)
        return None if found is None else self.view.tracks.get(found.id)

    def named(self, name: str | None) -> Track | None:
        """Return the track of this id, source or title; None for None.

        Raises
        ------
        InvalidParameter
            If there is no such track, or several.
        """
        if name is None:
            return None
        found = self._names.get(name.casefold(), set())
        if len(found) != 1:
            many = "several tracks" if found else "no track"
            raise InvalidParameter(f"there is {many} called {name!r} in the catalogue: use ids, or 'unknown' for none")
        return self.view.tracks[next(iter(found))]


def _ask(
    known: _Known, named: Mapping[str, Track | None], path: Path, queries: Sequence[Query], method: str | None
) -> list[Outcome]:
    """Ask all about one file, which is decoded once."""
    catalogue = known.catalogue
    try:
        if any(query.cut for query in queries):
            audio = catalogue.decoder.decode(path, Limits.for_track(catalogue.settings), catalogue.config.sample_rate)
            whole: Audio | None = audio
            truth = known.of_sound(audio.content_hash)
        else:
            whole, audio = None, catalogue.decode(path)
            truth = None
    except EarmarkError as error:
        return [Outcome(query.id, clean(path.name), query.condition, fault=str(error)) for query in queries]
    outcomes = []
    for query in queries:
        start_s = length_s = None
        try:
            of = truth if query.cut else named[query.id]
            heard = audio
            if whole is not None:
                start_s, length_s, heard = _cut(whole, query)
            tag = catalogue.identify_audio(heard, method=method, view=known.view)
        except EarmarkError as error:
            outcomes.append(Outcome(query.id, clean(path.name), query.condition, start_s, length_s, fault=str(error)))
            continue
        outcomes.append(_outcome(query, clean(path.name), start_s, length_s, of, tag))
    return outcomes


def _cut(audio: Audio, query: Query) -> tuple[float, float, Audio]:
    """Record a snippet of a file; return where it begins, its length and its sound."""
    assert query.cut is not None
    assert query.length_s is not None
    rate = audio.sample_rate
    length_s = min(query.length_s, audio.duration_s)
    start_s = round(query.place * (audio.duration_s - length_s), 3)
    kind = query.cut
    samples = record(
        audio.samples, rate, start_s, length_s, snr_db=kind.snr_db, noise=kind.noise, room=kind.room, seed=query.seed
    )
    return start_s, length_s, Audio.from_samples(samples, rate)


def _outcome(
    query: Query, file: str, start_s: float | None, length_s: float | None, of: Track | None, tag: Tag
) -> Outcome:
    first = tag.matches[0] if tag.matches else None
    # Copies of one recording are one answer: the track may be any of them.
    same = [m for m in tag.matches if first is not None and m.recording == first.recording]
    mine = next((m for m in same if of is not None and m.track_id == of.id), None)
    error_s = None
    if mine is not None and mine.offset_s is not None and start_s is not None:
        places = [mine.offset_s, *mine.other_offsets_s]
        error_s = round(min(abs(place - start_s) for place in places), 4)
    return Outcome(
        id=query.id,
        file=file,
        condition=query.condition,
        start_s=start_s,
        length_s=length_s,
        track_id=None if of is None else of.id,
        track=None if of is None else of.title,
        verdict=tag.verdict,
        named_id=None if first is None else first.track_id,
        named=None if first is None else first.title,
        right=mine is not None,
        error_s=error_s,
        log10_e=None if first is None else first.log10_e_value,
        confidence=None if first is None else first.confidence,
        divergence=None if first is None else first.divergence,
        margin=_margin(tag.matches),
    )


def _margin(matches: Sequence[Match]) -> float | None:
    """How far the first match of another recording is behind the first: log10 E, else nats; None if there is none."""
    first = matches[0] if matches else None
    other = next((m for m in matches if first is not None and m.recording != first.recording), None)
    if first is None or other is None:
        return None
    for name in ("log10_e_value", "divergence"):
        a, b = getattr(first, name), getattr(other, name)
        if a is not None and b is not None:
            return round(b - a, 4)
    return None
