"""Catalogues, duplicates, the map and the page of a track, in Chromium against the real service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from classifier.demo import songs
from classifier.store import open_store
from classifier.work import jobs, label
from tests.browser.harness import Music, Service, Watch, drawn, open_context, running, violations
from tests.library import WEIGHTS


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, chromium: Playwright, music: Music) -> Iterator[Service]:
    """A service of four songs and a cut of the last; it finds the files of two of them."""
    found = tmp_path_factory.mktemp("found")
    tracks = [music.track(index) for index in range(4)]
    for track in tracks[:2]:
        (found / track.name).write_bytes(track.read_bytes())
    where = {"EARMARK_MUSIC_FOLDERS": str(found), "EARMARK_WEIGHTS_DIR": str(WEIGHTS)}
    with running(tmp_path_factory.mktemp("archive"), **where) as service:
        song = music.song(3)
        cut = replace(song, title=f"{song.title} (cut)", samples=song.samples[6 * song.sample_rate :])
        service.enroll(*tracks, songs.write(cut, tmp_path_factory.mktemp("cut")))
        yield service


@pytest.fixture
def watch(archive: Service) -> Iterator[Watch]:
    """Complaints of the page; there must be none at the end."""
    watch = Watch(archive.url)
    yield watch
    assert watch.complaints() == []


@pytest.fixture
def page(browser: Browser, archive: Service, watch: Watch) -> Iterator[Page]:
    """A watched page."""
    context = open_context(browser, archive)
    page = context.new_page()
    watch.follow(page)
    yield page
    context.close()


def clean(page: Page) -> None:
    """Expect nothing of axe, in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme
    page.emulate_media(color_scheme="light")


def test_a_catalogue_is_made_with_its_cost_told_before(page: Page, archive: Service) -> None:
    page.goto("/library")
    page.get_by_role("link", name="Catalogues").click()
    expect(page.locator(".cost")).to_contain_text("Windows of 5 s, one every 1 s.")
    assert page.locator(".parameters").first.locator(".field").count() == 9
    page.get_by_label("window_step").fill("0.5")
    expect(page.locator(".cost")).to_contain_text("one every 0.5 s")
    page.get_by_label("sample_rate").fill("100")
    expect(page.locator(".field .fault")).to_contain_text("8\u202f000 to 48\u202f000")
    expect(page.get_by_role("button", name="Make it")).to_be_disabled()
    page.get_by_label("sample_rate").fill("16000")
    clean(page)
    page.get_by_label("Start from").select_option("A JSON file of Synced.fm")
    page.get_by_label("JSON of Synced.fm").fill('{"mfcc_step_size": 160, "cv_type": "diag"}')
    expect(page.get_by_label("frame_step")).to_have_value("160")
    expect(page.locator(".cost")).to_contain_text("A background is fitted")
    page.get_by_label("Name").fill("Old ways")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".rows li", has_text="Old ways")).to_contain_text("frame_step 160")
    made = {catalogue["name"]: catalogue for catalogue in archive.ask("GET", "/catalogues")["catalogues"]}
    assert made["Old ways"]["config"]["frame_step"] == 160
    assert made["Old ways"]["config"]["covariance_type"] == "diag"
    # The header lets one choose among several; the library then shows the other one.
    page.get_by_role("combobox", name="Catalogue", exact=True).select_option("Old ways")
    page.get_by_role("link", name="Tracks", exact=True).click()
    expect(page.get_by_text("The library is empty.")).to_be_visible()
    page.get_by_role("combobox", name="Catalogue", exact=True).select_option("Usual catalogue")
    expect(page.locator(".tracks li")).to_have_count(5)


def test_a_catalogue_is_copied_and_what_is_missing_added(page: Page, music: Music, archive: Service) -> None:
    page.goto("/catalogues")
    page.get_by_role("button", name="Copy default").click()
    page.get_by_label("window_step").fill("2")
    expect(page.locator(".cost")).to_contain_text("one every 2 s")
    page.get_by_label("Name").fill("coarse")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("heading", name="Copied default to coarse")).to_be_visible()
    copy = page.locator(".copy")
    expect(copy).to_contain_text("2 copied")
    expect(copy.locator(".missing li")).to_have_count(3)
    expect(copy.locator(".missing")).to_contain_text(music.song(2).title)
    clean(page)
    copy.locator("input[type=file]").set_input_files(music.track(2))
    expect(copy.locator(".upload[data-state=added]")).to_contain_text(music.song(2).title)
    titles = {track["title"] for track in archive.ask("GET", "/tracks?catalogue=coarse")["tracks"]}
    assert titles == {music.song(index).title for index in range(3)}


