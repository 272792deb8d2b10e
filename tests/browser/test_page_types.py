"""The page's types come from the service's own OpenAPI document."""

from __future__ import annotations

import json

from tests.browser.openapi import COPY, document


def test_copy_is_up_to_date() -> None:
    assert json.loads(COPY.read_text("utf-8")) == json.loads(document()), (
        "the HTTP interface changed: python -m tests.browser.openapi && npm --prefix web run types, then rebuild"
    )
