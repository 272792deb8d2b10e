"""Webhooks: told of what happens, signed as a receiver's library expects, again and again but not for ever."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler

import pytest
import standardwebhooks

from classifier.errors import InvalidParameter, WebhookNotFound
from classifier.records import tags, tracklists
from classifier.records import webhooks as stored
from classifier.records.clock import iso
from classifier.results import Searched, Tag
from classifier.settings import Settings
from classifier.store import Store
from classifier.work import jobs, webhooks
from classifier.work.webhooks import KEEP_S, KIND, MAX_WAITING, RETRY_S, Webhooks
from tests.waiting import until
from tests.work.conftest import AtWork
from tests.work.test_calling import Receiver, answer, receiving

UNKNOWN = Tag("no_match", "auto", [], [], Searched(0, 0, True), {})


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.replace(webhooks_private=True)


def url_of(receiver: Receiver) -> str:
    return f"http://127.0.0.1:{receiver.server_port}/hook"


def waiting(store: Store) -> list[dict]:
    return list(store.find("jobs", {"kind": KIND, "status": "queued"}))


def due(store: Store) -> None:
    """Let the time pass that jobs and webhooks wait for."""
    for job in waiting(store):
        store.update("jobs", {"_id": job["_id"]}, set={"lease_expires": 0.0})
    for webhook in stored.listed(store):
        store.update("webhooks", {"_id": webhook.id}, set={"retry_at": 0.0})


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks test suite (https://www.standardwebhooks.com)."""
    made = webhooks.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receivers_library_takes_what_is_told(store: Store, settings: Settings, at_work: AtWork) -> None:
    with receiving(answer(204)) as receiver, at_work({KIND: Webhooks(store, settings)}):
        hook = webhooks.create(store, settings, url_of(receiver))
        tag = tags.save(store, "default", UNKNOWN, file="Füße.wav")
        webhooks.announce(store, "tag.created", tag["id"])
        until(lambda: receiver.got)
        until(lambda: not waiting(store))
    [(_, headers, body)] = receiver.got
    said = standardwebhooks.Webhook(hook.secret).verify(body, headers)
    assert (said["type"], said["data"]) == ("tag.created", tags.get(store, tag["id"]))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(hook.secret).verify(body.replace(b"no_match", b"identified"), headers)
    kept = stored.get(store, hook.id)
    assert (kept.last_answer, kept.failures) == ("204 No Content", 0)
    assert kept.last_tried >= kept.created
    assert hook.secret not in repr(hook)
    assert "secret" not in hook.to_dict()


def test_only_the_events_that_were_asked_for(store: Store, settings: Settings, at_work: AtWork) -> None:
    with receiving(answer(200)) as receiver, at_work({KIND: Webhooks(store, settings)}):
        webhooks.create(store, settings, url_of(receiver), ("tracklist.finished",))
        webhooks.announce(store, "tag.created", tags.save(store, "default", UNKNOWN)["id"])
        made = tracklists.create(store, "default", file="evening.mp3", job="")
        webhooks.announce(store, "tracklist.finished", made)
        until(lambda: receiver.got)
    [(_, _, body)] = receiver.got
    assert json.loads(body)["data"]["file"] == "evening.mp3"


def test_a_deleted_tag_is_told_to_nobody(store: Store, settings: Settings, at_work: AtWork) -> None:
    with receiving(answer(200)) as receiver:
        webhooks.create(store, settings, url_of(receiver))
        tag = tags.save(store, "default", UNKNOWN)
        webhooks.announce(store, "tag.created", tag["id"])
        tags.delete(store, tag["id"])
        with at_work({KIND: Webhooks(store, settings)}):
            until(lambda: not store.count("jobs", {"status": {"$ne": "done"}}))
        assert receiver.got == []


