"""Conversion to ONNX: importing this module tells skl2onnx how to convert every estimator of sknnk.

Needs the extra ``onnx``. Then ``skl2onnx.to_onnx`` converts transformers and networks, alone or in pipelines and column
transformers. Models compute in float64. They return float64 if an input is float64 and float32 otherwise, with the full
accuracy of float32. Classifiers take the options of skl2onnx (``zipmap``, ``nocl``, ``raw_scores``,
``output_class_labels``); the networks have ``transform``, which converts that method instead of ``predict``. If a
network is followed by a step of a pipeline, or stands in a column transformer or a union, it is set for them.

Examples
--------
>>> import numpy as np
>>> import onnxruntime
>>> from skl2onnx import to_onnx
>>> from sklearn.datasets import load_diabetes
>>> import sknnk.onnx
>>> from sknnk import BundledNetworkRegressor
>>> X, y = load_diabetes(return_X_y=True)
>>> model = BundledNetworkRegressor(64, activation="gaussian", random_state=0).fit(X, y)
>>> onnx_model = to_onnx(model, X[:1].astype(np.float32))
>>> session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
>>> (predictions,) = session.run(None, {"X": X.astype(np.float32)})
>>> bool(np.allclose(predictions[:, 0], model.predict(X), rtol=1e-5))
True
"""

try:
    import onnx as _onnx  # noqa: F401
    import skl2onnx as _skl2onnx  # noqa: F401
except ImportError as error:
    raise ImportError(
        f'sknnk.onnx needs onnx and skl2onnx ({error}): pip install "sknnk[onnx]" brings both, and onnxruntime, which '
        "runs what they make."
    ) from error

from ._converters import register_converters

register_converters()

__all__: list[str] = []
