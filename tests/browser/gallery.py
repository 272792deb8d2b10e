"""Make the reports of the gallery and their pictures: ``python -m tests.browser.gallery [FOLDER]``, else docs/gallery.

Composed songs, recorded by the simulated phone, and the commands that a reader would type: nothing on them is made up.
The benchmark's report, which takes an hour, is taken from where ``make bench`` leaves it, if it is there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from classifier.demo import songs
from tests.browser.harness import ROOT, launch
from tests.browser.screenshots import shrink

N_SONGS, SONG_S = 12, 24.0
#: Every fourth song is not enrolled for ``validate``.
LEFT_OUT = 4
#: File -> the command's arguments, as the gallery's page shows them.
REPORTS = {
    "validate": "validate default {music} --cut 12 --length 3 --conditions clean,room,babble:0,babble:-5",
    "sweep": "sweep {music} --preset covariance --cut 8 --conditions clean,room",
}
#: What ``make bench`` wrote.
BENCHMARK = ROOT / "bench" / "results" / "quick.html"
#: Of pictures: as high as the report, but at most this.
WIDTH, HEIGHT = 1000, 1250


def earmark(folder: Path, *arguments: str) -> None:
    """Run a command with all its data in a folder."""
    store = ("--store", f"sqlite:///{folder}/earmark.sqlite", "--quiet")
    subprocess.run([sys.executable, "-m", "classifier", *arguments, *store], check=True, stdout=subprocess.DEVNULL)


def make(out: Path) -> None:
    """Write every report, as HTML and as a picture."""
    write(out)
    photograph(out)


def write(out: Path) -> None:
    """Run the commands, and keep their reports."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        music = folder / "Music"
        written = [songs.write(songs.compose(s, duration_s=SONG_S), music) for s in songs.catalogue_seeds(N_SONGS)]
        earmark(folder, "enroll", *(str(path) for i, path in enumerate(written) if i % LEFT_OUT))
        for report, command in REPORTS.items():
            study = folder / report
            earmark(folder, *command.format(music=music).split(), "--out", str(study))
            # Where the music lay on this machine says nothing.
            html = (study / "report.html").read_text().replace(str(music), "~/Music")
            (out / f"{report}.html").write_text(html)
    if BENCHMARK.exists():
        shutil.copy(BENCHMARK, out / "benchmark.html")


def photograph(out: Path) -> None:
    """Take a picture of each report."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        for report in sorted(out.glob("*.html")):
            page.set_viewport_size({"width": WIDTH, "height": 1})
            page.goto(report.resolve().as_uri())
            needed = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": WIDTH, "height": min(needed, HEIGHT)})
            picture = report.with_suffix(".png")
            page.screenshot(path=picture)
            shrink(picture)
        browser.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "gallery")
