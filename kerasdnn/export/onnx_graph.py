"""Build an ONNX graph: nodes by calling a `Graph`, and the nodes of the layers of a network.

The steps are those of `layers`; every one takes and returns float32,
except those of a temperature, which end in doubles.
"""

import math
from functools import reduce
from typing import Any

import numpy as np

OPSET, ML_OPSET, IR = 20, 3, 9  # operators, those of `ai.onnx.ml`, and the format of the file
ML = "ai.onnx.ml"
END = np.iinfo("int64").max
NARROW = 8  # columns


class Graph:
    """Nodes and constants. `graph(op, *inputs)` adds a node and returns the name of its output.

    An input is the name of a tensor, or an array, which becomes a constant.

    Args:
        width: int, columns of the matrix that the layers take. `width` follows the dense layers,
            and `members`, which is 0 between layers of ordinary rows, those of an ensemble.
    """

    def __init__(self, width):
        self.width, self.members = width, 0
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, op, *inputs, to=None, name=None, domain=None, outputs=1, **attributes):
        """Add a node.

        Args:
            op: name of the operator; domain: that of an operator outside ONNX's own.
            to: name of the output. None makes one up.
            name: name of the node, which errors of the runtime quote.
            outputs: number of outputs; with more than one the result is a list of names.
        """
        from onnx import helper

        named = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        found = [to or f"/{op}_{len(self.nodes)}_{i}" for i in range(outputs)]
        node = helper.make_node(op, named, found, name=name or found[0], domain=domain)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in sorted(attributes.items())
        )
        self.nodes.append(node)
        return found if outputs > 1 else found[0]

    def constant(self, value):
        from onnx import numpy_helper

        value = np.asarray(value)
        value = value.astype(object) if value.dtype.kind == "U" else value
        name = f"/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def cast(self, x, dtype):
        from onnx import helper

        found = self("Cast", x)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes[-1].attribute.append(helper.make_attribute("to", kind))
        return found

    def model(self, inputs, outputs):
        """The model of these nodes, checked.

        Args:
            inputs, outputs: lists of `(name, dtype, shape)`.
        """
        import onnx
        from onnx import helper

        def info(name, dtype, shape):
            kind = np.dtype(object if dtype == "string" else dtype)
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(kind), shape)

        graph = helper.make_graph(
            self.nodes, "kerasdnn", [info(*one) for one in inputs],
            [info(*one) for one in outputs], self.constants,
        )  # fmt: skip
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=imports, ir_version=IR, producer_name="kerasdnn"
        )
        onnx.checker.check_model(model)
        return model


def f32(value):
    return np.asarray(value, "float32")


def f64(value):
    return np.asarray(value, "float64")


def i64(*values):
    return np.array(values, "int64")


def columns(g, x, start, stop=END):
    """x[:, start:stop]"""
    return g("Slice", x, i64(start), i64(stop), i64(1))


def add_steps(g, x, steps):
    """Add the nodes of some steps; returns the name of their output."""
    for step in steps:
        x = STEPS[step["op"]](g, x, step)
    return x


def dense(g, x, step):
    g.width, w, b = len(step["b"]), f32(step["w"]), f32(step["b"])
    if g.width <= NARROW < len(w):  # runtimes add the products of few columns one by one
        wide = g("Gemm", g.cast(x, "float64"), w.astype("float64"), b.astype("float64"))
        return function(g, g.cast(wide, "float32"), step["f"])
    return function(g, g("Gemm", x, w, b), step["f"])


def affine(g, x, step):
    return g("Add", g("Mul", x, f32(step["a"])), f32(step["b"]))


def activation(g, x, step):
    return function(g, x, step["f"])


def mix(g, x, step):
    change = g("Sub", function(g, x, step["f"]), x)
    return g("Add", x, g("Mul", change, f32(step["m"])))


def layer_norm(g, x, step):
    x = g("Sub", x, g("ReduceMean", x, i64(1), keepdims=1))
    variance = g("ReduceMean", g("Mul", x, x), i64(1), keepdims=1)
    x = g("Div", x, g("Sqrt", g("Add", variance, f32(step["epsilon"]))))
    return affine(g, x, step)


def per_column(g, x, weights):
    """The product of `(rows, n, k)` with a matrix per column, `(n, k, outputs)`."""
    turned = g("Transpose", x, perm=[1, 0, 2])
    return g("Transpose", g("MatMul", turned, f32(weights)), perm=[1, 0, 2])


def joined(g, parts, size, x, n):
    """`parts`, `(rows, n, size)`, as columns before the columns of x from the n-th."""
    flat = g("Reshape", parts, i64(-1, n * size))
    return g("Concat", flat, columns(g, x, n), axis=1)


