"""What a person does on the page, done in Chromium against the real service."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Playwright, Route, expect

from classifier.demo import songs
from tests.browser.harness import (
    TIMEOUT_MS,
    Music,
    Service,
    Watch,
    drawn,
    drop,
    launch,
    microphone_flags,
    open_context,
    settle,
    violations,
)

OFFSET_TOLERANCE_S = 0.15
"""A tenth is what the page shows; half a tenth is what rounding costs."""


def seconds(clock: str) -> float:
    """Turn ``1:23.4`` into seconds."""
    minutes, rest = clock.split(":")
    return 60 * int(minutes) + float(rest)


def choose(page: Page, file: Path) -> None:
    """Choose a recording in the file dialogue."""
    page.locator("em-capture input[type=file]").set_input_files(file)


def verdict(page: Page) -> Any:
    """Wait for a tag's page and return its heading."""
    page.wait_for_url("**/tags/*")
    return page.locator("#verdict-heading")


def test_dropped_snippet_is_named_with_its_place(page: Page, service: Service, music: Music) -> None:
    page.goto("/")
    drop(page, music.snippet(1, 17.0))
    expect(verdict(page)).to_have_text(music.song(1).title)
    expect(page.locator(".artist")).to_contain_text(music.song(1).artist)
    place = page.locator(".headline div", has_text="Place in the track").locator("dd").inner_text()
    assert abs(seconds(place) - 17.0) <= OFFSET_TOLERANCE_S
    sure = page.locator(".headline div").nth(1)
    expect(sure.locator("dt")).to_have_text(re.compile("certain|likely", re.IGNORECASE))
    expect(sure.locator("dd")).to_contain_text("%")
    expect(page.locator("em-track-line svg")).to_have_attribute("aria-label", re.compile("^Heard from 0:17 to 0:2"))
    expect(page.locator("[aria-live]")).to_contain_text(music.song(1).title)
    expect(page).to_have_title(re.compile(re.escape(music.song(1).title)))

    # The charts, and their twins.
    drawn = page.locator("em-agreement-chart svg[role=img]")
    expect(drawn).to_have_attribute(
        "aria-label",
        re.compile(r"starting at 0:1[67]\.\d; the decision threshold is 0\.\d\d"),
    )
    page.locator("em-agreement-chart summary").click()
    expect(page.locator("em-agreement-chart tbody tr").first).to_contain_text("above")
    page.locator("em-nearest-chart summary").click()
    expect(page.locator("em-nearest-chart tbody tr").first).to_contain_text(music.song(1).title)
    expect(page.locator("em-timings tbody tr").first).to_be_visible()
    page.get_by_role("radio", name="Around the peak").check()
    expect(drawn).to_be_visible()

    # The address alone shows the same.
    page.goto(page.url)
    expect(page.locator("#verdict-heading")).to_have_text(music.song(1).title)


def test_recording_from_the_microphone_is_named(
    chromium: Playwright, service: Service, music: Music, watch: Watch
) -> None:
    # The device plays its file from the moment it is opened: enough of it for starting up and five seconds.
    browser = launch(chromium, *microphone_flags(music.snippet(2, 8.0, 14.0)))
    page = open_context(browser, service, permissions=["microphone"]).new_page()
    watch.follow(page)
    page.goto("/")
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(page.get_by_role("button", name="Stop and tag now")).to_be_visible()
    expect(page.locator(".dial-ring line.heard").nth(8)).to_be_attached()
    expect(page.get_by_role("status")).to_contain_text("Listening")
    expect(verdict(page)).to_have_text(music.song(2).title)
    tag = service.ask("GET", f"/tags/{page.url.rpartition('/')[2]}")
    assert 1.0 <= tag["duration_s"] <= 6.0
    assert 8.0 - OFFSET_TOLERANCE_S <= tag["matches"][0]["offset_s"] <= 16.0

    # Once more from here, cancelled.
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(page.locator(".dial-ring line.heard").nth(8)).to_be_attached()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Listen for 5 seconds")).to_be_visible()
    browser.close()


