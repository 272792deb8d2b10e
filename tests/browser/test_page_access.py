"""Every view, on phone and desktop, light and dark: axe finds nothing, nothing overflows, nothing moves on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import Music, Service, Watch, open_context, running, unfold, violations

SCREENS = {
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
    },
    "desktop": {"viewport": {"width": 1280, "height": 860}},
}


@pytest.fixture(scope="module")
def addresses(service: Service, music: Music) -> dict[str, str]:
    """Where each view is; tags of both kinds among them."""
    known, unknown = (
        service.identify(music.snippet(1, 9.0)),
        service.identify(music.snippet(4, 9.0)),
    )
    assert known["verdict"] == "identified"
    assert unknown["verdict"] == "no_match"
    by_divergence = service.ask(
        "POST",
        "/tags?method=kl",
        [("snippet", "a.wav", music.snippet(1, 9.0).read_bytes())],
    )
    return {
        "listen": "/",
        "identified": f"/tags/{known['id']}",
        "unknown": f"/tags/{unknown['id']}",
        "divergence": f"/tags/{by_divergence['id']}",
        "no-such-tag": "/tags/0000",
        "history": "/history",
        "library": "/library",
        "nothing-found": "/library?search=zzzz",
        "not-found": "/nowhere",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize(
    "view",
    [
        "listen",
        "identified",
        "unknown",
        "divergence",
        "no-such-tag",
        "history",
        "library",
        "nothing-found",
        "not-found",
    ],
)
def test_view_is_accessible(
    browser: Browser,
    service: Service,
    watch: Watch,
    addresses: dict[str, str],
    view: str,
    screen: str,
    scheme: str,
) -> None:
    if view == "no-such-tag":
        watch.expect("404")
    context = open_context(browser, service, color_scheme=scheme, **SCREENS[screen])
    page = context.new_page()
    watch.follow(page)
    page.goto(addresses[view])
    page.wait_for_load_state("networkidle")
    expect(page.locator("h1").first).to_be_visible()
    unfold(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()


def edit(page: Page) -> None:
    page.goto("/library")
    page.get_by_role("button", name="Edit").first.click()


def remove(page: Page) -> None:
    page.goto("/library")
    page.get_by_role("button", name="Delete").first.click()
    expect(page.get_by_role("complementary", name="Undo")).to_be_visible()


def key(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Key").click()


def trouble(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Listen for").click()
    expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("act", [edit, remove, key, trouble])
def test_what_opens_is_accessible(
    browser: Browser,
    service: Service,
    watch: Watch,
    act: Callable[[Page], None],
    scheme: str,
) -> None:
    context = open_context(browser, service, color_scheme=scheme, **SCREENS["phone"])
    page = context.new_page()
    watch.follow(page)
    act(page)
    assert violations(page) == []
    if act is remove:  # the library is all tests'
        page.get_by_role("button", name="Undo").click()
    context.close()


def test_uploading_is_accessible(browser: Browser, service: Service, music: Music, watch: Watch) -> None:
    context = open_context(browser, service, **SCREENS["phone"])
    page = context.new_page()
    watch.follow(page)
    page.goto("/library")
    page.locator(".library-tools input[type=file]:not([webkitdirectory])").set_input_files(music.track(0))
    expect(page.locator(".upload")).to_be_visible()
    assert violations(page) == []
    context.close()


def test_nothing_moves_for_who_asks_for_that(browser: Browser, service: Service, music: Music, watch: Watch) -> None:
    context = open_context(browser, service, reduced_motion="reduce")
    page = context.new_page()
    watch.follow(page)
    page.goto("/")
    page.route("**/api/v1/tags", lambda route: None)  # never answered: it stays at comparing
    page.locator("em-capture input[type=file]").set_input_files(music.snippet(0, 21.0))
    expect(page.get_by_role("list", name="Steps")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Listen for 5 seconds")).to_be_visible()
    page.unroute("**/api/v1/tags")
    context.close()


ARABIC = "أغنية البحر (live)"
LONG = "A title that somebody pasted from a page, with every remark on it, " * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_windows_and_titles_from_right_to_left(
    browser: Browser, tmp_path: Path, music: Music, watch: Watch, scheme: str
) -> None:
    """320 px are 1280 at 400 %; a title is laid out in its own direction, and a long one is cut after three lines."""
    with running(tmp_path) as own:
        own.enroll(music.track(0), music.track(1))
        tracks = own.ask("GET", "/tracks")["tracks"]
        context = open_context(browser, own, color_scheme=scheme, viewport={"width": 320, "height": 256})
        page = context.new_page()
        for track, title in zip(tracks, (ARABIC, LONG), strict=True):
            answer = context.request.patch(
                f"/api/v1/tracks/{track['id']}",
                data={"title": title.strip()},
                headers={"Content-Type": "application/merge-patch+json"},
            )
            assert answer.ok, answer.text()
        named = own.identify(music.snippet(0, 9.0))
        for address in (
            *("/", "/history", "/library", f"/tracks/{tracks[0]['id']}", f"/tags/{named['id']}", "/live"),
            *("/batch", "/tracklists", "/labels", "/experiments", "/system", "/keys", "/catalogues"),
        ):
            page.goto(address)
            page.wait_for_load_state("networkidle")
            expect(page.locator("h1").first).to_be_visible()
            assert violations(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
        page.goto("/library")
        title = page.locator(".row-title", has_text="أغنية")
        assert title.evaluate("e => getComputedStyle(e).direction") == "rtl"
        other = page.locator(".row-title", has_text="A title")
        assert other.evaluate("e => getComputedStyle(e).direction") == "ltr"
        lines = other.evaluate("e => e.clientHeight / parseFloat(getComputedStyle(e).lineHeight)")
        assert lines < 3.5
        assert page.locator(".views").evaluate("e => getComputedStyle(e).position") == "static"
        context.close()
