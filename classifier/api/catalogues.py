"""``/catalogues``: named sets of tracks, each with parameters that never change."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import url_for

from classifier import catalogue as library
from classifier.api.catalogue_schemas import Copied, CopyCatalogue, Parameters, RemoveCatalogue, Removed
from classifier.api.guard import needs
from classifier.api.list_schemas import CataloguesQuery
from classifier.api.paging import page
from classifier.api.representation import only
from classifier.api.schemas import Catalogue, CatalogueCreate, Catalogues, Cost, CostEstimate
from classifier.api.service import Service, service
from classifier.care.copying import check_names
from classifier.config import PRESETS, FeatureConfig, parameters
from classifier.errors import CatalogueExists, CatalogueNotFound
from classifier.models.cost import estimate
from classifier.records.catalogues import CatalogueRecord, get_catalogue, list_catalogues
from classifier.records.configurations import current_config
from classifier.records.tracks import count_tracks
from classifier.store.base import Store
from classifier.work import copy, jobs, removal

bp = APIBlueprint("catalogues", __name__, tag="Library", url_prefix="/api/v1")


@bp.get("/catalogues")
@needs("tag")
@bp.input(CataloguesQuery, location="query")
@bp.output(Catalogues)
@bp.doc(operation_id="listCatalogues", responses=[401, 403])
def listing(query_data: CataloguesQuery) -> dict[str, Any]:
    """List the catalogues with their parameters, by name."""
    store = service().store
    found, more = page(list_catalogues(store), lambda record: record.name, query_data, order="catalogues")
    only(query_data.fields, of="catalogues")
    return {"catalogues": [_described(store, record) for record in found], "next": more}


@bp.post("/catalogues")
@needs("admin")
@bp.input(CatalogueCreate, location="json")
@bp.output(Catalogue, status_code=201)
@bp.doc(operation_id="createCatalogue", responses=[400, 401, 403, 404, 409, 415])
def create(json_data: CatalogueCreate) -> Any:
    """Create a catalogue.

    Its parameters decide how tracks are modelled and never change: other parameters need another catalogue.
    """
    own, name = service(), json_data.name
    config = _configured(own.store, json_data)
    try:
        get_catalogue(own.store, name)
    except CatalogueNotFound:
        return _made(own, name, config), 201
    raise CatalogueExists(f"catalogue {name!r} exists already")


@bp.get("/catalogues/<path:name>")
@needs("tag")
@bp.output(Catalogue)
@bp.doc(operation_id="getCatalogue", responses=[401, 403, 404])
def get(name: str) -> dict[str, Any]:
    """Return a catalogue: its parameters, how many tracks it has, and its `revision`."""
    store = service().store
    return _described(store, get_catalogue(store, name))


@bp.delete("/catalogues/<path:name>")
@needs("admin")
@bp.input(RemoveCatalogue, location="query")
@bp.output(Removed)
@bp.doc(operation_id="deleteCatalogue", responses=[401, 403, 404, 409])
def delete(name: str, query_data: RemoveCatalogue) -> dict[str, Any]:
    """Remove a catalogue with its tracks, their models and its jobs, for good.

    In two steps: read the catalogue, see what it holds, and send its `revision` here. Nothing is removed if its tracks
    have changed since, or while a job works on it; and the catalogue that is used where none is named never is. Tags,
    tracklists and experiments stay.
    """
    own = service()
    default = own.settings.catalogue
    return removal.remove(own.store, name, default=default, revision=query_data.revision).to_dict()


@bp.post("/catalogues/estimate")
@needs("admin")
@bp.input(CostEstimate, location="json")
@bp.output(Cost)
@bp.doc(operation_id="estimateCost", responses=[400, 401, 403, 404, 415])
def cost(json_data: CostEstimate) -> dict[str, Any]:
    """Say what music would cost under some parameters: windows, bytes, processor time. Nothing is made."""
    config = _configured(service().store, json_data)
    return {"config": config.to_dict(), **estimate(config, json_data.music_s).to_dict()}


@bp.get("/catalogue-parameters")
@needs("tag")
@bp.output(Parameters)
@bp.doc(operation_id="listParameters", responses=[401, 403])
def listing_parameters() -> dict[str, Any]:
    """List the parameters of catalogues with their bounds and meanings, Synced.fm's nine first, and the presets."""
    presets = {name: preset.to_dict() for name, preset in PRESETS.items()}
    return {"parameters": parameters(), "presets": presets}


@bp.post("/copies")
@needs("admin")
@bp.input(CopyCatalogue, location="json")
@bp.output(Copied, status_code=202, description="Taken in; ask at `Location` until `status` is `done`")
@bp.doc(operation_id="copyCatalogue", responses=[400, 401, 403, 404, 409, 415])
def start_copy(json_data: CopyCatalogue) -> Any:
    """Copy a catalogue under another configuration: its tracks are modelled anew from their files.

    The files are looked for by their audio in the folders that the service was told of (`EARMARK_MUSIC_FOLDERS`).
    Tracks whose files are not there are listed as missing: upload them with `POST /tracks?catalogue=NAME&like=SOURCE`.
    The same request goes on with a copy that was begun.
    """
    own = service()
    check_names(json_data.source, json_data.name)
    source = get_catalogue(own.store, json_data.source)
    config = FeatureConfig.from_dict({**current_config(source).to_dict(), **json_data.config})
    _made(own, json_data.name, config)
    job = copy.submit(own.store, source.name, json_data.name)
    own.notify_workers()
    return copy.to_dict(job), 202, {"Location": url_for("catalogues.get_copy", job_id=job["_id"])}


@bp.get("/copies/<job_id>")
@needs("admin")
@bp.output(Copied)
@bp.doc(operation_id="getCopy", responses=[401, 403, 404])
def get_copy(job_id: str) -> dict[str, Any]:
    """Return how far a copy is, and once it is done, which tracks are missing."""
    return copy.to_dict(jobs.get(service().store, job_id, copy.KIND))


def _made(own: Service, name: str, config: FeatureConfig) -> dict[str, Any]:
    """Make a catalogue, or find it as it is to be."""
    library.Catalogue.open(
        name=name, config=config, settings=own.settings, store=own.store, decoder=own.decoder
    ).close()
    return _described(own.store, get_catalogue(own.store, name))


def _configured(store: Store, wanted: CatalogueCreate) -> FeatureConfig:
    if wanted.copy_of is not None:
        start = current_config(get_catalogue(store, wanted.copy_of))
    elif wanted.synced_fm:
        start = FeatureConfig.from_synced_fm(wanted.synced_fm)
    else:
        start = PRESETS[wanted.preset]
    return FeatureConfig.from_dict({**start.to_dict(), **wanted.config})


def _described(store: Store, record: CatalogueRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "created": record.created,
        "tracks": count_tracks(store, record.name),
        "default": record.name == service().settings.catalogue,
        "revision": record.revision,
        "config": record.config,
        "config_hash": record.config_hash,
    }
