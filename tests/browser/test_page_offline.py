"""Recordings made without a connection: kept if asked, shown, and identified later with the time they were made."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.harness import Music, Service, Watch, violations


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
    expect(page.locator("em-waiting em-tag-row")).to_have_count(2)
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
