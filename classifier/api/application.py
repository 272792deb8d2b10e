"""The WSGI application: the library over HTTP, for phones, administrators and the page.

:func:`create_app` lists its parts. Everything a process holds (store, catalogues, decoder, queue, jobs) is one
:class:`~classifier.api.service.Service`, made with the application and started in the process that serves.
"""

from __future__ import annotations

import os

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

from classifier import __version__
from classifier.api import (
    acoustid,
    bodies,
    catalogues,
    docs,
    duplicates,
    earlier,
    experiments,
    guard,
    health,
    jobs,
    keys,
    label_models,
    labels,
    likeness,
    listens,
    logs,
    me,
    monitors,
    page,
    problems,
    representation,
    requests,
    tags,
    telemetry,
    tracing,
    tracklists,
    tracks,
    webhooks,
)
from classifier.api.openapi import describe
from classifier.api.service import Service
from classifier.settings import Settings

__all__ = ["create_app"]


def create_app(settings: Settings | None = None) -> APIFlask:
    """Return the WSGI application.

    Parameters
    ----------
    settings : Settings or None
        None: read from the environment, which is read nowhere else.

    Raises
    ------
    InvalidConfig
        For a setting that is unknown or out of bounds.
    """
    settings = settings or Settings.from_environment(os.environ)
    app = APIFlask(
        "classifier.api",
        title="Earmark",
        version=__version__,
        spec_path="/api/v1/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.compact = True  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.extensions["earmark"] = Service(settings)

    bodies.init_app(app)
    if settings.trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]
    tracing.init_app(app, settings)
    representation.init_app(app)
    logs.init_app(app)
    problems.init_app(app)
    guard.init_app(app, settings)
    requests.init_app(app)
    telemetry.init_app(app, app.extensions["earmark"])
    library = (tracks, duplicates, likeness, tracklists, monitors, jobs, catalogues)
    parts = (health, me, tags, listens, *library, keys, webhooks)
    for part in (*parts, experiments, labels, label_models, earlier, acoustid, telemetry):
        app.register_blueprint(part.bp)
    docs.init_app(app)
    page.init_app(app)
    describe(app)
    return app
