"""A derivative as a function of the given quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..calculus.reverse import identity, pullback
from ..calculus.simplify import simplify
from ..errors import InputError
from ..expr import Call, Expr, Name, Num, names
from ..graph import dims
from ..graph.dims import Shape
from ..graph.node import Node, topological
from ..notation.build import NoMatrixForm, size_term
from ..notation.build import transposed as turned
from ..notation.jacobian import jacobian_term
from ..notation.text import text
from ..problem.lines import Line
from ..steps import TaskResult
from ..tasks.chain import tree_size
from ..tasks.constrained import constrained_term, symmetric
from ..tasks.second import gradient_node, twice_node, written_out
from ..tasks.workspace import Workspace
from .arithmetic import times
from .kinds import Code, NoCode, flat, same, upright
from .libraries import Library
from .matrices import tuple_of
from .program import Body, Namer, body
from .signature import Parameter, identifier, signature
from .spelling import spelled
from .tensors import TensorWriter
from .translate import Translator

TREE = 3000  # nodes of an expression that is still written through its matrix notation


@dataclass(frozen=True)
class Function:
    """accepted: everything that the quantity depends on; parameters: what the derivative needs.

    sizes are read off the parameters' shapes before the body.
    """

    name: str
    kind: str
    of: str
    wrt: tuple[str, ...]
    library: Library
    accepted: tuple[Parameter, ...]
    parameters: tuple[Parameter, ...]
    sizes: tuple[tuple[str, Expr], ...]
    body: Body
    shape: Shape
    formula: str | None
    title: str


def function(ws: Workspace, result: TaskResult, library: Library, name: str) -> Function:
    """The function of one gradient, Jacobian or Hessian; InputError where there is none."""
    of, wrt = result.subject["of"], result.subject["wrt"]
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    return _Maker(ws, result, ws.line(of), tuple(ws.line(n) for n in wrt), library).made(name)


class _Maker:
    def __init__(
        self, ws: Workspace, result: TaskResult, of: Line, wrt: Sequence[Line], library: Library
    ) -> None:
        self.ws = ws
        self.result = result
        self.of, self.wrt = of, tuple(wrt)
        self.library = library
        below = ws.graph.below([of])
        given = [x for x in ws.graph.lines.values() if x.kind == "given" and x in below]
        self.accepted = tuple(
            Parameter(x.name, identifier(x.name), x.leaf.node.shape, x.leaf.row) for x in given
        )
        if any("homogeneous" in x.properties for x in given):
            raise InputError("there is no code for homogeneous vectors yet")
        leaves = {p.name: Code(Name(p.identifier), p.shape, p.row) for p in self.accepted}
        self.vec = ws.problem.convention.vec
        self.translator = Translator(leaves, ws.graph.sizes, self.vec, ws.problem.convention.ties)
        self.taken = {p.identifier for p in self.accepted} | set(ws.graph.sizes)

    def made(self, name: str) -> Function:
        shape = self.shape()
        try:
            draft = self.from_term(shape) or self.from_node(shape)
        except NoCode as missing:
            raise InputError(f"there is no code for this derivative yet: {missing}") from None
        parameters, sizes = signature(draft, self.accepted, self.ws.graph.sizes)
        counted = self.indices() if self.library.like else set()
        like = next((p.identifier for p in parameters if p.shape and p.name not in counted), None)
        if like is None and parameters:
            like = parameters[0].identifier
        fixed = Body(
            tuple((n, spelled(e, self.library, like)) for n, e in draft.statements),
            spelled(draft.result, self.library, like),
        )
        whole = self.shared(fixed, name)
        title = self.ws.problem.title if self.single() else self.of.name
        formula = self.printed()
        return Function(
            name, self.result.task, self.of.name, tuple(x.name for x in self.wrt), self.library,
            self.accepted, parameters, sizes, whole, shape,
            None if formula is None else text(formula), title,
        )  # fmt: skip

    def indices(self) -> set[str]:
        """The parameters that are class indices: whole numbers, whose type no result has."""
        hot = [n for n in topological([self.node()]) if n.kind == "call" and n.attr[0] == "one_hot"]
        return {str(n.args[0].attr.name) for n in hot if n.args[0].kind == "var"}

    def single(self) -> bool:
        """Whether the whole problem is one expression, whose text is its title."""
        define = self.ws.problem.define
        return len(define) == 1 and text(define[0].expr) == self.ws.problem.title

    def shared(self, draft: Body, name: str) -> Body:
        taken = self.taken | {n for n, _ in draft.statements} | {name}
        if not draft.statements:
            return body(draft.result, taken, self.ws.graph.sizes)
        done: list[tuple[str, Expr]] = []
        for n, e in draft.statements:
            inner = body(e, taken, self.ws.graph.sizes)
            done += [*inner.statements, (n, inner.result)]
            taken |= {m for m, _ in inner.statements}
        last = body(draft.result, taken, self.ws.graph.sizes)
        return Body((*done, *last.statements), last.result)

    # -- what is returned --------------------------------------------------------------------

    def shape(self) -> Shape:
        shape = self.result.shape or ()
        if self.result.task == "gradient":
            return self.wrt[0].symbol.shape
        return tuple(shape)

    def from_term(self, shape: Shape) -> Body | None:
        """By way of the formula, where it is in the givens and has a matrix form."""
        for e in (self.printed(), self.derived()):
            if e is None:
                continue
            try:
                found = self.fitted(self.translator.whole(e), shape)
            except NoCode:
                continue
            return Body((), found)
        return None

    def printed(self) -> Expr | None:
        e = self.result.formula
        known = {*self.translator.leaves, *self.ws.graph.sizes, "pi", "e"}
        return e if e is not None and set(names(e)) <= known else None

    def derived(self) -> Expr | None:
        node = self.node()
        if tree_size(node) > TREE:
            return None
        try:
            e = self.term(node)
        except NoMatrixForm:
            return None
        if self.result.task == "gradient" and symmetric(self.wrt[0]):
            e = constrained_term(self.wrt[0], e)
        elif any(map(symmetric, self.wrt)):
            return None
        return e

    def term(self, node: Node) -> Expr:
        ws = self.ws
        if self.result.task == "gradient":
            e = ws.term(node)
            return turned(e) if self.wrt[0].leaf.row else e
        style = ws.problem.convention
        return jacobian_term(node, self.rows(), ws.leaf_term, style.layout, style.vec)

    def rows(self) -> int:
        if self.result.task == "hessian":
            return self.ordered()[0].symbol.order
        return self.of.symbol.order

    def ordered(self) -> tuple[Line, Line]:
        """The two variables of a Hessian, in the order of its node's axes."""
        first, second = self.wrt[0], self.wrt[-1]
        turn = self.ws.problem.convention.layout == "denominator"
        return (second, first) if turn else (first, second)

    def node(self) -> Node:
        """The derivative over the givens."""
        ws, of = self.ws, self.of
        if self.result.task == "gradient":
            return gradient_node(ws, of, self.wrt[0])
        if self.result.task == "hessian":
            return twice_node(ws, of, *self.ordered())
        full = written_out(ws, of)
        return simplify(pullback(full, identity(full.shape), [self.wrt[0].symbol])[0])

    def fitted(self, c: Code, shape: Shape) -> Expr:
        """The code with the axes that are returned."""
        if c.order == 0 and shape:
            if 1 in shape and len(shape) == 2 and not c.number and all(d == 1 for d in shape):
                return Call("reshape", (c.term, tuple_of((Num("1"), Num("1")))))
            return self.filled(c, shape)
        if len(shape) == 2 and c.order == 1:
            c = upright(c)
        elif len(shape) == 1 and c.order == 2:
            c = flat(c)
        if not shape and c.number:
            return (
                Num(f"{c.term.text}.0")
                if isinstance(c.term, Num) and c.term.text.isdigit()
                else c.term
            )
        if c.order != len(shape) or not all(map(same, c.shape, shape)):
            raise NoCode("the size of the result")
        return c.term

    def filled(self, c: Code, shape: Shape) -> Expr:
        if not c.number:
            raise NoCode("a scalar for an array")
        terms = tuple(self.translator.code(size_term(d)).term for d in shape)
        size = terms[0] if len(terms) == 1 else tuple_of(terms)
        if c.term == Num("0"):
            return Call("zeros", (size,))
        return times(c, Code(Call("ones", (size,)), shape)).term

    # -- without matrix notation -------------------------------------------------------------

    def from_node(self, shape: Shape) -> Body:
        node = self.node()
        if any(map(symmetric, self.wrt)):
            raise NoCode("a symmetric or diagonal variable in a formula without matrix notation")
        writer = TensorWriter(self.translator, self.ws.leaf_term, Namer(self.taken))
        found = writer.write(node)
        e = found.term if self.result.task == "gradient" else self.unrolled(found.term, node)
        if not node.order and shape:
            e = Call("reshape", (e, tuple_of((Num("1"), Num("1")))))
        return Body(tuple(writer.statements), e)

    def unrolled(self, e: Expr, node: Node) -> Expr:
        """The array as a matrix: the result's axes merged, then the variable's."""
        if node.order == 0:
            return e
        rows = self.rows()
        front, back = list(range(rows)), list(range(rows, node.order))
        order = [*self.by_vec(front), *self.by_vec(back)]
        turn = self.ws.problem.convention.layout == "denominator"
        if turn:
            order = [*self.by_vec(back), *self.by_vec(front)]
        if order != sorted(order):
            e = Call("transpose", (e, tuple_of(tuple(Num(str(k)) for k in order))))
        if node.order == 2 and rows == 1:
            return e
        sizes = [dims.product(node.shape[:rows]), dims.product(node.shape[rows:])]
        terms = tuple(
            self.translator.code(size_term(d)).term for d in (sizes[::-1] if turn else sizes)
        )
        return Call("reshape", (e, tuple_of(terms)))

    def by_vec(self, axes: list[int]) -> list[int]:
        return axes[::-1] if self.vec == "column" and len(axes) <= 2 else axes