def test_a_recording_stops_by_itself_when_the_track_is_certain(
    chromium: Playwright, service: Service, music: Music, watch: Watch
) -> None:
    browser = launch(chromium, *microphone_flags(music.snippet(2, 8.0, 20.0)))
    page = open_context(browser, service, permissions=["microphone"]).new_page()
    watch.follow(page)
    page.goto("/")
    page.get_by_role("radio", name="10 s").check()
    page.get_by_role("button", name="Listen for 10 seconds").click()
    expect(verdict(page)).to_have_text(music.song(2).title)
    assert service.ask("GET", f"/tags/{page.url.rpartition('/')[2]}")["duration_s"] < 9.0
    browser.close()


def test_a_recording_is_tagged_as_a_whole_where_its_pieces_do_not_get_through(
    chromium: Playwright, service: Service, music: Music
) -> None:
    browser = launch(chromium, *microphone_flags(music.snippet(2, 8.0, 14.0)))
    page = open_context(browser, service, permissions=["microphone"]).new_page()
    page.route("**/api/v1/listens**", lambda route: route.abort())
    page.goto("/")
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(verdict(page)).to_have_text(music.song(2).title)
    assert 4.8 <= service.ask("GET", f"/tags/{page.url.rpartition('/')[2]}")["duration_s"] <= 6.0
    browser.close()


def test_uploaded_song_is_found_at_once_and_gone_when_deleted(
    page: Page, service: Service, music: Music, watch: Watch
) -> None:
    song, heard = music.song(3), music.snippet(3, 11.0)
    page.goto("/")
    choose(page, heard)
    expect(verdict(page)).to_have_text("I don’t know this one")

    page.get_by_role("link", name="Library", exact=True).click()
    broken = heard.with_name("broken.mp3")
    broken.write_bytes(b"no music " * 400)
    with page.expect_response("**/jobs/*/events") as stream:
        page.locator(".library-tools input[type=file]:not([webkitdirectory])").set_input_files([music.track(3), broken])
    assert stream.value.status == 200
    expect(page.locator(".upload[data-state=added]")).to_contain_text(song.title)
    expect(page.locator(".upload[data-state=failed]")).to_contain_text("broken.mp3")
    expect(page.locator(".tracks .row-title", has_text=song.title)).to_be_visible()
    page.locator(".library-tools input[type=file]:not([webkitdirectory])").set_input_files(music.track(3))
    expect(page.locator(".upload[data-state=present]")).to_contain_text("already in the library")

    page.get_by_role("link", name="Listen", exact=True).click()
    choose(page, heard)
    expect(verdict(page)).to_have_text(song.title)

    page.get_by_role("link", name="Library", exact=True).click()
    page.get_by_role("searchbox").fill(song.title[:6].lower())
    expect(page).to_have_url(re.compile(r"search="))
    row = page.locator(".tracks li", has_text=song.title)
    row.get_by_role("button", name="Edit").click()
    page.get_by_role("textbox", name="Title").fill("Renamed by hand")
    page.get_by_role("textbox", name="Album").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.get_by_role("searchbox").fill("renamed by")
    row = page.locator(".tracks li", has_text="Renamed by hand")
    expect(row).to_be_visible()
    page.get_by_role("link", name="Listen", exact=True).click()
    choose(page, heard)
    expect(verdict(page)).to_have_text("Renamed by hand")

    page.goto("/library?search=renamed")
    row = page.locator(".tracks li", has_text="Renamed by hand")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("complementary", name="Undo").get_by_role("button", name="Undo").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No track matches “renamed”.")).to_be_visible()

    page.get_by_role("link", name="Listen", exact=True).click()
    choose(page, heard)
    expect(verdict(page)).to_have_text("I don’t know this one")
    expect(page.locator(".facts")).to_contain_text("windows")


def drag_folder(devtools: CDPSession, folder: Path, kind: str) -> None:
    """Move a folder over the page's middle as a drag of the browser's own: ``dragEnter``, ``dragOver`` or ``drop``."""
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 600, "y": 400, "data": data})


