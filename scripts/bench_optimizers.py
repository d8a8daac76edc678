"""Time a training step with Momentum and NAG, compared with Keras's SGD with the same rule.

    scripts/run scripts/bench_optimizers.py         # a minute or two on a CPU

Each optimizer trains the same network from the same weights on the same rows. The weights after
the first chunk of steps must be equal before anything is timed. Then chunks are timed in turns,
ours next to Keras's, so that a busy moment of the machine affects both. Prints the median times,
the median of the ratios of neighboring chunks with its 95% interval (by ranks), and the number of
XLA instructions of one step. A step is taken in two ways:

    one call     one compiled training step of stock Keras for each call from Python
    one program  a chunk of steps as one XLA program, where only the step takes time

Ends with exit code 1 if the complete interval of a ratio is above the limit.
"""

import argparse
import math
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

FEATURES, BATCH, LEARNING_RATE, MOMENTUM = 20, 32, 0.01, 0.9
LIMIT = 1.05


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20, help="steps per chunk")
    parser.add_argument("--rounds", type=int, default=501, help="chunks per optimizer")
    parser.add_argument("--units", type=int, nargs="+", default=[64, 32], help="hidden layers")
    parser.add_argument("--quick", action="store_true", help="few rounds, for a test")
    options = parser.parse_args(argv)
    if options.quick:
        options.steps, options.rounds = 10, 3

    import keras
    import tensorflow as tf

    from kerasdnn import NAG, Momentum

    sgd = keras.optimizers.SGD
    pairs = {
        "Momentum": (
            lambda: Momentum(LEARNING_RATE, MOMENTUM),
            lambda: sgd(LEARNING_RATE, momentum=MOMENTUM),
        ),
        "NAG": (
            lambda: NAG(LEARNING_RATE, MOMENTUM),
            lambda: sgd(LEARNING_RATE, momentum=MOMENTUM, nesterov=True),
        ),
    }
    device = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    units = "-".join(map(str, [FEATURES, *options.units, 1]))
    print(f"{device}, network {units}, batch {BATCH}, {options.rounds} blocks of {options.steps}")
    print(f"{'':10}{'way':13}{'ours, us':>10}{'Keras, us':>11}{'ratio':>8}   95% interval")
    above = []
    for name, makers in pairs.items():
        for way in ("one call", "one program"):
            ours, theirs = (training(make(), options, way) for make in makers)
            need_equal_weights(name, ours, theirs)
            pair = [take_turns(ours, theirs, i % 2 == 0) for i in range(options.rounds)]
            a, b = (1e6 * statistics.median(t) / options.steps for t in zip(*pair, strict=True))
            ratio, low, high = median_interval([x / y for x, y in pair])
            print(f"{name:10}{way:13}{a:10.1f}{b:11.1f}{ratio:8.3f}   {low:.3f} to {high:.3f}")
            above += [(name, way)] if low > LIMIT else []
        counts = [instructions(make(), options) for make in makers]
        print(f"{'':10}instructions {counts[0]:10}{counts[1]:11}")
    print(f"above the limit of {LIMIT}: " + (", ".join(map(" ".join, above)) or "none"))
    return 1 if above and not options.quick else 0


def training(optimizer, options, way):
    """(model, a function that trains it for a block of steps)."""
    import tensorflow as tf

    model, step = one_step(optimizer, options)

    @tf.function(jit_compile=True)
    def program():
        for _ in tf.range(options.steps):
            step()

    def calls():
        for _ in range(options.steps):
            step()

    return model, program if way == "one program" else calls


def one_step(optimizer, options):
    """(model, its compiled training step on a fixed batch)."""
    import keras
    import numpy as np
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    layers = [keras.Input((FEATURES,))]
    layers += [keras.layers.Dense(units, "relu") for units in options.units]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(optimizer, "mean_squared_error")
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(BATCH, FEATURES)), "float32")
    y = tf.constant(rng.normal(size=(BATCH, 1)), "float32")
    model.train_step((x, y))  # makes the optimizer's variables

    @tf.function(jit_compile=True)
    def step():
        model.train_step((x, y))

    return model, step


def instructions(optimizer, options):
    """How many instructions XLA makes of one training step."""
    _, step = one_step(optimizer, options)
    program = step.experimental_get_compiler_ir()(stage="optimized_hlo")
    return sum(" = " in line for line in program.splitlines())


def median_interval(values):
    """Median and its 95% interval from ranks, which assumes nothing about the distribution."""
    ordered, n = sorted(values), len(values)
    spread = 0.98 * math.sqrt(n)
    low, high = max(0, round(n / 2 - spread)), min(n - 1, round(n / 2 + spread))
    return statistics.median(ordered), ordered[low], ordered[high]


def need_equal_weights(name, ours, theirs):
    """Train both for a block, which also compiles, and compare."""
    import numpy as np

    for _, block in (ours, theirs):
        block()
    for a, b in zip(ours[0].get_weights(), theirs[0].get_weights(), strict=True):
        if not np.allclose(a, b, rtol=1e-5, atol=1e-6):
            raise SystemExit(f"{name}: weights differ from Keras's by {np.abs(a - b).max():.2g}")


def take_turns(ours, theirs, ours_first):
    """Seconds of a block of each; who comes first changes from round to round."""
    if ours_first:
        return seconds(ours), seconds(theirs)
    later = seconds(theirs)
    return seconds(ours), later


def seconds(trained):
    model, block = trained
    began = time.perf_counter()
    block()
    model.trainable_weights[0].numpy()  # waits for the device
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
