"""Compute back-propagation by hand, and compare every number with automatic differentiation.

    scripts/run recipes/backprop_by_hand.py          # 10 s of CPU time

Apples with tax as a graph, the chain rule on z = (x + y)^2, and a network of two layers on real
rows: the forward pass, the backward pass factor by factor, the gradient of W1[1,1] in full, and the
update. Expect all three methods (formulas, graph engine, automatic differentiation) to agree to
better than 1e-6.
"""

import numpy as np
from _common import Report, options, parse, start
from _tables import shipped

ROWS, FEATURES, HIDDEN, LEARNING_RATE = 8, 4, 3, 0.5
TOLERANCE = 1e-6


def main(argv=None):
    args = parse(options(__doc__, "backprop_by_hand"), argv)
    device = start(args)
    report = Report(args, "Back-propagation by hand", device)
    worst = {
        "the apples": apples(report),
        "z = (x + y)^2": composite(report),
        "one unit": one_unit(report, args.seed),
        "the network": network(report, args.seed),
    }
    agree = max(worst.values()) < TOLERANCE
    report.findings(
        [f"Largest difference for {part}: {gap:.1e}." for part, gap in worst.items()]
        + [
            f"Gradients by hand and by automatic differentiation {'agree' if agree else 'DIFFER'} "
            f"(tolerance {TOLERANCE:.0e})."
        ]
    )
    report.save()
    if not agree:
        raise SystemExit("A gradient by hand differs from automatic differentiation.")


def apples(report):
    """Two apples at 100 won each plus 10% tax: how does the total depend on each of them?"""
    from kerasdnn import plots
    from kerasdnn.graphs import Node

    price, count, tax = Node(100, "price"), Node(2, "count"), Node(1.1, "tax")
    total = price * count * tax
    total.backward()
    automatic, theirs = differentiate(lambda p, c, t: p * c * t, 100.0, 2.0, 1.1)
    report.picture(
        "apples", plots.graph(total, name="total", title="Two apples, 10% tax"),
        "Backward, each edge carries the derivative of the total: an operation multiplies the "
        "derivative it receives by its own and passes it on.",
    )  # fmt: skip
    rows = [("total", total.value, automatic)]
    rows += [
        (f"d total / d {node.name}", node.gradient, g)
        for node, g in zip((price, count, tax), theirs, strict=True)
    ]
    return compare(report, "apples", "Apples", rows)


def composite(report):
    """z = t^2 with t = x + y: the chain rule, then the graph."""
    from kerasdnn import plots
    from kerasdnn.graphs import Node

    x, y = Node(3.0, "x"), Node(4.0, "y")
    t = x + y
    z = t**2
    z.backward()
    automatic, theirs = differentiate(lambda x, y: (x + y) ** 2, 3.0, 4.0)
    report.picture(
        "composite", plots.graph(z, name="z", title="z = (x + y)^2"),
        "dz/dx = dz/dt * dt/dx = 2 t * 1 = 14 at x = 3, y = 4.",
    )  # fmt: skip
    chain = 2 * (3.0 + 4.0) * 1  # dz/dt * dt/dx
    rows = [
        ("z", z.value, automatic),
        ("dz/dx = 2 t * 1", chain, theirs[0]),
        ("dz/dx by the graph", x.gradient, theirs[0]),
        ("dz/dy by the graph", y.gradient, theirs[1]),
    ]
    return compare(report, "composite", "Composite function", rows)


def one_unit(report, seed):
    """z = w.x + b, a = sigmoid(z): a single unit, by hand and as a Dense layer."""
    import keras

    x = rows_of(seed)[0][:1]
    unit = keras.layers.Dense(
        1, activation="sigmoid", kernel_initializer=keras.initializers.GlorotUniform(seed)
    )
    theirs = unit(x).numpy()[0, 0]
    w, b = (v.numpy().astype(float) for v in (unit.kernel, unit.bias))
    z = sum(w[i, 0] * x[0, i] for i in range(FEATURES)) + b[0]
    rows = [("a = sigmoid(w.x + b)", sigmoid(z), theirs)]
    return compare(report, "one_unit", "One unit, by hand and as Dense(1)", rows)