def periodic(g, x, step):
    n, outputs = step["n"], step["m"].shape[2]
    numbers = g("Unsqueeze", columns(g, x, 0, n), i64(2))
    turn = np.float32(2 * math.pi)
    turns = g("Add", g("Mul", numbers, f32(step["w"])), f32(step["p"]) / turn)
    turns = g("Sub", turns, g("Round", turns))  # exact, and the cosine of a small angle is, too
    waves = g("Cos", g("Mul", turns, turn))
    parts = g("Add", per_column(g, waves, step["m"]), f32(step["b"]))
    return joined(g, g("Concat", parts, numbers, axis=2), outputs + 1, x, n)


def piecewise(g, x, step):
    n = step["n"]
    numbers = g("Unsqueeze", columns(g, x, 0, n), i64(2))
    parts = g("Mul", g("Sub", numbers, f32(step["edge"])), f32(step["slope"]))
    parts = g("Min", g("Max", parts, f32(step["low"])), f32(step["high"]))
    size = np.broadcast_shapes(step["edge"].shape, step["slope"].shape)[-1]
    if "piecewise" in step:
        size = step["piecewise"].shape[2]
        parts = g("Add", per_column(g, parts, step["piecewise"]), f32(step["bias"]))
        if "linear" in step:
            parts = g("Add", parts, g("Mul", numbers, f32(step["linear"])))
        parts = function(g, parts, step["f"])
    return joined(g, parts, size, x, n)


def cosine(g, x, step):
    n = step["n"]
    numbers = g("Unsqueeze", columns(g, x, 0, n), i64(2))
    turns = g("Add", g("Mul", numbers, f32(step["w"])), f32(step["p"]))
    waves = g("Cos", g("Mul", g("Sub", turns, g("Round", turns)), np.float32(2 * math.pi)))
    parts = affine(g, g("Concat", numbers, waves, axis=2), {"a": step["a"], "b": step["c"]})
    return joined(g, parts, step["a"].shape[1], x, n)


def members(g, x, step):
    """Scales and shifts of each member; a matrix of rows becomes `(rows, members, columns)`."""
    x = x if g.members else g("Unsqueeze", x, i64(1))
    g.members, g.width = step["a"].shape
    return affine(g, x, step)


def each(g, x, step):
    """Other steps for each member: the rows of all members as one matrix."""
    count = g.members
    x, g.members = g("Reshape", x, i64(-1, g.width)), 0
    x, g.members = add_steps(g, x, step["of"]), count
    return g("Reshape", x, i64(-1, count, g.width))


def separate(g, x, step):
    """A product per member, in doubles: a runtime adds the products of few columns one by one.

    Each row of each member is a matrix of one row: some runtimes join a transposition with the
    product, which they cannot do in doubles.
    """
    x = g.cast(x if g.members else g("Unsqueeze", x, i64(1)), "float64")
    g.members, _, g.width = step["w"].shape
    y = g("MatMul", g("Unsqueeze", x, i64(2)), f64(step["w"]))
    return g.cast(g("Add", g("Squeeze", y, i64(2)), f64(step["b"])), "float32")


def mean(g, x, step):
    if step["f"]["name"] != "linear":
        x = each(g, x, {"of": [{"op": "activation", "f": step["f"]}]})
    g.members = 0
    return g("ReduceMean", x, i64(1), keepdims=0)


def embed(g, x, step):
    k, size = len(step["limits"]), step["v"].shape[1]
    codes = g.cast(columns(g, x, -k), "int64")
    codes = g("Min", g("Max", codes, i64(0)), step["limits"].astype("int64"))
    codes = g("Add", codes, step["starts"].astype("int64"))
    vectors = g("Reshape", g("Gather", f32(step["v"]), codes, axis=0), i64(-1, k * size))
    return g("Concat", columns(g, x, 0, -k), vectors, axis=1)


def average(g, x, step):
    total, *others = [add_steps(g, x, steps) for steps in step["of"]]
    for other in others:
        total = g("Add", total, other)
    return g("Div", total, f32(len(step["of"])))


def sum_of(g, x, step):
    total, *others = [add_steps(g, x, steps) for steps in step["of"]]
    for other in others:
        total = g("Add", total, other)
    return total


def log_odds(g, x, step):
    """The log-odds, in doubles, of the mean of several sigmoids."""
    numbers = [g.cast(add_steps(g, x, steps), "float64") for steps in step["of"]]
    yes, no = (  # sums of probabilities, as logarithms
        reduce(lambda a, b: g("Add", a, wide_softplus(g, g("Sub", b, a))), logarithms)
        for logarithms in (
            [g("Neg", wide_softplus(g, g("Neg", z))) for z in numbers],
            [g("Neg", wide_softplus(g, z)) for z in numbers],
        )
    )
    return g("Sub", yes, no)


def wide_softplus(g, x):
    """log(1 + exp(x)) in doubles."""
    rest = g("Log", g("Add", g("Exp", g("Neg", g("Abs", x))), f64(1)))
    return g("Add", g("Max", x, f64(0)), rest)


def temperature(g, x, step):
    x = g.cast(x, "float64")
    if step["of_what"] == "probabilities":
        p = clipped(g, x)
        x = g("Log", p)
        if step["sigmoid"]:
            x = g("Sub", x, g("Log", g("Sub", f64(1), p)))
    x = g("Div", x, f64(step["t"]))
    return g("Sigmoid", x) if step["sigmoid"] else g("Softmax", x, axis=-1)


