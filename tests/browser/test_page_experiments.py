"""Experiments on the page: begun, watched, read, compared and deleted, with real songs and a real catalogue."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.harness import Music, Service, Watch, open_context, settle, unfold, violations


@pytest.fixture(scope="module")
def made(service: Service, music: Music) -> list[str]:
    """Two experiments that are done: a known and an unknown song each; their ids, the older one first."""
    jobs = [
        service.ask("POST", f"/experiments?cut=2&conditions=clean&seed={seed}", parts)
        for seed in (0, 1)
        for parts in [[("file", file.name, file.read_bytes()) for file in (music.track(seed), music.track(3))]]
    ]
    assert [service.finish(job)["error"] for job in jobs] == [None, None]
    return [str(job["id"]) for job in jobs]


def test_an_experiment_is_begun_watched_and_read(page: Page, music: Music, watch: Watch) -> None:
    watch.expect("422")
    page.goto("/")
    page.get_by_role("link", name="Experiments").click()
    page.get_by_text("New experiment").click()
    page.locator(".new-experiment input[type=file]").set_input_files([music.track(i) for i in (0, 1, 3)])
    expect(page.locator(".new-experiment [role=status]")).to_contain_text("3 files chosen")
    page.get_by_label("Snippets for each condition").fill("6")
    page.get_by_label("Conditions").fill("clean,babbl:5")
    page.locator("select[name=catalogue]").select_option("default")
    with page.expect_response("**/experiments?*") as refused:
        page.get_by_role("button", name="Begin").click()
    assert refused.value.status == 422
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Conditions").fill("clean")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url(re.compile("/experiments/[0-9a-f]+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Validation of default")
    state = page.get_by_role("region", name="State").get_by_role("status")
    expect(state).to_contain_text("100\u202f% of 4 named rightly, 0\u202f% of 2 unknown ones named", timeout=180_000)
    expect(page.locator("[aria-live]")).to_contain_text("The experiment is done")

    named = page.locator("em-shares-chart", has=page.get_by_role("heading", name="Named rightly"))
    expect(named.locator("svg.chart")).to_have_attribute("aria-label", re.compile(r"^2 rows; all: Share 100\u202f%"))
    named.get_by_text("As a table").click()
    expect(named.locator("tbody tr")).to_have_count(2)
    expect(page.locator("em-reliability-chart circle").first).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Every answer, CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert len(lines) == 1 + 6
    assert lines[0].startswith("id,file,condition")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_experiments_are_accessible(
    browser: Browser, service: Service, watch: Watch, made: list[str], width: int, scheme: str
) -> None:
    one, other = made
    page = open_context(browser, service, color_scheme=scheme, viewport={"width": width, "height": 740}).new_page()
    watch.follow(page)
    for path in ("/experiments", f"/experiments/{one}", f"/experiments/compare?ids={one},{other}"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        unfold(page)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    page.context.close()


def test_experiments_are_searched_compared_and_deleted(page: Page, music: Music, made: list[str]) -> None:
    first, second = made
    page.goto("/experiments?search=nothing")
    rows = page.locator(".rows li")
    expect(page.get_by_text("Nothing is like that.")).to_be_visible()
    page.get_by_role("searchbox").fill(music.track(1).stem)  # a file of the second one, and maybe of others
    found = rows.filter(has=page.locator(f"a[href$='{second}']"))
    expect(found).to_be_visible()
    expect(rows.filter(has=page.locator(f"a[href$='{first}']"))).to_have_count(0)
    page.get_by_label("Order").select_option("Oldest first")
    expect(page).to_have_url(re.compile("sort=created"))
    page.goto("/experiments")
    expect(rows.filter(has=page.locator(f"a[href$='{first}']"))).to_be_visible()
    for one in (second, first):
        rows.filter(has=page.locator(f"a[href$='{one}']")).get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare the 2 marked").click()
    expect(page.locator(".compared li")).to_have_count(2)
    chart = page.locator("em-shares-chart").first
    expect(chart.locator(".legend li")).to_have_count(2)
    chart.get_by_text("As a table").click()
    expect(chart.locator("tbody tr").first.locator("td")).to_have_count(2)
    page.go_back()
    expect(rows.filter(has=page.locator(f"a[href$='{second}']"))).to_be_visible()
    before = rows.count()
    rows.filter(has=page.locator(f"a[href$='{second}']")).get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(before - 1)
    expect(page.locator(".rows .delete:focus")).to_have_count(1)
    bar = page.get_by_role("complementary", name="Undo")
    expect(bar).to_contain_text("“Validation of default” is deleted. To have its figures again")
    bar.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(before)
    for one in (first, second):
        rows.filter(has=page.locator(f"a[href$='{one}']")).get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete 2").click()
    expect(rows).to_have_count(before - 2)
    bar.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(before)
    rows.filter(has=page.locator(f"a[href$='{first}']")).get_by_role("link").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/experiments")
    expect(rows).to_have_count(before - 1)
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
        settle(page)
    assert deleted.value.status == 204


def test_who_may_not_edit_sees_no_experiments(browser: Browser, service: Service, watch: Watch) -> None:
    page = open_context(browser, service).new_page()
    page.route("**/api/v1/me", lambda route: route.fulfill(json={"role": "tag", "key": None, "features": ["identify"]}))
    page.goto("/")
    expect(page.get_by_role("link", name="HTTP interface")).to_be_visible()
    expect(page.get_by_role("link", name="Experiments")).to_have_count(0)
    page.context.close()