def network(report, seed):
    """Two layers on real rows: every value, every gradient, one update."""
    import keras
    import tensorflow as tf

    import kerasdnn
    from kerasdnn import plots

    x, y = rows_of(seed)
    model = kerasdnn.build_classifier(
        FEATURES, hidden_units=(HIDDEN,), activation="sigmoid",
        optimizer="sgd", learning_rate=LEARNING_RATE, seed=seed,
    )  # fmt: skip
    W1, b1, W2, b2 = (w.astype(float) for w in model.get_weights())

    # Forward pass.
    z1 = x @ W1 + b1
    a1 = sigmoid(z1)
    z2 = a1 @ W2 + b2
    y_hat = sigmoid(z2)
    losses = -y * np.log(y_hat) - (1 - y) * np.log(1 - y_hat)
    loss = losses.mean()

    # Backward pass: one factor per step, row by row; the loss is the mean over the rows.
    dL_dyhat = -y / y_hat + (1 - y) / (1 - y_hat)
    dyhat_dz2 = y_hat * (1 - y_hat)
    dL_dz2 = dL_dyhat * dyhat_dz2  # = y_hat - y: the factors of cross-entropy and sigmoid cancel
    dL_dW2 = a1.T @ dL_dz2 / ROWS
    dL_db2 = dL_dz2.mean(axis=0)
    dL_da1 = dL_dz2 @ W2.T
    da1_dz1 = a1 * (1 - a1)
    dL_dz1 = dL_da1 * da1_dz1
    dL_dW1 = x.T @ dL_dz1 / ROWS
    dL_db1 = dL_dz1.mean(axis=0)

    # The same by the graph engine and by automatic differentiation.
    graph_loss, middle, leaves = loss_as_graph(x, y, W1, b1, W2, b2)
    graph_loss.backward()
    with tf.GradientTape() as tape:
        automatic_loss = keras.losses.BinaryCrossentropy()(y, model(x))
    automatic = tape.gradient(automatic_loss, model.trainable_variables)
    names = ["dL/dW1", "dL/db1", "dL/dW2", "dL/db2"]
    rows = [("L", loss, automatic_loss), ("L by the graph", graph_loss.value, automatic_loss)]
    for name, ours, leaf, theirs in zip(
        names, (dL_dW1, dL_db1, dL_dW2, dL_db2), leaves, automatic, strict=True
    ):
        rows += [(name, ours, theirs), (f"{name} by the graph", leaf.gradient, theirs)]
    caption = "For a matrix, its shape is shown forward and its largest derivative backward."
    a1_node, y_hat_node = middle
    parts = {
        "layer_1": plots.graph(a1_node, name="a1", title="a1 = sigmoid(X @ W1 + b1)"),
        "layer_2": plots.graph(y_hat_node, name="y_hat", start_at=[a1_node],
                               title="y_hat = sigmoid(a1 @ W2 + b2)"),
        "loss": plots.graph(graph_loss, name="L", start_at=[y_hat_node],
                            title="L = mean of -y log(y_hat) - (1 - y) log(1 - y_hat)"),
    }  # fmt: skip
    for part, drawing in parts.items():
        report.picture(f"network_{part}", drawing, caption)

    # The first weight of the first layer, factor by factor and row by row.
    factors = spelt_out(report, x, y, y_hat, dL_dyhat, dyhat_dz2, W2, da1_dz1)
    rows += [("dL/dW1[1,1], mean of the products", factors, automatic[0][0, 0])]

    # The update, and that of Keras after one step of plain gradient descent on the same rows.
    updated = W1[0, 0] - LEARNING_RATE * dL_dW1[0, 0]
    model.fit(x, y, batch_size="full", epochs=1, verbose=0)
    rows += [
        (f"W1[1,1] <- {W1[0, 0]:.6f} - {LEARNING_RATE} * {dL_dW1[0, 0]:.6f}",
         updated, model.get_weights()[0][0, 0]),
        ("W1 after the step", W1 - LEARNING_RATE * dL_dW1, model.get_weights()[0]),
        ("W2 after the step", W2 - LEARNING_RATE * dL_dW2, model.get_weights()[2]),
    ]  # fmt: skip
    return compare(report, "network", f"Two layers on {ROWS} rows of breast cancer data", rows)