def test_it_is_told_again_with_the_same_id_until_it_is_taken(store: Store, settings: Settings, at_work: AtWork) -> None:
    def flaky(handler: BaseHTTPRequestHandler) -> None:
        answer(503 if len(receiver.got) < 3 else 200)(handler)

    with receiving(flaky) as receiver, at_work({KIND: Webhooks(store, settings)}):
        hook = webhooks.create(store, settings, url_of(receiver))
        webhooks.announce(store, "tag.created", tags.save(store, "default", UNKNOWN)["id"])
        for attempt in (1, 2):
            job = until(lambda n=attempt: next((j for j in waiting(store) if j["state"]["attempts"] == n), None))
            pause = job["lease_expires"] - time.time()
            assert RETRY_S[attempt - 1] - 5 < pause <= 1.2 * RETRY_S[attempt - 1]
            assert len(receiver.got) == attempt  # not before its time
            assert stored.get(store, hook.id).failures == attempt
            due(store)
        until(lambda: jobs.get(store, job["_id"])["status"] == "done")
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 3
    assert jobs.get(store, job["_id"])["error"] is None
    assert stored.get(store, hook.id).failures == 0


def test_an_address_that_failed_is_left_alone_by_other_events(
    store: Store, settings: Settings, at_work: AtWork
) -> None:
    with receiving(answer(500)) as receiver, at_work({KIND: Webhooks(store, settings)}):
        webhooks.create(store, settings, url_of(receiver))
        for _ in range(5):
            webhooks.announce(store, "tag.created", tags.save(store, "default", UNKNOWN)["id"])
        until(lambda: len(waiting(store)) == 5 and all(job["lease_expires"] > time.time() for job in waiting(store)))
        assert len(receiver.got) == 1
        assert sorted(job["state"]["attempts"] for job in waiting(store)) == [0, 0, 0, 0, 1]


def test_an_event_is_given_up_after_a_day(store: Store, settings: Settings, at_work: AtWork) -> None:
    hook = webhooks.create(store, settings, "http://127.0.0.1:1/")
    webhooks.announce(store, "tag.created", tags.save(store, "default", UNKNOWN)["id"])
    [job] = waiting(store)
    store.update("jobs", {"_id": job["_id"]}, set={"task.at": iso(time.time() - KEEP_S - 1)})
    with at_work({KIND: Webhooks(store, settings)}):
        until(lambda: jobs.get(store, job["_id"])["status"] == "done")
    assert "for too long" in jobs.get(store, job["_id"])["error"]["message"]
    assert stored.get(store, hook.id).dropped == 1


def test_no_more_than_some_wait_for_an_address(store: Store, settings: Settings) -> None:
    hook = webhooks.create(store, settings, "http://127.0.0.1:1/")
    for n in range(MAX_WAITING + 3):
        webhooks.announce(store, "tag.created", f"{n}")
    assert len(waiting(store)) == MAX_WAITING
    assert stored.get(store, hook.id).dropped == 3


def test_events_of_a_webhook_that_is_gone_end(store: Store, settings: Settings, at_work: AtWork) -> None:
    hook = webhooks.create(store, settings, "http://127.0.0.1:1/")
    webhooks.announce(store, "tag.created", tags.save(store, "default", UNKNOWN)["id"])
    stored.delete(store, hook.id)
    with pytest.raises(WebhookNotFound):
        stored.delete(store, hook.id)
    with at_work({KIND: Webhooks(store, settings)}):
        until(lambda: not waiting(store))


def test_webhooks_that_are_not_made(store: Store, settings: Settings) -> None:
    with pytest.raises(InvalidParameter, match="not an https"):
        webhooks.create(store, settings.replace(webhooks_private=False), "http://example.org/")
    with pytest.raises(InvalidParameter, match="unknown"):
        webhooks.create(store, settings, "https://example.org/", ("tag.made",))
    for _ in range(stored.MAX_WEBHOOKS):
        webhooks.create(store, settings, "https://example.org/")
    with pytest.raises(InvalidParameter, match="delete one first"):
        webhooks.create(store, settings, "https://example.org/")
