"""Take the pictures of the documentation: ``python -m tests.browser.screenshots [FOLDER]``, docs/img by default.

Every view, against a real service with composed songs: nothing on them is painted by hand.
"""

from __future__ import annotations

import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright

from classifier.demo import phone, songs
from tests.browser.harness import ROOT, Music, Service, launch, microphone_flags, running
from tests.library import WEIGHTS

SCREENS: dict[str, dict[str, Any]] = {
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
    },
    "desktop": {"viewport": {"width": 1280, "height": 860}},
}
MAX_BYTES = 200_000
COMMONEST = 232
"""Of the 256 colours of a picture, those that are kept for being common."""
N_SONGS = 13
UNKNOWN = N_SONGS - 1
"""Enrolled by the picture of an upload alone."""
STRANGER = N_SONGS
"""Never enrolled: a recording of it is not named before it is over."""
MINOR = ("minor", "aeolian", "dorian", "phrygian")
"""What the key of a song in minor is called."""


def fill(service: Service, music: Music) -> dict[str, str]:
    """Put songs into the library and tags into the history; return the addresses of the views."""
    service.enroll(*(music.track(index) for index in range(UNKNOWN)))
    twin = music.song(4)
    edit = songs.Song(
        f"{twin.title} (radio edit)", twin.artist, "Closing Time", None, twin.tempo_bpm, twin.key, twin.meter,
        twin.style, twin.samples[8 * twin.sample_rate :], twin.sample_rate,
    )  # fmt: skip
    service.enroll(songs.write(edit, music.folder))
    for index, start_s in ((0, 21.0), (7, 33.0), (9, 12.0)):
        service.identify(music.snippet(index, start_s))
    from_devices(service, music)
    two = service.identify(music.snippet(4, 26.0))
    unknown = service.identify(music.snippet(UNKNOWN, 18.0))
    service.identify(music.snippet(5, 30.0, 5.0, snr_db=0.0))
    known = service.identify(music.snippet(2, 37.0, 5.0))
    experiments = []
    for seed in (0, 1):
        parts = [("file", file.name, file.read_bytes()) for file in map(music.track, (0, 2, 5, 7, UNKNOWN, STRANGER))]
        query = f"cut=12&conditions=clean,room,babble:10,babble:0&seed={seed}"
        experiments.append(service.ask("POST", f"/experiments?{query}", parts)["id"])
    evening = evening_out(music)
    parts = [("file", evening.name, evening.read_bytes())]
    job = service.finish(service.ask("POST", "/tracklists", parts))
    sounding = service.finish(service.ask("POST", "/tracklists?include=tags,genre,mood", parts))["tracklist"]
    corrected(service, sounding)
    return {
        "identified": f"/tags/{known['id']}",
        "ambiguous": f"/tags/{two['id']}",
        "unknown": f"/tags/{unknown['id']}",
        "tracklist": f"/tracklists/{job['tracklist']}",
        "sounds": f"/tracklists/{sounding}",
        "tracklists-compared": f"/tracklists/compare?ids={job['tracklist']},{sounding}",
        "experiment": f"/experiments/{experiments[0]}",
        "track": f"/tracks/{two['matches'][0]['track_id']}",
        "experiments": ",".join(experiments),
        "compared": f"/experiments/compare?ids={','.join(experiments)}",
    }


def evening_out(music: Music) -> Path:
    """Write down some minutes in which songs, one unknown among them, and silence follow each other."""
    rate = music.song(0).sample_rate
    parts = [music.song(index).samples[5 * rate :] for index in (0, 7, UNKNOWN, 2, 9)]
    parts.insert(3, np.zeros(12 * rate, np.float32))
    path = music.folder / "An evening at the Lantern.wav"
    phone.write_wav(path, np.concatenate(parts), rate)
    return path


def from_devices(service: Service, music: Music) -> None:
    """Tag recordings of devices that say who they are."""
    for device, heard in (("Anna’s phone", (0, 3, STRANGER)), ("Bar", (5, 8)), ("Studio", (11,))):
        for index in heard:
            snippet = music.snippet(index, 40.0)
            path = f"/tags?device={quote(device)}"
            service.ask("POST", path, [("snippet", snippet.name, snippet.read_bytes())])


def corrected(service: Service, tracklist: str) -> None:
    """Set right by hand which music nobody knew, and where the last song begins."""
    segments = service.ask("GET", f"/tracklists/{tracklist}")["segments"]
    unknown = next(segment for segment in segments if segment["kind"] == "unknown")
    path = f"/tracklists/{tracklist}/segments"
    service.change(f"{path}/{unknown['id']}", {"title": "A song from the room", "artist": "The house band"})
    last = segments[-1]
    service.change(f"{path}/{last['id']}", {"start_s": last["start_s"] + 4})


