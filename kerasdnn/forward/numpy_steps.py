"""Compute the steps of `layers` with NumPy alone.

The exported `predict.py` contains a copy of this file, so it imports nothing else.
"""

import math

import numpy as np

SMALLEST_P, LARGEST_P = float(np.finfo("float32").tiny), 1 - 2.0**-24
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
MAX_BLOCKS, FEW_ROWS = 2**18, 16


def compile_steps(steps, arrays):
    """A function from float32 `(rows, columns)` to the output of the layers.

    An affine map before a dense layer is moved into it, and so is the constant of a SELU.
    """
    functions, before = [], None
    for step, after in zip(steps, [*steps[1:], {"op": ""}], strict=False):
        movable = after["op"] == "dense"
        selu = step["op"] in ("dense", "activation", "mix") and step["f"]["name"] == "selu"
        m = array(step, "m", arrays) if step["op"] == "mix" else 1.0
        if step["op"] == "affine" and movable:
            before = array(step, "a", arrays), array(step, "b", arrays)
            continue
        if step["op"] == "dense":
            functions.append(dense(step, arrays, before, own=not selu))
            if selu:
                functions.append(mixed_selu(m, movable))
        elif selu:
            functions.append(mixed_selu(m, movable))
        else:
            functions.append(STEPS[step["op"]](step, arrays))
        before = (np.ones(()), -selu_curve(m)) if selu and movable else None

    def run(x):
        for function in functions:
            x = function(x)
        return x

    return run


def array(step, name, arrays):
    """An array of a step, or the one of `arrays` that the step names."""
    value = step[name]
    return arrays[value["array"]] if isinstance(value, dict) else value


def dense(step, arrays, before=None, own=True):
    """f(x W + b), with `before` = (a, c): f((a x + c) W + b); without its f if `own` is False."""
    w, b = array(step, "w", arrays), array(step, "b", arrays)
    if before is not None:
        shape = (*w.shape[:-2], 1, w.shape[-2])
        a, c = (np.broadcast_to(v, shape).astype("float64") for v in before)
        w, b = (a.swapaxes(-1, -2) * w).astype("float32"), (c @ w + b).astype("float32")
    w, f = np.ascontiguousarray(w), function_of(step["f"])
    product = np.dot if w.ndim == 2 else np.matmul

    def run(x):
        y = product(x, w)
        y += b
        return f(y)

    def run_linear(x):
        y = product(x, w)
        y += b
        return y

    return run if own and step["f"]["name"] != "linear" else run_linear


def affine(step, arrays):
    a, b = array(step, "a", arrays), array(step, "b", arrays)
    return (lambda x: x * a + b) if b.any() else (lambda x: x * a)


def activation(step, arrays):
    return function_of(step["f"])


def mix(step, arrays):
    m, f = array(step, "m", arrays), function_of(step["f"])
    return lambda x: x + m * (f(x) - x)


def selu_curve(m):
    return (np.asarray(m, dtype="float64") * (SELU_SCALE * SELU_ALPHA)).astype("float32")


def mixed_selu(m, shifted=False):
    """x + m (selu(x) - x) in few passes: a x + (b - a) min(x, 0) + c (exp(min(x, 0)) - 1).

    With `shifted` the result is larger by c.
    """
    m, curve = np.asarray(m, dtype="float64"), selu_curve(m)
    above = (1 + m * (SELU_SCALE - 1)).astype("float32")
    slope = ((1 - m) - above).astype("float32")

    def run(x):
        low = np.minimum(x, 0)
        y = np.exp(low)
        y *= curve
        if not shifted:
            y -= curve
        low *= slope
        y += low
        y += x * above
        return y

    return run


def layer_norm(step, arrays):
    a, b = array(step, "a", arrays), array(step, "b", arrays)
    epsilon = np.float32(step["epsilon"])

    def run(x):
        x = x - x.mean(axis=1, keepdims=True)
        return x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + epsilon) * a + b

    return run


def periodic(step, arrays):
    n, w, m = step["n"], array(step, "w", arrays), array(step, "m", arrays)
    phase, offset = array(step, "p", arrays), array(step, "b", arrays)
    (_, k, outputs), turn = m.shape, np.float32(2 * math.pi)
    w, size = w * turn, outputs + 1
    blocks = None
    if n * n * k * outputs <= MAX_BLOCKS:  # for a few rows: one product, block-diagonal
        blocks, shift = np.zeros((n * k, n * size), "float32"), np.zeros(n * size, "float32")
        for j in range(n):
            blocks[j * k : (j + 1) * k, j * size : (j + 1) * size - 1] = m[j]
            shift[j * size : (j + 1) * size - 1] = offset[j]

    def run(x):
        rows, numbers = len(x), x[:, :n]
        waves = numbers[:, :, None] * w
        waves += phase
        np.cos(waves, out=waves)
        if blocks is not None and rows < FEW_ROWS:
            parts = waves.reshape(rows, -1).dot(blocks)
            parts += shift
        else:
            parts = np.zeros((rows, n, size), "float32")
            parts[:, :, :outputs] = np.matmul(waves.transpose(1, 0, 2), m).transpose(1, 0, 2)
            parts[:, :, :outputs] += offset
            parts = parts.reshape(rows, -1)
        parts[:, outputs::size] = numbers
        return np.concatenate([parts, x[:, n:]], axis=1) if x.shape[1] > n else parts

    return run


