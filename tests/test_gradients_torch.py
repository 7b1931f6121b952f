"""Every operation that torch has, against torch.autograd in float64."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from op_gradient import BY_NAME, applied, derived

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel lengths")
F = torch.nn.functional

NORMAL, POSITIVE, INSIDE = (-2.0, 2.0), (0.2, 3.0), (-0.9, 0.9)
K = "kernel_size"
Case = tuple[str, Callable[..., Any], list[tuple[int, ...]], dict[str, Any], tuple[float, float]]


def sixth(x: Any) -> Any:
    """torch's own hardsigmoid rounds 1/6 to single precision."""
    return torch.clamp(x / 6 + 0.5, 0, 1)


ELEMENTWISE: list[tuple[str, Callable[..., Any], dict[str, Any], tuple[float, float]]] = [
    ("exp", torch.exp, {}, NORMAL), ("log", torch.log, {}, POSITIVE),
    ("log1p", torch.log1p, {}, POSITIVE), ("sqrt", torch.sqrt, {}, POSITIVE),
    ("sin", torch.sin, {}, NORMAL), ("cos", torch.cos, {}, NORMAL),
    ("tan", torch.tan, {}, (-1.2, 1.2)), ("asin", torch.asin, {}, INSIDE),
    ("acos", torch.acos, {}, INSIDE), ("atan", torch.atan, {}, NORMAL),
    ("sinh", torch.sinh, {}, NORMAL), ("cosh", torch.cosh, {}, NORMAL),
    ("tanh", torch.tanh, {}, NORMAL), ("abs", torch.abs, {}, NORMAL),
    ("sign", torch.sign, {}, NORMAL), ("erf", torch.erf, {}, NORMAL),
    ("sigmoid", torch.sigmoid, {}, NORMAL), ("relu", torch.relu, {}, NORMAL),
    ("leaky_relu", F.leaky_relu, {}, NORMAL),
    ("leaky_relu", F.leaky_relu, {"negative_slope": 0.3}, NORMAL),
    ("elu", F.elu, {}, NORMAL), ("elu", F.elu, {"alpha": 0.7}, NORMAL),
    ("selu", F.selu, {}, NORMAL), ("gelu", F.gelu, {}, NORMAL),
    ("gelu", F.gelu, {"approximate": "tanh"}, NORMAL), ("silu", F.silu, {}, NORMAL),
    ("mish", F.mish, {}, NORMAL), ("hardsigmoid", sixth, {}, (-5.0, 5.0)),
    ("hardswish", lambda x: x * sixth(x), {}, (-5.0, 5.0)),
    ("softplus", F.softplus, {}, NORMAL), ("softplus", F.softplus, {"beta": 3}, NORMAL),
    ("softsign", F.softsign, {}, NORMAL), ("logsigmoid", F.logsigmoid, {}, NORMAL),
    ("square", torch.square, {}, NORMAL), ("reciprocal", torch.reciprocal, {}, POSITIVE),
    ("clip", torch.clip, {"min": -1, "max": 0.5}, NORMAL),
    ("clip", torch.clip, {"max": 0.5}, NORMAL), ("clip", torch.clip, {"min": -0.25}, NORMAL),
]  # fmt: skip


def axis(f: Callable[..., Any]) -> Callable[..., Any]:
    """torch's `dim` for our `axis`; over axis 0 of a matrix the paper has a row."""

    def call(x: Any, axis: Any = None) -> Any:
        if axis is None:
            return f(x)
        y = f(x, dim=axis)
        return y[None, :] if x.ndim == 2 and axis == 0 else y

    return call


