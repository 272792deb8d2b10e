"""Take the pictures of the documentation: ``python -m tests.browser.screenshots [FOLDER]``, docs/img by default.

Every view, against a real service with composed songs: nothing on them is painted by hand.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
N_SONGS = 13
UNKNOWN = N_SONGS - 1
"""Enrolled by the picture of an upload alone."""
STRANGER = N_SONGS
"""Never enrolled: a recording of it is not named before it is over."""


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
    two = service.identify(music.snippet(4, 26.0))
    unknown = service.identify(music.snippet(UNKNOWN, 18.0))
    service.identify(music.snippet(5, 30.0, 5.0, snr_db=0.0))
    known = service.identify(music.snippet(2, 37.0, 5.0))
    experiments = []
    for seed in (0, 1):
        parts = [("file", file.name, file.read_bytes()) for file in map(music.track, (0, 2, 5, 7, UNKNOWN, STRANGER))]
        query = f"cut=12&conditions=clean,room,babble:10,babble:0&seed={seed}"
        experiments.append(service.finish(service.ask("POST", f"/experiments?{query}", parts))["id"])
    evening = evening_out(music)
    job = service.finish(service.ask("POST", "/tracklists", [("file", evening.name, evening.read_bytes())]))
    return {
        "identified": f"/tags/{known['id']}",
        "ambiguous": f"/tags/{two['id']}",
        "unknown": f"/tags/{unknown['id']}",
        "tracklist": f"/tracklists/{job['tracklist']}",
        "experiment": f"/experiments/{experiments[0]}",
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


def nothing(_: Page) -> None:
    """The view as it opens."""


def uploading(music: Music) -> Callable[[Page], None]:
    """Adding tracks: one that is there already, one that is none, one new."""

    def act(page: Page) -> None:
        letter = music.folder / "letter.mp3"
        letter.write_bytes(b"no music " * 400)
        page.locator(".library-tools input[type=file]").set_input_files([music.track(0), letter, music.track(UNKNOWN)])
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
    """Write a PNG again with the 256 commonest of its colours: a quarter of the bytes, and no difference to be seen.

    Chromium writes true colour with little compression. Rarer colours, all of them from the smoothing of edges,
    become the nearest common one.
    """
    with av.open(str(path)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    height, width, _ = pixels.shape
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colours, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-counts, kind="stable")[:256])
    rgb = (colours[:, None] >> np.array([16, 8, 0], dtype=np.uint32)) & 255
    distance = np.square(rgb[:, None, :].astype(np.int64) - rgb[None, kept, :].astype(np.int64)).sum(axis=2)
    rows = distance.argmin(axis=1).astype(np.uint8)[places].reshape(height, width)
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
) -> None:
    """Save one picture; ``whole`` makes the window as high as the page, so that what is fixed stays at its edge."""
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
                    shoot(
                        browser,
                        service,
                        folder,
                        "identified",
                        at["identified"],
                        screen,
                        scheme,
                    )
            shoot(
                browser,
                service,
                folder,
                "ambiguous",
                at["ambiguous"],
                "desktop",
                "light",
            )
            shoot(browser, service, folder, "ambiguous", at["ambiguous"], "phone", "dark")
            shoot(browser, service, folder, "unknown", at["unknown"], "desktop", "dark")
            shoot(browser, service, folder, "unknown", at["unknown"], "phone", "light")
            shoot(browser, service, folder, "history", "/history", "phone", "dark")
            shoot(browser, service, folder, "history", "/history", "desktop", "light")
            shoot(browser, service, folder, "library", "/library", "phone", "light")
            shoot(browser, service, folder, "library", "/library", "desktop", "dark")
            shoot(browser, service, folder, "tracklist", at["tracklist"], "phone", "light")
            shoot(browser, service, folder, "tracklist", at["tracklist"], "desktop", "dark")
            shoot(browser, service, folder, "tracklists", "/tracklists", "desktop", "light")
            shoot(browser, service, folder, "experiments", "/experiments", "desktop", "light", beginning)
            shoot(browser, service, folder, "experiment", at["experiment"], "desktop", "light")
            shoot(browser, service, folder, "experiment", at["experiment"], "phone", "dark")
            shoot(browser, service, folder, "experiments-compared", at["compared"], "desktop", "dark")
            shoot(browser, service, folder, "model", "/labels/models/genre/gtzan-10", "desktop", "light")
            shoot(browser, service, folder, "model", "/labels/models/genre/gtzan-10", "phone", "dark")
            shoot(browser, service, folder, "train", "/labels/train", "desktop", "light", training(music))
            shoot(browser, service, folder, "songs-compared", "/labels/compare", "desktop", "light", comparing(music))
            shoot(browser, service, folder, "batch", "/batch", "phone", "light", tagging_many(music))
            shoot(browser, service, folder, "system", "/system", "desktop", "light", looked_at)
            shoot(browser, service, folder, "system", "/system", "phone", "dark", looked_at)
            # The spectrogram has too many colours for a picture of the whole page.
            for screen, scheme in (("phone", "dark"), ("desktop", "light")):
                shoot(browser, service, folder, "labels", "/labels", screen, scheme, labelling(music), whole=False)
            shoot(
                browser,
                service,
                folder,
                "edit",
                "/library",
                "phone",
                "dark",
                editing,
                whole=False,
            )
            shoot(
                browser,
                service,
                folder,
                "refused",
                "/",
                "phone",
                "light",
                refused,
                whole=False,
            )
            shoot(
                browser,
                service,
                folder,
                "not-found",
                "/nowhere",
                "desktop",
                "light",
                whole=False,
            )
            shoot(
                browser,
                service,
                folder,
                "upload",
                "/library",
                "desktop",
                "light",
                uploading(music),
                whole=False,
            )
            browser.close()
            browser = launch(
                playwright, *microphone_flags(music.snippet(STRANGER, 20.0, 12.0))
            )  # never named, so that the page records to the end
            shoot(
                browser,
                service,
                folder,
                "recording",
                "/",
                "phone",
                "dark",
                recording,
                whole=False,
            )
            shoot(
                browser,
                service,
                folder,
                "recording",
                "/",
                "desktop",
                "light",
                recording,
                whole=False,
            )
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "img")
