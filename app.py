"""The application for WSGI servers: ``gunicorn -c gunicorn.conf.py 'app:create_app()'``, ``flask --app app run``."""

from classifier.api.application import create_app

__all__ = ["create_app"]
