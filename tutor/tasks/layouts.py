"""What a result's shape owes to convention: said in full once per solution, briefly after that."""

from __future__ import annotations

from ..expr import Call, Expr, Name, Partial, Transpose
from ..notation.build import NoMatrixForm
from ..notation.jacobian import jacobian_term
from ..notation.names import size_words
from ..notation.text import text
from ..steps import Step, Text, in_turn
from .chain import Chain, jacobian_size, size_text, tree_size
from .constrained import free_jacobian_size, symmetric

LONGEST = 48  # characters of a formula inside a sentence
UNROLLING = ("vec", "unvec", "vech")
OTHER = {"numerator": "denominator", "denominator": "numerator", "column": "row", "row": "column"}
LAYOUT = {
    "numerator": Text("numerator layout"),
    "denominator": Text("denominator layout"),
}
VEC = {"column": Text("vec by columns"), "row": Text("vec by rows")}


def layout_steps(chain: Chain, kind: str) -> list[Step]:
    """The conventions that the result depends on, and what the other ones would give."""
    if chain.of is chain.wrt or (chain.of.has_one_entry and chain.wrt.has_one_entry):
        return []  # a number is a number in every layout
    why = _of_gradient(chain) if kind == "gradient" else _of_jacobian(chain)
    if why is None:
        return []
    step = Step(
        f"layout.{chain.of.name}.{chain.wrt.name}",
        "note",
        "layout",
        Text("Layout"),
        why=why,
    )
    return [step]


def _first(chain: Chain, what: str) -> bool:
    """Whether this is said for the first time in the solution."""
    if what in chain.ws.said:
        return False
    chain.ws.said.add(what)
    return True


def _of_gradient(chain: Chain) -> Text | None:
    """Why it has the shape of its variable, and that a Jacobian would be a row or a column."""
    line = chain.wrt
    flat = sum(d != 1 for d in line.symbol.shape) <= 1  # in one column or row already
    kind = "gradient of a vector" if flat else "gradient of an array"
    if not _first(chain, "gradient of a symmetric matrix" if symmetric(line) else kind):
        return None
    layout = chain.ws.problem.convention.layout
    size = size_words(size_text(jacobian_size(chain.of, line, layout)))
    other = size_words(size_text(jacobian_size(chain.of, line, OTHER[layout])))
    symbol = Partial(Name(chain.of.name), Name(line.name))
    args: dict[str, object] = {
        "g": symbol,
        "x": Name(line.name),
        "a": Name("alpha" if "alpha" not in chain.ws.graph.lines else "eta"),
        "s": size,
        "t": other,
    }
    fits = Text("The gradient has the size of {x}, so that an update {x} − {a}·{g} fits", args)
    if symmetric(line):
        words = "{fits}; a Jacobian has one column for each free entry of {x} instead."
        if layout == "denominator":
            words = "{fits}; a Jacobian has one row for each free entry of {x} instead."
        return Text(words, {"fits": fits, "x": Name(line.name)})
    if flat:
        words = "{fits}; as a Jacobian it is {s} (numerator layout) or {t} (denominator layout)."
        if layout == "denominator":
            words = (
                "{fits}; as a Jacobian it is {s} (denominator layout) or {t} (numerator layout)."
            )
        return Text(words, {"fits": fits, "s": size, "t": other})
    # tensors of order 3 and more go row by row in either convention
    vec = chain.ws.problem.convention.vec if line.symbol.order <= 2 else "row"
    column = Call("vec", (symbol,))
    jacobian = Transpose(column) if layout == "numerator" else column
    words = "{fits}; as a Jacobian it is {w}, {s} ({layout}, {vec}), or its transpose."
    stated = {"layout": LAYOUT[layout], "vec": VEC[vec]}
    return Text(words, {"fits": fits, "w": jacobian, "s": size, **stated})


def _of_jacobian(chain: Chain) -> Text | None:
    """Which way round it is, its transpose, and the other order of vec."""
    style = chain.ws.problem.convention
    other = _term(chain, OTHER[style.layout], style.vec)
    own = _term(chain, style.layout, style.vec)
    size = size_words(size_text(free_jacobian_size(chain.of, chain.wrt, OTHER[style.layout])))
    args: dict[str, object] = {"y": Name(chain.of.name), "x": Name(chain.wrt.name)}
    full = _first(chain, "jacobian")
    numerator = style.layout == "numerator"
    said: list[Text | None] = []
    if full:
        said.append(
            Text(
                "Numerator layout: rows belong to {y}, columns to {x}."
                if numerator
                else "Denominator layout: rows belong to {x}, columns to {y}.",
                args,
            )
        )
    if other is not None and other != own:
        said.append(
            Text(
                "In denominator layout it is the transpose, {t} ({s})."
                if numerator
                else "In numerator layout it is the transpose, {t} ({s}).",
                {"t": other, "s": size},
            )
        )
    elif full:
        said.append(
            Text(
                "In denominator layout it is the transpose ({s})."
                if numerator
                else "In numerator layout it is the transpose ({s}).",
                {"s": size},
            )
        )
    said.append(_of_vec(chain, own))
    return in_turn(*said) if any(said) else None


def _of_vec(chain: Chain, own: Expr | None) -> Text | None:
    """The other stacking, where this one shows in the formula."""
    vec = chain.ws.problem.convention.vec
    stacked = max(chain.of.leaf.node.order, chain.wrt.symbol.order) == 2
    unrolls = any(line.op is not None and line.op.name in UNROLLING for line in chain.path)
    if not stacked or own is None or unrolls:  # what vec does is part of the expression then
        return None
    other = _term(chain, chain.ws.problem.convention.layout, OTHER[vec])
    if other is None or other == own:
        return None
    return Text(
        "Here vec stacks columns; stacking rows gives {u}."
        if vec == "column"
        else "Here vec stacks rows; stacking columns gives {u}.",
        {"u": other},
    )


def _term(chain: Chain, layout: str, vec: str) -> Expr | None:
    """The Jacobian in another convention, where it is short enough for a sentence."""
    if symmetric(chain.wrt):
        return None
    node = chain.ws.whole(chain.closed())
    if tree_size(node) > 4 * LONGEST:
        return None
    try:
        term = jacobian_term(node, chain.lead, chain.ws.leaf_term, layout, vec)
    except NoMatrixForm:
        return None
    return term if len(text(term)) <= LONGEST else None