def test_a_catalogue_is_removed_once_its_name_was_typed(
    page: Page, archive: Service, music: Music, watch: Watch
) -> None:
    watch.expect("409")
    archive.change("/catalogues", {"name": "sketch"}, method="POST")
    archive.change("/catalogues", {"name": "zero"}, method="POST")
    page.goto("/catalogues")
    expect(page.locator(".rows li", has_text="zero")).to_be_visible()
    expect(page.get_by_role("button", name="Remove default")).to_have_count(0)
    page.get_by_role("button", name="Remove sketch").press("Enter")
    form = page.get_by_role("dialog")
    expect(form).to_contain_text("“sketch” goes for good, with its 0 tracks")
    field, remove = form.get_by_role("textbox"), form.get_by_role("button", name="Remove")
    expect(field).to_be_focused()
    field.fill("sketches")
    expect(remove).to_be_disabled()
    clean(page)
    # Somebody adds a track meanwhile: nothing goes that was not seen.
    track = music.track(0)
    archive.finish(archive.ask("POST", "/tracks?catalogue=sketch", [("file", track.name, track.read_bytes())]))
    field.fill("sketch")
    remove.click()
    expect(form.get_by_role("alert")).to_contain_text("This catalogue has changed since you looked")
    expect(form).to_contain_text("with its one track")
    field.press("Enter")
    expect(form).to_be_hidden()
    expect(page.locator("[aria-live]")).to_contain_text("Catalogue sketch is removed.")
    expect(page.get_by_role("button", name="Remove zero")).to_be_focused()
    names = [catalogue["name"] for catalogue in archive.ask("GET", "/catalogues")["catalogues"]]
    assert "sketch" not in names
    assert "zero" in names
    page.get_by_role("button", name="Remove zero").click()
    form.press("Escape")
    expect(page.get_by_role("button", name="Remove zero")).to_be_focused()


def test_duplicates_are_found_merged_and_brought_back(page: Page, music: Music, archive: Service) -> None:
    title = music.song(3).title
    page.goto("/library/duplicates")
    page.get_by_role("button", name="Look for duplicates").click()
    pair = page.locator(".pair")
    expect(pair).to_have_count(1)
    expect(pair).to_contain_text("A piece of it")
    expect(pair).to_contain_text(re.compile(r"0:0[56] to 0:\d\d is 0:00 to 0:\d\d"))
    clean(page)
    pair.get_by_role("button", name=f"Keep this one: {title}, file").click()
    expect(pair).to_have_count(0)
    expect(page.get_by_role("button", name="Look again")).to_be_focused()
    assert archive.ask("GET", "/tracks")["total"] == 4
    bar = page.get_by_role("complementary", name="Undo")
    expect(bar).to_contain_text(f"“{title} (cut)” went into “{title}”.")
    clean(page)
    bar.get_by_role("button", name="Undo").press("Enter")
    expect(pair).to_have_count(1)
    expect(pair.get_by_role("button", name="Keep this one").first).to_be_focused()
    expect(page.get_by_role("heading", name="Merged")).to_have_count(0)
    assert archive.ask("GET", "/tracks")["total"] == 5
    pair.get_by_role("button", name=f"Keep this one: {title}, file").click()
    expect(pair).to_have_count(0)
    page.get_by_role("button", name=f"Undo the merge of {title} (cut)").click()
    expect(page.get_by_role("heading", name="Merged")).to_have_count(0)
    assert archive.ask("GET", "/tracks")["total"] == 5


def test_the_map_is_drawn_searched_and_walked(page: Page, music: Music) -> None:
    page.goto("/library/map")
    page.get_by_role("button", name="Draw the map").click()
    drawing = page.locator("svg.map")
    expect(drawing).to_have_attribute("aria-label", "5 tracks.")
    song = music.song(1)
    page.get_by_role("searchbox").fill(song.title.upper())
    expect(drawing).to_have_attribute("aria-label", "5 tracks, 1 found.")
    expect(page.locator(".map-chosen")).to_contain_text(song.title)
    field = page.locator(".map-field")
    field.focus()
    seen = {page.locator(".map-chosen a").inner_text()}
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
        drawn(page)
        seen.add(page.locator(".map-chosen a").inner_text())
    assert len(seen) > 1
    page.get_by_role("searchbox").fill("")
    page.get_by_text("As a table").click()
    expect(page.locator("table tbody tr")).to_have_count(5)
    clean(page)
    field.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/tracks/\w+$"))
    expect(page.get_by_role("heading", name="What sounds alike")).to_be_visible()


