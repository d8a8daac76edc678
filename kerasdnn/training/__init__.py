"""`Network`, a `keras.Sequential` that trains, evaluates and predicts as compiled functions.

`network` says what `fit`, `evaluate` and `predict` mean, `dispatch` which execution path a call
takes, `device_data` stores rows on the device, `fit_loop` divides a training into compiled calls,
`compiled_steps` compiles them, `compile_cache` shares them between equal networks, `flat_weights`
updates small weights as one vector, `together` trains equal networks at once, `streams` reads
datasets and generators in chunks, `strategies/` trains on several devices and machines, `metrics`
and `evaluation` evaluate and predict, `size` estimates memory and time before a fit.
"""

from .network import Network as Network
