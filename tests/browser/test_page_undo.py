"""What was done on the page can be taken back for some seconds; what cannot be restored is deleted only then."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.harness import Music, Service, Watch, open_context, running, violations

FOUND_WITHIN_S = 20.0


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, music: Music) -> Iterator[Service]:
    """A service of four songs."""
    with running(tmp_path_factory.mktemp("undo")) as service:
        service.enroll(*(music.track(index) for index in range(4)))
        yield service


@pytest.fixture
def watch(own: Service) -> Iterator[Watch]:
    """Complaints of the page; there must be none at the end."""
    watch = Watch(own.url)
    yield watch
    assert watch.complaints() == []


@pytest.fixture
def page(browser: Browser, own: Service, watch: Watch) -> Iterator[Page]:
    """A watched page."""
    context = open_context(browser, own)
    page = context.new_page()
    watch.follow(page)
    yield page
    context.close()


def bar(page: Page) -> Locator:
    """Return what offers to take something back."""
    return page.get_by_role("complementary", name="Undo")


def tracks(own: Service) -> dict[str, Any]:
    """Return the library's tracks by title."""
    return {track["title"]: track for track in own.ask("GET", "/tracks")["tracks"]}


def gone(own: Service, path: str) -> bool:
    """Return whether the service comes to know nothing at a path."""
    deadline = time.monotonic() + FOUND_WITHIN_S
    while time.monotonic() < deadline:
        try:
            own.ask("GET", path)
        except urllib.error.HTTPError as error:
            return error.code == 404
        time.sleep(0.1)
    return False


def test_a_deleted_track_comes_back_with_a_click_or_a_key(page: Page, own: Service, music: Music) -> None:
    title = music.song(0).title
    page.goto("/library")
    row = page.locator(".tracks li", has_text=title)
    delete = row.get_by_role("button", name="Delete")
    delete.press("Enter")
    expect(row).to_have_count(0)
    expect(page.locator(".total")).to_have_text("3 tracks")
    expect(bar(page)).to_contain_text(f"“{title}” is deleted. To have it again later, you will need its file.")
    expect(page.locator("[aria-live]")).to_contain_text("Control Z undoes it.")
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], (width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    bar(page).get_by_role("button", name="Undo").press("Enter")
    expect(delete).to_be_focused()
    expect(bar(page)).to_have_count(0)
    expect(page.locator("[aria-live]")).to_contain_text(f"Undone: “{title}” is deleted.")
    delete.press("Enter")
    expect(row).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(row).to_have_count(1)
    assert title in tracks(own)


def test_several_deletions_are_taken_back_last_first(page: Page, own: Service, music: Music) -> None:
    page.goto("/library")
    rows = [page.locator(".tracks li", has_text=music.song(index).title) for index in (0, 1)]
    for row in rows:
        row.get_by_role("button", name="Delete").click()
        expect(row).to_have_count(0)
    bar(page).get_by_role("button", name="Undo").click()
    expect(rows[1]).to_have_count(1)
    expect(rows[0]).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(rows[0]).to_have_count(1)
    page.get_by_role("checkbox", name="Mark all shown").check()
    page.get_by_role("button", name="Delete 4").click()
    expect(page.get_by_text("The library is empty.")).to_be_visible()
    expect(bar(page)).to_contain_text("4 tracks are deleted.")
    page.keyboard.press("Control+z")
    expect(page.locator(".tracks li")).to_have_count(4)
    assert len(tracks(own)) == 4


def test_an_edit_is_undone_without_a_trace(page: Page, own: Service, music: Music, watch: Watch) -> None:
    before = tracks(own)[music.song(1).title]
    page.goto("/library")
    page.get_by_role("button", name=f"Edit {before['title']}").click()
    page.get_by_role("textbox", name="Title").fill("Otherwise")
    page.get_by_role("textbox", name="Artist").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".tracks li", has_text="Otherwise")).to_be_visible()
    expect(bar(page)).to_contain_text(f"“{before['title']}” is changed.")
    bar(page).get_by_role("button", name="Undo").click()
    expect(page.locator(".tracks li", has_text=before["title"])).to_be_visible()
    assert tracks(own)[before["title"]] == before  # nor does anything count as set by hand

    # What somebody else changed meanwhile is not overwritten.
    watch.expect("412")
    page.get_by_role("button", name=f"Edit {before['title']}").click()
    page.get_by_role("textbox", name="Artist").fill("Me")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".tracks li", has_text=before["title"])).to_contain_text("Me")
    assert tracks(own)[before["title"]]["by_hand"] == ["artist"]
    own.change(f"/tracks/{before['id']}", {"album": "Theirs"})
    bar(page).get_by_role("button", name="Undo").click()
    expect(bar(page).get_by_role("alert")).to_contain_text("Someone else changed this")
    assert (tracks(own)[before["title"]]["artist"], tracks(own)[before["title"]]["album"]) == ("Me", "Theirs")
    own.change(f"/tracks/{before['id']}", {name: before[name] for name in ("artist", "album", "by_hand")})


def test_time_stands_still_for_whoever_is_at_the_button(page: Page, own: Service, music: Music) -> None:
    tag = own.identify(music.snippet(0, 20.0))
    page.clock.install()
    page.goto("/history")
    page.get_by_role("button", name="Delete tag").first.click()
    undo = bar(page).get_by_role("button", name="Undo")
    undo.focus()
    page.clock.fast_forward(60_000)
    expect(undo).to_be_visible()
    assert own.ask("GET", f"/tags/{tag['id']}")["id"] == tag["id"]
    page.get_by_role("searchbox").focus()
    page.clock.fast_forward(10_500)
    expect(bar(page)).to_have_count(0)
    assert gone(own, f"/tags/{tag['id']}")


@pytest.mark.parametrize("where", ["another view", "nowhere"])
def test_leaving_makes_a_deletion_final(page: Page, own: Service, music: Music, where: str) -> None:
    tag = own.identify(music.snippet(0, 20.0))
    page.goto("/history")
    page.get_by_role("button", name="Delete tag").first.click()
    expect(bar(page)).to_be_visible()
    assert own.ask("GET", f"/tags/{tag['id']}")["id"] == tag["id"]
    if where == "nowhere":
        page.close()
    else:
        page.get_by_role("navigation", name="Views").get_by_role("link", name="Listen").click()
        expect(bar(page)).to_have_count(0)
    assert gone(own, f"/tags/{tag['id']}")


def test_what_cannot_be_deleted_comes_back_and_says_why(page: Page, watch: Watch, music: Music) -> None:
    watch.expect("ERR_INTERNET_DISCONNECTED")
    page.goto("/library")
    row = page.locator(".tracks li", has_text=music.song(2).title)
    row.get_by_role("button", name="Delete").click()
    page.context.set_offline(True)
    bar(page).get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    expect(row).to_have_count(1)
    page.context.set_offline(False)
