"""Code from graph nodes, for what has no matrix notation: einsum, and relations as 0/1 arrays."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from ..calculus.simplify import rebuilt
from ..expr import Binary, Call, Expr, Index, Name, Neg, Num, Str
from ..graph import dims
from ..graph import node as g
from ..graph.dims import Dim, Shape
from ..graph.node import Node, constant_of, pieces, topological
from ..notation.build import NoMatrixForm
from ..notation.matrix import map_term, matrix_term
from ..notation.scalars import term_of
from .arithmetic import elementwise, multiplied, times
from .kept import builder_of
from .kinds import ALL, Code, NoCode
from .matrices import tuple_of
from .program import Namer
from .translate import Translator

SMALL = 200  # nodes of an expression that is written in one piece
_LETTERS = "ijklmnpqrstuvabcdefgh"


class TensorWriter:
    """Statements for a node and what it shares; `code` of the root is the result."""

    def __init__(
        self, translator: Translator, leaf_term: Callable[[Node], Expr], namer: Namer
    ) -> None:
        self.translator = translator
        self.leaf_term = leaf_term
        self.namer = namer
        self.statements: list[tuple[str, Expr]] = []
        self.done: dict[Node, Code] = {}

    def write(self, root: Node) -> Code:
        order = topological([root])
        size: dict[Node, int] = {}
        for n in order:
            size[n] = 1 + sum(size[a] for a in n.args)
        whole = {n: self.in_one_piece(n) if size[n] <= SMALL else None for n in order}
        needed, stack = set(), [root]
        while stack:
            n = stack.pop()
            if n not in needed:
                needed.add(n)
                if whole[n] is None:
                    stack.extend(n.args)
        for n in order:
            if n in needed:
                self.done[n] = whole[n] or self.joined(n)
        return self.done[root]

    def in_one_piece(self, node: Node) -> Code | None:
        """By way of matrix notation."""
        if node.order > 2 or node.kind == "rel":
            return None
        try:
            found = self.translator.code(matrix_term(node, self.leaf_term, self.translator.vec))
        except (NoMatrixForm, NoCode):
            return None
        return _as_node(found, node)

    def joined(self, node: Node) -> Code:
        """From its operands, each under a name of its own."""
        match node.kind:
            case "rel":
                return self.relation(node)
            case "ein":
                return self.einsum(node)
            case "add":
                return self.total(node)
            case "map":
                (operand,) = self.named(node)
                leaf = Name("t")
                inner = Translator({"t": operand}, self.translator.sizes)
                return inner.code(map_term(node.attr, leaf, node.order > 0))
            case "call":
                return self.call(node)
            case _:
                found = _as_node(self.translator.code(self.leaf_term(node)), node)
                return found or _refuse("a constant array")

    def named(self, node: Node) -> list[Code]:
        found = []
        for a in node.args:
            code = self.done[a]
            if not isinstance(code.term, Name | Num):
                own = self.namer.name(code.term)
                self.statements.append((own, code.term))
                code = Code(Name(own), code.shape, code.row, code.number)
                self.done[a] = code
            found.append(code)
        return found

    def call(self, node: Node) -> Code:
        operands = self.named(node)
        if node.attr[0] == "prod" and node.attr[1][1]:
            return self.products(node, operands[0])
        build = builder_of(node)
        if build is not None:
            return Code(build(node, operands), node.shape)
        if node.order > 2 or any(a.order > 2 for a in node.args):
            raise NoCode(node.attr[0])
        leaves = [g.var(("operand", k), a.shape) for k, a in enumerate(node.args)]
        known = {f"operand{k}": c for k, c in enumerate(operands)}
        try:
            term = matrix_term(rebuilt(node, leaves), lambda n: Name(f"operand{n.attr.name[1]}"))
        except NoMatrixForm:
            raise NoCode(node.attr[0]) from None
        outer = self.translator
        inner = Translator({**outer.leaves, **known}, outer.sizes, outer.vec, outer.ties)
        return _as_node(inner.code(term), node) or _refuse(node.attr[0])

    def products(self, node: Node, x: Code) -> Code:
        """Products along axes without one factor or two, whose places are the last axes."""
        axes, count = node.attr[1]
        if count > 2:
            raise NoCode("products without three of the factors")
        kept = [k for k in range(x.order) if k not in axes]
        term, order = x.term, [*kept, *axes]
        if order != sorted(order):
            term = Call("transpose", (term, tuple_of(tuple(Num(str(k)) for k in order))))
        if len(axes) > 1:
            sizes = (*(x.shape[k] for k in kept), dims.product([x.shape[k] for k in axes]))
            long = Call("reshape", (term, self.sizes(sizes)))
            term = long if kept else Call("ravel", (term,))
        if count == 1:
            term = Call("prod_others", (term,), (("axis", Neg(Num("1"))),))
        else:
            term = Call("prod_pairs", (term,))
        if len(axes) > 1:
            term = Call("reshape", (term, self.sizes(node.shape)))
        return Code(term, node.shape)

    def total(self, node: Node) -> Code:
        result: Code | None = None
        for c, operand in zip(node.attr, self.named(node), strict=True):
            negative = bool(c.could_extract_minus_sign())
            part = times(self.number(-c if negative else c), operand)
            if result is None:
                result = Code(Neg(part.term), part.shape) if negative else part
            else:
                result = elementwise("-" if negative else "+", result, part)
        assert result is not None
        return Code(result.term, node.shape)

    # -- products over labels ----------------------------------------------------------------

    def einsum(self, node: Node) -> Code:
        coef, factors, out, sizes = pieces(node)
        operands: list[tuple[Expr, tuple[int, ...]]] = []
        codes = dict(zip(node.args, self.named(node), strict=True))
        scalars: list[Code] = []
        for factor, labels in factors:
            value = constant_of(factor)
            if value is not None and not factor.order:
                coef = coef * value
            elif not labels:
                scalars.append(codes[factor])
            else:
                operands.append((codes[factor].term, labels))
        carried = {x for _, labels in operands for x in labels}
        for label, size in sizes.items():
            if label not in carried:
                if label in out:
                    operands.append((self.ones((size,)), (label,)))
                else:
                    coef = coef * dims.number(size)
        front = multiplied([self.number(coef), *scalars])
        if not operands:
            return front
        letter = dict(zip(sizes, _LETTERS, strict=False))
        if len(sizes) > len(_LETTERS):
            raise NoCode("too many axes")
        spec = ",".join("".join(letter[x] for x in labels) for _, labels in operands)
        spec += "->" + "".join(letter[x] for x in out)
        body: Expr = operands[0][0]
        if len(operands) > 1 or operands[0][1] != tuple(out):
            body = Call("einsum", (Str(spec), *(e for e, _ in operands)))
        return times(front, Code(body, node.shape))

    def number(self, c: sp.Expr) -> Code:
        return self.translator.code(term_of(c))

    def ones(self, shape: Shape) -> Expr:
        return Call("ones", (self.sizes(shape),))

    def sizes(self, shape: Shape) -> Expr:
        terms = tuple(self.size(d) for d in shape)
        return terms[0] if len(terms) == 1 else tuple_of(terms)

    def size(self, d: Dim) -> Expr:
        return self.translator.code(term_of(dims.number(d))).term

    def relation(self, node: Node) -> Code:
        """1 where Σ c_j i_j = c."""
        if g.is_delta(node):
            return Code(Call("eye", (self.size(node.shape[0]),)), node.shape)
        coefs, constant = node.attr
        total: Code | None = None
        for axis, (c, d) in enumerate(zip(coefs, node.shape, strict=True)):
            places: Expr = Call("positions", (self.size(d),))
            if node.order > 1:
                items = tuple(ALL if k == axis else Name("None") for k in range(node.order))
                places = Index(places, items)
            negative = bool(dims.number(c).could_extract_minus_sign())
            step = self.number(-dims.number(c) if negative else dims.number(c))
            part = times(step, Code(places))
            if total is None:
                total = Code(Neg(part.term)) if negative else part
            else:
                total = Code(Binary("-" if negative else "+", total.term, part.term))
        assert total is not None
        condition = Binary("==", total.term, self.number(dims.number(constant)).term)
        return Code(Call("indicator", (condition,)), node.shape)


def _as_node(c: Code, node: Node) -> Code | None:
    """The code if it has the axes of the node."""
    if c.order == node.order:
        return Code(c.term, node.shape, c.row, c.number)
    if node.order == 2 and c.order == 1:
        if node.shape[1] == 1 and not c.row:
            return Code(Index(c.term, (ALL, Name("None"))), node.shape)
        if node.shape[0] == 1 and c.row:
            return Code(Index(c.term, (Name("None"), ALL)), node.shape)
    return None


def _refuse(what: str) -> Code:
    raise NoCode(what)
