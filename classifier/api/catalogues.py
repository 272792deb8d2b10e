"""``/catalogues``: named sets of tracks, each with parameters that never change."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from classifier import catalogue as library
from classifier.api.guard import needs
from classifier.api.list_schemas import CataloguesQuery
from classifier.api.paging import page
from classifier.api.representation import only
from classifier.api.schemas import Catalogue, CatalogueCreate, Catalogues, Cost, CostEstimate
from classifier.api.service import service
from classifier.config import PRESETS, FeatureConfig
from classifier.errors import CatalogueExists, CatalogueNotFound
from classifier.models.cost import estimate
from classifier.records.catalogues import CatalogueRecord, get_catalogue, list_catalogues
from classifier.records.tracks import count_tracks
from classifier.store.base import Store

bp = APIBlueprint("catalogues", __name__, tag="Library", url_prefix="/api/v1/catalogues")


@bp.get("")
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


@bp.post("")
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
        opened = library.Catalogue.open(
            name=name, config=config, settings=own.settings, store=own.store, decoder=own.decoder
        )
        opened.close()
        return _described(own.store, get_catalogue(own.store, name)), 201
    raise CatalogueExists(f"catalogue {name!r} exists already")


@bp.post("/estimate")
@needs("admin")
@bp.input(CostEstimate, location="json")
@bp.output(Cost)
@bp.doc(operation_id="estimateCost", responses=[400, 401, 403, 404, 415])
def cost(json_data: CostEstimate) -> dict[str, Any]:
    """Say what music would cost under some parameters: windows, bytes, processor time. Nothing is made."""
    config = _configured(service().store, json_data)
    return {"config": config.to_dict(), **estimate(config, json_data.music_s).to_dict()}


def _configured(store: Store, wanted: CatalogueCreate) -> FeatureConfig:
    if wanted.copy_of is not None:
        start = library.current_config(get_catalogue(store, wanted.copy_of))
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
        "revision": record.revision,
        "config": record.config,
        "config_hash": record.config_hash,
    }
