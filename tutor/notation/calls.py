"""Operations that the graph keeps whole, as calls that can be typed again.

A parameter is printed where it is not the default. What leaves a row on paper, a reduction over
axis 0 of a matrix, is transposed, since a node of order 1 prints as a column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import sympy as sp

from ..expr import Binary, Call, Const, Expr, Index, List, Num, Transpose
from ..graph.node import Node, pieces
from ..graph.sizes import output_size
from .build import NoMatrixForm, size_term
from .conv_parts import permuted
from .copies import narrow
from .scalars import term_of

Keywords = tuple[tuple[str, Expr], ...]


def call_term(node: Node, args: list[Expr]) -> Expr:
    name = node.attr[0]
    write = WRITTEN.get(name)
    if name not in ("power", "where", "kron"):
        args = [_column_of(a, e) for a, e in zip(node.args, args, strict=True)]
    return Call(name, tuple(args)) if write is None else write(node, args)


def _column_of(node: Node, term: Expr) -> Expr:
    """An operand of order 1 as a column: what is a matrix with one row or column on paper has two
    axes where it is typed, and softmax would go along the wrong one."""
    node = narrow(node)
    if node.order != 1 or node.kind != "ein":
        return term
    _, factors, out, sizes = pieces(node)
    uses = Counter(x for _, labels in factors for x in labels)
    for factor, labels in factors:
        lone = [x for x in labels if x not in out and uses[x] == 1 and sizes[x] == 1]
        if factor.kind != "rel" and factor.order == 2 and lone and set(labels) & set(out):
            return Call("vec", (term,))
    return term


def _last_axis(node: Node, args: list[Expr]) -> Expr:
    """softmax and its relatives: along the last axis unless they say otherwise."""
    name, (axis,) = node.attr
    order = node.args[0].order
    usual = axis == order - 1 and (name != "logsumexp" or order == 1)
    whole = Call(name, tuple(args), () if usual else _axis((axis,)))
    row = name == "logsumexp" and order == 2 and axis == 0
    return Transpose(whole) if row else whole


def _power(node: Node, args: list[Expr]) -> Expr:
    return Binary("**", args[0], args[1], elementwise=node.args[0].order > 0)


def _winner(node: Node, args: list[Expr]) -> Expr:
    """The mask of the largest entries."""
    return Call(node.attr[0], tuple(args), _over(node))


def _reduction(node: Node, args: list[Expr]) -> Expr:
    return _column(Call(node.attr[0], tuple(args), _over(node)), node)


def _var(node: Node, args: list[Expr]) -> Expr:
    correction = node.attr[1][1]
    more = () if correction == 0 else (("correction", Num(str(correction))),)
    return _column(Call("var", tuple(args), (*_over(node), *more)), node)


def _prod(node: Node, args: list[Expr]) -> Expr:
    """The product; without one factor or more prod_others(x), which is right at zeros too."""
    axes, without = node.attr[1]
    operand = node.args[0]
    if without == 0:
        return _column(Call("prod", tuple(args), _over(node)), node)
    if without == 1:
        one = Call("prod_others", tuple(args), _over(node))
        if operand.order == 2:
            return Transpose(one) if axes == (0,) else one
        kept = tuple(k for k in range(operand.order) if k not in axes)
        return permuted(one, tuple(range(operand.order)), (*kept, *axes))
    if operand.order > 1:
        raise NoMatrixForm
    return Call("prod_others", tuple(args), (("count", Num(str(without))),))


def _over(node: Node) -> Keywords:
    """The axes of a reduction, if it is not over all of them."""
    axes = node.attr[1][0]
    return () if len(axes) == node.args[0].order else _axis(axes)


def _axis(axes: tuple[int, ...]) -> Keywords:
    one = Num(str(axes[0]))
    return (("axis", one if len(axes) == 1 else List(tuple(Num(str(a)) for a in axes))),)


def _column(e: Expr, node: Node) -> Expr:
    """A reduction over axis 0 of a matrix is a row on paper."""
    axes = node.attr[1][0]
    return Transpose(e) if tuple(axes) == (0,) and node.args[0].order == 2 else e


def _triangle(node: Node, args: list[Expr]) -> Expr:
    name, (diagonal,) = node.attr
    if diagonal == 0:
        return Call(name, tuple(args))
    return Call(name, tuple(args), (("diagonal", size_term(diagonal)),))


def _kron(node: Node, args: list[Expr]) -> Expr:
    kinds = node.attr[1]
    rows = [Transpose(e) if k == "row" else e for e, k in zip(args, kinds, strict=True)]
    whole = Call("kron", tuple(rows))
    return Transpose(whole) if kinds == ("row", "row") else whole


def _sizes(node: Node, args: list[Expr]) -> Expr:
    """A constant matrix, given by its sizes."""
    name, parameters = node.attr
    return Call(name, tuple(size_term(d) for d in parameters))


def _pool(node: Node, args: list[Expr]) -> Expr:
    name, (k, s, p, d, out, _) = node.attr
    if name != "max_pool":
        raise NoMatrixForm  # the places of the maxima have no name that can be typed
    keywords: list[tuple[str, Expr]] = [("kernel_size", _integers(k))]
    if s != k:
        keywords.append(("stride", _integers(s)))
    if any(a != b for a, b in p):
        pairs = tuple(List(tuple(Num(str(x)) for x in q)) for q in p)
        keywords.append(("padding", List(pairs)))
    elif any(q != (0, 0) for q in p):
        keywords.append(("padding", _integers(tuple(q[0] for q in p))))
    if any(x != 1 for x in d):
        keywords.append(("dilation", _integers(d)))
    size = node.args[0].shape[-len(k) :]
    plain = tuple(output_size(*z) for z in zip(size, k, s, p, d, strict=True))
    if out != plain:
        keywords.append(("ceil_mode", Const(True)))
    return Call(f"max_pool{len(k)}d", tuple(args), tuple(keywords))


def _integers(xs: tuple[int, ...]) -> Expr:
    if len(set(xs)) == 1:
        return Num(str(xs[0]))
    return List(tuple(Num(str(x)) for x in xs))


def _normalized(node: Node, args: list[Expr]) -> Expr:
    """x̂ as the call that gives it: layer_norm(x), or batch_norm(X) where columns are averaged."""
    axes, (eps,), centred = node.attr[1]
    order = node.args[0].order
    name = "layer_norm" if centred else "rms_norm"
    more: Keywords = ()
    axes = tuple(axes)
    if centred and order > 1 and axes == (0, *range(2, order)):
        name = "batch_norm"
    elif centred and order > 3 and axes == tuple(range(2, order)):
        name = "instance_norm"
    elif len(axes) > 1 and axes == tuple(range(order - len(axes), order)):
        sizes = tuple(size_term(node.args[0].shape[k]) for k in axes)
        more = (("normalized_shape", List(sizes)),)
    elif axes != (order - 1,):
        raise NoMatrixForm
    usual = eps == (sp.Rational(1, 100_000) if centred else 0)
    return Call(name, tuple(args), more if usual else (*more, ("eps", term_of(eps))))


def _inverse_deviation(node: Node, args: list[Expr]) -> Expr:
    """1/√(var(x) + ε); of x that is not centred, the mean of its squares."""
    (_, (eps,), centred), operand = node.attr[1], args[0]
    over = _over(node)
    if centred:
        power: Expr = Call("var", (operand,), over)
    else:
        squares = Binary("**", operand, Num("2"), elementwise=node.args[0].order > 0)
        power = Call("mean", (squares,), over)
    inside = power if eps == 0 else Binary("+", power, term_of(eps))
    array = node.order > 0
    return _column(Binary("/", Num("1"), Call("sqrt", (inside,)), elementwise=array), node)


def _folding(node: Node, args: list[Expr]) -> Expr:
    """unfold and fold; the fold of one image without channels is its only channel."""
    name, (size, k, d, p, s, _, bare) = node.attr
    words = [("dilation", d, 1), ("padding", p, 0), ("stride", s, 1)]
    keywords = [("kernel_size", _integers(k))]
    if name == "fold":
        keywords.insert(0, ("output_size", _integers(size)))
    keywords += [(word, _integers(v)) for word, v, usual in words if set(v) != {usual}]
    whole = Call(name, tuple(args), tuple(keywords))
    return Index(whole, (Num("0"),)) if bare and name == "fold" else whole


WRITTEN: dict[str, Callable[[Node, list[Expr]], Expr]] = {
    "softmax": _last_axis,
    "log_softmax": _last_axis,
    "masked_softmax": _last_axis,
    "logsumexp": _last_axis,
    "power": _power,
    "max": _reduction,
    "argmax": _reduction,
    "argmax_onehot": _winner,
    "var": _var,
    "prod": _prod,
    "tril": _triangle,
    "triu": _triangle,
    "kron": _kron,
    "commutation": _sizes,
    "duplication": _sizes,
    "elimination": _sizes,
    "max_pool": _pool,
    "max_pool_winner": _pool,
    "normalized": _normalized,
    "unfold": _folding,
    "fold": _folding,
    "rstd": _inverse_deviation,
}
