"""Tracklists on the page: from a long recording to a corrected, exported list; what listeners hear."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from classifier.demo import phone
from classifier.errors import WeightsMissing
from classifier.records import monitors, tracklists
from classifier.records.tracklist_writing import Writer
from classifier.store import open_store
from classifier.work.jobs import not_labelled
from tests.browser.harness import Music, Service, Watch, drop, each, open_context, settle, violations

PIECE_S = 18
LISTEN_MS = 60_000
"""Listening to a minute of sound may take a loaded machine so long."""


@pytest.fixture(scope="module")
def mix(music: Music) -> Path:
    """Write down a recording of two songs of the library with an unknown one between them."""
    rate = music.song(0).sample_rate
    parts = [music.song(number).samples[2 * rate : (2 + PIECE_S) * rate] for number in (0, 4, 1)]
    path = music.folder / "An evening.wav"
    phone.write_wav(path, np.concatenate(parts), rate)
    return path


@pytest.fixture(scope="module")
def listed(service: Service, mix: Path) -> str:
    """Have the mix listened to; return the address of its tracklist."""
    job = service.finish(service.ask("POST", "/tracklists", [("file", mix.name, mix.read_bytes())]))
    assert job["error"] is None
    return f"/tracklists/{job['tracklist']}"


def segment(page: Page, title: str) -> Locator:
    """Return the row of a segment."""
    return page.locator(".segment-list li", has_text=title)


def test_a_long_recording_becomes_a_list_that_a_person_corrects(
    page: Page, music: Music, mix: Path, service: Service
) -> None:
    page.goto("/tracklists")
    expect(page.get_by_role("heading", name="Tracklists")).to_be_visible()
    page.locator(".file-button input[type=file]").set_input_files(mix)
    expect(page.get_by_role("link", name="Show the tracklist")).to_be_visible(timeout=LISTEN_MS)
    page.get_by_role("link", name="Show the tracklist").click()
    expect(page.get_by_role("heading", name="An evening.wav")).to_be_visible()
    first, second = music.song(0).title, music.song(1).title
    for title in (first, second):
        expect(segment(page, title)).to_be_visible()
    expect(page.locator(".tracklist-chart")).to_have_attribute("aria-label", re.compile("2 tracks"))

    # A name that is not in the library.
    segment(page, first).locator(".correct").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Title").fill("My own edit")
    form.get_by_label("From").fill("half past")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("“half past” is no time")
    form.get_by_label("From").fill("0:01.5")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    corrected = segment(page, "My own edit")
    expect(corrected).to_contain_text("Corrected by hand")
    expect(corrected).to_contain_text(re.compile(r"0:0[12]–"))
    bar = page.get_by_role("complementary", name="Undo")
    expect(bar).to_contain_text(f"{first}")
    expect(bar).to_contain_text("is corrected.")
    page.reload()
    expect(segment(page, "My own edit")).to_contain_text("Corrected by hand")
    segment(page, "My own edit").get_by_role("button", name="Take the correction back").click()
    expect(segment(page, first)).to_be_visible()
    bar.get_by_role("button", name="Undo").click()  # what was corrected by hand comes back as it was
    expect(segment(page, "My own edit")).to_contain_text("Corrected by hand")
    expect(segment(page, "My own edit")).to_contain_text(re.compile(r"0:0[12]–"))

    # A track of the library, found by name; then what was found stands again.
    segment(page, "My own edit").locator(".correct").click()
    form.get_by_label("Find it in the library").fill(music.song(2).title)
    form.get_by_role("button", name=music.song(2).title).click()
    form.get_by_role("button", name="Save").click()
    expect(segment(page, music.song(2).title)).to_contain_text("Corrected by hand")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Cue sheet").click()
    assert saved.value.suggested_filename == "An evening.cue"
    assert music.song(2).title in Path(saved.value.path()).read_text("utf-8")
    segment(page, music.song(2).title).get_by_role("button", name="Take the correction back").click()
    expect(segment(page, first)).to_be_visible()
    expect(page.locator(".segment-list")).not_to_contain_text("Corrected by hand")

    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/tracklists")
    same_name = [one for one in service.ask("GET", "/tracklists")["tracklists"] if one["file"] == mix.name]
    expect(page.locator(".rows li", has_text=mix.name)).to_have_count(len(same_name) - 1)
    settle(page)


def test_the_timeline_leads_to_the_list_and_tells_kinds_apart_without_colour(page: Page, listed: str) -> None:
    page.goto(listed)
    timeline, rows = page.locator(".tracklist-chart"), page.locator(".segment-list li")
    expect(timeline).to_be_visible()
    timeline.click(position={"x": 12, "y": 12})
    expect(rows.first).to_be_focused()
    expect(rows.first).to_have_class(re.compile("active"))
    timeline.hover(position={"x": 14, "y": 12})
    expect(page.locator("em-tracklist-chart .reading")).to_contain_text(rows.first.locator(".row-title").inner_text())
    cursor = page.get_by_label("Cursor in the recording")
    cursor.focus()
    page.keyboard.press("End")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile(rows.last.locator(".row-title").inner_text()))
    page.keyboard.press("Enter")
    expect(rows.last).to_be_focused()
    kinds = {name: page.locator(f".stretch[data-kind={name}] .body") for name in ("track", "unknown")}
    drawn = {name: body.first.evaluate("e => getComputedStyle(e).fill") for name, body in kinds.items() if body.count()}
    assert "url" not in drawn["track"]
    if "unknown" in drawn:  # where the songs meet, a short stretch may be taken for part of either
        assert "em-unknown" in drawn["unknown"]
    page.get_by_text("As a table").click()
    expect(page.locator("em-tracklist-chart tbody tr")).to_have_count(rows.count())


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_a_tracklist_is_accessible(
    browser: Browser, service: Service, watch: Watch, listed: str, width: int, scheme: str
) -> None:
    context = open_context(browser, service, color_scheme=scheme, viewport={"width": width, "height": 740})
    page = context.new_page()
    watch.follow(page)
    page.goto("/tracklists")
    expect(page.locator(".rows li").first).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto(listed)
    expect(page.locator(".stretch").first).to_be_visible()
    page.get_by_text("As a table").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator(".correct").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    context.close()


def test_what_is_no_recording_is_said_and_can_be_deleted(page: Page, music: Music) -> None:
    letter = music.folder / "letter.mp3"
    letter.write_bytes(b"no music " * 400)
    page.goto("/tracklists")
    expect(page.locator(".file-button")).to_be_visible()
    drop(page, letter, "audio/mpeg")
    failed = page.locator(".upload[data-state=failed]", has_text="letter.mp3")
    expect(failed).to_contain_text("This is not a sound file, or it is damaged")
    row = page.locator(".rows li", has_text="letter.mp3")
    expect(row).to_contain_text("This is not a sound file, or it is damaged")
    row.get_by_role("link").click()
    expect(page.get_by_role("alert")).to_contain_text("This recording was not listened to")
    page.go_back()
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    settle(page)


def test_why_stretches_have_no_labels_is_said_to_people(page: Page, service: Service) -> None:
    """Where the network is missing nothing of it is offered; it may go while a recording is listened to."""
    page.goto("/tracklists")
    expect(page.locator(".file-button")).to_be_visible()
    expect(page.get_by_label("In new recordings, say what each stretch sounds like")).to_have_count(0)
    with closing(open_store(f"sqlite:///{service.folder}/earmark.sqlite")) as store:
        writer = Writer(store, tracklists.create(store, "default", file="Unlabelled.wav", job="0" * 32))
        writer.finish(remarks=[not_labelled("the segments have no labels", WeightsMissing("not in /srv/weights"))])
    page.goto(f"/tracklists/{writer.id}")
    expect(page.locator(".notice")).to_have_text(
        "The segments have no labels. The network for tags is not installed. "
        "Whoever runs the service gets it with: earmark models get musicnn-msd."
    )
    service.ask("DELETE", f"/tracklists/{writer.id}")


@pytest.fixture
def bar(service: Service, music: Music) -> Iterator[monitors.Monitor]:
    """Run a listener named ``bar`` that hears the first song."""
    store = open_store(f"sqlite:///{service.folder}/earmark.sqlite")
    monitor = monitors.begin(store, "bar", catalogue="default", source="http://radio.example/stream")
    song = music.song(0)
    heard = {
        **{"id": "1", "start_s": 61.0, "end_s": 64.0, "start_uncertainty_s": 0.1, "end_uncertainty_s": 0.1},
        **{"kind": "track", "track_id": "t", "title": song.title, "artist": song.artist, "album": None, "isrc": None},
        **{"source": "s", "offset_s": 0.0, "speed": 1.0, "confidence": 1.0, "state": "confirmed", "by_hand": False},
    }
    monitor.writer.take({"event": "confirmed", "at_s": 64.0, "segment": heard}, 64.0)
    yield monitor
    monitor.end()
    service.ask("DELETE", f"/tracklists/{monitor.writer.id}")
    store.close()


def test_a_listener_shows_what_is_playing(page: Page, bar: monitors.Monitor, music: Music) -> None:
    page.goto("/tracklists")
    shown = page.locator(".monitor")
    expect(shown).to_contain_text("listening, 1:04 heard")
    expect(shown).to_contain_text(f"{music.song(0).title} by {music.song(0).artist}, since 1:01")
    shown.get_by_role("link", name="bar").click()
    expect(page.get_by_role("heading", name="bar")).to_be_visible()
    expect(segment(page, music.song(0).title)).to_be_visible()
    bar.end()
    page.go_back()
    expect(page.locator(".monitor")).to_contain_text("stopped")


def test_two_lists_of_one_recording_are_compared(
    page: Page, mix: Path, service: Service, music: Music, browser: Browser, watch: Watch
) -> None:
    lists = []
    for _ in range(2):
        job = service.finish(service.ask("POST", "/tracklists", [("file", mix.name, mix.read_bytes())]))
        lists.append(service.ask("GET", f"/tracklists/{job['tracklist']}"))
    page.goto("/tracklists")
    expect(page.get_by_text("Mark two to compare them.")).to_be_visible()
    for row in range(2):
        page.locator(".rows .row-mark").nth(row).check()
    page.get_by_role("link", name="Compare the two marked").click()
    page.wait_for_url("**/tracklists/compare?ids=*")
    expect(page.get_by_text("Nothing differs; 3 stretches are the same.")).to_be_visible()
    assert violations(page) == []

    # A correction in one of them is the only difference.
    second, title = lists[1], music.song(1).title
    found = next(one for one in second["segments"] if one["title"] == title)
    edit = json.dumps({"title": "Somebody else’s", "artist": None}).encode()
    request = urllib.request.Request(
        f"{service.url}/api/v1/tracklists/{second['id']}/segments/{found['id']}",
        method="PATCH", data=edit, headers={"Content-Type": "application/json"},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=60).close()
    narrow = open_context(browser, service, viewport={"width": 320, "height": 640}, color_scheme="dark").new_page()
    watch.follow(narrow)
    narrow.goto(f"/tracklists/compare?ids={lists[0]['id']},{second['id']}")
    cells = narrow.get_by_role("region", name="What differs", exact=True).locator("tbody tr").locator("th, td")
    expect(cells).to_have_count(4)
    expect(cells.nth(1)).to_contain_text(title)
    expect(cells.nth(2)).to_have_text("Somebody else’s")
    expect(cells.nth(3)).to_have_text("Another answer")
    # Each of the first list has one of the second beneath it, on the same time.
    bars = [path.get_attribute("d") or "" for path in each(narrow.locator(".tracklist-chart .body"))]
    places = sorted(tuple(map(float, place)) for path in bars for place in re.findall(r"M([\d.]+),([\d.]+)", path))
    assert len(places) == len(lists[0]["segments"]) + len(second["segments"])
    assert all(
        above[0] == below[0] and above[1] < below[1] for above, below in zip(places[::2], places[1::2], strict=True)
    )
    assert violations(narrow) == []
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 320
    narrow.goto("/tracklists/compare?ids=one")
    expect(narrow.get_by_role("alert")).to_contain_text("Mark two in the list")
    narrow.context.close()
    for one in lists:
        service.ask("DELETE", f"/tracklists/{one['id']}")
