"""Several machines, as processes: the same answers, whatever dies."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.cluster.head import Head
from classifier.config import FeatureConfig
from classifier.demo.songs import Song
from classifier.errors import AudioUnreadable, ClusterUnavailable, FileMissing
from classifier.records.chromaprints import has
from classifier.records.track_arrays import each_chunk
from classifier.results import METHODS, Tag
from classifier.settings import Settings
from tests.cluster.processes import Cluster, running
from tests.library import phone_snippet, settings_in
from tests.places import ATOMIC, Place
from tests.waiting import until

#: Songs that a test enrolls.
N_SONGS = 3
#: Queries while workers are killed again and again; ``bench/measure/cluster.py`` asks a thousand.
N_QUERIES = 40


def ready(head: Head, n_workers: int) -> None:
    """Wait until the scheduler knows so many workers."""

    def known() -> bool:
        try:
            return len(head.workers()) == n_workers
        except ClusterUnavailable:
            return False

    until(known, 60.0)


def answer(tag: Tag) -> Tag:
    """All that an answer says, but for how long it took."""
    return replace(tag, seconds={})


@pytest.fixture(scope="module")
def snippets(enrolled_songs: list[Song], unknown_songs: list[Song]) -> list[bytes]:
    """Known and unknown snippets in a noisy room."""
    known = [phone_snippet(song, 5.0 + i, 5.0, snr_db=10.0, seed=i) for i, song in enumerate(enrolled_songs[:N_SONGS])]
    return [*known, phone_snippet(unknown_songs[0], 8.0, 5.0, snr_db=10.0, seed=9)]


@pytest.mark.stores(ATOMIC)
def test_enrolling_and_searching_are_the_same_with_workers(place: Place, tmp_path, music_files, snippets):
    """What is stored, and what is answered for every method, is that of one process; a bad file is named as here."""
    files = music_files[:N_SONGS]
    settings = settings_in(tmp_path / "head", store=place.url, shards=3)
    (tmp_path / "noise.mp3").write_bytes(b"no audio at all " * 100)
    with Catalogue.open(settings=settings), Cluster(tmp_path / "cluster", place.url) as cluster:
        cluster.start_workers(2)
        with_workers = settings.replace(scheduler=cluster.url)
        with Catalogue.open(settings=with_workers) as remote, Head(with_workers) as head:
            ready(head, 2)
            head.serve(remote)
            head.decode_for(remote)
            enrolled = [remote.enroll(path) for path in files]
            assert all(one.added for one in enrolled)
            assert not remote.enroll(files[0]).added
            with pytest.raises(AudioUnreadable):
                remote.enroll(tmp_path / "noise.mp3")
            with Catalogue.open(settings=settings_in(tmp_path / "alone")) as alone:
                for path, one in zip(files, enrolled, strict=True):
                    same_track(alone, alone.enroll(path).track.id, remote, one.track.id)
            with Catalogue.open(settings=settings) as local:
                asked = [(snippet, "auto") for snippet in snippets] + [(snippets[0], method) for method in METHODS]
                for snippet, method in asked:
                    wanted = answer(local.identify(snippet, method=method))
                    assert answer(remote.identify(snippet, method=method)) == wanted
                    assert wanted.searched.share == 1.0
            assert remote.identify(snippets[0]).verdict == "identified"
            remote.remove(enrolled[0].track.id)
            assert remote.identify(snippets[0]).verdict == "no_match"


def test_a_compact_catalogue_is_enrolled_and_searched_the_same(tmp_path, music_files, snippets):
    """Its sub-fingerprints stay in the store, where workers read them."""
    settings = settings_in(tmp_path / "head", shards=2)
    compact = FeatureConfig(profile="compact")
    with Catalogue.open(settings=settings, config=compact) as local:
        with Cluster(tmp_path / "cluster", settings.store) as cluster:
            cluster.start_workers(1)
            with_workers = settings.replace(
                scheduler=cluster.url, data_dir=str(tmp_path / "other"), store=settings.store
            )
            with Catalogue.open(settings=with_workers) as remote, Head(with_workers, most_windows=0) as head:
                ready(head, 1)
                head.serve(remote)
                head.decode_for(remote)
                enrolled = [remote.enroll(path).track.id for path in music_files[:2]]
                until(lambda: remote.identify(snippets[0]).searched.share == 1.0, 60.0)
                for snippet in snippets:
                    assert answer(remote.identify(snippet)) == answer(local.identify(snippet))
                with Catalogue.open(settings=settings_in(tmp_path / "alone"), config=compact) as alone:
                    same_track(alone, alone.enroll(music_files[0]).track.id, remote, enrolled[0])


def test_a_file_larger_than_an_upload_does_not_cross(tmp_path, music_files):
    """The head decodes it itself: a worker would refuse it, and no process has to hold it whole."""
    small = settings_in(tmp_path / "head", track_bytes=1000)
    with Cluster(tmp_path / "cluster", small.store) as cluster:  # without any worker
        settings = small.replace(scheduler=cluster.url)
        with Catalogue.open(settings=settings) as catalogue, Head(settings) as head:
            head.decode_for(catalogue)
            assert catalogue.enroll(music_files[0]).added
            with pytest.raises(FileMissing):
                catalogue.enroll(tmp_path / "missing.flac")


def same_track(one: Catalogue, one_id: str, other: Catalogue, other_id: str) -> None:
    """Check that two catalogues store the same of a file, byte for byte."""
    for kind in ("models", "slots", "subfingerprints"):
        both = zip(each_chunk(one.store, kind, one_id, 1), each_chunk(other.store, kind, other_id, 1), strict=True)
        for a, b in both:
            assert {name: array.tobytes() for name, array in a.items()} == {n: v.tobytes() for n, v in b.items()}
    assert has(one.store, one_id) == has(other.store, other_id) == (not one.config.is_compact)
    named = ("title", "artist", "content_hash", "file_hash", "duration_s", "n_windows", "source")
    a, b = one.track(one_id), other.track(other_id)
    assert [getattr(a, name) for name in named] == [getattr(b, name) for name in named]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, library: Catalogue) -> Iterator[Cluster]:
    """Two workers on the songs' library that share a data folder."""
    folder = tmp_path_factory.mktemp("cluster")
    yield from running(folder, library.settings.store, 2, shared=folder / "data")


