"""A process that forks: parent and child go on with the same catalogue, each by itself."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import threading
import time
from pathlib import Path

import pytest
from ops_service import file, snippet

from classifier.audio.decoder import Decoder
from classifier.catalogue import Catalogue
from classifier.settings import Settings


def _in_child(catalogue: Catalogue, told: multiprocessing.connection.Connection) -> None:
    before = catalogue.identify(snippet(701))
    catalogue.enroll(file(702), title="By the child")
    after = catalogue.identify(snippet(702))
    told.send([before.matches[0].title, after.matches[0].title, len(catalogue.tracks())])
    told.recv()  # the parent has changed something
    told.send(catalogue.identify(snippet(703)).matches[0].title)
    catalogue.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_parent_and_child_share_a_catalogue(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    with Decoder(settings) as decoder, Catalogue.open(settings=settings, decoder=decoder) as catalogue:
        catalogue.enroll(file(701), title="By the parent")
        stop = threading.Event()
        answers: list[str] = []

        def listen() -> None:
            while not stop.is_set():
                answers.append(catalogue.identify(snippet(701)).matches[0].title)

        listener = threading.Thread(target=listen)  # holds some lock or other most of the time
        listener.start()
        try:
            time.sleep(0.5)
            ours, theirs = multiprocessing.Pipe()
            context = multiprocessing.get_context("fork")
            children = [context.Process(target=_in_child, args=(catalogue, theirs))]
            for child in children:
                child.start()
            assert ours.poll(60)
            assert ours.recv() == ["By the parent", "By the child", 2]
            assert catalogue.identify(snippet(702)).matches[0].title == "By the child"
            catalogue.enroll(file(703), title="By the parent again")
            ours.send("go on")
            assert ours.poll(60)
            assert ours.recv() == "By the parent again"
            for child in children:
                child.join(30)
                assert child.exitcode == 0
        finally:
            stop.set()
            listener.join()
        assert set(answers) == {"By the parent"}
