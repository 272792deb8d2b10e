"""A tag of ten thousand measurements and a tracklist of twelve hours: drawn piece by piece, in the end as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from bench.measure.smooth import HOURS, PLACE_S, segments, store_tag, store_tracklist
from classifier.store import open_store
from tests.browser.harness import Service, Watch, each, open_context


@pytest.fixture(scope="module")
def long(service: Service) -> Iterator[dict[str, str]]:
    """Store both for as long as the module's tests last; return their addresses."""
    with closing(open_store(f"sqlite:///{service.folder}/earmark.sqlite")) as store:
        addresses = {"tag": f"/tags/{store_tag(store)}", "tracklist": f"/tracklists/{store_tracklist(store)}"}
    yield addresses
    for address in addresses.values():
        service.ask("DELETE", address)


def test_twelve_hours_are_listed_drawn_and_tabled(page: Page, long: dict[str, str]) -> None:
    heard = segments()
    n_tracks = sum(segment.kind == "track" for segment in heard)
    page.goto(long["tracklist"])
    rows = page.locator(".segment-list li")
    expect(rows).to_have_count(len(heard))
    chart = page.locator("svg.tracklist-chart")
    expect(chart).to_have_attribute("aria-label", re.compile(rf"^{HOURS}:00:00 with {n_tracks} tracks, "))
    bars = sum((path.get_attribute("d") or "").count("M") for path in each(page.locator(".stretch .body")))
    assert len(heard) <= bars <= len(heard) + HOURS  # one that goes on in the next row has a bar in both
    assert page.locator(".tracklist-chart *").count() < 300  # not one by one
    assert page.locator("table").count() == 0  # nobody has opened it

    # From the end of the timeline to the end of the list, far below.
    page.get_by_label("Cursor in the recording").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(rows.last).to_be_focused()
    expect(rows.last).to_be_in_viewport()
    expect(page.locator(".segment-list .active")).to_have_count(1)
    rows.last.locator(".correct").focus()
    page.keyboard.press("Shift+Tab")
    expect(rows.nth(-2).locator(".correct")).to_be_focused()
    expect(rows.nth(-2)).to_be_in_viewport()

    page.get_by_text("As a table").click()
    table = page.locator("em-tracklist-chart table")
    expect(table.locator("tbody tr")).to_have_count(100)
    page.get_by_label("Rows").select_option(f"701 to {len(heard)} of {len(heard)}")
    expect(table.locator("tbody tr")).to_have_count(len(heard) - 700)
    expect(table.locator("thead th")).to_have_count(9)
    last = [segment for segment in heard if segment.kind == "track"][-1]
    expect(table.locator("tr", has_text=f"{last.title} by {last.artist}").last).to_contain_text("as recorded")


@pytest.mark.parametrize("width", [320, 1280])
def test_ten_thousand_points_keep_their_one_peak(
    browser: Browser, service: Service, watch: Watch, long: dict[str, str], width: int
) -> None:
    page = open_context(browser, service, viewport={"width": width, "height": 740}).new_page()
    watch.follow(page)
    watch.expect("404")  # the track that it names is in no library
    page.goto(long["tag"])
    if width < 720:
        page.get_by_text("How do we know?").click()
    lanes = page.locator("em-agreement-chart")
    place = "29:37.0"
    expect(lanes.locator("svg")).to_have_attribute("aria-label", re.compile(f"Highest agreement 0.71 .* at {place}"))
    assert round(PLACE_S) == 29 * 60 + 37
    for line in each(lanes.locator("path.line")):  # thinned to the pixels
        points = (line.get_attribute("d") or "").count("L")
        assert 0.5 * width < points < 4.5 * width
    expect(lanes.locator(".peak-label")).to_have_text([place, place])
    cursor = page.get_by_label("Cursor in the track")
    cursor.focus()
    page.keyboard.press("End")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile("^53:1.*agreement .*, divergence .* nats"))
    page.get_by_label("Around the peak").click()
    cursor.focus()
    expect(cursor).to_have_attribute("aria-valuetext", re.compile("^29:(39|40)"))
    page.keyboard.press("Home")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile("^29:3[34]"))
    lanes.get_by_text("As a table").click()
    expect(lanes.locator("tbody tr")).to_have_count(10)
    expect(lanes.locator("tbody tr").first).to_contain_text("0.710")
    page.context.close()
