"""Peers: the Hamming search, the answers' cache, and what is said when a program is missing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bench.corpus import SAMPLE_RATE, Reference, write_wav
from bench.material import Material
from bench.measure import peers
from bench.measure.peers import Match, Matcher, PeerError
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
    peer: peers.Peer, songs: Songs, queries: list[Query], material: Material, jobs: int = 1
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
    assert peers.hamming_search(query, references) == (2, 117, 8 / (32 * 20))
    assert peers.hamming_search(query[:0], references) is None
    assert peers.hamming_search(query, references[1:2]) is None


def test_checkout_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeerError, match="not an audfprint checkout"):
        peers.available(tmp_path)
    monkeypatch.delenv("AUDFPRINT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert peers.available() == []
    (tmp_path / "audfprint.py").touch()
    assert [peer.name for peer in peers.available(tmp_path)] == ["audfprint-20-3", "audfprint-70-8"]


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
    with peers.Chromaprint().opened(list(songs)) as match:
        found = match(snippet)
        write_wav(snippet, np.zeros(100, dtype=np.float32))
        nothing = match(snippet)
    assert found.reference_id == "melody1"
    assert found.accepted
    assert found.offset_s == pytest.approx(7.3, abs=peers.CHROMAPRINT_FRAME_S)
    assert nothing.reference_id is None
    assert not nothing.accepted
