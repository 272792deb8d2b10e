"""A real service, real music and a real browser, for the tests of the page and for its screenshots.

The music is composed from seeds; the service is ``earmark serve`` in a process of its own with an empty store in
a temporary folder; the browser is Debian's Chromium, driven by Playwright. Nothing of Earmark is replaced.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from classifier.demo import phone, songs

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 120.0
STOP_SECONDS = 20.0
JOB_SECONDS = 600.0
TIMEOUT_MS = 20_000
"""How long the browser waits for what is expected; a loaded machine needs it."""


class Service:
    """``earmark serve`` with a store of its own.

    Parameters
    ----------
    folder : Path
        For the store and everything else it writes.
    environment : dict
        More ``EARMARK_*`` settings.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")},
            "EARMARK_DATA_DIR": str(folder),
            "EARMARK_REFRESH_SECONDS": "0",
            "EARMARK_LOG_LEVEL": "WARNING",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **environment,
        }
        self.url = ""
        self._port = "0"
        self._log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> str:
        """Run ``earmark`` on the same store and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "classifier", *arguments],
            cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def start(self) -> Service:
        """Start it and wait until it is ready; again after ``stop``, it has the same address."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "classifier", "serve", "--port", self._port],
                cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"earmark serve ended:\n{self.log()}")
            found = re.search(r"^(http://\S+)$", self.log(), re.MULTILINE)
            if found:
                self.url = found[1].rstrip("/")
                self._port = self.url.rpartition(":")[2]
                if self._ready():
                    return self
            time.sleep(0.25)
        self.stop()
        raise RuntimeError(f"earmark serve was not ready within {START_SECONDS:g} s:\n{self.log()}")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Return what it has written so far."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def ask(self, method: str, path: str, parts: Iterable[tuple[str, str, bytes]] = ()) -> Any:
        """Send a request, with files as (field, file name, bytes), and return the JSON of the answer."""
        boundary = "earmark-boundary"
        body = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + content
            + b"\r\n"
            for field, name, content in parts
        )
        request = urllib.request.Request(f"{self.url}/api/v1{path}", method=method)
        if body:
            request.data = body + f"--{boundary}--\r\n".encode()
            request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def change(self, path: str, values: dict[str, Any], method: str = "PATCH") -> Any:
        """Send values as JSON, and return the JSON of the answer."""
        request = urllib.request.Request(f"{self.url}/api/v1{path}", json.dumps(values).encode(), method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def enroll(self, *files: Path) -> list[dict[str, Any]]:
        """Add tracks and wait until they are in the library; return the job's files."""
        job = self.ask(
            "POST",
            "/tracks",
            [("file", file.name, file.read_bytes()) for file in files],
        )
        job = self.finish(job)
        if job["failed"]:
            raise RuntimeError(f"enrolling failed: {job}")
        files_done: list[dict[str, Any]] = job["files"]
        return files_done

    def finish(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait until a job is done and return it."""
        deadline = time.monotonic() + JOB_SECONDS
        while job["status"] != "done":
            if time.monotonic() > deadline:
                raise RuntimeError(f"not done within {JOB_SECONDS:g} s: {job}\n{self.log()}")
            time.sleep(0.2)
            job = self.ask("GET", f"/jobs/{job['id']}")
        return job

    def identify(self, file: Path) -> dict[str, Any]:
        """Tag a snippet without the page."""
        tag: dict[str, Any] = self.ask("POST", "/tags", [("snippet", file.name, file.read_bytes())])
        return tag


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Service]:
    """A service for as long as the block lasts."""
    service = Service(folder, **environment)
    try:
        yield service.start()
    finally:
        service.stop()


class Music:
    """Songs and snippets of them as files, composed when first asked for.

    Parameters
    ----------
    folder : Path
        Where the files go.
    n : int
        How many songs there are.
    length_s : float
        Length of each song; 0 for whole songs.
    """

    def __init__(self, folder: Path, n: int, length_s: float = 40.0) -> None:
        self.folder = folder
        self._seeds = list(songs.catalogue_seeds(n))
        self._length_s = length_s
        self._songs: dict[int, songs.Song] = {}

    def song(self, index: int) -> songs.Song:
        """Return song ``index``."""
        if index not in self._songs:
            self._songs[index] = songs.compose(self._seeds[index], duration_s=self._length_s or None)
        return self._songs[index]

    def track(self, index: int) -> Path:
        """Return song ``index`` as a tagged FLAC file."""
        return songs.write(self.song(index), self.folder)

    def snippet(self, index: int, start_s: float, length_s: float = 6.0, *, snr_db: float = 5.0) -> Path:
        """Return a phone's recording of song ``index`` in a noisy room, as a WAV file."""
        song = self.song(index)
        heard = phone.record(song.samples, song.sample_rate, start_s, length_s, snr_db=snr_db, seed=index)
        path = self.folder / f"snippet-{index}-{start_s:g}-{length_s:g}.wav"
        phone.write_wav(path, heard, song.sample_rate)
        return path


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])


