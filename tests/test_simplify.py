"""Simplification: the forms it must reach, and the values it must keep."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from tutor.calculus import (
    blocks,
    definitions,
    diagonals,
    distribution,
    factors,
    functions,
    inverses,
    masks,
    products,
    scalars,
    sums,
)
from tutor.calculus import simplify as module
from tutor.calculus.factors import MOST_FACTORS
from tutor.calculus.reverse import gradient, pullback
from tutor.calculus.rewrite import Rule
from tutor.calculus.sides import by_sides
from tutor.calculus.simplify import simplify, substitute
from tutor.calculus.standard import derived_by_name, standard
from tutor.calculus.sums import content
from tutor.graph.interned import is_symmetric
from tutor.graph.node import (
    Node,
    T,
    add,
    broadcast,
    call,
    const,
    constant_of,
    divide,
    ein,
    map_,
    mul,
    permute,
    power,
    rel,
    scale,
    sub,
    sum_axes,
    topological,
    var,
)
from tutor.numeric.evaluate import evaluate
from tutor.ops import scalar

x, y, v = var("x", (5,)), var("y", (5,)), var("v", (3,))
A, B, Q = var("A", (3, 5)), var("B", (5, 7)), var("Q", (5, 5))
a = var("a", ())
SIN, COS, TANH, EXP = sp.sin(T), sp.cos(T), sp.tanh(T), sp.exp(T)


def matvec(M: Node, u: Node) -> Node:
    return ein([(M, "ij"), (u, "j")], "i")


def dot(p: Node, q: Node) -> Node:
    return ein([(p, "i"), (q, "i")], "")


# raw, simplified
EQUAL: dict[str, tuple[Node, Node]] = {
    "x / x": (divide(x, x), const(1, (5,))),
    "x * x": (mul(x, x), ein([(x, "i"), (x, "i")], "i")),
    "exp(x) / exp(x)": (mul(map_(EXP, x), map_(1 / EXP, x)), const(1, (5,))),
    "x * x**2": (mul(x, power(x, 2)), power(x, 3)),
    "sin(x) * cos(x)": (mul(map_(SIN, x), map_(COS, x)), map_(SIN * COS, x)),
    "A (B C) = A B C": (
        ein([(A, "ij"), (ein([(B, "jk"), (B, "lk")], "jl"), "jl")], "il"),
        ein([(A, "ij"), (B, "jk"), (B, "lk")], "il"),
    ),
    "3x + 6y = 3 (x + 2y)": (
        add([x, y], [3, 6]), ein([(add([x, y], [1, 2]), "i")], "i", 3)),
    "-x - y = -(x + y)": (add([x, y], [-1, -1]), ein([(add([x, y]), "i")], "i", -1)),
    "x - x": (add([x, x], [1, -1]), const(0, (5,))),
    "(xᵀ)ᵀ": (permute(permute(Q, (1, 0)), (1, 0)), Q),
    "2 (3 x)": (scale(2, scale(3, x)), scale(6, x)),
    "sum(ones * a)": (sum_axes(broadcast(a, (), (5,)), [0]), scale(5, a)),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_reaches_the_short_form(name: str) -> None:
    raw, short = EQUAL[name]
    assert simplify(raw).key == short.key


KEPT = {
    "x + y": add([x, y]),
    "x - y": add([x, y], [1, -1]),
    "half x + third y": add([x, y], [sp.Rational(1, 2), sp.Rational(1, 3)]),
    "1 - tanh²": map_(1 - TANH**2, x),
    "softmax": call("softmax", [x], (0,), (5,)),
    "x y with different labels": ein([(x, "i"), (y, "j")], "ij"),
    "x_i x_j": ein([(x, "i"), (x, "j")], "ij"),
    "sin(x_i) x_j": ein([(map_(SIN, x), "i"), (x, "j")], "ij"),
    "Q_ij Q_ji": ein([(Q, "ij"), (Q, "ji")], ""),
}


@pytest.mark.parametrize("name", [k for k in KEPT if not k.startswith("half")])
def test_leaves_alone_what_is_short(name: str) -> None:
    assert simplify(KEPT[name]).key == KEPT[name].key


SUMS = [*KEPT.values(), *(raw for raw, _ in EQUAL.values()),
        gradient(ein([(map_(TANH, matvec(A, x)), "i"), (map_(TANH, matvec(A, x)), "i")], ""), x),
        gradient(map_(sp.sqrt(T), dot(add([x, y], [1, -1]), add([x, y], [1, -1]))), x),
        gradient(ein([(call("softmax", [matvec(A, x)], (0,), (3,)), "i"), (v, "i")], ""), A),
        mul(add([x, y], [2, 4]), add([x, y], [sp.Rational(1, 2), sp.Rational(-3, 2)])),
        ein([(add([Q, permute(Q, (1, 0))], [2, 2]), "ij"), (x, "j")], "i"),
        divide(add([x, const(1, (5,))], [2, 2]), add([x, const(3, (5,))], [4, 4])),
        scale(sp.pi, add([x, y], [sp.sqrt(2), sp.sqrt(2)]))]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SUMS)))
def test_keeps_shape_and_value(number: int) -> None:
    raw = SUMS[number]
    short = simplify(raw)
    rng = np.random.default_rng(number)
    env = {n: rng.uniform(0.5, 2, size=n.shape) for n in topological([raw]) if n.kind == "var"}
    assert short.shape == raw.shape
    assert simplify(short).key == short.key  # nothing is left to do
    before, after = evaluate([raw, short], env)
    np.testing.assert_allclose(np.asarray(after, float), np.asarray(before, float), rtol=1e-11)


def test_content_is_positive_and_exact() -> None:
    for coefs in ([4, 6], [-4, 6], [-4, -6], [sp.Rational(2, 3), sp.Rational(4, 9)], [1, 1]):
        c, rest = content(add([x, y], coefs))
        assert c != 0
        back = scale(c, rest)
        assert simplify(add([back, add([x, y], coefs)], [1, -1])).key == const(0, (5,)).key or (
            constant_of(simplify(add([back, add([x, y], coefs)], [1, -1]))) == 0
        )


def test_long_products_are_not_flattened_without_end() -> None:
    node = Q
    for _ in range(60):
        node = ein([(node, "ij"), (Q, "jk")], "ik")
    short = simplify(node)
    most = max(len(n.args) for n in topological([short]))
    assert most <= MOST_FACTORS + 1
    M = np.random.default_rng(0).normal(size=(5, 5)) / 3
    (got,) = evaluate([short], {Q: M})
    np.testing.assert_allclose(got, np.linalg.matrix_power(M, 61), rtol=1e-9)


def test_substitution_replaces_every_occurrence() -> None:
    node = add([mul(x, y), map_(SIN, x), matvec(Q, x)])
    new = substitute(node, {x: map_(EXP, y)})
    assert x not in topological([new])
    rng = np.random.default_rng(1)
    values = {y: rng.normal(size=5), Q: rng.normal(size=(5, 5))}
    got, want = evaluate([new], values)[0], evaluate([node], {**values, x: np.exp(values[y])})[0]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_a_wrong_fusion_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: functions of one argument meet without a look at their labels."""
    right = products.fused

    def careless(node: Node) -> Node:
        if node.order == 2 and len(node.args) == 2 and len({len(a.shape) for a in node.args}) == 1:
            labels = node.attr.labels[0]
            same = [(a, labels) for a in node.args]
            return right(ein(same, range(2), 1, dict(enumerate(node.attr.sizes))))
        return right(node)

    rules = tuple(careless if r is right else r for r in module.RULES["ein"])
    monkeypatch.setitem(module.RULES, "ein", rules)
    with pytest.raises(AssertionError):
        for number in range(len(SUMS)):
            test_keeps_shape_and_value(number)