def test_folders_are_looked_through_for_recordings(page: Page, service: Service, music: Music, tmp_path: Path) -> None:
    before = service.ask("GET", "/tracks")["total"]
    deep = tmp_path / "Archive" / "Disc 1"
    deep.mkdir(parents=True)
    for index, folder in ((4, deep), (5, deep.parent)):
        song = music.track(index)
        (folder / song.name).write_bytes(song.read_bytes())
    for name in ("cover.jpg", "list.m3u8", "._hidden.flac"):
        (deep / name).write_bytes(b"no music")
    page.goto("/library")
    page.locator("input[webkitdirectory]").set_input_files(deep.parent)
    expect(page.locator(".upload-summary")).to_contain_text("2 of 2")
    expect(page.locator(".total")).to_have_text(f"{before + 2} tracks")
    expect(page.locator(".upload[data-state=failed]")).to_have_count(0)

    # Dropped, by the browser's own means: every recording in it is there already.
    page.get_by_role("button", name="Clear finished").click()
    drag = partial(drag_folder, page.context.new_cdp_session(page), deep.parent)
    drag("dragEnter")
    veil = page.get_by_text("Drop them to add them to the library")
    for _ in range(TIMEOUT_MS // 50):  # again and again, as a hand that hovers
        drag("dragOver")
        if veil.is_visible():
            break
        page.wait_for_timeout(50)
    drag("drop")
    expect(page.locator(".upload-summary")).to_contain_text("2 of 2")
    expect(page.locator(".upload[data-state=present]")).to_have_count(2)
    for track in service.ask("GET", "/tracks")["tracks"]:
        if track["title"] in (music.song(4).title, music.song(5).title):
            service.ask("DELETE", f"/tracks/{track['id']}")


def test_two_recordings_of_the_same_music_are_both_named(
    page: Page, service: Service, music: Music, watch: Watch
) -> None:
    song = music.song(5)
    edit = replace(song, title=f"{song.title} (radio edit)", samples=song.samples[7 * song.sample_rate :])
    enrolled = service.enroll(music.track(5), songs.write(edit, music.folder))
    page.goto("/")
    choose(page, music.snippet(5, 20.0))
    expect(verdict(page)).to_have_text("Two tracks hold this")
    for title, place in ((song.title, "at 0:20.0"), (edit.title, "at 0:13.0")):
        option = page.locator(".option", has=page.get_by_role("heading", name=title, exact=True))
        expect(option).to_contain_text(place)
    for file in enrolled:
        service.ask("DELETE", f"/tracks/{file['track_id']}")
    watch.expect("404")  # the tag names tracks that are gone
    page.reload()
    expect(page.get_by_text("This track is no longer in the library.").first).to_be_visible()


def test_copies_of_one_name_are_told_apart_by_their_files(page: Page, service: Service, music: Music) -> None:
    song = music.song(5)
    trimmed = replace(song, samples=song.samples[7 * song.sample_rate :])
    copies = {}
    for name, copy in (("first pressing", song), ("second pressing", trimmed)):
        (music.folder / name).mkdir()
        copies[name] = songs.write(copy, music.folder / name).rename(music.folder / f"{name}.flac")
    enrolled = service.enroll(*copies.values())
    page.goto("/")
    choose(page, music.snippet(5, 20.0))
    expect(verdict(page)).to_have_text(song.title)
    expect(page.locator(".verdict .lead")).to_contain_text("Two tracks of the library are this recording.")
    for name, place, length in (("first pressing", "0:20.0", "0:40"), ("second pressing", "0:13.0", "0:33")):
        option = page.locator(".option", has_text=name)
        expect(option).to_contain_text(f"at {place}")
        expect(option).to_contain_text(f"{length} long")
        expect(option).to_contain_text(re.compile(r"added \d+ \w+ 20\d\d"))
    expect(page).to_have_title(f"{song.title} · Earmark")
    page.goto("/history")
    expect(page.locator(".rows li").first).to_contain_text("2 copies")
    page.goto(f"/library?search={song.title}")
    for name in copies:
        expect(page.locator(".tracks li", has_text=name)).to_have_count(1)
    for file in enrolled:
        service.ask("DELETE", f"/tracks/{file['track_id']}")


def test_history_leads_to_tags_and_deletes_them(page: Page, service: Service, music: Music, watch: Watch) -> None:
    tag = service.identify(music.snippet(0, 21.0))
    page.goto("/history")
    expect(page.get_by_role("heading", name="Today")).to_be_visible()
    first = page.locator(".rows li").first
    expect(first).to_contain_text(music.song(0).title)
    first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(tag["id"]))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    page.go_back()
    page.locator(".rows li").first.get_by_role("button", name="Delete tag").click()
    expect(page.locator(f'.rows a[href="/tags/{tag["id"]}"]')).to_have_count(0)
    settle(page)

    watch.expect("404")
    page.goto(f"/tags/{tag['id']}")
    expect(page.get_by_role("heading", name="No such tag")).to_be_visible()

    tag = service.identify(music.snippet(0, 21.0))
    page.goto(f"/tags/{tag['id']}")
    page.get_by_role("button", name="Delete").first.click()
    expect(page).to_have_url(re.compile("/history$"))
    settle(page)


