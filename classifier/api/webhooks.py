"""``/webhooks``: addresses that are told of events, set up by administrators."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response

from classifier.api.guard import needs
from classifier.api.list_schemas import WebhooksQuery
from classifier.api.paging import found
from classifier.api.representation import only
from classifier.api.service import service
from classifier.api.webhook_schemas import WebhookCreate, WebhookMade, Webhooks, WebhookTested
from classifier.records import webhooks as stored
from classifier.work import webhooks as work

bp = APIBlueprint("webhooks", __name__, tag="Operation", url_prefix="/api/v1/webhooks")


@bp.get("")
@needs("admin")
@bp.input(WebhooksQuery, location="query")
@bp.output(Webhooks)
@bp.doc(operation_id="listWebhooks", responses=[401, 403])
def listing(query_data: WebhooksQuery) -> dict[str, Any]:
    """List the webhooks without their secrets, oldest first unless `sort` says otherwise."""
    webhooks = [webhook.to_dict() for webhook in stored.listed(service().store)]
    only(query_data.fields, of="webhooks")
    return found(
        webhooks, query_data, of="webhooks", texts=lambda hook: (hook["url"], *hook["events"], hook["last_answer"])
    )


@bp.post("")
@needs("admin")
@bp.input(WebhookCreate, location="json")
@bp.output(WebhookMade, status_code=201)
@bp.doc(operation_id="createWebhook", responses=[400, 401, 403, 415])
def create(json_data: WebhookCreate) -> Any:
    """Have an address told of events. The answer holds the secret that signs them, which is never shown again."""
    own = service()
    made = work.create(own.store, own.settings, json_data.url, tuple(json_data.events))
    return {**made.to_dict(), "secret": made.secret}, 201


@bp.delete("/<webhook_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteWebhook", responses=[401, 403, 404])
def delete(webhook_id: str) -> Any:
    """Delete a webhook; events that wait for it are dropped."""
    stored.delete(service().store, webhook_id)
    return Response(status=204)


@bp.post("/<webhook_id>/test")
@needs("admin")
@bp.output(WebhookTested)
@bp.doc(operation_id="testWebhook", responses=[401, 403, 404])
def test(webhook_id: str) -> dict[str, Any]:
    """Tell a webhook `ping`, once, and return what came of it."""
    own = service()
    outcome = work.ping(stored.get(own.store, webhook_id), own.settings)
    return {
        "delivered": outcome.ok,
        "status": outcome.status,
        "answer": outcome.answer,
        "seconds": round(outcome.seconds, 3),
    }
