"""Follow Momentum, NAG and Leaky ReLU step by step, next to the same in stock Keras.

    scripts/run recipes/step_by_step.py          # 10 s of CPU time

One weight on the loss w^2 / 2, whose gradient is w. Each step is computed three times: by the
formula in plain NumPy, by the optimizer of kerasdnn, and by Keras's own SGD. Then Leaky ReLU and
its derivative, by the formula, by kerasdnn and by Keras. Expect all three to agree to better than
1e-6, and NAG to swing less far beyond the minimum than Momentum.
"""

import numpy as np
from _common import Report, options, parse, start

START, RATE, MOMENTUM, STEPS, SHOWN = 1.0, 0.1, 0.9, 60, 6
SLOPE, TOLERANCE = 0.01, 1e-6


def main(argv=None):
    args = parse(options(__doc__, "step_by_step"), argv)
    device = start(args)
    from kerasdnn import plots

    report = Report(args, "Momentum, NAG and Leaky ReLU step by step", device)
    drawing, (top, bottom) = plots.figure(2, 1, width=5.6, height=7.0)
    paths, gaps = optimizers(report)
    draw_paths(paths, top)
    gaps["Leaky ReLU"] = leaky(report, bottom)
    report.picture(
        "steps", drawing,
        "Lines are the formulas, markers are stock Keras. Top: the distance from the minimum. "
        "Bottom: Leaky ReLU and its derivative, with a slope of 0.2 so that it can be seen.",
    )  # fmt: skip
    swings = {name: -path.min() for name, (path, _) in paths.items()}
    report.findings(
        [f"Largest difference of {name}: {gap:.1e}." for name, gap in gaps.items()]
        + [f"{name} swings {swing:.2f} beyond the minimum." for name, swing in swings.items()]
    )
    report.save()
    if max(gaps.values()) > TOLERANCE:
        raise SystemExit("A formula differs from Keras.")


def momentum_step(w, v, g):
    """v <- m v - eta g, w <- w + v."""
    v = MOMENTUM * v - RATE * g
    return w + v, v


def nag_step(w, v, g):
    """v <- m v - eta g, w <- w + m v - eta g."""
    v = MOMENTUM * v - RATE * g
    return w + MOMENTUM * v - RATE * g, v


def optimizers(report):
    """Report the first steps of both. Returns the paths, and the largest differences."""
    import keras
    import pandas as pd

    import kerasdnn

    paths, gaps = {}, {}
    for name, step, ours, nesterov in (
        ("Momentum", momentum_step, kerasdnn.Momentum, False),
        ("NAG", nag_step, kerasdnn.NAG, True),
    ):
        w, v, rows, by_formula = START, 0.0, [], [START]
        for number in range(1, STEPS + 1):
            gradient = w
            w, v = step(w, v, gradient)
            by_formula.append(w)
            rows.append((number, gradient, v, w))
        by_ours = descend(ours(RATE, momentum=MOMENTUM))
        by_keras = descend(keras.optimizers.SGD(RATE, momentum=MOMENTUM, nesterov=nesterov))
        table = pd.DataFrame(rows, columns=["step", "gradient g", "velocity v", "w by the formula"])
        table["w by kerasdnn"], table["w by Keras"] = by_ours[1:], by_keras[1:]
        report.table(
            name.lower(), table.head(SHOWN), f"{name}, learning rate {RATE}, momentum {MOMENTUM}", 7
        )
        paths[name] = np.array(by_formula), by_keras
        gaps[name] = max(np.abs(other - by_formula).max() for other in (by_ours, by_keras))
    return paths, gaps


def descend(optimizer):
    """The weight from start to end, (STEPS + 1,), updated by an optimizer."""
    import keras

    w = keras.Variable(np.float32(START))
    path = [START]
    for _ in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(w)], [w])
        path.append(float(keras.ops.convert_to_numpy(w)))
    return np.array(path)


def leaky(report, ax):
    """Report values and derivatives of Leaky ReLU; returns the largest difference."""
    import pandas as pd
    import tensorflow as tf

    import kerasdnn
    from kerasdnn import plots

    def differentiate(function, z):
        z = tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch(z)
            a = function(z)
        return a.numpy(), tape.gradient(a, z).numpy()

    z = np.array([-3.0, -1.0, -0.1, 0.1, 1.0, 3.0])
    formula, slope = np.where(z > 0, z, SLOPE * z), np.where(z > 0, 1.0, SLOPE)
    ours = differentiate(kerasdnn.leaky_relu, z)
    keras_own = differentiate(lambda z: tf.keras.activations.leaky_relu(z, SLOPE), z)
    table = pd.DataFrame(
        {"z": z, "a by formula": formula, "a by kerasdnn": ours[0], "a by Keras": keras_own[0],
         "da/dz by formula": slope, "da/dz by kerasdnn": ours[1], "da/dz by Keras": keras_own[1]}
    )  # fmt: skip
    report.table("leaky_relu", table, f"Leaky ReLU, slope {SLOPE}")
    steep = 0.2
    plots.functions(
        {"Leaky ReLU": lambda z: np.where(z > 0, z, steep * z),
         "its derivative": lambda z: np.where(z > 0, 1.0, steep)},
        -3, 3, title=f"Leaky ReLU, slope {steep}", ax=ax,
    )  # fmt: skip
    return max(
        np.abs(found[part] - (formula, slope)[part]).max()
        for found in (ours, keras_own)
        for part in (0, 1)
    )


def draw_paths(paths, ax):
    from kerasdnn import plots

    steps = np.arange(STEPS + 1)
    plots.learning_curves(
        {name: path for name, (path, _) in paths.items()}, steps, xlabel="step",
        ylabel="weight w (the minimum is at 0)", title="w^2 / 2", legend=False, ax=ax,
    )  # fmt: skip
    for index, (name, (_, by_keras)) in enumerate(paths.items()):
        look = plots.series(index)
        line = ax.lines[index]
        line.set_marker("")
        line.set_label(f"{name}, formula")
        ax.plot(steps[::3], by_keras[::3], ls="none", marker=look["marker"], color=look["color"],
                label=f"{name}, Keras")  # fmt: skip
    ax.axhline(0, color="#888888", lw=0.8, zorder=0)
    ax.legend(loc="best", frameon=False)


if __name__ == "__main__":
    main()