def test_history_is_filtered_paged_and_followed_by_its_address(page: Page, service: Service, music: Music) -> None:
    snippet = music.snippet(0, 5.0, 2.0)
    known = len(service.ask("GET", "/tags?limit=200")["tags"])
    for _ in range(max(0, 31 - known)):
        service.identify(snippet)
    page.goto("/history")
    rows = page.locator(".rows li")
    expect(rows).to_have_count(30)
    page.get_by_role("link", name="Older tags").click()
    page.wait_for_url("**/history?cursor=*")
    expect(rows.nth(29)).to_have_count(0)
    older = page.locator(".rows a").first.get_attribute("href")
    page.goto(page.url)  # the address alone shows the same page
    expect(page.locator(".rows a").first).to_have_attribute("href", str(older))
    page.locator(".rows a").first.click()
    page.wait_for_url("**/tags/*")
    page.go_back()
    expect(page.locator(".rows a").first).to_have_attribute("href", str(older))
    page.get_by_role("link", name="Newest tags").click()
    expect(rows).to_have_count(30)

    song = music.song(2)
    tag = service.identify(music.snippet(2, 9.0))  # it appears by itself
    expect(page.locator(f".rows a[href='/tags/{tag['id']}']")).to_be_visible()
    page.get_by_role("searchbox").fill(song.title.upper())
    page.wait_for_url("**/history?search=*")
    expect(page.locator(".rows li", has_not_text=song.title)).to_have_count(0)
    expect(rows).not_to_have_count(0)
    page.get_by_label("Verdict").select_option("no_match")
    page.wait_for_url("**verdict=no_match*")
    expect(page.get_by_text("No tag is like that")).to_be_visible()
    page.goto("/history?to=2001-01-01")
    expect(page.get_by_text("No tag is like that")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(rows).to_have_count(30)


def test_several_tags_are_marked_saved_and_deleted(page: Page, service: Service, music: Music) -> None:
    snippet = music.snippet(1, 5.0, 3.0)
    made = [service.identify(snippet)["id"] for _ in range(2)]
    page.goto("/history")
    for tag_id in made:
        page.locator(".rows li", has=page.locator(f"a[href$='{tag_id}']")).get_by_role("checkbox").check()
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert sorted(line.split(",")[0] for line in lines[1:]) == sorted(made)
    page.get_by_role("button", name="Delete 2").click()
    expect(page.locator("[aria-live]")).to_contain_text("2 tags are deleted")
    for tag_id in made:
        expect(page.locator(f".rows a[href$='{tag_id}']")).to_have_count(0)
    expect(page.locator(".rows .delete:focus")).to_have_count(1)


def test_many_recordings_are_tagged_in_turn(page: Page, music: Music, watch: Watch) -> None:
    watch.expect("415")
    letter = music.folder / "note.wav"
    letter.write_bytes(b"no music " * 400)
    page.goto("/")
    page.locator("em-capture input[type=file]").set_input_files(
        [music.snippet(0, 12.0), letter, music.snippet(4, 12.0), music.snippet(1, 12.0)]
    )
    page.wait_for_url("**/batch")
    expect(page.get_by_role("status")).to_have_text("4 of 4 done, 2 named, 1 failed")
    rows = page.locator(".rows li")
    for row, words in enumerate((music.song(0).title, "not a sound file", "No match", music.song(1).title)):
        expect(rows.nth(row)).to_contain_text(words)
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    assert len(saved.value.path().read_text().splitlines()) == 1 + 3
    drop(page, music.snippet(2, 12.0))
    expect(page.get_by_role("status")).to_have_text("5 of 5 done, 3 named, 1 failed")
    assert violations(page) == []
    rows.last.get_by_role("link").click()
    expect(page.locator("#verdict-heading")).to_have_text(music.song(2).title)
    expect(page.locator("em-snippet-sound audio")).to_be_visible()
    page.get_by_role("button", name="Draw its spectrogram").click()
    expect(page.locator("em-snippet-sound img")).to_be_visible()
    page.go_back()  # what became of the others is still there
    expect(page.get_by_role("status")).to_have_text("5 of 5 done, 3 named, 1 failed")
    page.get_by_role("button", name="Clear finished").press("Enter")
    expect(rows).to_have_count(0)
    expect(page.locator("main :focus, main:focus")).to_have_count(1)


def test_recordings_are_tagged_on_while_another_view_is_open(page: Page, music: Music) -> None:
    page.goto("/")
    held: list[Route] = []

    def hold(route: Route) -> None:
        """Keep the first request of a tag waiting."""
        if route.request.method == "POST" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/v1/tags", hold)
    page.locator("em-capture input[type=file]").set_input_files([music.snippet(0, 12.0), music.snippet(1, 12.0)])
    page.wait_for_url("**/batch")
    page.get_by_role("link", name="Library").click()
    chip = page.get_by_role("link", name="2 files on their way")
    expect(chip).to_be_visible()
    held[0].continue_()
    expect(chip).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("status")).to_have_text("2 of 2 done, 2 named")