def teach_moods(service: Service, music: Music) -> None:
    """Train a model that calls songs in major happy and those in minor sad."""
    for index in range(N_SONGS):
        song = music.song(index)
        minor = any(mode in song.key for mode in MINOR)
        folder = music.folder / "moods" / ("sad" if minor else "happy")
        folder.mkdir(parents=True, exist_ok=True)
        songs.write(song, folder)
    service.command(
        *("train", "feeling", str(music.folder / "moods"), "--group", "none"),
        *("--features", "mfcc-104-log", "--family", "logistic", "--activate", "--quiet"),
    )


def undoing(page: Page) -> None:
    """A track that was just deleted."""
    page.locator(".rows .delete").nth(2).click()
    expect(page.get_by_role("complementary", name="Undo")).to_be_visible()


def undone(page: Page) -> None:
    """It is there again: what is left deleted goes when the page is closed."""
    page.get_by_role("complementary", name="Undo").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("complementary", name="Undo")).to_have_count(0)


def unfolding_devices(page: Page) -> None:
    """Who recorded how much."""
    page.get_by_text("Devices", exact=True).click()
    expect(page.locator("em-devices tbody tr")).to_have_count(3)


def on_the_plane(music: Music) -> Callable[[Page], None]:
    """Three songs between calm and energetic, sad and happy."""

    def act(page: Page) -> None:
        comparing(music)(page)
        expect(page.locator("em-mood circle.peak")).to_have_count(3)
        page.evaluate("document.querySelector('em-mood').scrollIntoView({block: 'center'})")

    return act


def labelling(music: Music) -> Callable[[Page], None]:
    """Everything that is said of a file."""

    def act(page: Page) -> None:
        page.locator(".file-button input[type=file]").set_input_files(music.track(UNKNOWN))
        expect(page.locator("img.spectrogram")).to_be_visible()

    return act


def comparing(music: Music) -> Callable[[Page], None]:
    """Three songs beside each other."""

    def act(page: Page) -> None:
        page.locator("input[type=file]").set_input_files([music.track(index) for index in (0, 5, 9)])
        expect(page.locator("[aria-live]")).to_contain_text("compared")

    return act


def training(music: Music) -> Callable[[Page], None]:
    """Recordings that wait to be trained on, with labels and groups."""

    def act(page: Page) -> None:
        page.locator(".train input[type=file]").set_input_files([music.track(index) for index in range(6)])
        for row, label in enumerate(("calm", "lively") * 3):
            page.locator(".clips tbody tr").nth(row).get_by_role("textbox").first.fill(label)
            page.locator(".clips tbody tr").nth(row).get_by_role("textbox").last.fill(music.song(row).artist)

    return act


def tagging_many(music: Music) -> Callable[[Page], None]:
    """A batch, done."""

    def act(page: Page) -> None:
        heard = [music.snippet(index, 25.0) for index in (0, 3, STRANGER, 7)]
        page.locator("input[type=file]").set_input_files(heard)
        expect(page.get_by_role("status")).to_contain_text("4 of 4 done")

    return act


def beginning(page: Page) -> None:
    """The form of a new experiment."""
    page.get_by_text("New experiment").click()


def looked_at(page: Page) -> None:
    """Figures of some looks."""
    page.wait_for_timeout(11_000)


def duplicates(page: Page) -> None:
    """What was found twice."""
    page.get_by_role("button", name="Look for duplicates").click()
    expect(page.locator(".pair").first).to_be_visible()


def mapped(page: Page) -> None:
    """The map, with one track chosen."""
    page.get_by_role("button", name=re.compile("^Draw")).click()  # a later picture finds one that is drawn
    expect(page.locator("[aria-live]")).to_contain_text("The map is drawn")
    expect(page.locator("svg.map")).to_be_visible()
    page.locator(".map-field").focus()
    page.keyboard.press("ArrowRight")


def alike(page: Page) -> None:
    """A track's page, with what sounds like it, and its windows."""
    expect(page.locator("em-alike-chart svg").first).to_be_visible()
    page.get_by_text("Show the windows").click()
    expect(page.locator("em-track-windows svg")).to_have_count(2)


def listening_on(title: str) -> Callable[[Page], None]:
    """Until the first song is named."""

    def act(page: Page) -> None:
        page.get_by_role("button", name="Start listening").click()
        expect(page.get_by_role("list", name="The latest")).to_contain_text(title)

    return act


def over_time(music: Music) -> Callable[[Page], None]:
    """Labels along a file."""

    def act(page: Page) -> None:
        labelling(music)(page)
        page.locator("em-sound-lanes audio").evaluate("e => { e.currentTime = 31 }")
        expect(page.locator("em-sound-lanes .playing-line")).not_to_have_attribute("x1", "108")
        page.evaluate("document.querySelector('em-sound-lanes').scrollIntoView({block: 'center'})")

    return act


