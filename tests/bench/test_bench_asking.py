"""Asking Earmark on a small corpus of our own: judged rightly, resumed after a kill, kept apart from other versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench import asking, corpus, queries
from bench.corpus import SAMPLE_RATE, CorpusError, Reference, write_wav
from bench.measure.identify import plan
from bench.outcomes import ROOT, Log, Outcome, version
from bench.queries import Query
from classifier.results import METHODS, Match, Searched, Tag

OUTCOME = Outcome("q1", "clean", 5.0, True, "a", "auto", 3, "identified", "a", True, True, seconds={"align": 0.1})


def melody(seed: int, seconds: int = 25) -> np.ndarray:
    """Notes of random pitch and duration, with harmonics, over a little hiss: no beat that all tunes would share."""
    rng = np.random.default_rng([440, seed])
    durations = rng.integers(SAMPLE_RATE // 10, SAMPLE_RATE // 2, size=10 * seconds)
    notes = np.repeat(220 * 2 ** rng.uniform(0, 2, size=len(durations)), durations)[: seconds * SAMPLE_RATE]
    phase = np.cumsum(2 * np.pi * notes / SAMPLE_RATE)
    voices = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 9))
    return (0.15 * voices + 0.02 * rng.standard_normal(len(phase))).astype(np.float32)


@pytest.fixture
def music(cache: Path, tmp_path: Path) -> Path:
    """A folder of eight tunes of 25 s, one of which will be kept out."""
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(8):
        write_wav(folder / f"tune{i}.wav", melody(i))
    return folder


def test_a_folder_is_measured_resumed_and_measured_further(music: Path, tmp_path: Path) -> None:
    references = corpus.corpus_from_folder(music)
    known = [r for r in references if r.known]
    assert len(known) == 7
    log = Log(tmp_path / "results", version(references, 1e-5))
    searched = asking.catalogues(known, [], [3])
    planned = plan(references, ["clean", "only-white"], [5.0], 3, 2)
    assert asking.run(planned, searched[:1], log, 1, 1e-5) == 7
    by_name = {o.key: o for o in log.outcomes}
    for query in planned:
        outcome = by_name[query.id, "auto", 7]
        assert outcome.right is query.known
        assert outcome.accepted is query.known
        assert {"decode", "model", "divergence", "align", "decide"} == set(outcome.seconds)
        if query.known:
            assert outcome.named == query.reference_id
            assert outcome.error_s is not None
            assert outcome.error_s < 0.005
            assert by_name[query.id, "kl", 7].right_name
    # Part of the file is lost, and the last line cut: only what is missing is asked for again.
    lines, held = log.path.read_text().splitlines(), 4 * len(METHODS)
    log.path.write_text("\n".join(lines[:held]) + "\n" + lines[held][:40])
    again = Log(log.path.parent, version(references, 1e-5))
    assert len(again) == held
    assert asking.run(planned, searched[:1], again, 1, 1e-5) == 3
    answers = [{o.key: (o.verdict, o.named, o.log10_e) for o in held.outcomes} for held in (log, again)]
    assert answers[0] == answers[1]
    # Strangers alone go to the smaller catalogue, where chance finds less.
    assert asking.run(planned, searched, again, 1, 1e-5) == 4
    small = [o for o in again.outcomes if o.tracks == 3]
    assert len(small) == 4
    assert not any(o.known for o in small)
    assert asking.run(planned, searched, Log(log.path.parent, version(references, 1e-5)), 1, 1e-5) == 0


def test_the_command_writes_tables_and_report(music: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "bench.measure.identify",
        "--music",
        str(music),
        "--conditions",
        "clean,only-white",
    ]
    command += ["--lengths", "5", "--per-cell", "1", "--jobs", "1", "--catalogues", "2,all"]
    command += ["--results", str(tmp_path), "--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "a.json").read_text())
    assert [(r["by"], r["identified"]) for r in document["cells"] if r["by"] == "auto"] == [("auto", 1.0)]
    assert {row["tracks"] for row in document["false_alarms"]} == {2, 7}
    assert "7 known tracks" in document["facts"]["corpus"]
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert "a.html" in done.stdout
    done = subprocess.run([*command, "--catalogues", "9"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "catalogue of 9 tracks cannot be made of 7" in done.stderr


def test_catalogues_are_nested_and_known_tracks_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "segment_folder", lambda references: Path(f"segment-{len(references)}"))
    known, further = ([Reference(f"{name}{i}", Path("x"), "p", 30.0, True) for i in range(5)] for name in "kf")
    whole, *others = asking.catalogues(known, further, [8, 2, 5, 3])
    assert [len(c.tracks) for c in (whole, *others)] == [5, 2, 3, 8]
    two, three, eight = (set(c.tracks) for c in others)
    assert two < three < set(whole.tracks) < eight
    assert whole.methods == tuple(METHODS)
    assert {c.methods for c in others} == {("auto",)}
    assert [len(c.folders) for c in others] == [1, 1, 2]
    with pytest.raises(CorpusError, match="catalogue of 11"):
        asking.catalogues(known, further, [11])


def test_an_ambiguous_answer_is_right_by_any_match_that_passes(cache: Path) -> None:
    query = Query("q", "a", 3.0, 5.0, "clean", 1, True)

    def match(track: str, offset_s: float, log10_e: float) -> Match:
        facts = (track, track, None, None, track, "match", 0, offset_s, 0, 5, 1.0, 0.0)
        return Match(*facts, 0.5, 9.0, log10_e, 1.0, 1.0, 1.0)

    def tag(verdict: str, *matches: Match) -> Tag:
        return Tag(verdict, "auto", list(matches), [], Searched(1, 1, True), {})

    for track in ("a", "b"):
        audio = melody(ord(track))
        (cache / "audio").mkdir(parents=True, exist_ok=True)
        np.save(cache / "audio" / f"{track}.npy", audio)
        corpus._remember(Reference(track, Path("x"), "p", 25.0, True))
    own, other = match("a", 3.01, -9.0), match("b", 3.0, -9.5)
    assert asking.judge(query, tag("identified", own, other), 1e-5) == (True, pytest.approx(0.01))
    assert asking.judge(query, tag("identified", other, own), 1e-5) == (False, None)
    assert asking.judge(query, tag("ambiguous", other, own), 1e-5) == (True, pytest.approx(0.01))
    assert asking.judge(query, tag("ambiguous", other, replace(own, log10_e_value=-4.0)), 1e-5) == (False, None)
    assert asking.judge(query, tag("no_match"), 1e-5) == (False, None)
    stranger = replace(query, known=False)
    assert asking.judge(stranger, tag("identified", other), 1e-5) == (False, None)
    # A stranger that holds the same audio after all is none; where chance may well have given it, nobody looks.
    assert asking.judge(stranger, tag("identified", own), 1e-5) == (True, pytest.approx(0.01))
    assert asking.judge(stranger, tag("no_match", replace(own, log10_e_value=-1.0)), 1e-5) == (False, None)


# --- the log --------------------------------------------------------------------------------------------------


def test_outcomes_survive_the_file(tmp_path: Path) -> None:
    log = Log(tmp_path / "new", "1")
    second = replace(OUTCOME, query_id="q2", z=7.5, known=False)
    log.add([OUTCOME, second])
    log.path.write_text(log.path.read_text() + json.dumps(asdict(replace(OUTCOME, query_id="q3")))[:50])
    read = Log(tmp_path / "new", "1")
    assert read.outcomes == [OUTCOME, second]
    read.add([replace(OUTCOME, query_id="q3")])
    assert [o.query_id for o in Log(tmp_path / "new", "1").outcomes] == ["q1", "q2", "q3"]
    assert OUTCOME.key in read
    assert ("q1", "kl", 3) not in read


def test_other_versions_are_kept_apart(tmp_path: Path) -> None:
    Log(tmp_path, "1").add([OUTCOME])
    other = Log(tmp_path, "2")
    assert len(other) == 0
    assert [p.name for p in other.others] == ["outcomes-1.jsonl"]
    assert len(Log(tmp_path, "1")) == 1


def test_version_follows_music_limit_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    references = [Reference(name, Path("x"), "p", 30.0, True) for name in "ab"]
    first = version(references, 1e-5)
    assert version(references[::-1], 1e-5) == first
    others = {version(references, 1e-6), version(references[:1], 1e-5)}
    others.add(version([replace(references[0], known=False), references[1]], 1e-5))
    copy = tmp_path / "classifier"
    for name in ("search/pipeline.py", "data/null-1.json", "api/page.py"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("1")
    (tmp_path / "bench").mkdir()
    for name in ("asking.py", "identical.py"):
        (tmp_path / "bench" / name).write_text("1")
    monkeypatch.setattr("bench.outcomes.ROOT", tmp_path)
    small = version(references, 1e-5)
    (copy / "api/page.py").write_text("2")
    assert version(references, 1e-5) == small  # it shows answers, and decides none
    for name in ("search/pipeline.py", "data/null-1.json"):
        (copy / name).write_text("2")
        others.add(version(references, 1e-5))
    assert len({first, small, *others}) == 7


def test_the_first_of_each_cell_are_those_of_a_smaller_plan(songs: dict[Reference, np.ndarray]) -> None:
    known = [r for r in songs if r.known]
    large, small = (queries.plan(known, ["clean", "room"], [1.0, 2.0], n, 7, samples=songs.__getitem__) for n in (5, 2))
    assert queries.first(large, 2) == small
    assert queries.first(large, 9) == large
