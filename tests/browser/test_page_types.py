"""The page's types come from the service's own OpenAPI document."""

from __future__ import annotations

import json
import re

from classifier.api import problems
from classifier.audio.formats import ENDINGS
from tests.browser.harness import ROOT
from tests.browser.openapi import COPY, document


def test_every_error_has_words_for_people() -> None:
    words = (ROOT / "web" / "src" / "app" / "api" / "words.ts").read_text("utf-8")
    table = words[words.index("export const WORDS") : words.index("export function")]
    assert set(re.findall(r"^  (\w+): ", table, re.MULTILINE)) == set(problems.known())


def test_copy_is_up_to_date() -> None:
    assert json.loads(COPY.read_text("utf-8")) == json.loads(document()), (
        "the HTTP interface changed: python -m tests.browser.openapi && npm --prefix web run types, then rebuild"
    )


def test_folders_are_looked_through_for_all_that_the_service_reads() -> None:
    source = (ROOT / "web" / "src" / "app" / "ui" / "folders.ts").read_text("utf-8")
    table = source[source.index("const ENDINGS") : source.index(".split")]
    listed = {f".{ending}" for text in re.findall(r"'([^']*)'", table) for ending in text.split()}
    assert listed == ENDINGS
