"""Export a fitted estimator or a network to a format that runs without kerasdnn, with a proof.

`exporting` is the entry point, `description` a model as plain numbers and text, `proof` compares an
export with its model in a fresh process. Each format has a file: `numpy_format` (whose runtime is
`numpy_reader`), `saved_model_format`, `onnx_format` (with `onnx_graph`, which has the layers) and
`litert_format`.
"""
