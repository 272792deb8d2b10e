"""What sounds alike: the nearest window anywhere, by brute force; and re-arrangements, which order would hide."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.index import lists
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_gaussian, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures, collapse
from classifier.models.query import Query
from classifier.models.track import TrackModel, model_track
from classifier.search import alike
from tests.library import RATE, lively_noise
from tests.search.shelf import BACKGROUND, CONFIG, cut, query_of, tone

#: Gaussians are kept in sixteen bits, mixtures in half precision.
ROUNDED = 1e-2
#: Divergences count no lower than this, and near it rounding is all.
NATS = 5e-3


@pytest.fixture(scope="module")
def models(sounds) -> dict[str, TrackModel]:
    """Models of four songs, silence, and a song that ends in a tone."""
    made = {f"song {i}": cut(sounds[i], 0, 15) for i in range(4)}
    made["silence"] = np.zeros(8 * RATE)
    made["half"] = np.concatenate([cut(sounds[5], 0, 9), tone(12.0)])
    return {name: model_track(samples.astype(np.float32), CONFIG, BACKGROUND) for name, samples in made.items()}


@pytest.fixture(scope="module")
def snapshot(models) -> Snapshot:
    segment = Segment.build([(name, 1, model) for name, model in models.items()])
    return Snapshot((segment,), frozenset(e.key for e in segment.entries))


def table(query: Query, model: TrackModel) -> np.ndarray:
    """J_1 of every window of the snippet and of the track; infinite where the track is silent."""
    j = symmetric_kl_gaussian(Packed.of(collapse(query.mixtures)), Packed.of(collapse(model.mixtures)))
    return np.where(model.silent.astype(bool), np.inf, np.maximum(j, 1e-3))


@pytest.mark.parametrize(("i", "start_s", "length_s"), [(0, 3.0, 5.0), (1, 5.27, 9.0), (5, 2.0, 6.0), (7, 3.0, 7.0)])
def test_divergence_is_the_geometric_mean_of_the_least(models, snapshot, sounds, i, start_s, length_s):
    query = query_of(cut(sounds[i], start_s, length_s))
    found = alike.compare(query, snapshot)
    for number, (_, entry) in enumerate(snapshot.items):
        least = table(query, models[entry.track_id]).min(axis=1)
        wanted = np.exp(np.mean(np.log(least)))
        assert found.divergence[number] == pytest.approx(wanted, rel=ROUNDED, abs=NATS)
    names = [snapshot.items[number][1].track_id for number in found.order()]
    assert sorted(names) == sorted(set(models) - {"silence"})
    assert (np.diff(found.divergence[found.order()]) >= 0).all()
    if i in (0, 1):
        assert names[0] == f"song {i}"


def test_each_window_is_paired_with_its_nearest_that_can_be_heard(models, snapshot, sounds):
    for i, name in ((2, "song 2"), (5, "half")):
        query = query_of(cut(sounds[i], 1.3, 7))
        number = snapshot.numbers[name, 1]
        segment, entry = snapshot.items[number]
        rows = alike.paired(alike.whole_windows(query), segment, entry)
        j = table(query, models[name])
        assert rows.shape == (len(query.start_s),)
        np.testing.assert_allclose(j[np.arange(len(rows)), rows], j.min(axis=1), rtol=ROUNDED, atol=NATS)
        assert not models[name].silent[rows].any()


def test_mixtures_are_compared_window_by_window(models, snapshot, sounds):
    """Mean of the variational divergence of the pairs, as of the models before they were rounded."""
    query = query_of(cut(sounds[1], 2.4, 6))
    for name in ("song 1", "song 3"):
        segment, entry = snapshot.items[snapshot.numbers[name, 1]]
        rows = alike.paired(alike.whole_windows(query), segment, entry)
        exact = symmetric_kl_variational(Packed.of(query.mixtures), Packed.of(models[name].mixtures))
        wanted = np.mean([exact[k, row] for k, row in enumerate(rows)])
        assert alike.mixture_divergence(Packed.of(query.mixtures), segment, entry, rows) == pytest.approx(
            wanted, rel=0.05, abs=0.05
        )


@pytest.mark.parametrize("speed", [1.0, 0.95, 1.05])
@pytest.mark.parametrize("offset_s", [-3.0, 0.0, 4.4, 100.0])
def test_rows_at_a_place_are_the_windows_that_begin_nearest(models, snapshot, sounds, offset_s, speed):
    query = query_of(cut(sounds[0], 0, 9))
    _, entry = snapshot.items[snapshot.numbers["song 0", 1]]
    starts_s = models["song 0"].window_frame * CONFIG.frame_step / RATE
    rows = alike.rows_at(query, entry, offset_s, speed, CONFIG)
    for row, start_s in zip(rows, query.start_s, strict=True):
        distance = np.abs(starts_s - (offset_s + speed * start_s))
        assert distance[row] <= distance.min() + 0.03  # both grids are rounded to whole frames


def test_a_rearrangement_sounds_alike_where_another_song_does_not(songs, sounds):
    """Sections of a song in another order: nearest of all, though nothing lines up for more than a section."""
    sections = [(18, 6), (0, 6), (24, 6), (6, 6), (12, 6)]
    shelf = songs.without("song 2").with_copies(rearranged=np.concatenate([cut(sounds[2], *s) for s in sections]))
    for start_s, length_s in ((2, 10), (9, 8), (20, 10)):
        near = shelf.ask(cut(sounds[2], start_s, length_s)).nearest
        assert near[0].title == "rearranged"
        assert near[0].divergence < near[1].divergence / 3


def test_a_strange_song_is_nearer_to_songs_than_to_noise(songs, sounds, strange_sounds):
    """Silence and steady tones are near nothing at all."""
    shelf = songs.with_copies(noise=lively_noise(20.0, seed=7), silence=np.zeros(10 * RATE), steady=tone(10.0))
    near = [n.title for n in shelf.ask(cut(strange_sounds[0], 10, 8)).nearest]
    assert "silence" not in near
    assert "steady" not in near
    assert near[-1] == "noise"
    assert len(near) == 9


def test_without_windows_nothing_is_near(songs, snapshot):
    for samples in (np.zeros(6 * RATE), tone(6.0), np.zeros(0), lively_noise(0.3, 1)):
        found = alike.compare(query_of(samples), songs.snapshot)
        assert np.isinf(found.divergence).all()
        assert found.divergence.shape == (8,)
        assert len(found.order()) == 0
    assert len(alike.compare(query_of(lively_noise(6.0, 1)), Snapshot((), frozenset())).order()) == 0


def test_tracks_without_windows_are_passed_by(sounds):
    """First, between others, and last in a segment."""
    tracks = [cut(sounds[0], 0, 0.4), cut(sounds[0], 0, 8), np.zeros(0), cut(sounds[1], 0, 8), cut(sounds[2], 0, 0.4)]
    segment = Segment.build(
        [(f"t{i}", 1, model_track(t.astype(np.float32), CONFIG, BACKGROUND)) for i, t in enumerate(tracks)]
    )
    snapshot = Snapshot((segment,), frozenset(e.key for e in segment.entries))
    found = alike.compare(query_of(cut(sounds[1], 1, 6)), snapshot)
    assert np.isfinite(found.divergence).tolist() == [False, True, False, True, False]
    assert found.order().tolist() == [3, 1]


# --- large catalogues ---------------------------------------------------------------------------------------------


N_TRACKS = 400


def perturbed(made: list[TrackModel], number: int) -> TrackModel:
    """A track like a passage of one of some others: its means shifted alike in all windows, its covariances scaled."""
    rng = np.random.default_rng(number)
    base = made[number % len(made)]
    first = rng.integers(len(base.mixtures) - 11)
    old = base.mixtures[first : first + 11]
    means = old.means + 0.3 * rng.standard_normal((1, *old.means.shape[1:]))
    covariances = old.covariances * np.exp(0.1 * rng.standard_normal((11, 1, 1, 1)))
    mixtures = Mixtures(old.weights, means.astype(np.float32), covariances.astype(np.float32))
    return TrackModel(base.window_frame[:11], base.silent[first : first + 11], mixtures, base.slots[:0], base.words[:0])


@pytest.fixture(scope="module")
def crowd(sounds) -> Segment:
    """Some thousand windows of many tracks, enough for reduced rows."""
    made = [model_track(sound.astype(np.float32), CONFIG, BACKGROUND) for sound in sounds]
    segment = Segment.build([(f"t{i:04d}", 1, perturbed(made, i)) for i in range(N_TRACKS)])
    assert segment.n_windows == 11 * N_TRACKS >= lists.LISTED
    assert segment.reduced is not None
    return segment


def all_of(*segments: Segment, dead: tuple[str, ...] = ()) -> Snapshot:
    return Snapshot(segments, frozenset(e.key for s in segments for e in s.entries if e.track_id not in dead))


QUERIES = [(0, 3.0, 5.0, 0.0), (1, 5.27, 9.0, 0.02), (2, 2.0, 6.0, 0.05), (3, 4.0, 7.0, 0.01), (6, 3.0, 7.0, 0.0)]


def snippet(sounds, i: int, start_s: float, length_s: float, noise: float) -> Query:
    return query_of(cut(sounds[i], start_s, length_s) + noise * lively_noise(length_s, seed=i))


@pytest.mark.parametrize("asked", QUERIES)
def test_it_is_exact_while_no_more_tracks_are_there_than_are_compared(crowd, sounds, monkeypatch, asked):
    monkeypatch.setattr(alike, "CLOSER", N_TRACKS)
    query, snapshot = snippet(sounds, *asked), all_of(crowd)
    some, everything = alike.compare_some(query, snapshot), alike.compare(query, snapshot)
    np.testing.assert_allclose(some.divergence, everything.divergence, rtol=1e-6)
    assert some.order()[:10].tolist() == everything.order()[:10].tolist()


def test_of_the_exact_ten_nine_are_found_by_comparing_a_fifth_and_a_tenth(crowd, sounds, monkeypatch):
    """Snippets of songs, in noise too, and of one that is not there. Without looking, it would be one."""
    monkeypatch.setattr(alike, "_CLOSE", 80)
    monkeypatch.setattr(alike, "CLOSER", 40)
    snapshot, shares = all_of(crowd), []
    for asked in QUERIES:
        query = snippet(sounds, *asked)
        some, everything = alike.compare_some(query, snapshot), alike.compare(query, snapshot)
        listed = some.order()
        assert len(listed) == 40
        np.testing.assert_allclose(some.divergence[listed], everything.divergence[listed], rtol=1e-6)
        shares.append(len(np.intersect1d(listed[:10], everything.order()[:10])) / 10)
    assert np.mean(shares) >= 0.9


def test_what_comes_is_found_and_what_goes_is_not(crowd, models, sounds, monkeypatch):
    """A track of a small segment, which has no reduced rows; merged with the others; and without the nearest."""
    monkeypatch.setattr(alike, "_CLOSE", 80)
    monkeypatch.setattr(alike, "CLOSER", 40)
    query = query_of(cut(sounds[1], 5.0, 8.0))
    new = Segment.build([("new", 1, models["song 1"])])
    assert new.reduced is None
    for segments in ((crowd, new), (Segment.join([new, crowd]),)):
        snapshot = all_of(*segments)
        found = alike.compare_some(query, snapshot).order()
        assert snapshot.items[found[0]][1].track_id == "new"
        second = snapshot.items[found[1]][1].track_id
        gone = all_of(*segments, dead=("new",))
        nearest = [gone.items[number][1].track_id for number in alike.compare_some(query, gone).order()]
        assert nearest[0] == second
        assert "new" not in nearest
