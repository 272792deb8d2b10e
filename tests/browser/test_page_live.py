"""Listening on, and beginning before the button: a real microphone's path, fed from a file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, expect

from classifier.demo import phone
from tests.browser.harness import Music, Service, Watch, launch, microphone_flags, open_context, violations


@pytest.fixture(scope="module")
def evening(music: Music, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs of the library, one after the other, as a phone records them; then silence."""
    first, second = music.song(0), music.song(1)
    parts = [
        phone.record(song.samples, song.sample_rate, 4.0, 12.0, snr_db=15.0, seed=index)
        for index, song in enumerate((first, second))
    ]
    path = tmp_path_factory.mktemp("evening") / "evening.wav"
    phone.write_wav(path, np.concatenate(parts), first.sample_rate)
    return path


@pytest.fixture
def page(chromium: Playwright, service: Service, watch: Watch, evening: Path) -> Page:  # type: ignore[misc]
    """A page whose microphone hears the evening once, from when it is first opened."""
    browser = launch(chromium, *microphone_flags(evening))
    page = open_context(browser, service, permissions=["microphone"]).new_page()
    watch.follow(page)
    page.add_init_script(
        """const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        window.streams = [];
        navigator.mediaDevices.getUserMedia = async (wanted) => {
          const stream = await ask(wanted);
          window.streams.push(stream);
          return stream;
        };"""
    )
    yield page
    browser.close()


OPEN = "window.streams.filter((stream) => stream.getTracks().some((track) => track.readyState === 'live')).length"


def test_what_plays_is_listed_until_it_is_stopped(page: Page, service: Service, music: Music) -> None:
    page.goto("/")
    page.get_by_role("link", name="Keep listening").click()
    segments = page.get_by_role("list", name="The latest")
    for index in (0, 1):
        expect(segments).to_contain_text(music.song(index).title, timeout=90_000)
    assert violations(page) == []
    page.wait_for_function(f"{OPEN} === 1")
    page.get_by_role("button", name="Stop and open the tracklist").click()
    expect(page).to_have_url(re.compile(r"/tracklists/\w+"))
    page.wait_for_function(f"{OPEN} === 0")
    for index in (0, 1):
        expect(page.get_by_role("list", name="Segments")).to_contain_text(music.song(index).title)
    kept = service.ask("GET", "/tracklists/" + page.url.rpartition("/")[2])
    assert kept["status"] == "done"
    named = [segment["title"] for segment in kept["segments"] if segment["kind"] == "track"]
    assert named == [music.song(0).title, music.song(1).title]


def test_sound_waits_for_the_service_and_nothing_of_it_is_lost(
    page: Page, watch: Watch, service: Service, music: Music
) -> None:
    watch.expect("ERR_FAILED")
    page.goto("/live")
    assert page.evaluate(OPEN) == 0, "nothing is heard before the button"
    with page.expect_response(lambda answer: "/pieces/0" in answer.url):
        page.get_by_role("button", name="Start listening").click()
    page.route("**/api/v1/listens/**", lambda route: route.abort())
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    expect(page.locator(".notice")).to_contain_text("Still listening")
    page.wait_for_timeout(4000)
    page.unroute("**/api/v1/listens/**")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("list", name="The latest")).to_contain_text(music.song(1).title, timeout=90_000)
    page.get_by_role("link", name="Listen", exact=True).click()  # leaving ends it, too
    expect(page.get_by_role("heading", name="What’s playing?")).to_be_visible()
    page.wait_for_function(f"{OPEN} === 0")
    newest = service.ask("GET", "/tracklists?limit=1")["tracklists"][0]["id"]
    for _ in range(50):
        kept = service.ask("GET", f"/tracklists/{newest}")
        if kept["status"] == "done":
            break
        page.wait_for_timeout(200)
    named = [segment["title"] for segment in kept["segments"] if segment["kind"] == "track"]
    assert named == [music.song(0).title, music.song(1).title]


def test_the_seconds_before_the_button_are_used_and_kept_here(page: Page, service: Service, music: Music) -> None:
    sent: list[str] = []
    page.on("request", lambda request: request.method == "POST" and sent.append(request.url))
    page.goto("/")
    assert page.evaluate(OPEN) == 0
    page.get_by_label("Begin 5 seconds before the button").check()
    expect(page.get_by_text("The microphone is open.")).to_be_visible()
    page.wait_for_function(f"{OPEN} === 1")
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    page.wait_for_function(f"{OPEN} === 0")  # another view is shown
    page.get_by_role("link", name="Listen", exact=True).click()
    expect(page.get_by_text("The microphone is open.")).to_be_visible()
    page.wait_for_timeout(4000)  # of music that is over when the button is pressed
    assert sent == []
    page.get_by_role("button", name="Listen for").click()
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    expect(page.get_by_label("The recording")).to_be_visible()
    page.wait_for_function(f"{OPEN} === 0")
    tag = service.ask("GET", f"/tags/{page.url.rpartition('/')[2]}")
    assert 3.5 <= tag["duration_s"] <= 10.0
