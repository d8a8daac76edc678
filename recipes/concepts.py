"""One picture for each idea of the guide that needs no experiment, from a unit to Adam.

    scripts/run recipes/concepts.py          # 15 s of CPU time

The pictures of docs/guide.en.md that no other recipe draws: what training does to a prediction,
a unit, a network with dropout, an embedding that learns the hours of a day, pooling, the losses
next to a metric, softmax, one step of gradient descent, and what Adagrad, RMSProp and Adam change
about it. Expect Adagrad's learning rate to fall to a tenth within a hundred equal gradients while
that of RMSProp stays, and the learned vectors of neighboring hours to be several times closer than
those of random hours.
"""

from itertools import pairwise

import numpy as np
from _common import Report, options, parse, start
from _tables import shipped

HOURS, EMBEDDED_ROWS, EMBEDDING_EPOCHS = 24, 1200, 60
SNAPSHOTS = (0, 2, 30)  # epochs
RATES = (0.1, 0.9, 1.9, 2.05)  # of gradient descent on w^2 / 2, which diverges above 2
STEPS = 100
WIDTH = 5.6  # of a plot, in inches: its text can be read on a phone


def main(argv=None):
    args = parse(options(__doc__, "concepts"), argv)
    device = start(args)
    report = Report(args, "The ideas of the guide in pictures", device)
    training(report, args.seed)
    unit(report)
    network(report, args.seed)
    findings = embedding(report, args.seed)
    pooling(report)
    losses(report)
    metrics(report)
    softmax(report)
    descent(report)
    backward(report)
    findings += adaptive_rates(report)
    findings += adam(report, args.seed)
    report.findings(findings)
    report.save()


def training(report, seed):
    """(1) Predictions of one network before, during and after training, over two columns."""
    import kerasdnn
    from kerasdnn import plots

    table = shipped("breast cancer")
    X = table.X[:, [0, 1]]  # mean radius, mean texture
    X, y = (X - X.mean(0)) / X.std(0), table.y
    model = kerasdnn.build_classifier(2, hidden_units=(16, 16), learning_rate=0.01, seed=seed)
    axis = np.linspace(-2.2, 3.2, 60)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    drawing, panels = plots.figure(1, 3, width=7.2, height=2.9, sharey=True)
    done = 0
    for epochs, ax in zip(SNAPSHOTS, panels, strict=True):
        model.fit(X, y, initial_epoch=done, epochs=epochs, verbose=0)
        done = epochs
        loss = model.evaluate(X, y, verbose=0, return_dict=True)["loss"]
        predicted = model.predict(grid, verbose=0).reshape(len(axis), -1)
        with plots.style():
            image = ax.imshow(predicted, extent=(axis[0], axis[-1]) * 2, origin="lower",
                              vmin=0, vmax=1, aspect="auto")  # fmt: skip
            for index, (label, name) in enumerate(((0, "malignant"), (1, "benign"))):
                ax.plot(*X[y == label].T, ls="none", marker="so"[index], ms=3, mfc="wk"[index],
                        mec="kw"[index], mew=0.4, label=name)  # fmt: skip
            ax.set(title=f"epoch {epochs}: loss {loss:.2f}", xlabel="radius", xlim=axis[[0, -1]],
                   ylim=axis[[0, -1]])  # fmt: skip
            ax.title.set_fontsize(10)
            ax.grid(visible=False)
    panels[0].set_ylabel("texture")
    drawing.colorbar(image, ax=panels, label="predicted P(benign)")
    with plots.style():
        plots.styles.legend(panels[0], "below")
    report.picture(
        "training", drawing,
        "Each row is a dot, the color is what the network predicts at that place. Training moves "
        "the colors until they agree with the dots.",
    )  # fmt: skip


def unit(report):
    """(2) One unit as a graph: products, sum, bias, activation function."""
    from kerasdnn import plots
    from kerasdnn.graphs import Node, maximum

    x1, x2 = Node(2.0, "x1"), Node(-1.0, "x2")
    w1, w2, b = Node(0.7, "w1"), Node(0.5, "w2"), Node(-0.2, "b")
    a = maximum(w1 * x1 + w2 * x2 + b, 0.0)
    ax = plots.figure(width=7.4, height=3.8)[1]
    plots.graph(a, name="a", title="A unit: a = max(0, w1 x1 + w2 x2 + b)", ax=ax)
    report.picture(
        "unit", ax,
        "Two inputs, two weights, a bias and ReLU: 0.7 * 2 + 0.5 * (-1) - 0.2 = 0.7.",
    )  # fmt: skip


