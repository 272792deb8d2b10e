"""Plans are stable, balanced and paired; rendering puts a snippet where the plan says."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bench import corpus
from bench.conditions import CONDITIONS, MAX_SPEED
from bench.corpus import SAMPLE_RATE, Reference
from bench.material import Material
from bench.queries import Query, plan, render, render_file

Songs = dict[Reference, np.ndarray]
NAMES = ["clean", "room+babble5", "only-white"]


def _plan(songs: Songs, per_cell: int = 12, seed: int = 1, names: list[str] = NAMES) -> list[Query]:
    return plan(list(songs), names, [2.0, 5.0], per_cell, seed, samples=songs.__getitem__)


def _reference(songs: Songs, query: Query) -> Reference | None:
    return next((item for item in songs if item.id == query.reference_id), None)


def test_more_queries_keep_the_first_ones(songs: Songs) -> None:
    few, many = _plan(songs, 7), _plan(songs, 23)
    for name in NAMES:
        for length_s in (2.0, 5.0):
            cells = [[q for q in queries if (q.condition, q.length_s) == (name, length_s)] for queries in (few, many)]
            assert cells[0] == cells[1][:7]
            assert len(cells[1]) == 23


def test_plan_ignores_the_order_of_references_and_other_conditions(songs: Songs) -> None:
    assert _plan(dict(reversed(songs.items()))) == _plan(songs)
    assert [q for q in _plan(songs) if q.condition == "clean"] == _plan(songs, names=["clean"])


def test_another_seed_gives_other_excerpts(songs: Songs) -> None:
    first, second = _plan(songs, seed=1), _plan(songs, seed=2)
    assert not {q.id for q in first} & {q.id for q in second}
    assert [q.offset_s for q in first] != [q.offset_s for q in second]


def test_tracks_are_balanced(songs: Songs) -> None:
    counts = Counter(q.reference_id for q in _plan(songs, 13) if q.condition == "clean" and q.length_s == 2.0)
    assert sorted(counts.values()) == [2, 2, 3, 3, 3]


def test_conditions_hear_the_same_excerpts(songs: Songs) -> None:
    queries = _plan(songs)
    pairs = [[(q.reference_id, q.offset_s, q.seed, q.length_s) for q in queries if q.condition == n] for n in NAMES[:2]]
    assert pairs[0] == pairs[1]
    assert len({q.id for q in queries}) == len(queries)


def test_known_follows_the_reference(songs: Songs) -> None:
    for query in _plan(songs):
        reference = _reference(songs, query)
        assert query.known == (reference is not None and reference.known)
        assert (query.reference_id is None) == CONDITIONS[query.condition].music_free


def test_offsets_fit_the_track_and_lie_on_no_grid(songs: Songs) -> None:
    queries = [q for q in _plan(songs, 60) if q.condition == "clean"]
    for query in queries:
        reference = _reference(songs, query)
        assert reference
        assert 0 <= query.offset_s <= reference.duration_s - query.length_s * MAX_SPEED
    # On a grid of 10 ms the phases would all be 0; uniformly drawn, they fill the circle evenly.
    phases = np.exp(2j * np.pi * np.array([q.offset_s for q in queries]) / 0.01)
    assert abs(phases.mean()) < 0.3


def test_quiet_passages_are_drawn_again(songs: Songs) -> None:
    for query in _plan(songs, 30):
        if query.reference_id is not None:
            reference = _reference(songs, query)
            assert reference is not None
            start = round(query.offset_s * SAMPLE_RATE)
            excerpt = songs[reference][start : start + round(query.length_s * SAMPLE_RATE)]
            assert np.sqrt(np.mean(np.square(excerpt))) > 10 ** (-50 / 20)


def test_silent_track_still_gives_an_excerpt() -> None:
    silent = corpus.Reference("silent", corpus.Path("x"), "p", 21.0, True)
    (query,) = plan([silent], ["clean"], [5.0], 1, 1, samples=lambda _: np.zeros(21 * SAMPLE_RATE, dtype=np.float32))
    assert query.reference_id == "silent"


def test_clean_snippet_is_the_track_at_its_offset(songs: Songs, material: Material) -> None:
    for query in _plan(songs, 5, names=["clean"]):
        reference = _reference(songs, query)
        heard = render(query, samples=songs.__getitem__, material=material, reference=reference)
        start = round(query.offset_s * SAMPLE_RATE)
        assert start / SAMPLE_RATE == query.offset_s
        assert reference
        assert np.array_equal(heard, songs[reference][start : start + len(heard)])


@pytest.mark.parametrize("name", ["room", "room+speed+5"])
def test_room_is_quiet_before_the_track_begins(name: str, songs: Songs, material: Material) -> None:
    wall = replace(material, impulses=material.impulses[:1])  # an echo after half a second
    reference = next(iter(songs))
    query = Query("q", reference.id, 0.0, 2.0, name, 1, known=True)
    heard = render(query, samples=songs.__getitem__, material=wall, reference=reference)
    assert heard.shape == (2 * SAMPLE_RATE,)
    dry = render(
        Query(
            "q", reference.id, 0.0, 2.0, name.replace("room", "clean") if "speed" in name else "clean", 1, known=True
        ),
        samples=songs.__getitem__,
        material=wall,
        reference=reference,
    )
    assert np.allclose(heard[:7900], dry[:7900], atol=1e-5)
    assert not np.allclose(heard[8100:], dry[8100:], atol=1e-2)


def test_files_are_what_a_phone_would_send(songs: Songs, material: Material) -> None:
    reference = next(iter(songs))
    for name, suffix, head in (("clean", ".wav", b"RIFF"), ("room+babble10+amrnb", ".amr", b"#!AMR\n")):
        query = Query("q", reference.id, 3.0, 2.0, name, 1, known=True)
        data, found = render_file(query, samples=songs.__getitem__, material=material, reference=reference)
        assert found == suffix
        assert data.startswith(head)
    wav, _ = render_file(
        Query("q", reference.id, 3.0, 2.0, "clean", 1, known=True), samples=songs.__getitem__, reference=reference
    )
    pcm = np.frombuffer(io.BytesIO(wav).read()[44:], dtype="<i2") / 32768
    assert np.max(np.abs(pcm - songs[reference][48000:80000])) <= 0.5 / 32768 + 1e-9


def test_bad_plans_are_refused(songs: Songs) -> None:
    with pytest.raises(ValueError, match="condition 'cleen' is unknown"):
        _plan(songs, names=["cleen"])
    with pytest.raises(ValueError, match="needs references"):
        plan([], ["clean"], [2.0], 1, 1)
    with pytest.raises(ValueError, match=r"song0 lasts 25.0 s; 31.5 s are needed"):
        plan(list(songs)[:1], ["clean"], [30.0], 1, 1, samples=songs.__getitem__)
    assert [q.known for q in plan([], ["only-hum"], [2.0], 2, 1)] == [False, False]