def test_the_focus_stays_near_what_is_gone(page: Page) -> None:
    page.goto("/history?search=nothing-is-called-so")
    page.get_by_role("link", name="Show all").press("Enter")
    expect(page.locator(".rows li").first).to_be_visible()
    expect(page.locator("em-data-list")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.mouse.click(640, 5)  # on nothing: given away on purpose
    page.get_by_label("Verdict").select_option("Identified")
    drawn(page)
    assert page.evaluate("document.activeElement === document.body")


def test_where_one_is_stands_in_the_navigation(page: Page, service: Service, music: Music) -> None:
    tag = service.identify(music.snippet(1, 17.0))
    track = tag["matches"][0]["track_id"]
    places = {"/": "Listen", f"/tags/{tag['id']}": "History", f"/tracks/{track}": "Library", "/library/map": "Library"}
    for path, name in {**places, "/catalogues": "Library", "/labels/train": "Labels"}.items():
        page.goto(path)
        current = page.get_by_role("navigation", name="Views").locator("[aria-current]")
        expect(current).to_have_text([name])
    page.goto("/system")
    expect(page.locator("h1")).to_be_visible()
    expect(current).to_have_count(0)


def test_a_tag_shows_lanes_bits_and_mixtures(page: Page, service: Service, music: Music) -> None:
    tag = service.identify(music.snippet(1, 17.0))
    page.goto(f"/tags/{tag['id']}")
    lanes = page.locator("em-agreement-chart svg.chart")
    # Divergence dips where the fingerprints agree.
    expect(lanes).to_have_attribute("aria-label", re.compile(r"Divergence is least, .* at 0:1[67]\.\d"))
    expect(lanes.locator("circle.peak")).to_have_count(2)
    cursor = page.get_by_label("Cursor in the track")
    cursor.focus()
    cursor.press("ArrowRight")
    expect(page.locator(".reading")).to_contain_text("divergence")
    expect(lanes.locator(".crosshair")).to_have_count(2)

    stripe = page.locator("em-stripe canvas")
    at, beside = map(float, re.findall(r"\d\.\d\d", str(stripe.get_attribute("aria-label"))))
    assert at > beside
    inked = stripe.evaluate(
        """canvas => {
          const { width, height } = canvas, data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
          const dark = row => [...Array(width).keys()].reduce((n, x) => n + 255 - data[4 * (row * width + x)], 0);
          return [...Array(height).keys()].map(dark);
        }"""
    )
    assert inked.index(max(inked)) == len(inked) // 2

    ellipses = page.locator("em-ellipses")
    expect(ellipses.locator("ellipse.mine").first).to_be_attached()
    n = ellipses.locator("ellipse.mine").count()
    assert n > 1
    ellipses.get_by_text("As a table").click()
    expect(ellipses.locator("tbody tr")).to_have_count(2 * n)
    before = ellipses.locator("ellipse.theirs").first.get_attribute("transform")
    ellipses.get_by_role("slider").press("End")
    expect(ellipses.locator("ellipse.theirs").first).not_to_have_attribute("transform", str(before))
    ellipses.locator("select").first.select_option("coefficient c3")
    ellipses.locator("select").nth(1).select_option("coefficient c2")
    expect(ellipses.locator(".axis-title")).to_contain_text("c3 (upwards: c2)")


def test_what_the_service_refuses_is_said_in_its_words(page: Page, music: Music, watch: Watch) -> None:
    watch.expect("Failed to load resource")
    page.goto("/")
    noise = music.folder / "letter.wav"
    noise.write_bytes(b"Dear bar, what was that song? " * 100)
    choose(page, noise)
    trouble = page.get_by_role("alert")
    expect(trouble).to_be_visible()
    expect(trouble.get_by_role("button")).to_have_count(0)  # sending it again would not help
    name = trouble.get_by_role("link").get_attribute("href")
    assert name == "/problems/audio_unreadable"
    choose(page, music.snippet(0, 21.0, 0.4))
    expect(trouble).to_contain_text("at least 1 s")
    choose(page, music.snippet(0, 21.0))
    expect(verdict(page)).to_have_text(music.song(0).title)


def test_service_out_of_reach(page: Page, music: Music, watch: Watch) -> None:
    watch.expect("ERR_FAILED")
    page.goto("/")
    page.route("**/api/v1/tags", lambda route: route.abort())
    choose(page, music.snippet(0, 21.0))
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.unroute("**/api/v1/tags")
    page.get_by_role("button", name="Send again").click()
    expect(verdict(page)).to_have_text(music.song(0).title)


def test_a_view_that_cannot_be_loaded_says_so_and_comes_when_it_can(page: Page, watch: Watch) -> None:
    watch.expect("ERR_FAILED")
    page.goto("/")
    page.route(re.compile(r"/chunk-[\w-]+\.js|/healthz"), lambda route: route.abort())
    page.get_by_role("link", name="History", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The service does not answer")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/healthz")):
        page.get_by_role("link", name="Library", exact=True).click()
    expect(alert).to_contain_text("The service does not answer")
    page.unroute(re.compile(r"/chunk-[\w-]+\.js|/healthz"))
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    expect(alert).to_have_count(0)