# -- every rule by itself -------------------------------------------------------------------------

P = var("P", (5, 5))
S = var("S", (5, 5), {"symmetric"})
b = var("b", ())
X = var("X", (7, 5))


def inv(n: Node) -> Node:
    return call("inv", [n], (), n.shape)


def total(n: Node, axis: int) -> Node:
    return sum_axes(map_(EXP, n), [axis])


def quotient(n: Node, s: Node, letters: str) -> Node:
    return ein([(n, "ij"), (map_(1 / T, s), letters)], "ij")


MAX_X = call("max", [x], ((0,), "first"), ())
SOFTMAX_A = call("softmax", [A], (1,), (3, 5))
UNROLL = rel((1, -1, -3), 0, (15, 3, 5))
BLOCKS = rel((1, -3, -1), 0, (9, 3, 3))
KRON = call("kron", [v, v], ("column", "column"), (9,))
MEAN_X = ein([(x, "i")], "", sp.Rational(1, 5))

PADDED = rel((1, -1), 0, (6, 5))
OUTER = add([ein([(P, "jk"), (x, "l")], "jkl"), ein([(P, "jl"), (y, "k")], "jkl")])

GAP = sub(x, y)  # of both signs at the points that are drawn
STEP, RELU = scalar.step(T), scalar.relu(T)
POSITIVE = map_(STEP, GAP)
FLAG = var("flag", (5,), {"boolean"})
COLUMN, v5 = var("column", (5, 1)), var("v5", (5,))
CENTRED = sub(x, broadcast(MEAN_X, (), (5,)))


