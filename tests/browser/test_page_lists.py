"""Long lists: what is asked for is in the address, a page at a time; order, choices, marks, pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from classifier.records import labels, tracklists
from classifier.records.tracklist_writing import Writer
from classifier.store import open_store
from tests.browser.harness import Music, Service, Watch, open_context, running, violations

TRACKS = 27
"""Two more than a page holds."""
LENGTH_S = 8.0
AT = "2026-03-04T20:15:00Z"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of 27 short tracks: three artists in turn, and labels on some."""
    music = Music(tmp_path_factory.mktemp("shelf-music"), TRACKS, LENGTH_S)
    with running(tmp_path_factory.mktemp("shelf")) as service:
        service.enroll(*(music.track(index) for index in range(TRACKS)))
        store = open_store(f"sqlite:///{service.folder}/earmark.sqlite")
        for number, track in enumerate(service.ask("GET", "/tracks?limit=500")["tracks"]):
            described = {"title": f"Title {number:02}", "artist": f"Artist {number % 3}", "album": "Only one"}
            service.change(f"/tracks/{track['id']}", described)
            genre = labels.entry("1", "0" * 64, "certain", ["jazz" if number < 5 else "folk"], [("jazz", 0.9)], AT)
            mood = labels.entry("1", "0" * 64, "certain", ["calm"], [("calm", 0.8)], AT)
            labels.put(store, track["id"], {"genre": genre, **({"mood": mood} if number < 2 else {})})
        store.close()
        yield service


@pytest.fixture
def page(browser: Browser, shelf: Service) -> Iterator[Page]:
    """A watched page."""
    context = open_context(browser, shelf)
    page = context.new_page()
    watch = Watch(shelf.url)
    watch.follow(page)
    yield page
    context.close()
    assert watch.complaints() == []


def titles(page: Page) -> Locator:
    """Return the titles that are shown."""
    return page.locator(".tracks .row-title")


def asked(page: Page) -> dict[str, list[str]]:
    """Return the query of the address."""
    return parse_qs(urlsplit(page.url).query)


def test_order_and_place_are_in_the_address_and_back_returns_to_them(page: Page) -> None:
    page.goto("/library")
    expect(page.locator(".total")).to_have_text(f"{TRACKS} tracks")
    expect(titles(page)).to_have_count(25)
    page.get_by_label("Order").select_option("Title, Z to A")
    expect(titles(page).first).to_have_text("Title 26")
    assert asked(page) == {"sort": ["-title"]}
    page.get_by_role("link", name="Next tracks").press("Enter")
    expect(titles(page)).to_have_text(["Title 01", "Title 00"])
    expect(page.locator(".found")).to_be_focused()  # the link is gone with the page
    assert set(asked(page)) == {"sort", "cursor"}
    page.reload()
    expect(titles(page)).to_have_text(["Title 01", "Title 00"])
    titles(page).first.click()
    page.wait_for_url("**/tracks/*")
    page.go_back()
    expect(titles(page)).to_have_text(["Title 01", "Title 00"])
    page.go_back()
    expect(titles(page).first).to_have_text("Title 26")
    page.go_back()
    expect(titles(page).first).to_have_text("Title 00")
    expect(page.get_by_label("Order")).to_have_value("")
    page.go_forward()
    expect(titles(page).first).to_have_text("Title 26")
    page.get_by_role("link", name="Next tracks").click()
    page.get_by_role("link", name="First tracks").click()
    expect(titles(page).first).to_have_text("Title 26")


def test_the_next_page_is_of_the_list_that_is_shown_while_another_is_on_its_way(page: Page) -> None:
    """A cursor is of no other list: an impatient click finds the page that its link stood below."""
    page.goto("/library?sort=-title")
    expect(titles(page).first).to_have_text("Title 26")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/api/v1/tracks\?.*\bsort=artist\b"), hold)
    with page.expect_request(re.compile(r"\bsort=artist\b")):
        page.get_by_label("Order").select_option("Artist, A to Z")
    page.get_by_role("link", name="Next tracks").click()
    expect(titles(page)).to_have_text(["Title 01", "Title 00"])
    assert len(held) == 1
    assert asked(page)["sort"] == ["-title"]
    expect(page.get_by_label("Order")).to_have_value("-title")
    page.unroute_all(behavior="ignoreErrors")


