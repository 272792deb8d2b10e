"""Labels on the page: what a recording sounds like, the models that say so, and what is said where they cannot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.harness import ROOT, Music, Service, Watch, drop, open_context, running, violations
from tests.library import WEIGHTS

GTZAN = Path("classifier", "data", "labels", "genre", "gtzan-10")


@pytest.fixture(scope="module")
def labelling(tmp_path_factory: pytest.TempPathFactory, chromium: Playwright, music: Music) -> Iterator[Service]:
    """Run a service that can label, with one song."""
    if not (WEIGHTS / "musicnn-msd" / "manifest.json").exists():
        assert os.environ.get("EARMARK_REQUIRE_ALL") != "1", "run 'earmark models get musicnn-msd'"
        pytest.skip("the tagging network is not on this machine: run 'earmark models get musicnn-msd'")
    with running(tmp_path_factory.mktemp("labelling"), EARMARK_WEIGHTS_DIR=str(WEIGHTS)) as own:
        own.enroll(music.track(0))
        yield own


def labelled(browser: Browser, service: Service, watch: Watch, file: Path, **options: object) -> Page:
    """Open the view of labels and wait until everything about a file is there."""
    page = open_context(browser, service, **options).new_page()
    watch.follow(page)
    page.goto("/labels")
    expect(page.get_by_role("heading", name="Models")).to_be_visible()
    page.locator(".file-button input[type=file]").set_input_files(file)
    expect(page.locator("img.spectrogram")).to_be_visible()
    return page


@pytest.fixture
def watched(labelling: Service) -> Iterator[Watch]:
    """Complaints of the pages of a test; there must be none at its end."""
    watch = Watch(labelling.url)
    yield watch
    assert watch.complaints() == []


def test_a_file_is_labelled_with_its_reasons_and_its_picture(
    browser: Browser, labelling: Service, watched: Watch, music: Music
) -> None:
    page = labelled(browser, labelling, watched, music.track(1))
    tags = page.locator("em-sound-tags")
    expect(tags.locator(".tag-groups tbody tr").first).to_be_visible()
    expect(tags.locator(".arousal-words")).to_contain_text("in 100 recordings of ten genres")
    tags.get_by_text("All fifty tags").click()
    expect(tags.locator(".twin tbody tr")).to_have_count(50)
    genre = page.locator("em-label-answer")
    answer = labelling.ask("POST", "/labels/genre", [("snippet", "a.flac", music.track(1).read_bytes())])
    if answer["decision"] == "uncertain":
        expect(genre.locator(".said")).to_contain_text(f"Uncertain. It would be {answer['labels'][0]}")
        expect(genre.locator(".doubts li")).to_have_count(len(answer["reasons"]))
    else:
        expect(genre.locator(".said")).to_contain_text(answer["labels"][0], ignore_case=True)
    bars = genre.locator("em-bars-chart", has=page.get_by_role("heading", name="Genre: all labels"))
    bars.get_by_text("As a table").click()
    expect(bars.locator("tbody tr")).to_have_count(10)
    expect(genre.locator("em-bars-chart", has=page.get_by_role("heading", name="Why “"))).to_contain_text(
        "everything else"
    )
    width = page.locator("img.spectrogram").evaluate("e => e.complete && e.naturalWidth")
    assert width == 1356
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_labels_are_accessible(
    browser: Browser, labelling: Service, watched: Watch, music: Music, width: int, scheme: str
) -> None:
    page = labelled(
        browser, labelling, watched, music.track(1), color_scheme=scheme, viewport={"width": width, "height": 740}
    )
    for summary in page.locator("details summary").all():
        summary.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.context.close()


def test_a_snippet_is_labelled_after_its_verdict(
    browser: Browser, labelling: Service, watched: Watch, music: Music
) -> None:
    page = open_context(browser, labelling).new_page()
    watched.follow(page)
    page.goto("/")
    page.locator("em-capture input[type=file]").set_input_files(music.snippet(0, 12.0))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    sounds = page.locator("em-tag-labels")
    expect(sounds).to_contain_text("in 100 recordings of ten genres")
    expect(sounds).to_contain_text("Genre: ")
    page.context.close()


def test_an_administrator_chooses_the_model(browser: Browser, labelling: Service, watched: Watch) -> None:
    own = labelling.folder / "labels" / "genre" / "1"
    shutil.copytree(ROOT / GTZAN, own)
    page = open_context(browser, labelling).new_page()
    watched.follow(page)
    page.goto("/labels")
    mine = page.get_by_role("article", name="genre 1")
    shipped = page.get_by_role("article", name="genre gtzan-10")
    expect(shipped).to_contain_text("Answers")
    expect(shipped).to_contain_text("Trained on 443 clips")
    mine.get_by_role("button", name="Let it answer").click()
    expect(shipped.get_by_role("button", name="Let it answer")).to_be_visible()
    expect(mine).not_to_contain_text("Does not answer")
    page.get_by_role("button", name="Back to the model before").click()
    expect(mine).to_contain_text("Does not answer")
    watched.expect("404")
    page.get_by_role("button", name="Back to the model before").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no earlier choice")
    page.context.close()
    shutil.rmtree(own)


def test_without_the_network_it_says_so_and_still_draws(page: Page, music: Music) -> None:
    page.goto("/labels")
    expect(page.get_by_role("alert")).to_contain_text("earmark models get musicnn-msd")
    page.locator(".file-button input[type=file]").set_input_files(music.track(1))
    expect(page.locator("img.spectrogram")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.locator("em-sound-tags, em-label-answer")).to_have_count(0)
    page.goto("/")
    page.locator("em-capture input[type=file]").set_input_files(music.snippet(1, 12.0))
    expect(page.locator("em-tag-labels")).to_contain_text("earmark models get musicnn-msd")


def test_what_is_no_sound_is_said_once(page: Page, music: Music, watch: Watch) -> None:
    letter = music.folder / "letter.mp3"
    letter.write_bytes(b"no music " * 400)
    watch.expect("415")
    page.goto("/labels")
    page.wait_for_load_state("networkidle")
    drop(page, letter, "audio/mpeg")
    expect(page.get_by_role("alert").last).to_contain_text("This is not a sound file, or it is damaged")