def diagonal(n: Node) -> Node:
    return ein([(n, "i")], "ii")


# what each rule works on
RULE: dict[Rule, Node] = {
    functions.tidied: map_(EXP / (1 + EXP), x),
    functions.sign_out: map_(SIN + EXP, scale(-1, mul(x, y))),
    definitions.of_function: map_(sp.log(T), total(x, 0)),
    definitions.norm_inside: map_(sp.sqrt(T), sum_axes(power(x, 2), [0])),
    definitions.shift: call("softmax", [sub(x, broadcast(MAX_X, (), (5,)))], (0,), (5,)),
    definitions.softmax: quotient(map_(EXP, A), total(A, 1), "i"),
    definitions.total_of_softmax: ein([(SOFTMAX_A, "ij"), (v, "i")], ""),
    definitions.log_softmax: sub(x, broadcast(call("logsumexp", [x], (0,), ()), (), (5,))),
    inverses.of_call: inv(ein([(Q, "ij"), (P, "jk")], "ik", 2)),
    inverses.cancelled: ein([(A, "hi"), (inv(Q), "ij"), (Q, "jk"), (x, "k")], "h"),
    factors.flat: ein([(A, "ij"), (ein([(B, "jk"), (B, "lk")], "jl"), "jl")], "il"),
    factors.reshaped_back: ein([(UNROLL, "pij"), (UNROLL, "pkl"), (A, "kl")], "ij"),
    blocks.only_place: ein([(rel((1,), 0, (1,)), "i"), (map_(SIN, x), "j")], "ij"),
    blocks.rolled_up: ein(
        [(UNROLL, "pij"), (map_(SIN, ein([(UNROLL, "pij"), (A, "ij")], "p")), "p"), (x, "j")], "i"),
    blocks.rolled_up_in_terms: ein(
        [(map_(SIN, KRON), "p"),
         (add([ein([(BLOCKS, "pij"), (v, "i")], "pj"), ein([(BLOCKS, "pij"), (v, "j")], "pi")],
              [2, 1]), "pj")], "j"),
    blocks.through_a_diagonal: ein([(map_(COS, ein([(x, "i")], "ii")), "jj"), (y, "j")], "j"),
    factors.off_the_padding: ein([(PADDED, "pi"), (rel((1,), 5, (6,)), "p"), (x, "i")], ""),
    products.fused: ein([(map_(SIN, x), "i"), (map_(COS, x), "i"), (x, "i")], "i"),
    products.own_power: ein([(x, "i"), (x, "i"), (map_(T**-2, dot(x, x)), ""), (y, "j")], "j"),
    products.sifted: ein([(rel((1,), 3, (5,)), "i"), (x, "i"), (y, "i")], "i"),
    products.powers_apart: ein([(x, "i"), (map_(T**-2, scale(2, mul(a, b))), "")], "i"),
    sums.centred: ein([(add([x, broadcast(MEAN_X, (), (5,)), y], [1, -1, 1]), "i"), (y, "j")], "j"),
    sums.content_out: add([matvec(A, x), matvec(A, y)], [2, -6]),
    sums.one_function: add([const(1, (5,)), power(map_(TANH, x), 2)], [1, -1]),
    sums.functions_merged: add(
        [mul(y, map_(SIN**2, x)), mul(y, map_(COS * SIN + SIN, x)), mul(y, map_(COS * SIN, x))],
        [1, 1, -1],
    ),
    sums.factored: add([matvec(Q, x), matvec(permute(Q, (1, 0)), x)]),
    functions.number_in: map_(sp.tanh(T / 2), scale(2, mul(x, y))),
    functions.size_out: map_(STEP, scale(sp.Rational(1, 2), mul(GAP, y))),
    definitions.variance: ein([(power(CENTRED, 2), "i")], "", sp.Rational(1, 5)),
    definitions.variances: add(
        [ein([(power(CENTRED, 2), "i")], ""), b], [sp.Rational(1, 5), 1]
    ),
    products.raised: mul(a, call("power", [a, sub(b, const(1))], (), ())),
    factors.one_unit_axis: ein([(COLUMN, "ik")], "ij", 1, {"j": 1}),
    scalars.scalar_out: sub(ein([(x, "k"), (y, "i")], "i"), ein([(x, "k"), (v5, "i")], "i")),
    masks.known_flag: map_(scalar.step(sp.Abs(T)), FLAG),
    masks.two_sided: map_(2 * RELU - 1 + STEP, GAP),
    masks.one_sided: add([mul(GAP, y), map_(scalar.relu(-T), mul(GAP, y))]),
    masks.of_where: call("where", [POSITIVE, mul(x, y), const(0, (5,))], (), (5,)),
    masks.idempotent: ein([(FLAG, "i"), (x, "i"), (FLAG, "i")], "i"),
    masks.number_inside: scale(3, call("where", [POSITIVE, x, const(1, (5,))], (), (5,))),
    masks.under_mask: mul(add([x, map_(RELU, GAP)]), map_(1 - STEP, GAP)),
    masks.chosen: add([mul(x, POSITIVE), mul(map_(SIN, y), map_(1 - STEP, GAP))]),
    diagonals.on_diagonal: ein([(rel((1, -1), 0, (5, 5)), "ij"), (map_(SIN, y), "j")], "ij"),
    diagonals.added: add([diagonal(map_(SIN, x)), diagonal(map_(COS, y))]),
    distribution.over_a_sum: mul(x, add([divide(y, x), map_(SIN, y)])),
    distribution.over_weights: ein(
        [(call("softmax", [x], (0,), (5,)), "i"), (add([const(1, (5,)), y]), "i")], ""
    ),
    distribution.turned: scale(-1, sub(x, y)),
    distribution.through_views: sub(permute(Q, (1, 0)), permute(sub(Q, P), (1, 0))),
    products.quotient_apart: ein(
        [(x, "i"), (map_(T**-1, divide(x, y)), "i"), (map_(1 / T, y), "i")], "i"
    ),
    products.squared: ein([(MAX_X, ""), (y, "i"), (MAX_X, "")], "i"),
    distribution.over_outer_products: ein([(Q, "ij"), (OUTER, "jkl")], "ikl"),
    distribution.out_of_products: sub(
        mul(y, map_(1 - TANH, x)), mul(sub(const(1, (5,)), y), map_(TANH, x))
    ),
}  # fmt: skip


