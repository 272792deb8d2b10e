"""Copy the service's OpenAPI document to the page, whose types come from it: ``python -m tests.browser.openapi``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from app import create_app
from classifier.settings import Settings

COPY = Path(__file__).parents[2] / "web" / "openapi.json"


def document() -> str:
    """Return the document as text, the same for the same interface."""
    with tempfile.TemporaryDirectory() as folder:
        spec = dict(create_app(Settings(data_dir=folder)).spec)
    spec["info"] = {**spec["info"], "version": "1"}  # the page's types do not change with a release
    return json.dumps(spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    COPY.write_text(document(), "utf-8")
