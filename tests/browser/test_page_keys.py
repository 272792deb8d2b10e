"""What the page shows to whom: with a key for everything, with one for tagging, and without any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.harness import Music, Service, drop, open_context, running


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, chromium: Playwright, music: Music) -> Iterator[Service]:
    """Run a service with one song, whose keys are in ``keys``."""
    with running(tmp_path_factory.mktemp("keyed")) as own:
        own.enroll(music.track(0))
        for role in ("admin", "tag"):
            secret = re.search(r"ek_\S+", own.command("keys", "create", role, "--role", role))
            assert secret
            (own.folder / role).write_text(secret[0])
        yield own


def visit(browser: Browser, service: Service, role: str | None = None) -> Page:
    """Open a page of a browser that has a key, or none."""
    page = open_context(browser, service).new_page()
    page.wait_for_timeout(1100)  # the service looks for new keys once a second
    if role:
        page.add_init_script(f"localStorage.setItem('earmark.key', '{(service.folder / role).read_text()}')")
    return page


def test_a_key_for_tagging_sees_its_own_history_and_changes_nothing(
    browser: Browser, keyed: Service, music: Music
) -> None:
    page = visit(browser, keyed, "tag")
    page.goto("/")
    expect(page.get_by_role("link", name="History")).to_be_visible()
    drop(page, music.snippet(0, 21.0))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    expect(page.locator("em-agreement-chart svg[role=img]")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    own = page.url
    page.get_by_role("link", name="Earmark, start").click()
    expect(page.get_by_role("heading", name="Recent")).to_be_visible()
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator(".rows li")).to_have_count(1)
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.locator(".tracks li")).to_have_count(1)
    for name in ("Add tracks", "Edit", "Delete"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.locator("input[type=file]")).to_have_count(0)
    page.get_by_role("link", name="Tracklists").click()
    expect(page.get_by_text("There are no tracklists yet.")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)
    page.get_by_role("link", name="Labels").click()
    expect(page.get_by_role("article", name="genre gtzan-10")).to_be_visible()
    for name in ("Let it answer", "Back to the model before"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.close()

    # Without the key the tag is nobody's to see; the administrator sees it.
    stranger = visit(browser, keyed)
    stranger.goto(own)
    expect(stranger.get_by_role("heading", name="No such tag")).to_be_visible()
    stranger.context.close()
    admin = visit(browser, keyed, "admin")
    admin.goto(own)
    expect(admin.get_by_role("button", name="Delete")).to_be_visible()
    admin.context.close()


def test_without_a_key_one_may_tag_and_is_not_asked_for_one(browser: Browser, keyed: Service, music: Music) -> None:
    page = visit(browser, keyed)
    page.goto("/")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for name in ("History", "Tracklists"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    drop(page, music.snippet(0, 21.0))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    page.context.close()


def test_a_key_is_asked_for_where_the_service_wants_one(browser: Browser, keyed: Service, music: Music) -> None:
    page = visit(browser, keyed)
    page.goto("/history")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="A key is needed")).to_be_visible()
    dialog.get_by_label("Key", exact=True).fill((keyed.folder / "admin").read_text())
    dialog.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto("/library")
    page.locator(".library-tools input[type=file]").set_input_files(music.track(1))
    expect(page.locator(".upload[data-state=added]")).to_contain_text(music.song(1).title)
    page.context.close()


def test_a_key_that_was_revoked_is_said_to_be(browser: Browser, keyed: Service) -> None:
    secret = re.search(r"ek_\S+", keyed.command("keys", "create", "lost"))
    assert secret
    (keyed.folder / "lost").write_text(secret[0])
    keyed.command("keys", "revoke", secret[0][:11])
    page = visit(browser, keyed, "lost")
    page.goto("/")
    expect(page.get_by_role("dialog").get_by_role("heading", name="This key is not valid")).to_be_visible()
    page.context.close()


def test_where_nothing_is_taken_without_a_key_the_start_says_so(
    browser: Browser, tmp_path: Path, chromium: Playwright
) -> None:
    with running(tmp_path / "closed", EARMARK_OPEN_TAGGING="no") as closed:
        closed.command("keys", "create", "me", "--role", "admin")
        page = visit(browser, closed)
        page.goto("/")
        expect(page.get_by_text("This service asks for a key before it listens.")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Enter a key").click()
        expect(page.get_by_role("dialog").get_by_role("heading", name="A key is needed")).to_be_visible()
        page.context.close()
