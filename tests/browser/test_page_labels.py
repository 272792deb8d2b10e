"""Labels on the page: what a recording sounds like, the models that say so, and what is said where they cannot."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from classifier.demo import phone
from tests.browser.harness import ROOT, Music, Service, Watch, drop, each, open_context, running, unfold, violations
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
    expect(page.locator("[aria-live]")).to_contain_text("Done: what it sounds like is shown.")
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
    file = music.track(1)
    page = labelled(browser, labelling, watched, file)
    tags = page.locator("em-sound-tags")
    expect(tags.locator(".tag-groups tbody tr").first).to_be_visible()
    mood = page.locator("em-mood")
    expect(mood.locator(".arousal-words")).to_contain_text("in 100 recordings of ten genres")
    expect(mood).to_contain_text("Happy or sad cannot be told")
    tags.get_by_text("All fifty tags").click()
    expect(tags.locator(".twin tbody tr")).to_have_count(50)
    genre = page.locator("em-label-answer")
    answer = labelling.ask("POST", "/labels/genre", [("snippet", "a.flac", file.read_bytes())])
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
    unfold(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.context.close()


def test_a_file_is_labelled_over_time_and_played_beside_it(
    browser: Browser, labelling: Service, watched: Watch, music: Music
) -> None:
    file = music.track(1)
    page = labelled(browser, labelling, watched, file)
    lanes = page.locator("em-sound-lanes")
    answer = labelling.ask("POST", "/labels/tags?every=5", [("snippet", "a.flac", file.read_bytes())])
    lanes.get_by_text("As a table").click()
    expect(lanes.locator("tbody tr")).to_have_count(len(answer["series"]))
    lively = [row.locator("td").first.inner_text() for row in each(lanes.locator("tbody tr"))]
    assert lively == [str(int(part["arousal"]["percentile"] + 0.5)) for part in answer["series"]]
    expect(lanes.locator("image")).to_be_attached()

    # A click in the middle of the axis is the middle of the sound, for player and line alike.
    drawing = lanes.locator("svg.sound-lanes")
    ends = [float(lanes.locator(".lane-ground").get_attribute(name) or 0) for name in ("x", "width")]
    middle = ends[0] + ends[1] / 2
    page.wait_for_function("document.querySelector('em-sound-lanes audio').duration > 0")
    drawing.click(position={"x": middle, "y": 60})
    page.wait_for_function(
        "([x, near]) => Math.abs(document.querySelector('.playing-line').getAttribute('x1') - x) < near",
        arg=[middle, 0.02 * ends[1]],
    )
    at, whole = lanes.locator("audio").evaluate("e => [e.currentTime, e.duration]")
    assert abs(at - whole / 2) < 0.02 * whole
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


@pytest.fixture(scope="module")
def evening(music: Music) -> Path:
    """Write down a recording of a song of the library, of silence, and of a song that is not in it."""
    rate = music.song(0).sample_rate
    parts = [music.song(0).samples[: 20 * rate], np.zeros(6 * rate, np.float32), music.song(4).samples[: 20 * rate]]
    path = music.folder / "Labelled evening.wav"
    phone.write_wav(path, np.concatenate(parts), rate)
    return path


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_a_tracklist_says_what_each_stretch_sounds_like(
    browser: Browser, labelling: Service, watched: Watch, evening: Path, width: int, scheme: str
) -> None:
    page = open_context(browser, labelling, color_scheme=scheme, viewport={"width": width, "height": 740}).new_page()
    watched.follow(page)
    page.goto("/tracklists")
    wanted = page.get_by_label("In new recordings, say what each stretch sounds like, too")
    expect(wanted).not_to_be_checked()
    wanted.check()
    assert violations(page) == []
    page.locator(".file-button input[type=file]").set_input_files(evening)
    page.get_by_role("link", name="Show the tracklist").click(timeout=300_000)
    expect(page.get_by_role("heading", name=evening.name)).to_be_visible()
    kept = labelling.ask("GET", page.url.removeprefix(labelling.url))
    music_of = [segment for segment in kept["segments"] if segment["kind"] in ("track", "unknown")]
    assert len(music_of) > 1
    rows = page.locator(".segment-list li")
    expect(rows).to_have_count(len(kept["segments"]))
    for segment, row in zip(kept["segments"], each(rows), strict=True):
        said = segment["labels"]
        if not said:
            expect(row).not_to_contain_text("Genre")
            continue
        assert segment in music_of
        for tag in said["tags"]["labels"][:3]:
            expect(row).to_contain_text(tag)
        expect(row).to_contain_text("Genre: ")
        expect(row).to_contain_text(said["genre"]["labels"][0])
    sounds = page.locator(".tracklist-chart .sound path")
    boxes = sum(bool(segment["labels"]["tags"]["labels"]) for segment in music_of)
    expect(sounds).to_have_attribute("d", re.compile(f"^(M[^M]+){{{boxes}}}$"))
    page.get_by_text("As a table").click()
    table = page.locator("em-tracklist-chart table")
    expect(table.get_by_role("columnheader", name="Sound: tags")).to_be_visible()
    likely = music_of[0]["labels"]["genre"]["labels"][0]
    expect(table.locator("tbody tr", has_text=likely).first).to_contain_text("%")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    labelling.ask("DELETE", page.url.removeprefix(labelling.url))
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


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_a_model_shows_how_good_it_is(
    browser: Browser, labelling: Service, watched: Watch, width: int, scheme: str
) -> None:
    page = open_context(browser, labelling, color_scheme=scheme, viewport={"width": width, "height": 740}).new_page()
    watched.follow(page)
    page.goto("/labels")
    page.get_by_role("article", name="genre gtzan-10").get_by_role("link").click()
    card = labelling.ask("GET", "/label-models/genre/gtzan-10")["card"]
    figures = card["honest"][0]["figures"]
    matrix = page.locator("em-matrix")
    expect(matrix).to_contain_text(f"{sum(row[i] for i, row in enumerate(figures['confusion']))} of {figures['n']}")
    expect(matrix.locator("tbody tr").first.locator("td").first).to_have_text(str(figures["confusion"][0][0]))
    expect(matrix.locator("tbody tr").first.locator("td").last).to_have_text(
        str(round(100 * figures["by_label"][0]["recall"]))
    )
    matrix.get_by_role("radio", name="Per cent of the column").check()
    expect(matrix.locator("tbody tr").first.locator("td").first).to_have_text(
        str(round(100 * figures["by_label"][0]["precision"]))
    )
    expect(page.locator("em-reliability-chart circle")).to_have_count(len(figures["calibration"]["bins"]))
    page.get_by_role("radio", name=f"{card['leaky'][0]['name']} (flatters)").check()
    expect(matrix).to_contain_text(f"of {card['leaky'][0]['figures']['n']} are right")
    unfold(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.context.close()


def sound(kind: str, number: int, length_s: int = 4) -> np.ndarray:
    """One of two kinds of sound that nobody confuses, at 16 kHz."""
    rng, t = np.random.default_rng(number), np.arange(length_s * 16000) / 16000
    hum = 0.4 * np.sin(2 * np.pi * (60 + 10 * number) * t) + 0.01 * rng.standard_normal(len(t))
    hiss = 0.2 * rng.standard_normal(len(t)) * (np.sin(2 * np.pi * 4 * t) > 0)
    return (hum if kind == "hum" else hiss).astype(np.float32)


def tone(folder: Path, kind: str, number: int) -> Path:
    """Four seconds of a kind of sound, named by label and group."""
    path = folder / f"{kind} - {number} - take.wav"
    phone.write_wav(path, sound(kind, number), 16000)
    return path


def test_a_model_is_trained_and_its_cells_lead_to_clips(
    browser: Browser, labelling: Service, watched: Watch, tmp_path: Path
) -> None:
    page = open_context(browser, labelling).new_page()
    watched.follow(page)
    page.goto("/labels")
    page.get_by_role("link", name="Train one on your recordings").click()
    page.get_by_label("What is it to name?").fill("noise")
    files = [tone(tmp_path, kind, number) for kind in ("hum", "hiss") for number in range(4)]
    page.locator(".train input[type=file]").set_input_files(files[:5])
    expect(page.locator(".train [role=status]")).to_contain_text("hiss (1)")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    page.locator(".train input[type=file]").set_input_files(files)
    expect(page.get_by_label(f"Group of {files[0].name}")).to_have_value("0")
    assert violations(page) == []
    page.get_by_role("button", name="Train", exact=True).click()
    state = page.get_by_role("region", name="Training").get_by_role("status")
    page.wait_for_url("**/labels/train?job=*")
    expect(state).to_contain_text("recordings heard")
    page.reload()  # the address brings one back
    expect(state).to_contain_text("Trained on 8 recordings: version 1", timeout=300_000)
    page.get_by_role("link", name="How good it is").click()
    cell = page.locator("em-matrix button").first
    count = int(cell.inner_text())
    cell.press("Enter")
    expect(page.locator("section", has=page.locator("#clips-heading")).locator("li")).to_have_count(count)
    page.get_by_role("button", name="Let it answer").click()
    expect(page.get_by_role("region", name="Card")).to_contain_text("It answers.")
    page.context.close()
    shutil.rmtree(labelling.folder / "labels" / "noise")


def test_songs_are_compared(browser: Browser, labelling: Service, watched: Watch, music: Music) -> None:
    page = open_context(browser, labelling).new_page()
    watched.follow(page)
    page.goto("/labels")
    page.get_by_role("link", name="Compare up to three songs").click()
    page.locator("input[type=file]").set_input_files([music.track(0), music.track(1)])
    genre = page.get_by_role("region", name="genre", exact=True)
    expect(genre.locator("tbody tr")).to_have_count(10)
    expect(genre.locator("tbody tr").first.locator("td")).to_have_count(2)
    expect(page.locator("[aria-live]")).to_contain_text("The songs are compared")
    expect(page.locator("svg .peak")).to_have_count(2)
    for index in (0, 1):
        heard = labelling.ask("POST", "/labels/tags", [("snippet", "a.flac", music.track(index).read_bytes())])
        expect(page.locator("svg[role=img]")).to_have_attribute(
            "aria-label", re.compile(f"{round(heard['arousal']['percentile'])} of 100")
        )
    assert violations(page) == []
    page.get_by_role("button", name="Leave out").first.click()
    expect(genre.locator("tbody tr").first.locator("td")).to_have_count(1)
    page.context.close()


@pytest.fixture
def feeling(labelling: Service, tmp_path: Path) -> Iterator[Path]:
    """A model of one's own tells happy (hum) from sad (hiss); what it is to be asked is a hum, then a hiss."""
    for label, kind in (("happy", "hum"), ("sad", "hiss")):
        (tmp_path / "moods" / label).mkdir(parents=True)
        for number in range(4):
            tone(tmp_path / "moods" / label, kind, number)
    how = ("--group", "none", "--features", "mfcc-104-log", "--family", "logistic", "--activate", "--quiet")
    labelling.command("train", "feeling", str(tmp_path / "moods"), *how)
    path = tmp_path / "both.wav"
    phone.write_wav(path, np.concatenate([sound("hum", 2, 10), sound("hiss", 2, 10)]), 16000)
    yield path
    shutil.rmtree(labelling.folder / "labels" / "feeling")