def last(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=-1: f(x, dim=axis)


REDUCTIONS: list[Case] = [
    (name, axis(f), shapes, given, NORMAL)
    for name, f in (
        ("sum", torch.sum), ("mean", torch.mean), ("max", torch.amax), ("min", torch.amin),
        ("norm2", torch.linalg.norm),
    )
    for shapes, given in (
        ([(3, 5)], {}), ([(7, 2)], {"axis": 0}), ([(5, 7)], {"axis": 1}), ([(11,)], {}),
        ([(2, 5, 3)], {"axis": 1}), ([(2, 5, 3)], {"axis": -1}), ([(2, 5, 3)], {"axis": (0, 2)}),
    )
    if not (name == "norm2" and not given and len(shapes[0]) > 2)
] + [
    ("softmax", last(torch.softmax), [(7,)], {}, NORMAL),
    ("softmax", last(torch.softmax), [(3, 5)], {}, NORMAL),
    ("softmax", last(torch.softmax), [(3, 5)], {"axis": 0}, NORMAL),
    ("softmax", last(torch.softmax), [(2, 3, 5)], {"axis": 1}, NORMAL),
    ("log_softmax", last(torch.log_softmax), [(7,)], {}, NORMAL),
    ("log_softmax", last(torch.log_softmax), [(3, 5)], {"axis": 0}, NORMAL),
    ("log_softmax", last(torch.log_softmax), [(2, 3, 5)], {"axis": -1}, NORMAL),
    ("logsumexp", axis(torch.logsumexp), [(3, 5)], {"axis": 1}, NORMAL),
    ("logsumexp", axis(torch.logsumexp), [(3, 5)], {"axis": 0}, NORMAL),
    ("logsumexp", axis(torch.logsumexp), [(2, 3, 5)], {"axis": 1}, NORMAL),
]  # fmt: skip


def product(a: Any, b: Any) -> Any:
    """The paper's shapes: a column times a row is an outer product, 1×1 a scalar."""
    if max(a.ndim, b.ndim) >= 3:
        return a @ b
    y = (a[:, None] if a.ndim == 1 else a) @ (b[:, None] if b.ndim == 1 else b)
    if y.shape[1] == 1:
        return y[0, 0] if y.shape[0] == 1 else y[:, 0]
    return y


def column(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(a: Any, b: Any) -> Any:
        order = max(a.ndim, b.ndim)
        a, b = (x[:, None] if x.ndim == 1 and order == 2 else x for x in (a, b))
        return f(a, b)

    return call


PAIRS = [[(3, 5), (3, 5)], [(), (7,)], [(3,), (3, 5)], [(3, 5), (1, 5)], [(2, 3, 5), (3, 1)]]
ALGEBRA: list[Case] = [
    (name, column(f), shapes, {}, domain)
    for name, f, domain in (
        ("add", torch.add, NORMAL), ("sub", torch.sub, NORMAL), ("mul", torch.mul, NORMAL),
        ("hadamard", torch.mul, NORMAL), ("div", torch.div, POSITIVE),
        ("maximum", torch.maximum, NORMAL), ("minimum", torch.minimum, NORMAL),
    )
    for shapes in PAIRS
] + [
    ("pow", torch.pow, [(3, 5), (3, 5)], {}, POSITIVE),
    ("pow", torch.pow, [(7,), ()], {}, POSITIVE),
    ("neg", torch.neg, [(3, 5)], {}, NORMAL),
    *[("matmul", product, shapes, {}, NORMAL) for shapes in (
        [(3, 5), (5, 7)], [(3, 5), (5,)], [(1, 5), (5,)], [(1, 5), (5, 7)], [(5,), (1, 7)],
        [(2, 3, 5), (2, 5, 7)], [(2, 3, 5), (5, 7)], [(11, 2, 3, 5), (1, 2, 5, 7)],
        [(3, 5), (2, 5, 7)])],
    ("where", lambda m, a, b: torch.where(m != 0, a, b), [(3, 5)] * 3, {}, NORMAL),
    *[("prelu", lambda x, w: F.prelu(x, w.reshape(-1)), shapes, {}, NORMAL)
      for shapes in ([(3, 5), ()], [(3, 5), (5,)], [(2, 3, 5), (3,)])],
    ("outer", torch.outer, [(3,), (5,)], {}, NORMAL),
    ("dot", torch.dot, [(7,), (7,)], {}, NORMAL),
    ("linear", F.linear, [(5,), (3, 5), (3,)], {}, NORMAL),
    ("linear", F.linear, [(7, 5), (3, 5), (3,)], {}, NORMAL),
    ("linear", F.linear, [(7, 5), (3, 5)], {}, NORMAL),
    *[("mse_loss", F.mse_loss, [(3, 5), (3, 5)], {"reduction": r}, NORMAL)
      for r in ("mean", "sum", "none")],
    *[("cross_entropy", F.cross_entropy, [(3, 5), (3, 5)], {"reduction": r}, (0.1, 1.0))
      for r in ("mean", "sum", "none")],
    ("cross_entropy", F.cross_entropy, [(5,), (5,)], {}, (0.1, 1.0)),
    ("vec", lambda a: a.T.reshape(-1), [(3, 5)], {}, NORMAL),
    ("vec", lambda a, _vec: a.reshape(-1), [(3, 5)], {"_vec": "row"}, NORMAL),
    ("flatten", torch.flatten, [(2, 3, 5)], {}, NORMAL),
    ("reshape", lambda x, *s: x.reshape(s), [(3, 10)], {"*": (5, 6)}, NORMAL),
    ("reshape", lambda x, *s: x.reshape(s), [(2, 3, 5)], {"*": (15, -1)}, NORMAL),
    ("concat", lambda *p, axis=0: torch.cat(p, axis), [(3, 5), (2, 5)], {}, NORMAL),
    ("concat", lambda *p, axis=0: torch.cat(p, axis), [(3, 5), (3, 2)], {"axis": 1}, NORMAL),
    ("concat", lambda *p, axis=0: torch.cat(p, axis), [(2, 3, 5), (2, 7, 5)], {"axis": 1}, NORMAL),
    ("list", lambda *p: torch.stack(p), [(5,), (5,), (5,)], {}, NORMAL),
]  # fmt: skip


def convolution(n: int) -> Callable[..., Any]:
    f = (F.conv1d, F.conv2d)[n - 1]

    def call(x: Any, w: Any, *bias: Any, _conv_: str = "correlation", **given: Any) -> Any:
        w = torch.flip(w, tuple(range(-n, 0))) if _conv_ == "convolution" else w
        if w.ndim == n:
            return f(x[None, None], w[None, None], *bias, **given)[0, 0]
        return f(x, w, *bias, **given)

    return call


CONV1D = [
    ([(11,), (3,)], {}), ([(11,), (3,)], {"stride": 3}), ([(11,), (3,)], {"padding": 2}),
    ([(11,), (3,)], {"dilation": 3}), ([(2, 13), (5, 2, 3)], {"stride": 2, "padding": 1}),
    ([(2, 13), (5, 2, 3), (5,)], {"dilation": 2, "padding": 3, "stride": 3}),
    ([(3, 2, 13), (5, 2, 3), (5,)], {"padding": 1}), ([(3, 2, 11), (7, 2, 5)], {"padding": "same"}),
    ([(3, 2, 11), (7, 2, 4)], {"padding": "same"}), ([(3, 2, 11), (7, 2, 4)], {"padding": "valid"}),
    ([(3, 2, 11), (7, 2, 4)], {"padding": "same", "dilation": 2}),
    ([(4, 11), (6, 2, 3)], {"groups": 2}), ([(6, 11), (6, 1, 3), (6,)], {"groups": 6, "stride": 2}),
    ([(2, 6, 11), (9, 2, 3)], {"groups": 3, "dilation": 2, "padding": 2}),
    ([(11,), (3,)], {"_conv_": "convolution", "stride": 2, "padding": 1}),
]  # fmt: skip
CONV2D = [
    ([(5, 7), (2, 3)], {}),
    ([(5, 7), (2, 3)], {"stride": (2, 3)}),
    ([(5, 7), (3, 2)], {"padding": (1, 2)}),
    ([(7, 11), (3, 2)], {"dilation": (2, 3), "padding": 1}),
    ([(3, 5, 7), (2, 3, 2, 3), (2,)], {"stride": 2, "padding": 1}),
    ([(2, 3, 5, 7), (5, 3, 3, 2), (5,)], {"dilation": 2, "padding": (2, 1)}),
    ([(2, 3, 5, 7), (5, 3, 3, 2)], {"stride": (1, 2), "padding": (0, 1), "dilation": (2, 1)}),
    ([(2, 3, 5, 7), (5, 3, 3, 2)], {"padding": "same"}),
    ([(2, 3, 5, 7), (5, 3, 2, 4)], {"padding": "same", "dilation": (1, 2)}),
    ([(4, 5, 3), (2, 2, 3, 1)], {"groups": 2}),
    ([(6, 5, 7), (6, 1, 3, 2), (6,)], {"groups": 6}),
    ([(2, 6, 5, 7), (3, 2, 2, 2)], {"groups": 3, "stride": 2, "padding": 1, "dilation": 2}),
    ([(5, 7), (2, 3)], {"_conv_": "convolution", "padding": 1}),
    ([(3, 5, 7), (2, 3, 2, 3)], {"_conv_": "convolution", "stride": 2}),
    ([(3, 5, 7), (2, 3, 1, 1)], {}),
]


def pooling(n: int, name: str) -> Callable[..., Any]:
    f = getattr(F, f"{name}_pool{n}d")

    def call(x: Any, **given: Any) -> Any:
        lead = n + 1 - x.ndim  # torch wants channels
        return f(x[None], **given)[0] if lead > 0 else f(x, **given)

    return call


POOL1D = [
    ([(11,)], {K: 2}), ([(11,)], {K: 3, "stride": 1}), ([(11,)], {K: 3, "stride": 2, "padding": 1}),
    ([(3, 11)], {K: 2, "ceil_mode": True}), ([(3, 11)], {K: 3, "stride": 2, "ceil_mode": True}),
    ([(2, 3, 13)], {K: 4, "stride": 3, "padding": 2, "ceil_mode": True}),
    ([(2, 3, 13)], {K: 5, "stride": 7, "padding": 2, "ceil_mode": True}),
    ([(7,)], {K: 2, "stride": 3, "padding": 1, "ceil_mode": True}),
]  # fmt: skip
POOL2D = [
    ([(5, 7)], {K: 2}), ([(5, 7)], {K: (2, 3)}), ([(5, 7)], {K: (3, 2), "stride": (1, 2)}),
    ([(3, 5, 7)], {K: 3, "stride": 2, "padding": 1}),
    ([(3, 5, 7)], {K: 2, "ceil_mode": True}),
    ([(2, 3, 5, 7)], {K: (3, 2), "stride": 1, "padding": 1}),
    ([(2, 3, 5, 7)], {K: (3, 4), "stride": (2, 3), "padding": (1, 2), "ceil_mode": True}),
    ([(2, 3, 11, 7)], {K: 2, "stride": 5, "padding": 1, "ceil_mode": True}),
]  # fmt: skip
POOLS: list[Case] = [
    (f"{kind}_pool{n}d", pooling(n, kind), shapes, {**given, **more}, NORMAL)
    for n, rows in ((1, POOL1D), (2, POOL2D))
    for shapes, given in rows
    for kind, more in (("max", {}), ("avg", {}), ("avg", {"count_include_pad": False}))
] + [
    ("max_pool1d", pooling(1, "max"), [(13,)], {K: 3, "dilation": 2}, NORMAL),
    ("max_pool1d", pooling(1, "max"), [(2, 13)],
     {K: 3, "dilation": 3, "stride": 2, "padding": 1, "ceil_mode": True}, NORMAL),
    ("max_pool2d", pooling(2, "max"), [(3, 7, 11)],
     {K: (2, 3), "dilation": (3, 2), "stride": 2, "padding": (1, 0)}, NORMAL),
]  # fmt: skip

CASES: list[Case] = [
    *((name, f, [(3, 7)], given, domain) for name, f, given, domain in ELEMENTWISE),
    *ALGEBRA,
    *REDUCTIONS,
    *(("conv1d", convolution(1), shapes, given, NORMAL) for shapes, given in CONV1D),
    *(("conv2d", convolution(2), shapes, given, NORMAL) for shapes, given in CONV2D),
    *POOLS,
]


def compare(
    name: str,
    f: Callable[..., Any],
    arrays: list[np.ndarray],
    given: dict[str, Any],
    fixed: frozenset[int] = frozenset(),
) -> None:
    """`fixed`: operands by which torch does not differentiate."""
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    more = {k: v for k, v in given.items() if k != "*"}
    y = f(*tensors, *given.get("*", ()), **more)
    op = BY_NAME[name]
    _, typed = applied(op, [a.shape for a in arrays], given)
    y = y.reshape(tuple(typed.shape))
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.5, 1.5, size=tuple(y.shape))
    y.backward(torch.tensor(weights)) if y.requires_grad else None
    value, grads = derived(op, arrays, given, weights)
    np.testing.assert_allclose(value, y.detach().numpy(), rtol=1e-10, atol=1e-12)
    for k, (got, x) in enumerate(zip(grads, tensors, strict=True)):
        if k in fixed:
            continue
        want = np.zeros(x.shape) if x.grad is None else x.grad.numpy()
        scale = max(1e-3, float(np.max(np.abs(want), initial=0.0)))
        assert np.max(np.abs(got - want), initial=0.0) < 1e-10 * scale


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c[0]}-{k}") for k, c in enumerate(CASES)])
def test_value_and_gradient(case: Case) -> None:
    name, f, shapes, given, (low, high) = case
    rng = np.random.default_rng(zlib.crc32(repr((name, shapes, given)).encode()))
    compare(name, f, [rng.uniform(low, high, size=s) for s in shapes], given)


