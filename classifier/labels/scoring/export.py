"""Export of a model to ONNX, for use outside of Earmark: logistic regression and the multi-layer perceptron.

The graph takes ``features`` (n, d), float32, not standardised, and gives ``probabilities`` (n, k); what it is made of
are the model's own arrays, and its temperature. Other families are refused: they would need operators that common
runtimes lack, or lose the calibration. The package ``onnx`` is optional, and imported here alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.errors import InvalidModel, Unavailable
from classifier.labels.scoring.model import LabelModel

_OPSET, _IR = 17, 8
_NAMES = ("logistic", "mlp")


def to_onnx(model: LabelModel) -> bytes:
    """Return a model as an ONNX file.

    Raises
    ------
    InvalidModel
        If the family is none of logistic regression and multi-layer perceptron.
    Unavailable
        If the package ``onnx`` is not installed.
    """
    if model.family not in _NAMES:
        raise InvalidModel(f"a model of the family {model.family!r} cannot be exported: {' and '.join(_NAMES)} can")
    try:
        from onnx import TensorProto, checker, helper
    except ImportError:
        raise Unavailable("the package onnx is not installed: pip install 'earmark[onnx]', then try again") from None
    k = len(model.labels)
    graph = _Graph()
    z = graph.add(
        "Div", graph.add("Sub", "features", graph.keep(model.arrays["centre"])), graph.keep(model.arrays["scale"])
    )
    if model.kind == "exclusive":
        scores = _scores(graph, model.family, model.own(), z)
    else:
        pairs = [_scores(graph, model.family, model.own(i), z) for i in range(k)]
        sign = graph.keep(np.array([[-1.0], [1.0]]))
        columns = [graph.add("MatMul", pair, sign) for pair in pairs]
        scores = graph.add("Concat", *columns, axis=1)
    scores = graph.add("Div", scores, graph.keep(model.arrays["temperature"]))
    nodes = [helper.make_node(kind, inputs, [output], **options) for kind, inputs, output, options in graph.nodes]
    if model.kind == "exclusive":
        nodes.append(helper.make_node("Softmax", [scores], ["probabilities"], axis=1))
    else:
        nodes.append(helper.make_node("Sigmoid", [scores], ["probabilities"]))
    made = helper.make_graph(
        nodes,
        f"earmark-{model.task}",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(model.columns)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", k])],
        [helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.ravel()) for name, array in graph.kept.items()],
    )
    exported = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="earmark")
    exported.ir_version = _IR
    entries = {"labels": "\n".join(model.labels), "columns": "\n".join(model.columns), "kind": model.kind}
    helper.set_model_props(exported, entries | {"extractors": "\n".join(model.extractors)})
    checker.check_model(exported)
    return bytes(exported.SerializeToString())


class _Graph:
    """Nodes and constants of a graph, named in the order in which they come."""

    def __init__(self) -> None:
        self.nodes: list[tuple[str, list[str], str, dict[str, Any]]] = []
        self.kept: dict[str, np.ndarray] = {}

    def keep(self, array: np.ndarray) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.kept)}"
        self.kept[name] = np.asarray(array, np.float32)
        return name

    def add(self, kind: str, *inputs: str, **options: Any) -> str:
        """Add a node and return the name of its output."""
        name = f"value_{len(self.nodes)}"
        self.nodes.append((kind, list(inputs), name, options))
        return name


def _scores(graph: _Graph, family: str, arrays: dict[str, np.ndarray], z: str) -> str:
    if family == "logistic":
        return graph.add("Add", graph.add("MatMul", z, graph.keep(arrays["coef"].T)), graph.keep(arrays["intercept"]))
    last = len(arrays) // 2 - 1
    for layer in range(last + 1):
        product = graph.add("MatMul", z, graph.keep(arrays[f"weight_{layer}"]))
        z = graph.add("Add", product, graph.keep(arrays[f"bias_{layer}"]))
        if layer < last:
            z = graph.add("Relu", z)
    return z