def kept(raw: Node, seed: int = 0) -> None:
    """The simplified node has shape and value of the given one."""
    rng = np.random.default_rng(seed)
    env = {}
    for n in topological([raw]):
        if n.kind == "var":
            value = rng.uniform(0.5, 2, size=n.shape)
            if "boolean" in n.attr.properties:
                value = (value > 1.0) * 1.0
            env[n] = value + value.T if "symmetric" in n.attr.properties else value
    short = simplify(raw)
    assert short.shape == raw.shape
    before, after = evaluate([raw, short], env)
    np.testing.assert_allclose(np.asarray(after, float), np.asarray(before, float), 1e-9, 1e-12)


W, J = var("W", (2, 3)), rel((1, -1), 0, (2, 2))
ROWS, COLUMNS = rel((1, -3, -1), 0, (6, 2, 3)), rel((1, -5, -1), 0, (10, 2, 5))
INSIDE = ein([(call("kron", [J, A], ("matrix", "matrix"), (6, 10)), "pq"), (x, "s")], "pqs")
WHOLE = call("kron", [W, A], ("matrix", "matrix"), (6, 15))
WIDE = rel((1, -5, -1), 0, (15, 3, 5))
TURNED = rel((1, -1, -2), 0, (6, 2, 3))  # the other way round: no entry of A on its own
BLOCK_FORMS: dict[str, tuple[Node, bool]] = {
    "the blocks on the diagonal of I ⊗ A": (
        ein([(ROWS, "pti"), (COLUMNS, "qtj"), (map_(SIN, INSIDE), "pqs")], "ijs"), True),
    "all blocks of W ⊗ A": (
        ein([(ROWS, "pti"), (WIDE, "qsj"), (map_(EXP, WHOLE), "pq"), (W, "ts")], "ij"), True),
    "one block of W ⊗ A": (
        ein([(ROWS, "pti"), (WIDE, "qsj"), (map_(EXP, WHOLE), "pq"), (A, "ij")], "ts"), True),
    "a sum of functions": (
        ein([(ROWS, "pti"), (WIDE, "qsj"), (W, "ts"),
             (map_(SIN, add([map_(EXP, WHOLE), const(1, (6, 15))], [1, 2])), "pq")], "ij"), True),
    "rows in another order": (
        ein([(TURNED, "pti"), (map_(SIN, WHOLE), "pq")], "tiq"), False),
    "a leaf": (ein([(ROWS, "pti"), (map_(SIN, var("c", (6,))), "p")], "it"), False),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCK_FORMS)
