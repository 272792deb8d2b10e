"""How soon the page can be used, on a slow phone with a slow line, as Chromium imitates both.

A service must run, at the address given. Chromium's processor is slowed down by ``--slower``, its line limited as
the developer tools' "Slow 4G" is; nothing is in its cache. The page can be used once the button that listens is
there and enabled, and the main thread is free to answer a click::

    python -m bench.measure.page http://127.0.0.1:8000            # a table
    python -m bench.measure.page http://127.0.0.1:8000 --json page.json
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

#: Lighthouse's simulated slow 4G: 1.6 Mbit/s down, 750 kbit/s up, 150 ms.
LINE = {"offline": False, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8, "latency": 150}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: Milliseconds since the navigation began when a turn of the main thread comes, once the button is there.
READY = """() => new Promise((done) => {
  const look = () => {
    const button = document.querySelector('button[aria-label^="Listen for"]');
    if (button && !button.disabled) setTimeout(() => done(performance.now()));
    else requestAnimationFrame(look);
  };
  look();
})"""


#: Milliseconds after which something was first seen; the browser may tell of it late.
SEEN = """() => new Promise((done) =>
  new PerformanceObserver((told) => {
    const [first] = told.getEntriesByName('first-contentful-paint');
    if (first) done(first.startTime);
  }).observe({ type: 'paint', buffered: true }),
)"""


def opened(browser: Browser, url: str, slower: float) -> dict[str, float]:
    """Open the page once with an empty cache; return milliseconds and kilobytes."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=3, service_workers="block")
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", LINE)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(url, wait_until="commit")
    ready = float(page.evaluate(READY))
    seen = page.evaluate(SEEN)
    size = page.evaluate(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".reduce((sum, one) => sum + one.transferSize, 0)"
    )
    context.close()
    return {"seen_ms": float(seen), "ready_ms": ready, "kb": float(size) / 1000}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of a running service")
    parser.add_argument("--slower", type=float, default=4.0, help="how many times slower the processor is (4)")
    parser.add_argument("--repeats", type=int, default=5, help="times that the page is opened (5)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        parser.error("no chromium: install it, or set CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        rows = [opened(browser, arguments.url, arguments.slower) for _ in range(arguments.repeats)]
        browser.close()
    table = Table(box=MARKDOWN)
    for column in ("processor slower by", "opened", "first seen, s", "can be used, s: median", "worst", "kB"):
        table.add_column(column, justify="right")
    ready = [row["ready_ms"] / 1000 for row in rows]
    seen = statistics.median(row["seen_ms"] / 1000 for row in rows)
    cells = (f"{seen:.2f}", f"{statistics.median(ready):.2f}", f"{max(ready):.2f}", f"{rows[0]['kb']:.0f}")
    table.add_row(f"{arguments.slower:g}", str(len(rows)), *cells)
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
