"""Matrix notation for graph nodes: from labelled products back to what a textbook prints.

A node becomes a term in the input language, so that the printed text can be read again. A product
over labels is worked off pair by pair: traces and dot products, matrix products along a label that
is summed and used twice, Hadamard products where two factors share all labels, diag where a vector
meets a matrix on a label that lives on. What has no matrix form raises `NoMatrixForm`; index
notation (`notation.index`) then says it with subscripts.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from ..expr import Binary, Call, Expr, List, Num, Str, Transpose
from ..graph.interned import is_symmetric
from ..graph.node import Node, T, add, constant_of, ein, pieces, scale
from ..ops.scalar import Named, step
from .build import NoMatrixForm, product, relation_term, scaled, sum_term
from .calls import call_term
from .comparisons import condition_term, extreme, mask_term
from .copies import in_blocks, narrow
from .entrywise import with_bias
from .literal import Entries, written_out
from .norms import length_of, root_of, squared_length, takes_root
from .ones import in_ones, is_centre, reads_as_matrices
from .precedence import COMPARISONS
from .products import Product
from .relations import without_units
from .scalars import constant_term, term_of
from .signs import led
from .tensors import is_tensor_product, tensor_product

Leaves = Callable[[Node], Expr]


def matrix_term(node: Node, leaf: Leaves, vec: str = "column") -> Expr:
    """The node as a term: a scalar, a column, or a matrix; `vec` is what vec( ) means."""
    sums = node.kind == "add" and node.order <= 2
    if sums and written_out(node) is None and extreme(node) is None:
        return led(_sum(node, leaf, vec, top=True))
    term = led(unsigned_term(node, leaf, vec))
    if isinstance(term, Binary) and term.op in COMPARISONS:  # as a result, by its two values
        return Call("where", (term, Num("1"), Num("0")))
    return term


def unsigned_term(node: Node, leaf: Leaves, vec: str = "column") -> Expr:
    """The same with the sign of a product in front of it, where sums look for it."""
    match node.kind:
        case "var":
            return leaf(node)
        case "rel":
            return relation_term(node)
        case "map":
            argument = _argument(node, leaf, vec)
            below = node.attr == step(-T) and node.args[0].kind == "add"
            mask = _condition(node, argument, leaf, vec, below)
            return mask or map_term(node.attr, argument, node.order > 0)
        case "call":
            spread = node.attr[0] in SPREAD
            args = [unrepeated(a) if spread and k else a for k, a in enumerate(node.args)]
            terms = [unsigned_term(a, leaf, vec) for a in args]
            if node.attr[0] == "where":
                terms[0] = _condition(args[0], None, leaf, vec, True) or terms[0]
            return call_term(node, terms)
        case "add":
            ends = extreme(node)
            if ends is not None:
                sides = (led(unsigned_term(unrepeated(a), leaf, vec)) for a in ends[1:])
                return Call(ends[0], tuple(sides))
            entries = written_out(node) if node.order <= 2 else None
            return _sum(node, leaf, vec) if entries is None else _list(node, entries, leaf, vec)
        case _:
            if is_tensor_product(node):
                return tensor_product(node, lambda a: unsigned_term(a, leaf, vec))
            return _product(node, leaf, vec)


SPREAD = ("power", "where")  # a scalar exponent or choice goes with any first operand


def _condition(
    node: Node, argument: Expr | None, leaf: Leaves, vec: str, strict: bool
) -> Expr | None:
    """A mask as a comparison; without an argument, one number may stand for all entries."""
    alone = argument is not None and unrepeated(node.args[0]).order < node.order

    def write(part: Node) -> Expr:
        return led(unsigned_term(part if alone else unrepeated(part), leaf, vec))

    def function(f: sp.Expr) -> Expr:
        inner = unsigned_term(node.args[0], leaf, vec) if argument is None else argument
        return led(map_term(f, inner, node.order > 0))

    return condition_term(node, write, function, strict)


def _argument(node: Node, leaf: Leaves, vec: str) -> Expr:
    """What a function is applied to; a square whose root it takes as the square of a length."""
    inner = node.args[0]
    root = root_of(inner) if takes_root(node.attr) else None
    if root is None:
        return unsigned_term(inner, leaf, vec)
    return squared_length(unsigned_term(root, leaf, vec), root.order)


def _list(node: Node, entries: Entries, leaf: Leaves, vec: str) -> Expr:
    """The array as a list of its entries."""

    def entry(*place: int) -> Expr:
        found = entries.get(place)
        return Num("0") if found is None else led(unsigned_term(found, leaf, vec))

    rows, *columns = (range(int(d)) for d in node.shape)
    if not columns:
        return List(tuple(entry(i) for i in rows))
    return List(tuple(List(tuple(entry(i, j) for j in columns[0])) for i in rows))


def _sum(node: Node, leaf: Leaves, vec: str, top: bool = False) -> Expr:
    """A sum; a term that repeats one number is that number among functions of the entries.

    Beside products of matrices it is a column or a matrix of ones: I − 𝟏𝟏ᵀ/n.
    """
    parts = [(c, a) for c, a in zip(node.attr, node.args, strict=True)]
    carried = [
        any(k < a.order for ls in a.attr.labels for k in ls) if a.kind == "ein" else True
        for _, a in parts
    ]
    terms: list[tuple[sp.Expr, Expr | None]] = []
    repeated: list[Node] = []
    spreads = node.order > 2 and any(_covers(a) for _, a in parts)
    for (c, a), full in zip(parts, carried, strict=True):
        negative = bool(c.could_extract_minus_sign())
        whole = scale(-c if negative else c, a)
        sign = sp.S.NegativeOne if negative else sp.S.One
        if spreads and not _covers(a):
            part = tensor_product(whole, lambda b: unsigned_term(b, leaf, vec), partial=True)
            terms.append((sign, part))
            continue
        alone = any(carried) and not full  # beside other terms, one number for all entries
        terms.append((sign, None if alone else unsigned_term(whole, leaf, vec)))
        if alone:
            repeated.append(whole)
    terms = with_bias(terms) if spreads else terms
    others = [t for _, t in terms if t is not None]
    spread = node.order > 0 and reads_as_matrices(others, top)
    numbers = []
    for whole in repeated:
        number = _product(whole, leaf, vec, spread=False)
        written = not spread or is_centre(number, others)
        numbers.append(number if written else in_ones(number, node.shape))
    signed = [(c, numbers.pop(0) if t is None else t) for c, t in terms]
    untransposed_first(signed)
    lead = next((k for k, (c, _) in enumerate(signed) if c == 1), 0)
    signed.insert(0, signed.pop(lead))  # p − y rather than −y + p
    return sum_term(signed)


def _covers(node: Node) -> bool:
    """Whether every axis is carried by a factor, so that none is repeated."""
    if node.kind != "ein":
        return True
    return set(range(node.order)) <= {k for labels in node.attr.labels for k in labels}


def untransposed_first(terms: list[tuple[sp.Expr, Expr]]) -> None:
    """B + Bᵀ rather than Bᵀ + B."""
    for j, (c, term) in enumerate(terms):
        for k, (d, earlier) in enumerate(terms[:j]):
            if c == d and earlier == Transpose(term):
                terms[j], terms[k] = terms[k], terms[j]


def unrepeated(node: Node) -> Node:
    """The scalar that a constant-valued array repeats; the node itself if its entries differ."""
    if node.kind == "add":
        parts = [unrepeated(a) for a in node.args]
        return add(parts, node.attr) if all(p.order == 0 for p in parts) else node
    if node.kind != "ein" or any(k < node.order for ls in node.attr.labels for k in ls):
        return node
    factors = list(zip(node.args, node.attr.labels, strict=True))
    return ein(factors, (), node.attr.coef)


# -- elementwise functions ------------------------------------------------------------------------


def map_term(f: sp.Expr, argument: Expr, array: bool) -> Expr:
    """f(argument), with the products, powers and quotients of f written out."""
    if f == T:
        return argument
    if not f.has(T):
        return term_of(f)
    mask = mask_term(f, lambda h: map_term(h, argument, array))
    if mask is not None:
        return mask
    if f.is_Add:
        free = [(sp.S.One, a) for a in f.as_ordered_terms()]
        free.sort(key=lambda item: item[1].has(T))  # constants first: 1 − tanh²
        terms = []
        for _, a in free:
            c, rest = a.as_coeff_Mul()
            terms.append((c, map_term(rest, argument, array)))
        if terms[0][0].is_negative and not all(c.is_negative for c, _ in terms):
            first = next(k for k, (c, _) in enumerate(terms) if not c.is_negative)
            terms.insert(0, terms.pop(first))
        return sum_term(terms)
    if f.is_Mul:
        c, rest = f.as_coeff_Mul()
        if c != 1:
            return scaled(c, map_term(rest, argument, array))
        number, rest = rest.as_independent(T, as_Add=False)
        if number != 1:  # √2 √π in front, not among the entries
            return product([constant_term(number)], map_term(rest, argument, array))
        tops = [a for a in f.args if not _downstairs(a)]
        bottoms = [1 / a for a in f.args if _downstairs(a)]
        tops.sort(key=lambda a: a.is_Add)
        result: Expr | None = None
        for a in tops:
            part = map_term(a, argument, array)
            result = part if result is None else Binary("*", result, part, elementwise=array)
        if not bottoms:
            assert result is not None
            return result
        down = map_term(sp.Mul(*bottoms), argument, array)
        return Binary("/", result or Num("1"), down, elementwise=array)
    if f.is_Pow:
        base, exponent = f.args
        root = length_of(argument) if base == T and (2 * exponent).is_odd else None
        if root is not None:  # (‖x‖²)^{k/2} is ‖x‖^k
            return map_term(T ** (2 * exponent), root, False)
        if exponent == sp.S.Half:
            return Call("sqrt", (map_term(base, argument, array),))
        if _downstairs(f):
            return Binary("/", Num("1"), map_term(1 / f, argument, array), elementwise=array)
        spread = array and base.has(T)
        power = map_term(exponent, argument, array)
        return Binary("**", map_term(base, argument, array), power, elementwise=spread)
    name = f.func.__name__
    inner = map_term(f.args[0], argument, array)
    if name == "gelu_tanh":
        return Call("gelu", (inner,), (("approximate", Str("tanh")),))
    name = "abs" if name == "Abs" else name
    if name == "xlogx":
        return Binary("*", inner, Call("log", (inner,)), elementwise=array)
    return Call(name, (inner,), _parameters(f))


_SHOWN = {
    "leaky_relu": ("negative_slope",),
    "elu": ("alpha",),
    "softplus": ("beta",),
    "clip": ("min", "max"),
    "huber": ("delta",),
}
_USUAL = {("softplus", "beta"): 1, ("elu", "alpha"): 1}  # defaults, which go without saying


def _parameters(f: sp.Expr) -> tuple[tuple[str, Expr], ...]:
    if not isinstance(f, Named):
        return ()
    known = _SHOWN.get(f.func.__name__, ())
    pairs = zip(known, f.args[1:], strict=False)
    name = f.func.__name__
    return tuple(
        (k, term_of(v)) for k, v in pairs if v not in (sp.oo, -sp.oo) and _USUAL.get((name, k)) != v
    )


def _downstairs(f: sp.Expr) -> bool:
    return f.is_Pow and f.exp.is_number and bool(f.exp.is_negative)


# -- products over labels -------------------------------------------------------------------------


def _product(node: Node, leaf: Leaves, vec: str, spread: bool = True) -> Expr:
    """spread: whether an axis that nothing carries is written as a vector of ones."""
    slim = narrow(node)
    if slim is not node and spread:
        return unsigned_term(slim, leaf, vec)
    coef, factors, out, sizes = pieces(node)
    out = out if spread else ()

    def laid_out() -> Product:
        work = Product(coef, list(out), sizes, vec)
        for factor, labels in factors:
            if factor.kind == "rel":
                work.relation(factor, labels)
            else:
                value = constant_of(factor)
                term = term_of(value) if value is not None else unsigned_term(factor, leaf, vec)
                work.item(term, labels, is_symmetric(factor))
        return work

    try:
        return laid_out().finish()
    except NoMatrixForm:
        moves = [(f, ls) for f, ls in factors if f.kind == "rel"]
        carried = {frozenset(ls) for f, ls in factors if f.kind != "rel" and ls}
        if in_blocks(moves) and node.order and len(carried) == 1:  # copies are summed
            return tensor_product(node, lambda a: unsigned_term(a, leaf, vec))
        if all(d != 1 or x in out for x, d in sizes.items()):
            raise
        work = laid_out()
        work.items = [without_units(item, sizes, out) for item in work.items]
        return work.finish()
