"""Peers: the Hamming search, the answers' cache, and what is said when a program is missing."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import SAMPLE_RATE, Reference, write_wav
from bench.material import Material
from bench.measure import peers
from bench.peers import chromaprint
from bench.peers.olaf import Olaf
from bench.peers.peer import Match, Matcher, Peer, PeerError, driven
from bench.queries import Query, plan, render

Songs = dict[Reference, np.ndarray]


class Listener:
    """A peer that names the first reference, at the number of files it has heard, and breaks down when told to."""

    name = "listener"

    def __init__(self, breaks_after: int = 1000) -> None:
        self.heard = 0
        self.breaks_after = breaks_after

    @contextmanager
    def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
        """Yield a matcher that counts."""

        def match(path: Path) -> Match:
            if self.heard >= self.breaks_after:
                raise PeerError("listener stopped")
            assert path.read_bytes().startswith(b"RIFF")
            self.heard += 1
            return Match(references[0].id, float(self.heard), 0.5, True, 0.01)

        yield match


def _run(
    peer: Peer, songs: Songs, queries: list[Query], material: Material, jobs: int = 1
) -> dict[str, peers.PeerAnswer]:
    def rendered(query: Query) -> np.ndarray:
        reference = next(item for item in songs if item.id == query.reference_id)
        return render(query, samples=songs.__getitem__, material=material, reference=reference)

    return peers.run(peer, list(songs), queries, render=rendered, jobs=jobs)


def test_answers_are_kept_and_a_stopped_run_resumes(cache: Path, songs: Songs, material: Material) -> None:
    queries = plan(list(songs), ["clean"], [1.0], 6, 1, samples=songs.__getitem__)
    with pytest.raises(PeerError, match="stopped"):
        _run(Listener(breaks_after=4), songs, queries, material)
    (log,) = (cache / "peers").glob("*.jsonl")
    log.write_text(log.read_text() + '{"query_id": "half a li')  # as if killed while writing
    second = Listener()
    answers = _run(second, songs, queries, material)
    assert second.heard == 2
    assert [answers[q.id].offset_s for q in queries] == [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]
    third = Listener()
    assert _run(third, songs, queries, material) == answers
    assert third.heard == 0


def test_several_matchers_share_the_work(cache: Path, songs: Songs, material: Material) -> None:
    queries = plan(list(songs), ["clean"], [1.0], 8, 1, samples=songs.__getitem__)
    opened = []
    together = threading.Barrier(3)  # broken, and the test failed, unless three files are heard at once

    class Busy:
        name = "busy"

        @contextmanager
        def opened(self, references: Sequence[Reference]) -> Iterator[Matcher]:
            own = len(opened)
            opened.append(own)

            def match(path: Path) -> Match:
                if path not in heard:
                    together.wait(30)
                heard.append(path)
                return Match(references[0].id, float(own), 0.5, True, 0.01)

            yield match

    heard: list[Path] = []
    answers = _run(Busy(), songs, queries, material, jobs=3)
    assert opened == [0, 1, 2]
    assert len(answers) == len(heard) == 8
    assert len(set(heard)) == 3  # no matcher's file is overwritten by another's
    (log,) = (cache / "peers").glob("*.jsonl")
    assert len(log.read_text().splitlines()) == 8


def test_another_catalogue_has_other_answers(cache: Path, songs: Songs, material: Material) -> None:
    queries = plan(list(songs)[:2], ["clean"], [1.0], 2, 1, samples=songs.__getitem__)
    _run(Listener(), songs, queries, material)
    fewer = dict(list(songs.items())[:3])
    second = Listener()
    _run(second, fewer, queries, material)
    assert second.heard == 2


def test_hamming_search_finds_the_place_in_spite_of_errors() -> None:
    rng = np.random.default_rng(440)
    references = [rng.integers(0, 2**32, size=n, dtype=np.uint32) for n in (200, 15, 300)]
    query = references[2][117:137].copy()
    query[:8] ^= np.uint32(1 << 31)
    assert chromaprint.hamming_search(query, references) == (2, 117, 8 / (32 * 20))
    assert chromaprint.hamming_search(query[:0], references) is None
    assert chromaprint.hamming_search(query, references[1:2]) is None


def test_checkout_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeerError, match="not an audfprint checkout"):
        peers.available(tmp_path)
    for name in ("AUDFPRINT", "OLAF", "PANAKO", "SEEKTUNE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert peers.available() == []
    (tmp_path / "audfprint.py").touch()
    assert [peer.name for peer in peers.available(tmp_path)] == ["audfprint-20-3", "audfprint-70-8"]
    monkeypatch.setenv("SEEKTUNE", str(tmp_path))
    monkeypatch.setenv("PANAKO", "classes:jars/*")
    assert [peer.name for peer in peers.available()] == ["panako", "seek-tune"]
    monkeypatch.setenv("OLAF", str(tmp_path / "olaf"))
    with pytest.raises(PeerError, match=r"\$OLAF: there is no .*olaf"):
        peers.available()


def test_a_driver_answers_line_by_line_until_it_stops(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    if 'bad' in line: sys.exit('cannot read it')\n"
        "    said = {'name': '/x/song.wav', 'offset_s': 2.5, 'score': 7, 'accepted': True, 'seconds': 0.1}\n"
        "    print(json.dumps(said), flush=True)\n"
    )
    with driven("peer", [sys.executable, script]) as match:
        assert match(tmp_path / "a.wav") == Match("song", 2.5, 7, True, 0.1)
        with pytest.raises(PeerError, match="peer stopped: cannot read it"):
            match(tmp_path / "bad.wav")


def test_of_olaf_the_match_with_most_hashes_counts(cache: Path, songs: Songs, tmp_path: Path) -> None:
    program = tmp_path / "olaf"
    program.write_text(
        "#!/bin/sh\n"
        "grep -q target_sample_rate $HOME/.olaf/olaf_config.json || exit 3\n"
        "[ $1 = store ] && echo $# >> $HOME/stored && exit\n"
        "[ -s $4 ] || { echo '{\"matches\": []}'; exit; }\n"
        "cat $(dirname $0)/said.json\n"
    )
    program.chmod(0o700)
    rows = [(6, 0, 9, "/a/one.wav"), (8, 0.5, 4, "/a/two.wav")]
    names = ("match_count", "query_start", "reference_start", "path")
    (tmp_path / "said.json").write_text(json.dumps({"matches": [dict(zip(names, row, strict=True)) for row in rows]}))
    (cache / "audio").mkdir(parents=True, exist_ok=True)
    for song, samples in songs.items():
        np.save(cache / "audio" / f"{song.id}.npy", samples)
    snippet, empty = tmp_path / "snippet.wav", tmp_path / "empty.wav"
    snippet.write_bytes(b"RIFF")
    empty.touch()
    for _ in range(2):
        with Olaf(program).opened(list(songs)) as match:
            found, nothing = match(snippet), match(empty)
        assert (found.reference_id, found.offset_s, found.score, found.accepted) == ("two", 3.5, 8, True)
        assert (nothing.reference_id, nothing.accepted) == (None, False)
    (stored,) = (cache / "peers").glob("olaf-*/stored")
    assert stored.read_text().split() == [str(len(songs) + 1)]  # enrolled once


def test_chromaprint_places_a_melody(cache: Path, tmp_path: Path) -> None:
    if shutil.which("fpcalc") is None:
        pytest.skip("fpcalc is not installed")
    rng = np.random.default_rng(440)
    songs = {}
    for i in range(2):
        steps = rng.integers(0, 24, size=150)
        phase = np.cumsum(np.repeat(2 * np.pi * 220 * 2 ** (steps / 12) / SAMPLE_RATE, SAMPLE_RATE // 5))
        audio = (0.2 * sum(np.sin(k * phase) / k for k in (1, 2, 3))).astype(np.float32)
        songs[Reference(f"melody{i}", Path("x"), "p", 30.0, True)] = audio
        (cache / "audio").mkdir(parents=True, exist_ok=True)
        np.save(cache / "audio" / f"melody{i}.npy", audio)
    snippet = tmp_path / "snippet.wav"
    write_wav(snippet, list(songs.values())[1][int(7.3 * SAMPLE_RATE) : int(17.3 * SAMPLE_RATE)])
    with chromaprint.Chromaprint().opened(list(songs)) as match:
        found = match(snippet)
        write_wav(snippet, np.zeros(100, dtype=np.float32))
        nothing = match(snippet)
    assert found.reference_id == "melody1"
    assert found.accepted
    assert found.offset_s == pytest.approx(7.3, abs=chromaprint.FRAME_S)
    assert nothing.reference_id is None
    assert not nothing.accepted
