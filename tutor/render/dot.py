"""A computational graph in Graphviz's DOT language.

The text is complete: any Graphviz draws it. `picture` draws it better, because a DOT label has one
size and one colour; so each node's `class` says what it is and what each line of its label is:
`class="operation symbol formula value gradient"`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from .. import limits
from ..errors import InputError
from ..expr import Binary, Expr, List, Name, Num, Partial, sign_before
from ..notation.sliding_axes import sign
from ..steps import Diagram, DiagramEdge, DiagramNode, Variable
from ..value import Value
from . import font
from .escape import terminal
from .wording import plain

Label = Callable[[Expr], str]

FORMULA = 44  # characters before a formula is abbreviated
EXACT = 30  # and before an exact value turns decimal, or a matrix is written row by row
DECIMAL = 36  # and before a decimal loses digits, and an array is not written out at all
NUMBERS = 16  # the largest array whose numbers are shown, when they fit

# kind -> Graphviz's attributes; told apart by shape and by the fill's lightness as well as its hue
KINDS = {
    "input": 'shape=box style="filled,rounded" fillcolor="#e4f0fb" color="#2f6690"',
    "parameter": 'shape=hexagon style=filled fillcolor="#fbd98b" color="#8a5a00"',
    "operation": 'shape=box style=filled fillcolor="#ffffff" color="#444444"',
    "output": 'shape=box style=filled fillcolor="#cfb8e3" color="#5b3a82" peripheries=2',
}

# role of a line -> (size, bold, height); drawing adds the colour
LINES = {
    "symbol": (24.0, True, 31.0),
    "mark": (42.0, True, 31.0),  # a symbol whose glyph is small
    "word": (17.0, True, 23.0),  # one of several letters
    "name": (18.0, True, 23.0),
    "formula": (13.5, False, 17.5),
    "size": (12.0, False, 15.5),
    "value": (12.5, False, 16.0),
    "gradient": (12.5, False, 16.0),
}
MARKS = "⋆∗"
BACKWARD = "#9c1414"  # gradients, and the edges along which they flow

SYMBOLS = {
    "+": "+", "add": "+", "-": "−", "sub": "−", "neg": "−", "/": "÷", "div": "÷",
    "@": "•", "matmul": "•", "dot": "•", "outer": "⊗", "kron": "⊗", "hadamard": "⊙",
    "T": "( )ᵀ", "transpose": "( )ᵀ", "list": "[ ]", "index": "[ ]",
    "square": "( )²", "sqrt": "√", "reciprocal": "1/( )", "abs": "|·|", "sum": "Σ", "prod": "Π",
    "sigmoid": "σ", "norm1": "‖·‖₁", "norm2": "‖·‖₂", "norm_inf": "‖·‖∞", "frobenius": "‖·‖F",
    "inv": "( )⁻¹", "max_pool": "max", "max_pool1d": "max", "max_pool2d": "max",
    "max_pool3d": "max", "maxpool1d": "max", "maxpool2d": "max", "maximum": "max",
    "minimum": "min", "avg_pool1d": "mean", "avg_pool2d": "mean", "avg_pool3d": "mean",
    "<=": "≤", ">=": "≥", "!=": "≠", "==": "=",
}  # fmt: skip


def to_dot(
    diagram: Diagram,
    *,
    values: bool = False,
    gradients: bool = False,
    backward: bool = False,
    jacobians: bool = False,
    title: str | None = None,
    names: Mapping[str, Variable],
    label: Label | None = None,
) -> str:
    """The diagram as a DOT graph, laid out from left to right.

    `jacobians` names each edge by its derivative and the size of that; `backward` turns the edges
    round along which a gradient flows, and says which and of what size.

    `values` adds each node's forward value, `gradients` its gradient beneath; `label` writes a term
    as plain text (by default `notation.unicode.unicode_text` with `names`).
    """
    if len(diagram.nodes) > limits.PICTURE_NODES:
        raise InputError(
            f"the graph has {len(diagram.nodes)} nodes, more than a picture of "
            f"{limits.PICTURE_NODES} can show",
            hint="draw a part of the problem, with fewer definitions",
        )
    write = label or _notation(names)
    ids = {node.id: f"n{i}" for i, node in enumerate(diagram.nodes)}
    uses = Counter(edge.source for edge in diagram.edges)
    head = [
        "digraph {",
        '  graph [rankdir=LR nodesep=0.28 ranksep=0.45 charset="utf-8"]',
        *_heading(title, diagram if gradients or backward else None, write),
        *(["  graph [jacobians=true]"] if jacobians else []),  # the legend needs this one
        f'  node [fontname="{font.FAMILY}" fontsize=12 fixedsize=true]',
        f'  edge [fontname="{font.FAMILY}" fontsize=12 fontcolor="#444444" color="#555555"'
        " arrowsize=0.7]",
    ]
    lines = [
        f"  {ids[node.id]} [{_node(node, diagram, values, gradients, not uses[node.id], write)}]"
        for node in diagram.nodes
    ]
    for edge in diagram.edges:
        marks = []
        if backward and edge.gradient_dims is not None:
            said = quote(f"  {flowing(diagram, edge, write)}  ")
            marks.append(f'class=backward dir=back color="{BACKWARD}" fontcolor="{BACKWARD}"')
            lines.append(f"  {ids[edge.source]}:e -> {ids[edge.target]} [label={said} {marks[0]}]")
            continue
        if jacobians:
            said = quote(f"  {derivative(diagram, edge, write)}  ")
            marks.append(f"label={said}")
        elif not _is_scalar(edge.dims):
            # Blanks keep the label off its neighbours where Graphviz guesses its width.
            marks.append(f"label={quote('  ' + shorten(edge.dims, 24) + '  ')}")
        if uses[edge.source] > 1 and not backward:
            marks.append("dir=both arrowtail=dot")
        ends = f"{ids[edge.source]}:e -> {ids[edge.target]}"
        lines.append(f"  {ends} [{' '.join(marks)}]" if marks else f"  {ends}")
    return "\n".join([*head, *lines, "}"]) + "\n"


def flowing(diagram: Diagram, edge: DiagramEdge, write: Label) -> str:
    """The gradient that flows back along an edge, with its size; along several, its parts."""
    assert diagram.gradient_of is not None
    node = next(n for n in diagram.nodes if n.id == edge.source)
    partial = write(Partial(Name(diagram.gradient_of), Name(node.name)))
    said = f"{shorten(partial, 40)}: {shorten(edge.gradient_dims or '', 24)}"
    flows = [e for e in diagram.edges if e.source == edge.source and e.gradient_dims is not None]
    return plain("part of {gradient}", gradient=said) if len(flows) > 1 else said


def derivative(diagram: Diagram, edge: DiagramEdge, write: Label) -> str:
    """The derivative along an edge, with the size of its Jacobian."""
    named = {node.id: Name(node.name) for node in diagram.nodes}
    partial = write(Partial(named[edge.target], named[edge.source]))
    return f"{shorten(partial, 40)}: {shorten(edge.jacobian_dims, 24)}"


def _notation(names: Mapping[str, Variable]) -> Label:
    from ..notation.unicode import unicode_text

    return lambda e: unicode_text(e, names)


def _heading(title: str | None, diagram: Diagram | None, write: Label) -> Iterable[str]:
    if diagram is not None and diagram.gradient_of is not None:
        # Graphviz passes on an attribute that it does not know; the legend needs this one.
        of = shorten(write(Name(diagram.gradient_of)), 24)
        yield f"  graph [gradient={quote(plain('gradient {g}', g=f'∂{of}/∂·'))}]"
    if title:
        heading = quote(shorten(title, 90))
        yield f'  graph [labelloc=t fontname="{font.FAMILY}" fontsize=16 label={heading}]'


# --- one node ----------------------------------------------------------------------------------


def _node(
    node: DiagramNode, diagram: Diagram, values: bool, gradients: bool, last: bool, write: Label
) -> str:
    lines = list(node_lines(node, diagram, values, gradients, last, write))
    width, height = _extent(node.kind, lines)
    # An id never leaks into the picture: the label is always written out.
    text = quote(*(line for _, line in lines))
    roles = " ".join([node.kind, *(role for role, _ in lines)])
    size = f"width={width / 72:.3f} height={height / 72:.3f}"
    return f'label={text} class="{roles}" {size} {KINDS[node.kind]}'


def node_lines(
    node: DiagramNode, diagram: Diagram, values: bool, gradients: bool, last: bool, write: Label
) -> Iterable[tuple[str, str]]:
    """What the node says, line by line, each with its role."""
    name = shorten(write(Name(node.name)), 24)
    if node.op is None and node.label is None:
        yield "name", name
    else:
        symbol = shorten(_symbol(node), 20)
        yield "mark" if symbol in MARKS else "word" if len(symbol) > 4 else "symbol", symbol
        formula = "" if node.label is None else write(node.label)
        same = not formula or node.label == Name(node.name)
        yield "formula", name if same else shorten(f"{name} = {formula}", FORMULA)
    if last and not _is_scalar(node.dims):
        yield "size", shorten(node.dims, 24)  # no edge leaves it that could say so
    if values and node.value is not None:
        for line in _rows("", node.value, write):
            yield "value", line
    if gradients and node.gradient is not None and diagram.gradient_of is not None:
        partial = write(Partial(Name(diagram.gradient_of), Name(node.name)))
        for line in _rows(shorten(partial, 40), node.gradient, write):
            yield "gradient", line


def _symbol(node: DiagramNode) -> str:
    op = node.op or ""
    if op in ("*", "mul"):
        return "×" if _is_scalar(node.dims) else "⊙"
    if op in ("**", "pow"):
        power = node.label
        if isinstance(power, Binary) and power.op == "**" and power.right in (Num("2"), Num("3")):
            return "( )²" if power.right == Num("2") else "( )³"
        return "( )ⁿ"
    if op in ("conv", "conv1d", "conv2d", "conv3d"):
        return sign()
    return SYMBOLS.get(op, op.replace("_", " "))


def _is_scalar(dims: str) -> bool:
    return dims in ("", "1×1", "scalar", "1")


def _rows(subject: str, value: Value, write: Label) -> list[str]:
    """The numbers of a value, exact where short; of a big array only how many there are."""
    shape = value.shape
    if value.data.ndim <= 2 and value.data.size <= NUMBERS:
        forms = [(value.decimal(4), DECIMAL), (value.decimal(3), DECIMAL)]
        if value.exact:
            forms.insert(0, (value.expr(), EXACT))
        for term, limit in forms:
            rows = _fitting(term, limit, write)
            if rows is not None:
                prefix = f"{subject} {sign_before(term)}".strip()
                if len(rows) == 1:
                    return [clean(f"{prefix} {rows[0]}")]
                head = [prefix] if subject else []
                return [clean(line) for line in [*head, *rows]]
    sides = shape if len(shape) > 1 else (*shape, 1)
    size = "×".join(map(str, sides))
    return [f"{subject} = {plain('({size} numbers)', size=size)}".strip()]


def _fitting(term: Expr, limit: int, write: Label) -> list[str] | None:
    """The term in one line, or a matrix row by row; None when that is too wide."""
    whole = write(term)
    if len(whole) <= limit:
        return [whole]
    if not (isinstance(term, List) and all(isinstance(row, List) for row in term.items)):
        return None
    rows = [write(row) for row in term.items]
    if len(rows) < 2 or max(map(len, rows)) > limit:
        return None
    return ["[" + rows[0] + ",", *(row + "," for row in rows[1:-1]), rows[-1] + "]"]


def _extent(kind: str, lines: list[tuple[str, str]]) -> tuple[float, float]:
    """How large the box of these lines is."""
    width, height = 0.0, 0.0
    for role, line in lines:
        size, heavy, tall = LINES[role]
        width = max(width, (font.bold() if heavy else font.regular()).width(line, size))
        height += tall
    margin = {"parameter": 24.0, "output": 14.0}.get(kind, 12.0)
    return max(width + 2 * margin, 52.0), height + 16


# --- text that is safe to show, and safe inside DOT --------------------------------------------


def clean(text: str) -> str:
    """One line, with every invisible or direction-changing character spelled out."""
    shown = terminal(unicodedata.normalize("NFC", text))
    # Unassigned and private characters have no picture, and some are not allowed in XML.
    return "".join(
        c.encode("ascii", "backslashreplace").decode()
        if unicodedata.category(c) in ("Cn", "Co")
        else c
        for c in shown
    )


def shorten(text: str, limit: int) -> str:
    """Safe to show, and at most `limit` characters, the last an ellipsis when something is cut."""
    # The cut comes first, so that an enormous text costs nothing.
    text = clean(text[: 4 * limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quote(*lines: str) -> str:
    r"""Lines of text as one DOT string: `\N`, quotes and entities stand for themselves."""
    escaped = (
        line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", " ")
        for line in lines
    )
    return '"' + "\\n".join(escaped) + '"'