def spelt_out(report, x, y, y_hat, dL_dyhat, dyhat_dz2, W2, da1_dz1):
    """Report the five factors of dL/dW1[1,1] for every row; returns the mean product."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "row": np.arange(1, ROWS + 1),
            "y": y[:, 0].astype(int),
            "y_hat": y_hat[:, 0],
            "dL/dy_hat": dL_dyhat[:, 0],
            "dy_hat/dz2": dyhat_dz2[:, 0],
            "dz2/da1 = W2": W2[0, 0],
            "da1/dz1": da1_dz1[:, 0],
            "dz1/dW1 = x": x[:, 0],
        }
    )
    table["product"] = table.iloc[:, 3:].prod(axis=1)
    report.table("w11_factors", table, "dL/dW1[1,1], factor by factor")
    report.picture(
        "first_weight", draw_factors(table),
        "The gradient of one row is the product of five factors; that of the batch, the mean over "
        f"the rows: {table['product'].mean():.4f}.",
    )  # fmt: skip
    return table["product"].mean()


def draw_factors(table):
    from kerasdnn import plots

    shown = table.iloc[:, 3:]
    largest = shown.abs().to_numpy().max()
    ax = plots.figure(width=7.2, height=4.2)[1]
    plots.heat_map(
        shown, [f"row {row}, y = {y}" for row, y in zip(table["row"], table["y"], strict=True)],
        column_names=[name.replace(" = ", "\n= ") for name in shown], form="{:.3f}",
        limits=(-largest, largest), label="value", title="dL/dW1[1,1], factor by factor",
        color_bar=False, ax=ax,
    )  # fmt: skip
    ax.axvline(shown.shape[1] - 1.5, color="white", lw=4)
    return ax


def loss_as_graph(x, y, W1, b1, W2, b2):
    """The loss as an expression of the graph engine, the outputs of both layers, the weights."""
    from kerasdnn.graphs import Node, exp, log

    leaves = [Node(v, n) for v, n in ((W1, "W1"), (b1, "b1"), (W2, "W2"), (b2, "b2"))]
    W1, b1, W2, b2 = leaves
    X, y = Node(x, "X", constant=True), Node(y, "y", constant=True)
    a1 = 1 / (1 + exp(-(X @ W1 + b1)))
    y_hat = 1 / (1 + exp(-(a1 @ W2 + b2)))
    a1.name, y_hat.name = "a1", "y_hat"
    losses = y * log(y_hat) + (1 - y) * log(1 - y_hat)
    return -losses.sum() / ROWS, (a1, y_hat), leaves


def rows_of(seed):
    """A few standardized rows of real data: x (ROWS, FEATURES), y (ROWS, 1)."""
    table = shipped("breast cancer")
    chosen = np.random.default_rng(seed).choice(len(table.X), ROWS, replace=False)
    X = table.X[:, :FEATURES]
    return ((X - X.mean(0)) / X.std(0))[chosen].astype(float), table.y[chosen, None].astype(float)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def differentiate(function, *values):
    """Value and gradients of a function of numbers by automatic differentiation."""
    import tensorflow as tf

    variables = [tf.Variable(v, dtype=tf.float64) for v in values]
    with tf.GradientTape() as tape:
        result = function(*variables)
    return result, tape.gradient(result, variables)


def compare(report, name, title, rows):
    """Report numbers by hand and by automatic differentiation; returns the largest difference."""
    import pandas as pd

    table = pd.DataFrame(
        [
            {
                "what": what,
                "by hand": _shown(ours),
                "automatic": _shown(theirs),
                "difference": np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).max(),
            }
            for what, ours, theirs in rows
        ]
    )
    table["difference"] = table["difference"].map("{:.1e}".format)
    report.table(name, table, title)
    return table["difference"].astype(float).max()


def _shown(value):
    """A number as it is, an array as its first entry and its shape."""
    value = np.asarray(value, float)
    if value.size == 1:
        return f"{value.item():.7f}"
    return f"{value.flat[0]:.7f} ... {'x'.join(map(str, value.shape))}"


if __name__ == "__main__":
    main()
