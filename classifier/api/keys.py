"""``/keys``: who may use the service, created and revoked by administrators."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app

from classifier.api.guard import needs
from classifier.api.key_schemas import KeyCreate, KeyMade, Keys
from classifier.api.list_schemas import KeysQuery
from classifier.api.paging import found
from classifier.api.representation import only
from classifier.api.service import service
from classifier.errors import InvalidParameter, LastAdminKey
from classifier.records import keys as stored

bp = APIBlueprint("keys", __name__, tag="Operation", url_prefix="/api/v1/keys")


@bp.get("")
@needs("admin")
@bp.input(KeysQuery, location="query")
@bp.output(Keys)
@bp.doc(operation_id="listKeys", responses=[401, 403])
def listing(query_data: KeysQuery) -> dict[str, Any]:
    """List the keys without their secrets, oldest first unless `sort` says otherwise."""
    keys = [key.to_dict() for key in stored.listed(service().store)]
    only(query_data.fields, of="keys")
    return found(keys, query_data, of="keys", texts=lambda key: (key["name"], key["role"], key["prefix"]))


@bp.post("")
@needs("admin")
@bp.input(KeyCreate, location="json")
@bp.output(KeyMade, status_code=201)
@bp.doc(operation_id="createKey", responses=[400, 401, 403, 415])
def create(json_data: KeyCreate) -> Any:
    """Create a key. The answer holds its secret, which is never shown again.

    The first key has role `admin`: once it exists, nothing can be administered without one.
    """
    store = service().store
    if json_data.role != "admin" and not stored.exist(store):
        raise InvalidParameter("the first key has role 'admin': without one, nobody could administer the service")
    key, secret = stored.create(store, **json_data.model_dump())
    current_app.extensions["earmark_keys"].forget()  # at once here; other processes find it within a second
    return {**key.to_dict(), "key": secret}, 201


@bp.delete("/<key_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="revokeKey", responses=[401, 403, 404, 409])
def revoke(key_id: str) -> Any:
    """Revoke a key, at once. Tags made with it stay, for administrators to see.

    The last key with role `admin` is revoked on the command line only.
    """
    store = service().store
    admins = [key.id for key in stored.listed(store) if key.role == "admin"]
    if admins == [key_id]:
        raise LastAdminKey("this is the last key with role 'admin': create another one first")
    stored.revoke(store, key_id)
    return Response(status=204)
