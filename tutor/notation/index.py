"""Index notation: what has no matrix form is written with subscripts, Σ and δ.

∂L/∂w_k = Σ_o ∂L/∂y_o · x_{o+k}: an index relation is solved for one of its labels, which then
appears as a sum inside the subscript; one that cannot be solved stays as a δ. Indices count from 0,
an entry outside its array counts 0, and an axis of size 1 has no subscript. The range of a summed
letter is that of the (longest) axis at which it stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from ..expr import Binary, Call, Component, Expr, Name, Neg, Num, Sum, Transpose, names, walk
from ..graph import dims
from ..graph.dims import Dim
from ..graph.node import Node, constant_of, is_delta, pieces, topological
from .build import NoMatrixForm, scaled, sum_term
from .calls import call_term
from .gathered import gathered, product_of, sums
from .matrix import Leaves, map_term, matrix_term
from .scalars import term_of
from .signs import led
from .subscript import (
    Linear,
    combined,
    delta_term,
    divided,
    eliminated,
    letter,
    renamed,
    stays_within,
    subscript_term,
)

At = Expr | None  # the subscript of one axis
EntryLeaf = Callable[[Node, Sequence[At]], Expr]  # an entry of a leaf
OUTPUT = ("i", "j", "k", "l", "m", "n", "p", "h", "q")
SUMMED = ("r", "s", "t", "u", "v", "a", "e", "b", "c", "d")
MORE = tuple(f"{x}{k}" for k in (1, 2) for x in OUTPUT[:4])  # where names have taken the others
ORDER = {x: k for k, x in enumerate((*OUTPUT, *MORE, *SUMMED))}
DEEPEST = 12  # functions and sums inside one another
WRITTEN_OUT = 3  # values of an index that are written one by one


def index_term(
    node: Node,
    leaf: Leaves,
    avoid: Collection[str] = (),
    entry_leaf: EntryLeaf | None = None,
    vec: str = "column",
) -> Expr:
    """One entry of the node, at the index letters that `subscripts` gives; raises NoMatrixForm.

    avoid: names that no index letter may have
    entry_leaf: how an entry of a leaf is written, where subscripts behind it will not do
    """
    letters = [x for x in (*OUTPUT, *MORE) if x not in avoid]
    summed = tuple(x for x in SUMMED if x not in avoid)
    mark = "delta" if "delta" not in avoid else "delta_K"
    at: list[Linear | None] = []
    scope: dict[str, Dim] = {}
    for name, d in zip(_letters(node.shape, letters), node.shape, strict=True):
        at.append(None if name is None else letter(name))
        if name is not None:
            scope[name] = d
    writer = _Writer(leaf, entry_leaf, summed, mark, vec)
    return led(writer.entry(node, tuple(at), scope, 0))


def subscripts(shape: Sequence[Dim], avoid: Collection[str] = ()) -> tuple[At, ...]:
    """An index letter per axis; None for an axis of size 1."""
    names = _letters(shape, [x for x in (*OUTPUT, *MORE) if x not in avoid])
    return tuple(None if x is None else Name(x) for x in names)


def _letters(shape: Sequence[Dim], letters: Sequence[str]) -> list[str | None]:
    free = iter(letters)
    found: list[str | None] = []
    for d in shape:
        name = None if d == 1 else next(free, None)
        if d != 1 and name is None:
            raise NoMatrixForm
        found.append(name)
    return found


def component(e: Expr, at: Sequence[At]) -> Expr:
    """e with the subscripts that there are."""
    shown = tuple(x for x in at if x is not None)
    return Component(e, shown) if shown else e


def has_subscripts(e: Expr) -> bool:
    return any(isinstance(x, Component | Sum) for x in walk(e))


Scope = Mapping[str, Dim]  # the letters in use and their ranges
Place = tuple[Linear | None, ...]


@dataclass(frozen=True)
class _Writer:
    leaf: Leaves
    entry_leaf: EntryLeaf | None
    summed: tuple[str, ...]
    mark: str  # of the Kronecker delta
    vec: str

    def entry(self, node: Node, at: Place, scope: Scope, depth: int) -> Expr:
        """The node at a place; only `var` and `call` may be asked for one beside their array."""
        if depth > DEEPEST:
            raise NoMatrixForm
        match node.kind:
            case "var":
                if self.entry_leaf is not None:
                    return self.entry_leaf(node, _shown(at))
                return component(untransposed(self.leaf(node), node), _shown(at))
            case "rel":
                coefs, constant = node.attr
                parts = [(c, x) for c, x in zip(coefs, at, strict=True) if x is not None]
                return self.delta(combined(parts, dims.dim(-constant)))
            case "map":
                return map_term(node.attr, self.entry(node.args[0], at, scope, depth + 1), False)
            case "add":
                return self.sum(node, at, scope, depth)
            case "ein":
                return self.product(node, at, scope, depth)
            case "call" if node.attr[0] == "power":
                base, exponent = (
                    self.entry(a, at if a.order else (), scope, depth + 1) for a in node.args
                )
                return Binary("**", base, exponent)
            case _:
                return component(self.whole(node), _shown(at))

    def whole(self, node: Node) -> Expr:
        """The array that the node is, to be followed by subscripts."""
        if node.kind != "call":
            return untransposed(matrix_term(node, self.leaf, self.vec), node)
        args = [
            self.leaf(a) if a.kind == "var" else matrix_term(a, self.leaf, self.vec)
            for a in node.args
        ]
        if node.attr[0] == "max_pool_winner":  # display only: it cannot be typed
            return Call("winner", tuple(args))
        return untransposed(call_term(node, args), node)

    def delta(self, form: Linear) -> Expr:
        """1 where the form is zero."""
        if form.terms:
            return delta_term(form, ORDER, self.mark)
        if not isinstance(form.constant, int):
            raise NoMatrixForm
        return Num("1" if form.constant == 0 else "0")

    def sum(self, node: Node, at: Place, scope: Scope, depth: int) -> Expr:
        terms: list[tuple[sp.Expr, Expr]] = []
        for c, a in zip(node.attr, node.args, strict=True):
            value = constant_of(a)
            term = None if value is None else term_of(value)
            terms.append((c, term or self.entry(a, at, scope, depth + 1)))
        return sum_term(terms)

    def product(self, node: Node, at: Place, scope: Scope, depth: int) -> Expr:
        coef, factors, out, sizes = pieces(node)
        fixed: dict[int, Linear | None] = dict.fromkeys(x for x, d in sizes.items() if d == 1)
        fixed |= dict(zip(out, at, strict=True))
        parts = self.parts(factors, fixed, sizes, scope, depth)
        if parts is None:
            return Num("0")
        negative = bool(coef.could_extract_minus_sign())
        whole = scaled(-coef if negative else coef, parts)
        return Neg(whole) if negative else whole

    def parts(
        self,
        factors: Sequence[tuple[Node, tuple[int, ...]]],
        fixed: Mapping[int, Linear | None],
        sizes: Mapping[int, Dim],
        scope: Scope,
        depth: int,
    ) -> Expr | None:
        """The sum over the labels that are not fixed; None if it is zero."""
        inner = [x for x in sizes if x not in fixed]
        form = {**fixed, **{x: letter(f"#{x}") for x in inner}}
        plain = [(f, ls) for f, ls in factors if f.kind != "rel"]
        relations = [
            combined(
                [
                    (c, place)
                    for c, x in zip(f.attr[0], ls, strict=True)
                    if (place := form[x]) is not None
                ],
                dims.dim(-f.attr[1]),
            )
            for f, ls in factors
            if f.kind == "rel"
        ]
        carried = {f"#{x}" for f, ls in plain if _is_guard(f) for x in ls if x in inner}
        ranges = {**scope, **{f"#{x}": sizes[x] for x in inner}}
        summed = {f"#{x}" for x in inner}
        parted, more, relations = divided(relations, summed, ranges)
        scope = {**scope, **more}
        values, left = eliminated(relations, summed, carried, {**ranges, **more})
        values |= parted
        rest = [x for x in inner if f"#{x}" not in values]
        loose = [x for x in rest if not any(x in ls for _, ls in plain)]
        if (
            loose
            and rest == loose[:1]
            and isinstance(d := sizes[loose[0]], int)
            and d <= WRITTEN_OUT
        ):
            return self.one_by_one(factors, fixed, sizes, scope, depth, loose[0], d)
        free = [x for x in self.summed if x not in scope]
        if len(free) < len(rest):
            raise NoMatrixForm
        chosen = dict(zip(rest, free, strict=False))
        scope = {**scope, **{name: sizes[x] for x, name in chosen.items()}}
        named = {f"#{x}": name for x, name in chosen.items()}

        def place(x: int) -> Linear | None:
            if x in fixed:
                return fixed[x]
            return renamed(values.get(f"#{x}", letter(f"#{x}")), named)

        body: list[Expr] = []
        for factor, ls in plain:
            where = tuple(place(x) for x in ls)
            inside = all(
                w is None or stays_within(w, sizes[x], scope)
                for w, x in zip(where, ls, strict=True)
            )
            value = constant_of(factor)
            if value is not None:
                body.append(term_of(value))
            elif inside or _is_guard(factor, strictly=True):
                body.append(self.entry(factor, where, scope, depth + 1))
            else:
                body.append(component(self.whole(factor), _shown(where)))
        hidden = [x for x in rest if not self.shows(chosen[x], x, plain, body)]
        deltas = [self.delta(renamed(r, named)) for r in left]
        if Num("0") in deltas:
            return None
        body = [*gathered(body, ORDER), *dict.fromkeys(d for d in deltas if d != Num("1"))]
        letters = set(chosen.values())
        moving = [b for b in body if not letters.isdisjoint(names(b))]
        front = [b for b in body if letters.isdisjoint(names(b))]
        if chosen:
            ranged = {chosen[x]: sizes[x] for x in hidden}
            front.append(sums(tuple(chosen.values()), ranged, product_of(moving)))
        return product_of(front)

    def shows(
        self,
        name: str,
        label: int,
        plain: Sequence[tuple[Node, tuple[int, ...]]],
        body: Sequence[Expr],
    ) -> bool:
        """Whether an array has the letter alone at an axis of its own range."""
        carriers = [f for f, ls in plain if label in ls]
        if not carriers or any(_is_guard(f, strictly=True) for f in carriers):
            return bool(carriers)
        moved = any(n.kind == "rel" and not is_delta(n) for n in topological(carriers))
        return not moved and any(
            isinstance(c, Component) and c.arg != Name(self.mark) and Name(name) in c.indices
            for b in body
            for c in walk(b)
        )

    def one_by_one(
        self,
        factors: Sequence[tuple[Node, tuple[int, ...]]],
        fixed: Mapping[int, Linear | None],
        sizes: Mapping[int, Dim],
        scope: Scope,
        depth: int,
        label: int,
        size: int,
    ) -> Expr | None:
        """A label that no array shows the range of: its few values, added up."""
        found = [
            self.parts(factors, {**fixed, label: Linear((), v)}, sizes, scope, depth + 1)
            for v in range(size)
        ]
        terms = [(sp.S.One, t) for t in found if t is not None]
        return sum_term(terms) if terms else None


def _shown(at: Place) -> tuple[At, ...]:
    return tuple(None if x is None else subscript_term(x, ORDER) for x in at)


def untransposed(e: Expr, node: Node) -> Expr:
    """One subscript: no matter whether it is that of a row or of a column."""
    return e.arg if node.order <= 1 and isinstance(e, Transpose) else e


def _is_guard(node: Node, strictly: bool = False) -> bool:
    """An array whose entries can be asked for beside it, where they count 0."""
    kept = node.kind == "var" or (node.kind == "call" and node.attr[0] != "power")
    return kept or (not strictly and node.order <= 2 and constant_of(node) is None)