def piecewise(step, arrays):
    n, f = step["n"], function_of(step["f"])
    names = ("edge", "slope", "low", "high", "piecewise", "bias", "linear")
    edge, slope, low, high, m, bias, linear = (
        array(step, name, arrays) if name in step else None for name in names
    )

    def run(x):
        numbers = x[..., :n, None]
        parts = numbers - edge
        parts *= slope
        np.maximum(parts, low, out=parts)  # `np.clip` takes twice as long for a row
        np.minimum(parts, high, out=parts)
        if m is not None:
            parts = np.matmul(parts.swapaxes(-3, -2), m).swapaxes(-3, -2) + bias
            if linear is not None:
                parts += numbers * linear
            parts = f(parts)
        return joined(parts, x[..., n:])

    return run


def joined(parts, others):
    """The columns of `parts`, `(..., rows, n, size)`, and other columns, of which one may do."""
    parts = parts.reshape(*parts.shape[:-2], -1)
    if others.shape[:-1] != parts.shape[:-1]:
        others = np.broadcast_to(others, (*parts.shape[:-1], others.shape[-1]))
    return np.concatenate([parts, others], axis=-1)


def cosine(step, arrays):
    n = step["n"]
    w, p, a, c = (array(step, name, arrays) for name in "wpac")

    def run(x):
        numbers = x[:, :n, None]
        turns = numbers * w + p
        turns -= np.round(turns)
        waves = np.cos(turns * np.float32(2 * math.pi))
        parts = np.concatenate([numbers, waves], axis=2) * a + c
        return np.concatenate([parts.reshape(len(x), -1), x[:, n:]], axis=1)

    return run


def members(step, arrays):
    a, b = array(step, "a", arrays), array(step, "b", arrays)
    return lambda x: (x if x.ndim == 3 else x[:, None]) * a + b


def each(step, arrays):
    network = compile_steps(step["of"], arrays)

    def run(x):
        return network(x.reshape(-1, x.shape[2])).reshape(*x.shape[:2], -1)

    return run


def separate(step, arrays):
    w, b = array(step, "w", arrays), array(step, "b", arrays)

    def run(x):
        x = x.transpose(1, 0, 2) if x.ndim == 3 else x[None]
        return np.matmul(x, w).transpose(1, 0, 2) + b

    return run


def mean(step, arrays):
    f = function_of(step["f"])
    return lambda x: f(x.reshape(-1, x.shape[2])).reshape(x.shape).mean(axis=1)


def embed(step, arrays):
    limits, starts, vectors = (array(step, name, arrays) for name in ("limits", "starts", "v"))
    k = len(limits)

    def run(x):
        codes = np.minimum(np.maximum(x[:, -k:].astype("int32"), 0), limits)
        codes += starts
        found = vectors.take(codes, -2).reshape(*vectors.shape[:-2], len(x), -1)
        others = x[:, :-k]
        if found.ndim == 3:
            others = np.broadcast_to(others, (len(found), *others.shape))
        return np.concatenate([others, found], axis=-1)

    return run


def average(step, arrays):
    count = np.float32(len(step["of"]))
    together = stacked(step["of"], arrays)
    if together is not None:  # half as many calls
        network = compile_steps(together, arrays)
        return lambda x: np.add.reduce(network(x), 0) / count
    networks = [compile_steps(steps, arrays) for steps in step["of"]]
    return lambda x: sum(network(x) for network in networks) / count


# Steps that also compute `(networks, rows, columns)`, with the names of their weights.
STACKABLE = {
    "dense": ("w", "b"), "affine": ("a", "b"), "mix": ("m",), "activation": (), "embed": ("v",),
    "piecewise": ("edge", "slope", "low", "high", "piecewise", "bias", "linear"),
}  # fmt: skip
OF_A_NETWORK = {"w", "v", "piecewise"}  # other weights are those of a row
OF_ALL_COLUMNS = {"log_softmax", "increasing", "ordinal", "normal_parameters",
                  "negative_binomial_parameters"}  # fmt: skip