def network(report, seed):
    """(3, 4) Layers of units in order; dropout silences some of them in one training step."""
    from kerasdnn import plots

    sizes, dropout = (4, 6, 5, 1), 0.3
    rng = np.random.default_rng(seed)
    kept = [np.ones(n, bool) if i in (0, len(sizes) - 1) else rng.random(n) > dropout
            for i, n in enumerate(sizes)]  # fmt: skip
    drawing, ax = plots.figure(width=WIDTH, height=3.7)
    place = [np.linspace(-1, 1, n) * (n - 1) / 10 if n > 1 else np.zeros(1) for n in sizes]
    with plots.style():
        for i, (left, right) in enumerate(pairwise(place)):
            for p, low in enumerate(left):
                for q, high in enumerate(right):
                    used = kept[i][p] and kept[i + 1][q]
                    ax.plot([i, i + 1], [low, high], lw=0.8, zorder=1,
                            color="#555555" if used else "#DDDDDD")  # fmt: skip
        for i, (heights, on) in enumerate(zip(place, kept, strict=True)):
            look = plots.series(0 if 0 < i < len(sizes) - 1 else 7)
            for height, used in zip(heights, on, strict=True):
                ax.plot(i, height, "o", ms=15, mec="#333333", zorder=2,
                        color=look["color"] if used else "white", ls="none")  # fmt: skip
                if not used:
                    ax.plot(i, height, "x", ms=9, mec="#333333", zorder=3)
        names = ["input layer", *["hidden layer"] * (len(sizes) - 2), "output layer"]
        weights = [None, *(n * m + m for n, m in pairwise(sizes))]
        units = ["4 columns", *(f"{n} units" for n in sizes[1:-1]), "1 unit"]
        for i, (name, size, count) in enumerate(zip(names, units, weights, strict=True)):
            told = f"{name}\n{size}" + (f"\n{count} weights" if count else "\nno weights")
            ax.text(i, -0.64, told, ha="center", va="top", fontsize=10)
        ax.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-1.0, 0.6))
        ax.axis("off")
    report.picture(
        "network", drawing,
        "A stack of dense layers. Crossed out: units that dropout sets to zero in this step.",
    )  # fmt: skip


def embedding(report, seed):
    """(3) The vectors that a network learns for the hours of a day, which it knows by name only."""
    import keras

    import kerasdnn
    from kerasdnn import plots
    from kerasdnn.nn import EmbedCategories

    rng = np.random.default_rng(seed)
    hour = rng.integers(HOURS, size=EMBEDDED_ROWS)
    angle = 2 * np.pi * hour / HOURS
    y = np.column_stack([np.sin(angle), np.cos(angle)]) + rng.normal(0, 0.3, (EMBEDDED_ROWS, 2))
    keras.utils.set_random_seed(seed)
    # Code 0 stands for unknown categories.
    names = EmbedCategories([HOURS + 1], size=2, deviation=0.05, seed=seed)
    dense = [keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(2)]
    model = kerasdnn.Network([keras.Input((1,)), names, *dense])
    model.compile(keras.optimizers.Adam(0.03), "mse")
    model.fit(hour[:, None] + 1, y, batch_size=100, epochs=EMBEDDING_EPOCHS, verbose=0)
    vectors = np.asarray(names.get_weights()[0])[1:]
    ax = plots.figure(width=WIDTH, height=4.8)[1]
    with plots.style():
        ring = np.arange(HOURS + 1) % HOURS
        look = {key: value for key, value in plots.series(0).items() if key != "linestyle"}
        ax.plot(*vectors[ring].T, lw=0.8, color="#999999", zorder=1)
        ax.plot(*vectors.T, ls="none", **look)
        outward = vectors - vectors.mean(axis=0)
        outward *= 13 / np.linalg.norm(outward, axis=1, keepdims=True)
        for number, (point, offset) in enumerate(zip(vectors, outward, strict=True)):
            ax.annotate(f"{number}h", point, xytext=offset, textcoords="offset points", fontsize=9,
                        ha="center", va="center")  # fmt: skip
        ax.set(xlabel="first number of the vector", ylabel="second number of the vector",
               title="Learned vectors of the 24 hours", box_aspect=1)  # fmt: skip
        ax.margins(0.1)
    report.picture(
        "embedding", ax,
        "The target depends on the hour like the height of the sun. The network sees 24 names "
        "without an order, and learns a vector for each; the gray line joins consecutive hours.",
    )  # fmt: skip
    near = np.linalg.norm(vectors - np.roll(vectors, 1, axis=0), axis=1).mean()
    pairs = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    far = pairs.sum() / (HOURS * (HOURS - 1))
    return [
        f"Embedding: consecutive hours are {near:.2f} apart on average, any two hours {far:.2f}."
    ]


