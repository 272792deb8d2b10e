"""The page in Chromium against the real service: one of each for all tests, and a watched page for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.browser.harness import CHROMIUM, TIMEOUT_MS, Music, Service, Watch, launch, open_context, running

REQUIRE_ALL = os.environ.get("EARMARK_REQUIRE_ALL") == "1"
expect.set_options(timeout=TIMEOUT_MS)
ENROLLED = (0, 1, 2)
"""Songs that the library holds; the others are unknown to it."""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Playwright]:
    """Playwright, where there is a Chromium to drive."""
    if not CHROMIUM:
        assert not REQUIRE_ALL, "no chromium: install Debian's package, or set CHROMIUM"
        pytest.skip("no chromium: install Debian's package, or set CHROMIUM")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(chromium: Playwright) -> Iterator[Browser]:
    """A Chromium without a microphone."""
    browser = launch(chromium)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def music(tmp_path_factory: pytest.TempPathFactory) -> Music:
    """Six songs."""
    return Music(tmp_path_factory.mktemp("music"), 6)


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory, chromium: Playwright, music: Music) -> Iterator[Service]:
    """The service, with three of the songs."""
    with running(
        tmp_path_factory.mktemp("service"),
        EARMARK_ALLOWED_HOSTS="127.0.0.1,localhost,earmark.test",
    ) as service:
        service.enroll(*(music.track(index) for index in ENROLLED))
        yield service


@pytest.fixture
def watch(service: Service) -> Iterator[Watch]:
    """Complaints of all pages of a test; there must be none at its end."""
    watch = Watch(service.url)
    yield watch
    assert watch.complaints() == []


@pytest.fixture
def page(browser: Browser, service: Service, watch: Watch) -> Iterator[Page]:
    """A watched page on a desktop."""
    context = open_context(browser, service)
    page = context.new_page()
    watch.follow(page)
    yield page
    context.close()
