"""What a result's shape owes to convention: said in full once per solution, briefly after that."""

from __future__ import annotations

from ..expr import Call, Expr, Name, Partial, Transpose
from ..notation.build import NoMatrixForm
from ..notation.jacobian import jacobian_term
from ..notation.names import size_words
from ..notation.text import text
from ..steps import Step, Text
from .chain import Chain, jacobian_size, size_text, tree_size
from .constrained import symmetric

LONGEST = 48  # characters of a formula inside a sentence
OTHER = {"numerator": "denominator", "denominator": "numerator", "column": "row", "row": "column"}
STACKED = {"column": "columns", "row": "rows"}


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
        "l": layout,
        "o": OTHER[layout],
        "s": size,
        "t": other,
    }
    start = "The gradient has the size of {x}, so that an update {x} − {a}·{g} fits; "
    if symmetric(line):
        return Text(start + "a Jacobian counts all entries of {x} as free instead.", args)
    message = start + "as a Jacobian "
    if flat:
        message += "it is {s} ({l} layout) or {t} ({o} layout)."
    else:
        # tensors of order 3 and more go row by row in either convention
        vec = chain.ws.problem.convention.vec if line.symbol.order <= 2 else "row"
        column = Call("vec", (symbol,))
        row = layout == "numerator"
        args |= {"v": STACKED[vec], "w": Transpose(column) if row else column}
        message += "it is {w}, {s} ({l} layout, vec by {v}), or its transpose."
    return Text(message, args)


def _of_jacobian(chain: Chain) -> Text | None:
    """Which way round it is, its transpose, and the other order of vec."""
    style = chain.ws.problem.convention
    other = _term(chain, OTHER[style.layout], style.vec)
    own = _term(chain, style.layout, style.vec)
    size = size_words(size_text(jacobian_size(chain.of, chain.wrt, OTHER[style.layout])))
    args: dict[str, object] = {
        "y": Name(chain.of.name),
        "x": Name(chain.wrt.name),
        "l": style.layout.capitalize(),
        "o": OTHER[style.layout],
        "s": size,
    }
    full = _first(chain, "jacobian")
    message = ""
    if full:
        message = "{l} layout: rows belong to {y}, columns to {x}. "
        if style.layout == "denominator":
            message = "{l} layout: rows belong to {x}, columns to {y}. "
    if other is not None and other != own:
        args["t"] = other
        message += "In {o} layout it is the transpose, {t} ({s})."
    elif full:
        message += "In {o} layout it is the transpose ({s})."
    vec = _of_vec(chain, own, args)
    message = message.strip() + (" " + vec if vec else "")
    return Text(message.strip(), args) if message.strip() else None


def _of_vec(chain: Chain, own: Expr | None, args: dict[str, object]) -> str:
    """The other stacking, where this one shows in the formula."""
    vec = chain.ws.problem.convention.vec
    stacked = max(chain.of.leaf.node.order, chain.wrt.symbol.order) == 2
    if not stacked or own is None:
        return ""
    other = _term(chain, chain.ws.problem.convention.layout, OTHER[vec])
    if other is None or other == own:
        return ""
    args |= {"v": STACKED[vec], "r": STACKED[OTHER[vec]], "u": other}
    return "Here vec stacks {v}; stacking {r} gives {u}."


def _term(chain: Chain, layout: str, vec: str) -> Expr | None:
    """The Jacobian in another convention, where it is short enough for a sentence."""
    node = chain.ws.whole(chain.closed())
    if tree_size(node) > 4 * LONGEST:
        return None
    try:
        term = jacobian_term(node, chain.lead, chain.ws.leaf_term, layout, vec)
    except NoMatrixForm:
        return None
    return term if len(text(term)) <= LONGEST else None