def pooling(report):
    """(3) The digits of a layer without weights: maximum and mean of 2 x 2 neighbors."""
    from kerasdnn import plots

    image = shipped("digits").X[0].reshape(8, 8)
    blocks = image.reshape(4, 2, 4, 2)
    drawing, panels = plots.figure(1, 3, width=7.2, height=2.6)
    for ax, pixels, title in zip(
        panels, (image, blocks.max(axis=(1, 3)), blocks.mean(axis=(1, 3))),
        ("a digit, 8 x 8", "max pooling, 4 x 4", "mean pooling, 4 x 4"), strict=True,
    ):  # fmt: skip
        with plots.style():
            ax.imshow(pixels, cmap="gray_r", vmin=0, vmax=16)
            for (row, column), value in np.ndenumerate(pixels):
                ax.text(column, row, f"{value:g}", ha="center", va="center",
                        fontsize=8 if len(pixels) > 4 else 10,
                        color="white" if value > 8 else "black")  # fmt: skip
            ax.set_title(title, fontsize=10)
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
    report.picture(
        "pooling", drawing, "Each 2 x 2 square of neighbors becomes one number. Nothing is learned."
    )


def losses(report):
    """(5, 6, 7) The loss of one row against its prediction."""
    from kerasdnn import plots

    ax = plots.figure(width=WIDTH, height=3.8)[1]
    plots.functions(
        {"y = 1: -log p": lambda p: -np.log(p), "y = 0: -log(1 - p)": lambda p: -np.log(1 - p)},
        0.01, 0.99, xlabel="predicted probability p of class 1", ylabel="binary cross-entropy",
        ax=ax,
    )  # fmt: skip
    report.picture(
        "binary_cross_entropy", ax,
        "The loss is 0 for a prediction that is right and certain, and grows without bound for one "
        "that is wrong and certain.",
    )  # fmt: skip
    predictions = np.array([[0.08, 0.9, 0.02], [0.3, 0.4, 0.3], [0.9, 0.05, 0.05]])
    names = [f"{word}\nL = -log {p:g} = {-np.log(p):.2f}"
             for word, p in zip(("certain and right", "uncertain", "certain and wrong"),
                                predictions[:, 1], strict=True)]  # fmt: skip
    bars = {name: predictions[:, i] for i, name in enumerate(("class A", "class B (true)",
                                                              "class C"))}  # fmt: skip
    ax = plots.figure(width=WIDTH, height=3.6)[1]
    plots.bars(names, bars, ylabel="predicted probability", ax=ax)
    report.picture(
        "categorical_cross_entropy", ax,
        "Only the probability of the true class counts; the others count through the sum of 1.",
    )  # fmt: skip
    drawing, panels = plots.figure(2, 1, width=WIDTH, height=5.6, sharex=True)
    for ax, half, whole, ylabel in (
        (panels[0], lambda e: e**2 / 2, lambda e: e**2, "loss"),
        (panels[1], lambda e: e, lambda e: 2 * e, "its derivative"),
    ):
        plots.functions(
            {"textbook, (p - y)^2 / 2": half, "Keras, (p - y)^2": whole}, -2, 2,
            xlabel="error p - y", ylabel=ylabel, ax=ax,
        )  # fmt: skip
    panels[0].set_xlabel("")
    panels[1].get_legend().remove()
    report.picture(
        "squared_error", drawing,
        "Both have the same minimum; the derivative of the second is twice that of the first.",
    )  # fmt: skip


