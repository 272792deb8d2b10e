"""Without a connection: the page opens, keeps recordings if asked, and identifies them later with the time of each."""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.harness import (
    Music,
    Service,
    Watch,
    launch,
    microphone_flags,
    open_context,
    running,
    violations,
)


def choose(page: Page, file: object) -> None:
    page.locator("em-capture input[type=file]").set_input_files(str(file))


def keep(page: Page) -> None:
    """Ask for what could not be sent to be kept."""
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.get_by_role("button", name="Keep it for later").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_kept_recordings_survive_the_page_and_are_identified_with_their_time(
    page: Page, service: Service, music: Music, watch: Watch
) -> None:
    watch.expect("ERR_")
    page.goto("/")
    page.route("**/api/v1/tags", lambda route: route.abort())
    choose(page, music.snippet(1, 17.0))
    keep(page)
    kept = page.locator("em-waiting li")
    expect(kept).to_have_count(1)
    expect(kept).to_contain_text("Waiting on this device for a connection")
    assert violations(page) == []
    made = kept.locator("time").get_attribute("datetime")
    assert made is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made)

    page.unroute("**/api/v1/tags")
    page.reload()
    expect(kept).to_have_count(1)
    page.get_by_role("button", name="Identify now").click()
    expect(page.locator("em-waiting em-tag-row")).to_contain_text(music.song(1).title)
    expect(page.locator("em-waiting em-tag-row")).to_contain_text("recorded")
    page.locator("em-waiting em-tag-row a").click()
    page.wait_for_url("**/tags/*")
    expect(page.locator("article.verdict time")).to_have_attribute("datetime", made)
    assert service.ask("GET", f"/tags/{page.url.rpartition('/')[2]}")["recorded"] == made
    page.goto("/")
    expect(page.get_by_role("heading", name="What’s playing?")).to_be_visible()
    expect(page.locator("em-waiting li")).to_have_count(0)


def test_the_connection_comes_back_by_itself(page: Page, service: Service, music: Music, watch: Watch) -> None:
    watch.expect("ERR_")
    page.goto("/")
    page.get_by_label("Keep the sound on this device").check()
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    for start_s in (3.0, 21.0):
        choose(page, music.snippet(2, start_s))
        keep(page)
    expect(page.locator("em-waiting li.kept")).to_have_count(2)
    page.context.set_offline(False)
    expect(page.locator("em-waiting em-tag-row")).to_have_count(2, timeout=60_000)
    expect(page.locator("em-waiting li.kept")).to_have_count(0)
    expect(page.locator("em-waiting")).to_contain_text(music.song(2).title)


def test_what_is_kept_can_be_deleted(page: Page, music: Music, watch: Watch) -> None:
    watch.expect("ERR_")
    page.goto("/")
    page.route("**/api/v1/tags", lambda route: route.abort())
    choose(page, music.snippet(1, 17.0))
    keep(page)
    page.get_by_role("button", name="Delete the recording").click()
    expect(page.locator("em-waiting li")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("heading", name="What’s playing?")).to_be_visible()
    expect(page.locator("em-waiting li")).to_have_count(0)


# --- opening the page without a connection -----------------------------------------------------------------------


def worker_ready(page: Page) -> None:
    """Wait until the page would open without a connection."""
    page.wait_for_function("() => navigator.serviceWorker.controller?.state === 'activated'")


def test_the_page_opens_without_the_service_and_what_it_keeps_is_tagged_when_that_is_back(
    chromium: Playwright, music: Music, watch: Watch, tmp_path: Path
) -> None:
    watch.expect("ERR_CONNECTION_REFUSED")
    browser = launch(chromium, *microphone_flags(music.snippet(2, 8.0, 14.0)))
    with running(tmp_path) as service:
        service.enroll(music.track(2))
        profile = open_context(browser, service, permissions=["microphone"], service_workers="allow")
        page = profile.new_page()
        page.goto("/")
        worker_ready(page)
        # Only files of the page are kept: no answer, and so no key and no role.
        kept = page.evaluate(
            "async () => { const cache = await caches.open((await caches.keys())[0]);"
            "  return (await cache.keys()).map(request => new URL(request.url).pathname) }"
        )
        assert "/main.js" in kept
        assert not [path for path in kept if path.startswith("/api")]
        page.close()
        service.stop()

        page = profile.new_page()
        page.goto("/?from=home")
        expect(page.get_by_role("heading", name="What’s playing?")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("There is no connection to the service")
        assert violations(page) == []
        page.get_by_role("link", name="History", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
        page.get_by_role("link", name="Listen", exact=True).click()
        page.get_by_role("button", name="Listen for 5 seconds").click()
        expect(page.get_by_role("button", name="Stop and tag now")).to_be_visible()
        keep(page)
        page.reload()
        expect(page.locator("em-waiting li.kept")).to_have_count(1)

        service.start()
        expect(page.locator("em-waiting em-tag-row")).to_contain_text(music.song(2).title)
        expect(page.locator("em-waiting li.kept")).to_have_count(0)
        expect(page.get_by_text("There is no connection to the service")).to_have_count(0)
    browser.close()


def test_what_else_is_served_at_the_address_is_shown_at_once_and_rid_of_the_worker(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path / "service") as service:
        profile = open_context(browser, service, service_workers="allow")
        page = profile.new_page()
        page.goto("/")
        worker_ready(page)
    other = tmp_path / "other"
    other.mkdir()
    (other / "index.html").write_text("<title>Something else</title>")
    with ThreadingHTTPServer(
        ("127.0.0.1", int(service.url.rpartition(":")[2])), partial(SimpleHTTPRequestHandler, directory=str(other))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto("/")
        expect(page).to_have_title("Something else")
        page.wait_for_function("async () => (await navigator.serviceWorker.getRegistrations()).length === 0")
        page.wait_for_function("async () => (await caches.keys()).length === 0")
        server.shutdown()
    profile.close()
