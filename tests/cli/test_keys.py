"""Keys and webhooks on the command line."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Earmark
from tests.work.test_calling import answer, receiving


def test_keys_with_limits_of_their_own(earmark: Earmark) -> None:
    made = earmark("keys", "create", "the app", "--requests-per-minute", 6000, "--max-tags", 5, "--json").objects[0]
    assert (made["requests_per_minute"], made["max_tags"], made["last_used"]) == (6000, 5, None)
    earmark("keys", "create", "me", "--role", "admin")
    listing = earmark("keys", "list")
    assert "6,000 requests a minute, 5 tags" in " ".join(listing.out.split())
    assert listing.out.count("never") == 2
    assert made["key"] not in listing.out + earmark("keys", "list", "--json").out
    assert earmark("keys", "create", "x", "--max-tags", 0).code == 2
    refused = earmark("keys", "create", "x", "--max-tags", 10**9)
    assert (refused.code, "expected 1 to" in refused.err) == (1, True)
    assert earmark("keys", "revoke", made["prefix"]).code == 0
    gone = earmark("keys", "revoke", made["prefix"])
    assert (gone.code, "0 keys have" in gone.err) == (1, True)


def test_webhooks(earmark: Earmark) -> None:
    private = {"EARMARK_WEBHOOKS_PRIVATE": "on"}
    with receiving(answer(200)) as receiver:
        url = f"http://127.0.0.1:{receiver.server_port}/"
        refused = earmark("webhooks", "create", url)
        assert (refused.code, "https://" in refused.err) == (1, True)
        made = earmark("webhooks", "create", url, "--event", "tag.created", "--json", **private).objects[0]
        assert made["secret"].startswith("whsec_")
        told = earmark("webhooks", "test", made["id"], **private)
        assert (told.code, told.out.startswith("200 OK")) == (0, True)
        assert len(receiver.got) == 1
    assert earmark("webhooks", "test", made["id"], **private).code == 1  # nobody is there any more
    assert "not an https" in earmark("webhooks", "test", made["id"]).out  # the setting counts when it is told
    [listed] = earmark("webhooks", "list", "--json").objects
    assert (listed["url"], listed["events"]) == (url, ["tag.created"])
    assert made["secret"] not in earmark("webhooks", "list").out
    assert earmark("webhooks", "delete", made["id"]).code == 0
    assert earmark("webhooks", "delete", made["id"]).code == 1
    assert "no webhooks" in earmark("webhooks", "list").err


@pytest.mark.parametrize("event", ["tag", "tag.made", ""])
def test_events_that_are_not_told(earmark: Earmark, event: str) -> None:
    refused = earmark("webhooks", "create", "https://example.org/", "--event", event)
    assert (refused.code, "is unknown" in refused.err) == (1, True)
