"""``/label-models``: the models that label, their cards, which of them answers, and training another."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import url_for

from classifier.api import jobs
from classifier.api.guard import needs
from classifier.api.job_schemas import Job
from classifier.api.label_schemas import LabelModel, LabelModels, TrainQuery
from classifier.api.list_schemas import LabelModelsQuery
from classifier.api.paging import page
from classifier.api.representation import only
from classifier.api.service import service
from classifier.api.trackfiles import spool_tracks
from classifier.labels.scoring.files import check_task
from classifier.work import train as training
from classifier.work.spool import Upload

bp = APIBlueprint("label_models", __name__, tag="Labels", url_prefix="/api/v1/label-models")


@bp.get("")
@needs("tag")
@bp.input(LabelModelsQuery, location="query")
@bp.output(LabelModels)
@bp.doc(operation_id="listLabelModels", responses=[401, 403])
def listing(query_data: LabelModelsQuery) -> dict[str, Any]:
    """List the models with their cards; a damaged one is listed with its fault."""
    models = service().labelling.registry.listed()
    found, more = page(models, lambda stored: f"{stored.task}/{stored.version}", query_data, order="label-models")
    only(query_data.fields, of="models")
    return {"models": [stored.to_dict() for stored in found], "next": more}


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


@bp.post("/<task>/train")
@needs("admin")
@bp.input(TrainQuery, location="query")
@bp.output(Job, status_code=202, description="Accepted; `Location` names the job that trains")
@bp.doc(operation_id="trainLabelModel", responses=[400, 401, 403, 408, 413, 415, 421, 422, 503, 507])
def train(task: str, query_data: TrainQuery) -> Any:
    """Train a model on labelled recordings.

    Each recording is a part `file` of a multipart form, at least three a label, at most fifty in all; `earmark train`
    has no such limit. The text field `labels` is a CSV with the heading `file,labels,group` and a line for each file,
    by the name it was sent under; several labels are joined by `|`. Files of one group (artist, album, series) never
    lie on both sides of a split. Follow the job: at its end it names the `version` of the model.
    """
    own = service()
    check_task(task)
    job_id, folder = own.spool.open()
    try:
        parts, fields = spool_tracks(folder, own.settings.track_bytes, ("labels",))
        labels = training.read_labels(
            fields.get("labels", ""), [name for name, _, _ in parts], ungrouped=query_data.ungrouped
        )
        how = query_data.model_dump()
        how |= {name: how[name].split(",") if how[name] else [] for name in ("features", "family")}
        uploads = [Upload(*part) for part in parts]
        job = training.submit(own.store, own.spool, job_id, task, uploads, labels, **how)
    except BaseException:
        own.spool.remove(job_id)
        raise
    own.notify_workers()
    return jobs.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job_id)}


@bp.post("/<task>/rollback")
@needs("admin")
@bp.output(LabelModel)
@bp.doc(operation_id="rollbackLabelModel", responses=[401, 403, 404, 422, 500])
def rollback(task: str) -> dict[str, Any]:
    """Let the model answer that did before."""
    return service().labelling.registry.rollback(task).to_dict()
