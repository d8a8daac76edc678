"""Back-propagation in one file: expressions as graphs of small operations.

A `Node` holds a value and the nodes that it was computed from. Each operation defines its own
derivative and nothing else: `backward` goes from the result to the inputs and multiplies the
derivatives on the way, which is the chain rule.

    from kerasdnn.graphs import Node

    price, count, tax = Node(100, "price"), Node(2, "count"), Node(1.1, "tax")
    total = price * count * tax
    total.backward()
    price.gradient                       # 2.2: the total grows by 2.2 per unit of price

`kerasdnn.plots.graph(total)` draws the graph. It follows micrograd (Karpathy, 2020,
https://github.com/karpathy/micrograd), with arrays. It is meant for learning, not for training:
every operation is a Python object.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike


class Node:
    """A number or array in a graph, computed in float64.

    Nodes support `+ - * / ** @` with nodes, numbers and arrays, and the functions of this file.

    Args:
        value: float or array.
        name: str, its name in a plot. The default is no name.
        operation: str, symbol of the operation that computed it.
        inputs: nodes that it was computed from.
        backs: functions, one per input, from the gradient of the result to that of the input.
        constant: bool, whether no gradient is computed (default: False).

    Attributes:
        value: float64 array.
        gradient: array of the same shape, the derivative of the node whose `backward` was called.
        inputs: list of the nodes that it was computed from.
        edge_gradients: list with the part of each input's gradient that this edge contributes.

    Raises:
        ValueError: the value, or the result of an operation, is not finite.

    Example:
        from kerasdnn.graphs import Node

        x, y = Node(2, "x"), Node(3, "y")
        z = (x + y) ** 2
        z.backward()
        print(z.value, x.gradient)                      # 25.0 10.0
    """

    def __init__(
        self,
        value: ArrayLike,
        name: str = "",
        *,
        operation: str = "",
        inputs: Sequence["Node"] = (),
        backs: Sequence[Callable] = (),
        constant: bool = False,
    ):
        self.value = np.asarray(value, float)
        self.name, self.operation, self.constant = name, operation, constant
        self.inputs, self.backs = list(inputs), list(backs)
        self.gradient = np.zeros_like(self.value)
        self.edge_gradients = [None] * len(self.inputs)
        if not np.isfinite(self.value).all():
            if not operation:
                raise ValueError(f"`value` must be finite. Received: value={value!r}.")
            values = [node.value.tolist() for node in self.inputs]
            raise ValueError(f"The result of `{operation}` must be finite. Its inputs: {values}.")

    # Each operation: its value, and the gradient of each input given the gradient g of the result.
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
                raise ValueError(
                    f"`@` requires matrices. Received: an array of shape {node.value.shape}."
                )
        return _operation("@", np.matmul, (self, other), back)

    def sum(self) -> "Node":
        """Add up all entries."""
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

    __array_ufunc__ = None  # so that `array * node` calls the node, not NumPy

    def nodes(self) -> list["Node"]:
        """List every node of the graph, inputs before the nodes computed from them."""
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

    def backward(self) -> None:
        """Set `gradient` of every node to the derivative of this node with respect to it.

        Raises:
            ValueError: this node is not a single number, or a derivative is not finite.
        """
        if self.value.size != 1:
            raise ValueError(
                "`backward` must start at a single number. "
                f"Received: a node of shape {self.value.shape}. `.sum()` adds up its entries."
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
                        f"The derivative of `{node.operation}` must be finite. Its inputs: "
                        f"{values}."
                    )
                node.edge_gradients[edge] = flow
                source.gradient = source.gradient + flow  # the gradients of several paths add up

    def __repr__(self):
        return f"Node({self.value.tolist()}{f', {self.name!r}' if self.name else ''})"


def exp(x: Node | ArrayLike) -> Node:
    """Compute e to the power of `x`."""
    return _operation("exp", np.exp, (x,), lambda g, a: (g * np.exp(a),))


def log(x: Node | ArrayLike) -> Node:
    """Compute the natural logarithm of `x`, which must be positive."""
    return _operation("log", np.log, (x,), lambda g, a: (g / a,))


def maximum(x: Node | ArrayLike, y: Node | ArrayLike) -> Node:
    """Compute the larger of both; where they are equal, the gradient goes to `x`."""
    return _operation("max", np.maximum, (x, y), lambda g, a, b: (g * (a >= b), g * (a < b)))


def _node(x):
    return x if isinstance(x, Node) else Node(x, constant=True)


def _operation(sign, forward, inputs, backward):
    inputs = [_node(x) for x in inputs]
    values = [node.value for node in inputs]
    with np.errstate(all="ignore"):  # Node raises an error if the result is not finite
        result = forward(*values)
    backs = [lambda g, k=k: backward(g, *values)[k] for k in range(len(inputs))]
    return Node(result, operation=sign, inputs=inputs, backs=backs)


def _power_back(g, a, b):
    # Two limits: b * a**(b - 1) is 0 at b = 0, and the derivative of 0**b is 0 for b > 0.
    base = np.where(b == 0, 0.0, b * a ** np.where(b == 0, 1.0, b - 1))
    exponent = a**b * np.log(np.where((a == 0) & (b > 0), 1.0, a))
    return g * base, g * exponent


def _like(gradient, value):
    """Sum a gradient over the axes along which `value` was broadcast."""
    gradient = np.asarray(gradient, float)
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - value.ndim)))
    repeated = tuple(i for i, n in enumerate(value.shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=repeated, keepdims=True) if repeated else gradient