def test_a_view_of_an_updated_service_is_loaded_with_the_page(page: Page, watch: Watch) -> None:
    """Its files have other names then: the page is loaded again, once, at the address that was wanted."""
    watch.expect("404")
    chunk = re.compile(r"/chunk-[\w-]+\.js")
    page.goto("/")
    page.wait_for_load_state("networkidle")  # what this view asks for by itself must not meet the route
    page.evaluate("window.first = true")
    page.route(chunk, lambda route: route.fulfill(status=404), times=1)
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    assert page.evaluate("window.first") is None

    watch.expect("Failed to fetch dynamically imported module")
    page.get_by_role("link", name="Listen", exact=True).click()
    page.evaluate("sessionStorage.setItem('earmark.reloaded', JSON.stringify([Date.now(), '/history']))")
    page.route(chunk, lambda route: route.fulfill(status=404), times=1)
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("This view could not be loaded")


def test_files_are_taken_wherever_they_are_dropped(page: Page, service: Service, music: Music) -> None:
    page.goto("/history")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    drop(page, music.snippet(0, 21.0))
    expect(verdict(page)).to_have_text(music.song(0).title)
    page.goto("/no/such/view")
    drop(page, music.snippet(1, 17.0))
    expect(verdict(page)).to_have_text(music.song(1).title)
    page.goto("/library")
    expect(page.get_by_text("Add tracks")).to_be_visible()
    drop(page, music.track(0), "audio/flac")
    expect(page.locator(".upload[data-state=present]")).to_be_visible()


