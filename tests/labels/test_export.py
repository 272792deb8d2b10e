"""Export to ONNX: run by the reference evaluator of the onnx package, the answers are the model's."""

from __future__ import annotations

import builtins

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from classifier.errors import InvalidModel, Unavailable
from classifier.labels.scoring.export import to_onnx
from classifier.labels.training import estimators
from classifier.labels.training.estimators import candidate
from tests.labels.clips import blobs, fitted

#: Float32 in the graph, float64 in ours.
EQUAL = 1e-5


@pytest.mark.parametrize("kind", ["exclusive", "multiple"])
@pytest.mark.parametrize("chosen", [candidate("logistic", C=1.0), candidate("mlp", alpha=0.001)], ids=str)
def test_the_graph_answers_as_the_model_does(monkeypatch, chosen, kind):
    monkeypatch.setattr(estimators, "HIDDEN", (8, 4))
    model = fitted(chosen, kind=kind)
    model.arrays["temperature"] = model.arrays["temperature"] * 1.7
    rows = blobs(20, 5, 3, seed=4)[0]
    graph = onnx.load_from_string(to_onnx(model))
    (found,) = ReferenceEvaluator(graph).run(None, {"features": rows.astype(np.float32)})
    assert np.abs(found - model.probabilities(rows)).max() < EQUAL
    assert {p.key: p.value for p in graph.metadata_props}["labels"].split("\n") == list(model.labels)


def test_other_families_are_refused():
    with pytest.raises(InvalidModel, match="logistic and mlp"):
        to_onnx(fitted(candidate("neighbours", neighbours=3)))


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "onnx":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match="pip install 'earmark"):
        to_onnx(fitted(candidate("logistic", C=1.0)))
