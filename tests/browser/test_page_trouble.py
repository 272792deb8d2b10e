"""A slow line, two windows of one browser, and a service that stops in the middle and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from classifier.demo import phone
from tests.browser.harness import (
    Music,
    Service,
    Watch,
    launch,
    microphone_flags,
    open_context,
    running,
    settle,
    violations,
)

BYTES_A_SECOND = 50_000
LATENCY_MS = 400
"""A phone at the edge of its network."""


def choose(page: Page, *files: Path) -> None:
    """Choose recordings in the file dialogue of the start."""
    page.locator("em-capture input[type=file]").set_input_files(list(files))


# --- a slow line ------------------------------------------------------------------------------------------------


def test_a_slow_line_shows_how_far_it_is_and_ends_well(page: Page, music: Music) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": BYTES_A_SECOND,
            "uploadThroughput": BYTES_A_SECOND,
        },
    )
    page.goto("/")
    expect(page.get_by_role("button", name="Listen for")).to_be_visible()
    choose(page, music.snippet(1, 9.0))
    expect(page.get_by_role("list", name="Steps").locator("[aria-current]")).to_have_text(re.compile("Send|Compare"))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(1).title)
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()

    # A search that is not answered yet does not pass off what is shown as its result.
    expect(page.locator(".total")).to_contain_text("tracks")
    page.get_by_role("searchbox").fill("zzzz")
    expect(page.locator(".total")).to_contain_text("Searching")
    expect(page.locator(".rows.tracks")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_text("No track matches “zzzz”.")).to_be_visible()


# --- two windows ------------------------------------------------------------------------------------------------


@pytest.fixture
def other(page: Page, watch: Watch) -> Page:
    """Another window of the same browser."""
    other = page.context.new_page()
    watch.follow(other)
    return other


def test_the_theme_of_one_window_is_that_of_all(page: Page, other: Page) -> None:
    page.goto("/")
    other.goto("/library")
    expect(other.get_by_role("button", name="Colours: as the system")).to_be_visible()
    page.get_by_role("button", name="Colours: as the system").click()
    expect(other.get_by_role("button", name="Colours: light")).to_be_visible()
    assert other.evaluate("document.documentElement.dataset.theme") == "light"


def test_what_one_window_deletes_goes_from_the_other(page: Page, other: Page, service: Service, music: Music) -> None:
    tag = service.identify(music.snippet(2, 15.0))
    link = f'a[href="/tags/{tag["id"]}"]'
    other.goto("/history")
    expect(other.locator(link)).to_be_visible()
    page.goto(f"/tags/{tag['id']}")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/history")
    settle(page)
    expect(other.locator(link)).to_have_count(0)  # it looks again by itself


def test_kept_recordings_are_identified_once_whichever_window_asks(
    page: Page, other: Page, service: Service, music: Music, watch: Watch
) -> None:
    watch.expect("ERR_")
    page.goto("/")
    page.route("**/api/v1/tags", lambda route: route.abort())
    choose(page, music.snippet(0, 5.0))
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.get_by_role("button", name="Keep it for later").click()
    page.unroute("**/api/v1/tags")
    other.goto("/")
    before = service.ask("GET", "/tags?limit=100")["tags"]
    for window in (page, other):
        window.get_by_role("button", name="Identify now").click()
    for window in (page, other):
        expect(window.get_by_text("Waiting on this device for a connection")).to_have_count(0)
    expect(page.locator("em-waiting em-tag-row")).to_contain_text(music.song(0).title)
    after = service.ask("GET", "/tags?limit=100")["tags"]
    assert len(after) == len(before) + 1
    for window in (page, other):
        window.reload()
        expect(window.get_by_role("heading", name="What’s playing?")).to_be_visible()
        expect(window.locator("em-waiting li")).to_have_count(0)


# --- the service stops and comes back ---------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, music: Music) -> Iterator[Service]:
    """A service that a test may stop."""
    with running(tmp_path) as own:
        own.enroll(music.track(0), music.track(1))
        yield own


def test_nothing_that_was_recorded_is_lost_when_the_service_stops(browser: Browser, own: Service, music: Music) -> None:
    page = open_context(browser, own).new_page()
    page.goto("/")
    own.stop()
    choose(page, music.snippet(1, 9.0))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The service does not answer")
    page.get_by_role("link", name="Library", exact=True).click()  # nor does it have other views now
    expect(alert.first).to_contain_text("The service does not answer")
    own.start()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()  # by itself
    page.get_by_role("link", name="Listen", exact=True).click()
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#verdict-heading")).to_have_text(music.song(1).title)
    assert len(own.ask("GET", "/tags")["tags"]) == 1
    page.context.close()


def test_what_could_not_be_read_is_there_when_the_service_is_back(browser: Browser, own: Service) -> None:
    page = open_context(browser, own).new_page()
    page.goto("/library")
    expect(page.locator(".total")).to_contain_text("track")
    own.stop()
    page.get_by_role("searchbox").fill("nothing is called so")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    own.start()
    expect(page.get_by_text("No track matches")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.context.close()


def test_listening_on_goes_on_after_the_service_was_started_again(
    chromium: Playwright, own: Service, music: Music, tmp_path: Path
) -> None:
    parts = [
        phone.record(music.song(i).samples, music.song(i).sample_rate, 4.0, 12.0, snr_db=15.0, seed=i) for i in (0, 1)
    ]
    evening = tmp_path / "evening.wav"
    phone.write_wav(evening, np.concatenate(parts), music.song(0).sample_rate)
    browser = launch(chromium, *microphone_flags(evening))
    page = open_context(browser, own, permissions=["microphone"]).new_page()
    page.goto("/live")
    with page.expect_response(lambda answer: "/pieces/0" in answer.url):
        page.get_by_role("button", name="Start listening").click()
    own.stop()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    assert violations(page) == []
    own.start()
    segments = page.get_by_role("list", name="The latest")
    for index in (0, 1):
        expect(segments).to_contain_text(music.song(index).title, timeout=60_000)
    page.get_by_role("button", name="Stop and open the tracklist").click()
    expect(page).to_have_url(re.compile(r"/tracklists/\w+"))
    kept = own.ask("GET", "/tracklists/" + page.url.rpartition("/")[2])
    named = [segment["title"] for segment in kept["segments"] if segment["kind"] == "track"]
    assert named == [music.song(0).title, music.song(1).title]
    browser.close()