def test_class_indices() -> None:
    scores = np.random.default_rng(3).normal(size=(5, 7))
    target = np.array([6.0, 0.0, 3.0, 3.0, 1.0])
    z = torch.tensor(scores, requires_grad=True)
    loss = F.cross_entropy(z, torch.tensor(target).long())
    loss.backward()
    value, (grad, none) = derived(BY_NAME["cross_entropy"], [scores, target], {}, np.array(1.0))
    np.testing.assert_allclose(value, loss.item(), rtol=1e-12)
    np.testing.assert_allclose(grad, z.grad.numpy(), rtol=1e-11, atol=1e-14)
    assert not none.any()


# -- kinks and ties -------------------------------------------------------------------------------

KINKS: list[tuple[str, Callable[..., Any], float, dict[str, Any]]] = [
    ("abs", torch.abs, 0.0, {}), ("sign", torch.sign, 0.0, {}), ("relu", torch.relu, 0.0, {}),
    ("leaky_relu", F.leaky_relu, 0.0, {"negative_slope": 0.3}), ("elu", F.elu, 0.0, {"alpha": 0.7}),
    ("selu", F.selu, 0.0, {}), ("hardsigmoid", F.hardsigmoid, 3.0, {}),
    ("hardsigmoid", F.hardsigmoid, -3.0, {}), ("clip", torch.clip, -1.0, {"min": -1, "max": 0.5}),
    ("clip", torch.clip, 0.5, {"min": -1, "max": 0.5}), ("hardswish", F.hardswish, -3.0, {}),
    ("hardswish", F.hardswish, 3.0, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "f", "at", "given"), KINKS)
