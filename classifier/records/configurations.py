"""The configuration that a catalogue's record keeps: today's, an earlier release's, brought up to date."""

from __future__ import annotations

from dataclasses import fields

from classifier.config import FeatureConfig
from classifier.errors import CatalogueOutdated
from classifier.models.background import BUILTIN, builtin_background
from classifier.records import catalogues
from classifier.records.catalogues import CatalogueRecord
from classifier.store.base import Store

#: Names of all parameters; records from before there were profiles lack ``profile``.
_NAMES = {item.name for item in fields(FeatureConfig)}


def current_config(record: CatalogueRecord) -> FeatureConfig:
    """Return a catalogue's configuration.

    Raises
    ------
    CatalogueOutdated
        If an earlier release made it, with other parameters than there are now.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from classifier.catalogue import Catalogue
    >>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:
    ...     record = catalogues.get_catalogue(catalogue.store, "default")
    >>> current_config(record) == FeatureConfig()
    True
    >>> current_config(replace(record, config={"n_components": 6}))
    Traceback (most recent call last):
    classifier.errors.CatalogueOutdated: catalogue 'default' was enrolled by an earlier Earmark, ...
    """
    if not _is_current(record):
        raise CatalogueOutdated(
            f"catalogue {record.name!r} was enrolled by an earlier Earmark, whose models this one cannot compare: run "
            f"`earmark catalogues renew {record.name} FOLDER` with the folders that hold its files"
        )
    return FeatureConfig.from_dict(record.config)


def renew(store: Store, name: str) -> None:
    """Bring an earlier release's catalogue up to date, so that its tracks can be enrolled anew.

    Parameters that still exist keep their values; a catalogue that is up to date stays as it is.

    Raises
    ------
    CatalogueNotFound
        If there is no catalogue of that name.

    Examples
    --------
    >>> from classifier.catalogue import Catalogue
    >>> with Catalogue.open("sqlite:///music.sqlite") as catalogue:
    ...     renew(catalogue.store, "default")
    ...     current_config(catalogues.get_catalogue(catalogue.store, "default")) == FeatureConfig()
    True
    """
    record = catalogues.get_catalogue(store, name)
    if not _is_current(record):
        config = FeatureConfig.from_dict({key: value for key, value in record.config.items() if key in _NAMES})
        catalogues.renew_catalogue(store, name, config.to_dict(), config.hash, background=shipped_background(config))


def shipped_background(config: FeatureConfig) -> str:
    """Return the name of the background that ships and serves this configuration; empty where there is none.

    Examples
    --------
    >>> shipped_background(FeatureConfig()) == BUILTIN
    True
    >>> shipped_background(FeatureConfig(n_components=5))
    ''
    """
    return BUILTIN if config.front_end_hash == builtin_background().front_end else ""


def _is_current(record: CatalogueRecord) -> bool:
    return record.config.keys() | {"profile"} == _NAMES
