"""The page in Chromium against the real service: one of each for all tests, and a watched page for every test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

sys.path.insert(0, str(Path(__file__).parent))
from browser_harness import CHROMIUM, Music, Service, launch, running

REQUIRE_ALL = os.environ.get("EARMARK_REQUIRE_ALL") == "1"
TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)
ENROLLED = (0, 1, 2)
"""Songs that the library holds; the others are unknown to it."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Playwright]:
    """Playwright, where there is a Chromium to drive."""
    if not CHROMIUM:
        assert not REQUIRE_ALL, "no chromium: install Debian's package, or set CHROMIUM"
        pytest.skip("no chromium: install Debian's package, or set CHROMIUM")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(chromium: Playwright) -> Iterator[Browser]:
    """A Chromium without a microphone."""
    browser = launch(chromium)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Music:
    """Six songs."""
    return Music(tmp_path_factory.mktemp("music"), 6)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, chromium: Playwright, music: Music) -> Iterator[Service]:
    """The service, with three of the songs."""
    with running(
        tmp_path_factory.mktemp("service"),
        EARMARK_ALLOWED_HOSTS="127.0.0.1,localhost,earmark.test",
    ) as service:
        service.enroll(*(music.track(index) for index in ENROLLED))
        yield service


class Watch:
    """What goes wrong on a page without being seen: console errors, exceptions, foreign addresses."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._complaints: list[str] = []
        self._expected: list[str] = []

    def follow(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on(
            "console",
            lambda message: message.type in ("error", "warning") and self._complain(message.text),
        )
        page.on("pageerror", lambda error: self._complain(f"exception: {error}"))
        page.on("request", lambda request: self._address(request.url))

    def _complain(self, text: str) -> None:
        self._complaints.append(text)

    def _address(self, url: str) -> None:
        if not url.startswith((self._own, "data:", "blob:")):
            self._complain(f"foreign address: {url}")

    def expect(self, text: str) -> None:
        """Let complaints that contain ``text`` pass: a refusal that the test provokes is reported by the browser."""
        self._expected.append(text)

    def complaints(self) -> list[str]:
        """Return what nobody expected."""
        return [text for text in self._complaints if not any(part in text for part in self._expected)]


@pytest.fixture
def watch(service: Service) -> Iterator[Watch]:
    """Complaints of all pages of a test; there must be none at its end."""
    watch = Watch(service.url)
    yield watch
    assert watch.complaints() == []


def open_context(browser: Browser, service: Service, **options: Any) -> BrowserContext:
    """Open a browser profile that starts at the service."""
    context = browser.new_context(base_url=service.url, **{"viewport": {"width": 1280, "height": 860}, **options})
    context.set_default_timeout(TIMEOUT_MS)
    return context


@pytest.fixture
def page(browser: Browser, service: Service, watch: Watch) -> Iterator[Page]:
    """A watched page on a desktop."""
    context = open_context(browser, service)
    page = context.new_page()
    watch.follow(page)
    yield page
    context.close()


AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe finds on the page as it is, one line a rule."""
    found = page.evaluate(
        f"async rules => {{ {AXE}; return (await axe.run({{runOnly: rules}})).violations }}",
        RULES,
    )
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in found]
