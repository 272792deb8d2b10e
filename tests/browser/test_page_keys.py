"""What the page shows to whom: with a key for everything, with one for tagging, and without any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from classifier.records import webhooks
from classifier.store import open_store
from tests.browser.harness import Music, Service, drop, open_context, running, settle, violations


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, chromium: Playwright, music: Music) -> Iterator[Service]:
    """Run a service with one song, whose keys are in ``keys``."""
    with running(tmp_path_factory.mktemp("keyed")) as own:
        own.enroll(music.track(0))
        for role in ("admin", "tag"):
            secret = re.search(r"ek_\S+", own.command("keys", "create", role, "--role", role))
            assert secret
            (own.folder / role).write_text(secret[0])
        yield own


def visit(browser: Browser, service: Service, role: str | None = None) -> Page:
    """Open a page of a browser that has a key, or none."""
    page = open_context(browser, service).new_page()
    page.wait_for_timeout(1100)  # the service looks for new keys once a second
    if role:
        page.add_init_script(f"localStorage.setItem('earmark.key', '{(service.folder / role).read_text()}')")
    return page


def test_a_key_for_tagging_sees_its_own_history_and_changes_nothing(
    browser: Browser, keyed: Service, music: Music
) -> None:
    page = visit(browser, keyed, "tag")
    page.goto("/")
    expect(page.get_by_role("link", name="History")).to_be_visible()
    drop(page, music.snippet(0, 21.0))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    expect(page.locator("em-agreement-chart svg[role=img]")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_be_visible()  # it is the key's own
    own = page.url
    page.get_by_role("link", name="Earmark, start").click()
    expect(page.get_by_role("heading", name="Recent")).to_be_visible()
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator(".rows li")).to_have_count(1)
    page.get_by_role("link", name="Library", exact=True).click()
    expect(page.locator(".tracks li")).to_have_count(1)
    for name in ("Add tracks", "Edit", "Delete"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.locator("input[type=file]")).to_have_count(0)
    page.get_by_role("link", name="Tracklists").click()
    expect(page.get_by_text("There are no tracklists yet.")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)
    page.get_by_role("link", name="Labels").click()
    expect(page.get_by_role("article", name="genre gtzan-10")).to_be_visible()
    for name in ("Let it answer", "Back to the model before"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.context.close()

    # Without the key the tag is nobody's to see; the administrator sees it.
    stranger = visit(browser, keyed)
    stranger.goto(own)
    expect(stranger.get_by_role("heading", name="No such tag")).to_be_visible()
    stranger.context.close()
    admin = visit(browser, keyed, "admin")
    admin.goto(own)
    expect(admin.get_by_role("button", name="Delete")).to_be_visible()
    admin.context.close()


@pytest.mark.parametrize("who", ["tag", ""])
def test_who_is_no_administrator_sees_no_view_of_theirs(browser: Browser, keyed: Service, who: str) -> None:
    page = visit(browser, keyed, *filter(None, [who]))
    for path in ("experiments", "experiments/compare", "system", "keys", "labels/train", "library/duplicates"):
        page.goto(f"/{path}")
        expect(page.locator("h1")).to_have_text("This view is for administrators")
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert violations(page) == []
    if who:  # which this page has for good
        return page.context.close()
    page.get_by_role("button", name="Enter another key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Key", exact=True).fill((keyed.folder / "admin").read_text())
    dialog.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("heading", name="Duplicates")).to_be_visible()
    page.context.close()


def test_a_key_for_tagging_is_asked_for_no_other_in_views_that_it_sees(browser: Browser, keyed: Service) -> None:
    page = visit(browser, keyed, "tag")
    for path in ("/library", "/library/map", "/catalogues", "/tracklists", "/labels", "/labels/compare", "/history"):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.get_by_role("dialog")).to_have_count(0)
        if path != "/labels":  # where the network for tags is missing, that is said
            expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.get_by_role("link", name="Duplicates")).to_have_count(0)
    page.context.close()


def test_without_a_key_one_may_tag_and_is_not_asked_for_one(browser: Browser, keyed: Service, music: Music) -> None:
    page = visit(browser, keyed)
    page.goto("/")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for name in ("History", "Tracklists"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    drop(page, music.snippet(0, 21.0))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    page.context.close()


def test_a_key_is_asked_for_where_the_service_wants_one(browser: Browser, keyed: Service, music: Music) -> None:
    page = visit(browser, keyed)
    page.goto("/history")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="A key is needed")).to_be_visible()
    dialog.get_by_label("Key", exact=True).fill((keyed.folder / "admin").read_text())
    dialog.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto("/library")
    page.locator(".library-tools input[type=file]:not([webkitdirectory])").set_input_files(music.track(1))
    expect(page.locator(".upload[data-state=added]")).to_contain_text(music.song(1).title)
    page.context.close()


def test_a_key_that_was_revoked_is_said_to_be(browser: Browser, keyed: Service) -> None:
    secret = re.search(r"ek_\S+", keyed.command("keys", "create", "lost"))
    assert secret
    (keyed.folder / "lost").write_text(secret[0])
    keyed.command("keys", "revoke", secret[0][:11])
    page = visit(browser, keyed, "lost")
    page.goto("/")
    expect(page.get_by_role("dialog").get_by_role("heading", name="This key is not valid")).to_be_visible()
    page.context.close()


def test_where_nothing_is_taken_without_a_key_the_start_says_so(
    browser: Browser, tmp_path: Path, chromium: Playwright
) -> None:
    with running(tmp_path / "closed", EARMARK_OPEN_TAGGING="no") as closed:
        closed.command("keys", "create", "me", "--role", "admin")
        page = visit(browser, closed)
        page.goto("/")
        expect(page.get_by_text("This service asks for a key before it listens.")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Enter a key").click()
        expect(page.get_by_role("dialog").get_by_role("heading", name="A key is needed")).to_be_visible()
        page.context.close()


def test_a_key_for_tagging_deletes_its_own_tags(browser: Browser, keyed: Service, music: Music) -> None:
    page = visit(browser, keyed, "tag")
    page.goto("/")
    drop(page, music.snippet(0, 11.0))
    expect(page.locator("#verdict-heading")).to_have_text(music.song(0).title)
    gone = page.url
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.get_by_role("complementary", name="Undo")).to_contain_text(music.song(0).title)
    page.goto(gone)  # whoever leaves takes nothing back: it is deleted on the way out, with the key
    expect(page.get_by_role("heading", name="No such tag")).to_be_visible()
    page.goto("/keys")
    expect(page.get_by_role("heading", name="This view is for administrators")).to_be_visible()
    page.context.close()


def test_administrators_make_and_revoke_keys_and_webhooks(browser: Browser, keyed: Service) -> None:
    page = visit(browser, keyed, "admin")
    page.goto("/")
    page.get_by_role("link", name="Keys and webhooks").click()
    rows = page.get_by_role("region", name="Keys", exact=True).get_by_role("listitem")
    expect(rows.filter(has_text="admin").first).to_contain_text("used")
    before = rows.count()
    form = page.get_by_role("form", name="New key")
    form.get_by_label("Whose it is").fill("Anna’s phone")
    expect(form.get_by_label("Role")).to_have_value("tag")  # whoever does not look makes no administrator
    form.get_by_label("Requests a minute").fill("60")
    form.get_by_role("button", name="Create the key").click()
    shown = page.get_by_role("group", name="The key for Anna’s phone")
    assert re.fullmatch(r"ek_\S{20,}", shown.locator("code").inner_text())
    assert violations(page) == []
    shown.get_by_role("button", name="I have kept it").click()
    expect(shown).to_have_count(0)
    expect(rows).to_have_count(before + 1)
    expect(rows.last).to_contain_text("At most 60 requests a minute")
    expect(rows.last).to_contain_text("never used")
    page.get_by_role("button", name="Revoke the key of Anna’s phone").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(rows).to_have_count(before)
    for name in ("one", "two"):
        form.get_by_label("Whose it is").fill(name)
        form.get_by_role("button", name="Create the key").click()
        page.get_by_role("group", name=f"The key for {name}").get_by_role("button", name="I have kept it").click()
        page.get_by_label(f"Mark the key of {name}").check()
    keys = page.get_by_role("region", name="Keys", exact=True)
    keys.get_by_role("button", name="Revoke 2").click()
    expect(page.get_by_role("dialog")).to_contain_text("Whoever uses “one”, “two” is refused at once.")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(rows).to_have_count(before)
    expect(keys.locator(".delete:focus")).to_have_count(1)
    page.get_by_role("button", name="Revoke the key of admin").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("This is the last key for administrators")).to_be_visible()

    hooks = page.get_by_role("region", name="Webhooks", exact=True)
    form = page.get_by_role("form", name="New webhook")
    form.get_by_label("Address").fill("https://127.0.0.1/hook")
    form.get_by_role("button", name="Create the webhook").click()
    expect(hooks.get_by_text("Please check what you entered")).to_be_visible()
    form.get_by_label("Address").fill("https://nobody.invalid/hook")
    form.get_by_label("a long recording was listened to").uncheck()
    form.get_by_role("button", name="Create the webhook").click()
    shown = page.get_by_role("group", name="The secret that signs what is sent")
    assert shown.locator("code").inner_text().startswith("whsec_")
    expect(hooks.get_by_role("listitem")).to_contain_text("tag.created · Not told of anything yet.")
    hooks.get_by_role("button", name="Test https://nobody.invalid/hook").click()
    expect(hooks.get_by_text("It did not take the test")).to_be_visible()
    assert violations(page) == []
    hooks.get_by_role("button", name="Delete the webhook").click()
    expect(hooks.get_by_text("There are no webhooks yet.")).to_be_visible()
    page.get_by_role("complementary", name="Undo").get_by_role("button", name="Undo").click()
    expect(hooks.get_by_role("listitem")).to_have_count(1)
    hooks.get_by_role("button", name="Delete the webhook").click()
    expect(hooks.get_by_role("listitem")).to_have_count(0)
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
        settle(page)
    assert deleted.value.status == 204
    page.context.close()


def test_the_first_key_is_an_administrators_and_goes_on_in_this_browser(
    browser: Browser, tmp_path: Path, chromium: Playwright
) -> None:
    with running(tmp_path / "fresh") as fresh:
        page = visit(browser, fresh)
        page.goto("/keys")
        expect(page.get_by_text("There are no keys yet")).to_be_visible()
        form = page.get_by_role("form", name="New key")
        expect(form.get_by_role("option")).to_have_text(["admin"])
        form.get_by_label("Whose it is").fill("me")
        form.get_by_role("button", name="Create the key").click()
        page.get_by_role("button", name="Use it in this browser").click()
        expect(page.get_by_role("listitem").filter(has_text="me")).to_contain_text("admin")
        page.context.close()


def test_keys_and_webhooks_are_searched_and_ordered_beside_each_other(browser: Browser, keyed: Service) -> None:
    with closing(open_store(f"sqlite:///{keyed.folder}/earmark.sqlite")) as store:
        hooks = [webhooks.create(store, f"https://{host}.example/").id for host in ("b", "a", "c")]
        page = visit(browser, keyed, "admin")
        page.goto("/keys")
        own, told = page.get_by_role("search", name="keys"), page.get_by_role("search", name="webhooks")
        names = page.locator(".row-title")
        expect(names).to_have_count(5)
        told.get_by_label("Order").select_option("Address")
        expect(names).to_have_text(["admin", "tag", *(f"https://{host}.example/" for host in "abc")])
        own.get_by_role("searchbox").fill("TAG")
        expect(names).to_have_text(["tag", *(f"https://{host}.example/" for host in "abc")])
        told.get_by_role("searchbox").fill("c.example")
        expect(names).to_have_text(["tag", "https://c.example/"])
        page.reload()
        expect(names).to_have_text(["tag", "https://c.example/"])
        expect(told.get_by_role("searchbox")).to_have_value("c.example")
        own.get_by_role("searchbox").fill("nobody")
        expect(page.get_by_role("status").filter(has_text="Nothing is like that.")).to_be_visible()
        # That none is found is no reason to take the next key for the first.
        expect(page.locator("select[name=role] option")).to_have_count(2)
        assert violations(page) == []
        page.context.close()
        for hook in hooks:
            webhooks.delete(store, hook)