def test_functions_of_blocks(name: str) -> None:
    """What is rolled up again is a function of the parts, and has the value it had."""
    raw, gone = BLOCK_FORMS[name]
    kept(raw)
    left = [n for n in topological([simplify(raw)]) if n.kind == "rel" and n.order > 2]
    assert (not left) == gone


KINDS = ("matrix", "column", "row")


@pytest.mark.parametrize("left", KINDS)
@pytest.mark.parametrize("right", KINDS)
def test_a_kronecker_product_written_out(left: str, right: str) -> None:
    from tutor.ops.base import Val
    from tutor.ops.kronecker import kron

    pair = (
        Val(A if left == "matrix" else v, row=left == "row"),
        Val(W if right == "matrix" else var("u", (2,)), row=right == "row"),
    )
    whole = kron(*pair).node
    rng = np.random.default_rng(5)
    env = {n: rng.normal(size=n.shape) for n in topological([whole]) if n.kind == "var"}
    want, got = evaluate([whole, blocks.written_out(whole)], env)
    np.testing.assert_allclose(got, want)


def test_every_rule_has_an_example() -> None:
    assert {r for rules in module.RULES.values() for r in rules} == RULE.keys()


@pytest.mark.parametrize("rule", RULE, ids=lambda r: r.__name__)
def test_a_rule_works_and_keeps_the_value(rule: Rule) -> None:
    node = RULE[rule]
    assert rule(node) is not node
    kept(node)


@pytest.mark.parametrize("rule", RULE, ids=lambda r: r.__name__)
def test_a_wrong_rule_is_noticed(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: what the rule returns is off by one hundredth."""

    def wrong(node: Node) -> Node:
        new = rule(node)
        return new if new is node else add([new, const(sp.Rational(1, 100), new.shape)])

    faulty = {k: tuple(wrong if r is rule else r for r in rs) for k, rs in module.RULES.items()}
    monkeypatch.setattr(module, "RULES", faulty)
    with pytest.raises(AssertionError):
        kept(RULE[rule])


SYMMETRIC: dict[str, tuple[Node, bool]] = {
    "S": (S, True),
    "XᵀX": (ein([(X, "ki"), (X, "kj")], "ij"), True),
    "X": (Q, False),
    "Q + Qᵀ": (add([Q, permute(Q, (1, 0))]), True),
    "Q − Qᵀ": (sub(Q, permute(Q, (1, 0))), False),
    "inv(XᵀX)": (inv(ein([(X, "ki"), (X, "kj")], "ij")), True),
    "inv(Q)": (inv(Q), False),
    "exp(S)": (map_(EXP, S), True),
    "Q S Qᵀ": (ein([(Q, "ij"), (S, "jk"), (Q, "lk")], "il"), True),
    "S Q": (ein([(S, "ij"), (Q, "jk")], "ik"), False),
    "S P S": (ein([(S, "ij"), (P, "jk"), (S, "kl")], "il"), False),
    "x xᵀ": (ein([(x, "i"), (x, "j")], "ij"), True),
    "x yᵀ": (ein([(x, "i"), (y, "j")], "ij"), False),
    "x yᵀ + y xᵀ": (
        add([ein([(x, "i"), (y, "j")], "ij"), ein([(y, "i"), (x, "j")], "ij")]), True),
    "diag(x)": (ein([(x, "i")], "ii"), True),
    "diag(x) + x xᵀ": (add([ein([(x, "i")], "ii"), ein([(x, "i"), (x, "j")], "ij")]), True),
    "Q ⊙ Qᵀ": (ein([(Q, "ij"), (Q, "ji")], "ij"), True),
    "Q ⊙ S": (ein([(Q, "ij"), (S, "ij")], "ij"), False),
    "1 ones": (const(3, (5, 5)), True),
    "not square": (A, False),
}  # fmt: skip


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetry(name: str) -> None:
    node, want = SYMMETRIC[name]
    assert is_symmetric(node) is want
    if want:
        assert permute(node, (1, 0)).key == node.key
        assert inv(node) is permute(inv(node), (1, 0))


def test_symmetry_of_a_deep_graph_does_not_recurse() -> None:
    node = S
    for _ in range(3000):
        node = map_(TANH, add([node, S]))
    assert is_symmetric(node)


def test_a_wrong_symmetry_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: every square product counts as symmetric."""
    from tutor.graph import symmetry

    monkeypatch.setattr(symmetry, "_product", lambda n: True)
    C, D = var("C symmetry", (5, 5)), var("D symmetry", (5, 5))
    square = ein([(C, "ij"), (D, "jk")], "ik")
    node = sub(inv(square), permute(inv(square), (1, 0)))
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 5)), rng.normal(size=(5, 5))
    (got,) = evaluate([node], {C: first, D: second})
    want = np.linalg.inv(first @ second)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(np.asarray(got, float), want - want.T, rtol=1e-9)


