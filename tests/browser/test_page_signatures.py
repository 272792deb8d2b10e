"""The sound stays on this device: the page computes signatures, and sends nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser.harness import Music, Service, Watch, launch, microphone_flags, open_context, violations
from tests.data_audio import encode

#: Of ten seconds, and some more.
MOST_BYTES = 20_000


RECORD = """() => {
  window.sent = [];
  const { send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (body) {
    if (body) window.sent.push(body instanceof Blob ? body : new Blob([String(body)]));
    return send.call(this, body);
  };
}"""
"""Keeps every body that the page sends: of a Blob, the browser does not tell."""


def sent(page: Page) -> list[tuple[str, int]]:
    """Return the first letters and the bytes of every body that was sent since the page was loaded."""
    return [tuple(body) for body in page.evaluate(
        "() => Promise.all(window.sent.map(async (body) => [await body.slice(0, 4).text(), body.size]))"
    )]  # fmt: skip


def assert_signatures(bodies: list[tuple[str, int]]) -> None:
    """Check that all are signatures."""
    assert bodies
    for first, size in bodies:
        assert first == "EMSG"
        assert size <= MOST_BYTES


def keep_sound(page: Page) -> None:
    """Ask for the sound to be kept."""
    page.add_init_script(f"({RECORD})()")
    page.goto("/")
    page.get_by_label("Keep the sound on this device").check()


def test_a_chosen_recording_is_named_by_its_signature(page: Page, service: Service, music: Music) -> None:
    snippet = music.snippet(1, 17.0)
    keep_sound(page)
    assert violations(page) == []
    page.reload()
    expect(page.get_by_label("Keep the sound on this device")).to_be_checked()
    page.locator("em-capture input[type=file]").set_input_files(snippet)
    page.wait_for_url("**/tags/*")
    expect(page.locator("#verdict-heading")).to_have_text(music.song(1).title)
    assert_signatures(sent(page))
    tag, by_sound = service.ask("GET", f"/tags/{page.url.rpartition('/')[2]}"), service.identify(snippet)
    for name in ("verdict", "tied"):
        assert tag[name] == by_sound[name]
    ours, theirs = tag["matches"][0], by_sound["matches"][0]
    assert ours["track_id"] == theirs["track_id"]
    assert abs(ours["offset_s"] - theirs["offset_s"]) < 0.01
    assert abs(ours["z"] / theirs["z"] - 1) < 0.1
    assert tag["nearest"][0]["track_id"] == by_sound["nearest"][0]["track_id"]


def test_the_microphone_is_named_while_it_records(
    chromium: Playwright, service: Service, music: Music, watch: Watch
) -> None:
    browser = launch(chromium, *microphone_flags(music.snippet(2, 8.0, 14.0)))
    page = open_context(browser, service, permissions=["microphone"]).new_page()
    watch.follow(page)
    keep_sound(page)
    page.get_by_role("button", name="Listen for 5 seconds").click()
    page.wait_for_url("**/tags/*")
    expect(page.locator("#verdict-heading")).to_have_text(music.song(2).title)
    assert_signatures(sent(page))
    assert page.evaluate("performance.getEntriesByType('resource').some((e) => e.name.includes('signatures=true'))")
    browser.close()


def test_what_the_browser_cannot_read_is_not_sent(browser: Browser, service: Service, tmp_path: Path) -> None:
    page = open_context(browser, service).new_page()
    keep_sound(page)
    rng = np.random.default_rng(1)
    recorded = tmp_path / "memo.amr"
    recorded.write_bytes(encode(rng.integers(-9000, 9000, (24000, 1)).astype(np.int16), "amr"))
    page.locator("em-capture input[type=file]").set_input_files(recorded)
    expect(page.get_by_text("This browser cannot read this recording")).to_be_visible()
    assert sent(page) == []
    silent = tmp_path / "silent.wav"
    silent.write_bytes(encode(np.zeros((48000, 1), np.int16), "wav"))
    page.locator("em-capture input[type=file]").set_input_files(silent)
    expect(page.get_by_text("Nothing was heard")).to_be_visible()
    assert sent(page) == []
    page.context.close()