def microphone_flags(recording: Path) -> tuple[str, ...]:
    """Flags that feed the microphone from a WAV file, once, and allow it without a question."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}%noloop",
    )


def drop(page: Any, file: Path, mime_type: str = "audio/wav") -> None:
    """Drop a file onto the page, as from a desktop."""
    page.evaluate(
        """async ({ bytes, name, type }) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
          const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
          for (const kind of ['dragover', 'drop']) document.body.dispatchEvent(new DragEvent(kind, options));
        }""",
        {"bytes": list(file.read_bytes()), "name": file.name, "type": mime_type},
    )


def drawn(page: Page) -> None:
    """Wait until what was last done is on the page: for a value that may stay the same, so cannot be expected."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def each(found: Locator) -> list[Locator]:
    """Wait until there is one at least, and return all: Playwright's own ``all`` may answer before any is drawn."""
    expect(found).not_to_have_count(0)
    return found.all()


def unfold(page: Page) -> None:
    """Open every table twin and whatever else is folded, where there is any."""
    for summary in page.locator("details summary").all():
        summary.click()


def settle(page: Page) -> None:
    """Let what was just deleted be deleted for good: close the bar that offers to take it back."""
    page.get_by_role("complementary", name="Undo").get_by_role("button", name="Close").click()


class Watch:
    """What goes wrong on a page without being seen: console errors, exceptions, foreign addresses."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._complaints: list[str] = []
        self._expected = ["Service Worker registration blocked"]  # by open_context

    def follow(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on(
            "console",
            lambda message: message.type in ("error", "warning") and self._complain(message.text),
        )
        page.on("pageerror", lambda error: self._complain(f"exception: {error}"))
        page.on("request", lambda request: self._address(request.url))

    def _complain(self, text: str) -> None:
        self._complaints.append(text)

    def _address(self, url: str) -> None:
        if not url.startswith((self._own, "data:", "blob:")):
            self._complain(f"foreign address: {url}")

    def expect(self, text: str) -> None:
        """Let complaints that contain ``text`` pass: a refusal that the test provokes is reported by the browser."""
        self._expected.append(text)

    def complaints(self) -> list[str]:
        """Return what nobody expected."""
        return [text for text in self._complaints if not any(part in text for part in self._expected)]


def open_context(browser: Browser, service: Service, **options: Any) -> BrowserContext:
    """Open a browser profile that starts at the service.

    Unless asked for, it has no service worker: what one asks for passes by the routes that tests put in the page's way.
    """
    chosen = {"viewport": {"width": 1280, "height": 860}, "service_workers": "block", **options}
    context = browser.new_context(base_url=service.url, **chosen)
    context.set_default_timeout(TIMEOUT_MS)
    return context


AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe finds on the page as it is, one line a rule."""
    found = page.evaluate(
        f"async rules => {{ {AXE}; return (await axe.run({{runOnly: rules}})).violations }}",
        RULES,
    )
    return [f"{rule['id']}: {[node['target'] for node in rule['nodes']]}" for rule in found]