FUNCTION = [
    (1 / (1 + sp.exp(-T)), scalar.sigmoid(T)),
    (EXP / (1 + EXP), scalar.sigmoid(T)),
    (sp.exp(-T) / (1 + sp.exp(-T)), scalar.sigmoid(-T)),
    (EXP / (1 + EXP) ** 2, scalar.sigmoid(T) * (1 - scalar.sigmoid(T))),
    (1 / (1 + sp.exp(-3 * T)), scalar.sigmoid(3 * T)),
    ((EXP - 1 / EXP) / (EXP + 1 / EXP), TANH),
    (scalar.sigmoid(T) - scalar.sigmoid(T) ** 2, scalar.sigmoid(T) * (1 - scalar.sigmoid(T))),
    (scalar.sigmoid(T) * scalar.sigmoid(-T), scalar.sigmoid(T) * (1 - scalar.sigmoid(T))),
    (T / (1 + sp.exp(-T)), T * scalar.sigmoid(T)),
    (1 - TANH**2, 1 - TANH**2),
    (EXP, EXP),
    (1 / (2 + EXP), 1 / (2 + EXP)),
    (sp.log(1 + EXP), scalar.softplus(T, 1)),
    (SIN * COS, SIN * COS),
]


@pytest.mark.parametrize(("raw", "want"), FUNCTION)
def test_functions_of_one_argument(raw: sp.Expr, want: sp.Expr) -> None:
    number, short = functions.tidy(raw)
    assert (number, short) == (1, want)
    at = np.linspace(-2, 2, 9) + 0.05
    np.testing.assert_allclose(scalar.compiled(short)(at), scalar.compiled(raw)(at), rtol=1e-10)


def test_decimals_are_not_made_long_integers() -> None:
    """A common factor 1e-31 of two decimals would leave integers that nobody can read."""
    a, b = sp.Rational("3.5161986816947537"), sp.Rational("6.1818265845759621234567891")
    number, short = functions.tidy(a * EXP * T + b * EXP**2)
    assert number == 1 and sp.expand(short - a * EXP * T - b * EXP**2) == 0
    assert all(abs(n) < 100 for n in short.atoms(sp.Integer))
    assert functions.tidy(6 * T + 4 * SIN) == (2, 3 * T + 2 * SIN)


def test_a_number_in_front_of_an_argument_matters_beside_a_sign() -> None:
    """(1 − step(t)) exp(t) + step(t) is no function of the sign alone, though 1 − 1 is 0."""
    one = sp.Integer(1)
    for f in ((one - scalar.step(T)) * EXP + scalar.step(T), (scalar.step(T) - sp.sign(T)) * EXP):
        node = map_(f, scale(sp.Rational(1, 2), x))
        assert functions.size_out(node) is node
        values = {x: np.linspace(-2, 2, 5) + 0.1}
        before, after = (evaluate([n], values)[0] for n in (node, simplify(node)))
        np.testing.assert_allclose(np.asarray(before, float), np.asarray(after, float), rtol=1e-12)
    sided = map_(scalar.step(T), scale(sp.Rational(1, 2), x))
    assert functions.size_out(sided) is map_(scalar.step(T), x)


