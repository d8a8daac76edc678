"""Back-propagation in one sitting: expressions as graphs of small operations.

A `Node` holds a value and remembers which nodes it was computed from. Each operation states its
own derivative, and nothing else: `backward` walks from the result to the inputs and multiplies
what it meets on the way, which is the chain rule.

    from kerasdnn.graphs import Node

    price, count, tax = Node(100, "price"), Node(2, "count"), Node(1.1, "tax")
    total = price * count * tax
    total.backward()
    price.gradient                       # 2.2: the total grows by 2.2 per unit of price

`kerasdnn.plots.graph(total)` draws it. After micrograd (Karpathy, 2020), with arrays. For
learning, not for training: every step is an object of Python.
"""

import numpy as np


class Node:
    """A number or array in a graph, computed in float64.

    Args:
        value: float or array.
        name: str, what a drawing calls it.

    Attributes:
        value: array.
        gradient: array like `value`, the derivative of the node on which `backward` was called.
        inputs: list of the nodes it was computed from.
        edge_gradients: list, per input, what flows back to that input along this edge alone.

    Raises:
        ValueError: the value, or the result of an operation, is not finite.
    """

    def __init__(self, value, name="", *, operation="", inputs=(), backs=(), constant=False):
        self.value = np.asarray(value, float)
        self.name, self.operation, self.constant = name, operation, constant
        self.inputs, self.backs = list(inputs), list(backs)
        self.gradient = np.zeros_like(self.value)
        self.edge_gradients = [None] * len(self.inputs)
        if not np.isfinite(self.value).all():
            received = [i.value.tolist() for i in self.inputs] or self.value.tolist()
            what = f"The result of `{operation}`" if operation else "`value`"
            raise ValueError(f"{what} must be finite. Received: {received}")

    # Each operation: its value, and per input how a gradient g of the result passes back to it.
    def __add__(self, other):
        return _operation("+", np.add, (self, other), lambda g, a, b: (g, g))

    def __sub__(self, other):
        return _operation("-", np.subtract, (self, other), lambda g, a, b: (g, -g))

    def __mul__(self, other):
        return _operation("*", np.multiply, (self, other), lambda g, a, b: (g * b, g * a))

    def __truediv__(self, other):
        return _operation("/", np.divide, (self, other), lambda g, a, b: (g / b, -g * a / b**2))

    def __pow__(self, other):
        return _operation("**", np.power, (self, other), _power_back)

    def __matmul__(self, other):
        def back(g, a, b):
            return g @ b.T, a.T @ g

        for node in (self, other := _node(other)):
            if node.value.ndim != 2:
                raise ValueError(f"`@` needs matrices. Received: shape {node.value.shape}")
        return _operation("@", np.matmul, (self, other), back)

    def sum(self):
        """The sum of all entries."""
        return _operation("sum", np.sum, (self,), lambda g, a: (g * np.ones_like(a),))

    def __neg__(self):
        return _operation("neg", np.negative, (self,), lambda g, a: (-g,))

    def __radd__(self, other):
        return _node(other) + self

    def __rsub__(self, other):
        return _node(other) - self

    def __rmul__(self, other):
        return _node(other) * self

    def __rtruediv__(self, other):
        return _node(other) / self

    def __rpow__(self, other):
        return _node(other) ** self

    def __rmatmul__(self, other):
        return _node(other) @ self

    __array_ufunc__ = None  # so that `array * node` asks the node, not NumPy

    def nodes(self):
        """Every node of the graph, inputs before what is computed from them."""
        order, seen, waiting = [], set(), [(self, False)]
        while waiting:  # a loop, not recursion: a long graph must not overflow the stack
            node, inputs_done = waiting.pop()
            if inputs_done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                waiting.append((node, True))
                waiting.extend((i, False) for i in reversed(node.inputs))
        return order

    def backward(self):
        """Sets `gradient` on every node: how this one changes with it.

        Raises:
            ValueError: this node is not a single number, or a derivative is not finite.
        """
        if self.value.size != 1:
            raise ValueError(
                "`backward` starts at a single number. "
                f"Received: a node of shape {self.value.shape}; `.sum()` makes one of it."
            )
        order = self.nodes()
        for node in order:
            node.gradient = np.zeros_like(node.value)
        self.gradient = np.ones_like(self.value)
        for node in reversed(order):
            for edge, (source, back) in enumerate(zip(node.inputs, node.backs, strict=True)):
                if source.constant:
                    continue
                with np.errstate(all="ignore"):
                    flow = _like(back(node.gradient), source.value)
                if not np.isfinite(flow).all():
                    values = [i.value.tolist() for i in node.inputs]
                    raise ValueError(
                        f"The derivative of `{node.operation}` must be finite. Received: {values}"
                    )
                node.edge_gradients[edge] = flow
                source.gradient = source.gradient + flow  # more than one way: they add up

    def __repr__(self):
        return f"Node({self.value.tolist()}{f', {self.name!r}' if self.name else ''})"


def exp(x):
    """e to the power of `x`."""
    return _operation("exp", np.exp, (x,), lambda g, a: (g * np.exp(a),))


def log(x):
    """The natural logarithm of `x`, which must be positive."""
    return _operation("log", np.log, (x,), lambda g, a: (g / a,))


def maximum(x, y):
    """The larger of the two; where they are equal, the gradient goes to `x`."""
    return _operation("max", np.maximum, (x, y), lambda g, a, b: (g * (a >= b), g * (a < b)))


def _node(x):
    return x if isinstance(x, Node) else Node(x, constant=True)


def _operation(sign, forward, inputs, backward):
    inputs = [_node(x) for x in inputs]
    values = [node.value for node in inputs]
    with np.errstate(all="ignore"):  # what is not finite becomes an error in Node
        result = forward(*values)
    backs = [lambda g, k=k: backward(g, *values)[k] for k in range(len(inputs))]
    return Node(result, operation=sign, inputs=inputs, backs=backs)


def _power_back(g, a, b):
    # Two limits the formulas miss: b * a**(b - 1) is 0 at b = 0, and 0**b stays 0 as b > 0 moves.
    base = np.where(b == 0, 0.0, b * a ** np.where(b == 0, 1.0, b - 1))
    exponent = a**b * np.log(np.where((a == 0) & (b > 0), 1.0, a))
    return g * base, g * exponent


def _like(gradient, value):
    """Sums a gradient over the axes along which `value` was repeated to fit."""
    gradient = np.asarray(gradient, float)
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - value.ndim)))
    repeated = tuple(i for i, n in enumerate(value.shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=repeated, keepdims=True) if repeated else gradient
