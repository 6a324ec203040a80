"""What tests of several modules share."""

import pytest


@pytest.fixture
def evaluated():
    """Value of a graph of `sknnk.onnx`, in ONNX Runtime."""
    import onnxruntime
    from onnx import helper

    def evaluate(graph, value, **inputs):
        proto = graph.as_attribute({name: array.ndim for name, array in inputs.items()}, [value])
        versions = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
        model = helper.make_model(proto, opset_imports=versions, ir_version=9)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (result,) = session.run(None, inputs)
        return result

    return evaluate