def reasons(page: Page) -> None:
    """The evidence, which a phone folds."""
    page.get_by_text("How do we know?").click()


def nothing(_: Page) -> None:
    """The view as it opens."""


def uploading(music: Music) -> Callable[[Page], None]:
    """Adding tracks: one that is there already, one that is none, one new."""

    def act(page: Page) -> None:
        letter = music.folder / "letter.mp3"
        letter.write_bytes(b"no music " * 400)
        page.locator(".library-tools input[type=file]:not([webkitdirectory])").set_input_files(
            [music.track(0), letter, music.track(UNKNOWN)]
        )
        expect(page.locator(".upload[data-state=present]")).to_be_visible()
        expect(page.locator(".upload[data-state=failed]")).to_be_visible()

    return act


def editing(page: Page) -> None:
    """The form over the library."""
    page.get_by_role("button", name="Edit").nth(2).click()


def recording(page: Page) -> None:
    """In the middle of five seconds."""
    page.get_by_role("button", name="Listen for").click()
    expect(page.locator(".dial-ring line.heard").nth(44)).to_be_attached()


def refused(page: Page) -> None:
    """Without a microphone."""
    page.get_by_role("button", name="Listen for").click()
    expect(page.get_by_role("alert")).to_be_visible()


def shrink(path: Path) -> None:
    """Write a PNG again with 256 of its colours: a quarter of the bytes, and no difference to be seen.

    Chromium writes true colour with little compression. The commonest colours stay, and those that are least like any
    of them, such as a small yellow mark; all others, from the smoothing of edges, become the nearest.
    """
    with av.open(str(path)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    height, width, _ = pixels.shape
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    rgb = (colours[:, None] >> np.array([16, 8, 0], dtype=np.uint32)) & 255

    def distance(to: np.ndarray) -> np.ndarray:
        return np.square(rgb[:, None, :].astype(np.int64) - rgb[None, to, :].astype(np.int64)).sum(axis=2)

    kept = np.argsort(-counts, kind="stable")[:COMMONEST]
    while len(kept) < min(256, len(colours)):
        kept = np.append(kept, distance(kept).min(axis=1).argmax())
    rows = distance(kept).argmin(axis=1).astype(np.uint8)[places].reshape(height, width)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", rgb[kept].astype(np.uint8).tobytes())
        + chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def shoot(
    browser: Browser,
    service: Service,
    folder: Path,
    name: str,
    path: str,
    screen: str,
    scheme: str,
    act: Callable[[Page], None] = nothing,
    *,
    whole: bool = True,
    after: Callable[[Page], None] = nothing,
) -> None:
    """Save one picture; ``whole`` makes the window as high as the page, so that what is fixed stays at its edge.

    ``after`` is what is done before the page is closed.
    """
    size = SCREENS[screen]["viewport"]
    context = browser.new_context(
        base_url=service.url,
        color_scheme=scheme,
        reduced_motion="reduce",
        permissions=["microphone"],
        **SCREENS[screen],
    )
    page = context.new_page()
    page.goto(path)
    page.wait_for_load_state("networkidle")
    act(page)
    if whole:
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
        page.wait_for_timeout(200)  # charts are laid out again
    target = folder / f"{name}-{screen}-{scheme}.png"
    page.screenshot(path=target)
    shrink(target)
    taken = target.stat().st_size
    print(f"{target.name:36} {taken / 1000:6.0f} kB")
    if taken >= MAX_BYTES:
        raise SystemExit(f"{target} has {taken} bytes: at most {MAX_BYTES} are allowed")
    after(page)
    context.close()


def main(folder: Path) -> None:
    """Take all pictures into ``folder``."""
    expect.set_options(timeout=30_000)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        running(Path(scratch) / "service", EARMARK_WEIGHTS_DIR=str(WEIGHTS)) as service,
    ):
        music = Music(Path(scratch) / "music", N_SONGS + 1, 75.0)
        at = fill(service, music)
        with sync_playwright() as playwright:
            browser = launch(playwright)
            shoot(browser, service, folder, "listen", "/", "phone", "light")
            shoot(browser, service, folder, "listen", "/", "desktop", "light")
            shoot(browser, service, folder, "listen", "/", "desktop", "dark")
            for screen in SCREENS:
                for scheme in ("light", "dark"):
                    shoot(browser, service, folder, "identified", at["identified"], screen, scheme)
            shoot(browser, service, folder, "ambiguous", at["ambiguous"], "desktop", "light")
            shoot(browser, service, folder, "ambiguous", at["ambiguous"], "phone", "dark")
            shoot(browser, service, folder, "unknown", at["unknown"], "desktop", "dark")
            shoot(browser, service, folder, "unknown", at["unknown"], "phone", "light")
            shoot(browser, service, folder, "history", "/history", "phone", "dark")
            shoot(browser, service, folder, "history", "/history", "desktop", "light")
            shoot(browser, service, folder, "library", "/library", "phone", "light")
            shoot(browser, service, folder, "library", "/library", "desktop", "dark")
            shoot(browser, service, folder, "track", at["track"], "desktop", "light", alike)
            shoot(browser, service, folder, "track", at["track"], "phone", "dark", alike)
            shoot(browser, service, folder, "duplicates", "/library/duplicates", "desktop", "light", duplicates)
            shoot(browser, service, folder, "map", "/library/map", "desktop", "light", mapped)
            shoot(browser, service, folder, "map", "/library/map", "phone", "dark", mapped)
            shoot(browser, service, folder, "catalogues", "/catalogues", "desktop", "light")
            shoot(browser, service, folder, "keys", "/keys", "desktop", "light")
            shoot(browser, service, folder, "reasons", at["identified"], "phone", "light", reasons)
            shoot(browser, service, folder, "tracklist", at["tracklist"], "phone", "light")
            shoot(browser, service, folder, "tracklist", at["tracklist"], "desktop", "dark")
            shoot(browser, service, folder, "tracklists", "/tracklists", "desktop", "light")
            shoot(browser, service, folder, "model", "/labels/models/genre/gtzan-10", "desktop", "light")
            shoot(browser, service, folder, "model", "/labels/models/genre/gtzan-10", "phone", "dark")
            shoot(browser, service, folder, "train", "/labels/train", "desktop", "light", training(music))
            shoot(browser, service, folder, "songs-compared", "/labels/compare", "desktop", "light", comparing(music))
            shoot(browser, service, folder, "batch", "/batch", "phone", "light", tagging_many(music))
            shoot(browser, service, folder, "sounds", at["sounds"], "desktop", "light")
            shoot(browser, service, folder, "sounds", at["sounds"], "phone", "dark")
            shoot(browser, service, folder, "tracklists-compared", at["tracklists-compared"], "desktop", "light")
            shoot(browser, service, folder, "devices", "/history", "desktop", "light", unfolding_devices, whole=False)
            for screen, scheme in (("phone", "dark"), ("desktop", "light")):
                shoot(browser, service, folder, "undo", "/library", screen, scheme, undoing, whole=False, after=undone)
            shoot(browser, service, folder, "system", "/system", "desktop", "light", looked_at)
            shoot(browser, service, folder, "system", "/system", "phone", "dark", looked_at)
            # The spectrogram has too many colours for a picture of the whole page.
            for screen, scheme in (("phone", "dark"), ("desktop", "light")):
                shoot(browser, service, folder, "labels", "/labels", screen, scheme, labelling(music), whole=False)
            shoot(browser, service, folder, "lanes", "/labels", "desktop", "light", over_time(music), whole=False)
            shoot(browser, service, folder, "lanes", "/labels", "phone", "dark", over_time(music), whole=False)
            shoot(browser, service, folder, "edit", "/library", "phone", "dark", editing, whole=False)
            shoot(browser, service, folder, "refused", "/", "phone", "light", refused, whole=False)
            shoot(browser, service, folder, "not-found", "/nowhere", "desktop", "light", whole=False)
            shoot(browser, service, folder, "upload", "/library", "desktop", "light", uploading(music), whole=False)
            # They have been running beside all others.
            for job in at["experiments"].split(","):
                service.finish(service.ask("GET", f"/jobs/{job}"))
            shoot(browser, service, folder, "experiments", "/experiments", "desktop", "light", beginning)
            shoot(browser, service, folder, "experiment", at["experiment"], "desktop", "light")
            shoot(browser, service, folder, "experiment", at["experiment"], "phone", "dark")
            shoot(browser, service, folder, "experiments-compared", at["compared"], "desktop", "dark")
            # After all others: what it says of moods would be on them, too.
            teach_moods(service, music)
            plane = on_the_plane(music)
            shoot(browser, service, folder, "mood-plane", "/labels/compare", "desktop", "light", plane, whole=False)
            browser.close()
            browser = launch(
                playwright, *microphone_flags(music.snippet(STRANGER, 20.0, 12.0))
            )  # never named, so that the page records to the end
            shoot(browser, service, folder, "recording", "/", "phone", "dark", recording, whole=False)
            shoot(browser, service, folder, "recording", "/", "desktop", "light", recording, whole=False)
            browser.close()
            browser = launch(playwright, *microphone_flags(music.snippet(2, 20.0, 40.0, snr_db=15.0)))
            on = listening_on(music.song(2).title)
            shoot(browser, service, folder, "live", "/live", "phone", "dark", on, whole=False)
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "img")
