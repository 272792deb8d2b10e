"""How smoothly the page moves over a tag of ten thousand points and a tracklist of twelve hours, in Chromium::

    python -m bench.measure.smooth                          # a service of its own, an unthrottled and a slow processor
    python -m bench.measure.smooth --slower 4 --json smooth.json

What is looked at is made from a seed and stored without listening: a tag with 10,000 measurements of agreement and as
many of divergence, and a tracklist with a stretch of music, speech or silence about every minute, each with labels. The
page draws them as it draws any. A *frame* is the time between two pictures, a sixtieth of a second where nothing is
late. An *answer* is the time from an input to the picture that shows what came of it, as Chromium's event timing has
it: by steps of 8 ms, and only from 16 ms on. Both are by the clock, and say little on a machine that does other things.
A *task* is what the main thread does in one go, in processor time, from Chromium's trace: whatever else runs, no
picture comes sooner than the tasks before it take. What drives the page is among them. A slower processor is imitated
by waiting that costs processor time, more of it than it should on a busy machine: multiply the tasks of the other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from bench.measure.load import service
from classifier.listening.segments import Segment
from classifier.records import tags, tracklists
from classifier.records.labels import entry
from classifier.records.tracklist_writing import Writer
from classifier.results import Match, Searched, Tag
from classifier.store import open_store
from classifier.store.base import Store

POINTS = 10_000
HOURS = 12
#: Seconds between the measurements of the tag: its track lasts 53 minutes.
STEP_S = 0.32
#: Where the tag's snippet lies in its track, seconds.
PLACE_S = 1777.0
#: Kinds of what lies between tracks.
BETWEEN = ("unknown", "speech_noise", "silence")
SOUNDS = ("ambient", "choral", "electronic", "folk", "guitar", "jazz", "piano", "rock", "slow", "strings", "techno")
#: Records frames and answers to inputs from now on, until it is asked for them.
WATCH = """() => {
  const seen = { frames: [], answers: [], running: true };
  let before = performance.now();
  const frame = (now) => {
    seen.frames.push(now - before);
    before = now;
    if (seen.running) requestAnimationFrame(frame);
  };
  requestAnimationFrame((now) => { before = now; requestAnimationFrame(frame); });
  const observer = new PerformanceObserver((list) =>
    seen.answers.push(...list.getEntries().map((one) => one.duration)));
  observer.observe({ type: 'event', durationThreshold: 16 });
  window.watched = () => new Promise((done) => setTimeout(() => {
    seen.running = false;
    observer.disconnect();
    done(seen);
  }, 200));
}"""
#: What the trace calls a task, and the thread that draws.
TASK, THREAD = "ThreadControllerImpl::RunTask", "CrRendererMain"


def store_tag(store: Store) -> str:
    """Store a tag whose lanes have :data:`POINTS` points each; return its id."""
    rng = np.random.default_rng(18)
    lags = np.arange(POINTS) * STEP_S
    peak = int(PLACE_S / STEP_S)
    agreement = rng.normal(0.0, 0.03, POINTS)
    agreement[peak] = 0.71
    divergence = 90.0 + 12.0 * rng.standard_normal(POINTS).cumsum() / np.sqrt(np.arange(1, POINTS + 1))
    divergence[peak] = 11.0
    charts = {
        "alignment": {
            "track_id": "t" * 32,
            "lags_s": lags.round(3).tolist(),
            "agreement": agreement.round(5).tolist(),
            "threshold": 0.22,
        },
        "along": {
            "track_id": "t" * 32,
            "offsets_s": lags.round(3).tolist(),
            "divergence": np.maximum(0.0, divergence).round(3).tolist(),
            "unrelated": 96.0,
        },
        "nearest": [],
    }
    judged: dict[str, Any] = {
        "agreement": 0.71,
        "z": 24.0,
        "log10_e_value": -40.0,
        "confidence": 0.9999,
        "divergence": 11.0,
    }
    match = Match(
        track_id="t" * 32, title="A long night", artist="Ida Varga", album=None, source="night.flac", role="match",
        recording=0, offset_s=PLACE_S, query_start_s=0.0, query_end_s=5.0, speed=1.0, pitch=0.0,
        divergence_variational=None, **judged,
    )  # fmt: skip
    tag = Tag("identified", "auto", [match], [], Searched(POINTS, 1, True), {"align": 0.1}, 5.0, charts, tied=1)
    return str(tags.save(store, "default", tag)["id"])


def segments() -> list[Segment]:
    """Return what is heard in :data:`HOURS` hours: tracks, some fading into the next, and what lies between them."""
    rng = np.random.default_rng(12)
    found: list[Segment] = []
    at, end = 0.0, HOURS * 3600.0
    while at < end - 30.0:
        is_track = rng.random() < 0.7
        until = min(end, at + float(rng.uniform(45, 110) if is_track else rng.uniform(8, 40)))
        number = len(found)
        ranking = [(SOUNDS[place], 0.9 - 0.1 * rank) for rank, place in enumerate(rng.permutation(len(SOUNDS))[:8])]
        said = [label for label, _ in ranking]
        labels = {
            "tags": entry("1", "0" * 64, None, said[:5], ranking, "2026-11-29T12:00:00Z"),
            "genre": entry("1", "0" * 64, "certain", said[:1], ranking, "2026-11-29T12:00:00Z"),
        }
        common: dict[str, Any] = {
            "id": str(number + 1), "start_s": round(at, 2), "end_s": round(until, 2), "start_uncertainty_s": 0.3,
            "end_uncertainty_s": 0.4, "confidence": round(float(rng.uniform(0.6, 1)), 4), "labels": labels,
        }  # fmt: skip
        if is_track:
            names: dict[str, Any] = {
                "title": f"Song {number + 1}",
                "artist": f"Artist {number % 40}",
                "album": f"Album {number % 90}",
            }
            place: dict[str, Any] = {
                "track_id": f"{number:032x}",
                "source": f"{number}.flac",
                "offset_s": 4.0,
                "speed": 1.0,
            }
            found.append(Segment(kind="track", **names, **place, **common))
        else:
            found.append(Segment(kind=BETWEEN[number % len(BETWEEN)], **common))
        at = until - 4.0 if is_track and rng.random() < 0.3 else until
    return found


def store_tracklist(store: Store) -> str:
    """Store the tracklist of :func:`segments`; return its id."""
    writer = Writer(store, tracklists.create(store, "default", file="All night.flac", job="0" * 32))
    writer.sync([segment.to_dict() for segment in segments()], HOURS * 3600.0)
    writer.finish()
    return writer.id


# --- what is done on the page --------------------------------------------------------------------------------


def hover(page: Page, of: str) -> None:
    """Move the pointer over a chart from left to right and back."""
    page.locator(of).scroll_into_view_if_needed()
    box = page.locator(of).bounding_box()
    assert box is not None
    for step in [*range(80), *range(80, 0, -1)]:
        page.mouse.move(box["x"] + 50 + (box["width"] - 70) * step / 80, box["y"] + min(120, box["height"] / 2))


def press(page: Page, key: str, times: int) -> None:
    """Press a key on what has the focus."""
    for _ in range(times):
        page.keyboard.press(key)


def roll(page: Page, by: int, times: int) -> None:
    """Turn the wheel down, and up again."""
    page.mouse.move(640, 400)
    for direction in (1, -1):
        for _ in range(times):
            page.mouse.wheel(0, direction * by)
            page.wait_for_timeout(16)


def zoom(page: Page) -> None:
    """Show the seconds around the peak, and the whole track again."""
    for _ in range(5):
        page.get_by_label("Around the peak").click()
        page.get_by_label("Whole track").click()


def along_keys(page: Page) -> None:
    """Move the cursor in the track by keys."""
    page.get_by_label("Cursor in the track").focus()
    press(page, "ArrowRight", 60)


def resize(page: Page) -> None:
    """Make the window narrower, and wide again."""
    for width in (1100, 900, 700, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 860})
        page.wait_for_timeout(150)


def choose(page: Page) -> None:
    """Go from the timeline to the list, by stretches in all its parts."""
    chart = page.locator(".tracklist-chart")
    for number in range(12):
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None
        place = (box["x"] + 20 + number * (box["width"] - 40) / 11, box["y"] + 20 + number * box["height"] / 13)
        page.mouse.click(place[0], place[1])
        page.wait_for_timeout(50)


def from_stretch_to_stretch(page: Page) -> None:
    """Move the cursor over the timeline by keys."""
    page.get_by_label("Cursor in the recording").focus()
    press(page, "ArrowRight", 60)


def tab(page: Page) -> None:
    """Go through the buttons of the list by keys."""
    page.locator(".segment-list button").first.focus()
    press(page, "Tab", 40)


def unfold(page: Page) -> None:
    """Open the table with the figures, and close it."""
    for _ in range(2):
        page.locator("em-tracklist-chart summary").click()
        page.wait_for_timeout(300)


def correct(page: Page) -> None:
    """Open the form of some segments, and leave it."""
    for number in (0, 20, 5):
        page.locator(".segment-list .correct").nth(number).click()
        form = page.get_by_role("dialog")
        form.wait_for()
        page.keyboard.press("Escape")
        form.wait_for(state="hidden")


def open_(page: Page, address: str, shown: str) -> None:
    """Open an address and wait until it is drawn."""
    page.add_init_script(f"({WATCH})()")
    page.goto(address, wait_until="commit")
    page.locator(shown).first.wait_for()
    page.wait_for_timeout(1500)


TAG: dict[str, Callable[[Page], None]] = {
    "pointer over the lanes": lambda page: hover(page, "em-agreement-chart svg"),
    "cursor by keys": along_keys,
    "to the peak and back": zoom,
    "scroll": lambda page: roll(page, 120, 20),
    "window made narrower": resize,
}
TRACKLIST: dict[str, Callable[[Page], None]] = {
    "pointer over the timeline": lambda page: hover(page, ".tracklist-chart"),
    "cursor by keys": from_stretch_to_stretch,
    "scroll": lambda page: roll(page, 600, 40),
    "from the timeline to the list": choose,
    "through the list by Tab": tab,
    "table opened and closed": unfold,
    "form opened and left": correct,
    "window made narrower": resize,
}


def watched(browser: Browser, page: Page, act: Callable[[Page], None]) -> dict[str, Any]:
    """Do something on the page; return its frames, tasks and answers, in milliseconds."""
    page.locator("body").bounding_box()  # what drives the page is loaded into it before it is watched
    browser.start_tracing(page=page, categories=["toplevel"])
    page.evaluate(WATCH)
    act(page)
    found: dict[str, Any] = page.evaluate("watched()")
    return {**found, "tasks": tasks(json.loads(browser.stop_tracing()))}


def tasks(trace: dict[str, Any]) -> list[float]:
    """Return the processor time of each task of the busiest main thread in a trace, milliseconds."""
    by_thread: dict[tuple[int, int], list[float]] = {}
    drawing = set()
    for event in trace["traceEvents"]:
        thread = (event["pid"], event["tid"])
        if event["name"] == "thread_name" and event["args"]["name"] == THREAD:
            drawing.add(thread)
        elif event["name"] == TASK and "tdur" in event:
            by_thread.setdefault(thread, []).append(event["tdur"] / 1000)
    return max((found for thread, found in by_thread.items() if thread in drawing), key=sum, default=[0.0])


def measure(browser: Browser, url: str, tag: str, tracklist: str, slower: float) -> list[dict[str, Any]]:
    """Open both pages and do everything on them; return a row for each."""
    rows: list[dict[str, Any]] = []
    pages = (
        ("tag", f"{url}/tags/{tag}", ".chart .line", TAG),
        ("tracklist", f"{url}/tracklists/{tracklist}", ".segment-list li", TRACKLIST),
    )
    for name, address, shown, acts in pages:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, service_workers="block")
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(url)  # what every page needs is loaded
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        every: dict[str, Callable[[Page], None]] = {"opened": partial(open_, address=address, shown=shown), **acts}
        for what, act in every.items():
            rows.append({"page": name, "what": what, "slower": slower, **watched(browser, page, act)})
        context.close()
    return rows


def shown(rows: list[dict[str, Any]]) -> Table:
    """Return the figures as a table."""
    table = Table(box=MARKDOWN)
    for column in ("page", "what", "processor slower by"):
        table.add_column(column)
    for column in ("longest task, ms", "tasks above 50 ms", "frames", "median, ms", "95 %", "worst", "slowest answer"):
        table.add_column(column, justify="right")
    for row in rows:
        frames, answers = sorted(row["frames"]), row["answers"]
        cells = (statistics.median(frames), frames[int(0.95 * (len(frames) - 1))], frames[-1])
        table.add_row(
            row["page"], row["what"], f"{row['slower']:g}", f"{max(row['tasks']):.0f}",
            str(sum(task > 50 for task in row["tasks"])), str(len(frames)), *(f"{cell:.0f}" for cell in cells),
            f"{max(answers):.0f}" if answers else "–",
        )  # fmt: skip
    return table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slower", type=float, nargs="+", default=[1.0, 4.0], help="how many times slower (1 and 4)")
    parser.add_argument("--json", type=Path, help="write all figures here")
    arguments = parser.parse_args()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        parser.error("no chromium: install it, or set CHROMIUM")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(f"sqlite:///{folder}/earmark.sqlite")
        tag, tracklist = store_tag(store), store_tracklist(store)
        store.close()
        with service(folder, workers=1, processes=1, queue=4) as (host, port, _), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            rows = [
                row for slower in arguments.slower
                for row in measure(browser, f"http://{host}:{port}", tag, tracklist, slower)
            ]  # fmt: skip
            browser.close()
    console = Console(width=160)
    console.print(f"{POINTS:,} points a lane; {HOURS} hours in {len(segments())} segments")
    console.print(shown(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