def test_rewriting_ends_where_rules_go_in_circles() -> None:
    """Two rules that undo each other: an end comes, and a value is kept."""
    from tutor.calculus.rewrite import rewritten

    double = {"var": (lambda n: scale(1, add([n, n], [2, -1])) if n is x else n,)}
    (same,) = rewritten([x], double)
    assert same is x
    forth = {"map": (lambda n: map_(COS, n.args[0]) if n.attr == SIN else map_(SIN, n.args[0]),)}
    (end,) = rewritten([map_(SIN, x)], forth)
    assert end.kind == "map"


# -- kinks ----------------------------------------------------------------------------------------

ABS, SIGN = sp.Abs(T), sp.sign(T)
BACK, BACKWARDS = scalar.step(-T), scalar.relu(-T)

# raw, told by its sides; the value at 0 is kept
SIDES = [
    (STEP**2, STEP),
    (T * STEP, RELU),
    (RELU * STEP, RELU),
    (RELU * BACK, sp.S.Zero),
    (ABS * SIGN, T),
    (T * SIGN, ABS),
    (T + BACKWARDS, RELU),
    (scalar.step(sp.Abs(STEP)), STEP),
    ((1 - BACK) ** 2, 1 - BACK),
    (2 * (T - (T + BACKWARDS) * BACK + BACKWARDS), 2 * RELU),
    (BACK**2 - 2 * BACK + 1, 1 - BACK),
    (1 - BACK, 1 - BACK),  # 1 at 0, where step is 0
    (STEP + BACK, STEP + BACK),  # 0 at 0
    (SIGN**2, SIGN**2),
    (STEP / T, STEP / T),
    (scalar.step(T - 1) * T, scalar.step(T - 1) * T),
]


@pytest.mark.parametrize(("raw", "want"), SIDES)
def test_functions_with_a_kink(raw: sp.Expr, want: sp.Expr) -> None:
    short = by_sides(raw)
    assert short == want
    for t in (-2, sp.Rational(-1, 2), 0, sp.Rational(1, 3), 3):
        assert raw.subs(T, t) == short.subs(T, t) or raw == short


def test_a_kink_with_another_value_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: only the two sides are compared, and [t ≥ 0] becomes [t > 0]."""
    from tutor.calculus import sides

    monkeypatch.setattr(sides, "_one_sided", lambda right, middle: right * STEP)
    short = by_sides.__wrapped__(BACK**2 - 2 * BACK + 1)
    assert short.subs(T, 0) != 1


# -- functions by their names ---------------------------------------------------------------------

BY_NAME = {
    "logistic": (divide(map_(EXP, x), map_(1 + EXP, x)), map_(scalar.sigmoid(T), x)),
    "tanh": (
        divide(map_(EXP - 1 / EXP, x), map_(EXP + 1 / EXP, x)), map_(TANH, x)),
    "softplus": (map_(sp.log(1 + EXP), x), map_(scalar.softplus(T, 1), x)),
    "variance": (
        ein([(power(CENTRED, 2), "i")], "", sp.Rational(1, 5)), call("var", [x], ((0,), 0), ())),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_typed_by_hand_has_a_name(name: str) -> None:
    typed, named = BY_NAME[name]
    found = standard(typed)
    assert found is not None and found.key == named.key


@pytest.mark.parametrize(
    "node",
    [map_(TANH, x), map_(EXP, x), divide(x, y), divide(map_(EXP, x), map_(1 + EXP, y)),
     map_(sp.log(2 + EXP), x), ein([(power(sub(x, y), 2), "i")], "", sp.Rational(1, 5))],
)  # fmt: skip
def test_what_only_looks_like_it_has_none(node: Node) -> None:
    assert standard(node) is None


def test_a_derivative_by_name_is_the_derivative() -> None:
    typed, _ = BY_NAME["tanh"]
    upstream = var("upstream", (5,))
    plain = simplify(pullback(typed, upstream, [x])[0])
    named = derived_by_name(plain, typed, upstream, x)
    assert named.key == simplify(mul(upstream, map_(1 - TANH**2, x))).key
    rng = np.random.default_rng(3)
    env = {x: rng.normal(size=5), upstream: rng.normal(size=5)}
    before, after = evaluate([plain, named], env)
    np.testing.assert_allclose(np.asarray(after, float), np.asarray(before, float), 1e-9)
