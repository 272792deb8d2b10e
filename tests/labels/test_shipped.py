"""The model that ships: intact, of this Earmark's features, and its figures those of its card."""

from __future__ import annotations

import os

import numpy as np

from classifier.labels import views
from classifier.labels.scoring import files
from classifier.labels.scoring.registry import SHIPPED, Registry
from classifier.labels.sets import SETS


def test_it_can_be_read_and_hears_what_it_was_fitted_on(tmp_path):
    model = Registry(tmp_path).load("genre")
    assert model.labels == SETS["gtzan-10"]
    assert views.check_served(model.view, model.extractors, model.columns).name == "tags"
    assert not model.clips, "no clip of the research data ships"
    total = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert total < 100_000


def test_its_card_says_what_must_be_said():
    card = files.read_manifest(SHIPPED / "genre" / "gtzan-10")["card"]
    text = " ".join(card["weaknesses"])
    for word in ("Million Song Dataset", "optimistic", "443", "2001", "Speech", "4 kHz"):
        assert word in text
    figures = card["honest"][0]["figures"]
    assert figures["n"] == 290
    assert figures["accuracy"]["low"] < figures["accuracy"]["value"] < figures["accuracy"]["high"]


def test_tags_that_speak_for_a_genre_bring_it(tmp_path):
    model = Registry(tmp_path).load("genre")
    for tag, genre in (("jazz", "jazz"), ("country", "country"), ("metal", "metal"), ("Hip-Hop", "hiphop")):
        row = model.arrays["centre"][None].copy()
        row[0, model.columns.index(f"tag.{tag}")] += 0.5
        assert model.labels[int(model.probabilities(row).argmax())] == genre


if os.environ.get("EARMARK_DATA"):

    def test_its_figures_are_those_of_its_card(tmp_path):
        from bench.measure.labels.tables import taggrams

        test = taggrams("evaluation")
        model = Registry(tmp_path).load("genre")
        p = model.probabilities(test.values)
        right = float((p.argmax(axis=1) == test.targets.argmax(axis=1)).mean())
        assert abs(right - model.card["honest"][0]["figures"]["accuracy"]["value"]) < 1e-4
        assert np.isfinite(p).all()