def stacked(networks, arrays):
    """The steps of several networks as steps of all of them together.

    The first step takes `(rows, columns)`, and what it returns has an axis for the networks.

    Returns:
        list, None for networks that differ in more than their weights.
    """
    if len({len(steps) for steps in networks}) > 1:
        return None
    found = []
    for steps in zip(*networks, strict=True):
        first = steps[0]
        if (
            first["op"] not in STACKABLE
            or (first["op"] == "embed" and found)
            or first.get("f", {}).get("name") in OF_ALL_COLUMNS
            or any(step.keys() != first.keys() for step in steps)
        ):
            return None
        merged = dict(first)
        for name in first:
            values = [step[name] for step in steps]
            if name in STACKABLE[first["op"]]:
                values = [array(step, name, arrays) for step in steps]
                shape = values[0].shape
                if any(value.shape != shape for value in values):
                    return None
                merged[name] = np.stack(values)
                if name not in OF_A_NETWORK:
                    merged[name] = merged[name].reshape(len(steps), 1, *(shape or (1,)))
            elif name in ("limits", "starts"):
                values = [array(step, name, arrays) for step in steps]
                if not all(np.array_equal(value, values[0]) for value in values):
                    return None
            elif any(value != values[0] for value in values):
                return None
        found.append(merged)
    return found if any(step["op"] == "dense" for step in found) else None


def sum_of(step, arrays):
    parts = [compile_steps(steps, arrays) for steps in step["of"]]
    return lambda x: sum(part(x) for part in parts)


def log_odds(step, arrays):
    """The log-odds of the mean of several sigmoids."""
    networks = [compile_steps(steps, arrays) for steps in step["of"]]

    def run(x):
        z = np.stack([network(x) for network in networks]).astype("float64")
        yes, no = -np.logaddexp(0, -z), -np.logaddexp(0, z)  # log-probabilities
        return np.logaddexp.reduce(yes) - np.logaddexp.reduce(no)

    return run


def temperature(step, arrays):
    t, f = step["t"], sigmoid if step["sigmoid"] else softmax
    if step["of_what"] == "scores":
        return lambda x: f(x.astype("float64") / t)

    def run(x):
        p = x.astype("float64").clip(SMALLEST_P, LARGEST_P)
        z = np.log(p)
        return f((z - np.log1p(-p) if step["sigmoid"] else z) / t)

    return run


STEPS = {"dense": dense, "affine": affine, "activation": activation, "mix": mix,
         "layer_norm": layer_norm, "periodic": periodic, "piecewise": piecewise, "cosine": cosine,
         "embed": embed, "members": members, "each": each, "separate": separate, "mean": mean,
         "average": average, "sum": sum_of, "log_odds": log_odds,
         "temperature": temperature}  # fmt: skip


def function_of(f):
    """The activation of a step."""
    if f["name"] == "leaky_relu":
        slope = np.float32(f["slope"])
        return lambda x: np.where(x > 0, x, x * slope)
    return FUNCTIONS[f["name"]]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(x, np.float32(0))


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


def increasing(x):
    """Quantiles: the middle column, and steps of softplus up and down from it."""
    middle, gaps = x.shape[1] // 2, softplus(x)
    found = x.copy()
    for k in range(middle + 1, x.shape[1]):
        found[:, k] = found[:, k - 1] + gaps[:, k]
    for k in range(middle - 1, -1, -1):
        found[:, k] = found[:, k + 1] - gaps[:, k]
    return found


def ordinal(x):
    """Probabilities of ordered classes: differences of sigmoids that decrease."""
    gaps = softplus(x[:, :-1] - x[:, 1:])
    s = x[:, :1] - np.concatenate([np.zeros_like(x[:, :1]), np.cumsum(gaps, axis=1)], axis=1)
    above, below = sigmoid(s), sigmoid(-s)
    middle = above[:, :-1] * below[:, 1:] * -np.expm1(-gaps)
    return np.concatenate([below[:, :1], middle, above[:, -1:]], axis=1)


def normal_parameters(x):
    return np.concatenate([x[:, :1], softplus(x[:, 1:]) + np.float32(1e-4)], axis=1)


def negative_binomial_parameters(x):
    mean = np.exp(np.minimum(x[:, :1], np.float32(80)))
    return np.concatenate([mean, softplus(x[:, 1:]) + np.float32(1e-6)], axis=1)


def log_softmax(x):
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def mish(x):
    e = np.exp(np.minimum(x, np.float32(20)))
    n = e * (e + 2)
    return x * (n / (n + 2))


def gelu(x):
    erf = np.array([math.erf(v) for v in (x.ravel() / math.sqrt(2)).tolist()], dtype="float32")
    return x * (1 + erf.reshape(x.shape)) / 2


def hard_sigmoid(x):
    return np.clip(x / 6 + np.float32(0.5), 0, 1)


FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "selu": mixed_selu(1.0),
    "elu": elu,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "silu": lambda x: x * sigmoid(x),
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "exponential": np.exp,
    "mish": mish,
    "gelu": gelu,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "increasing": increasing,
    "ordinal": ordinal,
    "normal_parameters": normal_parameters,
    "negative_binomial_parameters": negative_binomial_parameters,
    "log_sigmoid": lambda x: -softplus(-x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
}
