"""``/label-models``: the models that label, their cards, and which of them answers."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from classifier.api.guard import needs
from classifier.api.label_schemas import LabelModel, LabelModels
from classifier.api.service import service

bp = APIBlueprint("label_models", __name__, tag="Labels", url_prefix="/api/v1/label-models")


@bp.get("")
@needs("tag")
@bp.output(LabelModels)
@bp.doc(operation_id="listLabelModels", responses=[401, 403])
def listing() -> dict[str, Any]:
    """List the models with their cards; a damaged one is listed with its fault."""
    return {"models": [stored.to_dict() for stored in service().labelling.registry.listed()]}


@bp.get("/<task>")
@needs("tag")
@bp.output(LabelModel)
@bp.doc(operation_id="getActiveLabelModel", responses=[401, 403, 404, 422])
def active(task: str) -> dict[str, Any]:
    """Return the model that answers for a task."""
    return service().labelling.registry.find(task).to_dict()


@bp.get("/<task>/<version>")
@needs("tag")
@bp.output(LabelModel)
@bp.doc(operation_id="getLabelModel", responses=[401, 403, 404, 422])
def get(task: str, version: str) -> dict[str, Any]:
    """Return a model."""
    return service().labelling.registry.find(task, version).to_dict()


@bp.post("/<task>/<version>/activate")
@needs("admin")
@bp.output(LabelModel)
@bp.doc(operation_id="activateLabelModel", responses=[401, 403, 404, 422, 500])
def activate(task: str, version: str) -> dict[str, Any]:
    """Let a model answer from now on, if it can be read."""
    return service().labelling.registry.activate(task, version).to_dict()


@bp.post("/<task>/rollback")
@needs("admin")
@bp.output(LabelModel)
@bp.doc(operation_id="rollbackLabelModel", responses=[401, 403, 404, 422, 500])
def rollback(task: str) -> dict[str, Any]:
    """Let the model answer that did before."""
    return service().labelling.registry.rollback(task).to_dict()