def test_choices_show_how_many_there_are_and_narrow_the_list_down(page: Page) -> None:
    page.goto("/library")
    page.get_by_text("Narrow down").click()
    artist = page.get_by_role("combobox", name="Artist", exact=True)
    labelled = page.get_by_role("combobox", name="Labels")
    expect(artist.locator("option")).to_have_text(["any", "Artist 0 (9)", "Artist 1 (9)", "Artist 2 (9)"])
    counted = ["choose", "genre: folk (22)", "genre: jazz (5)", "mood: calm (2)"]
    expect(labelled.locator("option")).to_contain_text(counted)
    labelled.select_option("genre:jazz")
    expect(page.locator(".total")).to_have_text("5 tracks found")
    expect(artist.locator("option")).to_contain_text(["any", "Artist 0 (2)", "Artist 1 (2)", "Artist 2 (1)"])
    labelled.select_option("mood:calm")
    expect(titles(page)).to_have_text(["Title 00", "Title 01"])
    artist.select_option("Artist 1")
    expect(titles(page)).to_have_text(["Title 01"])
    assert asked(page) == {"label": ["genre:jazz,mood:calm"], "artist": ["Artist 1"]}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme
    page.reload()  # what narrows the list down is in sight
    expect(titles(page)).to_have_text(["Title 01"])
    expect(artist).to_have_value("Artist 1")
    page.get_by_role("button", name="mood: calm").press("Enter")
    expect(titles(page)).to_have_text(["Title 01", "Title 04"])
    expect(labelled).to_be_focused()
    artist.select_option("any")
    expect(titles(page)).to_have_count(5)
    page.go_back()
    expect(titles(page)).to_have_text(["Title 01", "Title 04"])
    page.goto("/library?label=genre:polka")
    expect(page.get_by_text("No track is like that.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(titles(page)).to_have_count(25)


def test_only_the_page_that_is_shown_is_loaded(page: Page) -> None:
    sent: list[str] = []
    page.on("response", lambda answer: "/api/v1/tracks" in answer.url and sent.append(answer.url))
    page.goto("/library")
    expect(titles(page)).to_have_count(25)
    queries = [parse_qs(urlsplit(url).query) for url in sent]
    assert [query["limit"] for query in queries] == [["25"]]
    assert "labels" not in queries[0]["fields"][0]  # nor what rows do not show


def test_rows_are_marked_by_keyboard_and_fit_a_narrow_window(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto("/library?search=title&label=genre:jazz")
    expect(titles(page)).to_have_count(5)
    page.get_by_role("checkbox", name="Mark Title 03").press("Space")
    expect(page.locator(".mark-all")).to_have_text(re.compile("1 marked"))
    page.get_by_role("checkbox", name="1 marked").press("Space")
    expect(page.get_by_role("button", name="Delete 5")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []
    page.get_by_role("checkbox", name="5 marked").press("Space")
    expect(page.get_by_role("button", name=re.compile(r"^Delete \d"))).to_have_count(0)


def test_tracklists_are_searched_ordered_and_paged_like_all_lists(page: Page, shelf: Service) -> None:
    with closing(open_store(f"sqlite:///{shelf.folder}/earmark.sqlite")) as store:
        for number in range(32):
            made = tracklists.create(store, "default", file=f"Evening {number:02}.wav")
            Writer(store, made).heard(60.0 * (32 - number))
            tracklists.change(store, made, status="done")
    rows = page.locator(".rows .row-title")
    page.goto("/tracklists")
    expect(rows.first).to_have_text("Evening 31.wav")
    page.get_by_role("link", name="Older tracklists").press("Enter")
    expect(rows).to_have_text(["Evening 01.wav", "Evening 00.wav"])
    expect(page.locator(".found")).to_be_focused()
    page.get_by_label("Order").select_option("Longest first")
    expect(rows.first).to_have_text("Evening 00.wav")
    page.get_by_role("searchbox").fill("evening 2")
    expect(rows).to_have_count(12)
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert asked(page) == {"sort": ["-duration_s"], "search": ["evening 2"]}
    page.reload()
    expect(rows.first).to_have_text("Evening 02.wav")
    page.get_by_role("searchbox").fill("morning")
    expect(page.get_by_text("Nothing is like that.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(rows.first).to_have_text("Evening 31.wav")
    assert violations(page) == []