def metrics(report):
    """(8) Loss and accuracy of the same predictions while one bias moves."""
    from sklearn.linear_model import LogisticRegression

    from kerasdnn import plots

    table = shipped("breast cancer")
    rows = np.random.default_rng(0).choice(len(table.y), 40, replace=False)
    X, y = table.X[rows, :1], table.y[rows]
    X = (X - X.mean()) / X.std()
    score = LogisticRegression().fit(X, y).decision_function(X)
    bias = np.linspace(-3, 3, 601)
    z = score[:, None] + bias
    cross_entropy = np.where(y[:, None] == 1, np.logaddexp(0, -z), np.logaddexp(0, z)).mean(axis=0)
    accuracy = ((z > 0) == y[:, None]).mean(axis=0)
    drawing, panels = plots.figure(2, 1, width=WIDTH, height=5.2, sharex=True)
    look = {key: value for key, value in plots.series(0).items() if key != "marker"}
    with plots.style():
        for ax, values, ylabel in zip(
            panels, (cross_entropy, accuracy), ("loss: cross-entropy", "metric: accuracy"),
            strict=True,
        ):  # fmt: skip
            ax.plot(bias, values, **look)
            ax.set_ylabel(ylabel)
        panels[1].set_xlabel("added to the bias of the output unit")
        panels[0].set_title("The same 40 predictions, evaluated twice")
    report.picture(
        "metrics", drawing,
        "The loss has a slope everywhere. The accuracy is flat between jumps: its derivative says "
        "nothing about where to go.",
    )  # fmt: skip


def softmax(report):
    """(13) Three probabilities while one score rises."""
    from kerasdnn import plots

    def probability(which):
        def of(z):
            scores = np.exp(np.stack([z, np.ones_like(z), np.zeros_like(z)]))
            return scores[which] / scores.sum(axis=0)

        return of

    names = ("of class 1, whose score z1 changes", "of class 2, z2 = 1", "of class 3, z3 = 0")
    ax = plots.figure(width=WIDTH, height=3.8)[1]
    plots.functions(
        {name: probability(i) for i, name in enumerate(names)},
        xlabel="score z1", ylabel="probability", title="softmax(z1, 1, 0)", ax=ax,
    )  # fmt: skip
    report.picture(
        "softmax", ax, "The probabilities sum to 1: if one score rises, all others lose."
    )


def descent(report):
    """(14) Steps against the gradient on w^2 / 2, whose gradient is w."""
    from kerasdnn import plots

    drawing, (top, bottom) = plots.figure(2, 1, width=WIDTH, height=6.4)
    w = 2.0 * 0.6 ** np.arange(8)  # learning rate 0.4
    plots.functions({"loss w^2 / 2": lambda w: w**2 / 2}, -2.4, 2.4, xlabel="weight w",
                    ylabel="loss", title="Steps with learning rate 0.4", ax=top)  # fmt: skip
    with plots.style():
        for before, after in pairwise(w):
            arrow = {"arrowstyle": "-|>", "color": plots.series(1)["color"], "lw": 1.3}
            top.annotate("", (after, after**2 / 2), (before, before**2 / 2), arrowprops=arrow)
        top.plot(w, w**2 / 2, ls="none", marker="o", color=plots.series(1)["color"], label="steps")
        top.legend(loc="upper center")
    steps = np.arange(16)
    plots.learning_curves(
        {f"rate {rate:g}": (1 - rate) ** steps for rate in RATES}, steps, xlabel="step",
        ylabel="weight w (the minimum is at 0)", title="Four learning rates", legend="below",
        ax=bottom,
    )  # fmt: skip
    bottom.set_ylim(-2.4, 2.4)
    report.picture(
        "descent", drawing,
        "The step is the gradient times the learning rate: it becomes smaller by itself on the way "
        "to the minimum. Above 2, each step on this loss leads farther away.",
    )  # fmt: skip


