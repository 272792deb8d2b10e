"""The view of the service: health in words, what it counts, and what it says when it is gone."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import Music, Service, Watch, open_context, running, unfold, violations


def test_health_is_said_and_counted(page: Page, service: Service, music: Music) -> None:
    service.identify(music.snippet(0, 7.0))
    page.goto("/")
    page.get_by_role("link", name="System").click()
    health = page.get_by_role("region", name="Health")
    expect(health).to_contain_text("Everything is ready")
    expect(health).to_contain_text("Every track of the library can be found")
    n_tracks = service.ask("GET", "/tracks?limit=1")["total"]
    tracks = page.get_by_role("region", name="Tracks")
    expect(tracks.locator("tr", has_text="default").locator("td")).to_have_text(str(n_tracks))
    stages = page.locator("em-bars-chart", has=page.get_by_role("heading", name="Where the time goes"))
    stages.locator("summary").click()
    expect(stages.locator("tbody tr", has_text="align")).to_have_count(1)
    routes = page.get_by_role("region", name="Answers by address", exact=True)
    expect(routes.locator("th", has_text=re.compile(r"^\s*/api/v1/tags\s*$"))).not_to_have_count(0)
    rate = page.locator("em-series-chart").first.locator("svg[role=img]")  # it needs two looks
    expect(rate).to_have_attribute("aria-label", re.compile(r"^[1-9][0-9.]* requests a minute"))


def test_devices_lead_to_what_they_recorded(page: Page, service: Service, music: Music) -> None:
    for device, song in (("Bar, left", 0), ("Bar, left", 5), ("Студия", 1)):
        snippet = music.snippet(song, 9.0)
        service.ask("POST", f"/tags?device={quote(device)}", [("snippet", snippet.name, snippet.read_bytes())])
    page.goto("/system")
    table = page.get_by_role("region", name="Devices, table")
    row = table.locator("tr", has_text="Bar, left")
    expect(row.locator("td")).to_have_text(["2", re.compile("20"), "50\u202f%", "0\u202f%", "50\u202f%"])
    expect(table.locator("tr", has_text="Студия").locator("td").nth(2)).to_have_text("100\u202f%")
    assert violations(page) == []
    row.get_by_role("link").click()
    page.wait_for_url("**/history?device=Bar,%20left")
    expect(page.get_by_text("What the device Bar, left sent.")).to_be_visible()
    expect(page.locator(".rows li")).to_have_count(2)
    page.get_by_role("button", name="Show all devices").click()
    page.get_by_text("Devices", exact=True).click()
    expect(table.locator("tbody tr")).to_have_count(2)
    assert violations(page) == []


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_view_is_accessible(browser: Browser, service: Service, watch: Watch, width: int, scheme: str) -> None:
    page = open_context(browser, service, color_scheme=scheme, viewport={"width": width, "height": 740}).new_page()
    watch.follow(page)
    page.goto("/system")
    expect(page.get_by_role("region", name="Health")).to_contain_text("ready")
    unfold(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.context.close()


def test_it_is_said_when_the_service_is_gone(browser: Browser, tmp_path: Path) -> None:
    with running(tmp_path) as own:
        page = open_context(browser, own).new_page()
        page.goto("/system")
        expect(page.get_by_role("region", name="Health")).to_contain_text("Everything is ready")
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.context.close()