def test_a_track_has_a_page_of_its_own(page: Page, music: Music, archive: Service) -> None:
    title = music.song(3).title
    tag = archive.identify(music.snippet(0, 12.0))
    page.goto(f"/library?search={title}")
    page.locator(".tracks .row", has_text=title).first.click()
    expect(page.locator("h1")).to_contain_text(title)
    expect(page.get_by_text("4 tracks were compared.")).to_be_visible()
    page.get_by_text("As a table").click()
    expect(page.locator("em-alike-chart tbody tr")).to_have_count(4)
    expect(page.locator("em-alike-chart tbody tr").first).to_contain_text(title)
    page.get_by_role("button", name="Look for copies").click()
    expect(page.locator(".copies .row-title")).to_contain_text(title)
    clean(page)
    page.goto(f"/tracks/{tag['matches'][0]['track_id']}")
    expect(page.locator(f'a[href="/tags/{tag["id"]}"]')).to_be_visible()
    page.set_viewport_size({"width": 320, "height": 700})
    for path in ("/catalogues", "/library/duplicates", "/library/map", f"/tracks/{tag['matches'][0]['track_id']}"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".loading")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_the_windows_of_a_track_are_shown_when_they_are_wanted(page: Page, music: Music, archive: Service) -> None:
    title = music.song(1).title
    track = next(track for track in archive.ask("GET", "/tracks")["tracks"] if track["title"] == title)
    path = f"/tracks/{track['id']}/windows/"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if path in request.url else None)
    page.goto(f"/tracks/{track['id']}")
    expect(page.get_by_role("heading", name="What sounds alike")).to_be_visible()
    assert asked == []
    page.get_by_text("Show the windows").press("Enter")
    n = track["n_windows"]
    middle = archive.ask("GET", f"/tracks/{track['id']}/windows/{n // 2}")
    section = page.locator("em-track-windows")
    slider = section.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(rf"^Window {n // 2 + 1} of {n}, 0:\d\d\.\d to 0:"))
    label = section.locator("em-divergence-chart svg")
    expect(label).to_have_attribute("aria-label", re.compile(rf"least, {middle['alike']['divergence']:.1f} nats"))
    section.locator("em-divergence-chart").get_by_text("As a table").click()
    first = section.locator("em-divergence-chart tbody tr").first
    expect(first).to_contain_text(f"{middle['alike']['divergence']:.2f}")
    section.locator("em-ellipses").get_by_text("As a table").click()
    expect(section.locator("em-ellipses tbody tr")).to_have_count(2 * len(middle["mixture"]["weights"]))
    clean(page)
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(rf"^Window {n // 2 + 2} of {n}, 0:"))
    beside = archive.ask("GET", f"/tracks/{track['id']}/windows/{n // 2 + 1}")
    expect(first).to_contain_text(f"{beside['alike']['divergence']:.2f}")
    section.get_by_role("button", name="To the window at").click()
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(rf"^Window {beside['alike']['number'] + 1} of {n}, 0:")
    )
    page.set_viewport_size({"width": 320, "height": 700})
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_windows_that_cannot_be_loaded_are_loaded_later(page: Page, archive: Service, watch: Watch) -> None:
    watch.expect("Failed to load resource")
    track = archive.ask("GET", "/tracks")["tracks"][0]
    page.goto(f"/tracks/{track['id']}")
    expect(page.locator("em-alike-chart svg")).to_be_visible()
    page.route("**/chunk-*.js", lambda route: route.abort())
    page.get_by_text("Show the windows").click()
    expect(page.get_by_role("alert")).to_contain_text("The windows could not be loaded")
    page.unroute("**/chunk-*.js")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("em-track-windows em-ellipses svg")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_track_is_corrected_and_deleted_on_its_own_page(page: Page, music: Music, archive: Service) -> None:
    title = music.song(2).title
    found = archive.ask("GET", "/tracks")["tracks"]
    track = next(track for track in found if track["title"] == title)
    page.goto(f"/tracks/{track['id']}")
    page.get_by_role("button", name="Edit").press("Enter")
    page.get_by_role("textbox", name="Album").fill("By hand")
    page.keyboard.press("Enter")
    expect(page.locator(".artist")).to_contain_text("By hand")
    expect(page.get_by_role("button", name="Edit")).to_be_focused()
    page.keyboard.press("Control+z")
    expect(page.locator(".artist")).not_to_contain_text("By hand")
    assert archive.ask("GET", f"/tracks/{track['id']}") == track
    page.get_by_role("button", name="Delete").press("Enter")
    page.wait_for_url("**/library")
    expect(page.locator(".total")).to_have_text(f"{len(found) - 1} tracks")
    expect(page.get_by_role("complementary", name="Undo")).to_contain_text(f"“{title}” is deleted.")
    page.keyboard.press("Control+z")
    expect(page.locator(".tracks .row-title", has_text=title)).to_be_visible()


