"""The forward pass of a network without TensorFlow.

`layers` describes the layers of a network as steps, `numpy_steps` computes steps with NumPy, and
`few_rows` predicts a few rows in this way with the current weights of a network, to decide for a
class.
"""