def clipped(g, p):
    """Probabilities in doubles, within what float32 has between 0 and 1."""
    return g("Min", g("Max", p, f64(np.finfo("float32").tiny)), f64(1 - 2.0**-24))


STEPS = {"dense": dense, "affine": affine, "activation": activation, "mix": mix,
         "layer_norm": layer_norm, "periodic": periodic, "piecewise": piecewise,
         "cosine": cosine, "members": members, "each": each, "separate": separate, "mean": mean,
         "embed": embed, "average": average, "sum": sum_of, "log_odds": log_odds,
         "temperature": temperature}  # fmt: skip


def function(g, x, f):
    """Add the nodes of an activation."""
    name = f["name"]
    if name == "leaky_relu":
        return g("LeakyRelu", x, alpha=float(f["slope"]))
    if name in OPERATORS:
        op, attributes = OPERATORS[name]
        return g(op, x, **attributes)
    return FUNCTIONS[name](g, x)


OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}), "selu": ("Selu", {}), "elu": ("Elu", {}), "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}), "softsign": ("Softsign", {}),
    "exponential": ("Exp", {}), "gelu": ("Gelu", {}),
    "hard_silu": ("HardSwish", {}), "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "softmax": ("Softmax", {"axis": -1}), "log_softmax": ("LogSoftmax", {"axis": -1}),
}  # fmt: skip


def increasing(g, x):
    """Quantiles: the middle column, and steps of softplus up and down from it."""
    count = g.width
    middle = count // 2
    numbers = [columns(g, x, k, k + 1) for k in range(count)]
    gaps = [g("Softplus", number) for number in numbers]
    for k in range(middle + 1, count):
        numbers[k] = g("Add", numbers[k - 1], gaps[k])
    for k in range(middle - 1, -1, -1):
        numbers[k] = g("Sub", numbers[k + 1], gaps[k])
    return g("Concat", *numbers, axis=1)


def ordinal(g, x):
    """Probabilities of ordered classes: differences of sigmoids that decrease.

    In doubles, because the runtime's own sigmoid is 0 where a small probability is not.
    """
    x = g.cast(x, "float64")
    first = columns(g, x, 0, 1)
    gaps = wide_softplus(g, g("Sub", columns(g, x, 0, -1), columns(g, x, 1)))
    steps = g("Concat", g("Sub", first, first), g("CumSum", gaps, np.array(1)), axis=1)
    s = g("Sub", first, steps)
    above, below = g("Sigmoid", s), g("Sigmoid", g("Neg", s))
    middle = g("Mul", columns(g, above, 0, -1), columns(g, below, 1))
    middle = g("Mul", middle, g("Sub", f64(1), g("Exp", g("Neg", gaps))))
    found = g("Concat", columns(g, below, 0, 1), middle, columns(g, above, -1), axis=1)
    return g.cast(found, "float32")


def normal_parameters(g, x):
    spread = g("Add", g("Softplus", columns(g, x, 1)), f32(1e-4))
    return g("Concat", columns(g, x, 0, 1), spread, axis=1)


def negative_binomial_parameters(g, x):
    mean = g("Exp", g("Min", columns(g, x, 0, 1), f32(80)))
    return g("Concat", mean, g("Add", g("Softplus", columns(g, x, 1)), f32(1e-6)), axis=1)


def squareplus(g, x):
    root = g("Sqrt", g("Add", g("Mul", x, x), f32(4)))
    return g("Mul", g("Add", x, root), f32(0.5))


def sigmoid(g, x):
    if g.width > NARROW:
        return g("Sigmoid", x)
    # The runtime's own is off by the last bits, and a temperature takes the log-odds of it.
    return g.cast(g("Sigmoid", g.cast(x, "float64")), "float32")


def mish(g, x):
    """x tanh(softplus(x)), with less rounding than the operator has."""
    e = g("Exp", g("Min", x, f32(20)))
    n = g("Mul", e, g("Add", e, f32(2)))
    return g("Mul", x, g("Div", n, g("Add", n, f32(2))))


FUNCTIONS = {
    "sigmoid": sigmoid,
    "mish": mish,
    "linear": lambda g, x: x,
    "relu6": lambda g, x: g("Clip", x, f32(0), f32(6)),
    "silu": lambda g, x: g("Mul", x, g("Sigmoid", x)),
    "log_sigmoid": lambda g, x: g("Neg", g("Softplus", g("Neg", x))),
    "hard_tanh": lambda g, x: g("Clip", x, f32(-1), f32(1)),
    "tanh_shrink": lambda g, x: g("Sub", x, g("Tanh", x)),
    "squareplus": squareplus,
    "increasing": increasing,
    "ordinal": ordinal,
    "normal_parameters": normal_parameters,
    "negative_binomial_parameters": negative_binomial_parameters,
}