@pytest.fixture
def serving(cluster: Cluster, library: Catalogue, tmp_path: Path) -> Iterator[tuple[Catalogue, Head]]:
    """The library, searched by the workers alone: the head searches nothing itself."""
    settings = Settings(data_dir=str(tmp_path), store=library.settings.store, scheduler=cluster.url, shards=4)
    with Decoder(settings) as decoder, Head(settings, most_windows=0) as head:
        with Catalogue.open(settings=settings, decoder=decoder) as catalogue:
            ready(head, len(cluster.workers))
            head.serve(catalogue)
            yield catalogue, head


def test_workers_that_are_killed_while_they_search_are_survived(cluster, serving, library, snippets):
    """No error, no wrong answer; an incomplete answer says so."""
    catalogue, head = serving
    wanted = [answer(library.identify(snippet)) for snippet in snippets]
    until(lambda: catalogue.identify(snippets[0]).searched.share == 1.0, 60.0)
    done = threading.Event()
    n_killed = 0

    def kill_and_replace() -> None:
        nonlocal n_killed
        while not done.wait(1.0):
            cluster.workers.pop(0).kill(signal.SIGKILL)
            n_killed += 1
            cluster.start_workers(1)
            until(lambda: len(head.workers()) == 2 or done.is_set(), 60.0)

    killer = threading.Thread(target=kill_and_replace)
    killer.start()
    n_incomplete = 0
    try:
        for i in range(N_QUERIES):
            tag = answer(catalogue.identify(snippets[i % len(snippets)]))
            if tag.searched.share < 1.0:
                n_incomplete += 1
                assert not tag.searched.complete
            else:
                assert tag == wanted[i % len(snippets)]
    finally:
        done.set()
        killer.join()
    assert n_killed > 0
    assert n_incomplete <= N_QUERIES // 20


def test_without_a_scheduler_the_answer_is_503_until_it_is_back(cluster, serving, snippets, library):
    catalogue, head = serving
    assert catalogue.identify(snippets[0]).verdict == "identified"
    cluster.scheduler.kill()

    def refused() -> ClusterUnavailable | None:
        try:
            catalogue.identify(snippets[0])
        except ClusterUnavailable as error:
            return error
        return None

    error = until(refused, 10.0)
    assert (error.name, error.status) == ("cluster_unavailable", 503)
    assert error.retry_after_s > 0
    cluster.start_scheduler()
    ready(head, len(cluster.workers))
    assert answer(catalogue.identify(snippets[0])) == answer(library.identify(snippets[0]))


def test_without_workers_nothing_is_claimed(cluster, serving, snippets):
    catalogue, head = serving
    while cluster.workers:
        cluster.workers.pop().kill(signal.SIGTERM)
    until(lambda: not head.workers(), 30.0)
    with pytest.raises(ClusterUnavailable, match="no worker"):
        catalogue.identify(snippets[0])
