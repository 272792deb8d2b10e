"""``/catalogues``: named sets of tracks, each with parameters that never change."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint

from classifier.api.guard import needs
from classifier.api.schemas import Catalogue, CatalogueCreate, Catalogues
from classifier.api.service import service
from classifier.config import PRESETS, FeatureConfig

bp = APIBlueprint("catalogues", __name__, tag="Library", url_prefix="/api/v1/catalogues")


@bp.get("")
@needs("tag")
@bp.output(Catalogues)
@bp.doc(operation_id="listCatalogues", responses=[401, 403])
def listing() -> dict[str, Any]:
    """List the catalogues with their parameters."""
    return {"catalogues": service().list_catalogues()}


@bp.post("")
@needs("admin")
@bp.input(CatalogueCreate, location="json")
@bp.output(Catalogue, status_code=201)
@bp.doc(operation_id="createCatalogue", responses=[400, 401, 403, 409, 415])
def create(json_data: CatalogueCreate) -> Any:
    """Create a catalogue.

    Its parameters decide how tracks are modelled, and can never be changed: another set is another catalogue.
    """
    config = FeatureConfig.from_dict({**PRESETS[json_data.preset].to_dict(), **json_data.config})
    return service().create_catalogue(json_data.name, config), 201