def test_leaving_asks_while_something_is_under_way(page: Page, music: Music) -> None:
    page.goto("/")
    page.route("**/api/v1/tags", lambda route: None)  # never answered
    choose(page, music.snippet(0, 21.0))
    expect(page.get_by_role("list", name="Steps")).to_be_visible()
    unload = "() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.evaluate(unload)
    page.get_by_role("button", name="Cancel").click()
    assert not page.evaluate(unload)
    page.unroute("**/api/v1/tags")


def test_what_another_window_deleted_is_not_an_error(page: Page, service: Service, music: Music, watch: Watch) -> None:
    watch.expect("404")
    file = service.enroll(music.track(3))[0]
    page.goto("/library")
    row = page.locator(".tracks li", has_text=music.song(3).title)
    row.get_by_role("button", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Album").fill("Another")
    service.ask("DELETE", f"/tracks/{file['track_id']}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(f"“{music.song(3).title}” was already deleted.")).to_be_visible()
    expect(row).to_have_count(0)

    file = service.enroll(music.track(3))[0]
    page.reload()
    row.get_by_role("button", name="Delete").click()
    service.ask("DELETE", f"/tracks/{file['track_id']}")
    settle(page)
    expect(row).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)

    tag = service.identify(music.snippet(0, 21.0))
    page.goto("/history")
    page.locator(".rows li").first.get_by_role("button", name="Delete tag").click()
    service.ask("DELETE", f"/tags/{tag['id']}")
    settle(page)
    expect(page.locator(f'.rows a[href="/tags/{tag["id"]}"]')).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_after_a_deletion_the_next_row_has_the_focus(page: Page, service: Service, music: Music) -> None:
    service.enroll(music.track(3))
    service.identify(music.snippet(0, 21.0))
    service.identify(music.snippet(0, 21.0))
    for path, rows in (("/library", ".tracks li"), ("/history", ".rows li")):
        page.goto(path)
        row = page.locator(rows, has_text=music.song(3).title if path == "/library" else music.song(0).title).first
        place = row.evaluate("row => [...document.querySelectorAll('.rows li')].indexOf(row)")
        before = page.locator(rows).count()
        row.get_by_role("button", name="Delete").press("Enter")
        expect(page.locator(rows)).to_have_count(before - 1)
        next_row = page.locator(rows).nth(min(place, before - 2))
        expect(next_row.get_by_role("button", name="Delete")).to_be_focused()


def test_a_title_of_spaces_is_refused_before_it_is_sent(page: Page) -> None:
    page.goto("/library")
    page.get_by_role("button", name="Edit").first.click()
    title = page.get_by_role("textbox", name="Title")
    title.fill("   ")
    page.get_by_role("button", name="Save").click()
    assert title.evaluate("input => !input.validity.valid && input.title") == "A track needs a title."
    expect(page.get_by_role("dialog")).to_be_visible()


def test_a_track_that_cannot_be_asked_for_is_not_said_to_be_gone(
    page: Page, service: Service, music: Music, watch: Watch
) -> None:
    watch.expect("ERR_FAILED")
    tag = service.identify(music.snippet(0, 21.0))
    page.route("**/api/v1/tracks/*", lambda route: route.abort())
    page.goto(f"/tags/{tag['id']}")
    expect(page.get_by_text("The length of this track could not be loaded.")).to_be_visible()
    page.unroute("**/api/v1/tracks/*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("em-track-line svg")).to_be_visible()


def test_microphone_missing(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(page.get_by_role("alert")).to_contain_text("No microphone was found")


def test_microphone_denied(chromium: Playwright, service: Service, watch: Watch) -> None:
    browser = launch(chromium, "--use-fake-device-for-media-stream", "--deny-permission-prompts")
    page = open_context(browser, service).new_page()
    watch.follow(page)
    page.goto("/")
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(page.get_by_role("alert")).to_contain_text("The microphone is not allowed")
    browser.close()


def test_insecure_address_cannot_record_but_takes_files(chromium: Playwright, service: Service, music: Music) -> None:
    browser = launch(chromium, "--host-resolver-rules=MAP earmark.test 127.0.0.1")
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(service.url.replace("127.0.0.1", "earmark.test"))
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(page.get_by_role("alert")).to_contain_text("This address may not use the microphone")
    choose(page, music.snippet(0, 21.0))
    expect(verdict(page)).to_have_text(music.song(0).title)
    browser.close()


def test_leaving_ends_a_recording(chromium: Playwright, service: Service, music: Music, watch: Watch) -> None:
    browser = launch(chromium, *microphone_flags(music.snippet(2, 8.0, 14.0)))
    page = open_context(browser, service, permissions=["microphone"]).new_page()
    watch.follow(page)
    page.goto("/")
    before = len(service.ask("GET", "/tags?limit=200")["tags"])
    page.get_by_role("button", name="Listen for 5 seconds").click()
    expect(page.locator(".dial-ring line.heard").nth(10)).to_be_attached()
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    page.wait_for_timeout(5500)
    assert len(service.ask("GET", "/tags?limit=200")["tags"]) == before
    expect(page).to_have_url(re.compile("/history$"))
    browser.close()


def test_unknown_address_has_a_view_of_its_own(page: Page) -> None:
    page.goto("/no/such/view")
    expect(page.get_by_role("heading", name="Nothing plays at this address")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Listen").click()
    expect(page.get_by_role("heading", name="What’s playing?")).to_be_visible()


def test_theme_is_chosen_and_remembered(browser: Browser, service: Service, watch: Watch) -> None:
    context = open_context(browser, service, color_scheme="light")
    page = context.new_page()
    watch.follow(page)
    page.goto("/")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    button = page.get_by_role("button", name="Colours:")
    button.click()
    button.click()
    expect(button).to_have_accessible_name("Colours: dark")
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    assert page.evaluate(paper) == dark
    button.click()
    expect(button).to_have_accessible_name("Colours: as the system")
    assert page.evaluate(paper) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == dark
    context.close()


def test_everything_can_be_reached_by_keyboard(page: Page, music: Music) -> None:
    page.goto("/")
    expect(page.get_by_role("button", name="Listen for 5 seconds")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Listen for 5 seconds")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Listen for 7 seconds")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose recordings")).to_be_focused()
    # A new view takes the focus.
    page.get_by_role("link", name="Library", exact=True).press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_role("button", name="Edit").first.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Edit").first).to_be_focused()


@pytest.mark.parametrize("path", ["/", "/history", "/library", "/nowhere"])
def test_first_load_is_small_and_all_its_own(browser: Browser, service: Service, watch: Watch, path: str) -> None:
    context = open_context(browser, service)
    page = context.new_page()
    watch.follow(page)
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[float] = []
    network.on(
        "Network.loadingFinished",
        lambda event: sizes.append(event["encodedDataLength"]),
    )
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert 20_000 < sum(sizes) < 300_000
    context.close()


def test_policy_is_strict(page: Page) -> None:
    answer = page.goto("/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    # The page needs nothing that the policy would have to allow.
    assert page.locator("style").count() == 0
    assert page.locator("[style]").count() == 0
    assert page.locator("script:not([src])").count() == 0
