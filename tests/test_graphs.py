"""The graph engine against the chain rule by hand and against TensorFlow's gradient tape."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kerasdnn.graphs import Node, exp, log, maximum


def test_apples_cost_220_and_each_derivative_is_that_of_the_note():
    price, count, tax = Node(100, "price"), Node(2, "count"), Node(1.1, "tax")
    total = price * count * tax
    total.backward()
    assert total.value == pytest.approx(220)
    derivatives = [node.gradient for node in (price, count, tax)]
    np.testing.assert_allclose(derivatives, [2 * 1.1, 100 * 1.1, 100 * 2])


def test_composite_function_has_the_chain_rules_derivative():
    x, y = Node(3.0), Node(-1.5)
    z = (x + y) ** 2
    z.backward()
    assert z.value == 1.5**2
    assert x.gradient == y.gradient == 2 * 1.5 * 1  # dz/dt = 2 t, dt/dx = 1


def test_a_node_used_twice_adds_up_what_its_edges_carry():
    x = Node(3.0)
    y = x * x + x
    y.backward()
    assert x.gradient == 2 * 3 + 1
    assert [float(g) for g in y.inputs[0].edge_gradients] == [3.0, 3.0]


def test_backward_twice_gives_the_same_gradients():
    x = Node(2.0)
    y = exp(x) * x
    y.backward()
    first = x.gradient.copy()
    y.backward()
    np.testing.assert_array_equal(first, x.gradient)


def test_plain_numbers_and_arrays_stand_on_either_side():
    x = Node(2.0)
    array = np.array([1.0, 2.0])
    results = [3 + x, 3 - x, 3 * x, 3 / x, 3**x, array * x, array - x, -x]
    expected = [5, 1, 6, 1.5, 9, array * 2, array - 2, -2]
    for node, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(node.value, value)


def test_a_chain_of_ten_thousand_operations_does_not_overflow_the_stack():
    x = y = Node(1.0)
    for _ in range(10_000):
        y = y + x
    y.backward()
    assert x.gradient == 10_001


# What hypothesis builds expressions of: our operation beside TensorFlow's.
UNARY = [
    (lambda a: exp(a * 0.2), lambda a: tf.exp(a * 0.2)),
    (lambda a: log(a * a + 1), lambda a: tf.math.log(a * a + 1)),
    (lambda a: a**2, lambda a: a**2),
    (lambda a: 2.0**a, lambda a: 2.0**a),
    (lambda a: -a, lambda a: -a),
    (lambda a: a - 0.5, lambda a: a - 0.5),
]
BINARY = [
    (lambda a, b: a + b, lambda a, b: a + b),
    (lambda a, b: a - b, lambda a, b: a - b),
    (lambda a, b: a * b, lambda a, b: a * b),
    (lambda a, b: a / (b * b + 1), lambda a, b: a / (b * b + 1)),
    (lambda a, b: (a * a + 1) ** b, lambda a, b: (a * a + 1) ** b),
    (maximum, tf.maximum),
]
numbers = st.floats(-1.5, 1.5).map(lambda v: round(v, 3))


@st.composite
def programs(draw):
    """Start values and a list of (operation, which earlier results it takes)."""
    values = draw(st.lists(numbers, min_size=2, max_size=3))
    steps, known = [], len(values)
    for _ in range(draw(st.integers(1, 5))):
        operations = draw(st.sampled_from([UNARY, BINARY]))
        operation = draw(st.integers(0, len(operations) - 1))
        takes = [draw(st.integers(0, known - 1)) for _ in range(1 if operations is UNARY else 2)]
        steps.append((operations[operation], takes))
        known += 1
    return values, steps


def run(leaves, steps, side):
    known = list(leaves)
    for operation, takes in steps:
        known.append(operation[side](*(known[i] for i in takes)))
    return known


@given(programs())
@settings(deadline=None)
def test_any_expression_has_the_gradients_of_automatic_differentiation(program):
    values, steps = program
    leaves = [Node(v) for v in values]
    try:
        known = run(leaves, steps, 0)
        known[-1].backward()
    except ValueError as error:  # a power of a power grew past the largest float
        assume("must be finite" not in str(error))
        raise
    variables = [tf.Variable(v, dtype=tf.float64) for v in values]
    with tf.GradientTape() as tape:
        theirs = run(variables, steps, 1)
        expected = tape.gradient(theirs[-1], variables, unconnected_gradients="zero")
    np.testing.assert_allclose(known[-1].value, theirs[-1], rtol=1e-9, atol=1e-12)
    for leaf, gradient in zip(leaves, expected, strict=True):
        np.testing.assert_allclose(leaf.gradient, gradient, rtol=1e-9, atol=1e-12)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
@settings(deadline=None)
def test_a_layer_of_matrices_has_the_gradients_of_automatic_differentiation(n, inputs, units, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=s) for s in ((n, inputs), (inputs, units), (units,), (n, 1))]
    x, w, b, c = nodes = [Node(a) for a in arrays]
    loss = (maximum(x @ w + b, 0.1 * c) / (1 + exp(c))).sum()  # b and c are broadcast
    loss.backward()
    variables = [tf.Variable(a) for a in arrays]
    with tf.GradientTape() as tape:
        x, w, b, c = variables
        theirs = tf.reduce_sum(tf.maximum(x @ w + b, 0.1 * c) / (1 + tf.exp(c)))
    assert float(loss.value) == pytest.approx(float(theirs), rel=1e-12)
    for node, gradient in zip(nodes, tape.gradient(theirs, variables), strict=True):
        np.testing.assert_allclose(node.gradient, gradient, rtol=1e-9, atol=1e-12)


def test_powers_at_zero_have_their_limits():
    for base, exponent, d_base, d_exponent in [
        (0.0, 2.0, 0, 0),
        (0.0, 1.0, 1, 0),
        (3.0, 0.0, 0, np.log(3)),
    ]:
        a, b = Node(base), Node(exponent)
        (a**b).backward()
        assert float(a.gradient) == pytest.approx(d_base)
        assert float(b.gradient) == pytest.approx(d_exponent)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: log(Node(0.0)), "`log` must be finite"),
        (lambda: log(Node(-1.0)), "`log` must be finite"),
        (lambda: Node(1.0) / Node(0.0), "`/` must be finite"),
        (lambda: exp(Node(1000.0)), "`exp` must be finite"),
        (lambda: Node(np.nan), "`value` must be finite"),
        (lambda: Node(1.0) @ Node(2.0), "requires matrices. Received: an array of shape"),
        (lambda: Node([1.0, 2.0]).backward(), "single number. Received: a node of shape"),
        (lambda: (Node(-2.0) ** Node(2.0)).backward(), "derivative of `\\*\\*` must be finite"),
        (lambda: (Node(0.0) ** 0.5).backward(), "derivative of `\\*\\*` must be finite"),
    ],
)  # fmt: skip
def test_what_has_no_finite_value_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