@pytest.mark.parametrize("width", [320, 1280])
def test_charts_are_laid_out_for_the_width_they_have(
    browser: Browser, archive: Service, watch: Watch, width: int
) -> None:
    page = open_context(browser, archive, viewport={"width": width, "height": 800}).new_page()
    watch.follow(page)
    track = archive.ask("GET", "/tracks")["tracks"][0]["id"]
    for path in (f"/tracks/{track}", "/system", "/labels/models/genre/gtzan-10"):
        page.goto(path)
        charts = page.locator("svg.chart")
        expect(charts.first).to_be_visible()
        wrong = "charts => charts.filter(one => Math.abs(one.viewBox.baseVal.width - one.clientWidth) > 2).length"
        page.wait_for_function(f"() => ({wrong})([...document.querySelectorAll('svg.chart')]) === 0")
    page.context.close()


@pytest.mark.skipif(
    not (WEIGHTS / "musicnn-msd" / "manifest.json").exists(), reason="the tagging network is not on this machine"
)
def test_tracks_are_labelled_and_found_by_their_labels(page: Page, music: Music, archive: Service) -> None:
    titles = [music.song(index).title for index in range(5)]
    tracks = {track["title"]: track["id"] for track in archive.ask("GET", "/tracks")["tracks"]}
    page.goto(f"/tracks/{tracks[titles[0]]}")
    panel = page.get_by_role("region", name="Labels")
    expect(panel).to_contain_text("This track has no labels yet")
    panel.get_by_role("button", name="Label these tracks").click()
    expect(panel).to_contain_text("2 of 5 tracks labelled. The files of 3 were not found.", timeout=60_000)
    clean(page)
    page.reload()
    said = archive.ask("GET", f"/tracks/{tracks[titles[0]]}")["labels"]["tags"]["labels"]
    for word in said:
        expect(panel.get_by_role("link", name=word, exact=True)).to_be_visible()
    panel.get_by_role("link", name=said[0], exact=True).click()
    page.wait_for_url("**/library?label=tags:*")
    expect(page.locator(".tracks .row-title", has_text=titles[0])).to_be_visible()
    total = archive.ask("GET", f"/tracks?label=tags:{said[0].replace(' ', '%20')}")["total"]
    expect(page.locator(".tracks li")).to_have_count(total)


@pytest.fixture
def waiting(archive: Service) -> Iterator[str]:
    """Return the id of a job that labels the archive and waits: nobody shares its spool."""
    store = open_store(f"sqlite:///{archive.folder}/earmark.sqlite")
    task = {"catalogue": "default", "tasks": [], "again": False}
    state = {"labelled": 0, "failed": 0, "failures": []}
    job = jobs.submit(store, label.KIND, task, state=state, total=5, spool="elsewhere")["_id"]
    yield job
    store.delete("jobs", {"_id": job})
    store.close()


def test_labelling_that_was_begun_elsewhere_is_stopped(page: Page, archive: Service, waiting: str) -> None:
    page.goto("/library")
    panel = page.get_by_role("region", name="Labels")
    expect(panel).to_contain_text("Waiting for its turn.")
    expect(panel.get_by_role("progressbar")).to_have_attribute("max", "5")
    clean(page)
    panel.get_by_role("button", name="Stop").press("Enter")
    expect(panel).to_contain_text("Stopped: 0 of 5 tracks labelled. What was labelled stays.")
    expect(panel.get_by_role("button", name="Label these tracks")).to_be_focused()
    assert archive.ask("GET", f"/jobs/{waiting}")["error"]["name"] == "conflict"


def test_jobs_are_stopped_on_the_view_of_the_system(page: Page, archive: Service, waiting: str) -> None:
    page.goto("/system")
    panel = page.get_by_role("region", name="Jobs")
    expect(panel.locator("li")).to_contain_text("Labelling tracks")
    expect(panel.locator("li")).to_contain_text("Waiting · default")
    clean(page)
    panel.get_by_role("button", name="Stop: Labelling tracks").press("Enter")
    expect(panel.locator("li")).to_have_count(0)
    expect(page.locator("#jobs-heading")).to_be_focused()
    assert archive.ask("GET", f"/jobs/{waiting}")["status"] == "done"


def test_an_unknown_track_is_said_to_be_unknown(browser: Browser, archive: Service) -> None:
    context = open_context(browser, archive)
    page = context.new_page()
    page.goto("/tracks/nobody")
    expect(page.get_by_role("heading", name="No such track")).to_be_visible()
    page.get_by_role("link", name="To the library").click()
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    context.close()
