"""``/experiments``: how well catalogues answer recordings whose track is known; run aside, kept, exported."""

from __future__ import annotations

import json
from typing import Any

from apiflask import APIBlueprint
from flask import Response, url_for

from classifier.api import jobs
from classifier.api.experiment_schemas import (
    Experiment,
    ExperimentQuery,
    Experiments,
    ExperimentsQuery,
    ResultsQuery,
)
from classifier.api.guard import needs
from classifier.api.job_schemas import Job
from classifier.api.paging import found as found_of
from classifier.api.service import service
from classifier.api.trackfiles import spool_tracks
from classifier.errors import ExperimentNotFound
from classifier.records import experiments as stored
from classifier.work import experiment
from classifier.work.spool import Upload

bp = APIBlueprint("experiments", __name__, tag="Experiments", url_prefix="/api/v1/experiments")

_MEDIA = {"json": "application/json", "csv": "text/csv", "cells": "text/csv", "html": "text/html"}
_RESULTS: dict[Any, Any] = {
    200: {
        "description": "The results as a file",
        "content": {
            media: {"schema": {"type": "object" if media == "application/json" else "string"}}
            for media in dict.fromkeys(_MEDIA.values())
        },
    },
    401: "Key needed",
    403: "Role needed",
    404: "No such experiment, or it has no such results",
}


def _texts(one: dict[str, Any]) -> list[str | None]:
    """Return what an experiment is searched in."""
    options = [value for value in one["options"].values() if isinstance(value, str)]
    return [one["kind"], one["catalogue"], *one["files"], *options]


def _value(one: dict[str, Any], field: str) -> Any:
    """Return what orders an experiment: a figure, or what it is."""
    return one["headline"].get(field, one.get(field))


@bp.post("")
@needs("admin")
@bp.input(ExperimentQuery, location="query")
@bp.output(Job, status_code=202, description="Taken in; the experiment has the id of the job at `Location`")
@bp.doc(operation_id="createExperiment", responses=[400, 401, 403, 404, 408, 413, 415, 421, 422, 503, 507])
def create(query_data: ExperimentQuery) -> Any:
    """Find out how well a catalogue answers, or how that depends on its parameters.

    The files are parts `file` of a multipart form. With `cut`, and of a sweep, they are songs that snippets are cut
    from; songs that are not in the catalogue show how often an unknown song gets a name. Else they are recordings, and
    the text field `table` is a CSV with the columns `file`, `track` (title, file name or id; empty: of none) and, if
    you like, `condition`. The library stays as it is.
    """
    own = service()
    options = query_data.model_dump()
    options["axes"] = options.pop("grid")
    options["catalogue"] = own.catalogue_name(query_data.catalogue)
    job_id, folder = own.spool.open()
    try:
        parts, fields = spool_tracks(folder, own.settings.track_bytes, ("table",))
        uploads = [Upload(*part) for part in parts]
        job = experiment.submit(own.store, own.spool, job_id, uploads, table=fields.get("table", ""), **options)
    except BaseException:
        own.spool.remove(job_id)
        raise
    own.notify_workers()
    return jobs.to_dict(job), 202, {"Location": url_for("jobs.get", job_id=job_id)}


@bp.get("")
@needs("admin")
@bp.input(ExperimentsQuery, location="query")
@bp.output(Experiments)
@bp.doc(operation_id="listExperiments", responses=[401, 403])
def listing(query_data: ExperimentsQuery) -> dict[str, Any]:
    """List experiments without their results, newest first unless `sort` says otherwise."""
    store = service().store
    answer = found_of(stored.every(store), query_data, of="experiments", texts=_texts, value=_value)
    shown = [{**one, **experiment.progress(store, one)} for one in answer["experiments"]]
    return {**answer, "experiments": shown}


@bp.get("/<experiment_id>")
@needs("admin")
@bp.output(Experiment)
@bp.doc(operation_id="getExperiment", responses=[401, 403, 404])
def get(experiment_id: str) -> dict[str, Any]:
    """Return an experiment with what came of it."""
    store = service().store
    found = stored.get(store, experiment_id)
    summary = stored.results(store, experiment_id).get("summary")
    shown = {} if summary is None else summary if "cells" in summary else {"summary": summary}
    return {**shown, **found, **experiment.progress(store, found)}


@bp.get("/<experiment_id>/results")
@needs("admin")
@bp.input(ResultsQuery, location="query")
@bp.doc(operation_id="exportExperiment", responses=_RESULTS)
def results(experiment_id: str, query_data: ResultsQuery) -> Response:
    """Return figures, answers or the report as a file."""
    found, form = stored.results(service().store, experiment_id), query_data.format
    text = json.dumps(found["summary"], ensure_ascii=False) if form == "json" and found else found.get(form)
    if text is None:
        raise ExperimentNotFound(f"experiment {experiment_id!r} has no results of the format {form}")
    ending = {"cells": "csv"}.get(form, form)
    response = Response(text.encode(), content_type=f"{_MEDIA[form]}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="experiment-{experiment_id[:12]}.{ending}"'
    return response


@bp.delete("/<experiment_id>")
@needs("admin")
@bp.output({}, status_code=204)
@bp.doc(operation_id="deleteExperiment", responses=[401, 403, 404])
def delete(experiment_id: str) -> Any:
    """Delete an experiment with its results; one that runs ends."""
    own = service()
    experiment.delete(own.store, own.spool, experiment_id)
    return Response(status=204)