def test_same_choice_as_torch_at_kinks(name: str, f: Any, at: float, given: dict) -> None:
    x = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    f(x, **given).sum().backward()
    _, (grad,) = derived(BY_NAME[name], [np.array([at])], given, np.ones(1))
    np.testing.assert_allclose(grad, x.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize(("name", "f", "at", "given"), KINKS)
def test_the_choice_is_a_subgradient(name: str, f: Any, at: float, given: dict) -> None:
    """Between the slopes on both sides (where the function has no jump)."""
    if name == "sign":
        pytest.skip("sign jumps")
    op = BY_NAME[name]
    one = np.ones(1)
    slopes = [derived(op, [np.array([at + d])], given, one)[1][0][0] for d in (-1e-6, 1e-6)]
    (grad,) = derived(op, [np.array([at])], given, one)[1]
    assert min(slopes) - 1e-4 <= grad[0] <= max(slopes) + 1e-4


def test_ties_go_to_the_first() -> None:
    """As torch's pools and max over an axis do; its max over everything shares instead."""
    x = np.array([1.0, 3.0, 3.0, 2.0])
    one = np.array(1.0)
    assert derived(BY_NAME["max"], [x], {}, one)[1][0].tolist() == [0, 1, 0, 0]
    assert derived(BY_NAME["min"], [-x], {}, one)[1][0].tolist() == [0, 1, 0, 0]
    assert derived(BY_NAME["max"], [x], {"_ties": "split"}, one)[1][0].tolist() == [0, 0.5, 0.5, 0]
    both = derived(BY_NAME["maximum"], [x, x], {}, np.ones(4))[1]
    assert [g.tolist() for g in both] == [[1, 1, 1, 1], [0, 0, 0, 0]]
    t = torch.tensor(x[None], requires_grad=True)
    F.max_pool1d(t, 4).sum().backward()
    _, (pooled,) = derived(BY_NAME["max_pool1d"], [x], {"kernel_size": 4}, np.ones(1))
    assert pooled.tolist() == t.grad[0].tolist() == [0, 1, 0, 0]


# -- planted faults -------------------------------------------------------------------------------


def test_a_rule_off_by_one_percent_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tutor.calculus import reverse
    from tutor.graph.node import scale

    right = reverse._ein_rule
    monkeypatch.setattr(reverse, "_ein_rule", lambda *a: scale(1.01, right(*a)))
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError):
        compare("conv1d", convolution(1), [rng.normal(size=11), rng.normal(size=3)], {})


def test_a_lost_transpose_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the sizes of a square product hide it from the shape checks."""
    from tutor.calculus import reverse
    from tutor.graph.node import permute

    right = reverse._ein_rule

    def transposed(*a: Any) -> Any:
        n = right(*a)
        return permute(n, (1, 0)) if n.order == 2 else n

    monkeypatch.setattr(reverse, "_ein_rule", transposed)
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError):
        compare("matmul", product, [rng.normal(size=(5, 5)) for _ in range(2)], {})