def test_moods_lie_on_a_plane_where_a_model_tells_happy_from_sad(
    browser: Browser, labelling: Service, watched: Watch, feeling: Path
) -> None:
    answer = labelling.ask("POST", "/labels/feeling?every=5", [("snippet", "a.wav", feeling.read_bytes())])
    happy = [100 * next(i["p"] for i in part["distribution"] if i["label"] == "happy") for part in answer["series"]]
    assert happy[0] > 60 > 40 > happy[-1]
    small = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    page = labelled(browser, labelling, watched, feeling, **small)
    mood = page.locator("em-mood")
    expect(mood.get_by_role("heading")).to_have_text("Calm or energetic, sad or happy")
    mood.get_by_text("As a table").click()
    cells = [int(row.locator("td").nth(1).inner_text()) for row in each(mood.locator("tbody tr"))]
    assert cells == [int(value + 0.5) for value in happy]
    assert len(re.findall("[ML]", mood.locator(".line").get_attribute("d") or "")) == len(happy)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320

    # The point goes with the player: from right (happy) to left (sad).
    before = float(mood.locator(".playing-dot").get_attribute("cx") or 0)
    page.locator("em-sound-lanes audio").evaluate("player => { player.currentTime = 17 }")
    page.wait_for_function("x => document.querySelector('.playing-dot').getAttribute('cx') < x / 2", arg=before)

    page.goto("/labels/compare")
    moods = feeling.parent / "moods"
    page.locator("input[type=file]").set_input_files(
        [moods / "happy" / "hum - 1 - take.wav", moods / "sad" / "hiss - 1 - take.wav"]
    )
    expect(page.locator("[aria-live]")).to_contain_text("The songs are compared")
    expect(mood.locator("circle.peak")).to_have_count(2)
    xs = [float(circle.get_attribute("cx") or 0) for circle in each(mood.locator("circle.peak"))]
    assert xs[0] > xs[1]
    expect(mood.locator("svg")).to_have_attribute("aria-label", re.compile("rather happy.*rather sad"))
    page.context.close()


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