def backward(report):
    """(17) Two units in a row: one backward pass gives the derivative of every weight."""
    from kerasdnn import plots
    from kerasdnn.graphs import Node

    def sigmoid(z):
        a = 1 / (1 + np.exp(-z.value))
        return Node(a, operation="σ", inputs=[z], backs=[lambda g: g * a * (1 - a)])

    x, y = Node(1.5, "x", constant=True), Node(1.0, "y", constant=True)
    w1, b1, w2, b2 = Node(0.8, "w1"), Node(-0.5, "b1"), Node(-1.2, "w2"), Node(0.4, "b2")
    loss = (sigmoid(w2 * sigmoid(w1 * x + b1) + b2) - y) ** 2
    loss.backward()
    ax = plots.figure(width=10.8, height=3.9)[1]
    plots.graph(loss, name="L", title="L = (σ(w2 σ(w1 x + b1) + b2) - y)^2", ax=ax)
    report.picture(
        "backward", ax,
        "Backward from 1 at the loss, each operation multiplies what it receives by its own "
        "derivative. At the ends of the lines are the gradients of w1, b1, w2 and b2.",
    )  # fmt: skip


def adaptive_rates(report):
    """(22) The learning rate that is left after many gradients of 1, then of 0.1."""
    from kerasdnn import plots
    from kerasdnn.nn.update_rules import adagrad, rmsprop

    gradients = np.where(np.arange(1, 2 * STEPS + 1) <= STEPS, 1.0, 0.1)
    h = {"learning_rate": 1.0, "epsilon": 1e-7, "rho": 0.9, "1 - rho": 0.1}
    curves = {}
    for name, rule in (("Adagrad", adagrad), ("RMSProp, rho = 0.9", rmsprop)):
        state, found = [0.0], []
        for t, g in enumerate(gradients, 1):
            w, state = rule(0.0, g, state, t, h)
            found.append(-float(w) / g)
        curves[name] = np.array(found)
    ax = plots.figure(width=WIDTH, height=3.8)[1]
    plots.learning_curves(
        curves, np.arange(1, 2 * STEPS + 1), xlabel="step", log_y=True,
        ylabel="learning rate of the weight, eta = 1",
        title=f"{STEPS} gradients of 1, then {STEPS} of 0.1", ax=ax,
    )  # fmt: skip
    ax.axvline(STEPS, color="#555555", lw=1, ls=":")
    report.picture(
        "adaptive_rates", ax,
        "The step divided by the gradient. Adagrad sums all squared gradients and only slows down. "
        "RMSProp averages the recent ones: when gradients become smaller, its rate rises.",
    )  # fmt: skip
    at_middle = {name: values[STEPS - 1] for name, values in curves.items()}
    return [
        f"After {STEPS} gradients of 1, the learning rate is "
        + ", ".join(f"{value:.2g} with {name}" for name, value in at_middle.items())
        + "."
    ]


def adam(report, seed):
    """(23) Adam's average of noisy gradients, with and without the correction of its start."""
    from kerasdnn import plots

    g = 1 + np.random.default_rng(seed).normal(0, 0.5, STEPS)
    m, average = 0.0, []
    for gradient in g:
        m = 0.9 * m + 0.1 * gradient
        average.append(m)
    t = np.arange(1, STEPS + 1)
    corrected = np.array(average) / (1 - 0.9**t)
    ax = plots.figure(width=WIDTH, height=4.0)[1]
    plots.learning_curves(
        {"m / (1 - b1^t)": corrected, "m": np.array(average)}, t, xlabel="step",
        ylabel="estimate of the gradient", reference={"true gradient": 1.0}, legend=False,
        title="b1 = 0.9", ax=ax,
    )  # fmt: skip
    with plots.style():
        ax.plot(t, g, ls="none", marker=".", color="#999999", label="gradient of one batch",
                zorder=1)  # fmt: skip
        plots.styles.legend(ax, "below")
    report.picture(
        "adam", ax,
        "m starts at 0 and would be too small at first; the correction removes that. The average "
        "is far less noisy than a single gradient.",
    )  # fmt: skip
    return [
        f"Adam's average of {STEPS} noisy gradients: standard deviation "
        f"{corrected[20:].std():.2f} after step 20, that of the gradients {g[20:].std():.2f}."
    ]


if __name__ == "__main__":
    main()
