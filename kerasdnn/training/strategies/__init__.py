"""One network on several devices and machines, with `tf.distribute` as the engine.

`copies` keeps the copies of a variable on all devices equal, `replicas` divides the rows of every
step among devices, `workers` among processes on one or several machines, which exchange numbers
through `group`.
"""
